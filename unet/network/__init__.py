"""The U-Net: its contracting paths, the click layer, BatchNorm folding, and the file format of its weights.

May import `unet.pictures` and `unet.hub`; no Gradio, no training code.
"""
