"""Three tasks, one outline: what the Trainer may ask of each, and what each must not do."""

import json
import shutil
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from sklearn import metrics as oracle
from torch import nn

from emo_core.checkpoint import (
    SHIPPED,
    CheckpointError,
    load_checkpoint,
    task_config,
    task_from_config,
)
from emo_core.data.cache import Cache
from emo_core.data.dataset import ClipDataset, Loader
from emo_core.messages import in_language
from emo_core.preprocess.batch import Output
from emo_core.preprocess.sample import DecodedWindow, SampleConfig
from emo_core.tasks import TASKS
from emo_core.tasks.multi import MultiLabel
from emo_core.tasks.single import SingleLabel
from emo_core.tasks.valence_arousal import ValenceArousal
from emo_core.training.recipes import Recipe
from emo_core.training.run import Data, finish, start
from emo_core.training.trainer import TrainConfig, channels_last, split_scores
from tests.conftest import small_group
from tests.tasks.test_multi import answered

CONFIG = SampleConfig(frames=2, width=32, height=24, window_s=1.0)
SIX = MultiLabel()


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
        return Output(self.inner(batch).logits.unflatten(-1, (3, 2)))


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
    config = json.loads(json.dumps({"task": task_config(task), "labels": task.labels}))
    assert task_from_config(config["task"], config["labels"]) == task


def test_a_checkpoint_without_a_task_is_single_label(tmp_path):
    old = tmp_path / "old"
    shutil.copytree(SHIPPED / "group-staged", old)
    config = json.loads((old / "config.json").read_text())
    config.pop("task", None), config.pop("sha256")  # as old ones
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


@pytest.mark.parametrize("task", [SingleLabel(), SIX, ValenceArousal()], ids=lambda it: it.name)
def test_the_plainest_answer_has_a_name_in_every_language(task):
    _, words = task.constant_answer(task.labels)
    assert in_language(words, "de") != words
