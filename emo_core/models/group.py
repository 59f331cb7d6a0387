"""Group emotion from whole frames and audio by cross-modal attention, trained end to end.

Follows the abstract of arXiv 2111.05890; its hyper-parameters are the assumptions A1 to A18 in
docs/papers/group.md#assumptions.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from emo_core.models.layers.attention import time_encoding
from emo_core.models.layers.backbones import (
    Backbone,
    Cnn14,
    FrameResNet,
    MelResNet,
    R2Plus1D,
    Tokens,
)
from emo_core.models.layers.cam import resize_frame_maps, resize_maps
from emo_core.models.layers.fusion import (
    FUSIONS,
    FrameHead,
    FusionTrace,
    MeanMaxHead,
    make_fusion,
)
from emo_core.preprocess.batch import Batch, Output
from emo_core.preprocess.trace import Trace
from emo_core.ranges import Count, Counts, OpenShare


@dataclass(frozen=True)
class GroupConfig:
    """Settings of the group model; docs/papers/group.md#ablations are among them."""

    video_backbone: str = "r2plus1d_18"  # or "slim"
    audio_backbone: str = "cnn14"  # or "slim"
    video_widths: Counts = (16, 32, 64, 128)  # channels of the slim video backbone
    audio_widths: Counts = (16, 32, 64, 128)  # channels of the slim sound backbone
    pyramid_levels: Count = 1  # the slim video backbone reads a frame at so many sizes, halved
    use_color: bool = True  # else the slim video backbone sees luminance only
    width: Count = 256  # D, of the tokens that meet
    heads: Count = 4
    blocks: Count = 2  # in each direction
    dropout: OpenShare = 0.1
    head_dropout: OpenShare = 0.2
    fusion: str = "two_way"
    unimodal_heads: bool = (
        False  # streams have heads of their own beside the fusion: see Group.fuse
    )
    frozen: bool = False  # backbones fixed: the contrast to end-to-end (claim i)
    pretrained: bool = False  # Kinetics-400 and AudioSet weights, fetched on the user's machine
    classes: Count = 3


PAPER = GroupConfig()
POCKET = GroupConfig(video_backbone="slim", audio_backbone="slim", width=96)
SIZES = {"paper": PAPER, "pocket": POCKET}


class Tower(nn.Module):
    """One modality: backbone, projection to the common width, then clock and modality are added."""

    def __init__(
        self,
        backbone: Backbone,
        width: int,
        frozen: bool,
        unimodal_head: FrameHead | MeanMaxHead | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(not frozen)
        self.frozen = frozen
        self.project = nn.Linear(backbone.channels, width)
        self.modality = nn.Parameter(torch.zeros(width))
        self.unimodal_head = unimodal_head

    def train(self, mode: bool = True) -> "Tower":
        super().train(mode)
        if self.frozen:  # a fixed backbone keeps its statistics as well
            self.backbone.eval()
        return self

    def forward(self, values: Tensor, mask: Tensor, times_s: Tensor) -> Tokens:
        seen = self.backbone(values, mask, times_s)
        tokens = self.project(seen.values)  # (B, N, D)
        clock = time_encoding(seen.times_s, tokens.shape[-1])
        own = self.unimodal_head(seen) if self.unimodal_head else None  # (B, classes)
        return replace(seen, values=tokens + clock + self.modality, unimodal_logits=own)


class Group(nn.Module):
    """Frames and log-mel -> positive, neutral, negative."""

    video: Tower  # absent where the fusion does not read pictures
    audio: Tower  # absent where it does not read sound

    def __init__(self, config: GroupConfig) -> None:
        super().__init__()
        self.config = config
        makers: dict[tuple[str, str], Callable[[], Backbone]] = {
            ("video", "slim"): lambda: FrameResNet(
                tuple(config.video_widths), config.pyramid_levels, config.use_color
            ),
            ("video", "r2plus1d_18"): lambda: R2Plus1D(config.pretrained),
            ("audio", "slim"): lambda: MelResNet(tuple(config.audio_widths)),
            ("audio", "cnn14"): lambda: Cnn14(config.pretrained),
        }
        used = {"video": ("video",), "audio": ("audio",)}.get(config.fusion, ("video", "audio"))
        for name in used:
            kind = getattr(config, f"{name}_backbone")
            if (name, kind) not in makers:
                raise ValueError(f"{name}_backbone {kind!r} is not known")
            backbone = makers[name, kind]()
            head = self._head(name, backbone.channels) if config.unimodal_heads else None
            setattr(self, name, Tower(backbone, config.width, config.frozen, head))
        self.fusion = make_fusion(
            config.fusion,
            config.width,
            config.heads,
            config.blocks,
            config.classes,
            config.dropout,
            config.head_dropout,
        )

    def _head(self, name: str, channels: int) -> FrameHead | MeanMaxHead:
        if name == "video":
            return FrameHead(channels, self.config.classes)
        return MeanMaxHead(channels, self.config.classes, self.config.head_dropout)

    def encode(self, batch: Batch) -> tuple[Tokens, Tokens]:
        """The two token streams; a stream that the fusion does not use is empty."""
        empty = Tokens(
            batch.mel.new_zeros(len(batch), 1, self.config.width),
            torch.zeros(len(batch), 1, dtype=torch.bool, device=batch.mel.device),
            batch.mel.new_zeros(len(batch), 1),
        )
        video = audio = empty
        if hasattr(self, "video"):
            video = self.video(batch.video, batch.video_mask, batch.video_times_s)  # (B, Nv, D)
        if hasattr(self, "audio"):
            audio = self.audio(batch.mel, batch.mel_mask, batch.mel_times_s)  # (B, Na, D)
        return video, audio

    def fuse(self, video: Tokens, audio: Tokens) -> Output:
        """Scores from the two streams; cheap beside `encode`.

        What the picture's own head learned of single frames is always added, what the sound's
        learned only where nothing is seen: fusion by itself reads an unseen voice worse, and a
        face beside meaningless sound (docs/experiments/0087 and 0092).
        """
        logits, trace = self.fusion(video, audio)
        seen, heard = (stream.mask.any(1, keepdim=True) for stream in (video, audio))  # (B, 1)
        if video.unimodal_logits is not None:
            logits = logits + video.unimodal_logits * seen
        if audio.unimodal_logits is not None:
            logits = logits + audio.unimodal_logits * (heard & ~seen)
        return Output(logits.float(), trace)

    def forward(self, batch: Batch) -> Output:
        return self.fuse(*self.encode(batch))

    def cam_layers(self) -> dict[str, nn.Module]:
        """The last convolutional stage of each tower, by modality, for Grad-CAM."""
        towers = [name for name in ("video", "audio") if hasattr(self, name)]
        return {name: getattr(self, name).backbone.cam_layer for name in towers}

    def cam_placement(self, tower: str, cam: Tensor, batch: Batch, trace: Trace) -> Tensor:
        """Maps of frames or of the whole sound -> (T, 1, H, W) or (F, M)."""
        if tower == "video":
            return resize_frame_maps(cam, batch.video.shape[1], *batch.video.shape[-2:])
        return resize_maps(cam, (batch.mel.shape[1], batch.mel.shape[2]))[0]

    def rollout(self, batch: Batch, trace: FusionTrace, step: int | None) -> dict[str, Tensor]:
        """Share of each token (N,) of the answer, by stream."""
        return trace.rollout()


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
        assert not isinstance(head, MeanMaxHead)  # that one is of sound
        return cls(model, classes, head)

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
        assert not isinstance(head, FrameHead)  # that one is of pictures
        return cls(model, classes, head)

    def forward(self, batch: Batch) -> Output:
        seen = self.backbone(batch.mel, batch.mel_mask, batch.mel_times_s)
        return Output(self.head(seen).float())  # (B, classes)


def group(size: str = "pocket", **changes: Any) -> Group:
    """A group model of the given size, with settings changed by name."""
    if size not in SIZES:
        raise ValueError(f"size {size!r} is not one of {', '.join(SIZES)}")
    if changes.get("fusion", "two_way") not in FUSIONS:
        raise ValueError(f"fusion {changes['fusion']!r} is not one of {', '.join(FUSIONS)}")
    return Group(replace(SIZES[size], **changes))
