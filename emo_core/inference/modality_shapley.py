"""Samples -> a model's scores of them, and what each modality adds to these."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import combinations
from math import factorial

import torch
from torch import Tensor, nn

from emo_core.checkpoint import Checkpoint
from emo_core.models.interface import SupportsSubsets, TwoStreams
from emo_core.models.layers.towers import Tokens
from emo_core.models.precision import for_inference, model_device
from emo_core.preprocess.batch import Batch, Output, collate
from emo_core.preprocess.sample import Sample
from emo_core.schema import MODALITIES
from emo_core.tasks import mean_over

Subset = frozenset[str]


@dataclass(frozen=True)
class ScoredWindows:
    """A model's scores of n windows."""

    logits: Tensor  # (n, C), or (n, S, 2) of moments
    shares: Tensor  # (n, M, C) Shapley values of each modality, of moments their mean
    times_s: Tensor  # (n, S) of the moments, from the start of the window; S = 0 without
    mask: Tensor  # (n, S) bool

    @classmethod
    def joined(cls, parts: Sequence["ScoredWindows"]) -> "ScoredWindows":
        """One after the other."""
        return cls(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def cpu(self) -> "ScoredWindows":
        """The same in the memory of the processor."""
        return ScoredWindows(*(getattr(self, f.name).cpu() for f in fields(self)))


def modalities(checkpoint: Checkpoint) -> tuple[str, ...]:
    """What the model of a checkpoint uses, of MODALITIES and in their order."""
    used = getattr(checkpoint.settings, "modalities", ("video", "audio"))
    return tuple(name for name in MODALITIES if name in used)


def exact_shapley(scores: Mapping[Subset, Tensor], names: Sequence[str]) -> Tensor:
    """Exact Shapley values of each of M names: (n, M, C) from scores (n, C) of every subset.

    They sum to all names' score minus that of none. Source: Shapley 1953.
    """
    count = len(names)
    values = []
    for name in names:
        others = [subset for subset in scores if name not in subset]
        weights = [
            factorial(len(s)) * factorial(count - len(s) - 1) / factorial(count) for s in others
        ]
        gains = [scores[subset | {name}] - scores[subset] for subset in others]
        parts = (w * gain for w, gain in zip(weights, gains, strict=True))
        values.append(sum(parts, start=torch.zeros(())))
    return torch.stack(values, dim=1)


@torch.inference_mode()
def score_windows(checkpoint: Checkpoint, samples: list[Sample]) -> ScoredWindows:
    """Scores of windows with everything that there is, and what each modality adds to them.

    Computed where the model is, returned on the CPU.
    """
    device, names = model_device(checkpoint.model), modalities(checkpoint)
    batch, subsets = collate(samples).to(device), subsets_of(names)
    with for_inference(checkpoint.model, device):
        answer = answer_by_subset(checkpoint.model, batch)
        outputs = {subset: answer(subset) for subset in subsets}
    whole = outputs[subsets[-1]]
    times_s, mask = _moments(whole, batch)
    of_subsets = {subset: output.logits for subset, output in outputs.items()}
    if whole.trace.moments is not None:
        of_subsets = {subset: mean_over(logits, mask) for subset, logits in of_subsets.items()}
    return ScoredWindows(whole.logits, exact_shapley(of_subsets, names), times_s, mask).cpu()


def subsets_of(names: Sequence[str]) -> list[Subset]:
    """Every subset of some modalities: none first, all of them last."""
    return [frozenset(s) for k in range(len(names) + 1) for s in combinations(names, k)]


def answer_by_subset(model: nn.Module, batch: Batch) -> Callable[[Subset], Output]:
    """The model's answer to some of the modalities, the others marked as missing.

    A model of two streams reads them once and repeats the fusion only.
    """
    if isinstance(model, SupportsSubsets):
        return model.by_subset(batch).__getitem__
    if isinstance(model, TwoStreams):
        streams = dict(zip(("video", "audio"), model.encode(batch), strict=True))
        fuse = model.fuse
        return lambda seen: fuse(
            *(tokens if name in seen else _hidden(tokens) for name, tokens in streams.items())
        )

    def whole(seen: Subset) -> Output:
        part = batch
        for name in MODALITIES:
            part = part if name in seen else part.without(name)
        return model(part)

    return whole


def _hidden(tokens: Tokens) -> Tokens:
    return replace(tokens, mask=torch.zeros_like(tokens.mask))


def _moments(output: Output, batch: Batch) -> tuple[Tensor, Tensor]:
    """Times (n, S) and mask (n, S) of the scored moments; both (n, 0) without moments."""
    moments = output.trace.moments
    if moments is None:
        none = batch.mel.new_zeros(len(batch), 0)
        return none, none > 0
    return moments.times_s, moments.mask
