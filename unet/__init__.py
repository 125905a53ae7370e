"""U-Net foreground segmentation: `from unet import UNet, Predictor`.

Both names are imported on first use, so that code which only reads or draws pictures does not load torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unet.model import UNet
    from unet.predictor import Predictor

__version__ = "1.0.0"
__all__ = ["Predictor", "UNet", "__version__"]

_HOMES = {"UNet": "unet.model", "Predictor": "unet.predictor"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'unet' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
