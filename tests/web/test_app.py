"""The public endpoints, live, through the clients that people use."""

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from api_results import assert_results, pixels
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from picture_files import bad_files, good_files
from PIL import Image
from web_helpers import FakePredictor, ask, draw_picture

from unet.pictures import draw
from unet.pictures.decode import read_picture


def test_endpoints_are_exactly_these(server):
    info = httpx.get(f"{server.url}/gradio_api/info").json()
    found = {
        name: (
            [(p["parameter_name"], p["python_type"]["type"], p["parameter_has_default"]) for p in entry["parameters"]],
            [r["label"] for r in entry["returns"]],
        )
        for name, entry in info["named_endpoints"].items()
    }
    image, threshold = ("image", "filepath", False), ("threshold", "float", True)
    edge, class_name = ("softness", "float", True), ("class_name", "str", True)
    four = ["overlay", "mask", "cutout", "details"]
    assert found == {
        "/segment": ([image, threshold, edge, class_name], four),
        "/classes": ([image], ["overlay", "labels", "details"]),
        "/probability": ([image, class_name], ["probability"]),
        "/segment_batch": ([("files", "list[filepath]", False), threshold, edge], ["zip", "details"]),
        "/segment_clicks": ([image, ("clicks", "str", True), threshold, edge], four),
    }
    assert info["unnamed_endpoints"] == {}
    described = [entry["description"] for entry in info["named_endpoints"].values()]
    assert all(len(text) > 40 for text in described)


def test_only_public_events_have_names_clients_can_call(server):
    config = httpx.get(f"{server.url}/config").json()
    by_visibility = {}
    for event in config["dependencies"]:
        by_visibility.setdefault(event["api_visibility"], set()).add(event["api_name"])
    assert by_visibility["public"] == {"segment", "classes", "probability", "segment_batch", "segment_clicks"}
    assert set(by_visibility) == {"public", "private"}


@pytest.mark.parametrize("threshold", [0, 0.25, 0.4, 0.735, 1])
def test_segment_is_exact(client, picture, threshold):
    results = client.predict(handle_file(picture), threshold, api_name="/segment")
    assert_results(results, picture, threshold, FakePredictor().prob8(read_picture(picture).rgb))
    assert [Path(path).name for path in results[:3]] == [
        "some_picture_overlay.jpg",
        "some_picture_mask.png",
        "some_picture_cutout.png",
    ]


def test_threshold_defaults_to_the_calibrated_one(client, picture):
    results = client.predict(handle_file(picture), api_name="/segment")
    assert results[3]["threshold"] == FakePredictor().threshold


@pytest.mark.parametrize("softness", [0, 20, 127])
def test_softness_of_the_cutout(client, picture, softness):
    *_, hard, _ = client.predict(handle_file(picture), 0.4, softness, api_name="/segment")
    shown = read_picture(picture)
    wanted = draw.render("cutout", shown, FakePredictor().prob8(shown.rgb), 0.4, draw.Style(softness=softness))
    assert np.array_equal(pixels(hard, "RGBA"), wanted)
    archive, _ = client.predict([handle_file(picture)], 0.4, softness, api_name="/segment_batch")
    with zipfile.ZipFile(archive) as packed:
        assert np.array_equal(np.asarray(Image.open(packed.open("some_picture_cutout.png"))), wanted)


@pytest.mark.parametrize("softness", [-1, 128, 0.5, "soft"])
def test_impossible_softness_is_a_sentence(client, picture, softness):
    with pytest.raises(AppError, match=r"the softness must be a whole number in 0\.\.127, not"):
        client.predict(handle_file(picture), 0.5, softness, api_name="/segment")


def test_transparency_limits_the_cutout(client, tmp_path):
    path = draw_picture(tmp_path / "glass.png", alpha=True)
    results = client.predict(handle_file(path), 0.3, api_name="/segment")
    assert_results(results, path, 0.3, FakePredictor().prob8(read_picture(path).rgb))
    assert (pixels(results[2], "RGBA")[..., 3] <= read_picture(path).alpha).all()


def test_orientation_is_applied(client, tmp_path):
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20), "white").save(path, exif=exif)
    *_, details = client.predict(handle_file(path), 0.5, api_name="/segment")
    assert (details["width"], details["height"]) == (20, 30)


def test_probability_is_exact(client, picture):
    grey = client.predict(handle_file(picture), api_name="/probability")
    assert np.array_equal(pixels(grey, "L"), FakePredictor().prob8(read_picture(picture).rgb))


def test_batch_names_files_apart_and_failures(client, tmp_path):
    (tmp_path / "more").mkdir()
    one = draw_picture(tmp_path / "one.png", seed=1)
    same = draw_picture(tmp_path / "more" / "one.png", seed=2)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    archive, details = client.predict([handle_file(p) for p in (one, broken, same)], 0.5, api_name="/segment_batch")
    assert [entry["name"] for entry in details] == ["one.png", "broken.jpg", "one.png"]
    assert set(details[1]) == {"name", "error"}
    assert "broken.jpg" in details[1]["error"]
    with zipfile.ZipFile(archive) as packed:
        assert sorted(packed.namelist()) == ["one_2_cutout.png", "one_2_mask.png", "one_cutout.png", "one_mask.png"]
        for path, stem, entry in ((one, "one", details[0]), (same, "one_2", details[2])):
            picture = read_picture(path)
            prob8 = FakePredictor().prob8(picture.rgb)
            mask = draw.mask_from_prob(prob8, 0.5)
            assert np.array_equal(np.asarray(Image.open(packed.open(f"{stem}_mask.png"))), mask)
            cutout = np.asarray(Image.open(packed.open(f"{stem}_cutout.png")))
            assert np.array_equal(cutout, draw.render("cutout", picture, prob8, 0.5))
            assert entry["foreground"] == pytest.approx(np.mean(mask > 0), abs=1e-6)


def test_batch_of_failures_has_no_archive(client, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    archive, details = client.predict([handle_file(broken)], 0.5, api_name="/segment_batch")
    assert archive is None
    assert "broken.jpg" in details[0]["error"]


def test_batch_has_a_limit(client, picture):
    files = [handle_file(picture)] * 101
    with pytest.raises(AppError, match="101 pictures are too many at once; the limit is 100"):
        client.predict(files, 0.5, api_name="/segment_batch")


@pytest.mark.parametrize("threshold", [-0.01, 1.01, 7, 10**400, "0.5", None, True, [0.5]])
def test_bad_thresholds(client, picture, threshold):
    with pytest.raises(AppError, match="the threshold must"):
        client.predict(handle_file(picture), threshold, api_name="/segment")
    client.predict(handle_file(picture), 0.5, api_name="/segment")


def test_threshold_that_is_no_number_in_json(server, client, picture):
    uploaded = httpx.post(f"{server.url}/gradio_api/upload", files={"files": picture.open("rb")}).json()[0]
    answer = ask(server, {"path": uploaded, "meta": {"_type": "gradio.FileData"}}, float("nan"))
    assert "the threshold must" in answer["error"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("note.jpg", b"hello", "note.jpg is not a picture"),
        ("empty.png", b"", "empty.png is empty"),
        ("draw.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "draw.svg is an SVG drawing"),
        ("paper.pdf", b"%PDF-1.7", "paper.pdf is a PDF"),
    ],
)
@pytest.mark.parametrize("endpoint", ["/segment", "/probability"])
def test_files_that_are_no_pictures(client, tmp_path, name, content, message, endpoint):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(AppError, match=message):
        client.predict(handle_file(path), api_name=endpoint)


def test_truncated_picture(client, tmp_path):
    path = draw_picture(tmp_path / "whole.png", size=(300, 400))
    (tmp_path / "cut.png").write_bytes(path.read_bytes()[:2000])
    with pytest.raises(AppError, match=r"cut\.png is damaged or cut off"):
        client.predict(handle_file(tmp_path / "cut.png"), api_name="/segment")


def test_picture_beyond_the_pixel_limit(client, tmp_path):
    path = tmp_path / "vast.png"
    Image.new("1", (20_000, 10_000)).save(path)
    with pytest.raises(AppError, match="megapixels"):
        client.predict(handle_file(path), api_name="/segment")


@pytest.mark.parametrize("name", good_files())
def test_every_kind_of_picture_is_segmented(client, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(good_files()[name].content)
    results = client.predict(handle_file(path), 0.6, api_name="/segment")
    assert_results(results, path, 0.6, FakePredictor().prob8(read_picture(path).rgb))


@pytest.mark.parametrize("name", bad_files())
def test_every_other_file_is_refused(server, client, tmp_path, name):
    path = tmp_path / name
    content, words = bad_files()[name]
    path.write_bytes(content)
    with pytest.raises(AppError) as refusal:
        client.predict(handle_file(path), 0.6, api_name="/segment")
    assert name in str(refusal.value)
    assert words in str(refusal.value)
    assert str(tmp_path) not in str(refusal.value)
    assert httpx.get(f"{server.url}/config").status_code == 200


def test_each_client_gets_its_own_picture(server, tmp_path):
    paths = [draw_picture(tmp_path / f"p{n}.png", seed=n, size=(60 + n, 80 + n)) for n in range(16)]

    def ask(path: Path):
        return Client(server.url, verbose=False, download_files=tmp_path).predict(
            handle_file(path), 0.5, api_name="/segment"
        )

    with ThreadPoolExecutor(16) as pool:
        for path, results in zip(paths, pool.map(ask, paths), strict=True):
            assert_results(results, path, 0.5, FakePredictor().prob8(read_picture(path).rgb))


def test_plain_http_as_curl_does_it(server, picture):
    uploaded = httpx.post(f"{server.url}/gradio_api/upload", files={"files": picture.open("rb")}).json()[0]
    body = {"data": [{"path": uploaded, "meta": {"_type": "gradio.FileData"}}, 0.5]}
    event = httpx.post(f"{server.url}/gradio_api/call/segment", json=body).json()["event_id"]
    lines = httpx.get(f"{server.url}/gradio_api/call/segment/{event}").text.splitlines()
    assert lines[0] == "event: complete"
    overlay, mask, cutout, details = json.loads(lines[1].removeprefix("data: "))
    assert details["threshold"] == 0.5
    for file, kind, mode in ((overlay, "jpeg", "RGB"), (mask, "png", "L"), (cutout, "png", "RGBA")):
        answer = httpx.get(file["url"])
        assert answer.headers["content-type"] == f"image/{kind}"
        assert Image.open(io.BytesIO(answer.content)).mode == mode
