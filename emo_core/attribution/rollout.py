"""Attention maps and attention rollout: the moments that the multiplied weights lead to.

Source: Abnar & Zuidema 2020; half of every block is its residual path. What attention looks at is
not why the score is as it is: the same map for every class.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from emo_core.attribution.forward_function import MASKS, ForwardFunction
from emo_core.attribution.timeline import rebin
from emo_core.attribution.types import AttributionError, Preset
from emo_core.checkpoint import Checkpoint
from emo_core.models.interface import SupportsRollout
from emo_core.preprocess.batch import collate
from emo_core.preprocess.sample import Sample


@dataclass(frozen=True)
class Matrix:
    """Mean attention over heads, from moments of the picture to moments of the sound."""

    weights: Tensor  # (V, A); rows sum to one
    video_s: Tensor  # (V,) from the start of the clip, in order
    audio_s: Tensor  # (A,)


def picture_to_sound(checkpoint: Checkpoint, sample: Sample) -> Matrix | None:
    """The last block's attention; None where the model or the window has none.

    What is not real has no moment. Tokens of one moment, as places of a frame are, count together.
    """
    with torch.no_grad():
        found = checkpoint.model(collate([sample])).trace.video_to_audio
    if found is None:
        return None
    asking, answering = (
        torch.ones_like(times_s[0], dtype=torch.bool).cpu() if mask is None else mask[0].cpu()
        for mask, times_s in (
            (found.video_mask, found.video_times_s),
            (found.audio_mask, found.audio_times_s),
        )
    )
    weights = found.weights[0].mean(0).cpu()[asking][:, answering]  # (V, A)
    if not bool(weights.any()):
        return None
    rows, video_s = _by_moment(weights, found.video_times_s[0].cpu()[asking])
    rows = rows / rows.sum(1, keepdim=True)  # the mean of tokens whose rows sum to one
    columns, audio_s = _by_moment(rows.T, found.audio_times_s[0].cpu()[answering])
    return Matrix(columns.T, sample.start_s + video_s, sample.start_s + audio_s)


def _by_moment(rows: Tensor, times_s: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (n, k) of the same moment added up, in order of time, and these moments."""
    moments, which = times_s.unique(return_inverse=True)
    summed = torch.zeros(len(moments), rows.shape[1], dtype=rows.dtype)
    return summed.index_add_(0, which, rows), moments


def rollout(question: ForwardFunction, preset: Preset, seed: int) -> dict[str, Tensor]:
    """Attention from the answer back to moments of picture and sound; sums to one."""
    model, shares = question.model, {}
    if isinstance(model, SupportsRollout):
        shares = model.rollout(question.batch, question.trace(), question.target.step)
    if not shares:
        raise AttributionError(
            "{name} has no attention between moments to follow; choose another method.",
            name=question.checkpoint.name,
        )
    streams = {"mel": "audio", "video": "video", "faces": "video"}
    return {
        name: _spread(shares[streams[name]].cpu(), getattr(question.sample, name).shape, real)
        for name in question.names
        if streams.get(name) in shares
        for real in [getattr(question.sample, MASKS[name])]
    }


def _spread(share: Tensor, shape: torch.Size, real: Tensor) -> Tensor:
    """Shares (T,), (T, P), (T, H, W) or of equal stretches -> the input's shape, the sum kept.

    real: the input's mask (T,) or (T, P); what is behind it gets nothing.
    """
    whole, mask = share.sum(), real
    if share.ndim == 1 and len(share) != shape[0]:
        share = rebin(share, shape[0])
    if share.ndim == 3:  # pixels: colours count alike
        share = share.unsqueeze(1)
    elif real.ndim == 2 and share.ndim == 1:  # faces of a frame count alike
        share = share.unsqueeze(1) / real.sum(1, keepdim=True).clamp(min=1)
    share, mask = (x.view(*x.shape, *(1,) * (len(shape) - x.ndim)) for x in (share, mask))
    spread = (share * mask).expand(shape)
    return spread * (whole / spread.sum().clamp(min=1e-12))
