"""From a picture to its probability map, and from picture files to result files (`unet predict`).

May import `unet.network`, `unet.data`, `unet.hub` and `unet.pictures`.
"""

LABELS = "labels"  # the kind of result that is a label map
PRECISIONS = ("auto", "fp32", "mixed", "bf16")  # of the network's arithmetic
