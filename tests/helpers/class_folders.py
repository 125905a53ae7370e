"""Data folders with classes as label tools export them, with the labels that are meant."""

from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
from PIL import Image

from unet.data.class_files import voc_colour
from unet.data.class_reading import ClassReading
from unet.data.inspect import DataFolder
from unet.data.pair import load_resized

Colour = tuple[int, int, int]
Draw = Callable[[np.ndarray], Image.Image]
HEIGHT, WIDTH = 30, 44
UNKNOWN = 255


def scene(seed: int, classes: int) -> np.ndarray:
    """(H, W): places 0 to `classes` - 1 in rectangles over a ground of 0; every one of them occurs."""
    rng = np.random.default_rng(seed)
    places = np.zeros((HEIGHT, WIDTH), np.int64)
    columns = max(1, WIDTH // max(classes - 1, 1))
    for place in range(1, classes):
        left = (place - 1) * columns % (WIDTH - 4)
        top = int(rng.integers(2, 12))
        places[top : top + 12, left : left + max(columns - 1, 2)] = place
    return places


def picture(places: np.ndarray, seed: int) -> np.ndarray:
    """(H, W, 3) uint8: each place in a grey of its own, with noise."""
    noise = np.random.default_rng(seed).integers(0, 25, (*places.shape, 3))
    return np.clip((places * 67 % 230)[..., None] + noise, 0, 255).astype(np.uint8)


def paletted(indices: np.ndarray, colours: dict[int, Colour]) -> Image.Image:
    """A palette picture."""
    image = Image.fromarray(indices.astype(np.uint8))
    table = np.zeros((256, 3), np.uint8)
    for index, colour in colours.items():
        table[index] = colour
    image.putpalette(table.tobytes())
    return image


def write(
    root: Path,
    draw: Draw,
    classes: int,
    template: tuple[str, str] = ("images/{}.jpg", "masks/{}.png"),
    count: int = 4,
    stem: str = "p",
    first_seed: int = 0,
) -> dict[str, np.ndarray]:
    """Write `count` pairs whose masks `draw` makes of places; returns these by stem."""
    meant = {}
    for seed in range(first_seed, first_seed + count):
        places, name = scene(seed, classes), f"{stem}{seed:02}"
        for kind, path in enumerate(template):
            file = root / path.format(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture(places, seed)).save(file, quality=90) if not kind else draw(places).save(file)
        meant[name] = places
    return meant


def by_values(values: Sequence[int], dtype: type = np.uint8) -> Draw:
    """Masks whose pixels are these values."""
    return lambda places: Image.fromarray(np.array(values, dtype)[places])


def by_colours(*colours: Colour) -> Draw:
    """Masks of three channels whose pixels have these colours."""
    return lambda places: Image.fromarray(np.array(colours, np.uint8)[places])


def by_palette(colours: dict[int, Colour]) -> Draw:
    """Palette masks whose places have these indices and colours."""
    return lambda places: paletted(np.array([*colours])[places], colours)


def in_turn(*draws: Draw) -> Draw:
    """Masks that are drawn differently, one after the other."""
    turns = cycle(draws)
    return lambda places: next(turns)(places)


def assert_read(found: DataFolder, meant: dict[str, np.ndarray]) -> None:
    """The labels that are read are those meant, and so are their counts."""
    assert sorted(pair.stem for pair in found.pairs) == sorted(meant)
    assert isinstance(found.reading, ClassReading)
    for pair in found.pairs:
        labels = load_resized(pair)[1]
        np.testing.assert_array_equal(labels, meant[pair.stem], pair.stem)
        counts = [(labels == label).sum() for label in (*range(len(found.reading.table)), UNKNOWN)]
        assert found.counts[pair.stem].tolist() == counts


def labelme(root: Path) -> dict[str, np.ndarray]:
    """What labelme2voc.py writes: palette PNGs of VOC's colours, 255 where labels.txt says __ignore__."""
    (root / "class_names.txt").parent.mkdir(parents=True, exist_ok=True)
    (root / "class_names.txt").write_text("_background_\ncat\ndog\n")
    colours = {index: voc_colour(index) for index in range(256)}
    template = ("JPEGImages/{}.jpg", "SegmentationClassPNG/{}.png")
    meant = write(root, lambda p: paletted(np.array([0, 1, 2, 255])[p], colours), 4, template)
    (root / "SegmentationClass").mkdir()
    (root / "SegmentationClassVisualization").mkdir()
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / "SegmentationClassVisualization/p00.jpg")
    return {stem: np.array([0, 1, 2, UNKNOWN])[p] for stem, p in meant.items()}


def cvat(root: Path) -> dict[str, np.ndarray]:
    """ "Segmentation mask 1.1" with pictures: colours, and a list of them; instances lie beside the classes."""
    colours = ((0, 0, 0), (61, 245, 61), (140, 120, 240), (250, 50, 83))
    names = ("background", "handle", "human", "table")
    root.mkdir(parents=True, exist_ok=True)
    lines = [f"{name}:{','.join(map(str, colour))}::" for name, colour in zip(names, colours, strict=True)]
    (root / "labelmap.txt").write_text("\n".join(["# label:color_rgb:parts:actions", *lines, ""]))
    (root / "ImageSets/Segmentation").mkdir(parents=True)
    (root / "ImageSets/Segmentation/default.txt").write_text("p00\np01\n")
    write(root, lambda p: Image.fromarray(voc_rgb(p)), 4, ("JPEGImages/{}.jpg", "SegmentationObject/{}.png"))
    template = ("JPEGImages/{}.jpg", "SegmentationClass/{}.png")
    return write(root, lambda p: Image.fromarray(np.array(colours, np.uint8)[p]), 4, template)


def voc_rgb(places: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 in VOC's colours."""
    return np.array([voc_colour(index) for index in range(256)], np.uint8)[places]


def roboflow(root: Path) -> dict[str, np.ndarray]:
    """ "Semantic segmentation masks": train/, valid/ and test/, each with grey ids and a list of them."""
    meant = {}
    for number, part in enumerate(("train", "valid", "test")):
        template = (f"{part}/{{}}.jpg", f"{part}/{{}}_mask.png")
        meant |= write(root, by_values((0, 1, 2)), 3, template, 3, f"{part}-", 10 * number)
        (root / part / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, car\n2, road\n")
    return meant


def voc(root: Path) -> dict[str, np.ndarray]:
    """PASCAL VOC: palette PNGs, 255 around the objects, no list of names."""
    colours = {index: voc_colour(index) for index in range(256)}
    values = np.array([0, 5, 15, 255])
    template = ("VOC2012/JPEGImages/{}.jpg", "VOC2012/SegmentationClass/{}.png")
    meant = write(root, lambda p: paletted(values[p], colours), 4, template)
    return {stem: np.array([0, 1, 2, UNKNOWN])[p] for stem, p in meant.items()}


TOOLS = {"LabelMe": labelme, "CVAT": cvat, "Roboflow": roboflow, "VOC": voc}
