"""Many labels a clip: weights, scores beside scikit-learn's, thresholds."""

import json

import numpy as np
import pytest
import torch
from sklearn import metrics as oracle
from torch.nn import functional

from emo_core.tasks.interface import Calibration, WindowLogits
from emo_core.tasks.multi import MultiLabel

SIX = MultiLabel()


def answered(rows: int = 240, seed: int = 0):
    """Logits of a fair model, multi-hot targets, four rows a group."""
    rng = np.random.default_rng(seed)
    target = rng.random((rows, 6)) < [0.5, 0.3, 0.1, 0.6, 0.2, 0.05]
    logits = 2.0 * target - 1.5 + rng.normal(size=target.shape)
    tensors = (torch.tensor(values, dtype=torch.float32) for values in (logits, target))
    return *tensors, np.arange(rows) // 4


def test_a_yes_weighs_as_many_as_there_are_noes():
    targets = [SIX.target(label) for label in (("anger", "sad"), "anger", (), ("happy",))]
    assert targets[0].tolist() == [1, 0, 0, 0, 1, 0] and targets[0].dtype == np.float32
    task = SIX.fitted(targets)
    assert task.pos_weight == (1.0, 4.0, 4.0, 3.0, 3.0, 4.0)
    logits, target = torch.randn(4, 6), torch.tensor(np.array(targets))
    p, w = torch.sigmoid(logits), torch.tensor(task.pos_weight)
    wanted = -(w * target * p.log() + (1 - target) * (1 - p).log()).mean()
    torch.testing.assert_close(task.loss(logits, target), wanted)
    plain = functional.binary_cross_entropy_with_logits(logits, target)
    torch.testing.assert_close(SIX.loss(logits, target), plain)


def test_multi_label_scores_equal_scikit_learns_at_the_given_thresholds():
    logits, target, groups = answered()
    thresholds = (0.2, 0.3, 0.4, 0.5, 0.6, 0.1)
    scores = SIX.scores(logits, target, groups, Calibration(thresholds=thresholds))
    values = torch.sigmoid(logits).numpy()
    truth, answers = target.numpy(), values > thresholds
    assert scores["f1"] == pytest.approx(oracle.f1_score(truth, answers, average="macro"))
    assert scores["auc"] == pytest.approx(oracle.roc_auc_score(truth, values))
    for i, label in enumerate(SIX.labels):
        part = scores["per_class"][label]
        balanced = oracle.balanced_accuracy_score(truth[:, i], answers[:, i])
        assert part["weighted_accuracy"] == pytest.approx(balanced)
        assert part["recall"] == pytest.approx(oracle.recall_score(truth[:, i], answers[:, i]))
        assert part["n"] == truth[:, i].sum()
    assert scores["accuracy"] == pytest.approx((truth == answers).mean())
    assert scores["all_negative"] == pytest.approx(1 - truth.mean())
    assert scores["interval"][0] < scores["f1"] < scores["interval"][1]
    line = SIX.summary(scores)
    assert "weighted accuracy" in line and ", accuracy" in line and "all negative" in line


def test_on_a_one_hot_set_saying_no_to_everything_is_right_five_times_of_six():
    target = torch.eye(6).repeat(5, 1)
    scores = SIX.scores(torch.full((30, 6), -9.0), target, np.arange(30))
    assert scores["accuracy"] == scores["all_negative"] == pytest.approx(5 / 6)
    assert scores["weighted_accuracy"] == 0.5 and scores["f1"] == 0


def test_thresholds_are_the_best_of_the_grid():
    logits, target, _ = answered()
    found = SIX.calibrate(logits, target).thresholds
    values = torch.sigmoid(logits).numpy()
    grid = [round(0.05 * step, 2) for step in range(1, 20)]
    for i in range(6):
        f1 = [oracle.f1_score(target[:, i], values[:, i] > t, zero_division=0) for t in grid]
        assert found[i] == pytest.approx(grid[int(np.argmax(f1))])
    nothing = SIX.calibrate(logits, torch.zeros_like(target)).thresholds
    assert nothing == (0.5,) * 6


def test_scores_do_not_choose_thresholds():
    logits, target, groups = answered()
    low = logits - 3  # at 0.5 almost nothing is found; a threshold tuned here would find it
    tuned = SIX.scores(low, target, groups, SIX.calibrate(low, target))
    assert SIX.scores(low, target, groups)["f1"] < 0.5 * tuned["f1"]


def test_nothing_to_find_is_undefined():
    scores = SIX.scores(torch.full((8, 6), -3.0), torch.zeros(8, 6), np.arange(8))
    assert scores["f1"] is None and scores["auc"] is None and scores["interval"] is None
    assert scores["accuracy"] == 1.0 and scores["absent"] == list(SIX.labels)
    assert "undefined" in SIX.summary(scores) and SIX.selection_score(scores) < -1
    json.dumps(scores, allow_nan=False)


def test_a_name_that_is_no_label_is_refused():
    with pytest.raises(ValueError, match="not in tuple"):
        SIX.target(("anger", "bored"))


def test_near_its_threshold_the_strongest_label_is_not_sure():
    calibration = Calibration(abstain_below=0.8, thresholds=(0.9, 0.5, 0.5, 0.5, 0.5, 0.5))
    wanted = {
        (0.95, 0.05): True,  # odds 19 against 9 of its threshold: 0.68
        (0.98, 0.05): False,
        (0.5, 0.75): True,
        (0.5, 0.85): False,
        (0.2, 0.3): True,  # below, but near
        (0.2, 0.1): False,  # surely none
    }
    for (first, second), unsure in wanted.items():
        values = torch.tensor([[first, second, 0.01, 0.01, 0.01, 0.01]])
        one = WindowLogits.of_equal_windows(values.logit(), torch.zeros(1, 0, dtype=torch.bool))
        assert SIX.answer(one, calibration).abstains is unsure, (first, second)
        assert not SIX.answer(one, Calibration(thresholds=calibration.thresholds)).abstains


def test_not_sure_is_chosen_so_that_the_other_answers_are_right():
    """Answers farther than 0.8 from their threshold are right, nearer ones by chance."""
    rng = np.random.default_rng(0)
    truth = np.zeros((4000, 6), bool)
    logits = np.full((4000, 6), -6.0)
    label = rng.integers(6, size=4000)
    strength = rng.uniform(-4, 4, 4000)
    sure = np.abs(strength) > np.log(4)
    right = sure | (rng.random(4000) < 0.5)
    rows = np.arange(4000)
    logits[rows, label] = strength
    truth[rows, label] = (strength > 0) == right
    values = 1 / (1 + np.exp(-logits))
    task = MultiLabel(precision=0.97)
    found = task._abstain_below(values, truth, (0.5,) * 6)
    assert 0.74 <= found <= 0.8
    chosen = Calibration(abstain_below=found, thresholds=(0.5,) * 6)
    assert "Not sure" in task.choice(chosen) and "97 %" in task.choice(chosen)
    assert "Not sure" not in SIX.choice(chosen)
    assert task._abstain_below(values, ~truth, (0.5,) * 6) == 0.99
    assert MultiLabel()._abstain_below(values, ~truth, (0.5,) * 6) == 0.5
