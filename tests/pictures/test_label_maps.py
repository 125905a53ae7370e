import io

import numpy as np
import pytest
from PIL import Image

from unet.pictures.classes import ClassTable, SegmentClass
from unet.pictures.draw import overlay
from unet.pictures.label_maps import label_map_png, tint_classes


def table(*ids, background=False):
    names = ["background" if background and not place else f"c{place}" for place in range(len(ids))]
    return ClassTable(tuple(SegmentClass(id, name) for id, name in zip(ids, names, strict=True)))


LABELS = np.random.default_rng(0).integers(0, 3, (13, 17)).astype(np.uint8)
RGB = np.random.default_rng(1).integers(0, 256, (13, 17, 3)).astype(np.uint8)


def test_pixels_are_the_ids_of_the_data_in_the_classes_colours():
    classes = table(5, 0, 255)
    image = Image.open(io.BytesIO(label_map_png(LABELS, classes)))
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), np.array([5, 0, 255])[LABELS])
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), classes.colours[LABELS])


def test_ids_above_255_make_a_16_bit_grey_picture():
    image = Image.open(io.BytesIO(label_map_png(LABELS, table(5, 256, 65535))))
    assert image.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(image), np.array([5, 256, 65535])[LABELS])


@pytest.mark.parametrize("opacity", [0, 0.3, 0.5, 1])
@pytest.mark.parametrize("background", [False, True])
def test_a_tint_is_the_overlay_of_each_class(opacity, background):
    classes = table(5, 0, 255, background=background)
    expected = RGB
    for label in range(int(background), 3):
        mask = np.where(label == LABELS, 255, 0).astype(np.uint8)
        expected = overlay(expected, mask, tuple(classes.colours[label].tolist()), opacity)
    np.testing.assert_array_equal(tint_classes(RGB, LABELS, classes, opacity), expected)


@pytest.mark.parametrize("shown", [[], [1], [0, 2]])
def test_labels_that_are_not_shown_are_left_as_they_are(shown):
    classes = table(5, 0, 255, background=True)
    expected = RGB
    for label in shown:
        mask = np.where(label == LABELS, 255, 0).astype(np.uint8)
        expected = overlay(expected, mask, tuple(classes.colours[label].tolist()))
    np.testing.assert_array_equal(tint_classes(RGB, LABELS, classes, shown=shown), expected)


def test_a_tint_of_a_large_picture_is_that_of_its_parts():
    rng = np.random.default_rng(2)
    labels, rgb = rng.integers(0, 3, (700, 300)).astype(np.uint8), rng.integers(0, 256, (700, 300, 3)).astype(np.uint8)
    classes = table(5, 0, 255)
    rows = [tint_classes(rgb[[row]], labels[[row]], classes) for row in range(700)]
    np.testing.assert_array_equal(tint_classes(rgb, labels, classes), np.concatenate(rows))
