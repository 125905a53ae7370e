"""How the masks of a folder are read: decided for the folder, and refused where nothing can tell."""

import itertools
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mask_folders import READ, REFUSED, write_masks
from mask_kinds import U, by_brightness, grey, ids_with_void, one_value, soft, trimap
from PIL import Image

from unet.data.inspect import inspect_folder
from unet.data.masks import read_mask, read_masks
from unet.data.options import DataOptions, parse_value
from unet.data.pairs import find_pairs, load_resized
from unet.errors import ConfigError, DataError


def assert_read(folder, labels, options=DataOptions()):  # noqa: B008
    """Every mask of the folder is read as it is meant, and its share of foreground is right."""
    found = inspect_folder(folder, options)
    assert [pair.stem for pair in found.pairs] == sorted(labels)
    for pair in found.pairs:
        read, meant = load_resized(pair)[1], labels[pair.stem]
        # Unknown borders may be read otherwise in lossy formats; foreground and background may not change places.
        assert np.mean(read != meant) <= (0 if pair.mask.suffix == ".png" else 0.05)
        assert not np.any((read == 0) & (meant == 1)) or pair.mask.suffix != ".png"
        known = read[read != U]
        assert found.shares[pair.stem] == pytest.approx(float(known.mean()) if known.size else 0)
    return found


@pytest.mark.parametrize("kind", READ)
def test_a_kind_of_masks_is_read_as_it_is_meant(tmp_path, kind):
    found = assert_read(tmp_path, write_masks(tmp_path, READ[kind]))
    json.dumps(found.reading.as_json())
    assert found.reading.why


@pytest.mark.parametrize("kind", REFUSED)
def test_what_nothing_can_tell_is_refused_with_values_and_a_way_out(tmp_path, kind):
    draw, words = REFUSED[kind]
    write_masks(tmp_path, draw)
    with pytest.raises(DataError) as caught:
        find_pairs(tmp_path)
    assert all(word in str(caught.value) for word in [*words, str(tmp_path)]), caught.value
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("low", "middle", "high", "foreground", "unknown"),
    [(2, 3, 1, "1", "3"), (5, 7, 6, "6", "7"), (60, 120, 180, "180", "120")],
)
def test_options_say_what_values_mean(tmp_path, low, middle, high, foreground, unknown):
    labels = write_masks(tmp_path, trimap(low, middle, high))
    found = assert_read(tmp_path, labels, DataOptions(foreground=(foreground,), unknown=(unknown,)))
    assert found.reading.as_json()["foreground"] == [foreground]


def test_options_take_colours(tmp_path):
    labels = write_masks(tmp_path, REFUSED["a coloured ground"][0])
    assert_read(tmp_path, labels, DataOptions(foreground=("250,200,0",)))
    inverted = {stem: 1 - values for stem, values in labels.items()}
    assert_read(tmp_path, inverted, DataOptions(foreground=("#3c1478",)))


def test_unknown_alone_leaves_the_rest_to_the_rules(tmp_path):
    labels = write_masks(tmp_path, ids_with_void(1, 2))
    assert_read(tmp_path, labels, DataOptions(unknown=("255",)))


@pytest.mark.parametrize("kind", ["value 255", "ids 0, 1, 2", "colours", "smooth", "layer in white", "palette order"])
def test_masks_can_be_inverted(tmp_path, kind):
    labels = write_masks(tmp_path, READ[kind])
    inverted = {stem: np.where(values == U, U, 1 - values) for stem, values in labels.items()}
    assert_read(tmp_path, inverted, DataOptions(invert_masks=True))


@pytest.mark.parametrize("options", [{"foreground": ("9",)}, {"unknown": ("1,2,3",)}])
def test_values_that_no_mask_has_are_named(tmp_path, options):
    write_masks(tmp_path, one_value(255))
    with pytest.raises(DataError, match=r"no mask of .* has (9|\(1, 2, 3\)), which the options name; they hold 0"):
        find_pairs(tmp_path, options=DataOptions(**options))


@pytest.mark.parametrize("text", ["red", "-1", "70000", "1,2", "1,2,300", "#12345", ""])
def test_what_is_no_value_is_named(text):
    with pytest.raises(ConfigError, match="neither a value"):
        DataOptions(foreground=(text,))


def test_values_and_colours():
    assert parse_value("7") == parse_value("7,7,7") == parse_value("#070707") == 7
    assert parse_value("1,2,3") == parse_value("#010203") == parse_value("(1, 2, 3)") != parse_value("3,2,1")
    with pytest.raises(ConfigError, match="7 stands under --foreground and --unknown"):
        DataOptions(foreground=("7",), unknown=("7,7,7",))


def test_255_alone_beside_ids_with_255_is_refused(tmp_path):
    def values(index, inside):
        stored = np.where(inside, 255, 0) if index == 2 else np.where(inside, 1, 0)
        stored[:3] = 255
        return stored.astype(np.uint8), inside

    write_masks(tmp_path, grey(values))
    with pytest.raises(DataError, match=r"255 stands beside ids in .*, but alone in masks/scene-02"):
        find_pairs(tmp_path)


def test_a_photograph_among_masks_is_named(tmp_path):
    def values(index, inside):
        noise = np.random.default_rng(0).integers(20, 230, inside.shape).astype(np.uint8)
        return (noise if index == 3 else soft(inside)), by_brightness(soft(inside))

    write_masks(tmp_path, grey(values), count=12)
    with pytest.raises(DataError, match=r"masks/scene-03\.png has greys away from contours"):
        find_pairs(tmp_path)


def test_an_alpha_over_other_colours_is_refused(tmp_path):
    labels = write_masks(tmp_path, one_value(255))
    for path in (tmp_path / "masks").iterdir():
        mask = Image.open(path)
        alpha = Image.linear_gradient("L").resize(mask.size)
        Image.merge("LA", (mask, alpha)).save(path)
    with pytest.raises(DataError, match="neither one colour nor the picture's"):
        find_pairs(tmp_path)
    assert_read(tmp_path, labels, DataOptions(foreground=("255",)))


def test_a_mask_without_alpha_among_cut_outs_is_named(tmp_path):
    write_masks(tmp_path, READ["cut-outs"])
    mask = np.zeros((72, 96), np.uint8)
    mask[20:50, 20:50] = 255
    Image.fromarray(mask).save(tmp_path / "masks" / "scene-00.png")
    with pytest.raises(DataError, match=r"masks/scene-00\.png has colours that are not its picture's"):
        find_pairs(tmp_path)


def test_masks_of_several_objects_are_joined(tmp_path):
    first = np.zeros((40, 50), np.uint8)
    first[5:15, 5:25] = 255
    second = np.zeros_like(first)
    second[10:30, 20:40] = 255
    for name, values in (("a", first), ("b", second)):
        Image.fromarray(values).save(tmp_path / f"{name}.png")
    joined = read_masks([tmp_path / "a.png", tmp_path / "b.png"], None)
    np.testing.assert_array_equal(joined, (first | second) // 255)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), first // 255)


def read_or_refused(folder):
    """What a folder holds, or None and the refusal."""
    try:
        return inspect_folder(folder), ""
    except DataError as error:
        return None, str(error)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_random_folders_are_read_as_meant_or_refused(data):
    """Folders of known truth: mode, order of the palette, ids, alpha, bit depth, suffix."""
    mode = data.draw(st.sampled_from(["1", "L", "P", "RGB", "RGBA", "LA", "I;16"]))
    values = data.draw(st.lists(st.integers(1, 255), min_size=1, max_size=4, unique=True))
    wide = data.draw(st.integers(1, 65535))
    palettes = data.draw(st.lists(st.permutations(range(len(values) + 1)), min_size=3, max_size=3))
    suffix = data.draw(st.sampled_from([".png", ".tif", ".bmp"] if mode in ("1", "L", "RGB") else [".png"]))
    scale = data.draw(st.integers(1, 3))

    def stored(index: int, inside: np.ndarray) -> Image.Image:
        place = np.minimum(np.cumsum(inside.any(axis=0)) * len(values) // (inside.any(axis=0).sum() + 1), 3)
        place = np.minimum(place, len(values) - 1)
        parts = np.where(inside, 1 + place[None, :], 0)
        greys = np.array([0, *values], np.uint8)[parts]
        if mode == "1":
            return Image.fromarray(inside)
        if mode == "I;16":
            return Image.fromarray((inside * wide).astype(np.uint16))
        if mode == "P":
            order = np.array(palettes[index])
            paletted = Image.new("P", inside.shape[::-1])
            paletted.putdata(order[parts].ravel().tolist())
            table = np.zeros(768, np.uint8)
            for number, place_in_palette in enumerate(order):
                table[3 * place_in_palette : 3 * place_in_palette + 3] = [0, *values][number]
            paletted.putpalette(table.tolist())
            return paletted
        if mode in ("RGBA", "LA"):
            white = Image.new(mode[:-1], inside.shape[::-1], "white")
            white.putalpha(Image.fromarray(inside).convert("L"))
            return white
        return Image.fromarray(greys).convert(mode)

    with tempfile.TemporaryDirectory() as name:
        folder, truth = Path(name), {}
        for kind in ("images", "masks"):
            (folder / kind).mkdir()
        for index, seed in itertools.product(range(3), [data.draw(st.integers(0, 99))]):
            rng = np.random.default_rng([seed, index])
            height, width = rng.integers(24, 60, 2) * scale
            inside = np.zeros((height, width), bool)
            top, left = rng.integers(2, 8, 2) * scale
            inside[top : top + height // 2, left : left + width // 2] = True
            Image.fromarray(rng.integers(0, 255, (height, width, 3)).astype(np.uint8)).save(
                folder / "images" / f"{index}.png"
            )
            stored(index, inside).save(folder / "masks" / f"{index}{suffix}")
            truth[str(index)] = inside
        found, refusal = read_or_refused(folder)
        if found is None:
            assert mode in ("L", "P", "RGB")
            assert len(values) > 1
            assert max(values) >= 64
            assert "--foreground" in refusal
            return
        for pair in found.pairs:
            read = load_resized(pair)[1]
            known = read != U
            assert np.array_equal(read[known], truth[pair.stem][known].astype(np.uint8)), found.reading
            if not known.all():  # a trimap's middle grey, or 255 beside ids, said aloud
                assert 255 in values or set(values) & set(range(126, 130))
                assert "unknown" in str(found.reading)
