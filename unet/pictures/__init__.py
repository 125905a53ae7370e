"""Picture files and pixels: decoding, clicks, and what is drawn from a probability map.

numpy and Pillow only: no torch, no Gradio, and of the project nothing but `unet.errors` and `unet.values`.
"""
