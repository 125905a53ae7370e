import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from card_scores import SCORES
from generated import draw_pair
from huggingface_hub import ModelCard
from PIL import Image

from unet import Predictor, UNet
from unet.errors import WeightsError
from unet.network.lite0 import LITE0_WIDTHS
from unet.network.unet import count_parameters
from unet.network.weights import WeightsConfig, save_weights
from unet.pictures.classes import ClassTable, SegmentClass
from unet.pictures.decode import read_picture
from unet.pictures.draw import mask_from_prob
from unet.training.card import card_metadata, write_card


@pytest.fixture
def card(facts, tmp_path):
    write_card(tmp_path, facts, repo_id="user/name")
    return ModelCard.load(tmp_path / "README.md")


def test_the_hub_understands_the_header(card):
    data = card.data
    assert (data.pipeline_tag, data.library_name, data.license) == ("image-segmentation", "pytorch", "other")
    assert data.license_name
    assert data.license_link == "https://huggingface.co/user/name#data-and-terms"
    assert "## Data and terms" in card.text
    assert data.datasets == ["interactive-segmentation", "ecssd"]
    assert {"u-net", "foreground-segmentation"} <= set(data.tags)


def test_the_model_index_holds_every_measured_figure_and_no_other(card):
    found = {
        (result.dataset_split, result.metric_type): (result.metric_value, result.dataset_args, result.dataset_type)
        for result in card.data.eval_results
    }
    sets = {"val": "interactive-segmentation", "test": "interactive-segmentation", "extra_test": "ecssd"}
    names = {"val": "validation", "test": "test", "extra_test": "extra_test"}
    assert found == {
        (names[part], metric): (round(value, 4), {"pictures": row["pictures"]}, sets[part])
        for part, row in SCORES.items()
        for metric, value in row.items()
        if metric != "pictures" and value is not None
    }
    assert card.data.model_name == "name"


def test_the_table_has_scores_and_picture_counts(card):
    rows = [line for line in card.text.splitlines() if line.startswith("| ") and "Part" not in line]
    assert rows == [
        "| validation | Interactive Segmentation | 17 | 0.6123 | 0.7100 | 0.1200 | 0.8800 | n/a |",
        "| test | Interactive Segmentation | 23 | 0.6432 | 0.7300 | 0.1300 | 0.8700 | n/a |",
        "| extra test | ECSSD | 81 | 0.8568 | 0.9000 | 0.0500 | 0.9500 | 0.7000 |",
    ]


@pytest.mark.parametrize(
    "said",
    [
        "python train.py --data photos/iseg --extra-data photos/ecssd --seed 41",
        "4,155,937 parameters",
        "8.5 MB",
        "272 x 208",
        "101 train, 709 extra train, 17 val, 23 test, 81 extra test",
        "Seed 41",
        "37 epochs in 2 h 15 min",
        "epoch 29 had the highest",
        "prob8 >= 255 * 0.43",
        "on the 17 validation pictures",
        "share 64% of the area that either covers, on average; the rest, 36%, is wrong",
        "extra test of ECSSD, IoU 0.86",
        "23 test pictures are few",
        "torch 2.13.0",
        "![Training loss and validation scores over the epochs](curves.png)",
        "Gulshan",
        "Apache-2.0",
        "are not redistributed",
        "ImageNet weights",
    ],
)
def test_the_text_says_what_was_measured(said, card):
    assert said in card.text


def test_no_figure_stands_there_that_was_not_measured(card):
    allowed = {f"{value:.4f}" for row in SCORES.values() for value in row.values() if isinstance(value, float)}
    allowed |= {f"{SCORES[part]['iou']:.2f}" for part in ("test", "extra_test")}
    allowed |= {"0.43", "8.5", "3.11", "2.13", "2.0"}  # threshold, megabytes, versions, licence
    assert set(re.findall(r"\d+\.\d+", card.text)) <= allowed


@pytest.mark.parametrize(
    ("changes", "encoder", "said"),
    [
        ({"init_from": "runs/before"}, "lite0", "started from the weights `runs/before`"),
        ({}, "lite0", "started from ImageNet weights"),
        ({}, "plain", "trained from scratch"),
    ],
)
def test_where_the_weights_started_from(changes, encoder, said, facts, tmp_path):
    facts = replace(facts, network={**facts.network, "encoder": encoder}, **changes)
    write_card(tmp_path, facts)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert said in text
    assert ("Apache-2.0" in text) == (encoder == "lite0")


def test_data_nobody_knows_is_named_and_nothing_is_claimed_of_it(facts, tmp_path):
    config = replace(facts.config, scores={"test": SCORES["test"]})
    write_card(tmp_path, replace(facts, data=["My Photos!"], config=config))
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.datasets == ["my-photos"]
    assert card.data.eval_results[0].dataset_name == "My Photos!"
    assert "**My Photos!**" in card.text
    for claim in ("Gulshan", "ECSSD", "published for research", "salient"):
        assert claim not in card.text


def test_each_data_set_has_its_rows_and_entries_in_the_model_index(facts, tmp_path):
    row = SCORES["extra_test"]
    parts = ("val", "val/ecssd", "val/duts", "test", "extra_test/ecssd", "extra_test/people")
    scores = {part: {**row, "pictures": number} for number, part in enumerate(parts, start=1)} | {
        "test": SCORES["test"]
    }
    config = replace(facts.config, scores=scores, data=("iseg", "ecssd", "duts", "people"))
    write_card(tmp_path, replace(facts, data=list(config.data), config=config))
    card = ModelCard.load(tmp_path / "README.md")
    rows = [line.split(" | ")[:3] for line in card.text.splitlines() if line.startswith("| ") and "Part" not in line]
    assert rows == [
        ["| validation", "Interactive Segmentation", "1"],
        ["| validation", "ECSSD", "2"],
        ["| validation", "DUTS", "3"],
        ["| test", "Interactive Segmentation", "23"],
        ["| extra test", "ECSSD", "5"],
        ["| extra test", "People", "6"],
    ]
    found = {(r.dataset_type, r.dataset_split, r.dataset_args["pictures"]) for r in card.data.eval_results}
    assert ("duts", "validation", 3) in found
    assert ("people", "extra_test", 6) in found
    assert len(found) == len(parts)
    assert "Each of the 3 validation sets weighs the same." in card.text
    assert "extra test of ECSSD, IoU 0.86" in card.text
    for source in ("Image-level Supervision", "EG1800", "Clothing Co-Parsing"):
        assert source in card.text


def test_weights_without_scores_have_a_card_too(facts, tmp_path):
    write_card(tmp_path, replace(facts, config=replace(facts.config, scores={})))
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.eval_results is None
    assert "Nothing has been measured." in card.text
    assert "On the test pictures" not in card.text


def test_clicks_are_mentioned_where_the_network_takes_them(facts, tmp_path):
    for clicks in (False, True):
        write_card(tmp_path, replace(facts, network={**facts.network, "clicks": clicks}))
        assert ("takes clicks" in (tmp_path / "README.md").read_text(encoding="utf-8")) == clicks


@pytest.mark.parametrize(
    ("repo", "command"),
    [
        ("user/name", "hf download user/name model.onnx --local-dir ~/.u2net"),
        (None, "mkdir -p ~/.u2net && cp FOLDER/model.onnx ~/.u2net/"),
    ],
)
def test_the_onnx_file_is_described_where_there_is_one(facts, tmp_path, repo, command):
    for onnx in (False, True):
        write_card(tmp_path, replace(facts, onnx=onnx), repo_id=repo)
        card = ModelCard.load(tmp_path / "README.md")
        assert (command.replace("FOLDER", tmp_path.name) in card.text) == onnx
        assert ("`prob` (B, 1, 320, 320)" in card.text) == onnx
        assert ("onnx" in card.data.tags) == onnx


def test_the_onnx_file_of_classes_has_their_size_and_is_not_for_rembg(facts, tmp_path):
    table = ClassTable(tuple(SegmentClass(n, name) for n, name in enumerate(("sky", "road", "tree"))))
    config = replace(facts.config, classes=table, scores={"val": {"pictures": 3, "mean_iou": 0.5}})
    write_card(tmp_path, replace(facts, config=config, onnx=True))
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "`prob` (B, 3, 208, 272) are the probabilities of the classes" in text
    assert "`classes` and `ids` stand as JSON" in text
    assert "rembg" not in text
    assert "foreground" not in text.split("## ONNX")[1].split("##")[0]


def test_the_snippets_run_as_printed(facts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = UNet(widths=(4, 8))
    save_weights("weights/small", model, WeightsConfig(size=(32, 32), threshold=0.5, scores=SCORES))
    write_card("weights/small", facts)
    Image.fromarray(draw_pair(0)[0]).save("photo.jpg")
    assert "unet." not in "".join(re.findall(r"^from .*", (tmp_path / "weights/small/README.md").read_text(), re.M))
    blocks = re.findall(r"```python\n(.*?)```", (tmp_path / "weights/small/README.md").read_text("utf-8"), re.DOTALL)
    names: dict = {}
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 2
    for name, value in model.state_dict().items():
        assert torch.equal(names["model"].state_dict()[name], value.half().to(value.dtype)), name
    expected = mask_from_prob(Predictor.load("weights/small").prob8(read_picture("photo.jpg").rgb), 0.5)
    np.testing.assert_array_equal(np.asarray(Image.open("mask.png")), expected)


def test_the_snippets_name_the_repo_that_the_weights_go_to(card):
    assert 'UNet.from_pretrained("user/name")' in card.text
    assert 'Predictor.load("user/name")' in card.text


def test_a_card_does_not_show_where_on_this_machine_it_was_written(facts, tmp_path):
    write_card(tmp_path, facts)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert f'from_pretrained("{tmp_path.name}")' in text


def test_a_real_network_can_be_described(facts):
    model = UNet(encoder="lite0", widths=LITE0_WIDTHS)
    metadata = card_metadata(replace(facts, network=model.init_config, parameters=count_parameters(model)))
    assert metadata.model_name == "unet-lite0"
    assert metadata.license_link is None


def test_a_folder_that_cannot_be_written_is_named(facts, tmp_path):
    with pytest.raises(WeightsError, match="nowhere"):
        write_card(tmp_path / "nowhere", facts)


def test_the_card_says_how_masks_were_read_and_tells_empty_pictures_apart(facts, tmp_path):
    scores = {"test": {**SCORES["test"], "empty": 12, "empty_right": 11, "iou_of_others": 0.5123}}
    reading = {"iseg": {"rule": "ids", "means": "the values are ids", "why": "all values are below 64"}}
    write_card(tmp_path, replace(facts, config=replace(facts.config, scores=scores, reading=reading)))
    text = (tmp_path / "README.md").read_text()
    assert "* iseg: the values are ids (all values are below 64)." in text
    assert "* test: 12 of 23 pictures without foreground, 11 of them answered so; IoU of the others 0.5123." in text


def test_a_collapsed_network_is_said_above_its_scores(facts, card, tmp_path):
    assert "**" not in card.text.partition("## Scores")[2].partition("| Part")[0]
    write_card(tmp_path, replace(facts, collapse="The network answers background everywhere."))
    scores = (tmp_path / "README.md").read_text().partition("## Scores")[2]
    assert scores.startswith("\n\n**The network answers background everywhere.**")


def test_the_card_says_of_how_many_epochs_the_kept_one_was_chosen(facts, tmp_path):
    write_card(tmp_path, facts)
    assert "epoch 29 had the highest mean IoU on validation" in (tmp_path / "README.md").read_text(encoding="utf-8")
    write_card(tmp_path, replace(facts, best_epoch=37, validated=1))
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "epoch 37 was validated and kept" in text
    assert "highest" not in text
