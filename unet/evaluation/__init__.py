"""Scores against true masks, the calibrated threshold, simulated clicks, and `unet evaluate`.

May import `unet.prediction` and the rooms below it.
"""
