"""What differs between corpora: loss, scores and label names. The Trainer asks nothing else."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from emo_core import metrics


@dataclass(frozen=True)
class SingleLabel:
    """One class a clip: cross-entropy on logits, scored by accuracy over all clips."""

    labels: tuple[str, ...] = ("positive", "neutral", "negative")
    smoothing: float = 0.0  # label smoothing

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean cross-entropy. (B, C), (B,) -> ()."""
        return functional.cross_entropy(logits.float(), target, label_smoothing=self.smoothing)

    def probabilities(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """(B, C) logits -> (B, C) probabilities."""
        return (logits.float() / temperature).softmax(-1)

    def scores(self, logits: Tensor, target: Tensor, groups: np.ndarray) -> dict:
        """Every score of a whole split. logits (n, C), target (n,), groups (n,) labels."""
        truth, predicted = target.numpy(), logits.argmax(-1).numpy()
        counts = metrics.confusion(truth, predicted, len(self.labels))
        recall, f1 = metrics.recalls(counts), metrics.f1_scores(counts)
        correct = truth == predicted
        return {
            "n": len(truth),
            "accuracy": metrics.accuracy(truth, predicted),
            "uar": metrics.uar(counts),
            "f1": metrics.macro_f1(counts),
            "interval": list(metrics.clustered_interval(correct, groups)),
            "per_class": {
                name: {
                    "recall": _number(recall[i]),
                    "f1": _number(f1[i]),
                    "n": int(counts[i].sum()),
                }
                for i, name in enumerate(self.labels)
            },
            "confusion": counts.tolist(),
            "chance": float(counts.sum(1).max() / counts.sum()),
        }

    def goodness(self, scores: dict) -> float:
        """The one number that training maximises on held-out sources."""
        return scores["accuracy"]

    def calibrate(self, logits: Tensor, target: Tensor) -> float:
        """Temperature that minimises the loss on held-out logits (Guo et al. 2017, section 4.2).

        Never below 0.5: held-out clips without one error would ask for certainty without end.
        """
        candidates = torch.logspace(-0.30103, 1, 61).tolist()
        return min(candidates, key=lambda t: functional.cross_entropy(logits / t, target).item())


@dataclass(frozen=True)
class FrameLabel(SingleLabel):
    """One class a frame, for warm-up: targets come as (B, T), logits as (B*T, C)."""

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        return super().loss(logits, target.flatten())


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
