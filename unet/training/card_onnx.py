"""The model card's section on the ONNX file."""

from unet.hub.file_names import ONNX_FILE
from unet.network import ONNX_SIZE


def onnx_section(source: str, published: bool) -> str:
    """What the file takes and gives, and how rembg uses it.

    `source` is the Hub repo, `user/name`, if the weights are `published`, else their folder.
    """
    # Newer versions of rembg load models from their own folders only.
    fetch = f"hf download {source} {ONNX_FILE} --local-dir ~/.u2net"
    copy = f"mkdir -p ~/.u2net && cp {source}/{ONNX_FILE} ~/.u2net/"
    return (
        "## ONNX\n\n"
        f"`{ONNX_FILE}` is the network for programs without torch. Its input `image` (B, 3, {ONNX_SIZE}, {ONNX_SIZE}) "
        "is pictures in 0..1, less `mean` and divided by `std` of each channel; its output `prob` "
        f"(B, 1, {ONNX_SIZE}, {ONNX_SIZE}) is the probability of foreground. `mean`, `std`, `size` and `threshold` "
        "stand as JSON in its metadata. It takes no clicks and has no closer look.\n\n"
        '[rembg](https://github.com/danielgatis/rembg) (`pip install "rembg[cpu,cli]"`) uses it as it is:\n\n'
        f"```bash\n{fetch if published else copy}\n"
        f"""rembg i -m u2net_custom -x '{{"model_path": "~/.u2net/{ONNX_FILE}"}}' photo.jpg cutout.png\n```"""
    )
