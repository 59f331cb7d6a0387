"""Towers of a two-stream model: what each backbone saw, on one clock; several make one stream."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from emo_core.models.layers.attention import time_encoding
from emo_core.models.layers.backbones import Backbone, Tokens
from emo_core.models.layers.running_norm import RunningNorm
from emo_core.models.layers.token_spans import TokenSpans

Head = Callable[[Tokens], Tensor]


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
        self.backbone = backbone.requires_grad_(not frozen)
        self.frozen, self.head_frozen = frozen, False
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
        """From now on the backbone neither learns nor renews its statistics."""
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
