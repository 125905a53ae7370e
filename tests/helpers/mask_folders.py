"""Folders of masks as label tools and data sets save them, with the labels that are meant: one kind for each name."""

from pathlib import Path

import numpy as np
from generated import draw_pair
from mask_kinds import (
    BLACK,
    GREEN,
    RED,
    VOID,
    WHITE,
    Draw,
    black_and_white,
    colour_palette,
    colours,
    constant,
    cutouts,
    flat_greys,
    grey,
    grey_palette,
    ids,
    ids_with_void,
    layer,
    mattes,
    noisy,
    one_bit,
    one_value,
    painted,
    photographs,
    smooth,
    some_empty,
    trimap,
    two_conventions,
)
from PIL import Image

COUNT = 6


def write_masks(folder: Path, draw: Draw, count: int = COUNT) -> dict[str, np.ndarray]:
    """Write `count` pairs below `folder`; returns the labels meant, by stem."""
    labels = {}
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for index in range(count):
        rgb, mask = draw_pair(index, 72 + 4 * index, 96 + 6 * index)
        made = draw(index, mask > 0, rgb)
        stem = f"scene-{index:02}"
        Image.fromarray(rgb).save(folder / "images" / f"{stem}.png")
        made.image.save(folder / "masks" / f"{stem}{made.suffix}", **made.options)
        labels[stem] = made.labels.astype(np.uint8)
    return labels


READ: dict[str, Draw] = {
    "palette order": black_and_white(lambda index: index % 2),
    "palette order, 2 bits": black_and_white(lambda index: index % 2, bits=2),
    "palette order, 8 bits, mostly black first": black_and_white(lambda index: int(index != 3), bits=8),
    "palette, white first": black_and_white(lambda index: 0),
    "palette of greys": grey_palette(17, 3, 200),
    "palette of greys, 4 bits": grey_palette(9, 15, 2),
    "palette of greys, white at 255": grey_palette(1, 255, 0),
    "palette, all of it black": colour_palette(0, (1, BLACK), (2, BLACK)),
    "one bit": one_bit,
    "opaque alpha": colours(WHITE, alpha=True),
    "opaque alpha over colours": colours(RED, GREEN, alpha=True),
    "ids 0, 1, 2": ids(1, 2),
    "ids 0, 3, 17, 63": ids(3, 17, 63),
    "ids of many classes": ids(*range(1, 12)),
    "ids and void": ids_with_void(1),
    "ids 5, 20 and a wide void": ids_with_void(5, 20, width=4),
    "16-bit ids": ids(300, 1200, dtype=np.uint16),
    "16-bit ids up to 4000": ids(1, 256, 4000, dtype=np.uint16),
    "16-bit ids of one object": one_value(777, np.uint16),
    **{f"value {value}": one_value(value) for value in (1, 7, 38, 100, 128, 200, 254, 255)},
    "16-bit white": one_value(65535, np.uint16),
    "cut-outs": cutouts(),
    "cut-outs with noise": cutouts(noise=6),
    "cut-outs with erased ground": cutouts(erased=True),
    "layer in white": layer(WHITE),
    "layer in black": layer(BLACK),
    "layer in green": layer((30, 200, 40)),
    "layer of half opacity": painted(WHITE, opacity=128),
    "layer of two colours": painted(RED, WHITE),
    "colours": colours(RED, GREEN),
    "colours of instances": colours(*((40 + 19 * i, 255 - 13 * i, 7 * i) for i in range(11))),
    "16-bit ids below 256": ids(100, 200, dtype=np.uint16),
    "hard noise": noisy(3, 0.05),
    "colours, one of them grey": colours((128, 128, 128), (250, 50, 83), (51, 221, 255)),
    "colour": colours((0, 0, 255)),
    "palette of colours": colour_palette(2, (0, RED), (1, GREEN)),
    "palette of colours at any place": colour_palette(200, (7, (10, 250, 3)), (99, (128, 128, 128))),
    "palette of VOC": colour_palette(0, (1, RED), (15, GREEN), void=VOID),
    "palette of ids with a white void": colour_palette(0, (1, RED), (2, GREEN), void=WHITE),
    "JPEG": smooth(kind=".jpg", quality=85),
    "JPEG of low quality": smooth(kind=".jpg", quality=50),
    "WebP": smooth(kind=".webp", quality=80),
    "smooth": smooth(),
    "16 bits, smooth": smooth(257, np.uint16),
    "mattes of hair": mattes(3),
    "mattes with ramps of 16 pixels": mattes(16),
    "mattes as JPEG": mattes(8, ".jpg", quality=90),
    "trimap": trimap(),
    "trimap with 127": trimap(middle=127),
    "faint noise": noisy(1, 0.3),
    "noise of 6 levels": noisy(6, 0.1),
    "some empty": some_empty(255),
    "some empty, ids": some_empty(1),
    "two conventions": two_conventions(1),
    "two conventions, several ids": two_conventions(2, 9),
}
# What is refused: words of the refusal.
REFUSED: dict[str, tuple[Draw, list[str]]] = {
    "a coloured ground": (
        colours((250, 200, 0), ground=(60, 20, 120)),
        ["--foreground", "(250, 200, 0)", "(60, 20, 120)", "%"],
    ),
    "a grey ground and a colour": (colours((250, 200, 0), ground=(90, 90, 90)), ["--foreground", "90", "%"]),
    "trimaps 1, 2, 3": (trimap(2, 3, 1), ["--foreground", "--unknown", "1 (", "2 (", "3 ("]),
    "ids without 0": (
        grey(lambda index, inside: (np.where(inside, 5, 4).astype(np.uint8), inside)),
        ["--foreground", "4 (", "5 ("],
    ),
    "five greys": (flat_greys(60, 120, 180, 240), ["--foreground", "60 (", "120 (", "180 (", "240 ("]),
    "greys to white": (flat_greys(51, 102, 153, 204, 255), ["--foreground", "51 (", "255 ("]),
    "five greys as JPEG": (flat_greys(51, 102, 204, 255, kind=".jpg", quality=85), ["several greys", "--foreground"]),
    "five greys, smoothed": (flat_greys(64, 192, 255, blur=0.7), ["several greys", "--foreground"]),
    "four greys": (flat_greys(85, 170, 255), ["--foreground", "85 (", "170 ("]),
    "three greys, 0, 127, 254": (flat_greys(127, 254), ["--foreground", "127 (", "254 ("]),
    "two greys of VOC": (flat_greys(38, 75), ["--foreground", "38 (", "75 ("]),
    "no foreground": (constant(0), ["no mask has foreground"]),
    "no background": (constant(255), ["no mask has background"]),
    "all 1": (constant(1), ["no mask has background"]),
    "grey photographs": (photographs("L"), ["--masks", "photographs"]),
    "photographs": (photographs("RGB"), ["--masks", "photographs"]),
}
