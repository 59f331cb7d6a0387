"""Group emotion from whole frames and audio by cross-modal attention, trained end to end.

Follows the abstract of arXiv 2111.05890; its hyper-parameters are the assumptions A1 to A18 in
docs/papers/group.md#assumptions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from emo_core.models.interface import FeatureBatch
from emo_core.models.layers.backbones import Cnn14, FrameResNet, MelCnn, MelResNet, R2Plus1D
from emo_core.models.layers.cam import resize_frame_maps, resize_maps
from emo_core.models.layers.frame_encoders import (
    FILM_ENCODERS,
    FRAME_ENCODERS,
    FrameEncoder,
    film_encoder,
)
from emo_core.models.layers.fusion import (
    FUSIONS,
    FrameHead,
    FusionTrace,
    MeanMaxHead,
    PooledHead,
    make_fusion,
    mix_streams,
    start_from_nothing,
)
from emo_core.models.layers.people import PeopleExpressions
from emo_core.models.layers.sound_encoders import SOUND_ENCODERS, sound_encoder
from emo_core.models.layers.towers import Backbone, Tokens, Tower, join_towers, to_frames
from emo_core.models.layers.whisper import hub_whisper, shipped_whisper
from emo_core.preprocess.batch import Batch, Output
from emo_core.preprocess.trace import Trace
from emo_core.ranges import Count, CountOrNone, Counts, OpenShare


@dataclass(frozen=True)
class GroupConfig:
    """Settings of the group model; docs/papers/group.md#ablations are among them."""

    video_backbone: str = "r2plus1d_18"  # or "slim", or one of FRAME_ENCODERS, FILM_ENCODERS
    audio_backbone: str = "cnn14"  # or "slim", "mel_cnn", or one of SOUND_ENCODERS
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
    unimodal_heads: bool = False  # a head a stream beside the fusion: see Group.fuse
    mixture: bool = False  # those heads also know "says nothing": see mix_streams
    people: str = ""  # or "expression": faces as tokens beside whole frames
    people_every: Count = 1  # one frame in so many is read for faces
    speech: str = ""  # or "whisper", or of the hub "openai/whisper-base": beside the small backbone
    speech_blocks: Count = 2  # of that encoder, its first ones
    token_times: str = "seen"  # tokens carry the time of what they saw; or "even", as until 0.2
    train_encoders: bool = False  # those two learn as well; else only what reads them
    video_size: Counts = ()  # width, height that the slim video backbone reads; () = all
    mel_pool: Count = 1  # mel frames averaged into one for the slim audio backbone
    frozen: bool = False  # backbones fixed, but for mel_cnn, of which no weights are published
    pretrained: bool = False  # the published weights, fetched on the user's machine
    lora_rank: CountOrNone = 0  # of adapters that learn in place of published backbones; 0 = none
    classes: Count = 3


PAPER = GroupConfig()
POCKET = GroupConfig(video_backbone="slim", audio_backbone="slim", width=96)
SIZES = {"paper": PAPER, "pocket": POCKET}
TOKEN_TIMES = ("seen", "even")
SHARES = (0.5, 0.25, 0.25)  # of clips: both streams say it, video alone, audio alone; then learned


SOUND = ("mel", "mel_mask", "mel_times_s")  # of a Sample
TOWERS = {"video": ("video", "people"), "audio": ("audio", "speech")}  # of each stream


class Group(nn.Module):
    """Frames and log-mel -> positive, neutral, negative.

    Its towers are `video`, `people`, `audio` and `speech`, of which those are there that the
    settings name and the fusion reads.
    """

    video: Tower
    audio: Tower

    def __init__(self, config: GroupConfig) -> None:
        super().__init__()
        self.config = config
        if config.token_times not in TOKEN_TIMES:
            raise ValueError(f"token_times {config.token_times!r} is not seen or even")
        if config.lora_rank and config.frozen:
            raise ValueError("lora_rank needs backbones that learn; set frozen=false")
        published = (config.pretrained, config.lora_rank)
        makers: dict[tuple[str, str], Callable[[], Backbone]] = {
            ("video", "slim"): lambda: FrameResNet(
                tuple(config.video_widths),
                config.pyramid_levels,
                config.use_color,
                tuple(config.video_size),
            ),
            ("video", "r2plus1d_18"): lambda: R2Plus1D(config.pretrained),
            ("people", "expression"): lambda: PeopleExpressions(config.people_every),
            ("audio", "slim"): lambda: MelResNet(tuple(config.audio_widths), config.mel_pool),
            ("audio", "cnn14"): lambda: Cnn14(config.pretrained),
            ("audio", "mel_cnn"): MelCnn,
            ("speech", "whisper"): partial(shipped_whisper, config.speech_blocks),
        }
        makers |= {("video", n): partial(FrameEncoder, n, *published) for n in FRAME_ENCODERS}
        makers |= {("video", n): partial(film_encoder, n, *published) for n in FILM_ENCODERS}
        makers |= {("audio", n): partial(sound_encoder, n, *published) for n in SOUND_ENCODERS}
        if "/" in config.speech:
            hub = partial(hub_whisper, config.speech, config.speech_blocks)
            makers["speech", config.speech] = hub
        for name, kind in self._kinds().items():
            if (name, kind) not in makers:
                setting = name if name in ("people", "speech") else f"{name}_backbone"
                raise ValueError(f"{setting} {kind!r} is not known")
            backbone = makers[name, kind]()
            backbone.even_times = config.token_times == "even"
            head = self._head(name, backbone.channels)
            encoder = name in ("people", "speech")
            frozen = config.frozen or (encoder and not config.train_encoders)
            setattr(self, name, Tower(backbone, config.width, frozen, head, normalised=encoder))
        self.fusion = make_fusion(
            config.fusion,
            config.width,
            config.heads,
            config.blocks,
            config.classes,
            config.dropout,
            config.head_dropout,
        )
        if config.mixture:
            self.log_shares = nn.Parameter(torch.tensor(SHARES).log())
            start_from_nothing(self.fusion)

    def _kinds(self) -> dict[str, str]:
        """Kind of backbone by tower, of the towers that the fusion reads."""
        config = self.config
        kinds = {"video": config.video_backbone, "people": config.people}
        kinds |= {"audio": config.audio_backbone, "speech": config.speech}
        streams = (config.fusion,) if config.fusion in TOWERS else tuple(TOWERS)
        used = [name for stream in streams for name in TOWERS[stream]]
        return {name: kinds[name] for name in used if kinds[name]}

    def _head(self, name: str, channels: int) -> nn.Module | None:
        """A tower's own scores, where the settings ask for them."""
        config = self.config
        if config.mixture:
            return PooledHead(channels, config.classes)
        if not config.unimodal_heads or name not in TOWERS:
            return None
        if name == "video":
            return FrameHead(channels, config.classes)
        return MeanMaxHead(channels, config.classes, config.head_dropout)

    @property
    def tower_names(self) -> tuple[str, ...]:
        """The towers that are there, in order of their streams."""
        return tuple(self._kinds())

    def towers_of(self, stream: str) -> tuple[str, ...]:
        """The towers of the stream "video" or "audio" that are there."""
        return tuple(name for name in self.tower_names if name in TOWERS[stream])

    def features(
        self, batch: Batch | FeatureBatch, streams: Sequence[str] = tuple(TOWERS)
    ) -> dict[str, Tokens]:
        """What each tower's backbone saw, by tower; of these streams only.

        Of kept features, towers that learn read the inputs that lie beside them.
        """
        known: dict[str, Tokens] = {}
        wanted = [name for stream in streams for name in TOWERS[stream]]
        names = [name for name in self.tower_names if name in wanted]
        if isinstance(batch, FeatureBatch):
            known = dict(batch.features)
            names = [name for name in names if name not in known]
            if not names:
                return known
            assert batch.inputs is not None  # whoever keeps features keeps those of all the others
            batch = batch.inputs
        inputs = {
            "video": (batch.video, batch.video_mask, batch.video_times_s),
            "people": (batch.video, batch.face_mask, batch.video_times_s, batch.face_eyes),
            "speech": (batch.mel, batch.mel_mask, batch.mel_times_s),
        }
        inputs["audio"] = inputs["speech"]
        if hasattr(self, "audio") and self.audio.backbone.reads_wave:
            inputs["audio"] = (batch.wave, *inputs["speech"][1:])
        return known | {name: getattr(self, name).backbone(*inputs[name]) for name in names}

    def encode(self, batch: Batch | FeatureBatch) -> tuple[Tokens, Tokens]:
        """The two token streams; a stream that the fusion does not use is empty."""
        tokens = {n: getattr(self, n).tokens(seen) for n, seen in self.features(batch).items()}
        video, audio = (
            join_towers([tokens[name] for name in names if name in tokens] or [self._none(batch)])
            for names in TOWERS.values()
        )  # (B, Nv, D), (B, Na, D)
        return video, audio

    def _none(self, batch: Batch | FeatureBatch) -> Tokens:
        """The stream that is not there."""
        values = torch.zeros(batch.rows, 1, self.config.width, device=self.device)
        return Tokens(values, values[..., 0] > 0, values[..., 0])

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.fusion.parameters()).device

    def fuse(self, video: Tokens, audio: Tokens) -> Output:
        """Scores from the two streams; cheap beside `encode`.

        What the picture's own head learned of single frames is always added, what the sound's
        learned only where nothing is seen: fusion by itself reads an unseen voice worse, and a
        face beside meaningless sound (docs/experiments/0087 and 0092). With `mixture`, what both
        say is weighed against one of them saying nothing, and the fusion corrects it.
        """
        logits, trace = self.fusion(video, audio)
        seen, heard = (stream.mask.any(1, keepdim=True) for stream in (video, audio))  # (B, 1)
        if self.config.mixture:
            logits = logits + mix_streams(
                self._own(video), self._own(audio), seen, heard, self.log_shares
            )
            return Output(logits.float(), trace)
        if video.unimodal_logits is not None:
            logits = logits + video.unimodal_logits * seen
        if audio.unimodal_logits is not None:
            logits = logits + audio.unimodal_logits * (heard & ~seen)
        return Output(logits.float(), trace)

    def _own(self, stream: Tokens) -> Tensor:
        """A stream's own scores (B, C + 1); zeros where no tower is built for it."""
        if stream.unimodal_logits is not None:
            return stream.unimodal_logits
        return stream.values.new_zeros(len(stream.values), self.config.classes + 1)

    def forward(self, batch: Batch | FeatureBatch) -> Output:
        return self.fuse(*self.encode(batch))

    def cam_layers(self) -> dict[str, nn.Module]:
        """The last convolutional stage of each tower, by modality, for Grad-CAM."""
        towers = {n: getattr(self, n).backbone for n in ("video", "audio") if hasattr(self, n)}
        return {name: own.cam_layer for name, own in towers.items() if own.cam_layer}

    def cam_placement(self, tower: str, cam: Tensor, batch: Batch, trace: Trace) -> Tensor:
        """Maps of frames or of the whole sound -> (T, 1, H, W) or (F, M)."""
        size = batch.video.shape[-2:] if tower == "video" else batch.mel.shape[1:]
        grids = getattr(self, tower).backbone.cam_grids(size)
        if tower == "video":
            return resize_frame_maps(cam, batch.video.shape[1], size, grids)
        return resize_maps(cam, size, grids)[0]

    def rollout(self, batch: Batch, trace: FusionTrace, step: int | None) -> dict[str, Tensor]:
        """Share of each frame (T,), or of its pixels (T, H, W), and of each mel frame (F,)."""
        shares = trace.rollout()
        spans = {"video": trace.video_frames, "audio": trace.audio_frames}
        masks = {"video": batch.video_mask[0], "audio": batch.mel_mask[0]}
        if "people" in self.tower_names:
            masks["video"] = masks["video"] | batch.face_mask[0].any(1)
        for name, frames in spans.items():
            if name in shares and frames is not None:
                each = shares[name].unsqueeze(1) * to_frames(frames[0].cpu(), masks[name].cpu())
                shares[name] = self._at_pixels(name, each, batch.video.shape[-2:])  # of (N, T)
        return shares

    def _at_pixels(self, stream: str, each: Tensor, size: Sequence[int]) -> Tensor:
        """What tokens add to frames, (N, T) -> (T,); where they are places of a frame (T, H, W)."""
        if self.towers_of(stream) != ("video",) or not self.video.backbone.by_cell:
            return each.sum(0)
        grids = self.video.backbone.cam_grids(size)
        down, across = (
            grid.nearest(-int(-side // grid.stride), side)
            for grid, side in zip(grids[1:], size, strict=True)
        )  # (H, h), (W, w)
        places = each.unflatten(0, (-1, down.shape[1], across.shape[1])).sum(0)  # (h, w, T)
        places = places / (down.sum(0)[:, None, None] * across.sum(0)[None, :, None])
        return torch.einsum("hwt,yh,xw->tyx", places, down, across)

    def frozen_encoders(self) -> dict[str, str]:
        """Shipped weights that a checkpoint refers to instead of holding them, by state prefix."""
        prefixes = {
            "people": ("people.backbone.net.", "face-expression"),
            "speech": ("speech.backbone.", "whisper-tiny-2"),
        }
        if self.config.train_encoders:
            return {}
        if self.config.speech != "whisper":  # of the hub: its weights are in the checkpoint
            del prefixes["speech"]
        return dict(prefixes[name] for name in self.tower_names if name in prefixes)

    def freeze_heads(self) -> None:
        """From now on the towers' own scores do not change."""
        for name in self.tower_names:
            getattr(self, name).freeze_head()

    def kept_towers(self, stream: str) -> tuple[str, ...]:
        """Those of a stream whose features can be kept once they are fixed."""
        names = self.towers_of(stream)
        return tuple(n for n in names if not getattr(self, n).backbone.from_scratch)

    def live_inputs(self) -> tuple[str, ...]:
        """The fields of a Sample that towers read whose features are not kept."""
        return SOUND if set(self.towers_of("audio")) - set(self.kept_towers("audio")) else ()

    def freeze_towers(self) -> None:
        """From now on what the backbones see does not change, so it can be kept."""
        for name in self.tower_names:
            getattr(self, name).freeze()


def group(size: str = "pocket", **changes: Any) -> Group:
    """A group model of the given size, with settings changed by name."""
    if size not in SIZES:
        raise ValueError(f"size {size!r} is not one of {', '.join(SIZES)}")
    if changes.get("fusion", "two_way") not in FUSIONS:
        raise ValueError(f"fusion {changes['fusion']!r} is not one of {', '.join(FUSIONS)}")
    return Group(replace(SIZES[size], **changes))
