"""Downloads and copies of the viewer in a real browser."""

import io

import numpy as np
import pytest
from PIL import Image
from viewer_helpers import Shown, click, hold, picture, prob8, saved

from unet.pictures import draw
from unet.pictures.clicks import Click
from unet.pictures.draw import Style, render, soft_alpha

pytest_plugins = ["viewer_browser"]


@pytest.mark.parametrize("kind", ["mask", "cutout", "overlay", "probability"])
def test_files_are_what_is_shown(shown, tmp_path, kind):
    shown.show("glass")
    shown.threshold(0.55)
    shown.set_range("opacity", 80)
    shown.find("[data-setting=outline]").check()
    shown.find("[data-setting=invert]").check()
    path = saved(shown, kind, tmp_path)
    assert path.name == f"glass_{kind}.png"
    expected = render(kind, picture("glass"), prob8("glass"), 0.55, Style(opacity=0.8, outline=True, invert=True))
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), expected)
    if kind == "overlay":
        assert np.array_equal(shown.pixels()[..., :3], expected)
    assert path.name in shown.find(".message").inner_text()


def test_files_of_a_large_picture_have_its_own_size(shown, tmp_path):
    shown.show("big")
    with Image.open(saved(shown, "mask", tmp_path)) as image:
        assert np.array_equal(np.asarray(image), draw.mask_from_prob(prob8("big"), 0.5))


def test_files_after_clicks_and_with_a_soft_edge(shown, tmp_path):
    shown.show("one")
    click(shown, 12, 20, 1)
    shown.view("cutout")
    shown.set_range("softness", 50)
    with Image.open(saved(shown, "cutout", tmp_path)) as image:
        alpha = np.asarray(image)[..., 3]
    assert np.array_equal(alpha, soft_alpha(prob8("one", [Click(12, 20, 1)]), 0.5, 64))
    assert np.array_equal(alpha, shown.pixels()[..., 3])


def test_refused_file(shown):
    shown.show("one")
    shown.threshold(1)
    shown.find("[data-download=mask]").click()
    shown.page.get_by_text("Refused").wait_for()
    shown.wait("root => root.querySelector('.message').textContent.includes('could not create')")
    assert shown.find("[data-download=mask]").get_attribute("aria-busy") is None


def test_a_file_is_awaited_for_minutes(shown):
    """The server makes it when its turn comes in the queue."""
    shown.show("one")
    shown.page.clock.install()
    held = hold(shown, "**/queue/join*", shown.find("[data-download=mask]").click)
    shown.page.clock.fast_forward(9 * 60_000)
    with shown.page.expect_download() as download:
        held.continue_()
    assert download.value.suggested_filename == "one_mask.png"
    shown.find("[data-download=cutout]").click()
    shown.page.clock.fast_forward(11 * 60_000)
    shown.wait("root => root.querySelector('.message').textContent.includes('did not answer')")


def test_copy(open_page):
    shown = Shown(open_page(permissions=["clipboard-read", "clipboard-write"]))
    shown.show("one")
    shown.find("[data-download=copy]").click()
    shown.wait("root => root.querySelector('.message').textContent === 'Cut-out copied'")
    data = shown.page.evaluate(
        """async () => {
          const [item] = await navigator.clipboard.read();
          return [...new Uint8Array(await (await item.getType("image/png")).arrayBuffer())];
        }"""
    )
    with Image.open(io.BytesIO(bytes(data))) as image:
        copied = np.asarray(image.convert("RGBA"))
    expected = render("cutout", picture("one"), prob8("one"), 0.5)
    assert np.array_equal(copied[..., 3], expected[..., 3])
    # The clipboard multiplies colours by alpha, as a page does that shows them.
    seen, wanted = (x[..., :3] * (x[..., 3:] / 255) for x in (copied, expected))
    assert np.abs(seen - wanted).max() <= 1


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("navigator.clipboard.write = () => Promise.reject(new Error('not allowed'))", "refused to copy (not allowed)"),
        ("delete window.ClipboardItem", "cannot copy pictures"),
    ],
)
def test_a_refused_copy_is_reported(shown, script, message):
    shown.show("one")
    shown.page.evaluate(f"() => {{ {script}; }}")
    shown.find("[data-download=copy]").click()
    shown.wait(f"root => root.querySelector('.message').textContent.includes({message!r})")
