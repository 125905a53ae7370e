"""The model card's section on the ONNX file."""

from unet.hub.file_names import ONNX_FILE
from unet.network.onnx_export import onnx_size
from unet.training.card_facts import CardFacts


def onnx_section(facts: CardFacts, source: str, published: bool) -> str:
    """What the file takes and gives, and how rembg uses one that tells foreground.

    `source` is the Hub repo, `user/name`, if the weights are `published`, else their folder.
    """
    height, width = onnx_size(facts.config)
    classes = facts.config.classes
    gives = "is the probability of foreground" if classes is None else "are the probabilities of the classes"
    told = "`mean`, `std`, `size` and `threshold`" if classes is None else "`mean`, `std`, `size`, `classes` and `ids`"
    section = (
        "## ONNX\n\n"
        f"`{ONNX_FILE}` is the network for programs without torch. Its input `image` (B, 3, {height}, {width}) "
        "is pictures in 0..1, less `mean` and divided by `std` of each channel; its output `prob` "
        f"(B, {len(classes or [None])}, {height}, {width}) {gives}. {told} stand as JSON in its metadata."
    )
    if classes is not None:
        return section
    # Newer versions of rembg load models from their own folders only.
    fetch = f"hf download {source} {ONNX_FILE} --local-dir ~/.u2net"
    copy = f"mkdir -p ~/.u2net && cp {source}/{ONNX_FILE} ~/.u2net/"
    return (
        f"{section} It takes no clicks and has no closer look.\n\n"
        '[rembg](https://github.com/danielgatis/rembg) (`pip install "rembg[cpu,cli]"`) uses it as it is:\n\n'
        f"```bash\n{fetch if published else copy}\n"
        f"""rembg i -m u2net_custom -x '{{"model_path": "~/.u2net/{ONNX_FILE}"}}' photo.jpg cutout.png\n```"""
    )
