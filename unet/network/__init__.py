"""The U-Net: its contracting paths, the click layer, BatchNorm folding, and the weights folder.

May import `unet.pictures` and `unet.hub`; no Gradio, nothing of training.
"""
