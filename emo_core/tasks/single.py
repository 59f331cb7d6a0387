"""One class per clip, or per frame in pre-training."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from emo_core import metrics
from emo_core.messages import say
from emo_core.ranges import OpenShare, Share
from emo_core.schema import POLARITIES
from emo_core.tasks.interface import (
    UNCALIBRATED,
    Answer,
    Calibration,
    Judged,
    WindowLogits,
    absent_words,
    chosen_score,
    in_text,
    span,
)

OVERALL = ("accuracy", "uar", "f1", "chance", "calibration_error", "coverage", "precision")
THRESHOLDS = tuple(round(0.5 + 0.01 * step, 2) for step in range(50))  # of "not sure"


@dataclass(frozen=True)
class SingleLabel:
    """One class a clip: cross-entropy on logits, scored by accuracy over all clips."""

    labels: tuple[str, ...] = POLARITIES
    smoothing: OpenShare = 0.0  # label smoothing
    precision: Share = 0.0  # wanted of the answers that are given; the others are "not sure"
    name: ClassVar[str] = "single_label"  # in a checkpoint's config.json
    main: ClassVar[str] = "accuracy"  # the score that training maximises
    answers_moments: ClassVar[bool] = False

    def fitted(self, targets: Sequence[int]) -> "SingleLabel":
        """The task for these training targets; here they fix nothing."""
        return self

    def target(self, label: str) -> int:
        """A label of the corpus -> class index."""
        return self.labels.index(label)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean cross-entropy. (B, C), (B,) -> ()."""
        return functional.cross_entropy(logits.float(), target, label_smoothing=self.smoothing)

    def probabilities(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """(B, C) logits -> (B, C) probabilities."""
        return (logits.float() / temperature).softmax(-1)

    def answer(self, found: WindowLogits, calibration: Calibration = UNCALIBRATED) -> Answer:
        """The most probable label of all windows, or "not sure" below the threshold."""
        windows = self.probabilities(found.logits, calibration.temperature)  # (n, C)
        clip = found.mean(windows)
        best = int(clip.argmax())
        return Answer(
            windows,
            clip,
            are_probabilities=True,
            label=self.labels[best],
            abstains=float(clip[best]) < calibration.abstain_below,
        )

    def scores(
        self,
        logits: Tensor,
        target: Tensor,
        groups: np.ndarray,
        calibration: Calibration = UNCALIBRATED,
    ) -> dict:
        """Every score of a whole split. logits (n, C), target (n,), groups (n,) labels.

        None where nothing is to be scored, and of a class that does not occur. Raises MetricError.
        """
        truth, predicted = target.numpy(), _predicted(logits)
        counts = metrics.confusion(truth, predicted, len(self.labels))
        recall, f1 = metrics.recalls(counts), metrics.f1_scores(counts)
        probabilities = self.probabilities(logits, calibration.temperature).numpy()
        each = {
            name: {
                "recall": metrics.number(recall[i]),
                "f1": metrics.number(f1[i]),
                "n": int(counts[i].sum()),
            }
            for i, name in enumerate(self.labels)
        }
        facts = {"n": len(truth), "per_class": each, "confusion": counts.tolist()}
        facts["absent"] = [name for name in self.labels if not each[name]["n"]]
        if not len(truth):
            return facts | dict.fromkeys(OVERALL) | metrics.interval_fields(np.zeros(0), groups)
        hits = np.stack([truth == predicted, np.ones(len(truth))], axis=-1)
        drawn, sizes = metrics.bootstrap_sums(hits, groups).T
        return {
            **facts,
            "accuracy": metrics.accuracy(truth, predicted),
            "uar": metrics.uar(counts),
            "f1": metrics.macro_f1(counts),
            **metrics.interval_fields(drawn / sizes, groups),
            "chance": float(counts.sum(1).max() / counts.sum()),
            "calibration_error": metrics.calibration_error(probabilities, truth),
            **_answered(probabilities, truth, calibration.abstain_below),
        }

    def judge(
        self,
        logits: Tensor,
        target: Tensor,
        labels: Sequence[str],
        calibration: Calibration = UNCALIBRATED,
    ) -> Judged:
        """Hits and sizes of each class. logits (n, C), target (n,); counts (n, labels, 2)."""
        truth, predicted = target.numpy(), _predicted(logits)
        right = predicted == truth
        is_class = truth[:, None] == np.array([self.labels.index(name) for name in labels])
        counts = np.stack([is_class & right[:, None], is_class], axis=-1).astype(float)
        return Judged(counts, right, [self.labels[i] for i in predicted])

    def target_words(self, target: Tensor) -> str:
        """The label of one clip."""
        return self.labels[int(target)]

    def constant_answer(self, labels: Sequence[str]) -> tuple[Tensor, str]:
        """The commonest class, (1, C)."""
        label = str(Counter(labels).most_common(1)[0][0])
        index = torch.tensor(self.labels.index(label))
        logits = functional.one_hot(index, len(self.labels)).float().unsqueeze(0)
        return logits, say("the commonest class ({label})", label=label)

    def selection_score(self, scores: dict) -> float:
        """The one number that training maximises on held-out sources."""
        return chosen_score(scores[self.main])

    def calibrate(self, logits: Tensor, target: Tensor) -> Calibration:
        """Temperature that minimises the loss on held-out logits (Guo et al. 2017, section 4.2).

        Never below 0.5: held-out clips without one error would ask for certainty without end.
        """
        metrics.refuse_no_numbers(logits.numpy())
        candidates = torch.logspace(-0.30103, 1, 61).tolist()
        best = min(candidates, key=lambda t: functional.cross_entropy(logits / t, target).item())
        return Calibration(best, self._abstain_below(self.probabilities(logits, best), target))

    def _abstain_below(self, probabilities: Tensor, target: Tensor) -> float:
        """The lowest threshold from 0.5 on above which `precision` of the answers are surely right.

        Surely: the interval's lower end, not the share itself, which 600 clips flatter. Clips count
        as independent, so for other people it promises less. The highest where none will do.
        """
        top, answer = probabilities.max(-1)
        right = (answer == target).numpy()
        for threshold in THRESHOLDS:
            given = (top >= threshold).numpy()
            if metrics.share_at_least(int(right[given].sum()), int(given.sum())) >= self.precision:
                return threshold
        return THRESHOLDS[-1]

    def choice(self, calibration: Calibration) -> str:
        """What `calibrate` chose, as a sentence."""
        percent, below = 100 * self.precision, calibration.abstain_below
        chosen = say(
            'Chosen on the held-out clips: temperature {temperature:.3f}, and "not sure" below '
            "{below:g}.",
            temperature=calibration.temperature,
            below=below,
        )
        if not self.precision:
            return chosen
        if below >= THRESHOLDS[-1]:
            return say(
                "{chosen:clause}, the highest threshold tried; there are too few clips to be sure "
                "that {percent:g} % of the answers above it are right.",
                chosen=chosen,
                percent=percent,
            )
        return say(
            "{chosen:clause}; at least {percent:g} % of the answers above it are right (with 95 % "
            "confidence, for clips of the same people).",
            chosen=chosen,
            percent=percent,
        )

    def summary(self, scores: dict) -> str:
        """The scores of a split in one line."""
        return say(
            "accuracy {accuracy} ({span}), UAR {uar}, F1 {f1}, n = {count}, commonest class "
            "{chance}{absent}",
            span=span(scores),
            count=scores["n"],
            absent=absent_words(scores),
            **{name: in_text(scores[name]) for name in ("accuracy", "uar", "f1", "chance")},
        )


def _predicted(logits: Tensor) -> np.ndarray:
    """The class with the highest score of each clip, (n, C) -> (n,). Raises MetricError."""
    metrics.refuse_no_numbers(logits.numpy())
    return logits.argmax(-1).numpy()


def _answered(probabilities: np.ndarray, truth: np.ndarray, below: float) -> dict:
    """How many clips get an answer, and how many of these are right; None where none does."""
    given = probabilities.max(-1) >= below
    right = (probabilities.argmax(-1) == truth)[given]
    precision = float(right.mean()) if given.any() else None
    return {"coverage": float(given.mean()), "precision": precision}


@dataclass(frozen=True)
class FrameLabel(SingleLabel):
    """One class a frame, for pre-training: targets come as (B, T), logits as (B*T, C)."""

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        return super().loss(logits, target.flatten())
