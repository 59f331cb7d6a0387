"""Fusion of two token streams: cross-modal attention, its ablations, heads of single streams.

Each takes video and audio tokens of width D and returns (logits, FusionTrace). A missing modality
has an all-False mask and contributes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from emo_core.models.layers.attention import Block, masked_mean
from emo_core.models.layers.towers import RunningNorm, Tokens
from emo_core.preprocess.trace import CrossAttention, Trace, axes

Pair = tuple[str, str]  # (query, context)


@dataclass(frozen=True, kw_only=True)
class FusionTrace(Trace):
    """Attention of a fusion of two streams, and the scores of each stream alone.

    Times, masks and frames are of the tokens: the middle of where each looked, whether it is real,
    its first input frame and the one after its last (None where that is not known). attention: by
    (query, context), the weights of each block. unimodal_logits: by stream.
    """

    video_times_s: Tensor = axes("B, video")  # seconds from the start of the window
    audio_times_s: Tensor = axes("B, audio")
    video_mask: Tensor = axes("B, video")
    audio_mask: Tensor = axes("B, audio")
    video_frames: Tensor | None = axes("B, video, 2", default=None)
    audio_frames: Tensor | None = axes("B, audio, 2", default=None)
    attention: Mapping[Pair, tuple[Tensor, ...]] = axes(
        "B, H, query, context", default_factory=dict
    )
    unimodal_logits: Mapping[str, Tensor] = axes("B, C", default_factory=dict)

    @property
    def video_to_audio(self) -> CrossAttention | None:
        blocks = self.attention.get(("video", "audio"), ())
        if not blocks:
            return None
        return CrossAttention(
            weights=blocks[-1],
            video_times_s=self.video_times_s,
            audio_times_s=self.audio_times_s,
            video_mask=self.video_mask,
            audio_mask=self.audio_mask,
        )

    def rollout(self) -> dict[str, Tensor]:
        """Share of each token (N,) of the first window's answer, by stream; {} without attention.

        Each stream asks the other one, block after block; then the real tokens of both are averaged
        over time. What is not real neither asks nor answers.
        """
        if not self.attention:
            return {}
        masks = {"video": self.video_mask[0].cpu(), "audio": self.audio_mask[0].cpu()}
        shares = {name: torch.zeros(len(real)) for name, real in masks.items()}
        for own, other in (("video", "audio"), ("audio", "video")):
            asking = masks[own] / masks[own].sum().clamp(min=1)  # (N,), each token's part of a mean
            blocks = [x[0].mean(0).cpu() for x in self.attention.get((own, other), ())]
            shares[own] = shares[own] + 0.5 ** len(blocks) * asking
            for depth, weights in enumerate(reversed(blocks), start=1):
                shares[other] = shares[other] + 0.5**depth * asking @ weights.float()
        total = sum(float(x.sum()) for x in shares.values()) or 1.0
        return {name: x / total for name, x in shares.items()}


def classification_head(width: int, classes: int, dropout: float) -> nn.Sequential:
    """LayerNorm, dropout, linear (docs/papers/group.md#a11)."""
    return nn.Sequential(nn.LayerNorm(width), nn.Dropout(dropout), nn.Linear(width, classes))


class CrossModal(nn.Module):
    """Cross-modal attention in one or two directions.

    Source: docs/papers/group.md#a10; MulT (Tsai et al. 2019), section 3.2.

    queries: the streams that look at the other one: ("video", "audio") is two-way attention.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        blocks: int,
        classes: int,
        dropout: float,
        head_dropout: float,
        queries: tuple[str, ...],
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict(
            {q: nn.ModuleList(Block(width, heads, dropout) for _ in range(blocks)) for q in queries}
        )
        self.head = classification_head(2 * width, classes, head_dropout)

    def forward(self, video: Tokens, audio: Tokens) -> tuple[Tensor, FusionTrace]:
        streams, attention = {"video": video, "audio": audio}, {}
        pooled = []
        for name, own in streams.items():
            other_name = "audio" if name == "video" else "video"
            other, x, blocks = streams[other_name], own.values, []  # (B, N, D)
            for block in self._blocks(name):
                x, weights = block(x, other.values, other.mask)
                blocks.append(weights)
            if blocks:
                attention[name, other_name] = tuple(blocks)
            pooled.append(masked_mean(x, own.mask))  # (B, D)
        trace = _trace(video, audio, attention=attention)
        return self.head(torch.cat(pooled, dim=-1)), trace  # (B, C)

    def _blocks(self, name: str) -> Iterable[Block]:
        if name not in self.blocks:
            return ()
        return cast("Iterable[Block]", self.blocks[name])  # an nn.ModuleList of them


def _trace(video: Tokens, audio: Tokens, **found: Any) -> FusionTrace:
    """A trace with the tokens of both streams and what was `found` of them."""
    for name, tokens in (("video", video), ("audio", audio)):
        spans = tokens.spans
        found[f"{name}_times_s"] = spans.times_s if spans else tokens.times_s
        found[f"{name}_frames"] = spans.frames if spans else None
        found[f"{name}_mask"] = tokens.mask
    return FusionTrace(**found)


class Concat(nn.Module):
    """Ablation: both streams pooled over time, concatenated, then a small net."""

    def __init__(self, width: int, classes: int, head_dropout: float) -> None:
        super().__init__()
        self.mix = nn.Linear(2 * width, 2 * width)
        self.head = classification_head(2 * width, classes, head_dropout)

    def forward(self, video: Tokens, audio: Tokens) -> tuple[Tensor, FusionTrace]:
        pooled = [masked_mean(stream.values, stream.mask) for stream in (video, audio)]
        logits = self.head(functional.relu(self.mix(torch.cat(pooled, dim=-1))))  # (B, C)
        return logits, _trace(video, audio)


class Late(nn.Module):
    """Ablation: each stream scores alone and the scores are added. One stream: that stream only."""

    def __init__(
        self, width: int, classes: int, head_dropout: float, streams: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(
            {s: classification_head(width, classes, head_dropout) for s in streams}
        )

    def forward(self, video: Tokens, audio: Tokens) -> tuple[Tensor, FusionTrace]:
        logits: dict[str, Tensor] = {}
        for name, stream in (("video", video), ("audio", audio)):
            if name in self.heads:
                own = self.heads[name](masked_mean(stream.values, stream.mask))  # (B, C)
                present = stream.mask.any(1, keepdim=True)
                logits[name] = own * present  # a missing stream has no say
        return cast("Tensor", sum(logits.values())), _trace(video, audio, unimodal_logits=logits)


class WeightedSum(nn.Module):
    """Late fusion: each modality's scores times one learned weight, added; one alone stays.

    The weights start at one, which is plain late fusion. The published code draws them at random,
    sign included (docs/papers/mesm.md#late-fusion).
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self.names = names
        if len(names) > 1:
            self.weight = nn.Parameter(torch.ones(len(names)))

    def forward(self, logits: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Logits (B, C) by name -> their sum (B, C), and the terms of that sum by name."""
        weights = self.weight if len(self.names) > 1 else [1.0]
        terms = {
            name: (weight * logits[name]).float()
            for name, weight in zip(self.names, weights, strict=True)
        }
        return sum(terms.values()), terms


FUSIONS = ("two_way", "video_queries", "audio_queries", "concat", "late", "video", "audio")


def make_fusion(
    kind: str,
    width: int,
    heads: int,
    blocks: int,
    classes: int,
    dropout: float,
    head_dropout: float,
) -> nn.Module:
    """The fusion called `kind`, one of FUSIONS."""
    queries = {
        "two_way": ("video", "audio"),
        "video_queries": ("video",),
        "audio_queries": ("audio",),
    }
    if kind in queries:
        return CrossModal(width, heads, blocks, classes, dropout, head_dropout, queries[kind])
    if kind == "concat":
        return Concat(width, classes, head_dropout)
    if kind in ("late", "video", "audio"):
        streams = ("video", "audio") if kind == "late" else (kind,)
        return Late(width, classes, head_dropout, streams)
    raise ValueError(f"fusion {kind!r} is not one of {', '.join(FUSIONS)}")


class FrameHead(nn.Module):
    """Every frame's scores, and their mean."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(channels, classes)

    def each(self, seen: Tokens) -> Tensor:
        """(B, N, classes), also for frames that are not real."""
        return self.classifier(seen.values)

    def forward(self, seen: Tokens) -> Tensor:
        """(B, classes); zero where nothing is real."""
        return masked_mean(self.each(seen), seen.mask)


class PooledHead(nn.Module):
    """Scores of mean, spread and peak over real tokens, for an encoder that stays as it is.

    Its last score is that of "this tower's stream says nothing".
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = RunningNorm(3 * channels)
        self.classifier = nn.Linear(3 * channels, classes + 1)

    def pool(self, seen: Tokens) -> Tensor:
        """(B, 3C); zeros where nothing is real."""
        there = seen.mask.any(1, keepdim=True)  # (B, 1)
        mean = masked_mean(seen.values, seen.mask)  # (B, C)
        variance = masked_mean((seen.values - mean.unsqueeze(1)).square(), seen.mask)
        peak = seen.values.masked_fill(~seen.mask.unsqueeze(-1), -1e4).amax(1)
        return torch.cat([mean, (variance + 1e-6).sqrt(), peak], dim=-1) * there

    def forward(self, seen: Tokens) -> Tensor:
        """(B, classes + 1), also where nothing is real: that there is no face says something."""
        pooled = self.pool(seen)
        everything = torch.ones(pooled.shape[0], dtype=torch.bool, device=pooled.device)
        return self.classifier(self.norm(pooled, everything))


def start_from_nothing(fusion: nn.Module) -> None:
    """Let a fusion's scores be zero until it learns, in place: it corrects other ones."""
    for head in fusion.modules():
        if isinstance(head, nn.Sequential) and isinstance(head[-1], nn.Linear):
            nn.init.zeros_(head[-1].weight)
            nn.init.zeros_(head[-1].bias)


def mix_streams(
    video: Tensor, audio: Tensor, seen: Tensor, heard: Tensor, log_shares: Tensor
) -> Tensor:
    """Log probabilities (B, C) of a mixture: both streams say it, or one of them says nothing.

    video, audio: scores (B, C + 1) of each stream, the last of "says nothing", which a stream that
    is not there says. seen, heard: (B, 1) whether it is there. log_shares: of both, video alone and
    audio alone (3,).
    """
    silent = torch.full_like(video, -30.0)
    silent[:, -1] = 0.0
    v = torch.where(seen, video.log_softmax(-1), silent)
    a = torch.where(heard, audio.log_softmax(-1), silent)
    says = torch.stack([v[:, :-1] + a[:, :-1], v[:, :-1] + a[:, -1:], v[:, -1:] + a[:, :-1]])
    return (says + log_shares.view(3, 1, 1)).logsumexp(0).log_softmax(-1)


class MeanMaxHead(nn.Module):
    """Scores of mean and peak over time: a short cry counts beside long talk."""

    def __init__(self, channels: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(2 * channels, classes)

    def forward(self, seen: Tokens) -> Tensor:
        """(B, classes); what nothing real gives means nothing."""
        peak = seen.values.masked_fill(~seen.mask.unsqueeze(-1), -1e4).amax(1)
        pooled = torch.cat([masked_mean(seen.values, seen.mask), peak], dim=-1)  # (B, 2C)
        return self.classifier(self.dropout(pooled))
