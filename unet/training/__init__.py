"""Everything train.py needs, from the options of a run to the released weights folder and its card.

May import every room but `unet.web`.
"""
