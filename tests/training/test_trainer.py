"""The loop: learns, resumes exactly, scores every clip, chooses on held-out sources."""

import json
import shutil
import time
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from benchmarks.common import FixedBatches
from emo_core.checkpoint import CheckpointError, find_checkpoint, load_checkpoint, save_checkpoint
from emo_core.cli.console import log_line, show_steps
from emo_core.cli.main import main
from emo_core.data.cache import Cache
from emo_core.data.corpus import Corpus, Item
from emo_core.data.dataset import ClipDataset, EpochBatches, FileWindow, Loader, prepare
from emo_core.preprocess.augment import Augment
from emo_core.preprocess.sample import DecodedWindow, SampleConfig
from emo_core.schema import POLARITIES
from emo_core.tasks import MultiLabel, SingleLabel
from emo_core.training.recipes import RECIPES, Recipe, find_recipe
from emo_core.training.run import absent_labels, copied_windows, finish
from emo_core.training.run_files import TrainingError
from emo_core.training.trainer import TrainConfig, Trainer, lr_schedule, step_rows
from tests.conftest import small_group

CONFIG = SampleConfig(frames=2, width=32, height=24, window_s=1.0)
FAST = TrainConfig(epochs=4, batch_size=4, lr=3e-3, backbone_lr=3e-3, patience=9)


@dataclass(frozen=True)
class Planted:
    """A window whose brightness and tone say its class."""

    index: int
    regime = None
    processes = False

    @property
    def name(self):
        return f"planted/{self.index}"

    @property
    def target(self):
        return self.index % 3

    @property
    def group(self):
        return str(self.index // 2)

    def key(self, cache):
        return f"pl{self.index}"

    def decode(self, config):
        rng = np.random.default_rng(self.index)
        pixels = rng.integers(0, 60, (2, 24, 32, 3)) + 90 * self.target
        t = np.arange(16_000) / 16_000
        wave = 9_000 * np.sin(2 * np.pi * (300, 1200, 4000)[self.target] * t)
        return DecodedWindow(
            pixels.astype(np.uint8), np.array([0.2, 0.7], np.float32), wave.astype(np.int16), 1, 1
        )


@pytest.fixture
def data(tmp_path):
    cache = Cache(CONFIG, tmp_path / "cache")
    train = ClipDataset(
        [Planted(i) for i in range(24)], cache, Augment(modality_dropout=0.1), seed=3
    )
    valid = ClipDataset([Planted(i) for i in range(100, 113)], cache)
    return Loader(train, 4, True, 3), Loader(valid, 4, False)


def trainer(run=None, **changes):
    torch.manual_seed(0)
    return Trainer(small_group(), SingleLabel(), replace(FAST, **changes), run)


def killing(what, number, steps):
    """A progress that is interrupted at the fourth step."""
    if number == 3:
        raise KeyboardInterrupt


def one_step(run, batch):
    """One step of the optimizer, as the only one of a run's next epoch."""
    next(run.epochs(FixedBatches([batch]), None))


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_it_learns_and_scores_every_clip(data, tmp_path):
    epochs = list(trainer(tmp_path / "run", epochs=8).epochs(*data))
    assert epochs[-1].loss < 0.5 * epochs[0].loss
    best = max(epoch.valid["accuracy"] for epoch in epochs)
    assert best > 0.9 and all(epoch.valid["n"] == 13 for epoch in epochs)
    log = (tmp_path / "run" / "log.jsonl").read_text()
    logged = [json.loads(line) for line in log.splitlines()]
    assert [line["loss"] for line in logged] == [epoch.loss for epoch in epochs]


def test_a_killed_run_resumes_with_the_numbers_it_would_have_had(data, tmp_path):
    whole = trainer(tmp_path / "whole")
    losses = [epoch.loss for epoch in whole.epochs(*data)]
    killed = trainer(tmp_path / "killed")
    for epoch in killed.epochs(*data):
        if epoch.index == 1:
            break
    killed.progress = killing  # in the midst of the next epoch
    with pytest.raises(KeyboardInterrupt):
        list(killed.epochs(*data))
    again = trainer(tmp_path / "killed")
    assert again.resume() == 2
    resumed = [epoch.loss for epoch in again.epochs(*data)]
    assert losses[2:] == resumed
    for name, value in weights(whole.model).items():
        assert torch.equal(value, weights(again.model)[name]), name
    whole_log = (tmp_path / "whole" / "log.jsonl").read_text()
    assert (tmp_path / "killed" / "log.jsonl").read_text() == whole_log


def test_the_running_mean_of_the_weights_is_scored_kept_and_resumed(data, tmp_path):
    ours, means = trainer(ema_decay=0.9, epochs=99), {}
    for number, batch in enumerate([*data[0].epoch(0)] * 3):
        one_step(ours, batch)
        keep = min(0.9, (1 + number) / (10 + number)) if number else 0.0
        for name, value in ours.model.named_parameters():
            old = means.get(name, torch.zeros_like(value))
            means[name] = keep * old + (1 - keep) * value.detach().clone()
    kept = dict(ours.scored_model.named_parameters())
    for name, value in means.items():
        assert torch.allclose(kept[name], value, atol=1e-6), name
    assert any(not torch.equal(kept[name], value) for name, value in ours.model.named_parameters())

    whole = trainer(tmp_path / "whole", ema_decay=0.9)
    scores = [epoch.valid["accuracy"] for epoch in whole.epochs(*data)]
    part = trainer(tmp_path / "part", ema_decay=0.9)
    for epoch in part.epochs(*data):
        if epoch.index == 1:
            break
    again = trainer(tmp_path / "part", ema_decay=0.9)
    again.resume()
    assert scores[2:] == [epoch.valid["accuracy"] for epoch in again.epochs(*data)]
    for name, value in weights(whole.scored_model).items():
        assert torch.equal(value, weights(again.scored_model)[name]), name
    best = torch.load(tmp_path / "whole" / "best.pt", weights_only=True)
    whole.load_best()
    assert all(
        torch.equal(value, best[name]) for name, value in weights(whole.scored_model).items()
    )


def test_epochs_are_shuffled_by_seed_and_epoch_and_leave_nobody_out():
    orders = {}
    for seed, epoch in ((0, 0), (0, 1), (1, 0)):
        batches = EpochBatches(10, 4, True, seed)
        batches.epoch = epoch
        orders[seed, epoch] = [index for batch in batches for _, index in batch]
        assert sorted(orders[seed, epoch]) == list(range(10)) and len(batches) == 3
    assert len(set(map(tuple, orders.values()))) == 3


def test_accumulated_steps_equal_one_large_batch(data):
    rows = next(iter(Loader(data[1].dataset, 8, False).epoch(0)))
    halves = [rows[:4], rows[4:8]]
    once, twice = trainer(), trainer(grad_accum_steps=2)
    for run in (once, twice):
        run.bf16 = False
        run.model.train = partial(run.model.train, False)  # batch statistics would differ
        run.optimizer.step = run.optimizer.zero_grad = lambda **_: None  # keep the gradients
    for run, batches in ((once, [rows]), (twice, halves)):
        next(run.epochs(FixedBatches(batches), None))
    pairs = zip(once.model.named_parameters(), twice.model.parameters(), strict=True)
    for (name, one), other in pairs:
        torch.testing.assert_close(one.grad, other.grad, atol=1e-6, rtol=1e-3, msg=name)


def test_rates_warm_up_and_end_at_zero_and_backbones_have_their_own():
    factors = [lr_schedule(done, 0.1) for done in np.linspace(0.001, 1, 200)]
    assert factors[0] < 0.02 and max(factors) == pytest.approx(1, abs=0.02)
    assert factors[-1] == pytest.approx(0, abs=1e-6)
    own = trainer(lr=1e-3, backbone_lr=1e-5)
    rates = {id(p): group["lr"] for group in own.optimizer.param_groups for p in group["params"]}
    assert rates[id(own.model.video.backbone.trunk[0][0].weight)] == 1e-5
    assert rates[id(own.model.fusion.head[2].weight)] == 1e-3
    assert len(rates) == len(list(own.model.parameters()))


def test_training_stops_early_and_keeps_the_best(data, tmp_path, monkeypatch):
    run = trainer(tmp_path / "run", epochs=20, patience=2)
    scores = iter([0.5, 0.9, 0.7, 0.6, 0.8])
    monkeypatch.setattr(run, "evaluate", lambda loader: {"accuracy": next(scores)})
    seen = {}
    for epoch in run.epochs(*data):
        seen[epoch.index] = weights(run.model)
    assert list(seen) == [0, 1, 2, 3]
    run.load_best()
    assert all(torch.equal(v, weights(run.model)[k]) for k, v in seen[1].items())


def test_a_loss_that_is_no_number_stops_with_a_sentence(data, monkeypatch):
    run = trainer()
    monkeypatch.setattr(run, "loss", lambda batch: torch.tensor(torch.nan, requires_grad=True))
    with pytest.raises(TrainingError, match=r"loss is nan in epoch 0.*--set lr="):
        list(run.epochs(*data))


def test_progress_is_told_before_every_step_and_shown_on_a_terminal_only(data, capsys, monkeypatch):
    told = []
    torch.manual_seed(0)
    run = Trainer(small_group(), SingleLabel(), FAST, progress=lambda *what: told.append(what))
    run.next_epoch = 1
    next(run.epochs(data[0], None))
    assert told == [("epoch 2/4", step, 6) for step in range(6)]
    show_steps("epoch 2/4", 0, 6)
    log_line("done")
    assert capsys.readouterr().err == "done\n"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    show_steps("epoch 2/4", 0, 6)
    log_line("done")
    assert capsys.readouterr().err == "\r\x1b[Kepoch 2/4: step 1/6\r\x1b[Kdone\n"


def test_an_epochs_loss_is_the_mean_over_clips_not_over_batches(data, monkeypatch):
    run, losses = trainer(), iter([0.0, 0.0, 0.0, 13.0])  # of 4, 4, 4 and 1 clips
    monkeypatch.setattr(run, "loss", lambda batch: torch.tensor(next(losses), requires_grad=True))
    assert next(run.epochs(data[1], None)).loss == 1


def test_kernels_of_pictures_and_of_clips_are_stored_channels_last():
    convolutions = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv3d(3, 4, 3))
    run = Trainer(convolutions, SingleLabel(), FAST)
    flat, deep = (layer.weight for layer in run.model)
    assert flat.is_contiguous(memory_format=torch.channels_last)
    assert deep.is_contiguous(memory_format=torch.channels_last_3d)


def finished_run(data, tmp_path):
    """Trains, and writes a checkpoint: (recipe, trainer, checkpoint folder)."""
    recipe = Recipe("staged", settings=small_group().config, sample=CONFIG, train=FAST)
    run = Trainer(small_group(), recipe.task, FAST, tmp_path / "run")
    list(run.epochs(*data))
    loaders = type("Data", (), {"valid": data[1], "problems": (), "statement": ""})
    finish("group-staged", recipe, tmp_path / "run", run, loaders)
    return recipe, run, tmp_path / "run" / "checkpoint"


def test_a_checkpoint_comes_back_bit_for_bit(data, tmp_path):
    recipe, run, folder = finished_run(data, tmp_path)
    loaded = load_checkpoint(folder.parent)
    assert loaded.sample == CONFIG and loaded.settings == recipe.settings
    for name, value in weights(run.model).items():
        assert torch.equal(value, loaded.model.state_dict()[name]), name
    card = (folder / "card.md").read_text()
    assert "Calibration" in card and "n = 13" in card


def test_a_checkpoint_on_a_full_disk_is_an_error_of_the_disk(data, tmp_path, monkeypatch):
    _, _, folder = finished_run(data, tmp_path)
    monkeypatch.setattr("emo_core.io.atomic.secrets.token_hex", lambda _: "mine")
    (folder / "model.safetensors.mine.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(folder, load_checkpoint(folder), "")


@pytest.mark.parametrize(
    "damage,words",
    [
        (lambda f: (f / "model.safetensors").write_bytes(b"x" * 50), "is damaged: it has SHA-256"),
        (lambda f: (f / "model.safetensors").unlink(), "missing or damaged"),
        (lambda f: (f / "config.json").write_text("{"), "can't be read"),
        (lambda f: (f / "config.json").write_text('{"format": 99}'), "format 99, expected 1"),
        (lambda f: edit(f, "width", 64), "does not fit"),
        (lambda f: edit(f, "colour", 1), "does not describe a model"),
        (lambda f: edit(f, "labels", ["yes", "no"], None), "labels are yes, no, scores 3"),
        (lambda f: edit(f, "labels", ["yes", "no", "no"], None), "labels are yes, no, no"),
        (lambda f: edit(f, "frames", 0, "sample"), "frames is 0"),
        (lambda f: edit(f, "thresholds", [0.5], "calibration"), "for 3 labels"),
    ],
)
def test_a_damaged_checkpoint_is_one_sentence(data, tmp_path, damage, words):
    _, _, folder = finished_run(data, tmp_path)
    damage(folder)
    with pytest.raises(CheckpointError, match=words) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value)


def edit(folder, key, value, part="settings"):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    (config[part] if part else config)[key] = value
    path.write_text(json.dumps(config))


def test_an_unknown_checkpoint_names_the_known_ones():
    with pytest.raises(CheckpointError, match=r"no checkpoint is called 'nothing'"):
        load_checkpoint("nothing")


def test_clips_that_do_not_decode_are_left_out_by_name(tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no clip")
    windows = [FileWindow("Train/9_9", tmp_path / "bad.mp4", 0, "9"), Planted(1), Planted(2)]
    usable, problems = prepare(windows, Cache(CONFIG, tmp_path / "c"), workers=2)
    assert [w.name for w in usable] == ["planted/1", "planted/2"]
    assert len(problems) == 1 and problems[0].startswith("Train/9_9: ")


@dataclass(frozen=True)
class Stopped(Planted):
    """Somebody presses Ctrl-C while the second of these is decoded."""

    decoded = []  # by all of them

    def decode(self, config):
        self.decoded.append(self.index)
        if len(self.decoded) == 2:
            raise KeyboardInterrupt
        time.sleep(0.05)
        return super().decode(config)


def test_who_stops_the_cache_from_filling_does_not_wait_for_the_rest(tmp_path):
    windows = [Stopped(index) for index in range(60)]
    with pytest.raises(KeyboardInterrupt):
        prepare(windows, Cache(CONFIG, tmp_path / "c"), workers=2)
    assert len(Stopped.decoded) < 20


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_a_temperature_that_can_not_be_is_refused(temperature, tmp_path):
    shutil.copytree(find_checkpoint("group-staged"), tmp_path / "copy")
    config = json.loads((tmp_path / "copy" / "config.json").read_text())
    config["calibration"]["temperature"] = temperature
    (tmp_path / "copy" / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="temperature is .*, expected a number above 0"):
        load_checkpoint(tmp_path / "copy")


def test_weights_that_are_not_finite_are_refused(tmp_path):
    shutil.copytree(find_checkpoint("group-staged"), tmp_path / "copy")
    config = json.loads((tmp_path / "copy" / "config.json").read_text())
    del config["sha256"]  # else they are refused as others
    (tmp_path / "copy" / "config.json").write_text(json.dumps(config))
    path = tmp_path / "copy" / "model.safetensors"
    found = load_file(path)
    found[sorted(found)[0]].view(-1)[0] = float("nan")
    save_file(found, path)
    with pytest.raises(CheckpointError, match="not finite; expected the weights"):
        load_checkpoint(tmp_path / "copy")


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_says_what_it_is(name):
    assert len(RECIPES[name].__doc__.split()) > 15 and find_recipe(name).corpus


@pytest.mark.parametrize(
    "recipe,wrong,words",
    [
        ("group-staged", "settings.width=97", "can be built: width 97 is not a multiple of heads"),
        ("mesm-staged", "sample.mel.bands=16", "can't read a window: audio pictures are"),
        ("fe2e-staged", "sample.face_size=20", "can't read a window: "),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_anything_is_read(
    recipe, wrong, words, tmp_path, capsys
):
    run = tmp_path / "run"
    train = ["train", recipe, "--data", str(tmp_path / "none"), "--out", str(run), "--set", wrong]
    assert main(train) == 2
    said = capsys.readouterr().err
    assert words in said and "expected settings that fit together" in said
    assert not run.exists()


@pytest.mark.parametrize("sizes", [[2, 2, 2, 2], [4, 2], [3, 3, 1], [4, 4, 4]])
def test_every_step_has_the_gradient_of_its_big_batch(sizes, data):
    """Also where a step has fewer batches, or a smaller last one, than the others."""
    rows = next(iter(Loader(data[1].dataset, sum(sizes[:2]), False).epoch(0)))
    ends = np.cumsum(sizes[:2])
    parts = [
        type(rows)(**{k: v[b - a : b] for k, v in vars(rows).items() if v is not None})
        for a, b in zip(sizes[:2], ends, strict=True)
    ]
    once, twice = trainer(), trainer(grad_accum_steps=3)  # the only step has two batches of three
    for run in (once, twice):
        run.bf16 = False
        run.model.train = partial(run.model.train, False)  # batch statistics would differ
        run.optimizer.step = run.optimizer.zero_grad = lambda **_: None  # keep the gradients
    for run, batches in ((once, [rows]), (twice, parts)):
        next(run.epochs(FixedBatches(batches), None))
    for a, b in zip(once.model.parameters(), twice.model.parameters(), strict=True):
        if a.grad is not None:
            torch.testing.assert_close(a.grad, b.grad, atol=1e-6, rtol=1e-4)


def gradients_of_steps(batches, accumulated):
    """The gradient of every optimizer step of an epoch, weights unchanged, float32."""
    run, found = trainer(grad_accum_steps=accumulated, max_grad_norm=1e9), []
    run.bf16 = False
    run.model.train = partial(run.model.train, False)  # batch statistics would differ

    def note(**_):
        found.append([p.grad.clone() for p in run.model.parameters() if p.grad is not None])

    run.optimizer.step = note
    next(run.epochs(FixedBatches(batches), None))
    return found


@pytest.mark.parametrize(
    ("sizes", "accumulated"), [([2, 2, 2, 2, 2], 2), ([3, 3, 3, 1], 3), ([2, 2, 1], 2), ([4, 1], 4)]
)
def test_every_step_of_an_epoch_with_an_odd_end_equals_its_big_batch(sizes, accumulated, data):
    rows = next(iter(Loader(data[1].dataset, sum(sizes), False).epoch(0)))

    def cut(parts):
        ends = np.cumsum(parts)
        fields = {k: v for k, v in vars(rows).items() if v is not None}
        return [
            type(rows)(**{k: v[b - a : b] for k, v in fields.items()})
            for a, b in zip(parts, ends, strict=True)
        ]

    big = gradients_of_steps(cut(step_rows(sizes, accumulated)), 1)
    small = gradients_of_steps(cut(sizes), accumulated)
    assert len(big) == len(small) == -(-len(sizes) // accumulated)
    for one, other in zip(big, small, strict=True):
        whole, parts = (torch.cat([g.flatten() for g in step]) for step in (one, other))
        assert float((whole - parts).norm() / whole.norm()) < 1e-6


def test_a_step_counts_its_own_clips():
    assert step_rows([4, 4, 4, 2], 2) == [8, 6] and step_rows([4, 2], 1) == [4, 2]
    assert step_rows([4, 4, 1], 2) == [8, 1]


def test_a_run_that_only_warms_up_ends_at_its_full_rate():
    assert lr_schedule(0.5, 1.0) == 0.5 and lr_schedule(1.0, 1.0) == 1.0


@pytest.mark.parametrize(("norm", "cut"), [(0.0, False), (1e-3, True), (1e9, False)])
def test_gradients_are_cut_where_a_run_does(norm, cut, data):
    run, found = trainer(max_grad_norm=norm), []

    def note(**_):
        gradients = [p.grad.flatten() for p in run.model.parameters() if p.grad is not None]
        found.append(float(torch.cat(gradients).norm()))

    run.optimizer.step = note
    rows = next(iter(Loader(data[1].dataset, 4, False).epoch(0)))
    next(run.epochs(FixedBatches([rows]), None))
    assert (found[0] < 2e-3) is cut


def test_training_without_a_class_warns(tmp_path):
    items = [Item(f"Train/{i}", tmp_path, "train", POLARITIES[i % 2], str(i)) for i in range(4)]
    items.append(Item("Val/9", tmp_path, "val", POLARITIES[2], "9"))
    corpus, recipe = Corpus("vgaf", tmp_path, tuple(POLARITIES), tuple(items)), Recipe("vgaf")
    assert absent_labels(recipe, corpus) == [POLARITIES[2]]
    assert absent_labels(replace(recipe, samples_on_the_fly=64), corpus) == []  # composed beside
    many = replace(recipe, task=MultiLabel(("a", "b", "c")))
    both = replace(items[0], label=("a", "c"))
    assert absent_labels(many, replace(corpus, items=(both,))) == ["b"]


def test_copies_of_held_out_clips_in_train_are_found_whatever_their_name(tmp_path):
    paths = {}
    for name, content in (("a", "1"), ("b", "2"), ("c", "1"), ("d", "3")):
        paths[name] = tmp_path / name
        paths[name].write_text(content)
    windows = {n: FileWindow(n, path, 0, n) for n, path in paths.items()}
    windows["e"] = replace(windows["a"], name="e", span_s=(0.0, 1.0))
    train, valid = ([windows[n] for n in names] for names in ("abe", "cd"))
    assert copied_windows(train, valid, Cache(SampleConfig(), tmp_path / "cache")) == ["a"]
