"""Three tasks, one outline: what the Trainer may ask of each, and what each must not do."""

import json
import shutil
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from sklearn import metrics as oracle
from torch import nn
from torch.nn import functional

from emo_core import metrics
from emo_core.checkpoint import SHIPPED, CheckpointError, load_checkpoint
from emo_core.data.cache import Cache
from emo_core.data.dataset import ClipDataset, Loader
from emo_core.preprocess.batch import Output
from emo_core.preprocess.sample import DecodedWindow, SampleConfig
from emo_core.tasks import (
    TASKS,
    Calibration,
    MultiLabel,
    SingleLabel,
    ValenceArousal,
    described,
    from_description,
)
from emo_core.training.recipes import Recipe
from emo_core.training.run import Data, finish, start
from emo_core.training.trainer import TrainConfig, channels_last, split_scores
from tests.conftest import small_group

CONFIG = SampleConfig(frames=2, width=32, height=24, window_s=1.0)
RNG = np.random.default_rng(0)
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


def test_nothing_to_find_is_a_number_all_the_same():
    scores = SIX.scores(torch.full((8, 6), -3.0), torch.zeros(8, 6), np.arange(8))
    assert scores["f1"] == 0 and scores["auc"] is None and "undefined" in SIX.summary(scores)
    json.dumps(scores, allow_nan=False)


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
    task, groups = ValenceArousal(), np.repeat(["a", "b", "c"], 4)
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


def test_a_split_without_a_valid_moment_is_zero():
    scores = ValenceArousal().scores(
        torch.zeros(2, 3, 2), torch.full((2, 3, 2), -5.0), np.arange(2)
    )
    assert scores["n"] == 0 and scores["ccc"] == 0 and scores["interval"] == [0, 0]


@dataclass(frozen=True)
class Planted:
    """A window whose brightness and tone say its target, whatever the task."""

    index: int
    target: object
    regime: str | None = None
    processes = False

    @property
    def name(self):
        return f"planted/{self.index}"

    @property
    def group(self):
        return str(self.index // 2)

    def key(self, cache):
        return f"task{self.index}"

    def decode(self, config):
        rng, kind = np.random.default_rng(self.index), self.index % 3
        pixels = rng.integers(0, 60, (2, 24, 32, 3)) + 90 * kind
        wave = 9_000 * np.sin(2 * np.pi * (300, 1200, 4000)[kind] * np.arange(16_000) / 16_000)
        return DecodedWindow(
            pixels.astype(np.uint8), np.array([0.2, 0.7], np.float32), wave.astype(np.int16), 1, 1
        )


class Moments(nn.Module):
    """A group model whose scores are those of three moments: (B, 3, 2)."""

    def __init__(self, config):
        super().__init__()
        torch.manual_seed(0)
        self.inner = small_group(classes=6)
        self.config = config

    def forward(self, batch):
        return Output(self.inner(batch).logits.unflatten(-1, (3, 2)), {})


KINDS = {
    "single_label": (SingleLabel(), lambda i: i % 3),
    "multi_label": (
        MultiLabel(("loud", "bright", "rare")),
        lambda i: np.array([i % 3 == 0, i % 3 > 0, i % 3 == 2], np.float32),
    ),
    "valence_arousal": (
        ValenceArousal(),
        lambda i: np.array([(i % 3 - 1, 1 - i % 3)] * 2 + [(-5, -5)], np.float32),
    ),
}


@pytest.mark.parametrize("name", TASKS)
def test_one_trainer_for_every_task(name, tmp_path, monkeypatch):
    task, target = KINDS[name]
    cache = Cache(CONFIG, tmp_path / "cache")
    parts = [
        [Planted(i, target(i), "even" if i % 2 else "odd") for i in numbers]
        for numbers in (range(24), range(100, 113))
    ]
    data = Data(
        Loader(ClipDataset(parts[0], cache), 8, True, 3),
        Loader(ClipDataset(parts[1], cache), 4, False),
        (),
    )
    config = TrainConfig(epochs=10, batch_size=8, lr=3e-3, backbone_lr=3e-3, patience=20)
    recipe = Recipe("x", settings=small_group().config, sample=CONFIG, train=config, task=task)
    model = Moments(recipe.settings) if name == "valence_arousal" else small_group()
    monkeypatch.setattr("emo_core.training.run.build", lambda recipe: model)
    trainer, epochs = start(recipe, tmp_path / "run", data, resume=False)
    history = list(epochs)
    assert history[-1].loss < 0.6 * history[0].loss
    scores = finish("x", recipe, tmp_path / "run", trainer, data)
    assert task.selection_score(scores) == trainer.best > 0.75
    assert set(scores["per_regime"]["odd"]) == {"n", task.main, "interval"}
    parts = [part["n"] for part in scores["per_regime"].values()]
    assert len(parts) == 2 and sum(parts) == scores["n"]
    json.dumps(scores, allow_nan=False)
    card = (tmp_path / "run" / "checkpoint" / "card.md").read_text()
    assert task.summary(scores) in card and "## Calibration" in card
    if name != "valence_arousal":  # its stand-in model is in no catalogue
        loaded = load_checkpoint(tmp_path / "run")
        assert loaded.task == trainer.task and loaded.labels == task.labels
        logits, truth = trainer.logits(data.valid)
        assert loaded.calibration == task.calibrate(logits, truth)
    if name == "multi_label":
        assert trainer.task.pos_weight == (2.0, 0.5, 2.0) and task.pos_weight == ()


def test_kernels_of_pictures_and_of_clips_are_stored_channels_last():
    model = channels_last(nn.ModuleList([nn.Conv2d(4, 6, 3), nn.Conv3d(4, 6, 3), nn.Linear(4, 6)]))
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert model[1].weight.is_contiguous(memory_format=torch.channels_last_3d)


def test_stored_thresholds_score_another_split():
    logits, target, groups = answered()
    chosen = SIX.calibrate(logits, target)
    other = answered(seed=1)
    loader = type(
        "L",
        (),
        {
            "dataset": type(
                "D", (), {"groups": other[2], "windows": [Planted(i, None) for i in range(240)]}
            )
        },
    )
    scores = split_scores(SIX, other[0], other[1], loader, chosen)
    answers = torch.sigmoid(other[0]).numpy() > chosen.thresholds
    wanted = oracle.f1_score(other[1].numpy(), answers, average="macro")
    assert scores["f1"] == pytest.approx(wanted)
    assert chosen != SIX.calibrate(other[0], other[1])  # tuned there they would be others


@pytest.mark.parametrize(
    "task", [SingleLabel(("a", "b")), replace(SIX, pos_weight=(2.0,) * 6), ValenceArousal()]
)
def test_a_task_comes_back_from_json(task):
    config = json.loads(json.dumps({"task": described(task), "labels": task.labels}))
    assert from_description(config["task"], config["labels"]) == task


def test_a_checkpoint_without_a_task_is_single_label(tmp_path):
    old = tmp_path / "old"
    shutil.copytree(SHIPPED / "group-staged", old)
    config = json.loads((old / "config.json").read_text())
    config.pop("task", None)
    config["calibration"].pop("thresholds", None)
    (old / "config.json").write_text(json.dumps(config))
    checkpoint = load_checkpoint(old)
    assert checkpoint.task == SingleLabel(tuple(config["labels"]))
    assert checkpoint.calibration.thresholds == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"task": {"name": "regression", "settings": {}}},
        {"task": None},
        {"calibration": None},
        {"labels": 5},
        {"labels": "abc"},
        {"sample": None},
        {"settings": None},
        {"model": None},
    ],
)
def test_a_description_of_something_else_is_one_sentence(tmp_path, wrong):
    shutil.copytree(SHIPPED / "group-staged", tmp_path / "new")
    path = tmp_path / "new" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **wrong}))
    with pytest.raises(CheckpointError, match="does not describe a model"):
        load_checkpoint(tmp_path / "new")


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
