import json

import numpy as np
import pytest

from unet.errors import ConfigError
from unet.pictures.clicks import Click, click_maps, honour_clicks, parse_clicks


def test_disks_lie_where_the_clicks_are():
    maps = click_maps([Click(59.5, 9.5, 1), Click(0, 0, 0)], (20, 80), (40, 40), radius=3)
    assert maps.shape == (2, 40, 40)
    # Half way down, three quarters across: (59.5 + 0.5) * 40 / 80 - 0.5 = 29.5 and (9.5 + 0.5) * 40 / 20 - 0.5 = 19.5.
    for row in range(40):
        for column in range(40):
            inside = (row - 19.5) ** 2 + (column - 29.5) ** 2 <= 9
            assert maps[0, row, column] == inside
    assert maps[1, 0, 0] == 1
    rows, columns = np.nonzero(maps[1])
    assert rows.max() <= 3
    assert columns.max() <= 2


def test_no_clicks_are_empty_maps():
    assert not click_maps([], (20, 80), (40, 40)).any()


def test_clicks_are_honoured_and_the_last_wins():
    prob8 = np.full((10, 12), 100, dtype=np.uint8)
    honour_clicks(prob8, [Click(3.7, 2.2, 1), Click(11.9, 9.9, 0), Click(3, 2, 0), Click(5, 5, 1)])
    assert prob8[2, 3] == 0
    assert prob8[9, 11] == 0
    assert prob8[5, 5] == 255
    assert (prob8 == 100).sum() == 120 - 3


def test_clicks_are_read_from_json():
    assert parse_clicks("[]", 12, 10) == ()
    text = '[{"x": 3, "y": 2.5, "label": 1}, {"x": 0, "y": 9, "label": 0}]'
    assert parse_clicks(text, 12, 10) == (Click(3, 2.5, 1), Click(0, 9, 0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("here", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("{}", "must be a list"),
        (json.dumps([{"x": 1, "y": 1, "label": 1}] * 101), "101 clicks are too many; the limit is 100"),
        ('[{"x": 1, "y": 1, "label": 1}, 5]', "click 2 must have exactly x, y and label"),
        ('[{"x": NaN, "y": 1, "label": 1}]', "x and y must be numbers"),
        ('[{"x": 1, "y": 1, "label": true}]', "label must be 1"),
        ('[{"x": 12, "y": 1, "label": 1}]', r"click 1 at \(12, 1\) lies outside the picture, 12 x 10 pixels"),
    ],
)
def test_bad_clicks_are_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_clicks(text, 12, 10)
