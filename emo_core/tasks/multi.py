"""Any number of classes per clip, as in FE2E and MESM."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from emo_core import metrics
from emo_core.messages import say, say_list, say_name
from emo_core.ranges import Amount, Share
from emo_core.schema import EMOTIONS
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

THRESHOLDS = np.arange(1, 20) / 20  # 0.05 ... 0.95 (docs/papers/mesm.md#thresholds-and-scores)
SURE = np.arange(50, 100) / 100  # of "not sure"


@dataclass(frozen=True)
class MultiLabel:
    """Any number of classes per clip, one yes or no each, scored by mean F1.

    IEMOCAP papers report plain accuracy, CMU-MOSEI papers the weighted one: both are given, beside
    what saying no to everything would get. Source: docs/papers/mesm.md#thresholds-and-scores.
    """

    labels: tuple[str, ...] = EMOTIONS
    pos_weight: tuple[Amount, ...] = ()  # of each class's yes in the loss; () = 1
    precision: Share = 0.0  # wanted of the answers that are given; the others are "not sure"
    name: ClassVar[str] = "multi_label"  # in a checkpoint's config.json
    main: ClassVar[str] = "f1"
    answers_moments: ClassVar[bool] = False

    def fitted(self, targets: Sequence[np.ndarray]) -> "MultiLabel":
        """Weigh a yes by no / yes of the training targets, (n, C) of 0 and 1.

        Source: docs/papers/mesm.md#training.
        """
        yes = np.asarray(targets).sum(0)
        weights = (len(targets) - yes) / np.maximum(yes, 1)  # a class without a yes has no error
        return replace(self, pos_weight=tuple(float(w) for w in weights))

    def target(self, label: str | Sequence[str]) -> np.ndarray:
        """All labels of a clip, or its only one -> (C,) float32 of 0 and 1."""
        present = {self.labels.index(n) for n in ((label,) if isinstance(label, str) else label)}
        return np.array([i in present for i in range(len(self.labels))], np.float32)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean binary cross-entropy. (B, C), (B, C) -> ()."""
        weights = logits.new_tensor(self.pos_weight or (1.0,), dtype=torch.float32)
        return functional.binary_cross_entropy_with_logits(
            logits.float(), target.float(), pos_weight=weights
        )

    def probabilities(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """(B, C) logits -> (B, C) independent probabilities, which need not sum to one."""
        return (logits.float() / temperature).sigmoid()

    def answer(self, found: WindowLogits, calibration: Calibration = UNCALIBRATED) -> Answer:
        """The labels above their thresholds, and the most probable one.

        "Not sure" where the label that is farthest above its threshold, or nearest below, is near.
        """
        windows = self.probabilities(found.logits, calibration.temperature)  # (n, C)
        clip = found.mean(windows)
        above = clip > torch.tensor(calibration.thresholds or (0.5,))  # (C,)
        strongest = float(_from_threshold(clip.numpy(), calibration.thresholds).max())
        sure = calibration.abstain_below
        return Answer(
            windows,
            clip,
            are_probabilities=True,
            label=self.labels[int(clip.argmax())],
            abstains=1 - sure < strongest < sure,
            present=tuple(n for n, there in zip(self.labels, above, strict=True) if there),
        )

    def scores(
        self,
        logits: Tensor,
        target: Tensor,
        groups: np.ndarray,
        calibration: Calibration = UNCALIBRATED,
    ) -> dict:
        """Every score of a whole split. logits and target (n, C), groups (n,) labels.

        None where nothing is to be scored: no clip, or a label that is neither there nor answered.
        Raises MetricError.
        """
        metrics.refuse_no_numbers(logits.numpy())
        truth, values = target.numpy() > 0.5, self.probabilities(logits).numpy()
        outcomes = metrics.outcomes(truth, values > (calibration.thresholds or 0.5))
        columns = metrics.binary_scores(outcomes.sum(0))  # name -> (C,)
        no = (~truth).sum(0) / len(truth) if len(truth) else np.full(len(self.labels), np.nan)
        columns |= {"auc": metrics.roc_auc(truth, values), "all_negative": no}
        means = {
            name: metrics.number(float(metrics.mean_defined(c))) for name, c in columns.items()
        }
        drawn = metrics.binary_scores(metrics.bootstrap_sums(outcomes, groups))["f1"]  # (draws, C)
        return {
            "n": len(truth),
            **means,
            **metrics.interval_fields(metrics.mean_defined(drawn), groups),
            "absent": [label for i, label in enumerate(self.labels) if not truth[:, i].any()],
            "per_class": {
                label: {
                    **{name: metrics.number(column[i]) for name, column in columns.items()},
                    "n": int(truth[:, i].sum()),
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
        """Outcomes of each label's yes or no. logits and target (n, C); counts (n, labels, 4)."""
        metrics.refuse_no_numbers(logits.numpy())
        columns = [self.labels.index(name) for name in labels]
        above = self.probabilities(logits).numpy() > (calibration.thresholds or 0.5)
        truth, yes = target.numpy()[:, columns] > 0.5, above[:, columns]
        words = [_joined(labels, row) for row in yes]
        return Judged(metrics.outcomes(truth, yes).astype(float), (truth == yes).all(1), words)

    def target_words(self, target: Tensor) -> str:
        """The labels of one clip, in a list."""
        return _joined(self.labels, target.numpy() > 0.5)

    def constant_answer(self, labels: Sequence[Any]) -> tuple[Tensor, str]:
        """Every label, (1, C)."""
        return torch.full((1, len(self.labels)), 20.0), say("yes to every label")

    def selection_score(self, scores: dict) -> float:
        """The one number that training maximises on held-out sources."""
        return chosen_score(scores[self.main])

    def calibrate(self, logits: Tensor, target: Tensor) -> Calibration:
        """The threshold of each class with the best F1 on held-out logits; the lowest if many."""
        metrics.refuse_no_numbers(logits.numpy())
        truth, values = target.numpy() > 0.5, self.probabilities(logits).numpy()
        answers = [metrics.outcomes(truth, values > t).sum(0) for t in THRESHOLDS]  # (C, 4) each
        f1 = np.nan_to_num(metrics.binary_scores(np.array(answers))["f1"])  # (thresholds, C)
        best = np.where(truth.any(0), f1.argmax(0), len(THRESHOLDS) // 2)  # never seen: 0.5
        chosen = tuple(THRESHOLDS[best].tolist())
        return Calibration(
            abstain_below=self._abstain_below(values, truth, chosen), thresholds=chosen
        )

    def _abstain_below(
        self, values: np.ndarray, truth: np.ndarray, thresholds: tuple[float, ...]
    ) -> float:
        """The lowest value above which `precision` of the answers are surely right.

        An answer is right whose strongest label is there, or, below, where no label is. Surely: see
        `SingleLabel`. The highest where none will do.
        """
        distance = _from_threshold(values, thresholds)  # (n, C)
        strongest, label = distance.max(1), distance.argmax(1)
        named = np.take_along_axis(truth, label[:, None], 1)[:, 0]
        right = np.where(strongest > 0.5, named, ~truth.any(1))
        for sure in SURE:
            given = (strongest >= sure) | (strongest <= 1 - sure)
            if metrics.share_at_least(int(right[given].sum()), int(given.sum())) >= self.precision:
                return float(sure)
        return float(SURE[-1])

    def choice(self, calibration: Calibration) -> str:
        """What `calibrate` chose, as a sentence."""
        pairs = zip(self.labels, calibration.thresholds, strict=True)
        chosen = say(
            "Chosen on the held-out clips: thresholds with the best F1, {thresholds}; the scores "
            "above are at 0.5.",
            thresholds=say_list(
                say("{label} {threshold:g}", label=say_name(label), threshold=threshold)
                for label, threshold in pairs
            ),
        )
        if not self.precision:
            return chosen
        return say_list([chosen, self._sure_words(calibration.abstain_below)], " ")

    def _sure_words(self, abstain_below: float) -> str:
        """When the answer is "not sure", as a sentence after another one."""
        near = say(
            '"Not sure" where even the clearest label is near its threshold (below {below:g} on a '
            "scale on which each threshold is 0.5)",
            below=abstain_below,
        )
        right = say(
            "{percent:g} % of the other answers name a label that is there, or say rightly that "
            "none is",
            percent=100 * self.precision,
        )
        if abstain_below >= SURE[-1]:
            return say(
                "{near}, the highest value tried; there are too few clips to be sure that {right}.",
                near=near,
                right=right,
            )
        return say(
            "{near}; at least {right} (with 95 % confidence, for clips of the same people).",
            near=near,
            right=right,
        )

    def summary(self, scores: dict) -> str:
        """The scores of a split in one line."""
        names = {
            say("weighted accuracy"): "weighted_accuracy",
            say("accuracy"): "accuracy",
            say("all negative"): "all_negative",
            "AUC": "auc",
        }
        others = [
            say("{name} {score}", name=name, score=in_text(scores[key]))
            for name, key in names.items()
        ]
        return say(
            "F1 {score} ({span}), {others}, n = {count}{absent}",
            score=in_text(scores["f1"]),
            span=span(scores),
            others=say_list(others),
            count=scores["n"],
            absent=absent_words(scores),
        )


def _from_threshold(probabilities: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """How far above its threshold each label is, 0 to 1, 0.5 at it: (..., C) -> (..., C).

    The sigmoid of the difference in logits.
    """
    limits = np.asarray(thresholds or (0.5,))
    above, below = probabilities * (1 - limits), limits * (1 - probabilities)
    return above / np.maximum(above + below, 1e-9)


def _joined(labels: Sequence[str], present: np.ndarray) -> str:
    return ", ".join(n for n, yes in zip(labels, present, strict=True) if yes) or "none"
