"""Invented scores, as a model card shows them."""

SCORES = {
    "val": {"pictures": 17, "iou": 0.61234, "dice": 0.71, "mae": 0.12, "pixel_accuracy": 0.88, "boundary_f": None},
    "test": {"pictures": 23, "iou": 0.64321, "dice": 0.73, "mae": 0.13, "pixel_accuracy": 0.87, "boundary_f": None},
    "extra_test": {"pictures": 81, "iou": 0.85678, "dice": 0.9, "mae": 0.05, "pixel_accuracy": 0.95, "boundary_f": 0.7},
}
