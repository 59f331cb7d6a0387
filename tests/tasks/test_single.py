"""One label a clip: loss and scores beside scikit-learn's, temperature, and "not sure"."""

import json

import numpy as np
import pytest
import torch
from sklearn import metrics as oracle
from torch.nn import functional

from emo_core.tasks.interface import Calibration, coverage_lines
from emo_core.tasks.single import THRESHOLDS, FrameLabel, SingleLabel

TASK = SingleLabel()


def answered(rows: int = 240, seed: int = 0):
    """Logits of a fair model, classes, four rows a group."""
    rng = np.random.default_rng(seed)
    target = rng.choice(3, rows, p=(0.5, 0.3, 0.2))
    logits = 2.0 * np.eye(3)[target] + rng.normal(size=(rows, 3))
    return torch.tensor(logits), torch.tensor(target), np.arange(rows) // 4


def test_the_loss_is_the_mean_of_what_the_right_class_costs():
    logits, target, _ = answered()
    p = np.exp(logits.numpy())
    p /= p.sum(1, keepdims=True)
    cost = -np.log(p[np.arange(len(p)), target])
    assert TASK.loss(logits, target).item() == pytest.approx(cost.mean(), rel=1e-5)
    smooth = SingleLabel(smoothing=0.3).loss(logits, target).item()
    assert smooth == pytest.approx((0.7 * cost - 0.3 * np.log(p).mean(1)).mean(), rel=1e-5)


def test_scores_equal_scikit_learns():
    logits, target, groups = answered()
    scores, truth, said = TASK.scores(logits, target, groups), target.numpy(), logits.argmax(-1)
    assert scores["accuracy"] == pytest.approx(oracle.accuracy_score(truth, said))
    assert scores["uar"] == pytest.approx(oracle.balanced_accuracy_score(truth, said))
    assert scores["f1"] == pytest.approx(oracle.f1_score(truth, said, average="macro"))
    assert scores["confusion"] == oracle.confusion_matrix(truth, said).tolist()
    assert scores["chance"] == pytest.approx(np.bincount(truth).max() / len(truth))
    recalls = oracle.recall_score(truth, said, average=None)
    for name, recall, n in zip(TASK.labels, recalls, np.bincount(truth), strict=True):
        assert scores["per_class"][name]["recall"] == pytest.approx(recall)
        assert scores["per_class"][name]["n"] == n
    assert scores["interval"][0] < scores["accuracy"] < scores["interval"][1]
    assert TASK.selection_score(scores) == scores["accuracy"]
    assert f"UAR {scores['uar']:.3f}" in TASK.summary(scores)
    json.dumps(scores, allow_nan=False)


def test_scores_do_not_depend_on_the_order_of_clips():
    logits, target, groups = answered()
    order = np.random.default_rng(1).permutation(len(target))
    first = TASK.scores(logits, target, groups)
    second = TASK.scores(logits[order], target[order], groups[order])
    for name in ("accuracy", "uar", "f1", "coverage", "precision"):
        assert first[name] == pytest.approx(second[name])
    assert first["confusion"] == second["confusion"]


@pytest.mark.parametrize("factor", [1.0, 4.0])
def test_the_temperature_is_the_best_of_a_fine_grid(factor):
    logits, target, _ = answered()
    logits = factor * logits
    found = TASK.calibrate(logits, target).temperature
    grid = np.geomspace(0.5, 10, 2000)
    costs = [functional.cross_entropy(logits / t, target).item() for t in grid]
    assert found == pytest.approx(grid[int(np.argmin(costs))], rel=0.03)  # a step is 5 %


def test_without_one_mistake_the_temperature_stays_at_a_half():
    certain = 9.0 * torch.eye(3)
    assert TASK.calibrate(certain, torch.arange(3)).temperature == pytest.approx(0.5)


def test_a_wanted_precision_gives_fewer_answers_and_better_ones():
    logits, target, groups = answered(600)
    free = SingleLabel().calibrate(logits, target)
    strict = SingleLabel(precision=0.85).calibrate(logits, target)
    assert free.abstain_below == 0.5 < strict.abstain_below < THRESHOLDS[-1]
    many, few = (TASK.scores(logits, target, groups, c) for c in (free, strict))
    assert few["coverage"] < many["coverage"] and few["precision"] >= 0.85 > many["accuracy"]
    hopeless = SingleLabel(precision=0.999).calibrate(logits[:20], target[:20])
    assert hopeless.abstain_below == THRESHOLDS[-1]
    assert "too few clips" in SingleLabel(precision=0.999).choice(hopeless)


def test_where_no_clip_gets_an_answer_none_is_right():
    logits, target, groups = answered(12)
    scores = TASK.scores(0 * logits, target, groups, Calibration(abstain_below=0.5))
    assert scores["coverage"] == 0 and scores["precision"] is None


def test_frames_are_clips_in_a_row():
    logits, target, _ = answered(12)
    whole = TASK.loss(logits, target)
    torch.testing.assert_close(FrameLabel().loss(logits, target.reshape(3, 4)), whole)


def test_a_name_that_is_no_label_is_refused():
    assert [TASK.target(name) for name in TASK.labels] == [0, 1, 2]
    with pytest.raises(ValueError, match="not in tuple"):
        TASK.target("joyful")


def test_words_say_how_many_clips_get_an_answer():
    scores = {"n": 8, "coverage": 0.75, "precision": 5 / 6}
    assert "answers 6 of 8 clips, 5 of them right" in coverage_lines(scores)[0]
    assert "none of 8 clips" in coverage_lines(scores | {"coverage": 0.0, "precision": None})[0]
    assert coverage_lines({"n": 8}) == []
