"""Clicks of the public endpoints, live."""

import json

import pytest
from api_results import assert_results, pixels
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from web_helpers import FakePredictor, live_page

from unet.pictures.clicks import Click
from unet.pictures.decode import read_picture


@pytest.fixture(scope="module")
def click_client(tmp_path_factory):
    with live_page(FakePredictor(takes_clicks=True)) as served:
        yield Client(served.url, verbose=False, download_files=tmp_path_factory.mktemp("downloads"))


def test_clicks_change_the_result(click_client, picture):
    clicks = [{"x": 10, "y": 12.5, "label": 1}, {"x": 100, "y": 70, "label": 0}]
    results = click_client.predict(handle_file(picture), json.dumps(clicks), 0.6, api_name="/segment_clicks")
    placed = [Click(10, 12.5, 1), Click(100, 70, 0)]
    assert_results(results, picture, 0.6, FakePredictor().prob8(read_picture(picture).rgb, placed))
    mask = pixels(results[1], "L")
    assert mask[12, 10] == 255
    assert mask[70, 100] == 0


@pytest.mark.parametrize("fixture", ["client", "click_client"])
def test_no_clicks_is_automatic(request, fixture, picture):
    results = request.getfixturevalue(fixture).predict(handle_file(picture), "[]", 0.4, api_name="/segment_clicks")
    assert_results(results, picture, 0.4, FakePredictor().prob8(read_picture(picture).rgb))


def test_clicks_are_refused_by_weights_without_them(client, picture):
    with pytest.raises(AppError, match="take no clicks"):
        client.predict(handle_file(picture), '[{"x": 1, "y": 1, "label": 1}]', 0.4, api_name="/segment_clicks")


@pytest.mark.parametrize(
    ("clicks", "message"),
    [
        ("here", "not valid JSON"),
        ("{}", "must be a list"),
        ('[{"x": 1}]', "click 1 must have exactly x, y and label"),
        ('[{"x": 1, "y": 2, "label": 1, "z": 3}]', "click 1 must have exactly"),
        ('[{"x": "1", "y": 2, "label": 1}]', "x and y must be numbers"),
        ('[{"x": NaN, "y": 2, "label": 1}]', "x and y must be numbers"),
        ('[{"x": true, "y": 2, "label": 1}]', "x and y must be numbers"),
        (f'[{{"x": 1{"0" * 400}, "y": 2, "label": 1}}]', "x and y must be numbers"),
        ('[{"x": 1, "y": 2, "label": 2}]', "label must be 1"),
        ('[{"x": 1, "y": 2, "label": true}]', "label must be 1"),
        ('[{"x": 120, "y": 2, "label": 1}]', r"outside the picture, 120 x 90"),
        ('[{"x": 1, "y": 2, "label": 1}, {"x": 1, "y": -1, "label": 1}]', "click 2 at"),
        (json.dumps([{"x": 1, "y": 2, "label": 1}] * 101), "101 clicks are too many"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_malformed_clicks(click_client, picture, clicks, message):
    with pytest.raises(AppError, match=message):
        click_client.predict(handle_file(picture), clicks, 0.4, api_name="/segment_clicks")
