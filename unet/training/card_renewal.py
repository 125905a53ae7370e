"""A model card whose weights were measured again."""

from pathlib import Path

from unet.errors import WeightsError
from unet.hub.file_names import CARD_FILE
from unet.training.card import card_metadata, measured_sections, relative_name, write_text
from unet.training.card_facts import Measured


def renew_card(folder: str | Path, facts: Measured, repo_id: str | None = None) -> None:
    """Put what was measured anew into the card of `folder`; what it says of training, data and clicks stays.

    `repo_id`: the Hub repo, `user/name`, that the weights are published as, if they are.

    Raises:
        WeightsError: The card cannot be read or written, or is not one that train.py wrote.
    """
    file = Path(folder) / CARD_FILE
    try:
        _, _, text = file.read_text(encoding="utf-8").partition("\n# ")
    except OSError as error:
        raise WeightsError(f"{file}: the card could not be read ({error.strerror or error})") from error
    sections = _sections(text)
    renewed = _sections("\n\n".join(measured_sections(facts, repo_id or relative_name(file.parent)))[2:])
    if missing := renewed.keys() - sections.keys():
        raise WeightsError(f"{file}: not a card that train.py wrote, it has no heading {sorted(missing)[0]!r}")
    sections |= renewed
    header = card_metadata(facts, repo_id, onnx="ONNX" in sections).to_yaml()
    write_text(file, f"---\n{header}\n---\n\n# " + "\n\n## ".join(sections.values()) + "\n")


def _sections(text: str) -> dict[str, str]:
    """The sections of a card by their headings, from that of the card on, without the marks before the headings."""
    return {part.partition("\n")[0]: part.rstrip("\n") for part in text.split("\n## ")}
