"""What pre-training trains: a backbone of a model with scores of single frames, faces or voices."""

from torch import nn

from emo_core.models.group import Group
from emo_core.models.layers.fusion import FrameHead, MeanMaxHead
from emo_core.models.layers.towers import Tokens
from emo_core.models.mesm import MesmConfig, ModalityTower
from emo_core.preprocess.batch import Batch, Output


class VideoPretrainHead(nn.Module):
    """A group model's video backbone with a score for every frame: what pre-training trains.

    Needs a backbone that makes one token a frame. head: one that stays in the model.
    """

    def __init__(self, model: Group, classes: int, head: FrameHead | None = None) -> None:
        super().__init__()
        self.backbone = model.video.backbone
        self.head = head or FrameHead(self.backbone.channels, classes)

    @classmethod
    def sharing_head(cls, model: Group, classes: int) -> "VideoPretrainHead":
        """With the head that the model has for video by itself, if it has one."""
        head = model.video.unimodal_head
        return cls(model, classes, head if isinstance(head, FrameHead) else None)

    def forward(self, batch: Batch) -> Output:
        seen = self.backbone(batch.video, batch.video_mask, batch.video_times_s)
        return Output(self.head.each(seen).flatten(0, 1).float())  # (B*T, C)


class AudioPretrainHead(nn.Module):
    """A group model's sound backbone with a score for every recording: what pre-training trains.

    head: one that stays in the model.
    """

    def __init__(self, model: Group, classes: int, head: MeanMaxHead | None = None) -> None:
        super().__init__()
        self.backbone = model.audio.backbone
        dropout = model.config.head_dropout
        self.head = head or MeanMaxHead(self.backbone.channels, classes, dropout)

    @classmethod
    def sharing_head(cls, model: Group, classes: int) -> "AudioPretrainHead":
        """With the head that the model has for audio by itself, if it has one."""
        head = model.audio.unimodal_head
        return cls(model, classes, head if isinstance(head, MeanMaxHead) else None)

    def forward(self, batch: Batch) -> Output:
        seen = self.backbone(batch.mel, batch.mel_mask, batch.mel_times_s)
        return Output(self.head(seen).float())  # (B, classes)


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
