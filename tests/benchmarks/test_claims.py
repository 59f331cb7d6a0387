"""The table of claims: intervals, verdicts, and defects that do what they are named for."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.experiments import claims

ROOT = Path(__file__).parents[2]


def test_the_interval_is_students():
    mean, low, high = claims.interval(np.array([0.9, 1.0, 1.1]))
    assert mean == pytest.approx(1.0)
    half = 4.303 * 0.1 / 3**0.5
    assert (low, high) == pytest.approx((1 - half, 1 + half))
    assert np.isnan(claims.interval(np.array([0.9]))[1])


@pytest.mark.parametrize(
    "low,high,margin,expected",
    [
        (0.01, 0.2, 0.0, "holds"),
        (-0.2, -0.01, 0.0, "does not hold"),
        (-0.1, 0.1, 0.0, "undecided"),
        (-0.005, 0.02, -0.01, "holds"),
        (float("nan"), float("nan"), 0.0, "one seed: no verdict"),
    ],
)
def test_a_verdict_needs_the_whole_interval(low, high, margin, expected):
    assert claims.verdict(low, high, margin) == expected


def scores(accuracy: float) -> dict:
    regimes = {"synced": {"n": 5, "accuracy": accuracy / 2, "interval": [0, 1]}}
    return {"accuracy": accuracy, "f1": accuracy, "per_regime": regimes}


def test_differences_are_taken_seed_by_seed_and_what_did_not_run_says_so():
    found = {
        "group-two-way": {s: scores(0.9 + s / 100) for s in range(3)},
        "group-late": {s: scores(0.7 + s / 100) for s in range(2)},
    }
    text = claims.table(found)
    (row,) = [line for line in text.splitlines() if "timing matters" in line]
    assert "| 0.100 (0.100 to 0.100) | holds | 2 |" in row  # synced: halves, both seeds alike
    assert sum("not run" in line for line in text.splitlines()) == len(claims.CLAIMS) - 1
    assert "| group-two-way | per_regime.synced.accuracy |" in text


def test_every_claim_names_variants_that_exist_and_recipes_that_start():
    from emo_core.training.recipes import find_recipe
    from emo_core.training.settings import with_setting

    for claim in claims.CLAIMS:
        assert {claim.better, claim.worse} <= set(claims.VARIANTS)
    for variant in claims.VARIANTS.values():
        recipe = find_recipe(variant.recipe)
        for setting in variant.settings:
            recipe = with_setting(recipe, setting)
        assert recipe.corpus == variant.corpus
        assert variant.trained == "" or variant.trained in claims.VARIANTS


@pytest.mark.parametrize(
    "defect, leaks", [("across-the-batch", True), ("across-a-batch-of-one", False)]
)
def test_the_published_vanilla_attends_across_the_batch_and_ours_does_not(defect, leaks):
    code = """
import sys, torch
sys.path[:0] = ["benchmarks", "tests"]
from tests.conftest import random_batch
from dataclasses import replace
from benchmarks.experiments.published_defects import DEFECTS, leak
from emo_core.models.jmt import POCKET, Jmt
torch.manual_seed(0)
batch = random_batch(rows=3, frames=16, people=1)
other = replace(batch, mel=torch.cat([batch.mel[:1], batch.mel[1:] + 3]))
model = Jmt(replace(POCKET, fusion="vanilla", width=32, hidden=32))
print(leak(model, batch, other))
before = model(batch).logits
DEFECTS[sys.argv[1]]()
print(leak(model, batch, other), (model(batch).logits - before).abs().max().item())
"""
    done = subprocess.run(
        [sys.executable, "-c", code, defect], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    ours, published, changed = map(float, done.stdout.split())
    assert ours < 1e-6 and (published > 1e-5) == leaks and changed > 1e-5


def test_thresholds_tuned_on_the_scored_split_can_only_look_better():
    from emo_core.tasks import MultiLabel

    g = torch.Generator().manual_seed(0)
    target = torch.randint(0, 2, (60, 6), generator=g).float()
    logits = target + torch.randn(60, 6, generator=g) * 2
    groups, task = np.arange(60), MultiLabel()
    honest = task.scores(logits, target, groups)["f1"]
    tuned = task.scores(logits, target, groups, task.calibrate(logits, target))["f1"]
    assert tuned > honest
