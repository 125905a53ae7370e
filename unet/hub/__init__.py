"""The Hugging Face Hub: finding and fetching weights, publishing weights and the Space.

May import `unet.errors` alone of the project: it knows files, not networks.
"""
