"""Valence and arousal at moments of a clip."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from emo_core import metrics
from emo_core.messages import say
from emo_core.tasks.interface import (
    UNCALIBRATED,
    Answer,
    Calibration,
    Judged,
    WindowLogits,
    chosen_score,
    in_text,
    mean_over,
    span,
)

TINY = 1e-8  # in the loss: two constants are no concordance, and no error


@dataclass(frozen=True)
class ValenceArousal:
    """Valence and arousal in -1..1 at S moments of a clip, scored by concordance.

    target: (B, S, 2), or (B, S, 3) with the number of the frame that is meant, by which the
    authors' smoothing puts moments in order (a gap in the numbers starts a new run; NaN = no
    frame), or (B, 1, 2) where one pair stands for all moments. A moment is valid where both values
    are in -1..1: neither NaN nor Aff-Wild2's -5.
    Source: docs/papers/jmt.md#loss.
    """

    labels: tuple[str, ...] = ("valence", "arousal")
    unbiased: bool = True  # variances of the loss: the authors' n - 1, or n
    name: ClassVar[str] = "valence_arousal"  # in a checkpoint's config.json
    main: ClassVar[str] = "ccc"
    answers_moments: ClassVar[bool] = True

    def fitted(self, targets: Sequence[np.ndarray]) -> "ValenceArousal":
        """The task for these training targets; here they fix nothing."""
        return self

    def target(self, label: Sequence) -> np.ndarray:
        """Values of the moments of a clip -> (S, 2) or (S, 3) float32."""
        return np.asarray(label, np.float32)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """(1 - CCC of valence) + (1 - CCC of arousal) over the valid moments of the batch.

        (B, S, 2), (B, S, 2 or 3) -> (). Without a valid moment it is 2, with a gradient of zero.
        """
        target = _at_each_moment(target, logits)
        valid = self.valid(target)  # (B, S)
        x, y = logits.float()[valid], target[valid][:, :2].float()  # (n, 2)
        count = max(len(x), 1)
        mean_x, mean_y = x.sum(0) / count, y.sum(0) / count
        x, y, degrees = x - mean_x, y - mean_y, max(count - self.unbiased, 1)
        # no root of a variance anywhere: its gradient is infinite at a constant
        covariance = (x * y).sum(0) / degrees
        spread = (x.square() + y.square()).sum(0) / degrees + (mean_x - mean_y).square()
        return (1 - 2 * covariance / (spread + TINY)).sum()

    def valid(self, target: Tensor) -> Tensor:
        """(B, S, 2 or 3) -> (B, S) bool: both values within -1..1."""
        return (target[..., :2].abs() <= 1).all(-1)

    def values(self, logits: Tensor) -> Tensor:
        """(B, S, 2) -> the same, within -1..1."""
        return logits.float().clamp(-1, 1)

    def answer(self, found: WindowLogits, calibration: Calibration = UNCALIBRATED) -> Answer:
        """Valence and arousal of each moment, and their means; "not sure" without a moment."""
        moments = self.values(found.logits)  # (n, S, 2)
        windows = mean_over(moments, found.mask)  # (n, 2)
        return Answer(
            windows,
            found.mean(windows),
            are_probabilities=False,
            abstains=not bool(found.mask.any()),
            moments=moments,
        )

    def scores(
        self,
        logits: Tensor,
        target: Tensor,
        groups: np.ndarray,
        calibration: Calibration = UNCALIBRATED,
    ) -> dict:
        """Every score of a whole split: logits (n, S, 2), target (n, S, 2 or 3), groups (n,).

        The official ones count valid moments only. Those `smoothed` are what the authors' code
        computes: clipped, box-filtered in order, invalid moments as a pair of zeros
        (docs/papers/jmt.md#evaluation). All are None without a valid moment. Raises MetricError.
        """
        metrics.refuse_no_numbers(logits.numpy())
        target = _at_each_moment(target, logits)
        sources = np.repeat(groups, target.shape[1])  # (n*S,)
        x, y = (v.flatten(0, 1).double().numpy() for v in (self.values(logits), target))
        y, order = y[:, :2], y[:, 2] if y.shape[1] > 2 else None
        valid = self.valid(target).flatten().numpy()
        parts = metrics.moments(x[valid], y[valid])  # (valid, 2, 6)
        ccc = metrics.ccc(parts.sum(0))  # (2,)
        drawn = metrics.ccc(metrics.bootstrap_sums(parts, sources[valid])).mean(-1)  # (draws,)
        meant = np.ones(len(y), bool) if order is None else ~np.isnan(order)
        smoothed = metrics.ccc_of_authors_code(
            x[meant], y[meant], sources[meant], None if order is None else order[meant]
        )
        if not len(parts):
            ccc, smoothed, drawn = np.full(2, np.nan), np.full(2, np.nan), drawn[:0]
        return {
            "n": int(valid.sum()),
            "invalid": int((~valid).sum()),
            "ccc": metrics.number(ccc.mean()),
            **metrics.interval_fields(drawn, sources[valid]),
            "smoothed": metrics.number(smoothed.mean()),
            "per_class": {
                label: {
                    "ccc": metrics.number(ccc[i]),
                    "smoothed": metrics.number(smoothed[i]),
                    "n": len(parts),
                }
                for i, label in enumerate(self.labels)
            },
        }

    def judge(
        self,
        logits: Tensor,
        target: Tensor,
        labels: Sequence[str],
        calibration: Calibration = UNCALIBRATED,
    ) -> Judged:
        """Moments of each clip's valid values, (n, 2, 6), of which CCC is made."""
        metrics.refuse_no_numbers(logits.numpy())
        target = _at_each_moment(target, logits)
        values, valid = self.values(logits).double().numpy(), self.valid(target).numpy()
        truth = np.nan_to_num(target.numpy()[..., :2])
        each = metrics.moments(values, truth) * valid[..., None, None]
        means = [
            v[ok].mean(0) if ok.any() else v.mean(0) for v, ok in zip(values, valid, strict=True)
        ]
        words = [", ".join(f"{n} {v:+.2f}" for n, v in zip(labels, m, strict=True)) for m in means]
        return Judged(each.sum(1), np.zeros(len(words), bool), words)

    def target_words(self, target: Tensor) -> str:
        """Nothing: values are of many moments."""
        return ""

    def constant_answer(self, labels: Sequence[Any]) -> tuple[Tensor, str]:
        """Zero for both, (1, 1, 2)."""
        return torch.zeros(1, 1, len(self.labels)), say("a constant")

    def selection_score(self, scores: dict) -> float:
        """The one number that training maximises on held-out sources."""
        return chosen_score(scores[self.main])

    def calibrate(self, logits: Tensor, target: Tensor) -> Calibration:
        """Nothing is chosen afterwards: the outputs are the values themselves."""
        return UNCALIBRATED

    def choice(self, calibration: Calibration) -> str:
        """What `calibrate` chose, as a sentence."""
        return say("Nothing was chosen: valence and arousal are the outputs, clipped to -1 to 1.")

    def summary(self, scores: dict) -> str:
        """The scores of a split in one line."""
        valence, arousal = (scores["per_class"][name]["ccc"] for name in self.labels)
        return say(
            "CCC {ccc} ({span}), valence {valence}, arousal {arousal}, smoothed as in the authors' "
            "code {smoothed}, n = {count} valid moments",
            ccc=in_text(scores["ccc"]),
            span=span(scores),
            valence=in_text(valence),
            arousal=in_text(arousal),
            smoothed=in_text(scores["smoothed"]),
            count=scores["n"],
        )


def _at_each_moment(target: Tensor, logits: Tensor) -> Tensor:
    """(B, 1 or S, 2 or 3), (B, S, 2) -> (B, S, 2 or 3)."""
    return target.expand(-1, logits.shape[1], -1) if target.shape[1] == 1 else target
