"""The endpoints where weights tell classes, and the class of an answer where they do not."""

from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from web_helpers import META, FakeClassPredictor, FakePredictor, ask, class_prob8, draw_picture, live_page

from unet import Predictor, UNet
from unet.network.weights import WeightsConfig, save_weights
from unet.pictures import draw
from unet.pictures.classes import ClassTable, SegmentClass
from unet.pictures.decode import read_picture
from unet.pictures.encode import encode_jpeg
from unet.prediction.class_choice import largest_class
from unet.web.service import Service

TABLE = FakeClassPredictor.table


@pytest.fixture(scope="module")
def server():
    with live_page(FakeClassPredictor(threshold=0.5)) as served:
        yield served


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    with live_page(FakePredictor()) as served:
        yield Client(served.url, verbose=False, download_files=tmp_path_factory.mktemp("downloads"))


@pytest.fixture
def picture(tmp_path):
    return draw_picture(tmp_path / "p.png")


def truth(picture: Path) -> np.ndarray:
    """The labels of a picture."""
    predictor, rgb = FakeClassPredictor(), read_picture(picture).rgb
    return predictor.labels(predictor.prob_small(rgb), rgb.shape[:2])


def tinted(rgb: np.ndarray, labels: np.ndarray, table: ClassTable, left: int) -> bytes:
    """The overlay's file: one class after the other, all but `left`."""
    for label, colour in enumerate(table.colours.tolist()):
        if label != left:
            rgb = draw.overlay(rgb, np.where(labels == label, 255, 0).astype(np.uint8), tuple(colour))
    return encode_jpeg(rgb)


def grey(path: str) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_all_classes(client, picture):
    overlay, label_map, details = client.predict(handle_file(picture), api_name="/classes")
    rgb, labels = read_picture(picture).rgb, truth(picture)
    assert Path(overlay).read_bytes() == tinted(rgb, labels, TABLE, left=0)
    with Image.open(label_map) as image:
        assert (image.format, image.mode) == ("PNG", "P")
        assert np.array_equal(np.asarray(image), np.array([0, 7, 200, 11])[labels])
        assert np.array_equal(np.asarray(image.convert("RGB")), TABLE.colours[labels])
    assert [Path(path).name for path in (overlay, label_map)] == ["p_overlay.jpg", "p_labels.png"]
    assert list(details) == ["width", "height", "classes", "model", "milliseconds"]
    assert (details["width"], details["height"]) == (120, 90)
    assert [(row["id"], row["name"]) for row in details["classes"]] == [
        (0, "background"),
        (7, "Road sign"),
        (200, "sky"),
        (11, "<b>sea</b>"),
    ]
    assert details["classes"][1]["color"] == "#dcdc00"
    shares = [np.mean(labels == label) for label in range(4)]
    assert [row["share"] for row in details["classes"]] == pytest.approx(shares, abs=1e-6)


def test_ids_above_255_are_16_bit_grey(picture, tmp_path):
    predictor = FakeClassPredictor()
    predictor.table = ClassTable(tuple(SegmentClass(id, f"c{id}") for id in (1, 300, 65535, 2)))
    _, label_map, details = Service(predictor, tmp_path / "cache").classes(picture)
    with Image.open(label_map) as image:
        assert image.mode == "I;16"
        assert np.array_equal(np.asarray(image), np.array([1, 300, 65535, 2])[truth(picture)])
    assert [row["id"] for row in details["classes"]] == [1, 300, 65535, 2]


def test_classes_of_weights_without_them(binary, picture):
    overlay, label_map, details = binary.predict(handle_file(picture), api_name="/classes")
    rgb = read_picture(picture).rgb
    mask = draw.mask_from_prob(FakePredictor().prob8(rgb), FakePredictor().threshold)
    assert np.array_equal(grey(label_map), mask // 255)
    assert Path(overlay).read_bytes() == tinted(rgb, mask // 255, FakePredictor.table, left=0)
    assert [(row["id"], row["name"]) for row in details["classes"]] == [(0, "background"), (1, "foreground")]
    assert details["classes"][1]["share"] == pytest.approx(np.mean(mask > 0), abs=1e-6)


@pytest.mark.parametrize("class_name", ["Road sign", "road SIGN", "background", "<b>sea</b>"])
def test_one_class_by_name(client, picture, class_name):
    results = client.predict(handle_file(picture), 0.4, 20, class_name, api_name="/segment")
    name = next(own for own in TABLE.names if own.lower() == class_name.lower())
    shown = read_picture(picture)
    prob8 = class_prob8(shown.rgb, name)
    style = draw.Style(color=tuple(TABLE.colours[TABLE.names.index(name)].tolist()), softness=20)
    overlay, mask, cutout, details = results
    assert np.array_equal(grey(mask), draw.mask_from_prob(prob8, 0.4))
    assert np.array_equal(grey(cutout), draw.render("cutout", shown, prob8, 0.4, style))
    assert Path(overlay).read_bytes() == encode_jpeg(draw.render("overlay", shown, prob8, 0.4, style))
    assert details["class"] == name
    assert details["foreground"] == pytest.approx(np.mean(prob8 >= 255 * 0.4), abs=1e-6)
    probability = client.predict(handle_file(picture), class_name, api_name="/probability")
    assert np.array_equal(grey(probability), prob8)


def test_the_largest_class_is_the_default(client, picture):
    counts = np.bincount(truth(picture).ravel(), minlength=4)
    name = TABLE.names[1 + counts[1:].argmax()]
    *_, details = client.predict(handle_file(picture), api_name="/segment")
    assert details["class"] == name
    assert np.array_equal(
        grey(client.predict(handle_file(picture), api_name="/probability")),
        class_prob8(read_picture(picture).rgb, name),
    )
    _, (entry,) = client.predict([handle_file(picture)], api_name="/segment_batch")
    assert entry == {"name": "p.png", "foreground": details["foreground"], "class": name}


def test_the_largest_class_is_no_background():
    small = np.zeros((3, 4, 4), np.float32)
    small[0] = 0.5
    table = ClassTable((SegmentClass(1, "Background"), SegmentClass(2, "a"), SegmentClass(3, "b")))
    assert largest_class(small, table) == 1
    small[2, 0] = 0.9
    assert largest_class(small, table) == 2
    plain = ClassTable((SegmentClass(1, "c"), SegmentClass(2, "a"), SegmentClass(3, "b")))
    assert largest_class(small, plain) == 0


@pytest.mark.parametrize("given", [[], [0.4], [0.4, 64], [0.4, 64, ""], [0.4, 64, None], [0.4, 64, "foreground"]])
def test_weights_without_classes_answer_as_ever(binary, picture, given):
    """Positional calls of any length, as Python and JavaScript make them."""
    results = binary.predict(handle_file(picture), *given, api_name="/segment")
    shown, prob8 = read_picture(picture), FakePredictor().prob8(read_picture(picture).rgb)
    drawn = [draw.render(kind, shown, prob8, 0.4) for kind in ("mask", "cutout")]
    assert all(np.array_equal(grey(path), pixels) for path, pixels in zip(results[1:3], drawn, strict=True))
    assert Path(results[0]).read_bytes() == encode_jpeg(draw.render("overlay", shown, prob8, 0.4))
    asked = {"class": "foreground"} if "foreground" in given else {}
    assert list(results[3]) == ["width", "height", "threshold", "foreground", *asked, "model", "milliseconds"]
    assert asked.items() <= results[3].items()
    probability = binary.predict(handle_file(picture), *given[2:], api_name="/probability")
    assert np.array_equal(grey(probability), prob8)


def test_background_of_weights_without_classes(binary, picture):
    grey_map = grey(binary.predict(handle_file(picture), "background", api_name="/probability"))
    foreground = FakePredictor().prob8(read_picture(picture).rgb)
    assert np.abs(grey_map.astype(int) - (255 - foreground.astype(int))).max() <= 1
    *_, details = binary.predict(handle_file(picture), 0.5, 0, "Background", api_name="/segment")
    assert details["class"] == "background"


def test_no_text_is_of_weights_without_classes(server):
    """Thresholds of classes are not calibrated, and nothing but the API, of both kinds, speaks of a main object."""
    page, api = httpx.get(server.url).text, httpx.get(f"{server.url}/gradio_api/info").text
    for text in ("main object is found", "cuts the main object", "calibrated"):
        assert text not in page
        assert text not in api


def test_plain_http_with_as_many_values_as_before(server, picture):
    with picture.open("rb") as file:
        uploaded = httpx.post(f"{server.url}/gradio_api/upload", files={"files": file}).json()[0]
    image = {"path": uploaded, "meta": META}
    assert ask(server, image, 0.5)["data"][3]["threshold"] == 0.5
    assert ask(server, image, endpoint="probability")["data"][0]["url"].endswith("p_probability.png")
    assert ask(server, image, "sky", endpoint="probability")["data"][0]["url"].endswith("p_probability.png")


def test_unknown_classes_are_refused_with_the_names(client, binary, picture):
    for endpoint, before in (("/segment", [0.4, 20]), ("/probability", [])):
        with pytest.raises(AppError, match="no class 'car'; the classes are background, Road sign, sky, <b>sea"):
            client.predict(handle_file(picture), *before, "car", api_name=endpoint)
        with pytest.raises(AppError, match="no class 'car'; the classes are background, foreground"):
            binary.predict(handle_file(picture), *before, "car", api_name=endpoint)


def test_a_class_that_is_no_text_is_refused(server, picture):
    with picture.open("rb") as file:
        uploaded = httpx.post(f"{server.url}/gradio_api/upload", files={"files": file}).json()[0]
    answer = ask(server, {"path": uploaded, "meta": META}, 7, endpoint="probability")
    assert answer["error"] == "the name of a class must be a text, not 7"


def test_real_weights_answer_as_the_predictor_does(picture, tmp_path):
    torch.manual_seed(0)
    config = WeightsConfig(size=(32, 48), classes=TABLE)
    save_weights(tmp_path / "weights", UNet(widths=(4, 8), out_channels=len(TABLE)).eval(), config)
    predictor, shown = Predictor.load(tmp_path / "weights"), read_picture(picture)
    service = Service(predictor, tmp_path / "cache")
    small = predictor.prob_small(shown.rgb)
    _, label_map, details = service.classes(picture)
    labels = predictor.labels(small, shown.rgb.shape[:2])
    assert np.array_equal(grey(label_map), TABLE.ids[labels])
    assert sum(row["share"] for row in details["classes"]) == pytest.approx(1, abs=1e-5)
    *_, mask, _, details = service.segment(picture, 0.3, class_name="sky")
    assert np.array_equal(grey(mask), draw.mask_from_prob(predictor.upsample(small[2], shown.rgb.shape[:2]), 0.3))
    assert details["class"] == "sky"
