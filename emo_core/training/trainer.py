"""The training loop, whole: `for epoch in Trainer(...).epochs(train, valid)`.

Batches, augmentation and dropout follow from (seed, epoch), so a run that is killed at any moment
and resumed has the numbers it would have had.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from emo_core.data.dataset import Loader
from emo_core.distributed import (
    gather_rows,
    in_order,
    on_rank_zero,
    rank,
    sum_gradients,
    wrap_model,
)
from emo_core.models.layers.published import layer_of
from emo_core.models.layers.towers import Backbone
from emo_core.models.precision import autocast, bf16_is_fast, for_inference
from emo_core.preprocess.batch import Batch
from emo_core.ranges import Amount, Count, CountOrNone, OpenShare, Positive, Seed
from emo_core.tasks import UNCALIBRATED, Calibration, Task
from emo_core.training.compilation import try_compiled
from emo_core.training.run_files import RunFiles, TrainingError
from emo_core.training.speed import Speedometer

CHECK_EVERY = 50  # steps between two looks at the loss: on a GPU each look waits for its work


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one run; defaults: docs/papers/group.md#a13, #a14, #a15."""

    epochs: Count = 30
    batch_size: Count = 16  # clips a step and process
    grad_accum_steps: Count = 1  # batches whose gradients are summed for a step; CCC stays of each
    lr: Positive = 1e-4  # of new layers
    backbone_lr: Amount = 1e-5
    backbone_modules: tuple[str, ...] = ("backbone",)  # modules that learn at `backbone_lr`
    weight_decay: Amount = 1e-3
    warmup_fraction: OpenShare = 0.1  # share of all steps
    max_grad_norm: Amount = 1.0  # 0 = gradients are not cut
    patience: Count = 6  # epochs without a better score on held-out sources
    seed: Seed = 0
    num_workers: CountOrNone = 0  # loader processes
    layer_decay: Positive = 1.0  # of `backbone_lr`, a layer down in published transformers
    checkpoint_activations: bool = False  # these compute their layers twice instead of keeping them
    compile: str = ""  # one of emo_core.training.compilation.COMPILE_MODES; "" = not
    ema_decay: OpenShare = 0.0  # of the weights' running mean, a step; 0 = no mean


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
    factors = layer_factors(model, config.layer_decay)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            slow = not set(config.backbone_modules).isdisjoint(name.split("."))
            rate = config.backbone_lr * factors.get(name, 1.0) if slow else config.lr
            decay = config.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": p, "lr": r, "weight_decay": d} for (r, d), p in sorted(groups.items())]


def layer_factors(model: nn.Module, decay: float) -> dict[str, float]:
    """Of parameters of published transformers, `decay` to the power of the layers above them."""
    if decay == 1:
        return {}
    found = {}
    for prefix, module in model.named_modules():
        layers = getattr(module, "layers", None) if isinstance(module, Backbone) else None
        if isinstance(layers, int):
            for name, _ in module.named_parameters():
                found[f"{prefix}.{name}"] = decay ** (layers + 1 - layer_of(name, layers))
    return found


def recompute_activations(model: nn.Module) -> None:
    """Let every backbone that can compute its layers twice; raise TrainingError where none can."""
    able = [m for m in model.modules() if hasattr(m, "checkpoint_activations")]
    for module in able:
        cast(Any, module).checkpoint_activations()
    if not able:
        raise TrainingError(
            "no backbone of this model can compute its layers twice; expected a published "
            "transformer; give --set checkpoint_activations=false."
        )


def lr_schedule(done: float, warmup: float) -> float:
    """Factor on every rate: linear warm-up, then a cosine to zero. Both are shares of the run."""
    if done < warmup or warmup >= 1:
        return done / warmup
    return 0.5 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))


def channels_last(model: nn.Module) -> nn.Module:
    """Store kernels of pictures and of clips as convolutions read them fastest; in place."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in model.parameters():
        if parameter.ndim in formats:
            parameter.data = parameter.data.contiguous(memory_format=formats[parameter.ndim])
    return model


def step_rows(sizes: Sequence[int], accumulated: int) -> list[int]:
    """Clips of each optimiser step, of batches of these sizes: what its mean loss is a mean over.

    The last step of an epoch may have fewer batches, and a smaller last one.
    """
    return [sum(sizes[n : n + accumulated]) for n in range(0, len(sizes), accumulated)]


class Batches(Protocol):
    """What a run learns from; a Loader is one."""

    def __len__(self) -> int:
        """Batches an epoch."""

    @property
    def sizes(self) -> Sequence[int]:
        """Clips of each batch, over all processes."""

    def epoch(self, index: int) -> Iterator[Batch]:
        """The batches of epoch `index`."""


class Trainer:
    """Fits any model that maps a Batch to an Output, for any task that scores logits."""

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        config: TrainConfig,
        run: Path | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        """progress: called with (what, steps done, steps) before each step."""
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = wrap_model(channels_last(model.to(self.device)))
        if config.checkpoint_activations:
            recompute_activations(self.model)
        if config.compile:
            self.model.compile(mode=config.compile)
        self.untried = bool(config.compile)
        self.ema_model: AveragedModel | None = None
        self.task, self.config, self.progress = task, config, progress
        self.files = RunFiles(run) if run else None
        self.bf16 = bf16_is_fast(self.device)
        self.speed = Speedometer(self.device, self.bf16, bool(config.compile))
        self.optimizer = torch.optim.AdamW(parameter_groups(model, config), fused=True)
        self.base_rates = [group["lr"] for group in self.optimizer.param_groups]
        self.next_epoch, self.best, self.epochs_without_improvement = 0, -math.inf, 0
        if config.ema_decay:
            self.ema_model = AveragedModel(self.model, avg_fn=self._ema_update, use_buffers=True)

    @property
    def scored_model(self) -> nn.Module:
        """The model that is scored and saved: the running mean of the weights, or the weights."""
        return self.ema_model.module if self.ema_model else self.model

    def _ema_update(self, mean: Tensor, value: Tensor, steps: Tensor | int) -> Tensor:
        """The running mean after one more step; young means forget faster."""
        keep = min(self.config.ema_decay, (1 + int(steps)) / (10 + int(steps)))
        return mean + (1 - keep) * (value - mean)

    def epochs(self, train: Batches, valid: Loader | None, what: str = "epoch") -> Iterator[Epoch]:
        """Train, and yield one record per epoch so that the caller prints, plots or stops.

        Without `valid` nothing is scored, chosen or stopped early, and dropout goes on with the
        caller's random numbers. Raises TrainingError where the loss is no number.
        """
        config, steps = self.config, len(train)
        rows = step_rows(train.sizes, config.grad_accum_steps)
        while self.next_epoch < config.epochs and self.epochs_without_improvement < config.patience:
            index, total = self.next_epoch, torch.zeros((), dtype=torch.float64, device=self.device)
            if valid is not None:  # dropout follows from the epoch
                torch.manual_seed(config.seed * 100_003 + index + 15_485_863 * rank())
            self.model.train()
            self.speed.start()
            for number, (clips, batch) in enumerate(
                zip(train.sizes, train.epoch(index), strict=True), start=1
            ):
                if self.progress:
                    self.progress(f"{what} {index + 1}/{config.epochs}", number - 1, steps)
                batch = self._ready(batch)
                with self.speed.counted(len(batch)):
                    loss = self.loss(batch)
                    (loss * (clips / rows[(number - 1) // config.grad_accum_steps])).backward()
                if number % config.grad_accum_steps == 0 or number == steps:
                    self._set_rates((index * steps + number) / (config.epochs * steps))
                    sum_gradients(self.model.parameters())
                    self._limit_gradients()
                    self.optimizer.step()
                    self.optimizer.zero_grad(set_to_none=True)
                    if self.ema_model:
                        self.ema_model.update_parameters(self.model)
                total += clips * loss.detach().double()
                if number % CHECK_EVERY == 1 or number == steps:
                    self._refuse_no_number(total, index)
            mean_loss = total.item() / sum(train.sizes)  # waits for the device
            self.speed.stop(sum(train.sizes))
            record = self._score_epoch(index, mean_loss, valid)
            on_rank_zero(partial(self._save, record))
            yield record

    def loss(self, batch: Batch) -> Tensor:
        """The loss of all processes' rows of a batch, () on the device, to be derived."""
        with autocast(self.device, self.bf16):
            logits = self.model(batch).logits
        assert batch.target is not None  # a loader's batches have targets
        return self.task.loss(gather_rows(logits), gather_rows(batch.target))

    def _ready(self, batch: Batch) -> Batch:
        """A batch on the device; on the first one compiled code is tried."""
        batch = batch.to(self.device, non_blocking=True)
        if self.untried:
            try_compiled(self.model, batch)
            self.untried = False
        return batch

    def _set_rates(self, done: float) -> None:
        """Set the rate of each group of weights. done: share of the run that is over."""
        for group, rate in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group["lr"] = rate * lr_schedule(done, self.config.warmup_fraction)

    def _limit_gradients(self) -> None:
        """Cut the norm of all gradients together, where a run does."""
        if self.config.max_grad_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)

    def _refuse_no_number(self, total: Tensor, index: int) -> None:
        """Raise TrainingError where the summed loss is not finite; wait for the device."""
        if not math.isfinite(total):
            raise TrainingError(
                "the loss is {total} in epoch {index}; expected a number; try --set lr={lr:.1g}.",
                total=total.item(),
                index=index,
                lr=self.config.lr / 3,
            )

    def _score_epoch(self, index: int, loss: float, valid: Loader | None) -> Epoch:
        """The record of an epoch that is over; counts it."""
        self.next_epoch += 1
        if valid is None:
            return Epoch(index, loss, {}, False)
        scores: dict = on_rank_zero(partial(dict, self.evaluate(valid)))  # all stop together
        good = self.task.selection_score(scores)
        better = good > self.best
        self.best, self.epochs_without_improvement = (
            (good, 0) if better else (self.best, self.epochs_without_improvement + 1)
        )
        return Epoch(index, loss, scores, better)

    def logits(self, loader: Loader) -> tuple[Tensor, Tensor]:
        """Scores of every clip in order: logits (n, C), target (n,), on the CPU."""
        model = self.scored_model.eval()
        rows, targets = [], []
        with torch.inference_mode(), for_inference(model, self.device):
            for batch in loader.epoch(0):
                rows.append(model(batch.to(self.device)).logits.float().cpu())
                assert batch.target is not None  # a loader's batches have targets
                targets.append(batch.target)
        places = loader.indices
        return in_order(torch.cat(rows), places), in_order(torch.cat(targets), places)

    def evaluate(self, loader: Loader) -> dict:
        """The task's scores over all clips of a loader, with those of each regime."""
        logits, target = self.logits(loader)
        return split_scores(self.task, logits, target, loader)

    def state(self) -> dict:
        """What a run needs to go on: weights, their running mean, optimizer and progress."""
        return {
            "model": self.model.state_dict(),
            "ema_model": self.ema_model.state_dict() if self.ema_model else None,
            "optimizer": self.optimizer.state_dict(),
            "progress": [self.next_epoch, self.best, self.epochs_without_improvement],
        }

    def load_state(self, state: dict) -> None:
        """Take up what `state` gave, in place."""
        self.model.load_state_dict(state["model"])
        if self.ema_model:
            self.ema_model.load_state_dict(state["ema_model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.next_epoch, self.best, self.epochs_without_improvement = state["progress"]

    def _save(self, record: Epoch) -> None:
        if self.files:
            best = self.scored_model.state_dict() if record.best else None
            self.files.save(record, self.state(), best)

    def resume(self) -> int:
        """Take up the state after the last whole epoch; returns how many epochs are done."""
        assert self.files is not None  # only a run in a folder is resumed
        return self.next_epoch if self.files.resume(self.load_state, self.device) else 0

    def load_best(self) -> None:
        """Put the best weights of the run back into the model, and end the running mean."""
        assert self.files is not None
        self.ema_model = None
        self.files.load_best(self.model.load_state_dict, self.device)


def split_scores(
    task: Task,
    logits: Tensor,
    target: Tensor,
    loader: Loader,
    calibration: Calibration = UNCALIBRATED,
) -> dict:
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
