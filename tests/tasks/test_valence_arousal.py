"""Valence and arousal: the loss and scores of JMT's authors, over valid moments only."""

import numpy as np
import pytest
import torch

from emo_core import metrics
from emo_core.tasks.valence_arousal import ValenceArousal

RNG = np.random.default_rng(0)


def slow_ccc_loss(x: np.ndarray, y: np.ndarray, degrees: int) -> float:
    """The authors' form, by correlation and standard deviations."""
    rho = np.corrcoef(x, y)[0, 1]
    spread = x.var(ddof=degrees) + y.var(ddof=degrees) + (x.mean() - y.mean()) ** 2
    return 1 - 2 * rho * x.std(ddof=degrees) * y.std(ddof=degrees) / spread


@pytest.mark.parametrize("unbiased", [True, False])
def test_the_concordance_loss_is_the_authors_over_valid_moments(unbiased):
    task = ValenceArousal(unbiased=unbiased)
    logits, target = torch.randn(5, 16, 2), torch.rand(5, 16, 2) * 2 - 1
    flat = (logits.flatten(0, 1).double().numpy(), target.flatten(0, 1).double().numpy())
    wanted = sum(slow_ccc_loss(flat[0][:, i], flat[1][:, i], int(unbiased)) for i in (0, 1))
    assert task.loss(logits, target).item() == pytest.approx(wanted, abs=1e-5)
    keep = torch.rand(5, 16) < 0.6
    kept = tuple(part[keep.flatten().numpy()] for part in flat)
    wanted = sum(slow_ccc_loss(kept[0][:, i], kept[1][:, i], int(unbiased)) for i in (0, 1))
    for invalid in (-5.0, float("nan")):
        marked = torch.where(keep.unsqueeze(-1), target, invalid)
        assert task.loss(logits, marked).item() == pytest.approx(wanted, abs=1e-5)
    half = target.clone()
    half[~keep, 1] = -5.0  # one of the two is enough to make a moment invalid
    assert task.loss(logits, half).item() == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("shape", [(1, 1, 2), (3, 4, 2)])
@pytest.mark.parametrize("x", [0.3, None], ids=["constant output", "output"])
@pytest.mark.parametrize("y", [0.3, -5.0, None], ids=["constant target", "invalid", "target"])
def test_loss_and_gradient_are_finite(unbiased, shape, x, y):
    generator = torch.Generator().manual_seed(0)
    logits, target = (torch.rand(shape, generator=generator) - 0.5 for _ in range(2))
    logits = (logits if x is None else torch.full(shape, x)).requires_grad_()
    target = target if y is None else torch.full(shape, y)
    loss = ValenceArousal(unbiased=unbiased).loss(logits, target)
    loss.backward()
    assert loss.isfinite() and logits.grad.isfinite().all()
    assert logits.grad.abs().max() < 1e3
    if y == -5.0:
        assert loss.item() == 2 and not logits.grad.any()


def test_valence_and_arousal_are_scored_on_valid_moments_and_as_the_authors_do():
    task, groups = ValenceArousal(), np.repeat(list("abcdef"), 2)
    target = RNG.uniform(-1, 1, (12, 16, 2))
    logits = target + RNG.normal(0, 0.4, target.shape)
    target[3, 5:9] = -5
    scores = task.scores(torch.tensor(logits), torch.tensor(target), groups)
    valid = target[..., 0] > -5
    for i, name in enumerate(task.labels):
        x, y = logits[..., i][valid].clip(-1, 1).astype(np.float32), target[..., i][valid]
        wanted = 1 - slow_ccc_loss(x.astype(float), y, 0)
        assert scores["per_class"][name]["ccc"] == pytest.approx(wanted)
    assert (scores["n"], scores["invalid"]) == (188, 4)
    mean = np.mean([part["ccc"] for part in scores["per_class"].values()])
    assert scores["ccc"] == pytest.approx(mean) == task.selection_score(scores)
    assert scores["interval"][0] < scores["ccc"] < scores["interval"][1]
    assert scores["smoothed"] < 0.5 * scores["ccc"]  # noise without a course in time
    both = metrics.ccc_of_authors_code(
        logits.reshape(-1, 2), target.reshape(-1, 2), np.repeat(groups, 16)
    )
    assert scores["smoothed"] == pytest.approx(both.mean(), abs=1e-6)
    assert f"{scores['ccc']:.3f}" in task.summary(scores)


def test_frame_numbers_beside_the_target_order_the_smoothing():
    task, steps = ValenceArousal(), np.arange(1, 129)
    course = np.stack([np.sin(steps / 20), np.cos(steps / 15)], -1)
    logits = course + RNG.normal(0, 0.3, course.shape)
    groups = np.array(["v"] * 8)
    rows = [steps.reshape(16, 8).T - 1, RNG.permutation(128).reshape(8, 16)]  # phases; anyhow
    found = [
        task.scores(
            torch.tensor(logits[row]),
            torch.tensor(np.concatenate([course[row], row[..., None] + 1.0], -1)),
            groups,
        )
        for row in rows
    ]
    assert found[0]["smoothed"] == pytest.approx(found[1]["smoothed"], abs=1e-6)
    assert found[0]["smoothed"] > 0.5
    unordered = task.scores(torch.tensor(logits[rows[1]]), torch.tensor(course[rows[1]]), groups)
    assert unordered["smoothed"] < 0.3


def test_moments_without_a_frame_are_not_smoothed_in():
    generator = torch.Generator().manual_seed(0)
    logits = torch.rand(4, 16, 2, generator=generator) * 2 - 1
    target = torch.cat([logits * 0.5, torch.arange(64.0).reshape(4, 16, 1)], dim=-1)
    groups, task = np.array(["a"] * 4), ValenceArousal()
    whole = task.scores(logits, target, groups)["smoothed"]
    no_frame = torch.full((1, 16, 3), float("nan"))
    more = task.scores(
        torch.cat([logits, torch.ones(1, 16, 2)]),
        torch.cat([target, no_frame]),
        np.array(["a"] * 5),
    )
    assert more["smoothed"] == pytest.approx(whole)


def test_one_pair_stands_for_all_moments():
    task, logits = ValenceArousal(), torch.randn(6, 8, 2)
    pair = torch.rand(6, 1, 2) * 2 - 1
    pair[2] = float("nan")
    each, groups = pair.repeat(1, 8, 1), np.arange(6)
    assert task.loss(logits, pair) == task.loss(logits, each)
    found = task.scores(logits, pair, groups)
    assert found == task.scores(logits, each, groups) and found["n"] == 40
    ours, theirs = (task.judge(logits, target, task.labels) for target in (pair, each))
    assert np.array_equal(ours.counts, theirs.counts) and ours.words == theirs.words
