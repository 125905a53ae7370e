"""The model card: `README.md` of a weights folder, every figure taken from what a training run measured."""

import os
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData

from unet.data.known_sets import KNOWN_DATA, describe_data
from unet.errors import WeightsError
from unet.evaluation import confusion
from unet.evaluation.metrics import METRIC_LABELS
from unet.hub.file_names import CARD_FILE, CURVES_FILE, SPLIT_FILE
from unet.network.encoders import encoder_class
from unet.prediction.refinement import LONGEST
from unet.training import class_card
from unet.training.card_facts import CardFacts, Measured, folders_of, part_label
from unet.training.card_onnx import onnx_section

__all__ = ["CardFacts", "card_metadata", "measured_sections", "relative_name", "write_card", "write_text"]

LICENSE_NAME = "mit-code-research-data"
# The benchmark fills it in.
CLICKS = """## Clicks

<!-- clicks:begin -->
Not measured: `python benchmarks/clicks.py --data DIR --weights THESE` puts its table here.
<!-- clicks:end -->"""


LOSS_NAMES = {
    "dice": "Binary cross-entropy plus Dice",
    "edge": "Binary cross-entropy plus IoU, both with weights that rise towards the contour (F3Net, Wei et al. 2020),",
}


def write_card(folder: str | Path, facts: CardFacts, repo_id: str | None = None) -> None:
    """Write `README.md` into `folder`, which exists; `repo_id`: Hub repo, `user/name`, that it is published as, if any.

    Raises:
        WeightsError: The file cannot be written.
    """
    folder = Path(folder)
    source = repo_id or relative_name(folder)
    introduction, scores, usage, limits = measured_sections(facts, source)
    sections = (
        introduction,
        scores,
        *([CLICKS] if facts.network["clicks"] else []),
        usage,
        *([onnx_section(facts, source, bool(repo_id))] if facts.onnx else []),
        _training(facts),
        _data(facts),
        limits,
        "## Versions\n\n" + ", ".join(f"{name} {version}" for name, version in facts.versions.items()) + ".",
    )
    text = f"---\n{card_metadata(facts, repo_id, facts.onnx).to_yaml()}\n---\n\n" + "\n\n".join(sections) + "\n"
    write_text(folder / CARD_FILE, text)


def measured_sections(facts: Measured, source: str) -> tuple[str, str, str, str]:
    """The sections that depend on the weights and their scores: introduction, scores, usage and limits."""
    if facts.config.classes:
        introduction, usage = class_card.introduction(facts), class_card.usage(facts, source)
        return introduction, class_card.scores(facts, source), usage, class_card.limits(facts)
    return _introduction(facts), _scores(facts, source), _usage(facts, source), _limits(facts)


def write_text(file: Path, text: str) -> None:
    """Write a card.

    Raises:
        WeightsError: The file cannot be written.
    """
    try:
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise WeightsError(f"{file}: the card could not be written ({error.strerror or error})") from error


def card_metadata(facts: Measured, repo_id: str | None = None, onnx: bool = False) -> ModelCardData:
    """The card's header, in the Hub's own terms; measured scores as `model-index`."""
    results = []
    labels, over, tags = (METRIC_LABELS, "mean of pictures", ["foreground-segmentation", "background-removal"])
    if facts.config.classes:
        labels, over, tags = confusion.METRIC_LABELS, "over all pixels", ["semantic-segmentation"]
    for part, row in facts.config.scores.items():
        used = [describe_data(name) for name in folders_of(part, facts.data)]
        results += [
            EvalResult(
                task_type="image-segmentation",
                dataset_type="+".join(data.identifier for data in used) or "unnamed",
                dataset_name=" + ".join(data.name for data in used) or "unnamed",
                dataset_split=part_label(part).replace(" ", "_"),
                dataset_args={"pictures": row.get("pictures")},
                metric_type=metric,
                metric_name=f"{label}, {over}",
                metric_value=round(value, 4),
            )
            for metric, label in labels.items()
            if (value := row.get(metric)) is not None
        ]
    encoder = facts.network["encoder"]
    return ModelCardData(
        model_name=repo_id.split("/")[-1] if repo_id else f"unet-{encoder}",
        license="other",
        license_name=LICENSE_NAME,
        license_link=f"https://huggingface.co/{repo_id}#data-and-terms" if repo_id else None,
        library_name="pytorch",
        pipeline_tag="image-segmentation",
        tags=["u-net", *tags, "pytorch_model_hub_mixin", *["onnx"] * onnx],
        datasets=[describe_data(name).identifier for name in facts.data] or None,
        metrics=list(labels) if results else None,
        eval_results=results or None,
    )


def relative_name(folder: Path) -> str:
    """`folder` as seen from here, or just its name: a card has no use for the paths of one machine."""
    path = Path(os.path.relpath(folder))
    return folder.resolve().name if path.is_absolute() or ".." in path.parts else path.as_posix()


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} seconds"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _introduction(facts: Measured) -> str:
    height, width = facts.config.size
    encoder = encoder_class(facts.network["encoder"]).description
    looks = "Where the object is small, it sees its surroundings from close by, too."
    if facts.config.flip:
        looks += " Where it is not, and the first answer leaves doubts, it sees the mirror image."
    clicks = (
        " It also takes clicks that say what belongs to the foreground and what does not; the region they mean is then "
        "predicted again from a crop around it, and both results are averaged."
    ) * bool(facts.network["clicks"])
    return (
        "# U-Net foreground segmentation\n\n"
        f"A U-Net (Ronneberger et al. 2015) with {encoder} that tells the foreground of a photograph from its "
        f"background: widths {', '.join(map(str, facts.network['widths']))}, {facts.parameters:,} parameters, "
        f"{facts.file_bytes / 1e6:.1f} MB in half precision. It sees pictures at {width} x {height}. {looks} The "
        "answers are averaged, and the probabilities brought back to the picture's own size: along its own edges up to "
        f"{LONGEST} pixels (fast guided filter, He and Sun 2015), bilinearly beyond.{clicks}"
    )


def _scores(facts: Measured, source: str) -> str:
    scores = facts.config.scores
    if not scores:
        return "## Scores\n\nNothing has been measured."
    lines = [
        f"| Part | Data | Pictures | {' | '.join(METRIC_LABELS.values())} |",
        "|---|---|--:|" + "--:|" * len(METRIC_LABELS),
    ]
    for part, row in scores.items():
        names = " + ".join(describe_data(name).name for name in folders_of(part, facts.data))
        values = (row.get(metric) for metric in METRIC_LABELS)
        cells = " | ".join("n/a" if value is None else f"{value:.4f}" for value in values)
        lines.append(f"| {part_label(part)} | {names} | {row.get('pictures')} | {cells} |")
    return (
        "## Scores\n\n" + f"**{facts.collapse}**\n\n" * bool(facts.collapse) + "\n".join(lines) + "\n\n"
        "Each is measured on every picture at its original size, pixels marked unknown left out, in 32-bit floating "
        f"point and at threshold {facts.config.threshold:g}, and then averaged over the pictures. Boundary F "
        "is given only where no mask of a part has unknown pixels (n/a: some have). `python -m unet evaluate --weights "
        f"{source} --data DIR --split PART`, with the folder of a row and `val`, `test` or `extra_test`, measures it "
        "again, with its spread."
        f"{_empties(facts)}"
    )


def _empties(facts: Measured) -> str:
    """The pictures without foreground, part by part."""
    lines = [
        f"* {part_label(part)}: {row['empty']} of {row['pictures']} pictures without foreground, "
        f"{row['empty_right']} of them answered so"
        + ("." if row["iou_of_others"] is None else f"; IoU of the others {row['iou_of_others']:.4f}.")
        for part, row in facts.config.scores.items()
        if row.get("empty")
    ]
    text = "A picture without foreground in truth and answer counts as an IoU of 1:"
    return f"\n\n{text}\n\n" + "\n".join(lines) if lines else ""


def _usage(facts: Measured, source: str) -> str:
    sets = sum(name.split("/")[0] == "val" for name in facts.config.scores)
    weighing = f" Each of the {sets} validation sets weighs the same." * (sets > 1)
    return (
        "## How to load\n\n"
        "With the code of the project (`unet/`) on the Python path:\n\n"
        "```python\n"
        "from unet import UNet\n\n"
        f'model = UNet.from_pretrained("{source}")  # (B, 3, H, W) normalised picture -> (B, 1, H, W) logits\n'
        "```\n\n"
        "Decoding, preprocessing and the picture's own size included:\n\n"
        "```python\n"
        "from unet import Predictor, mask_from_prob, read_picture, save_png\n\n"
        f'predictor = Predictor.load("{source}")\n'
        'picture = read_picture("photo.jpg")\n'
        "prob8 = predictor.prob8(picture.rgb)  # (H, W) uint8, 255 times the probability of foreground\n"
        'save_png(mask_from_prob(prob8, predictor.threshold), "mask.png")\n'
        "```\n\n"
        "## The threshold\n\n"
        f"A pixel belongs to the mask where `prob8 >= 255 * {facts.config.threshold:g}`. Of the values whose mean IoU "
        f"on the {facts.split_counts.get('val', 0)} validation pictures lies within one standard error of the best, "
        "this one is nearest to one half; no test picture "
        f"was used to find it.{weighing}"
    )


def _training(facts: CardFacts) -> str:
    if facts.init_from:
        start = f"started from the weights `{facts.init_from}`"
    elif encoder_class(facts.network["encoder"]).imagenet:
        start = "started from ImageNet weights (see below) with a new expansive path"
    else:
        start = "trained from scratch"
    loss = (class_card.LOSS_NAMES if facts.config.classes else LOSS_NAMES)[facts.loss]
    epochs = "1 epoch" if facts.epochs == 1 else f"{facts.epochs} epochs"
    kept = f"epoch {facts.best_epoch} " + (
        "had the highest mean IoU on validation and was kept" if facts.validated > 1 else "was validated and kept"
    )
    return (
        "## Training\n\n"
        f"```bash\n{facts.command}\n```\n\n"
        f"Seed {facts.seed}, {start}, {epochs} in {_duration(facts.seconds)}; {kept}. "
        f"{loss} on the known pixels, "
        "also at coarser levels (deep supervision), AdamW with warm-up and cosine decay, "
        "gradient clipping, augmented pictures, and an average of the weights over the steps, which is shipped.\n\n"
        f"![Training loss and validation scores over the epochs]({CURVES_FILE})"
    )


def _data(facts: CardFacts) -> str:
    counts = facts.split_counts
    parts = ", ".join(f"{counts[part]} {part.replace('_', ' ')}" for part in counts if counts[part])
    listed = "\n".join(f"* **{data.name}**: {data.description}" for data in map(describe_data, facts.data))
    unlisted = [part.replace("_", " ") for part in ("train_an_epoch", "extra_train") if counts.get(part)]
    aside = f", {' and '.join(unlisted)} aside" if unlisted else ""
    text = f"## Data and terms\n\nPictures: {parts}. `{SPLIT_FILE}` lists them by name{aside}.\n\n{listed}\n\n"
    if facts.config.reading:
        read = "\n".join(f"* {name}: {row['means']} ({row['why']})." for name, row in facts.config.reading.items())
        text += f"How their masks were read:\n\n{read}\n\n"
    if any(name.lower() in KNOWN_DATA for name in facts.data):
        text += (
            "The photographs of the data sets named here were published for research without an open licence. They "
            "are not part of this repository and are not redistributed.\n\n"
        )
    text += (
        "The code is under the MIT licence, and so are the weights as far as their authors can grant it. The "
        "photographs they were trained on have owners and terms of their own, which these authors cannot waive; hence "
        "`license: other`. Use the weights for research and evaluation; for more, check those terms first or train on "
        "pictures of your own."
    )
    if credit := encoder_class(facts.network["encoder"]).imagenet:
        text += f"\n\n{credit}"
    return text


def _limits(facts: Measured) -> str:
    scores = facts.config.scores
    lines, test = [], scores.get("test", {})
    if (iou := test.get("iou")) is not None:
        lines.append(
            f"On the test pictures the mask and the truth share {iou:.0%} of the area that either covers, on average; "
            f"the rest, {1 - iou:.0%}, is wrong. Some pictures fail altogether: look at a mask before relying on it."
        )
        if test["pictures"] is not None and test["pictures"] < 100:
            lines.append(f"{test['pictures']} test pictures are few: a difference of some hundredths may be chance.")
        two_folders = [name.lower() for name in facts.data] == ["iseg", "ecssd"]
        salient = scores.get("extra_test" if two_folders else "extra_test/ecssd", {}).get("iou")
        if facts.data[0].lower() == "iseg" and salient is not None and salient > iou:
            lines.append(
                f"Pictures with one salient object go better (extra test of ECSSD, IoU {salient:.2f}) than those where "
                f"the wanted object is one of several (test, {iou:.2f}): what is meant is a guess from the picture "
                "alone."
            )
    side = max(facts.config.size)
    lines += [
        f"The network sees {side} pixels of the longer side. In a photograph of {20 * side} pixels, one of these spans "
        f"20. Contours are led to the edges that the photograph has at {LONGEST} pixels afterwards, but wires, spokes, "
        "single hairs and gaps between leaves come out as blobs or not at all.",
        "What fifty cut-outs by the program's default weights showed: clothes and things of the ground's own colour or "
        "pattern come out with holes, which a lower threshold often closes; tails, rigging, straps and other thin "
        "parts are cut off, or bring along what lies between them; of several like things in a row one may be left "
        "out, and of a person beside a large thing either may be taken. Specks of the background may stay beside what "
        "was meant: leaves, lamps, a car's lights.",
        "One mask for all of the foreground: objects are not told apart and not named. Hidden parts are not completed, "
        "and glass, smoke or motion blur get a hard edge.",
        "Drawings, screenshots, documents, medical and aerial pictures are unlike the photographs it learned from. It "
        "was not examined for differences between groups of people, and is not meant for decisions about them.",
    ]
    return "## What it cannot do\n\n" + "\n".join(f"* {line}" for line in lines)
