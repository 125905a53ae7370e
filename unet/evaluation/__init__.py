"""Scores against ground-truth masks, the calibrated threshold, simulated clicks, and the `evaluate` command.

May import `unet.prediction` and what lies below it.
"""
