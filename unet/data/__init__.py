"""Folders and Hub datasets of photographs with masks: finding pairs, reading masks, splitting, streaming.

May import `unet.pictures`; no torch.
"""
