"""Everything that train.py uses, from the options of a run to the released weights folder and its card.

May import every room except `unet.web`.
"""
