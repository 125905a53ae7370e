"""Deprecated name of `unet.pictures.draw`, which published model cards import."""

import warnings

from unet.pictures.draw import cutout, mask_from_prob, overlay
from unet.pictures.encode import encode_png, save_png

__all__ = ["cutout", "encode_png", "mask_from_prob", "overlay", "save_png"]

warnings.warn(
    "unet.drawing is deprecated: use `from unet import mask_from_prob, save_png`", DeprecationWarning, stacklevel=2
)
