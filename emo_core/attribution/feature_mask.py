"""Cutting a window's inputs into pieces: time on one clock, blocks of space, patches of sound.

Ids of pieces broadcast over their input: what always goes together, as colours do, has one id.
"""

import torch
from torch import Tensor

from emo_core.attribution.forward_function import MASKS, ForwardFunction
from emo_core.attribution.types import Preset


def equal_bins(count: int, parts: int) -> Tensor:
    """Positions 0..count-1 -> the number of the equal part that each is in, (count,)."""
    parts = max(1, min(parts, count))
    return torch.arange(count) * parts // max(count, 1)


def time_bins(times_s: Tensor, window_s: float, parts: int) -> Tensor:
    """Moments of a window -> the number of the equal part of the clock that each is in."""
    return (times_s.double() * parts / window_s).long().clamp(0, parts - 1)


def patch_mask(question: ForwardFunction, preset: Preset) -> tuple[Tensor, ...]:
    """Ids of space-time blocks of pictures, time-frequency patches of sound, runs of words."""
    return _numbered(question, [_block_ids(question, name, preset) for name in question.names])


def time_mask(question: ForwardFunction, preset: Preset, parts: int) -> tuple[Tensor, ...]:
    """Ids of equal parts of the clock: of the picture and of the sound apart, and runs of words."""
    return _numbered(
        question, [_time_ids(question, name, preset, parts) for name in question.names]
    )


def _time_ids(question: ForwardFunction, name: str, preset: Preset, parts: int) -> Tensor:
    sample, window_s = question.sample, question.checkpoint.sample.window_s
    if name == "tokens":
        return equal_bins(len(sample.tokens), preset.words)
    times_s = sample.mel_times_s if name == "mel" else sample.video_times_s
    mask = getattr(sample, MASKS[name])
    inner = (1,) * (getattr(sample, name).ndim - mask.ndim)
    ids = time_bins(times_s, window_s, parts)
    return ids.view(-1, *(1,) * (mask.ndim - 1), *inner).expand(*mask.shape, *inner)


def _block_ids(question: ForwardFunction, name: str, preset: Preset) -> Tensor:
    sample = question.sample
    shape = getattr(sample, name).shape
    if name == "tokens":
        return equal_bins(shape[0], preset.words)
    if name == "mel":
        steps, bands = preset.patches
        when = _time_ids(question, name, preset, steps)
        return when * bands + equal_bins(shape[1], bands)
    steps, high, wide = preset.blocks
    when = _time_ids(question, name, preset, steps)
    down, across = equal_bins(shape[-2], high), equal_bins(shape[-1], wide)
    return (when * high + down.unsqueeze(-1)) * wide + across


def _numbered(question: ForwardFunction, ids: list[Tensor]) -> tuple[Tensor, ...]:
    """Ids 0, 1, ... over all inputs, none shared between two of them; over (1, ...) each.

    Equal ids in two inputs would be taken away together. What is behind a mask belongs to a piece
    beside it, so that it costs nothing.
    """
    numbered, first = [], 0
    for name, own in zip(question.names, ids, strict=True):
        present = _sizes(own, real_of(question, name, own)) > 0
        count = int(present.sum())
        place = (present.cumsum(0) - present.long()).clamp(max=count - 1)  # of the ids present
        numbered.append((place + first)[own].unsqueeze(0).to(question.batch.mel.device))
        first += count
    return tuple(numbered)


def _sizes(ids: Tensor, real: Tensor) -> Tensor:
    """How many real ids each piece has; ten times as fast as to count `ids[real]`."""
    return torch.bincount(ids.flatten(), weights=real.flatten().double()).long()


def real_of(question: ForwardFunction, name: str, like: Tensor) -> Tensor:
    """Which of an input's ids stand for real values: bool in the shape of `like`, the ids."""
    real = getattr(question.sample, MASKS[name])
    return real.view(*real.shape, *(1,) * (like.ndim - real.ndim)).expand(like.shape)


def density(
    question: ForwardFunction, maps: tuple[Tensor, ...], pieces: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """Values of whole pieces, spread evenly over their real elements: sums mean something."""
    spread = []
    for name, x, values, ids in zip(question.names, question.inputs, maps, pieces, strict=True):
        real = real_of(question, name, ids[0]).unsqueeze(0).to(ids.device)
        sizes = _sizes(ids, real) * (x.numel() // ids.numel())
        spread.append((values * real / sizes[ids].clamp(min=1)).expand_as(x))
    return tuple(spread)


def number_of(pieces: tuple[Tensor, ...]) -> int:
    """How many pieces there are."""
    return 1 + max(int(ids.max()) for ids in pieces)
