"""Scores against scikit-learn, SciPy-free closed forms and simulation."""

import json

import numpy as np
import pytest
import torch
from sklearn import metrics as oracle

from emo_core import metrics
from emo_core.tasks import MultiLabel, SingleLabel, ValenceArousal

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


YES = RNG.random((300, 4)) < [0.5, 0.2, 0.05, 0.9]
CHANCE = np.clip(YES * 0.3 + RNG.random((300, 4)).round(1) * 0.7, 0, 1)  # with ties


def test_yes_or_no_scores_equal_scikit_learns():
    answers = CHANCE > 0.45
    scores = metrics.binary_scores(metrics.outcomes(YES, answers).sum(0))
    for i in range(4):
        pair = (YES[:, i], answers[:, i])
        assert scores["accuracy"][i] == pytest.approx(oracle.accuracy_score(*pair))
        assert scores["weighted_accuracy"][i] == pytest.approx(
            oracle.balanced_accuracy_score(*pair)
        )
        assert scores["f1"][i] == pytest.approx(oracle.f1_score(*pair))
        assert scores["recall"][i] == pytest.approx(oracle.recall_score(*pair))
        assert scores["precision"][i] == pytest.approx(oracle.precision_score(*pair))
    wanted = [oracle.roc_auc_score(YES[:, i], CHANCE[:, i]) for i in range(4)]
    np.testing.assert_allclose(metrics.roc_auc(YES, CHANCE), wanted)


def test_weighted_accuracy_is_the_papers_formula():
    hits, false, missed, rejected = metrics.outcomes(YES, CHANCE > 0.5).sum(0).T
    positives, negatives = hits + missed, false + rejected
    formula = (hits * negatives / positives + rejected) / (2 * negatives)
    counts = np.stack([hits, false, missed, rejected], axis=-1)
    np.testing.assert_allclose(metrics.binary_scores(counts)["weighted_accuracy"], formula)


def test_what_is_undefined_is_nan_and_left_out_of_means():
    no, yes = np.zeros((5, 1), bool), np.ones((5, 1), bool)
    never = metrics.binary_scores(metrics.outcomes(no, no).sum(0))
    assert np.isnan(never["f1"][0]) and np.isnan(never["weighted_accuracy"][0])
    assert never["accuracy"][0] == 1
    assert np.isnan(metrics.roc_auc(yes, np.ones((5, 1)))[0])
    assert metrics.mean_defined(np.array([0.5, np.nan, 1.0])) == 0.75
    assert np.isnan(metrics.mean_defined(np.array([np.nan])))
    assert metrics.number(np.float64("nan")) is None


def slow_ccc(x: np.ndarray, y: np.ndarray) -> float:
    """Lin's coefficient by correlation and standard deviations."""
    rho = np.corrcoef(x, y)[0, 1]
    return 2 * rho * x.std() * y.std() / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def concordance(x, y) -> float:
    return float(metrics.ccc(metrics.moments(np.asarray(x, float), np.asarray(y, float)).sum(0)))


def test_concordance_of_known_cases():
    x = RNG.normal(size=500)
    assert concordance(x, x) == pytest.approx(1)
    assert concordance(-(x - x.mean()), x - x.mean()) == pytest.approx(-1)
    shift = 0.7  # y = x + d: 2 v / (2 v + d^2)
    assert concordance(x + shift, x) == pytest.approx(2 * x.var() / (2 * x.var() + shift**2))
    centred = x - x.mean()  # y = a x: 2 a / (1 + a^2)
    assert concordance(3 * centred, centred) == pytest.approx(6 / 10)
    y = 0.5 * x + RNG.normal(size=500)
    assert concordance(x, y) == pytest.approx(slow_ccc(x, y))
    for constant in (concordance(np.full(9, 0.3), x[:9]), concordance(np.full(9, 0.3), [0.3] * 9)):
        assert constant == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 0.3, -0.7, 1.0])
@pytest.mark.parametrize("count", [2, 3, 9, 1000, 100_003])
def test_two_equal_constants_agree_by_nothing(value, count):
    assert concordance(np.full(count, value), np.full(count, value)) == 0


@pytest.mark.parametrize("spread", [1e-4, 1e-5])
def test_equal_values_that_hardly_vary_agree_all_the_same(spread):
    x = 0.3 + spread * RNG.normal(size=2000)
    assert concordance(x, x) == pytest.approx(1, abs=1e-4)
    assert concordance(x, 0.6 - x) == pytest.approx(-1, abs=0.01)  # mean 0.3 but for its error


TASKS = {  # task, logits and targets of so many clips
    "single": (SingleLabel(), lambda n: (torch.randn(n, 3), torch.arange(n) % 3)),
    "multi": (MultiLabel(), lambda n: (torch.randn(n, 6), torch.eye(6)[torch.arange(n) % 6])),
    "values": (ValenceArousal(), lambda n: (torch.randn(n, 4, 2), torch.rand(n, 4, 2) - 0.5)),
}


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", TASKS)
def test_answers_that_are_no_numbers_are_refused(name, wrong):
    task, made = TASKS[name]
    logits, target = made(12)
    logits[[2, 7, 7], ..., 0] = wrong
    groups = np.arange(12)
    with pytest.raises(metrics.MetricError, match="2 of 12 answers are no numbers"):
        task.scores(logits, target, groups)
    with pytest.raises(metrics.MetricError, match="no numbers"):
        task.judge(logits, target, task.labels)
    if name != "values":  # it calibrates nothing
        with pytest.raises(metrics.MetricError, match="no numbers"):
            task.calibrate(logits, target)


@pytest.mark.parametrize("name", TASKS)
def test_nothing_to_score_is_null_in_every_task(name):
    task, made = TASKS[name]
    logits, target = made(12)
    scores = task.scores(logits[:0], target[:0], np.arange(0))
    numbers = {k: v for k, v in scores.items() if k in ("accuracy", "f1", "uar", "ccc", "smoothed")}
    assert numbers and set(numbers.values()) == {None} and scores["n"] == 0
    assert scores["interval"] is None and scores["interval_note"] == (
        "0 sources; an interval needs 5"
    )
    assert "undefined (no interval: 0 sources; an interval needs 5)" in task.summary(scores)
    assert task.selection_score(scores) < -1  # below any score
    json.dumps(scores, allow_nan=False)


def test_no_valid_moment_is_nothing_to_score():
    task = ValenceArousal()
    scores = task.scores(torch.rand(6, 4, 2), torch.full((6, 4, 2), -5.0), np.arange(6))
    assert scores["ccc"] is scores["smoothed"] is scores["interval"] is None
    assert scores["per_class"]["valence"]["ccc"] is None and scores["invalid"] == 24


@pytest.mark.parametrize("name", TASKS)
def test_an_interval_needs_five_sources(name):
    task, made = TASKS[name]
    logits, target = made(40)
    for sources in (1, 4, 5, 8):
        scores = task.scores(logits, target, np.arange(40) % sources)
        assert (scores["interval"] is None) is (sources < 5)
        assert ("interval_note" in scores) is (sources < 5)
        if sources < 5:
            assert "an interval needs 5" in task.summary(scores)
        else:
            low, high = scores["interval"]
            assert low <= scores[task.main] <= high


def test_a_mean_over_classes_says_which_are_absent():
    logits, target = torch.randn(20, 3), torch.arange(20) % 2
    scores = SingleLabel().scores(logits, target, np.arange(20))
    assert scores["absent"] == ["negative"]
    assert "no clip of negative, which means leave out" in SingleLabel().summary(scores)
    whole = SingleLabel().scores(logits, torch.arange(20) % 3, np.arange(20))
    assert whole["absent"] == [] and "means leave out" not in SingleLabel().summary(whole)
    many = torch.zeros(20, 6)
    many[:, :2] = 1
    scores = MultiLabel().scores(torch.randn(20, 6), many, np.arange(20))
    assert scores["absent"] == list(MultiLabel().labels[2:])


def test_box_filter_equals_scipys():
    from scipy.ndimage import uniform_filter1d

    for count in (1, 7, 200):
        values = RNG.normal(size=count)
        for size in (1, 5, 20, 50):
            wanted = uniform_filter1d(values, size, mode="constant")
            np.testing.assert_allclose(metrics.box_filter(values, size), wanted, atol=1e-12)


def test_the_authors_evaluation_step_by_step():
    from scipy.ndimage import uniform_filter1d

    lengths = {"b": 120, "a": 77}  # two videos, frames numbered from 1
    tracks = {
        v: (RNG.normal(0, 0.8, (n, 2)), RNG.uniform(-1, 1, (n, 2))) for v, n in lengths.items()
    }
    tracks["b"][1][30:34] = -5
    smooth, truth = [], []
    for x, y in tracks.values():
        bad = (y == -5).all(1)
        x, y = np.where(bad[:, None], 0, x.clip(-1, 1)), np.where(bad[:, None], 0, y)
        smooth.append(
            np.stack(
                [uniform_filter1d(x[:, i], s, mode="constant") for i, s in ((0, 20), (1, 50))], 1
            )
        )
        truth.append(y)
    wanted = [slow_ccc(np.concatenate(smooth)[:, i], np.concatenate(truth)[:, i]) for i in (0, 1)]
    x, y = (np.concatenate([t[i] for t in tracks.values()]) for i in (0, 1))
    sources = np.repeat(list(lengths), list(lengths.values()))
    number = np.concatenate([np.arange(1, n + 1) for n in lengths.values()])
    np.testing.assert_allclose(metrics.ccc_of_authors_code(x, y, sources), wanted, atol=1e-9)
    mixed = RNG.permutation(len(x))  # as windows of 32 phases come
    found = metrics.ccc_of_authors_code(x[mixed], y[mixed], sources[mixed], number[mixed])
    np.testing.assert_allclose(found, wanted, atol=1e-9)
    same = np.full(len(x), "raw video")  # two faces of one video: a gap in the numbers parts them
    gapped = number + np.where(sources == "a", 1000, 0)
    found = metrics.ccc_of_authors_code(x[mixed], y[mixed], same, gapped[mixed])
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_resampled_sums_are_those_of_whole_groups():
    parts, groups = RNG.random((6, 2)), np.array(list("aabccc"))
    drawn = metrics.bootstrap_sums(parts, groups, draws=50)
    rng = np.random.default_rng(0)
    sums = np.stack([parts[groups == g].sum(0) for g in "abc"])
    wanted = sums[rng.integers(0, 3, (50, 3))].sum(1)
    np.testing.assert_allclose(drawn, wanted)
    assert metrics.bootstrap_sums(parts[:0], groups[:0], draws=3).shape == (3, 2)


@pytest.mark.parametrize("hits, count", [(450, 500), (9, 10), (5, 5), (0, 7), (1, 1)])
def test_a_share_is_at_least_what_scipys_interval_begins_with(hits, count):
    from scipy.stats import binomtest

    both_ends = binomtest(hits, count).proportion_ci(0.9, "wilson")
    assert metrics.share_at_least(hits, count) == pytest.approx(max(0.0, both_ends.low), abs=1e-4)
    assert metrics.share_at_least(0, 0) == 0.0
