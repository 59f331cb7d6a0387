"""Several processes give one process's numbers; a lost one ends the run; only the first writes.

Every test starts real gloo processes. They are forked from a server that has imported torch, and
meet at a store that this process keeps, as torchrun's agent does.
"""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from emo_core import distributed
from emo_core.cli.main import main
from emo_core.data.cache import Cache
from emo_core.data.dataset import ClipDataset, Loader
from emo_core.models.mesm import POCKET as MESM
from emo_core.models.mesm import Mesm
from emo_core.tasks import SingleLabel
from emo_core.training.trainer import Trainer
from tests.cli.test_command import TINY
from tests.conftest import random_batch, small_group
from tests.training.test_trainer import CONFIG, FAST, Planted

WORLD = 2


@pytest.fixture(scope="module")
def processes():
    """Runs job(rank, *args) in two processes that know each other; returns their exit codes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["torch.distributed.nn.functional", "torch._dynamo", "torchaudio", "pytest", "transformers"]
    )

    def run(job, *args):
        store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        started = [
            context.Process(target=_as_rank, args=(rank, store.port, job, args))
            for rank in range(WORLD)
        ]
        for process in started:
            process.start()
        for process, seconds in zip(started, (60, 5), strict=True):
            process.join(seconds)
            process.kill()  # a late one gives an exit code that nobody expects
            process.join()
        return [process.exitcode for process in started]

    return run


def _as_rank(rank, port, job, args):
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(WORLD),
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
        TORCHELASTIC_USE_AGENT_STORE="True",
    )
    torch.set_num_threads(1)
    sys.exit(job(rank, *args))


def two_runs(folder, batch):
    """Losses, weights and held-out logits of two short runs without dropout, in float32.

    17 clips leave a last batch of one clip, 21 one of five; 9 held-out clips end with one.
    """
    cache, found = Cache(CONFIG, folder / "cache"), {}
    valid = Loader(ClipDataset([Planted(i) for i in range(100, 109)], cache), batch, False)
    for clips, accumulate, frozen in ((21, 1, False), (17, 2, True)):
        train = Loader(ClipDataset([Planted(i) for i in range(clips)], cache), batch, True, 3)
        model = small_group(dropout=0.0, head_dropout=0.0, frozen=frozen)
        start = {name: value.clone() for name, value in model.state_dict().items()}
        if distributed.rank():
            for layer in (model.fusion.head[2], model.video.backbone.trunk[0][0]):
                nn.init.zeros_(layer.weight)  # the first process's weights count
        config = replace(FAST, epochs=2, batch_size=batch, grad_accum_steps=accumulate)
        trainer = Trainer(model, SingleLabel(), config)
        trainer.bf16 = False
        epochs = list(trainer.epochs(train, valid))
        logits, targets = trainer.logits(valid)
        found |= {f"{clips} change of {k}": v - start[k] for k, v in model.state_dict().items()}
        found[f"{clips} losses"] = [epoch.loss for epoch in epochs]
        found[f"{clips} accuracy"] = [epoch.valid["accuracy"] for epoch in epochs]
        found[f"{clips} n"] = [epoch.valid["n"] for epoch in epochs]
        found |= {f"{clips} logits": logits, f"{clips} targets": targets}
    return {name: np.asarray(value) for name, value in found.items()}


def saved_runs(rank, folder):
    with distributed.session():
        np.savez(folder / f"{rank}.npz", **two_runs(folder, 4))


def test_two_processes_train_as_one_at_the_doubled_batch(processes, tmp_path):
    one = two_runs(tmp_path, 8)
    assert processes(saved_runs, tmp_path) == [0, 0]
    for rank in range(WORLD):
        with np.load(tmp_path / f"{rank}.npz") as two:
            assert set(one) == set(two)
            for name, value in one.items():
                if "key.bias" not in name:  # without a gradient, Adam makes steps of rounding
                    difference = np.linalg.norm(two[name] - value)
                    assert difference <= 0.03 * np.linalg.norm(value), name
    assert list(one["17 targets"]) == [i % 3 for i in range(100, 109)]


class Branches(nn.Module):
    """Batch norm amid layers all use, one that only the last row's process uses, one nobody."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.norm = nn.BatchNorm1d(4)
        self.before, self.all, self.some, self.nobody = (nn.Linear(4, 4) for _ in range(4))
        self.fixed = nn.Linear(4, 4).requires_grad_(False)

    def forward(self, rows):
        mixed = self.all(self.norm(self.before(rows))) + self.fixed(rows)
        special = rows[:, :1] > 50
        return torch.where(special, self.some(mixed), mixed) if special.any() else mixed


def gradients(rows):
    """Gradients and statistics after one step of a loss that is no mean over rows."""
    model = distributed.wrap_model(Branches())
    out = distributed.gather_rows(model(rows))
    (out.std(0).sum() / out.mean().abs()).backward()
    distributed.sum_gradients(model.parameters())
    found = {name: p.grad for name, p in model.named_parameters()} | dict(model.named_buffers())
    return {name: value for name, value in found.items() if value is not None}


def some_rows():
    rows = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)) * 3 + 40
    rows[4, 0] = 60
    return rows


def saved_gradients(rank, folder):
    with distributed.session():
        rows = some_rows()
        for cut in (2, 5):  # the second process has three rows, then none at all
            found = gradients(rows[cut:] if rank else rows[:cut])
            torch.save(found, folder / f"{cut} {rank}.pt")


def test_gradients_are_the_whole_batchs_whatever_the_loss_and_whoever_used_what(
    processes, tmp_path
):
    one = gradients(some_rows())
    assert set(one) & {"some.weight", "nobody.weight", "fixed.weight"} == {"some.weight"}
    assert processes(saved_gradients, tmp_path) == [0, 0]
    for name in ("2 0", "2 1", "5 0", "5 1"):
        two = torch.load(tmp_path / f"{name}.pt", weights_only=True)
        assert set(two) == set(one)
        for name, value in one.items():
            # variances of values around 40 in float32: 2e-4 apart on some processors
            torch.testing.assert_close(two[name], value, atol=1e-4, rtol=2e-3)


def faces_on_one_process(rank, people):
    """A process without a face takes part in the tower's norms, as often as the other one."""
    with distributed.session():
        model = distributed.wrap_model(
            Mesm(replace(MESM, mode="dense", widths=(4, 4, 4, 4)))
        ).train()
        batch = random_batch(people=1)
        batch = batch if rank < people else batch.without("video")
        distributed.gather_rows(model(batch).logits).sum().backward()
        distributed.sum_gradients(model.parameters())


@pytest.mark.parametrize("people", [0, 1, 2])
def test_a_process_without_a_face_keeps_nobody_waiting(processes, people):
    assert processes(faces_on_one_process, people) == [0, 0]


def emo_train(rank, folder, drawn, name, *words, die_at=None):
    """`emo train`, three epochs of a tiny model; what it prints goes to files."""
    for number, stream in ((1, "out"), (2, "err")):
        file = os.open(folder / f"{name}.{stream}.{rank}", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(file, number)
    os.environ["EMO_CACHE"] = str(folder / "cache")
    if rank:  # whole files are written by renaming: nobody but the first may do so
        os.replace = Path.write_text = None
    if die_at is not None:
        loss, steps = Trainer.loss, iter(range(100))

        def dying_loss(self, batch):
            if rank and next(steps) == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return loss(self, batch)

        Trainer.loss = dying_loss
    settings = (*TINY, "epochs=3", "train.batch=4", "warm_up=1", "patience=9")
    return main(
        [
            "train",
            "group-staged",
            "--data",
            str(drawn),
            "--out",
            str(folder / name),
            "--json",
            *sum((["--set", s] for s in settings), []),
            *words,
        ]
    )


def whole(rank, folder, drawn):
    return emo_train(rank, folder, drawn, "whole")


def killed(rank, folder, drawn):
    return emo_train(rank, folder, drawn, "killed", die_at=1 + 3 + 1)  # warm-up, epoch 0, one step


def resumed(rank, folder, drawn):
    return emo_train(rank, folder, drawn, "killed", "--resume")


def refused(rank, folder, drawn):
    return emo_train(rank, folder, drawn, "whole", "--seed", "1")


def test_a_lost_process_ends_the_run_with_a_sentence_and_it_resumes_exactly(
    processes, tmp_path, drawn
):
    assert processes(whole, tmp_path, drawn) == [0, 0]
    assert processes(killed, tmp_path, drawn) == [2, -signal.SIGKILL]
    *_, last = (tmp_path / "killed.err.0").read_text().splitlines()
    assert last.startswith("emo: a process of this run was lost") and "--resume" in last
    assert len((tmp_path / "killed" / "log.jsonl").read_text().splitlines()) == 1
    assert processes(resumed, tmp_path, drawn) == [0, 0]
    for name in ("log.jsonl", "checkpoint/model.safetensors"):
        one, other = ((tmp_path / run / name).read_bytes() for run in ("whole", "killed"))
        assert one == other, name
    result = json.loads((tmp_path / "whole.out.0").read_text())
    assert result["epochs"] == 3 and not (tmp_path / "killed.out.1").read_text()
    lines = (tmp_path / "whole.err.0").read_text().splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "drawn_frames 1/1",
        "epoch 1/3",
        "epoch 2/3",
        "epoch 3/3",
    ]
    assert not (tmp_path / "whole.err.1").read_text()
    assert processes(refused, tmp_path, drawn) == [2, 2]
    said = "".join((tmp_path / f"whole.err.{rank}").read_text() for rank in range(WORLD))
    said = said.splitlines()[len(lines) :]
    assert len(said) == 1 and "holds a run already" in said[0]


STRONG = (
    *("pretrained=false", "video_backbone=clip_tiny", "sample.width=32", "sample.height=32"),
    *("settings.width=16", "blocks=1", "dropout=0", "head_dropout=0", "epochs=2", "lr=1e-2"),
)
LEARNING = ("frozen=false", "features.windows=false")  # the backbone as well


def strong_train(rank, folder, drawn, name, *changes):
    """`emo train group-clip` with a tiny backbone, its features kept or the backbone learning."""
    os.environ["EMO_CACHE"] = str(folder / name / "cache")
    if rank:
        os.replace = Path.write_text = None
    words = ["--data", str(drawn), "--corpus", "staged", "--out", str(folder / name / "run")]
    return main(["train", "group-clip", *words, *(f"--set={text}" for text in (*STRONG, *changes))])


@pytest.mark.parametrize(
    "changes",
    [(), pytest.param(LEARNING, marks=pytest.mark.slow)],
    ids=["kept features", "learning"],
)
def test_a_strong_recipe_trains_in_two_processes_as_in_one(
    processes, tmp_path, drawn, changes, monkeypatch
):
    monkeypatch.setenv("EMO_CACHE", "")  # put back what the run in this process sets
    assert strong_train(0, tmp_path, drawn, "one", "batch_size=8", *changes) == 0
    assert processes(strong_train, tmp_path, drawn, "two", "batch_size=4", *changes) == [0, 0]
    kept = [len(list((tmp_path / n / "cache").rglob("features/*/*"))) for n in ("one", "two")]
    assert kept[0] == kept[1] and bool(kept[0]) == (not changes)
    logs = [(tmp_path / n / "run" / "log.jsonl").read_text() for n in ("one", "two")]
    losses = [[json.loads(line)["loss"] for line in log.splitlines()] for log in logs]
    assert len(losses[0]) == 2 and losses[0][1] != losses[0][0]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


def falls_silent(rank):
    distributed.PATIENCE_S = 3.0
    with distributed.session():
        for turn in range(3):
            if rank and turn == 1:
                os.kill(os.getpid(), signal.SIGSTOP)
            distributed.gather_rows(torch.ones(1))


def told_to_stop(rank):
    with distributed.session():
        if rank:
            os.kill(os.getpid(), signal.SIGTERM)
        distributed.gather_rows(torch.ones(1))


def computes_other_layers(rank):
    with distributed.session():
        first, second = distributed.wrap_model(nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3)))
        (second if rank else first)(torch.randn(4, 3))


def ends_with_a_sentence(rank, job, words):
    try:
        job(rank)
    except distributed.DistributedError as error:
        return 2 if words in str(error) else 1


@pytest.mark.parametrize(
    "job,words,codes",
    [
        (falls_silent, "was lost or stopped", [2, -9]),
        (told_to_stop, "was lost or stopped", [2, 2]),
        (computes_other_layers, "different layers", [2, 2]),
    ],
)
def test_nobody_waits_for_ever_or_mixes_up_layers(processes, job, words, codes):
    assert processes(ends_with_a_sentence, job, words) == codes


@pytest.mark.slow
def test_torchrun_runs_it(drawn, tmp_path):
    settings = sum((["--set", s] for s in TINY), [])
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--nproc-per-node",
            "2",
            "-m",
            "emo_core",
            "train",
            "group-staged",
            "--data",
            str(drawn),
            "--out",
            str(tmp_path / "run"),
            "--json",
            *settings,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["epochs"] == 1
