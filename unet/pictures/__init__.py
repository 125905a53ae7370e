"""Picture files and pixels: decoding, clicks, and the results drawn from a probability map.

May import numpy, Pillow, `unet.errors` and `unet.json_values`; no torch, no Gradio.
"""
