"""Which part of the input each token is about, so that its share can be drawn there."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from emo_core.preprocess.trace import axes


@dataclass(frozen=True)
class TokenSpans:
    """Where N tokens looked, whatever time a model says of them to its fusion."""

    times_s: Tensor = axes("B, N")  # the middle, seconds from the start of the window
    frames: Tensor = axes("B, N, 2")  # the first, and the one after the last; may lie beyond both

    @classmethod
    def of(cls, times_s: Tensor, frames: Tensor) -> "TokenSpans":
        """The same frames (N, 2) in every row of times_s (B, N)."""
        return cls(times_s, frames.to(times_s.device).expand(len(times_s), -1, -1))

    @classmethod
    def joined(cls, parts: "Sequence[TokenSpans | None]") -> "TokenSpans | None":
        """Those of several towers as of one stream; None where one of them has none."""
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        times_s = torch.cat([part.times_s for part in known], dim=1)
        return cls(times_s, torch.cat([part.frames for part in known], dim=1))


def runs(count: int, size: int, first: int = 0, end: int = 0) -> Tensor:
    """Frames (count, 2) of tokens of `size` input frames each that follow each other.

    end: the last token's frames reach at least to there.
    """
    starts = torch.arange(count) * size + first
    ends = starts + size
    ends[-1:] = ends[-1:].clamp(min=end)
    return torch.stack([starts, ends], dim=1)


def to_frames(frames: Tensor, real: Tensor) -> Tensor:
    """Weights (N, T) that spread tokens evenly over the real frames that they are about.

    frames: (N, 2); real: (T,) bool. A token with no real frame goes to the nearest one; rows sum to
    one, or to zero where nothing is real.
    """
    at = torch.arange(len(real), device=real.device)
    frames = frames.to(real.device)
    inside = (at >= frames[:, :1]) & (at < frames[:, 1:]) & real
    middle = (frames.sum(1, keepdim=True) - 1) / 2
    apart = (at - middle).abs().masked_fill(~real, torch.inf)
    nearest = torch.nn.functional.one_hot(apart.argmin(1), len(real)).bool() & real
    chosen = torch.where(inside.any(1, keepdim=True), inside, nearest).float()
    return chosen / chosen.sum(1, keepdim=True).clamp(min=1)
