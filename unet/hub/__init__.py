"""The Hugging Face Hub: names of weights files, loading of weights, publishing of weights and the Space.

Of the project it imports only `unet.errors`: it handles files, not networks.
"""
