"""The U-Net: its contracting paths, the click layer, BatchNorm folding, the weights folder, ONNX.

May import `unet.pictures` and `unet.hub`; no Gradio, nothing of training.
"""

ONNX_SIZE = 320  # height and width, in pixels, of an ONNX file's pictures: what rembg's u2net sessions feed
