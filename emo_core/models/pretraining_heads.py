"""Pre-training head of MESM's towers: classifies single faces or voices."""

from torch import nn

from emo_core.models.layers.fusion import MeanMaxHead
from emo_core.models.layers.towers import Tokens
from emo_core.models.mesm import MesmConfig, ModalityTower
from emo_core.preprocess.batch import Batch, Output


class TowerPretrainHead(nn.Module):
    """A stream's tower with a score for every face or voice: what pre-training trains.

    All pictures are read: a ThumbnailAttention stays outside.
    """

    def __init__(self, stream: ModalityTower, config: MesmConfig, classes: int) -> None:
        super().__init__()
        self.stream, self.asking = stream, config.text_width
        self.head = MeanMaxHead(config.width, classes, config.dropout)

    def forward(self, batch: Batch) -> Output:
        pictures, mask = self.stream.pictures(batch)  # (n, c, h, w), (B, T)
        query = pictures.new_zeros(len(batch), self.asking)  # no text
        tokens, _ = self.stream.encode(pictures, mask, query)  # (B, T, D)
        seen = Tokens(tokens, mask, mask.float())  # at no moments: the head does not ask when
        return Output(self.head(seen).float())  # (B, classes)
