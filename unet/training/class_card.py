"""The sections of a model card that are other ones where the network tells classes."""

from unet.data.known_sets import describe_data
from unet.evaluation.confusion import CLASS_METRICS, METRIC_LABELS
from unet.hub.file_names import CONFUSION_FILE
from unet.network.encoders import encoder_class
from unet.pictures.classes import ClassTable, hex_colour
from unet.training.card_facts import Measured, folders_of, part_label

LOSS_NAMES = {
    "dice": "Cross-entropy plus Dice, the mean over the classes that occur in a picture,",
    "balanced": "Cross-entropy in which rare classes weigh more, by 1 / ln(1.02 + their share of the training pixels) "
    "(ENet, Paszke et al. 2016), plus Dice, the mean over the classes that occur in a picture,",
}
COLUMNS = {"iou": "IoU", "precision": "Precision", "recall": "Recall"}


def _table(facts: Measured) -> ClassTable:
    assert facts.config.classes is not None
    return facts.config.classes


def introduction(facts: Measured) -> str:
    """What the network is and sees."""
    height, width = facts.config.size
    names = _table(facts).names
    flipped = ", and their mirror images, whose answers are averaged" * facts.config.flip
    widths, encoder = facts.network["widths"], encoder_class(facts.network["encoder"])
    return (
        "# U-Net semantic segmentation\n\n"
        f"A U-Net (Ronneberger et al. 2015) with {encoder.description} that tells {len(names)} classes in photographs: "
        f"{', '.join(names)}. Widths {', '.join(map(str, widths))}, {facts.parameters:,} parameters, "
        f"{facts.file_bytes / 1e6:.1f} MB in half precision. It sees pictures at {width} x {height}{flipped}; the "
        "probabilities are brought back to the picture's own size bilinearly."
    )


def scores(facts: Measured, source: str) -> str:
    """Scores of each part, of each class, and the confusion of classes."""
    measured = facts.config.scores
    if not measured:
        return "## Scores\n\nNothing has been measured."
    lines = [f"| Part | Data | Pictures | {' | '.join(METRIC_LABELS.values())} |", "|---|---|--:|--:|--:|"]
    for part, row in measured.items():
        names = " + ".join(describe_data(name).name for name in folders_of(part, facts.data))
        cells = " | ".join(_cell(row.get(metric)) for metric in METRIC_LABELS)
        lines.append(f"| {part_label(part)} | {names} | {row.get('pictures')} | {cells} |")
    shown = "test" if "test" in measured else "val"
    lines += ["", f"Each class, on {part_label(shown)}:", ""]
    lines += [f"| Id | Class | Colour | {' | '.join(COLUMNS.values())} |", "|--:|---|---|--:|--:|--:|"]
    table = _table(facts)
    for row_of, (red, green, blue) in zip(table.classes, table.colours.tolist(), strict=True):
        cells = " | ".join(_cell(measured[shown].get(f"{metric}/{row_of.name}")) for metric in CLASS_METRICS)
        lines.append(f"| {row_of.id} | {row_of.name} | {hex_colour((red, green, blue))} | {cells} |")
    return (
        "## Scores\n\n" + f"**{facts.collapse}**\n\n" * bool(facts.collapse) + "\n".join(lines) + "\n\n"
        "All are counted over all pixels of the part at the pictures' original size, pixels that count nowhere left "
        f"out; the mean IoU is that of the classes that occur. `python -m unet evaluate --weights {source} --data DIR "
        "--split PART`, with `val`, `test` or `extra_test`, measures a part again.\n\n"
        f"![Which classes are taken for which]({CONFUSION_FILE})"
    )


def _cell(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4f}"


def usage(facts: Measured, source: str) -> str:
    """How to load the weights and use them."""
    name = _table(facts).names[-1]
    return (
        "## How to load\n\n"
        "With the code of the project (`unet/`) on the Python path:\n\n"
        "```python\n"
        "from unet import Predictor, mask_from_prob, read_picture, save_png\n\n"
        f'predictor = Predictor.load("{source}")\n'
        'picture = read_picture("photo.jpg")\n'
        "small = predictor.prob_small(picture.rgb)  # (classes, h, w) float32, which add up to 1\n"
        "size = picture.height, picture.width\n"
        "labels = predictor.labels(small, size)  # (H, W) uint8, places in predictor.table.names\n"
        f'prob8 = predictor.upsample(small[predictor.table.label("{name}")], size)  # (H, W) uint8\n'
        'save_png(mask_from_prob(prob8, 0.5), "mask.png")\n'
        "```\n\n"
        "`python -m unet predict photo.jpg --output out/ --kind labels` writes a label map of the ids above."
    )


def limits(facts: Measured) -> str:
    """What the network cannot do."""
    side = max(facts.config.size)
    lines = [
        f"The network sees {side} pixels of the longer side. In a photograph of {20 * side} pixels, one of these spans "
        "20: thin and far things come out as blobs or not at all.",
        "Objects of one class are not told apart, and everything is one of the classes it knows.",
        "Pictures unlike those it learned from, by place, season, camera or kind, are answered worse. It is not meant "
        "for decisions on which people's safety depends.",
    ]
    return "## What it cannot do\n\n" + "\n".join(f"* {line}" for line in lines)
