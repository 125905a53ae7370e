"""Deprecated: `unet.drawing` is now `unet.pictures.draw`; `from unet import mask_from_prob, save_png` works as well."""

import warnings

from unet.pictures.draw import cutout, encode_png, mask_from_prob, overlay, save_png

__all__ = ["cutout", "encode_png", "mask_from_prob", "overlay", "save_png"]

warnings.warn(
    "unet.drawing is deprecated: use `from unet import mask_from_prob, save_png`", DeprecationWarning, stacklevel=2
)
