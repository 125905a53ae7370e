"""The Hugging Face Hub: finding and downloading weights, publishing weights and the Space.

Of the project, may import `unet.errors` only: it handles files and knows no networks.
"""
