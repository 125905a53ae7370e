"""Deprecated name of `unet.pictures.decode`, which published model cards import."""

import warnings

from unet.pictures.decode import MAX_BYTES, MAX_PIXELS, Picture, read_header, read_picture

__all__ = ["MAX_BYTES", "MAX_PIXELS", "Picture", "read_header", "read_picture"]

warnings.warn("unet.images is deprecated: use `from unet import read_picture`", DeprecationWarning, stacklevel=2)
