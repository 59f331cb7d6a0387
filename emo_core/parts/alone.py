"""Heads of one stream: what its tokens say without the other modalities."""

import torch
from torch import Tensor, nn

from emo_core.parts.attention import masked_mean
from emo_core.parts.backbones import Tokens


class PictureHead(nn.Module):
    """Every frame's scores, and their mean."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.scores = nn.Linear(channels, classes)

    def each(self, seen: Tokens) -> Tensor:
        """(B, N, classes), also for frames that are not real."""
        return self.scores(seen.values)

    def forward(self, seen: Tokens) -> Tensor:
        """(B, classes); zero where nothing is real."""
        return masked_mean(self.each(seen), seen.mask)


class PooledHead(nn.Module):
    """Scores of mean and peak over time: a short cry counts beside long talk."""

    def __init__(self, channels: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.scores = nn.Linear(2 * channels, classes)

    def forward(self, seen: Tokens) -> Tensor:
        """(B, classes); what nothing real gives means nothing."""
        peak = seen.values.masked_fill(~seen.mask.unsqueeze(-1), -1e4).amax(1)
        pooled = torch.cat([masked_mean(seen.values, seen.mask), peak], dim=-1)  # (B, 2C)
        return self.scores(self.dropout(pooled))
