"""Towers of a model of streams: a backbone gives tokens on the clip's clock, brought to one width.

Each token is about some part of the input, so that its share can be drawn there. Several towers can
make one stream. The backbones themselves are in `backbones`, `people` and `whisper`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from emo_core.models.layers.attention import time_encoding
from emo_core.models.layers.cam import CellGrid
from emo_core.preprocess.trace import axes

MOMENTUM = 0.02  # share of the newest batch in a running norm, once as many have been seen


def is_exporting() -> bool:
    """Whether torch.export reads the model, for a graph in which both ways of an `if` must be one.

    torch.compile (2.11) answers yes to torch's own question.
    """
    return torch.compiler.is_exporting() and not torch.compiler.is_dynamo_compiling()


@dataclass(frozen=True)
class TokenSpans:
    """Where N tokens looked, whatever time a model says of them to its fusion."""

    times_s: Tensor = axes("B, N")  # the middle, seconds from the start of the window
    frames: Tensor = axes("B, N, 2")  # the first, and the one after the last; may lie beyond both

    @classmethod
    def of(cls, times_s: Tensor, frames: Tensor) -> "TokenSpans":
        """The same frames (N, 2) in every row of times_s (B, N)."""
        return cls(times_s, frames.to(times_s.device).expand(times_s.shape[0], -1, -1))

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


@dataclass(frozen=True)
class Tokens:
    """What a backbone saw: N tokens on the clip's clock."""

    values: Tensor  # (B, N, C)
    mask: Tensor  # (B, N) bool, True = real
    times_s: Tensor  # (B, N) seconds from the start of the window
    unimodal_logits: Tensor | None = None  # (B, classes) of this stream's own head, if any
    spans: TokenSpans | None = None  # where each one looked; None: kept features, which do not tell


class Backbone(nn.Module):
    """Reads one modality into tokens of `channels` values.

    time_first: the last map of sound has the axes (time, mel), not (mel, time). even_times: tokens
    are told to the fusion as if they lay evenly over the window; where nothing asks when, as in
    JMT, it does not matter. `Tokens.spans` say where they looked in either case.
    """

    channels: int
    time_first = True
    even_times = True
    from_scratch = False  # no weights of it are published: it learns also where others are fixed
    reads_wave = False  # the waveform, not its log-mel
    by_cell = False  # a token for each cell of its last map, not for each of its steps

    @property
    def cam_layer(self) -> nn.Module | None:
        """What puts out the last map, for Grad-CAM; None where it has none of its input's axes."""
        raise NotImplementedError

    def cam_grids(self, size: Sequence[int]) -> tuple[CellGrid, ...]:
        """Where cells of that map lie, by its axes; size: of frames (height, width)."""
        raise NotImplementedError


class RunningNorm(nn.Module):
    """Bring each feature to mean 0 and spread 1 over what is real.

    Features of an encoder that was trained for something else differ in scale from each other, so
    normalising whole tokens leaves most of them flat: a head on speech hears 0.57 of the sounds of
    unseen people after layer normalisation, 0.74 after this (docs/experiments/0138).
    """

    mean: Tensor
    variance: Tensor
    batches: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.register_buffer("batches", torch.zeros(()))

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """values (..., C), mask (...): what is real -> (..., C)."""
        if self.training and bool(mask.any()):
            self._gather(values.detach()[mask].float())
        return (values - self.mean) * (self.variance + 1e-5).rsqrt()

    def fit(self, rows: Tensor) -> None:
        """Take the statistics of rows (n, C), once for all of them."""
        self.mean.copy_(rows.mean(0))
        self.variance.copy_(rows.var(0, correction=0))

    def _gather(self, real: Tensor) -> None:
        """Statistics of rows (n, C) into the running ones, the first batches evenly."""
        self.batches += 1
        share = torch.clamp(1 / self.batches, min=MOMENTUM)
        moved = real.mean(0) - self.mean
        variance = real.var(0, correction=0) + (1 - share) * moved.square()
        self.mean += share * moved
        self.variance.lerp_(variance, share)


class Tower(nn.Module):
    """One backbone, projection to the common width, then clock and modality are added.

    normalised: features of an encoder that was trained for something else have any scale; each is
    brought to mean 0 and spread 1 first.
    """

    def __init__(
        self,
        backbone: Backbone,
        width: int,
        frozen: bool,
        unimodal_head: nn.Module | None = None,
        normalised: bool = False,
    ) -> None:
        super().__init__()
        self.frozen, self.head_frozen = frozen and not backbone.from_scratch, False
        self.backbone = backbone.requires_grad_(False) if self.frozen else backbone
        if normalised:
            self.norm = RunningNorm(backbone.channels)
        self.project = nn.Linear(backbone.channels, width)
        self.modality = nn.Parameter(torch.zeros(width))
        self.unimodal_head = unimodal_head

    def train(self, mode: bool = True) -> "Tower":
        super().train(mode)
        if self.frozen:  # a fixed backbone keeps its statistics as well
            self.backbone.eval()
        if self.head_frozen and isinstance(self.unimodal_head, nn.Module):
            self.unimodal_head.eval()
        return self

    def freeze(self) -> None:
        """From now on the backbone neither learns nor renews its statistics, where it may not."""
        if self.backbone.from_scratch:
            return
        self.frozen = True
        self.backbone.requires_grad_(False).eval()

    def freeze_head(self) -> None:
        """From now on this tower's own scores do not change."""
        assert isinstance(self.unimodal_head, nn.Module)
        self.head_frozen = True
        self.unimodal_head.requires_grad_(False).eval()

    def tokens(self, seen: Tokens) -> Tokens:
        """What the backbone saw (B, N, C) -> tokens (B, N, D) and this tower's own scores."""
        values = self.norm(seen.values, seen.mask) if hasattr(self, "norm") else seen.values
        values = self.project(values)  # (B, N, D)
        clock = time_encoding(seen.times_s, values.shape[-1])
        own = self.unimodal_head(seen) if self.unimodal_head else None  # (B, classes)
        return replace(seen, values=values + clock + self.modality, unimodal_logits=own)

    def forward(self, *inputs: Tensor) -> Tokens:
        return self.tokens(self.backbone(*inputs))


def join_towers(towers: Sequence[Tokens]) -> Tokens:
    """Tokens of several towers as those of one stream; their own scores are averaged."""
    if len(towers) == 1:
        return towers[0]
    scores = [t.unimodal_logits for t in towers if t.unimodal_logits is not None]
    return Tokens(
        torch.cat([tower.values for tower in towers], dim=1),
        torch.cat([tower.mask for tower in towers], dim=1),
        torch.cat([tower.times_s for tower in towers], dim=1),
        torch.stack(scores).mean(0) if scores else None,
        TokenSpans.joined([tower.spans for tower in towers]),
    )
