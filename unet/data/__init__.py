"""Folders and Hub datasets of photographs with masks: finding pairs, reading masks, splitting, streaming.

May import `unet.pictures` and the modules below it; no torch.
"""
