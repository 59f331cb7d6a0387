"""Valence and arousal over time, by a transformer of video, audio and a joint stream.

Follows the live graph of the code behind arXiv 2403.10488, without its defects; assumptions and
defects: docs/papers/jmt.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from emo_core.models.interface import FeatureBatch
from emo_core.models.layers.attention import time_encoding
from emo_core.models.layers.backbones import FrameResNet, MelResNet, R2Plus1D, SpectrogramResNet18
from emo_core.models.layers.cam import resize_frame_maps, resize_maps
from emo_core.models.layers.joint_transformer import (
    FUSIONS,
    EncoderStepStream,
    Steps,
    StepStream,
    StepTrace,
    make_step_fusion,
    split_frames_into_steps,
    split_mel_into_steps,
)
from emo_core.models.layers.people import PeopleExpressions
from emo_core.models.layers.sound_encoders import SOUND_ENCODERS, sound_encoder
from emo_core.models.layers.towers import Backbone, Tokens, to_frames
from emo_core.models.layers.whisper import shipped_whisper
from emo_core.preprocess.batch import Batch, Output
from emo_core.preprocess.log_mel import MelConfig
from emo_core.preprocess.sample import SampleConfig
from emo_core.preprocess.trace import Moments, Trace
from emo_core.ranges import Count, Counts, OpenShare

POSITIONS = ("none", "sin")


@dataclass(frozen=True)
class JmtConfig:
    """Settings of the joint multimodal transformer; defaults are the paper's."""

    video_backbone: str = "r2plus1d_18"  # or "slim"
    audio_backbone: str = "resnet18"  # or "slim"
    video_widths: Counts = (16, 32, 64, 128)  # channels of the slim video backbone
    audio_widths: Counts = (16, 32, 64, 128)  # channels of the slim sound backbone
    pool: str = "max"  # of a clip's map (docs/papers/jmt.md#a2), or "mean", "flatten"
    steps: Count = 16  # S, tokens of a window
    width: Count = 512  # D (docs/papers/jmt.md#a1, as the next two)
    heads: Count = 1
    hidden: Count = 512  # of the transformers' feed-forward nets
    head_hidden: Count = 128
    head_dropout: OpenShare = 0.0  # the paper's pre-training has 0.15
    fusion: str = "joint"
    readout: str = "last"  # of the six answers of a step; or "mean", "attention"
    positions: str = "none"  # the paper never uses time order; "sin" adds the clock
    normalise: bool = True  # tokens to length 1
    frozen: bool = False  # backbones fixed, as the paper trains its fusion
    pretrained: bool = False  # Kinetics-400 and ImageNet weights, fetched on the user's machine
    encoders: bool = False  # expression network and Whisper's blocks in place of the backbones
    audio_encoder: str = ""  # one of SOUND_ENCODERS in place of either, which reads the window
    speech_blocks: Count = 1  # of Whisper's
    train_encoders: bool = False  # these learn as well


PAPER = JmtConfig()
POCKET = JmtConfig(
    video_backbone="slim", audio_backbone="slim", width=96, hidden=96, head_hidden=32
)
SIZES = {"paper": PAPER, "pocket": POCKET}
SOUND = MelConfig(  # 20 ms in 1024 samples, every 10 ms (docs/papers/jmt.md#spectrogram)
    44_100, 882, 441, 64, 0.0, 22_050.0, 1e-10, fft=1024, filters="htk"
)
# Input of each size; a token of the paper covers 32 frames at 30 fps, of which 8 are read
# (docs/papers/jmt.md#tokens).
SAMPLES = {
    "paper": SampleConfig(window_s=512 / 30, frames=128, people=1, face_size=112, mel=SOUND),
    "pocket": SampleConfig(frames=32, people=1),
}


class Jmt(nn.Module):
    """Faces of one person and log-mel -> (B, S, 2): valence and arousal of every step."""

    video: StepStream | EncoderStepStream  # absent where the fusion does not read faces
    audio: StepStream | EncoderStepStream  # absent where it does not read sound

    def __init__(self, config: JmtConfig) -> None:
        super().__init__()
        self.config = config
        if config.fusion not in FUSIONS or config.positions not in POSITIONS:
            raise ValueError(
                f"fusion {config.fusion!r} and positions {config.positions!r}: expected one of "
                f"{', '.join(FUSIONS)} and one of {', '.join(POSITIONS)}"
            )
        if config.audio_encoder not in ("", *SOUND_ENCODERS):
            raise ValueError(f"audio_encoder {config.audio_encoder!r} is not known")
        for name in ("video", "audio"):
            if config.fusion in (name, "joint", "vanilla", "concat"):
                read = config.encoders or (name == "audio" and config.audio_encoder)
                make = _encoder_stream if read else _stream
                setattr(self, name, make(name, config))
        self.fusion = make_step_fusion(
            config.fusion, config.width, config.heads, config.hidden, config.readout
        )
        self.valence_head, self.arousal_head = (
            nn.Sequential(
                nn.Linear(config.width, config.head_hidden),
                nn.ReLU(),
                nn.Dropout(config.head_dropout),
                nn.Linear(config.head_hidden, 1),
            )
            for _ in range(2)
        )

    def towers_of(self, stream: str) -> tuple[str, ...]:
        """The encoder of the stream "video" or "audio", if it has one."""
        return (stream,) if isinstance(getattr(self, stream, None), EncoderStepStream) else ()

    def kept_towers(self, stream: str) -> tuple[str, ...]:
        """Those of a stream whose features can be kept once they are fixed: all."""
        return self.towers_of(stream)

    def live_inputs(self) -> tuple[str, ...]:
        """The fields of a Sample that are read beside kept features, step by step."""
        own = isinstance(getattr(self, "video", None), StepStream)
        return ("video_times_s", "faces", "face_mask") if own else ()

    def freeze_towers(self) -> None:
        """From now on what the encoders see does not change, so it can be kept."""
        for stream in self.modules():
            if isinstance(stream, EncoderStepStream):
                stream.backbone.requires_grad_(False).eval()

    def features(
        self, batch: Batch | FeatureBatch, streams: Sequence[str] = ("video", "audio")
    ) -> dict[str, Tokens]:
        """What each encoder saw, by modality; of these streams only."""
        if isinstance(batch, FeatureBatch):
            return dict(batch.features)
        inputs = {
            "video": (
                batch.video,
                batch.face_mask,
                batch.video_times_s,
                cast(Tensor, batch.face_eyes),
            ),
            "audio": (batch.mel, batch.mel_mask, batch.mel_times_s),
        }
        if self.config.audio_encoder:
            inputs["audio"] = (cast(Tensor, batch.wave), *inputs["audio"][1:])
        names = [name for stream in streams for name in self.towers_of(stream)]
        return {name: getattr(self, name).backbone(*inputs[name]) for name in names}

    def frozen_encoders(self) -> dict[str, str]:
        """Shipped weights that a checkpoint refers to instead of holding them, by state prefix."""
        known = {"video": ("video.backbone.net.", "face-expression")}
        if not self.config.audio_encoder:
            known["audio"] = ("audio.backbone.", "whisper-tiny-2")
        frozen = [n for n in known if self.towers_of(n) and not self.config.train_encoders]
        return dict(known[name] for name in frozen)

    def _encode_windows(self, batch: Batch | FeatureBatch) -> tuple[Tokens, Tokens]:
        """A token a step, of encoders that read the whole window; steps end with a frame."""
        seen = self.features(batch)
        frame_times_s = seen["video"].times_s if "video" in seen else _frame_times(batch)
        ends_s = split_frames_into_steps(
            frame_times_s, frame_times_s > 0, frame_times_s, self.config.steps
        ).times_s[..., -1]  # (B, S)
        none = torch.zeros(*ends_s.shape, self.config.width, device=ends_s.device)
        video, audio = (
            getattr(self, name)(seen[name], ends_s)
            if name in seen
            else Tokens(none, none[..., 0] > 0, ends_s)
            for name in ("video", "audio")
        )
        return video, audio

    def encode(self, batch: Batch | FeatureBatch) -> tuple[Tokens, Tokens]:
        """A token a step of each stream; one that the fusion does not use is empty.

        Raises ValueError unless the batch holds one person's faces.
        """
        if self.config.encoders:
            return self._encode_windows(batch)
        own = batch.inputs if isinstance(batch, FeatureBatch) else batch
        assert own is not None  # features are kept of encoders only
        if own.faces.shape[2] != 1:
            raise ValueError(
                f"the batch holds faces of {own.faces.shape[2]} people; expected 1; "
                "set the sample's people to 1."
            )
        steps = self.config.steps
        faces, mask = own.faces.squeeze(2), own.face_mask.squeeze(2)  # (B, T, 3, h, w), (B, T)
        seen = split_frames_into_steps(faces, mask, own.video_times_s, steps)
        if self.towers_of("audio"):
            heard = self.features(batch, ("audio",))["audio"]
            return self._tokens("video", seen), self.audio(heard, seen.times_s[..., -1])
        split = split_mel_into_steps(own.mel, own.mel_mask, own.mel_times_s, steps)
        return self._tokens("video", seen), self._tokens("audio", split)

    def _tokens(self, name: str, steps: Steps) -> Tokens:
        if hasattr(self, name):
            return getattr(self, name)(steps)  # (B, S, D)
        none = torch.zeros(steps.mask.shape[:2], device=steps.mask.device)
        values = none.unsqueeze(-1).expand(-1, -1, self.config.width)
        return Tokens(values, none > 0, steps.times_s[..., -1], spans=steps.spans)

    def fuse(self, video: Tokens, audio: Tokens) -> Output:
        """Valence and arousal from the two streams; cheap beside `encode`."""
        times_s = video.times_s  # of the last picture of a step: what is said is said of it
        fused, trace = self.fusion(self._ready(video, times_s), self._ready(audio, times_s))
        logits = torch.cat([self.valence_head(fused), self.arousal_head(fused)], dim=-1)
        trace = replace(
            trace,
            moments=Moments(times_s=times_s, mask=video.mask | audio.mask),
            real={"video": video.mask, "audio": audio.mask},
            spans={n: x.spans for n, x in (("video", video), ("audio", audio)) if x.spans},
        )
        return Output(logits.to(torch.promote_types(logits.dtype, torch.float32)), trace)

    def _ready(self, tokens: Tokens, times_s: Tensor) -> Tokens:
        values = tokens.values
        if self.config.normalise:
            values = functional.normalize(values, dim=-1)
        if self.config.positions == "sin":  # of length 1 too
            clock = time_encoding(times_s, self.config.width) / (self.config.width / 2) ** 0.5
            values = values + clock
        return replace(tokens, values=values * tokens.mask.unsqueeze(-1))

    def forward(self, batch: Batch | FeatureBatch) -> Output:
        return self.fuse(*self.encode(batch))

    def cam_layers(self) -> dict[str, nn.Module]:
        """The last convolutional stage of each tower, by modality, for Grad-CAM."""
        streams = {n: getattr(self, n) for n in ("video", "audio") if hasattr(self, n)}
        read = {n: s for n, s in streams.items() if isinstance(s, StepStream)}  # step by step
        layers = {name: stream.backbone.cam_layer for name, stream in read.items()}
        return {name: layer for name, layer in layers.items() if layer is not None}

    def cam_placement(self, tower: str, cam: Tensor, batch: Batch, trace: Trace) -> Tensor:
        """Each step's map at the faces (T, 1, 1, h, w) or mel frames (F, M) that the step read."""
        if tower == "video":
            mask = batch.face_mask[0]  # (T, 1)
            size = batch.faces.shape[-2:]
            grids = self.video.backbone.cam_grids(size)
            faces = resize_frame_maps(cam, len(mask), size, grids)
            return faces.unsqueeze(1) * mask[..., None, None, None]
        frames, bands = batch.mel.shape[1:]
        grids = self.audio.backbone.cam_grids((frames, bands))
        if not self.audio.backbone.time_first:
            cam, grids = cam.transpose(2, 3), grids[::-1]
        cam = resize_maps(cam, (frames // len(cam), bands), grids)  # (S, n, M)
        number = torch.arange(frames, device=cam.device).view(1, -1, 1)
        steps = split_mel_into_steps(number, batch.mel_mask, batch.mel_times_s, len(cam))
        placed = cam.new_zeros(frames, bands)
        placed[steps.values.flatten()] = cam.flatten(0, 1)
        return placed

    def rollout(self, batch: Batch, trace: StepTrace, step: int | None) -> dict[str, Tensor]:
        """Share of each frame (T,) and mel frame (F,) of the answer at `step`."""
        assert step is not None  # this model answers moments
        masks = {"video": batch.face_mask[0].any(1).cpu(), "audio": batch.mel_mask[0].cpu()}
        return {
            name: share @ to_frames(trace.spans[name].frames[0].cpu(), masks[name])
            for name, share in trace.rollout(step).items()
        }


def _frame_times(batch: Batch | FeatureBatch) -> Tensor:
    assert isinstance(batch, Batch)  # kept features of sound alone do not say when frames were
    return batch.video_times_s


def _encoder_stream(name: str, config: JmtConfig) -> EncoderStepStream:
    backbone: Backbone
    if name == "video":
        backbone = PeopleExpressions()
    elif config.audio_encoder:
        backbone = sound_encoder(config.audio_encoder, config.pretrained)
    else:
        backbone = shipped_whisper(config.speech_blocks, loud_db=inf)  # every step is answered
    return EncoderStepStream(backbone, config.width, not config.train_encoders)


def _stream(name: str, config: JmtConfig) -> StepStream:
    makers = {
        ("video", "slim"): lambda: FrameResNet(tuple(config.video_widths)),
        ("video", "r2plus1d_18"): lambda: R2Plus1D(config.pretrained),
        ("audio", "slim"): lambda: MelResNet(tuple(config.audio_widths)),
        ("audio", "resnet18"): lambda: SpectrogramResNet18(config.pretrained),
    }
    kind = getattr(config, f"{name}_backbone")
    if (name, kind) not in makers:
        known = ", ".join(other for stream, other in makers if stream == name)
        raise ValueError(f"{name}_backbone {kind!r} is not known; expected one of {known}")
    pool = config.pool if name == "video" else "mean"
    return StepStream(makers[name, kind](), pool, config.width, config.frozen)
