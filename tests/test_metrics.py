"""Scores against scikit-learn, SciPy-free closed forms and simulation."""

import numpy as np
import pytest
import torch
from sklearn import metrics as oracle

from emo_core import metrics
from emo_core.tasks import SingleLabel

RNG = np.random.default_rng(0)
TRUTH, GUESS = RNG.integers(0, 3, 200), RNG.integers(0, 3, 200)


def test_scores_equal_scikit_learns():
    counts = metrics.confusion(TRUTH, GUESS, 3)
    assert (counts == oracle.confusion_matrix(TRUTH, GUESS)).all()
    assert metrics.accuracy(TRUTH, GUESS) == pytest.approx(oracle.accuracy_score(TRUTH, GUESS))
    assert metrics.uar(counts) == pytest.approx(oracle.balanced_accuracy_score(TRUTH, GUESS))
    assert metrics.macro_f1(counts) == pytest.approx(oracle.f1_score(TRUTH, GUESS, average="macro"))


def test_a_class_that_does_not_occur_counts_for_nothing():
    counts = metrics.confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 3)
    assert metrics.uar(counts) == pytest.approx(0.75)
    assert np.isnan(metrics.recalls(counts)[2])


def test_calibration_error_of_known_cases():
    sure = np.tile([0.8, 0.1, 0.1], (100, 1))
    right = np.array([0] * 80 + [1] * 20)
    assert metrics.calibration_error(sure, right) == pytest.approx(0, abs=1e-9)
    assert metrics.calibration_error(sure, np.ones(100, int)) == pytest.approx(0.8)


def test_drawing_groups_widens_the_interval_when_groups_agree():
    groups = np.repeat(np.arange(20), 10)
    correct = np.repeat(RNG.random(20) < 0.6, 10)
    clustered = metrics.clustered_interval(correct, groups)
    naive = metrics.clustered_interval(correct, np.arange(200))
    assert clustered[0] <= correct.mean() <= clustered[1]
    assert clustered[1] - clustered[0] > 2 * (naive[1] - naive[0])


def test_interval_covers_the_truth_about_95_times_in_100():
    hits = 0
    for trial in range(100):
        rng = np.random.default_rng(trial)
        rates = rng.beta(14, 6, 60)  # mean 0.7
        correct = rng.random((60, 8)) < rates[:, None]
        low, high = metrics.clustered_interval(
            correct.ravel(), np.repeat(np.arange(60), 8), draws=400
        )
        hits += low <= 0.7 <= high
    assert 86 <= hits <= 100


def test_task_scores_and_calibration():
    task = SingleLabel()
    target = torch.from_numpy(TRUTH)
    logits = torch.nn.functional.one_hot(target, 3) * 6.0 + torch.randn(200, 3)
    scores = task.scores(logits, target, np.arange(200) // 5)
    assert scores["n"] == 200 and scores["accuracy"] > 0.95
    assert sum(part["n"] for part in scores["per_class"].values()) == 200
    unsure = torch.nn.functional.one_hot(target, 3) * 2.0 + torch.randn(200, 3)
    plain, loud = (task.calibrate(unsure * factor, target).temperature for factor in (2.0, 6.0))
    assert loud == pytest.approx(3 * plain, rel=0.1)
