"""What warm-up trains of paper 2's model: a tower that tells single faces or voices apart."""

import torch
from torch import nn

from emo_core.batch import Batch, Output
from emo_core.models.mesm import MesmConfig, Stream
from emo_core.parts.attention import masked_mean


class PartReader(nn.Module):
    """A stream's tower with a score for every face or voice: what warm-up trains.

    All pictures are read: a Glance stays outside.
    """

    def __init__(self, stream: Stream, config: MesmConfig, classes: int) -> None:
        super().__init__()
        self.stream, self.asking = stream, config.text_width
        self.head = nn.Linear(2 * config.width, classes)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, batch: Batch) -> Output:
        pictures, mask = self.stream.pictures(batch)  # (n, c, h, w), (B, T)
        query = pictures.new_zeros(len(batch), self.asking)  # nobody asks
        tokens, _ = self.stream.look(pictures, mask, query)  # (B, T, D)
        peak = tokens.masked_fill(~mask.unsqueeze(-1), -1e4).amax(1)
        pooled = torch.cat([masked_mean(tokens, mask), peak], dim=-1)  # (B, 2D)
        return Output(self.head(self.dropout(pooled)).float(), {})  # (B, classes)
