"""Six emotions from faces, audio and text. FE2E is MESM with nothing masked: one class.

Follows arXiv 2103.09666; facts and numbered defects: docs/papers/mesm.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from emo_core.models.interface import FeatureBatch
from emo_core.models.layers.attention import ClsTransformer, with_residual
from emo_core.models.layers.cam import CellGrid, resize_maps
from emo_core.models.layers.fusion import WeightedSum
from emo_core.models.layers.people import PeopleExpressions
from emo_core.models.layers.sound_encoders import SOUND_ENCODERS, sound_encoder
from emo_core.models.layers.sparse import (
    ThumbnailAttention,
    TokenAttention,
    scatter_rows,
    top_k_mask,
)
from emo_core.models.layers.text_encoders import Albert, ByteEncoder, HubText
from emo_core.models.layers.towers import Backbone, Tokens, is_exporting, runs, to_frames
from emo_core.models.layers.vgg import (
    CHUNK,
    DenseTower,
    SelectedSites,
    SparseTower,
    chunk_pictures,
    face_pictures,
)
from emo_core.models.layers.whisper import shipped_whisper
from emo_core.preprocess.batch import Batch, Output
from emo_core.preprocess.trace import Trace, axes
from emo_core.ranges import Count, Counts, OpenShare, Share

MODES = ("dense", "faithful", "trained", "structured")
SOUNDS = ("power", "log", "level")
STREAMS = ("text", "video", "audio")


@dataclass(frozen=True)
class MesmConfig:
    """Settings of FE2E and MESM; the defaults are the paper's sizes.

    mode: `dense` is FE2E. `faithful` is MESM as published: a hard mask, so that its attention never
    learns (docs/papers/mesm.md#d1). `trained` lets it learn. `structured` chooses whole faces and
    sound chunks before the convolutions, and only those are computed.
    """

    mode: str = "trained"
    keep: Share = (
        0.7  # attention's mass that is kept of each picture; structured: share of pictures
    )
    modalities: tuple[str, ...] = STREAMS
    text_encoder: str = "albert"  # or "bytes", or of the hub "FacebookAI/roberta-base", or a folder
    vocabulary: Count = 30_000
    text_width: Count = 768
    text_layers: Count = 12
    text_heads: Count = 12
    text_feed_forward: Count = 3072
    pretrained: bool = False  # ALBERT's weights, fetched on the user's machine
    face_size: Count = 48  # pixels
    bands: Count = 128  # of the mel
    sound: str = "power"  # as published; see chunk_pictures for "log" and "level"
    widths: Counts = (64, 128, 256, 512)  # channels of the towers
    hidden: Count = 1024  # between a tower and the transformer
    width: Count = 64  # D, of the transformers
    layers: Count = 4
    heads: Count = 4
    feed_forward: Count = 2048
    dropout: OpenShare = 0.1
    classes: Count = 6
    encoders: bool = False  # expression network and Whisper's blocks in place of the towers
    audio_encoder: str = "whisper"  # of these, or one of SOUND_ENCODERS
    speech_blocks: Count = 1  # of Whisper's: the second one knows voices of a mix less well
    train_encoders: bool = False  # these learn as well


PAPER = MesmConfig()
POCKET = MesmConfig(
    text_encoder="bytes",
    vocabulary=260,
    text_width=64,
    text_layers=1,
    text_heads=4,
    text_feed_forward=128,
    bands=64,
    sound="log",
    widths=(16, 32, 64, 128),
    hidden=128,
    layers=2,
    feed_forward=128,
)
SIZES = {"paper": PAPER, "pocket": POCKET}
FE2E_SIZES = {size: replace(settings, mode="dense", keep=1.0) for size, settings in SIZES.items()}


def check_config(config: MesmConfig) -> None:
    """Raise ValueError where a setting can't be."""
    of_the_hub = [config.text_encoder] if "/" in config.text_encoder else []
    for name, known in (
        ("mode", MODES),
        ("text_encoder", ("albert", "bytes", *of_the_hub)),
        ("sound", SOUNDS),
        ("audio_encoder", ("whisper", *SOUND_ENCODERS)),
    ):
        if getattr(config, name) not in known:
            raise ValueError(f"{name} {getattr(config, name)!r} is not one of {', '.join(known)}")
    if not config.modalities or not set(config.modalities) <= set(STREAMS):
        raise ValueError(f"modalities {config.modalities} are not some of {', '.join(STREAMS)}")
    if config.encoders and config.mode not in ("dense", "structured"):
        raise ValueError(
            f"mode {config.mode!r} needs towers; with encoders it is dense, structured"
        )
    if not 0 <= config.keep <= 1:
        raise ValueError(f"keep is {config.keep}; expected a share from 0 to 1")


class Text(nn.Module):
    """Transcript -> scores, and the query for the pictures. All of it learns as a backbone.

    (The paper's ALBERT and its head have a tenth of the rate: docs/papers/mesm.md#training.)
    """

    def __init__(self, config: MesmConfig) -> None:
        super().__init__()
        sizes = (
            config.vocabulary,
            config.text_width,
            config.text_layers,
            config.text_heads,
            config.text_feed_forward,
        )
        encoder: Albert | ByteEncoder | HubText
        if "/" in config.text_encoder:
            encoder = HubText(config.text_encoder, config.text_width, config.pretrained)
        elif config.text_encoder == "albert":
            encoder = Albert(*sizes, dropout=0.0, pretrained=config.pretrained)
        else:
            encoder = ByteEncoder(*sizes, dropout=config.dropout)
        head = nn.Linear(config.text_width, config.classes)
        self.backbone = nn.ModuleDict({"encoder": encoder, "head": head})

    def forward(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L), (B, L) -> the vector (B, Dt) and scores (B, C); zero where nothing is said."""
        present = mask.any(1, keepdim=True)  # (B, 1)
        if not tokens.shape[1]:  # no transcript in the batch
            tokens, mask = tokens.new_zeros(tokens.shape[0], 1), mask.new_zeros(mask.shape[0], 1)
        tokens = tokens.masked_fill(~mask, 0)
        vector = self.backbone["encoder"](tokens, mask | ~present) * present  # (B, Dt)
        return vector, self.backbone["head"](vector) * present


@dataclass(frozen=True, kw_only=True)
class TowerTrace:
    """What one modality's tower attended to and kept of its T pictures; masked ones are zero.

    attention: of each layer over time, the learned first token included. text_attention, kept: of
    whole pictures (`structured`). site_attention, kept_sites: of each stage (`faithful`,
    `trained`). kept_share: of the real pictures, or of their sites at each stage.
    """

    attention: tuple[Tensor, ...] = axes("B, H, 1+T, 1+T")
    text_attention: Tensor | None = axes("B, T", default=None)
    kept: Tensor | None = axes("B, T", default=None)
    site_attention: tuple[Tensor, ...] = axes("B, T, y, x", default=())
    kept_sites: tuple[Tensor, ...] = axes("B, T, y, x", default=())
    kept_share: Tensor | None = axes("B, stages", default=None)

    def computed(self, real: Tensor) -> Tensor:
        """Which pictures of the first window went through the tower, of those real. (T,) bool."""
        return real if self.kept is None else self.kept[0]

    def rollout(self) -> Tensor:
        """What each picture of the first window adds to the first token, (T,)."""
        first, *later = (with_residual(weights[0].mean(0)) for weights in self.attention)
        for weights in later:
            first = weights @ first
        return first[0, 1:].cpu()


@dataclass(frozen=True, kw_only=True)
class MesmTrace(Trace):
    """What the towers attended to, and the terms of the weighted sum by modality."""

    towers: Mapping[str, TowerTrace] = axes("")  # of "video" and "audio", where there is one
    unimodal_logits: Mapping[str, Tensor] = axes("B, C")


class TemporalTower(nn.Module):
    """Pictures of one modality -> scores: a token a picture, transformer over time, head."""

    name: str
    keep: float
    thumbnail_attention: ThumbnailAttention | TokenAttention
    cls_transformer: ClsTransformer
    head: nn.Linear

    def pictures(self, batch: Batch | FeatureBatch) -> tuple[Tensor, Tensor]:
        """Real pictures (n, ...) of a batch, and where they stand (B, T)."""
        raise NotImplementedError

    def encode(
        self, pictures: Tensor, mask: Tensor, query: Tensor
    ) -> tuple[Tensor, list[SelectedSites]]:
        """One token a picture: (B, T, D), zero where none is real, and the sites of each stage."""
        raise NotImplementedError

    def forward(self, pictures: Tensor, mask: Tensor, query: Tensor) -> tuple[Tensor, TowerTrace]:
        """Pictures (n, c, h, w), those that are True in mask (B, T), and the text (B, Dt).

        Returns scores (B, C), zero where nothing is real, and what was attended to and kept.
        """
        scale, choice = mask, {}
        if hasattr(self, "thumbnail_attention"):
            weights = self.thumbnail_attention(pictures, mask, query)  # (B, T)
            kept = top_k_mask(weights, mask, self.keep)  # (B, T)
            share = kept.sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)  # (B, 1)
            choice = {"text_attention": weights, "kept": kept, "kept_share": share}
            scale = weights * mask.sum(1, keepdim=True)  # (B, T), mean 1
            pictures, mask = pictures[kept[mask]], kept  # the rest is never computed
        tokens, selected = self.encode(pictures, mask, query)  # (B, T, D)
        vector, attention = self.cls_transformer(tokens * scale.unsqueeze(-1), mask)  # (B, D)
        trace = TowerTrace(attention=tuple(attention), **choice, **_in_batch(selected, mask))
        return self.head(vector) * mask.any(1, keepdim=True), trace  # (B, C)


class ModalityTower(TemporalTower):
    """A convolutional tower, dense or sparse, learnt from scratch.

    skip_empty: a batch without pictures computes nothing. `wrap_model` says no, because then the
    other processes wait for this one in their common batch norms.
    """

    tower: DenseTower | SparseTower
    skip_empty = True

    def __init__(self, config: MesmConfig, name: str, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.name, self.keep, self.size = name, config.keep, (channels, *size)
        self.sound = config.sound
        widths, asking = tuple(config.widths), config.text_width
        if config.mode == "structured":
            self.thumbnail_attention = ThumbnailAttention(channels, asking)
        if config.mode in ("dense", "structured"):
            self.tower = DenseTower(channels, widths)
        else:
            learns = config.mode == "trained"
            self.tower = SparseTower(channels, widths, asking, config.keep, learns)
        shrink = 2 ** len(widths)  # the low level halves once, each stage once
        self.flatten = nn.Sequential(
            nn.Flatten(),
            nn.Linear(widths[-1] * (size[0] // shrink) * (size[1] // shrink), config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, config.width),
        )
        self.cls_transformer = ClsTransformer(
            config.width, config.layers, config.heads, config.feed_forward, config.dropout
        )
        self.head = nn.Linear(config.width, config.classes)

    def _nothing(self, pictures: Tensor) -> bool:
        """Whether there is nothing to compute; a graph for ONNX holds both ways."""
        if is_exporting():
            torch._check(pictures.shape[0] != 0)
            return False
        if len(pictures):
            return False
        return self.skip_empty or not self.training

    def pictures(self, batch: Batch | FeatureBatch) -> tuple[Tensor, Tensor]:
        """What this stream reads: real pictures (n, c, h, w), and where they stand (B, T)."""
        assert isinstance(batch, Batch)  # only encoders' features are kept
        if self.name == "video":
            return face_pictures(batch.faces, batch.face_mask)
        return chunk_pictures(batch.mel, batch.mel_mask, self.sound)

    def encode(
        self, pictures: Tensor, mask: Tensor, query: Tensor
    ) -> tuple[Tensor, list[SelectedSites]]:
        """One token a picture: (B, T, D), zero where none is real, and the sites of each stage."""
        if self._nothing(pictures):
            return query.new_zeros(*mask.shape, self.head.in_features), []
        if tuple(pictures.shape[1:]) != self.size:
            raise ValueError(
                f"{self.name} pictures are {tuple(pictures.shape[1:])}, expected {self.size}; "
                "set face_size and bands as in the sample settings"
            )
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        maps, selected = self.tower(pictures, query, mask.nonzero()[:, 0])  # (n, C, h/16, w/16)
        return scatter_rows(self.flatten(maps), mask), selected


class EncoderTower(TemporalTower):
    """A pretrained encoder, whose tokens are projected.

    The expression network reads every face in the frames, Whisper's blocks the sound. `structured`
    chooses among their tokens, so it saves the transformer's work only.
    """

    def __init__(self, config: MesmConfig, name: str) -> None:
        super().__init__()
        self.name, self.keep = name, config.keep
        self.backbone: Backbone
        if name == "video":
            self.backbone = PeopleExpressions()
        elif config.audio_encoder == "whisper":
            self.backbone = shipped_whisper(config.speech_blocks)
        else:
            self.backbone = sound_encoder(config.audio_encoder, config.pretrained)
        self.frozen = not config.train_encoders
        self.backbone.requires_grad_(config.train_encoders)
        channels = self.backbone.channels
        if config.mode == "structured":
            self.thumbnail_attention = TokenAttention(channels, config.text_width)
        self.flatten = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.width),
        )
        self.cls_transformer = ClsTransformer(
            config.width, config.layers, config.heads, config.feed_forward, config.dropout
        )
        self.head = nn.Linear(config.width, config.classes)

    def train(self, mode: bool = True) -> "EncoderTower":
        super().train(mode)
        if self.frozen:  # no dropout either
            self.backbone.eval()
        return self

    def tokens(self, batch: Batch | FeatureBatch) -> Tokens:
        """What the encoder saw, (B, T, C)."""
        if isinstance(batch, FeatureBatch):
            return batch.features[self.name]
        if self.name == "video":
            return self.backbone(batch.video, batch.face_mask, batch.video_times_s, batch.face_eyes)
        heard = batch.wave if self.backbone.reads_wave else batch.mel
        return self.backbone(heard, batch.mel_mask, batch.mel_times_s)

    def pictures(self, batch: Batch | FeatureBatch) -> tuple[Tensor, Tensor]:
        """Real tokens (n, C), and where they stand (B, T)."""
        seen = self.tokens(batch)
        return seen.values[seen.mask], seen.mask

    def encode(
        self, pictures: Tensor, mask: Tensor, query: Tensor
    ) -> tuple[Tensor, list[SelectedSites]]:
        """(B, T, D), zero where no token is real."""
        return scatter_rows(self.flatten(pictures), mask), []


def _in_batch(selected: list[SelectedSites], mask: Tensor) -> dict[str, Any]:
    """Fields of a TowerTrace: sites of real pictures (n, y, x), put where mask (B, T) is True."""
    if not selected:
        return {}
    kept = tuple(scatter_rows(stage.kept, mask) for stage in selected)  # (B, T, y, x) each
    real = mask.sum(1).clamp(min=1)  # (B,)
    return {
        "site_attention": tuple(scatter_rows(stage.weights, mask) for stage in selected),
        "kept_sites": kept,
        "kept_share": torch.stack([k.float().mean((2, 3)).sum(1) / real for k in kept], dim=1),
    }


class Mesm(nn.Module):
    """Faces, sound and text -> six emotions that may hold at once, weighted late fusion."""

    video: TemporalTower
    audio: TemporalTower

    def __init__(self, config: MesmConfig) -> None:
        super().__init__()
        check_config(config)
        self.config = config
        if "text" in config.modalities:
            self.text = Text(config)
        sizes = {
            "video": (3, config.face_size, config.face_size),
            "audio": (1, config.bands, CHUNK),
        }
        for name, (channels, *size) in sizes.items():
            if name in config.modalities:
                made = (
                    EncoderTower(config, name)
                    if config.encoders
                    else ModalityTower(config, name, channels, (size[0], size[1]))
                )
                setattr(self, name, made)
        self.fusion = WeightedSum(tuple(config.modalities))

    def forward(self, batch: Batch | FeatureBatch) -> Output:
        device = next(self.parameters()).device
        query = torch.zeros(batch.rows, self.config.text_width, device=device)  # without text
        scores: dict[str, Tensor] = {}
        towers: dict[str, TowerTrace] = {}
        if hasattr(self, "text"):
            words = batch.inputs if isinstance(batch, FeatureBatch) else batch
            assert words is not None  # features are kept of pictures and sound only
            query, scores["text"] = self.text(words.tokens, words.token_mask)  # (B, Dt), (B, C)
        if hasattr(self, "video"):
            scores["video"], towers["video"] = self.video(*self.video.pictures(batch), query)
        if hasattr(self, "audio"):
            scores["audio"], towers["audio"] = self.audio(*self.audio.pictures(batch), query)
        logits, terms = self.fusion(scores)  # (B, C)
        return Output(logits, MesmTrace(towers=towers, unimodal_logits=terms))

    def cam_layers(self) -> dict[str, nn.Module]:
        """The last map (n, C, h, w) of each tower, by modality, for Grad-CAM.

        n counts pictures that were computed: of a structured model those kept, else the real ones.
        """
        towers = [n for n in ("video", "audio") if hasattr(getattr(self, n, None), "tower")]
        return {name: getattr(self, name).tower.last for name in towers}

    def towers_of(self, stream: str) -> tuple[str, ...]:
        """The encoder of the stream "video" or "audio", if it has one."""
        return (stream,) if isinstance(getattr(self, stream, None), EncoderTower) else ()

    def kept_towers(self, stream: str) -> tuple[str, ...]:
        """Those of a stream whose features can be kept once they are fixed: all."""
        return self.towers_of(stream)

    def live_inputs(self) -> tuple[str, ...]:
        """The fields of a Sample that the text's tower reads, which is not fixed."""
        return ("tokens", "token_mask") if hasattr(self, "text") else ()

    def freeze_towers(self) -> None:
        """From now on what the encoders see does not change, so it can be kept."""
        for tower in self.modules():
            if isinstance(tower, EncoderTower):
                tower.backbone.requires_grad_(False).eval()

    def features(
        self, batch: Batch | FeatureBatch, streams: Sequence[str] = ("video", "audio")
    ) -> dict[str, Tokens]:
        """What each encoder saw, by modality; of these streams only."""
        names = [name for stream in streams for name in self.towers_of(stream)]
        return {name: getattr(self, name).tokens(batch) for name in names}

    def frozen_encoders(self) -> dict[str, str]:
        """Shipped weights that a checkpoint refers to instead of holding them, by state prefix."""
        known = {"video": ("video.backbone.net.", "face-expression")}
        if self.config.audio_encoder == "whisper":
            known["audio"] = ("audio.backbone.", "whisper-tiny-2")
        frozen = [n for n in known if self.towers_of(n) and not self.config.train_encoders]
        return dict(known[name] for name in frozen)

    def cam_placement(self, tower: str, cam: Tensor, batch: Batch, trace: MesmTrace) -> Tensor:
        """Maps of faces or chunks that were computed -> (T, P, 1, h, w) or (F, M), else zero."""
        if tower == "video":
            mask = batch.face_mask[0]  # (T, P)
            first = mask & (mask.cumsum(-1) == 1)  # of each frame the first face is read
            first = first & trace.towers["video"].computed(mask.any(-1)).unsqueeze(-1)
            placed = cam.new_zeros(*mask.shape, 1, *batch.faces.shape[-2:])
            placed[first] = resize_maps(cam, placed.shape[-2:], self._cam_grids()).unsqueeze(1)
            return placed
        mel_mask, bands = batch.mel_mask[0], batch.mel.shape[-1]
        chunks = functional.pad(mel_mask, (0, -len(mel_mask) % CHUNK)).unflatten(0, (-1, CHUNK))
        computed = trace.towers["audio"].computed(chunks.any(-1))  # (S,)
        placed = cam.new_zeros(len(computed), CHUNK, bands)
        placed[computed] = resize_maps(cam, (bands, CHUNK), self._cam_grids()).transpose(1, 2)
        return placed.flatten(0, 1)[: len(mel_mask)] * mel_mask.unsqueeze(-1)

    def _cam_grids(self) -> tuple[CellGrid, CellGrid]:
        """Of both towers: one halving in the low level and one in each stage."""
        cells = CellGrid.of_pooling(2 ** len(self.config.widths))
        return cells, cells

    def rollout(self, batch: Batch, trace: MesmTrace, step: int | None) -> dict[str, Tensor]:
        """Share of each face (T, P) or frame (T,) and of each mel frame (F,).

        The modalities that have anything count alike.
        """
        shares = {name: tower.rollout() for name, tower in trace.towers.items()}
        total = sum(float(own.sum() > 0) for own in shares.values()) or 1.0
        for name, own in shares.items():
            shares[name] = own / own.sum().clamp(min=1e-12) / total
        if "video" in shares:
            faces = batch.face_mask[0].cpu()  # (T, P)
            if self.towers_of("video"):  # a token for each of them
                shares["video"] = shares["video"].unflatten(0, (-1, faces.shape[1])).sum(1)
            else:  # of each frame the first face is read
                shares["video"] = shares["video"].unsqueeze(1) * (faces & (faces.cumsum(1) == 1))
        if "audio" in shares:
            count, real = len(shares["audio"]), batch.mel_mask[0].cpu()
            frames = runs(count, CHUNK)
            if isinstance(self.audio, EncoderTower):
                hop = () if batch.wave is None else (batch.wave.shape[1] // len(real),)
                frames = cast(Any, self.audio.backbone).token_frames(count, len(real), *hop)
            shares["audio"] = shares["audio"] @ to_frames(frames, real)
        return shares


def mesm(size: str = "pocket", **changes: Any) -> Mesm:
    """A MESM of the given size, with settings changed by name; `mode="dense"` makes it FE2E."""
    if size not in SIZES:
        raise ValueError(f"size {size!r} is not one of {', '.join(SIZES)}")
    return Mesm(replace(SIZES[size], **changes))
