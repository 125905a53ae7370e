"""Picture files of every kind that is accepted, with their true pixels, and of kinds that are refused."""

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
import pillow_heif
from generated import draw_pair
from PIL import Image, ImageCms

RGB = draw_pair(0, 40, 56)[0]  # (40, 56, 3) uint8
GREY = RGB[..., 1]
ALPHA = np.tile(np.linspace(0, 255, 56).astype(np.uint8), (40, 1))  # (40, 56)
SMOOTH = np.stack(np.broadcast_arrays(*np.ogrid[60:216:40j, 20:241:56j], 128), axis=-1).astype(np.uint8)
EXACT, LOSSY = 0, 12  # largest difference of a pixel's channel, in grey levels


@dataclass(frozen=True)
class Good:
    """A file that is accepted: its bytes, true upright pixels, how near they must be met, and its alpha."""

    content: bytes
    rgb: np.ndarray
    tolerance: float = EXACT
    alpha: np.ndarray | None = None


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of `image` as a file of `kind`."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def three(grey: np.ndarray) -> np.ndarray:
    """(H, W) -> (H, W, 3)."""
    return np.repeat(np.asarray(grey)[..., None], 3, axis=2)


def on_white(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """`rgb` (H, W, 3) composited on white, float."""
    share = alpha[..., None] / 255
    return rgb * share + 255 * (1 - share)


def oriented(orientation: int, kind: str = "PNG") -> Good:
    """A lossless picture with an EXIF orientation, and what it shows upright, by the standard's own words."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    # EXIF 2.32, tag 274: which side of the scene the stored rows start from, and which the columns.
    upright = {
        1: RGB,
        2: RGB[:, ::-1],
        3: RGB[::-1, ::-1],
        4: RGB[::-1],
        5: RGB.transpose(1, 0, 2),
        6: RGB[::-1].transpose(1, 0, 2),
        7: RGB[::-1, ::-1].transpose(1, 0, 2),
        8: RGB.transpose(1, 0, 2)[::-1],
    }[orientation]
    return Good(encoded(Image.fromarray(RGB), kind, exif=exif), upright)


def wide_gamut() -> Good:
    """Stored with the linear-light profile of sRGB's primaries: reading it as sRGB would be far too dark."""
    linear = np.where(RGB / 255 <= 0.04045, RGB / 255 / 12.92, ((RGB / 255 + 0.055) / 1.055) ** 2.4)
    stored = np.rint(linear * 255).astype(np.uint8)
    profile = linear_profile()
    truth = stored / 255
    truth = np.where(truth <= 0.0031308, truth * 12.92, 1.055 * truth ** (1 / 2.4) - 0.055) * 255
    return Good(encoded(Image.fromarray(stored), "PNG", icc_profile=profile), truth, 3)


def linear_profile() -> bytes:
    """Pillow's sRGB profile with its tone curves replaced by straight lines."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", profile[128:132])[0]
    line = b"curv" + bytes(4) + struct.pack(">I", 0) + bytes(0)
    for index in range(count):
        entry = 132 + 12 * index
        if profile[entry : entry + 4] in (b"rTRC", b"gTRC", b"bTRC"):
            offset = struct.unpack(">I", profile[entry + 4 : entry + 8])[0]
            profile[offset : offset + len(line)] = line
            profile[entry + 8 : entry + 12] = struct.pack(">I", len(line))
    return bytes(profile)


def palette() -> Good:
    image = Image.fromarray(RGB).quantize(8)
    alpha = np.where(np.asarray(image) == 3, 0, 255).astype(np.uint8)
    colours = on_white(np.asarray(image.convert("RGB")), alpha)
    return Good(encoded(image, "PNG", transparency=3), colours, EXACT, alpha)


def frames(kind: str, tolerance: float, **options: object) -> Good:
    images = [Image.fromarray(draw_pair(seed, 40, 56)[0]) for seed in (0, 1)]
    return Good(encoded(images[0], kind, save_all=True, append_images=images[1:], **options), RGB, tolerance)


def heic() -> Good:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(SMOOTH)).save(buffer, quality=95)
    return Good(buffer.getvalue(), SMOOTH, LOSSY)


def ycck() -> Good:
    """A JPEG of four channels of which three are YCbCr, as Adobe's programs write it; Pillow itself writes none."""
    inks = np.asarray(Image.fromarray(SMOOTH).convert("CMYK"))  # (H, W, 4)
    luma = np.asarray(Image.fromarray(np.ascontiguousarray(inks[..., :3])).convert("YCbCr"))
    # Pillow inverts what it writes, and what it reads back.
    planes = [*np.moveaxis(255 - luma, 2, 0), inks[..., 3]]
    stored = Image.merge("CMYK", [Image.fromarray(np.ascontiguousarray(plane)) for plane in planes])
    content = bytearray(encoded(stored, "JPEG", quality=95, subsampling=0))
    content[content.index(b"Adobe") + 11] = 2  # the marker's colour transform: YCCK
    return Good(bytes(content), SMOOTH, LOSSY)


def good_files() -> dict[str, Good]:
    """Every kind that is accepted, by file name."""
    rgba = Image.fromarray(np.dstack([RGB, ALPHA]))
    la = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(ALPHA)])
    deep = np.linspace(0, 65535, 40 * 56).reshape(40, 56)
    cmyk = Image.fromarray(SMOOTH).convert("CMYK")
    bits = Image.fromarray(RGB).convert("1")
    floats = Image.fromarray((GREY / 255).astype(np.float32))
    return {
        **{f"orientation{n}.png": oriented(n) for n in range(1, 9)},
        **{f"orientation{n}.tif": oriented(n, "TIFF") for n in range(1, 9)},
        "plain.jpg": Good(encoded(Image.fromarray(SMOOTH), "JPEG", quality=95), SMOOTH, LOSSY),
        "cmyk.jpg": Good(encoded(cmyk, "JPEG", quality=95), SMOOTH, LOSSY),
        "ycck.jpg": ycck(),
        "profile.png": wide_gamut(),
        "damaged-profile.png": Good(encoded(Image.fromarray(RGB), "PNG", icc_profile=b"no profile"), RGB),
        "deep.png": Good(encoded(Image.fromarray(deep.astype(np.uint16)), "PNG"), three(deep / 257), 1),
        "deep32.tif": Good(encoded(Image.fromarray(deep.astype(np.int32)), "TIFF"), three(deep / 257), 1),
        "float.tif": Good(encoded(floats, "TIFF"), three(GREY), 1),
        "alpha.png": Good(encoded(rgba, "PNG"), on_white(RGB, ALPHA), 1, ALPHA),
        "grey-alpha.png": Good(encoded(la, "PNG"), on_white(three(GREY), ALPHA), 1, ALPHA),
        "palette.png": palette(),
        "bits.png": Good(encoded(bits, "PNG"), three(np.where(np.asarray(bits), 255, 0))),
        "grey.png": Good(encoded(Image.fromarray(GREY), "PNG"), three(GREY)),
        "animated.gif": frames("GIF", 80),
        "animated.webp": frames("WEBP", EXACT, lossless=True),
        "pages.tif": frames("TIFF", EXACT),
        "modern.avif": Good(encoded(Image.fromarray(SMOOTH), "AVIF", quality=95), SMOOTH, LOSSY),
        "phone.heic": heic(),
        "dot.bmp": Good(encoded(Image.new("RGB", (1, 1), (9, 8, 7)), "BMP"), np.full((1, 1, 3), (9, 8, 7))),
        "line.png": Good(
            encoded(Image.new("RGB", (1, 5000), (90, 60, 30)), "PNG"), np.full((5000, 1, 3), (90, 60, 30))
        ),
        "strip.png": Good(encoded(Image.new("L", (20000, 10), 77), "PNG"), np.full((10, 20000, 3), 77)),
        "wrong-name.jpg": Good(encoded(Image.fromarray(RGB), "PNG"), RGB),
    }


def huge_header() -> bytes:
    """A PNG that says it has 400 megapixels, in a hundred bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def large_tile(side: int = 20_000) -> bytes:
    """A TIFF of 16 x 16 pixels in one tile of `side` x `side`, which compresses to little."""
    packed = zlib.compressobj(9)
    data = b"".join(packed.compress(bytes(side)) for _ in range(side)) + packed.flush()
    tags = [(256, 3, 16), (257, 3, 16), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1)]
    tags += [(322, 4, side), (323, 4, side), (324, 4, 8 + 2 + 12 * 10 + 4), (325, 4, len(data))]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + data


def odd_tile_tag(kind: int, value: bytes) -> bytes:
    """A TIFF of 4 x 4 pixels in one strip, with a TileWidth that is no number of pixels, in 8 bytes."""
    tags = [(256, 3, 1, 4), (257, 3, 1, 4), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    start = 8 + 2 + 12 * 9 + 4
    tags += [(273, 4, 1, start + 8), (277, 3, 1, 1), (279, 4, 1, 16), (322, kind, 8 if kind == 2 else 1, start)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + value + bytes(range(16))


def bad_files() -> dict[str, tuple[bytes, str]]:
    """Every kind that is refused, by file name: its bytes and words of the refusal."""
    large = Image.fromarray(draw_pair(0, 300, 300)[0])
    jpeg, png, webp = (encoded(large, kind) for kind in ("JPEG", "PNG", "WEBP"))
    svg = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    film = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(100)
    return {
        "empty.jpg": (b"", "empty"),
        "text.jpg": (b"this is no picture\n" * 20, "not a picture"),
        "drawing.svg": (svg, "SVG"),
        "paper.pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "PDF"),
        "film.mp4": (film, "video"),
        "half.jpg": (jpeg[: len(jpeg) // 2], "cut off"),
        "half.png": (png[: len(png) // 2], "cut off"),
        "half.webp": (webp[: len(webp) // 2], "cut off"),
        "huge.png": (huge_header(), "100 megapixels"),
        "header-only.gif": (b"GIF89a", "cut off"),
        "tile.tif": (large_tile(), "100 megapixels"),
        "letters.tif": (odd_tile_tag(2, b"letters\0"), "the size of its tiles"),
        "ratio.tif": (odd_tile_tag(5, struct.pack("<II", 1, 0)), "the size of its tiles"),
        "icon.ico": (encoded(large, "ICO"), "not a picture"),
    }
