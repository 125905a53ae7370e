"""U-Net foreground segmentation: the public API.

    from unet import Predictor, mask_from_prob, read_picture, save_png

    predictor = Predictor.load("weights")  # a folder, USER/NAME or USER/NAME@REVISION of the Hub
    prob8 = predictor.prob8(read_picture("photo.jpg").rgb)  # (H, W) uint8, 255 times the probability of foreground
    save_png(mask_from_prob(prob8, predictor.threshold), "mask.png")

Names are imported on first use, so that code which only reads or draws pictures does not load torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unet.network.unet import UNet
    from unet.pictures.decode import read_picture
    from unet.pictures.draw import mask_from_prob
    from unet.pictures.encode import save_png
    from unet.prediction.predictor import Predictor

__version__ = "1.0.0"
__all__ = ["Predictor", "UNet", "__version__", "mask_from_prob", "read_picture", "save_png"]

_MODULES = {
    "UNet": "unet.network.unet",
    "Predictor": "unet.prediction.predictor",
    "mask_from_prob": "unet.pictures.draw",
    "read_picture": "unet.pictures.decode",
    "save_png": "unet.pictures.encode",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'unet' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
