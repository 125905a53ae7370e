"""The closer look: where it goes, and how the two views are put together."""

import numpy as np
import pytest

from unet.pictures.clicks import BACKGROUND, FOREGROUND, Click
from unet.prediction.zoom_in import (
    CLICKED_LARGEST,
    CLICKED_SURROUNDINGS,
    LARGEST,
    SMALLEST,
    SURROUNDINGS,
    clicks_within,
    focus_box,
    merge_views,
)

SIZE = (400, 600)  # height and width of the picture


def prob_of(box, shape=(100, 100), size=SIZE):
    """Foreground in `box` (left, top, right, bottom), pixels of the picture, whose height and width are `size`."""
    prob = np.zeros(shape, np.float32)
    left, top, right, bottom = (np.array(box) * np.tile(np.array(shape[::-1]) / size[::-1], 2)).astype(int)
    prob[top:bottom, left:right] = 0.9
    return prob


ON_OBJECT = [Click(360, 240, FOREGROUND)]


@pytest.mark.parametrize(
    ("clicks", "surroundings"),
    [([], SURROUNDINGS), ([Click(10, 10, BACKGROUND)], SURROUNDINGS), (ON_OBJECT, CLICKED_SURROUNDINGS)],
)
def test_the_box_surrounds_the_mask(clicks, surroundings):
    box = focus_box(prob_of((300, 200, 420, 280)), clicks, SIZE, 0.5)
    width, height = 120 * surroundings, max(80 * surroundings, 400 * SMALLEST)
    wanted = (360 - width / 2, 240 - height / 2, 360 + width / 2, 240 + height / 2)
    assert box == pytest.approx(wanted, abs=1.5)


def test_the_box_surrounds_mask_and_clicks():
    prob = prob_of((300, 200, 420, 280))
    left, top, right, bottom = focus_box(prob, [Click(500, 390, FOREGROUND)], SIZE, 0.5)
    assert left <= 300
    assert top <= 200
    assert right > 500
    assert bottom > 390


@pytest.mark.parametrize("size", [(400, 600), (1, 5000), (3000, 2), (1, 1)])
@pytest.mark.parametrize("place", [0.0, 0.5, 0.999])
def test_boxes_lie_in_the_picture_and_are_not_empty(size, place):
    click = Click(place * size[1], place * size[0], FOREGROUND)
    box = focus_box(np.zeros((50, 70), np.float32), [click], size, 0.5)
    if box is None:
        assert min(size) < 4  # a quarter of a side is a whole pixel
        return
    left, top, right, bottom = box
    assert 0 <= left <= click.x < right <= size[1]
    assert 0 <= top <= click.y < bottom <= size[0]
    merged = merge_views(np.zeros((50, 70), np.float32), np.ones((50, 70), np.float32), box, size)
    assert merged.max() == pytest.approx(0.5)


@pytest.mark.parametrize("corner", [(0, 0), (3960, 0), (0, 2970), (3960, 2970)])
def test_the_view_of_an_object_at_the_border_is_no_smaller_than_of_one_inside(corner):
    size, (left, top) = (3000, 4000), corner
    prob = prob_of((left, top, left + 40, top + 30), size=size)
    box = focus_box(prob, [], size, 0.5)
    assert box[0] in {0, 3000}
    assert box[1] in {0, 2250}
    assert (box[2] - box[0], box[3] - box[1]) == (size[1] * SMALLEST, size[0] * SMALLEST)
    merged = merge_views(prob, np.ones_like(prob), box, size)
    assert merged.shape == (100 / SMALLEST, 100 / SMALLEST)
    rows, columns = np.nonzero(merged > 0.72)
    assert (rows.min(), columns.min()) == (4 * top / 30, 4 * left / 40)


@pytest.mark.parametrize("clicks", [[], [Click(10, 10, BACKGROUND)]])
def test_no_second_look_where_nothing_is_found(clicks):
    assert focus_box(np.full((100, 100), 0.4, np.float32), clicks, SIZE, 0.5) is None


@pytest.mark.parametrize(
    ("clicks", "surroundings", "largest"),
    [([], SURROUNDINGS, LARGEST), ([Click(300, 200, FOREGROUND)], CLICKED_SURROUNDINGS, CLICKED_LARGEST)],
)
@pytest.mark.parametrize(("larger", "wanted"), [(1.1, False), (0.9, True)])
def test_no_second_look_at_most_of_the_picture(clicks, surroundings, largest, larger, wanted):
    half = larger * largest**0.5 / surroundings / 2
    large = prob_of((300 - 600 * half, 200 - 400 * half, 300 + 600 * half, 200 + 400 * half))
    assert (focus_box(large, clicks, SIZE, 0.5) is not None) is wanted


def test_clicks_move_with_the_box():
    clicks = [Click(310, 210, FOREGROUND), Click(299, 250, BACKGROUND), Click(350.5, 279, BACKGROUND)]
    assert clicks_within(clicks, (300, 200, 400, 280)) == [Click(10, 10, FOREGROUND), Click(50.5, 79, BACKGROUND)]


def test_views_are_averaged_where_the_closer_one_looked():
    whole, close = np.full((40, 60), 0.8, np.float32), np.full((40, 60), 0.4, np.float32)
    merged = merge_views(whole, close, (300, 200, 450, 300), SIZE)
    assert merged.shape == (160, 240)
    inside = merged[81:119, 121:179]
    assert inside == pytest.approx(0.6)
    merged[80:120, 120:180] = 0.4
    assert merged == pytest.approx(0.4)
