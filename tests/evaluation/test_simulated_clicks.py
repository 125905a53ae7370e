"""Simulated clicks against brute force: where the next click falls, and what training is shown."""

import numpy as np
import pytest
from generated import draw_pair, write_folder

from unet.data.pairs import find_pairs, load_resized
from unet.evaluation.simulated_clicks import (
    click_session,
    draw_clicks,
    first_clicks,
    ious_after_clicks,
    next_click,
    simulate_clicks,
)
from unet.pictures.clicks import BACKGROUND, FOREGROUND, click_maps
from unet.training.augment import paste


def square(size, top, left, side):
    target = np.zeros(size, dtype=np.uint8)
    target[top : top + side, left : left + side] = 1
    return target


def components(region):
    """8-connected regions, found by flooding."""
    left, found = set(zip(*np.nonzero(region), strict=True)), []
    while left:
        stack, part = [left.pop()], []
        while stack:
            row, column = stack.pop()
            part.append((row, column))
            near = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            stack += near
        found.append(part)
    return found


def depth(region, row, column):
    """Distance of a pixel to the nearest one outside `region`, beyond the picture included."""
    outside = np.argwhere(~np.pad(region, 1)) - 1
    return np.hypot(*(outside - (row, column)).T).min()


@pytest.mark.parametrize("seed", range(6))
def test_the_next_click_is_the_centre_of_the_largest_wrong_region(seed):
    rng = np.random.default_rng(seed)
    target = (rng.random((20, 26)) < 0.5).astype(np.uint8)
    target[:3] = 255
    mask = rng.random(target.shape) < 0.5
    click = next_click(mask, target)
    parts = [
        (len(part), label, part)
        for label, wrong in ((FOREGROUND, (target == 1) & ~mask), (BACKGROUND, (target == 0) & mask))
        for part in components(wrong)
    ]
    largest = max(size for size, _, _ in parts)
    candidates = [(label, part) for size, label, part in parts if size == largest]
    (chosen,) = [part for label, part in candidates if label == click.label and (click.y, click.x) in part]
    region = np.zeros(target.shape, dtype=bool)
    region[tuple(np.transpose(chosen))] = True
    deepest = max(depth(region, *place) for place in chosen)
    assert depth(region, click.y, click.x) == pytest.approx(deepest, abs=0.5)  # cv2's distances are approximate


def test_a_right_mask_needs_no_click_and_unknown_pixels_are_never_wrong():
    target = square((12, 12), 3, 3, 5)
    assert next_click(target == 1, target) is None
    target[5, 5] = 255
    assert next_click(square((12, 12), 3, 3, 5) == 1, target) is None


def test_a_pixel_is_not_clicked_twice():
    target = square((9, 9), 4, 4, 1)
    first = next_click(np.zeros((9, 9), dtype=bool), target)
    assert (first.x, first.y, first.label) == (4, 4, FOREGROUND)
    assert next_click(np.zeros((9, 9), dtype=bool), target, [first]) is None


@pytest.mark.parametrize("seed", range(5))
def test_first_clicks_tell_the_truth(seed):
    target = square((40, 50), 5, 7, 20)
    target[5, 7:27] = 255
    clicks = first_clicks(np.random.default_rng(seed), target)
    assert any(click.label == FOREGROUND for click in clicks)
    for click in clicks:
        assert target[int(click.y), int(click.x)] == (1 if click.label == FOREGROUND else 0)


def test_training_clicks_correct_the_answer_and_leave_others_automatic():
    targets = np.stack([square((40, 40), 4, 4, 16)] * 8)
    answers = []

    def predict(pictures, maps):
        answers.append(pictures)
        return np.zeros(maps[:, 0].shape, dtype=bool)  # everything is missed, always

    drawn = [None if index % 2 else draw_clicks(np.random.default_rng(index), targets[index]) for index in range(8)]
    maps = simulate_clicks(predict, targets, drawn)
    assert maps.shape == (8, 2, 40, 40)
    assert not maps[1::2].any()
    assert maps[::2, 0].any(axis=(1, 2)).all()
    assert 1 <= len(answers) <= 2
    assert not any(index % 2 for pictures in answers for index in pictures)  # automatic ones are not asked about
    again = simulate_clicks(predict, targets[:1], drawn[:1])
    np.testing.assert_array_equal(again[0], maps[0])


def test_clicks_of_a_picture_without_foreground_are_background():
    clicks = first_clicks(np.random.default_rng(1), np.zeros((9, 9), dtype=np.uint8))
    assert all(click.label == BACKGROUND for click in clicks)
    assert click_maps(clicks, (9, 9), (9, 9)).shape == (2, 9, 9)


def test_a_pasted_object_shows_and_the_labels_are_its_own_the_others_or_both():
    rgb, other = (draw_pair(seed, 60, 60)[0] for seed in (0, 1))
    target, donor_target = square((60, 60), 5, 5, 30), square((60, 60), 25, 25, 25)
    donor_target[24, 25:50] = 255
    donor, below = donor_target == 1, (target == 1) & (donor_target != 1)
    meanings = {"donor": donor, "below": below, "both": donor | below}
    seen = set()
    for seed in range(40):
        pasted, labels = paste(np.random.default_rng(seed), rgb, target, other, donor_target)
        np.testing.assert_array_equal(pasted[30:45, 30:45], other[30:45, 30:45])
        np.testing.assert_array_equal(pasted[:20, :20], rgb[:20, :20])
        known = labels != 255
        assert not (~known & (donor_target != 255)).any()
        seen |= {name for name, meant in meanings.items() if ((labels == 1) == meant)[known].all()}
    assert seen == set(meanings)


def test_nothing_is_pasted_where_there_is_no_object():
    rgb, target = draw_pair(0, 30, 30)
    labels = np.where(target > 127, 1, 0).astype(np.uint8)
    for donor_target in (np.zeros((30, 30), np.uint8), np.ones((30, 30), np.uint8)):
        pasted, same = paste(np.random.default_rng(0), rgb, labels, rgb[::-1], donor_target)
        np.testing.assert_array_equal(pasted, rgb)
        np.testing.assert_array_equal(same, labels)


def test_a_session_corrects_until_nothing_is_wrong():
    target = np.zeros((40, 60), np.uint8)
    target[5:20, 5:20] = target[25:35, 40:58] = 1

    def answer(clicks):
        """A method that fills in the region that is clicked, and nothing else."""
        mask = np.zeros(target.shape, bool)
        for click in clicks:
            part = np.zeros(target.shape, bool)
            part[:22] = True
            mask |= (target == 1) & (part if click.y < 22 else ~part)
        return mask

    session = list(click_session(answer, target, 10))
    assert [len(clicks) for clicks, _ in session] == [1, 2]
    assert (session[0][0][0].x, session[0][0][0].y) == (12, 12)  # the centre of the larger part
    assert np.array_equal(session[-1][1], target == 1)


def test_a_session_ends_at_its_limit():
    target = np.zeros((20, 20), np.uint8)
    target[4:9, 4:9] = 1
    session = list(click_session(lambda clicks: np.zeros(target.shape, bool), target, 7))
    assert len(session) == 7
    assert len({(click.x, click.y) for click in session[-1][0]}) == 7


def test_ious_after_clicks_are_those_of_the_masks(tmp_path):
    folder = write_folder(tmp_path / "shapes", 3)

    class Painter:
        """Marks a disk of 8 pixels around each foreground click."""

        def prob8(self, rgb, clicks):
            rows, columns = np.ogrid[: rgb.shape[0], : rgb.shape[1]]
            mask = np.zeros(rgb.shape[:2], bool)
            for click in clicks:
                if click.label == 1:
                    mask |= (rows - click.y) ** 2 + (columns - click.x) ** 2 <= 64
            return mask.astype(np.uint8) * 255

    pairs = find_pairs(folder)
    ious = ious_after_clicks(Painter(), pairs, (1, 4), 0.5)
    assert ious.shape == (3, 2)
    rgb, target = load_resized(pairs[0])
    click = next_click(np.zeros(target.shape, bool), target)
    mask = Painter().prob8(rgb, [click]) > 0
    both, either = (mask & (target == 1)).sum(), (mask | (target == 1)).sum()
    assert ious[0, 0] == pytest.approx(both / either)
    np.testing.assert_array_equal(ious_after_clicks(Painter(), pairs, (1, 4), 0.5, threads=3), ious)
    assert ious_after_clicks(Painter(), [], (1, 4), 0.5).shape == (0, 2)
