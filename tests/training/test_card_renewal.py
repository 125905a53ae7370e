from dataclasses import replace

import pytest

from unet.errors import WeightsError
from unet.training.card import write_card
from unet.training.card_renewal import renew_card


@pytest.mark.parametrize("onnx", [False, True])
def test_a_renewed_card_is_the_one_with_the_new_scores_and_keeps_what_others_wrote(facts, onnx, tmp_path):
    facts = replace(facts, network={**facts.network, "clicks": True}, onnx=onnx)
    better = {part: {**row, "iou": 0.875} for part, row in facts.config.scores.items()}
    newer = replace(facts, config=replace(facts.config, scores=better, threshold=0.61))
    write_card(tmp_path, newer)
    expected = (tmp_path / "README.md").read_text(encoding="utf-8").replace("Not measured: ", "Measured. ")
    write_card(tmp_path, facts)
    file = tmp_path / "README.md"
    file.write_text(file.read_text(encoding="utf-8").replace("Not measured: ", "Measured. "), encoding="utf-8")
    assert file.read_text(encoding="utf-8") != expected
    renew_card(tmp_path, newer)
    assert file.read_text(encoding="utf-8") == expected


def test_what_train_did_not_write_is_not_renewed(facts, tmp_path):
    write_card(tmp_path, facts)
    file = tmp_path / "README.md"
    text = file.read_text(encoding="utf-8").replace("## Scores", "## My scores")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(WeightsError, match="no heading 'Scores'"):
        renew_card(tmp_path, facts)
    assert file.read_text(encoding="utf-8") == text


def test_a_card_that_is_missing_cannot_be_renewed(facts, tmp_path):
    with pytest.raises(WeightsError, match=r"README\.md: the card could not be read"):
        renew_card(tmp_path, facts)
