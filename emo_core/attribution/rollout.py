"""Attention maps and attention rollout: the moments that the multiplied weights lead to.

Source: Abnar & Zuidema 2020; half of every block is its residual path. What attention looks at is
not why the score is as it is: the same map for every class.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from emo_core.attribution.forward_function import ForwardFunction
from emo_core.attribution.types import AttributionError, Preset
from emo_core.checkpoint import Checkpoint
from emo_core.models.interface import SupportsRollout
from emo_core.preprocess.batch import collate
from emo_core.preprocess.sample import Sample


@dataclass(frozen=True)
class Matrix:
    """Mean attention over heads, from moments of the picture to moments of the sound."""

    weights: Tensor  # (V, A); rows sum to one
    video_s: Tensor  # (V,) from the start of the clip
    audio_s: Tensor  # (A,)


def picture_to_sound(checkpoint: Checkpoint, sample: Sample) -> Matrix | None:
    """The last block's attention; None where the model or the window has none."""
    with torch.no_grad():
        found = checkpoint.model(collate([sample])).trace.video_to_audio
    if found is None:
        return None
    weights = found.weights[0].mean(0)  # (V, A)
    if not bool(weights.any()):
        return None
    moments, which = found.video_times_s[0].unique(return_inverse=True)  # places of one moment:
    rows = torch.zeros(len(moments), weights.shape[1]).index_add_(0, which, weights)
    rows = rows / torch.bincount(which).unsqueeze(1)  # their mean
    return Matrix(rows, sample.start_s + moments, sample.start_s + found.audio_times_s[0])


def rollout(question: ForwardFunction, preset: Preset, seed: int) -> dict[str, Tensor]:
    """Attention from the answer back to moments of picture and sound; sums to one."""
    model, shares = question.model, {}
    if isinstance(model, SupportsRollout):
        shares = model.rollout(question.batch, question.trace(), question.target.step)
    if not shares:
        raise AttributionError(
            f"{question.checkpoint.name} has no attention between moments to follow; choose "
            "another method."
        )
    maps = {}
    for name in question.names:
        stream = {"mel": "audio", "video": "video", "faces": "video"}.get(name, "")
        if stream in shares:
            own, shape = shares[stream], getattr(question.sample, name).shape
            spread = _in_time(own, shape) if name == "mel" else _in_space(own, shape)
            maps[name] = spread * (own.sum() / spread.sum().clamp(min=1e-12))
    return maps


def _in_time(share: Tensor, shape: torch.Size) -> Tensor:
    """Tokens (N,) of equal stretches of the sound -> its shape (F, M)."""
    line = functional.interpolate(share.view(1, 1, -1), shape[0], mode="nearest")[0, 0]
    return line.unsqueeze(1).expand(shape)


def _in_space(share: Tensor, shape: torch.Size) -> Tensor:
    """Tokens of frames (T,), of steps (S,) or of places (t*h*w,) -> the input's shape."""
    if len(share) <= shape[0]:
        line = functional.interpolate(share.view(1, 1, -1), shape[0], mode="nearest")[0, 0]
        return line.view(-1, *(1,) * (len(shape) - 1)).expand(shape)
    steps = next(t for t in range(shape[0] // 8 or 1, len(share) + 1) if len(share) % t == 0)
    places = len(share) // steps
    high = min(
        (h for h in range(1, places + 1) if places % h == 0),
        key=lambda h: abs(h * h / places - shape[-2] / shape[-1]),
    )
    grid = share.view(1, 1, steps, high, places // high)
    large = functional.interpolate(grid, (shape[0], *shape[-2:]), mode="nearest")
    return large[0].transpose(0, 1).expand(shape)
