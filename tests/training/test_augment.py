"""Augmentation: what a crop keeps, and that labels go where their pixels go."""

import numpy as np
import pytest
from PIL import Image

from unet.data.masks import UNKNOWN
from unet.training.augment import augment, jitter_colours, random_crop
from unet.training.batches import make_batch

SIZE = (60, 80)


def white_square():
    """A white square with an unknown band around it, off the centre of a black picture."""
    target = np.zeros((90, 120), dtype=np.uint8)
    target[28:67, 18:72] = UNKNOWN
    target[30:65, 20:70] = 1
    rgb = np.repeat(np.where(target == 0, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    return rgb, target


@pytest.mark.parametrize("min_crop", [0.1, 0.5, 0.9, 1.0])
def test_a_crop_keeps_its_share_and_stays_inside(min_crop):
    boxes = [random_crop(np.random.default_rng(seed), 400, 300, min_crop) for seed in range(300)]
    areas = [(right - left) * (bottom - top) / (400 * 300) for left, top, right, bottom in boxes]
    assert min(areas) >= min_crop - 1e-9
    assert max(areas) <= 1 + 1e-9
    assert min(areas) <= min_crop + 0.1 * (1 - min_crop)  # small ones come too
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= 400 + 1e-9
        assert 0 <= top < bottom <= 300 + 1e-9


@pytest.mark.parametrize("seed", range(12))
def test_labels_go_where_their_pixels_go(seed):
    out, labels = augment(np.random.default_rng(seed), *white_square(), SIZE)
    assert (out.shape, labels.shape) == ((*SIZE, 3), SIZE)
    assert set(np.unique(labels)) <= {0, 1, UNKNOWN}
    grey = out.mean(axis=2)
    bright = grey > (grey[labels == 1].mean() + grey[labels == 0].mean()) / 2
    known = labels != UNKNOWN
    assert (bright == (labels == 1))[known].mean() > 0.99


@pytest.mark.parametrize("seed", range(4))
def test_whole_pictures_are_at_most_mirrored(seed):
    rgb, target = white_square()
    _, labels = augment(np.random.default_rng(seed), rgb, target, SIZE, min_crop=1)
    whole = np.asarray(Image.fromarray(target).resize(SIZE[::-1], Image.Resampling.NEAREST))
    assert any((labels == expected).all() for expected in (whole, whole[:, ::-1]))


def test_a_batch_depends_on_seed_epoch_and_sample_alone():
    store = [white_square()] * 3
    one = make_batch(store, [2, 0], seed=5, epoch=7, size=SIZE)
    again = make_batch(store, [0, 1, 2], seed=5, epoch=7, size=SIZE)
    assert np.array_equal(one.images[0], again.images[2])
    assert np.array_equal(one.targets[1], again.targets[0])
    for other in (make_batch(store, [2], seed=6, epoch=7, size=SIZE), make_batch(store, [2], 5, 8, SIZE)):
        assert not np.array_equal(one.images[0], other.images[0])


def test_a_batch_of_whole_pictures():
    batch = make_batch([white_square()], [0], seed=0, epoch=0, size=SIZE, min_crop=1)
    cut = make_batch([white_square()], [0], seed=0, epoch=0, size=SIZE)
    assert (batch.targets == 1).mean() == pytest.approx((white_square()[1] == 1).mean(), abs=0.01)
    assert (cut.targets == 1).mean() > (batch.targets == 1).mean()


@pytest.mark.parametrize("seed", range(5))
def test_labels_of_classes_are_never_mixed(seed):
    blocks = np.array([[3, 250], [255, 17]], np.uint8)
    target = np.kron(blocks, np.ones((45, 60), np.uint8))
    rgb = np.repeat(target[..., None], 3, axis=2)
    labels = augment(np.random.default_rng(seed), rgb, target, SIZE, 0.2)[1]
    assert set(np.unique(labels)) <= {3, 250, 255, 17}  # no value between, and nothing from beyond the border


@pytest.mark.parametrize(("jitter", "least", "most"), [(0.0, 0, 8), (0.3, 30, 55), (0.6, 56, 90)])
def test_colours_are_changed_as_far_as_asked(jitter, least, most):
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    drawn = [jitter_colours(np.random.default_rng(seed), ramp, jitter)[0, 200].mean() for seed in range(200)]
    away = np.abs(np.array(drawn) - 200)
    assert least <= np.percentile(away, 75) <= most
