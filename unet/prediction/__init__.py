"""From a picture to its probability map, and the `predict` command.

May import `unet.network`, `unet.data`, `unet.hub` and `unet.pictures`.
"""
