"""The training loop, whole: `for epoch in Trainer(...).epochs(train, valid)`.

A run folder holds `resume.pt` (state after the last whole epoch), `best.pt` (best weights so far)
and `log.jsonl`. Batches, augmentation and dropout follow from (seed, epoch), so a run that is
killed at any moment and resumed has the numbers it would have had.
"""

import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from emo_core.batch import Batch
from emo_core.data.dataset import Loader
from emo_core.parts.precision import autocast, bf16_is_fast, for_inference
from emo_core.tasks import UNCALIBRATED, Calibration, Task


class TrainingError(Exception):
    """Training can't start or go on; the message says why and what to change."""


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one run; defaults are paper 1's (A13-A15, A18)."""

    epochs: int = 30
    batch: int = 16  # clips a step; gradients of `accumulate` batches are summed
    accumulate: int = 1
    lr: float = 1e-4  # of new layers
    backbone_lr: float = 1e-5
    weight_decay: float = 1e-3
    warmup: float = 0.1  # share of all steps
    clip_norm: float = 1.0
    patience: int = 6  # epochs without a better score on held-out sources
    seed: int = 0
    workers: int = 0  # loader processes


@dataclass(frozen=True)
class Epoch:
    """What happened in one epoch."""

    index: int
    loss: float
    valid: dict  # scores on held-out sources
    best: bool  # the best so far


def parameter_groups(model: nn.Module, config: TrainConfig) -> list[dict]:
    """Backbones learn at their own rate; norms and biases are not decayed."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            rate = config.backbone_lr if ".backbone." in name else config.lr
            decay = config.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": p, "lr": r, "weight_decay": d} for (r, d), p in sorted(groups.items())]


def rate_factor(done: float, warmup: float) -> float:
    """Factor on every rate: linear warm-up, then a cosine to zero. Both are shares of the run."""
    if done < warmup:
        return done / warmup
    return 0.5 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))


def channels_last(model: nn.Module) -> nn.Module:
    """Stores kernels of pictures and of clips as convolutions read them fastest; in place."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in model.parameters():
        if parameter.ndim in formats:
            parameter.data = parameter.data.contiguous(memory_format=formats[parameter.ndim])
    return model


class Trainer:
    """Fits any model that maps a Batch to an Output, for any task that scores logits."""

    def __init__(
        self, model: nn.Module, task: Task, config: TrainConfig, run: Path | None = None
    ) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = channels_last(model.to(self.device))
        self.task, self.config, self.run = task, config, run
        self.bf16 = bf16_is_fast(self.device)
        self.optimizer = torch.optim.AdamW(parameter_groups(model, config), fused=True)
        self.base_rates = [group["lr"] for group in self.optimizer.param_groups]
        self.next_epoch, self.best, self.stale = 0, -math.inf, 0

    def epochs(self, train: Loader, valid: Loader) -> Iterator[Epoch]:
        """Trains, and yields one record per epoch so that the caller prints, plots or stops."""
        while self.next_epoch < self.config.epochs and self.stale < self.config.patience:
            index = self.next_epoch
            torch.manual_seed(self.config.seed * 100_003 + index)  # dropout follows from the epoch
            loss = self.train_epoch(train, index)
            scores = self.evaluate(valid)
            good = self.task.goodness(scores)
            better = good > self.best
            self.best, self.stale = (good, 0) if better else (self.best, self.stale + 1)
            self.next_epoch += 1
            record = Epoch(index, loss, scores, better)
            self._save(record)
            yield record

    def train_epoch(self, train: Loader, index: int) -> float:
        """One pass over the training clips; returns the mean loss."""
        self.model.train()
        total = count = 0.0
        for number, batch in enumerate(train.epoch(index), start=1):
            done = (index * len(train) + number) / (self.config.epochs * len(train))
            update = number % self.config.accumulate == 0 or number == len(train)
            loss = self.step(batch.to(self.device), done, update)
            if not math.isfinite(loss):
                raise TrainingError(
                    f"the loss is {loss} in epoch {index}; expected a number; "
                    f"try --set lr={self.config.lr / 3:.1g}."
                )
            total += loss * len(batch)
            count += len(batch)
        return total / count

    def step(self, batch: Batch, done: float, update: bool = True) -> float:
        """Forward and backward and, if `update`, one step of the optimizer; returns the loss.

        done: share of the run that is over, which sets the rates.
        """
        with autocast(self.device, self.bf16):
            logits = self.model(batch).logits
        loss = self.task.loss(logits, batch.target)
        (loss / self.config.accumulate).backward()
        if update:
            for group, rate in zip(self.optimizer.param_groups, self.base_rates, strict=True):
                group["lr"] = rate * rate_factor(done, self.config.warmup)
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        return loss.item()

    def logits(self, loader: Loader) -> tuple[Tensor, Tensor]:
        """Scores of every clip in order: logits (n, C), target (n,), on the CPU."""
        self.model.eval()
        rows, targets = [], []
        with torch.inference_mode(), for_inference(self.model, self.device):
            for batch in loader.epoch(0):
                rows.append(self.model(batch.to(self.device)).logits.float().cpu())
                targets.append(batch.target)
        return torch.cat(rows), torch.cat(targets)

    def evaluate(self, loader: Loader) -> dict:
        """The task's scores over all clips of a loader, with those of each regime."""
        logits, target = self.logits(loader)
        return split_scores(self.task, logits, target, loader)

    def _save(self, record: Epoch) -> None:
        if self.run is None:
            return
        self.run.mkdir(parents=True, exist_ok=True)
        if record.best:
            _save_whole(self.model.state_dict(), self.run / "best.pt")
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": [self.next_epoch, self.best, self.stale],
            "log": [*self._logged(record.index), json.dumps(asdict(record))],
        }
        _save_whole(state, self.run / "resume.pt")
        (self.run / "log.jsonl").write_text("\n".join(state["log"]) + "\n", encoding="utf-8")

    def _logged(self, epochs: int) -> list[str]:
        path = self.run / "log.jsonl"
        return path.read_text(encoding="utf-8").splitlines()[:epochs] if path.is_file() else []

    def resume(self) -> int:
        """Takes up the state after the last whole epoch; returns how many epochs are done."""
        path = self.run / "resume.pt"
        if not path.is_file():
            return 0
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.next_epoch, self.best, self.stale = state["progress"]
        (self.run / "log.jsonl").write_text("\n".join(state["log"]) + "\n", encoding="utf-8")
        return self.next_epoch

    def load_best(self) -> None:
        """Puts the best weights of the run back into the model."""
        path = self.run / "best.pt"
        self.model.load_state_dict(torch.load(path, map_location=self.device, weights_only=True))


def split_scores(
    task: Task, logits: Tensor, target: Tensor, loader: Loader,
    calibration: Calibration = UNCALIBRATED,
) -> dict:  # fmt: skip
    """Scores over all clips, and over the clips of each regime where a corpus has regimes."""
    groups = loader.dataset.groups
    scores = task.scores(logits, target, groups, calibration)
    regimes = np.array([window.regime or "" for window in loader.dataset.windows])
    scores["per_regime"] = {}
    for regime in sorted(set(regimes) - {""}):
        chosen = regimes == regime
        part = task.scores(logits[chosen], target[chosen], groups[chosen], calibration)
        scores["per_regime"][regime] = {k: part[k] for k in ("n", task.main, "interval")}
    return scores


def _save_whole(state: dict, path: Path) -> None:
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)
