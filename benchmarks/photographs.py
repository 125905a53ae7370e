"""The photographs that speed is measured on: an example at many sizes."""

import io

import common
from PIL import Image

MEGAPIXELS = (0.3, 2, 12, 48)
# Pictures by what the network needs for them: an example, and the share of the sides that it takes.
KINDS = {"one look": ("coffee", 1.0), "mirrored too": ("astronaut", 1.0), "from close by too": ("astronaut", 0.4)}


def photograph(megapixels: float, share: float = 1.0, name: str = "astronaut") -> bytes:
    """A JPEG of so many megapixels, 4 : 3, in which an example takes this `share` of the sides, before grey."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    size = (height * 4 // 3, height)
    inner = (round(size[0] * share), round(size[1] * share))
    scene, buffer = Image.new("RGB", size, (128, 128, 128)), io.BytesIO()
    with Image.open(common.ROOT / "examples" / f"{name}.jpg") as image:
        resized = image.convert("RGB").resize(inner, Image.Resampling.BICUBIC)
    scene.paste(resized, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    scene.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()
