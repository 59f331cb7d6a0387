"""A window cut into S equal steps, each read as a clip of its own: the tokens of paper 3."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emo_core.parts.attention import masked_mean
from emo_core.parts.backbones import Tokens

POOLS = ("max", "mean", "flatten")
PLACES = 49  # of the map of R(2+1)D-18 for 8 pictures of 112 x 112 pixels


@dataclass(frozen=True)
class Steps:
    """What each step of a window holds."""

    values: Tensor  # (B, S, n, ...)
    mask: Tensor  # (B, S, n) bool, True = real
    times_s: Tensor  # (B, S, n)


def frame_steps(frames: Tensor, mask: Tensor, times_s: Tensor, steps: int) -> Steps:
    """Groups frames in order: (B, T, ...), (B, T), (B, T) -> T // steps frames a step.

    Raises ValueError where T is not a multiple of `steps`.
    """
    if frames.shape[1] % steps:
        raise ValueError(
            f"{frames.shape[1]} frames can't be shared by {steps} steps; expected a multiple; "
            "change the sample's frames or the model's steps."
        )
    return Steps(*(v.unflatten(1, (steps, -1)) for v in (frames, mask, times_s)))


def mel_steps(mel: Tensor, mask: Tensor, times_s: Tensor, steps: int) -> Steps:
    """Cuts a log-mel by time: (B, F, M), (B, F), (B, F) -> F // steps mel frames a step.

    A step starts with the first mel frame of its share of the window, which need not be whole
    frames; so a few mel frames lie in no step.
    """
    hop_s = times_s[:, 1:2] - times_s[:, :1]  # (B, 1)
    share = torch.arange(steps, device=mel.device) / steps
    starts_s = times_s[:, :1] + (times_s[:, -1:] - times_s[:, :1] + hop_s) * share  # (B, S)
    first = torch.searchsorted(times_s.contiguous(), starts_s - hop_s / 2)  # half: rounding
    index = first.unsqueeze(-1) + torch.arange(mel.shape[1] // steps, device=mel.device)
    index = index.clamp(max=mel.shape[1] - 1)  # (B, S, n)
    row = torch.arange(len(mel), device=mel.device)[:, None, None]
    return Steps(mel[row, index], mask[row, index], times_s[row, index])


class StepPool(nn.Module):
    """One vector for a clip, of what its backbone saw at N places and moments.

    kind: the strongest ("max", assumption A2 of paper 3), the mean, or all of them through a
    linear layer ("flatten", for R(2+1)D-18 at paper size only).
    """

    def __init__(self, kind: str, channels: int) -> None:
        super().__init__()
        if kind not in POOLS:
            raise ValueError(f"pool {kind!r} is not one of {', '.join(POOLS)}")
        self.kind = kind
        if kind == "flatten":
            self.mix = nn.Linear(PLACES * channels, channels)

    def forward(self, seen: Tokens) -> Tensor:
        """(B, N, C) -> (B, C); zero, or with "flatten" one constant, where nothing is real."""
        if self.kind == "mean":
            return masked_mean(seen.values, seen.mask)
        if self.kind == "flatten":
            if seen.values.shape[1] != PLACES:
                raise ValueError(
                    f"pool 'flatten' needs {PLACES} places a clip, found {seen.values.shape[1]}; "
                    "give 8 faces of 112 pixels a step or choose pool 'max'."
                )
            return self.mix(seen.values.flatten(1))
        lowest = torch.finfo(seen.values.dtype).min
        peak = seen.values.masked_fill(~seen.mask.unsqueeze(-1), lowest).amax(1)
        return peak.masked_fill(~seen.mask.any(1, keepdim=True), 0)


class StepStream(nn.Module):
    """One modality: a backbone reads every step by itself; one token of width D a step."""

    def __init__(self, backbone: nn.Module, pool: str, width: int, frozen: bool) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(not frozen)
        self.frozen = frozen
        self.pool = StepPool(pool, backbone.channels)
        same = backbone.channels == width
        self.project = nn.Identity() if same else nn.Linear(backbone.channels, width)

    def train(self, mode: bool = True) -> "StepStream":
        super().train(mode)
        if self.frozen:  # a fixed backbone keeps its statistics as well
            self.backbone.eval()
        return self

    def forward(self, steps: Steps) -> Tokens:
        parts = (part.flatten(0, 1) for part in (steps.values, steps.mask, steps.times_s))
        seen = self.backbone(*parts)  # (B*S, N, C)
        tokens = self.project(self.pool(seen)).unflatten(0, steps.mask.shape[:2])  # (B, S, D)
        real = steps.mask.any(-1)  # (B, S)
        return Tokens(tokens * real.unsqueeze(-1), real, steps.times_s[..., -1])
