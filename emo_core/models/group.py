"""Paper 1: group emotion from whole frames and sound by cross-modal attention, end to end.

Follows the abstract of arXiv 2111.05890; the hyper-parameters are assumptions A1-A18 of our notes.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from emo_core.batch import Batch, Output
from emo_core.parts.attention import time_encoding
from emo_core.parts.backbones import Cnn14, R2Plus1D, SlimFrames, SlimMel, Tokens
from emo_core.parts.fusion import FUSIONS, make_fusion


@dataclass(frozen=True)
class GroupConfig:
    """Settings of the group model; every ablation of paper 1, section 1.5, is one of them."""

    video_backbone: str = "r2plus1d_18"  # or "slim"
    audio_backbone: str = "cnn14"  # or "slim"
    video_widths: tuple[int, ...] = (16, 32, 64, 128)  # channels of the slim video backbone
    audio_widths: tuple[int, ...] = (16, 32, 64, 128)  # channels of the slim sound backbone
    width: int = 256  # D, of the tokens that meet
    heads: int = 4
    blocks: int = 2  # in each direction
    dropout: float = 0.1
    head_dropout: float = 0.2
    fusion: str = "two_way"
    frozen: bool = False  # backbones fixed: the contrast to end-to-end (claim i)
    pretrained: bool = False  # Kinetics-400 and AudioSet weights, fetched on the user's machine
    classes: int = 3


PAPER = GroupConfig()
POCKET = GroupConfig(video_backbone="slim", audio_backbone="slim", width=96)
SIZES = {"paper": PAPER, "pocket": POCKET}


class Stream(nn.Module):
    """One modality: backbone, projection to the common width, then clock and modality are added."""

    def __init__(self, backbone: nn.Module, width: int, frozen: bool) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(not frozen)
        self.frozen = frozen
        self.project = nn.Linear(backbone.channels, width)
        self.modality = nn.Parameter(torch.zeros(width))

    def train(self, mode: bool = True) -> "Stream":
        super().train(mode)
        if self.frozen:  # a fixed backbone keeps its statistics as well
            self.backbone.eval()
        return self

    def forward(self, values: Tensor, mask: Tensor, times_s: Tensor) -> Tokens:
        seen = self.backbone(values, mask, times_s)
        tokens = self.project(seen.values)  # (B, N, D)
        clock = time_encoding(seen.times_s, tokens.shape[-1])
        return replace(seen, values=tokens + clock + self.modality)


class Group(nn.Module):
    """Frames and log-mel -> positive, neutral, negative."""

    def __init__(self, config: GroupConfig) -> None:
        super().__init__()
        self.config = config
        makers = {
            ("video", "slim"): lambda: SlimFrames(tuple(config.video_widths)),
            ("video", "r2plus1d_18"): lambda: R2Plus1D(config.pretrained),
            ("audio", "slim"): lambda: SlimMel(tuple(config.audio_widths)),
            ("audio", "cnn14"): lambda: Cnn14(config.pretrained),
        }
        used = {"video": ("video",), "audio": ("audio",)}.get(config.fusion, ("video", "audio"))
        for name in used:
            kind = getattr(config, f"{name}_backbone")
            if (name, kind) not in makers:
                raise ValueError(f"{name}_backbone {kind!r} is not known")
            setattr(self, name, Stream(makers[name, kind](), config.width, config.frozen))
        self.fusion = make_fusion(
            config.fusion, config.width, config.heads, config.blocks, config.classes,
            config.dropout, config.head_dropout,
        )  # fmt: skip

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
        """Scores from the two streams; cheap beside `encode`."""
        logits, trace = self.fusion(video, audio)
        trace["video_times_s (B, video)"] = video.times_s
        trace["audio_times_s (B, audio)"] = audio.times_s
        return Output(logits.float(), trace)

    def forward(self, batch: Batch) -> Output:
        return self.fuse(*self.encode(batch))

    def cam_layers(self) -> dict[str, nn.Module]:
        """The last convolutional stage of each tower, by modality, for Grad-CAM."""
        towers = [name for name in ("video", "audio") if hasattr(self, name)]
        return {name: getattr(self, name).backbone.cam_layer for name in towers}


class FrameReader(nn.Module):
    """A group model's video backbone with a score for every frame: what warm-up trains.

    Needs a backbone that makes one token a frame.
    """

    def __init__(self, model: Group, classes: int) -> None:
        super().__init__()
        self.backbone = model.video.backbone
        self.head = nn.Linear(self.backbone.channels, classes)

    def forward(self, batch: Batch) -> Output:
        seen = self.backbone(batch.video, batch.video_mask, batch.video_times_s)
        return Output(self.head(seen.values).flatten(0, 1).float(), {})  # (B*T, C)


class SoundReader(nn.Module):
    """A group model's sound backbone with a score for every recording: what warm-up trains."""

    def __init__(self, model: Group, classes: int) -> None:
        super().__init__()
        self.backbone = model.audio.backbone
        self.head = nn.Linear(2 * self.backbone.channels, classes)
        self.dropout = nn.Dropout(model.config.head_dropout)

    def forward(self, batch: Batch) -> Output:
        seen = self.backbone(batch.mel, batch.mel_mask, batch.mel_times_s)
        real = seen.mask.unsqueeze(-1)  # (B, N, 1)
        mean = (seen.values * real).sum(1) / real.sum(1).clamp(min=1)
        peak = seen.values.masked_fill(~real, -1e4).amax(1)
        pooled = torch.cat([mean, peak], dim=-1)  # (B, 2C)
        return Output(self.head(self.dropout(pooled)).float(), {})  # (B, classes)


def group(size: str = "pocket", **changes: object) -> Group:
    """A group model of the given size, with settings changed by name."""
    if size not in SIZES:
        raise ValueError(f"size {size!r} is not one of {', '.join(SIZES)}")
    if changes.get("fusion", "two_way") not in FUSIONS:
        raise ValueError(f"fusion {changes['fusion']!r} is not one of {', '.join(FUSIONS)}")
    return Group(replace(SIZES[size], **changes))
