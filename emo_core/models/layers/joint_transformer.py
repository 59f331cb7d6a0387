"""JMT's token pooling, joint transformer and its ablations: S video and S audio tokens -> S fused.

Each fusion takes the two token streams and returns ((B, S, D), StepTrace). Masked tokens are never
attended to; where a whole stream is missing, the other one answers.
Source: docs/papers/jmt.md#fusion.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from emo_core.models.layers.attention import (
    Attention,
    PostNormBlock,
    masked_mean,
    with_residual,
)
from emo_core.models.layers.towers import Backbone, Tokens, TokenSpans, runs
from emo_core.preprocess.trace import CrossAttention, Trace, axes

Pair = tuple[str, str]  # (query, context)
ATTENTION_PAIRS = (  # (query, context), in the order in which the answers are stacked
    ("video", "audio"),
    ("audio", "video"),
    ("joint", "video"),
    ("video", "joint"),
    ("joint", "audio"),
    ("audio", "joint"),
)
READOUTS = ("last", "mean", "attention")


@dataclass(frozen=True, kw_only=True)
class StepTrace(Trace):
    """What a fusion of steps attended to.

    self_attention: by stream. cross_attention: by (query, context). mixing: among the six answers
    of a step; readout: by which K of them read all; readout_weights: of a learned readout. real:
    which steps of video and audio are; spans: what each of their steps read, where known.
    """

    self_attention: Mapping[str, Tensor] = axes("B, H, S, S", default_factory=dict)
    cross_attention: Mapping[Pair, Tensor] = axes("B, H, S, S", default_factory=dict)
    mixing: Tensor | None = axes("B, S, H, 6, 6", default=None)
    readout: Tensor | None = axes("B, S, H, K, 6", default=None)
    readout_weights: Tensor | None = axes("B, S, 6", default=None)
    real: Mapping[str, Tensor] = axes("B, S", default_factory=dict)
    spans: Mapping[str, TokenSpans] = axes("", default_factory=dict)

    @property
    def video_to_audio(self) -> CrossAttention | None:
        weights = self.cross_attention.get(("video", "audio"))
        if weights is None or self.moments is None:
            return None
        video_s, audio_s = (
            self.spans[name].times_s if name in self.spans else self.moments.times_s
            for name in ("video", "audio")
        )
        return CrossAttention(
            weights=weights,
            video_times_s=video_s,
            audio_times_s=audio_s,
            video_mask=self.real.get("video"),
            audio_mask=self.real.get("audio"),
        )

    def rollout(self, step: int) -> dict[str, Tensor]:
        """Share of each moment (S,) of the first window's answer at `step`, by stream.

        Back through readout, mixing, cross-attention and encoders; what reaches the joint stream is
        half video, half audio where both are real, else of the one that is. {} without attention.
        """
        streams = {
            name: with_residual(x[0].mean(0)).cpu() for name, x in self.self_attention.items()
        }
        reached = {name: torch.zeros(len(x)) for name, x in streams.items()}
        if not self.cross_attention:
            reached = {name: x[step] for name, x in streams.items()}
        for share, pair in zip(self._pair_weights(step), self.cross_attention, strict=True):
            context, asked = pair[1], self.cross_attention[pair][0].mean(0)[step].cpu()  # (S,)
            reached[context] = reached[context] + share * asked @ streams[context]
        joint = reached.pop("joint", torch.zeros(()))
        real = {name: self.real[name][0].cpu().float() for name in reached}
        both = sum(real.values(), start=torch.zeros(())).clamp(min=1)
        reached = {name: (x + joint / both) * real[name] for name, x in reached.items()}
        total = sum(float(x.sum()) for x in reached.values()) or 1.0
        return {name: x / total for name, x in reached.items()}

    def _pair_weights(self, step: int) -> Tensor:
        """What each (query, context) adds to a step's answer, (pairs,): all alike if not mixed."""
        steps = {**self.real, "joint": self.real["video"] | self.real["audio"]}
        real = torch.tensor(
            [
                bool(steps[own][0, step] & steps[other][0].any())
                for own, other in self.cross_attention
            ]
        ).float()
        if self.mixing is None or self.readout is None:
            return real / real.sum().clamp(min=1)
        reading = self.readout[0, step].mean(0).cpu()  # (K, 6)
        asking = real / real.sum().clamp(min=1) if len(reading) > 1 else torch.ones(1)  # (K,)
        if self.readout_weights is not None:
            asking = self.readout_weights[0, step].cpu()
        return asking @ reading @ with_residual(self.mixing[0, step].mean(0)).cpu() * real


Fused = tuple[Tensor, StepTrace]


class Encoders(nn.Module):
    """One post-norm transformer layer a stream, over time."""

    def __init__(self, names: tuple[str, ...], width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({n: PostNormBlock(width, heads, hidden, 0.0) for n in names})

    def forward(self, streams: dict[str, Tokens]) -> tuple[dict[str, Tokens], dict[str, Tensor]]:
        """Streams of (B, S, D) -> the same, encoded, and each one's weights (B, H, S, S)."""
        encoded, attention = {}, {}
        for name, layer in self.layers.items():
            stream = streams[name]
            values, weights = layer(stream.values, stream.mask)
            encoded[name] = replace(stream, values=values)
            attention[name] = weights
        return encoded, attention


class CrossAttentions(nn.Module):
    """Cross-attention between streams; one module for all the questions that a stream asks."""

    def __init__(self, pairs: tuple[tuple[str, str], ...], width: int, heads: int) -> None:
        super().__init__()
        self.pairs = pairs
        self.layers = nn.ModuleDict({query: Attention(width, heads) for query, _ in pairs})

    def forward(self, streams: dict[str, Tokens]) -> tuple[Tensor, Tensor, dict[Pair, Tensor]]:
        """Streams of (B, S, D) -> answers (B, S, pairs, D), which are real, (B, H, S, S) each."""
        answers, real, attention = [], [], {}
        for query, context in self.pairs:
            own, other = streams[query], streams[context]
            answer, weights = self.layers[query](own.values, other.values, other.mask)
            answers.append(answer)
            real.append(own.mask & other.mask.any(1, keepdim=True))  # (B, S)
            attention[query, context] = weights
        mask = torch.stack(real, dim=2)  # (B, S, pairs)
        return torch.stack(answers, dim=2) * mask.unsqueeze(-1), mask, attention


class Readout(nn.Module):
    """The six answers of a step, among themselves, become one.

    kind: the authors' "last" (audio asking joint), the "mean", or a learned "attention" over them.
    """

    def __init__(self, kind: str, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        if kind not in READOUTS:
            raise ValueError(f"readout {kind!r} is not one of {', '.join(READOUTS)}")
        self.kind = kind
        self.mix = PostNormBlock(width, heads, hidden, 0.0)
        self.attention = Attention(width, heads)
        if kind == "attention":
            self.energy = nn.Linear(width, 1, bias=False)

    def forward(self, answers: Tensor, mask: Tensor) -> Fused:
        """(B, S, 6, D), (B, S, 6) -> (B, S, D), and a trace of mixing and readout."""
        rows, real = answers.flatten(0, 1), mask.flatten(0, 1)  # (B*S, 6, D)
        rows, mixing = self.mix(rows, real)
        asking = rows[:, -1:] if self.kind == "last" else rows
        seen, reading = self.attention(asking, rows, real)  # (B*S, 1 or 6, D)
        pooled, shares = self.pool(seen, real)
        steps = mask.shape[:2]
        return pooled.unflatten(0, steps), StepTrace(
            mixing=mixing.unflatten(0, steps),
            readout=reading.unflatten(0, steps),
            readout_weights=None if shares is None else shares.unflatten(0, steps),
        )

    def pool(self, seen: Tensor, real: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.kind == "last":
            return seen.squeeze(1), None
        if self.kind == "mean":
            return masked_mean(seen, real), None
        energy = self.energy(seen).squeeze(-1).float()  # (B*S, 6)
        lowest = torch.finfo(energy.dtype).min  # finite: a step with nothing real stays a number
        share = energy.masked_fill(~real, lowest).softmax(-1)
        return (share.unsqueeze(-1).to(seen.dtype) * seen).sum(1), share


class JointFusion(nn.Module):
    """The paper's block: video, audio and their joint stream ask each other."""

    def __init__(self, width: int, heads: int, hidden: int, readout: str) -> None:
        super().__init__()
        self.joint = nn.Linear(2 * width, width)
        self.encoders = Encoders(("video", "audio", "joint"), width, heads, hidden)
        self.cross_attention = CrossAttentions(ATTENTION_PAIRS, width, heads)
        self.readout = Readout(readout, width, heads, hidden)

    def forward(self, video: Tokens, audio: Tokens) -> Fused:
        both = torch.cat([video.values, audio.values], dim=-1)  # (B, S, 2D)
        joint = Tokens(self.joint(both), video.mask | audio.mask, video.times_s)  # (B, S, D)
        streams, encoding = self.encoders({"video": video, "audio": audio, "joint": joint})
        answers, real, crossing = self.cross_attention(streams)  # (B, S, 6, D)
        fused, trace = self.readout(answers, real)  # (B, S, D)
        return fused, replace(trace, self_attention=encoding, cross_attention=crossing)


class VanillaFusion(nn.Module):
    """The paper's baseline: video and audio ask each other over time, no joint stream.

    The authors' attends over the samples of a batch instead, by a mistaken axis
    (docs/papers/jmt.md#d5); 1,025 of its parameters get no gradient and are left out. Where one
    stream is missing there is nothing to ask, so every clip gets one constant.
    """

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.encoders = Encoders(("video", "audio"), width, heads, hidden)
        self.cross_attention = CrossAttentions(ATTENTION_PAIRS[:2], width, heads)
        self.mix = nn.Linear(2 * width, width)

    def forward(self, video: Tokens, audio: Tokens) -> Fused:
        streams, encoding = self.encoders({"video": video, "audio": audio})
        answers, _, crossing = self.cross_attention(streams)  # (B, S, 2, D)
        trace = StepTrace(self_attention=encoding, cross_attention=crossing)
        return self.mix(answers.flatten(2)), trace


class ConcatFusion(nn.Module):
    """The paper's simplest alternative: one linear layer on both tokens of a step."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(2 * width, width)

    def forward(self, video: Tokens, audio: Tokens) -> Fused:
        return self.mix(torch.cat([video.values, audio.values], dim=-1)), StepTrace()


class SingleFusion(nn.Module):
    """One modality by itself: its own encoder over time."""

    def __init__(self, name: str, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.name = name
        self.encoders = Encoders((name,), width, heads, hidden)

    def forward(self, video: Tokens, audio: Tokens) -> Fused:
        streams, encoding = self.encoders({"video": video, "audio": audio})
        return streams[self.name].values, StepTrace(self_attention=encoding)


FUSIONS = ("joint", "vanilla", "concat", "video", "audio")


def make_step_fusion(kind: str, width: int, heads: int, hidden: int, readout: str) -> nn.Module:
    """The fusion of steps called `kind`, one of FUSIONS."""
    if kind == "joint":
        return JointFusion(width, heads, hidden, readout)
    if kind == "vanilla":
        return VanillaFusion(width, heads, hidden)
    if kind == "concat":
        return ConcatFusion(width)
    if kind in ("video", "audio"):
        return SingleFusion(kind, width, heads, hidden)
    raise ValueError(f"fusion {kind!r} is not one of {', '.join(FUSIONS)}")


POOLS = ("max", "mean", "flatten")
MAP_POSITIONS = 49  # of the map of R(2+1)D-18 for 8 pictures of 112 x 112 pixels


@dataclass(frozen=True)
class Steps:
    """What each step of a window holds."""

    values: Tensor  # (B, S, n, ...)
    mask: Tensor  # (B, S, n) bool, True = real
    times_s: Tensor  # (B, S, n)
    frames: Tensor  # (S, 2) first input frame and the one after the last

    @property
    def spans(self) -> TokenSpans:
        """What each step reads."""
        return TokenSpans.of(self.times_s.mean(2), self.frames)


def split_frames_into_steps(frames: Tensor, mask: Tensor, times_s: Tensor, steps: int) -> Steps:
    """Groups frames in order: (B, T, ...), (B, T), (B, T) -> T // steps frames a step.

    Raises ValueError where T is not a multiple of `steps`.
    """
    if frames.shape[1] % steps:
        raise ValueError(
            f"{frames.shape[1]} frames can't be shared by {steps} steps; expected a multiple; "
            "change the sample's frames or the model's steps."
        )
    values, real, at_s = (v.unflatten(1, (steps, -1)) for v in (frames, mask, times_s))
    return Steps(values, real, at_s, runs(steps, real.shape[2]))


def split_mel_into_steps(mel: Tensor, mask: Tensor, times_s: Tensor, steps: int) -> Steps:
    """Cuts a log-mel by time: (B, F, M), (B, F), (B, F) -> F // steps mel frames a step.

    A step starts with the first mel frame of its share of the window, which need not be whole
    frames; so a few mel frames lie in no step.
    """
    hop_s = times_s[:, 1:2] - times_s[:, :1]  # (B, 1)
    share = torch.arange(steps, device=mel.device) / steps
    starts_s = times_s[:, :1] + (times_s[:, -1:] - times_s[:, :1] + hop_s) * share  # (B, S)
    from_s = (starts_s - hop_s / 2).unsqueeze(-1)  # half: rounding
    first = (times_s.unsqueeze(1) < from_s).sum(-1)  # torch.searchsorted, which ONNX has not
    index = first.unsqueeze(-1) + torch.arange(mel.shape[1] // steps, device=mel.device)
    index = index.clamp(max=mel.shape[1] - 1)  # (B, S, n)
    row = torch.arange(mel.shape[0], device=mel.device)[:, None, None]
    frames = torch.stack([index[0, :, 0], index[0, :, -1] + 1], dim=-1)  # one clock in all windows
    return Steps(mel[row, index], mask[row, index], times_s[row, index], frames)


class StepPool(nn.Module):
    """One vector for a clip, of what its backbone saw at N places and moments.

    kind: the strongest ("max", docs/papers/jmt.md#a2), the mean, or all of them through a linear
    layer ("flatten", for R(2+1)D-18 at paper size only).
    """

    def __init__(self, kind: str, channels: int) -> None:
        super().__init__()
        if kind not in POOLS:
            raise ValueError(f"pool {kind!r} is not one of {', '.join(POOLS)}")
        self.kind = kind
        if kind == "flatten":
            self.mix = nn.Linear(MAP_POSITIONS * channels, channels)

    def forward(self, seen: Tokens) -> Tensor:
        """(B, N, C) -> (B, C); zero, or with "flatten" one constant, where nothing is real."""
        if self.kind == "mean":
            return masked_mean(seen.values, seen.mask)
        if self.kind == "flatten":
            if seen.values.shape[1] != MAP_POSITIONS:
                raise ValueError(
                    f"pool 'flatten' needs {MAP_POSITIONS} places a clip, found "
                    f"{seen.values.shape[1]}; "
                    "give 8 faces of 112 pixels a step or choose pool 'max'."
                )
            return self.mix(seen.values.flatten(1))
        lowest = torch.finfo(seen.values.dtype).min
        peak = seen.values.masked_fill(~seen.mask.unsqueeze(-1), lowest).amax(1)
        return peak.masked_fill(~seen.mask.any(1, keepdim=True), 0)


def spans_of_steps(seen: Tokens, ends_s: Tensor) -> TokenSpans | None:
    """What the tokens of each step looked at; (B, N, ...), (B, S) -> of S steps."""
    if seen.spans is None:
        return None
    step = step_of_tokens(seen, ends_s).unsqueeze(-1).expand(seen.spans.frames.shape)
    none = seen.spans.frames.new_zeros(*ends_s.shape, 2)
    first = none.scatter_reduce(1, step, seen.spans.frames, "amin", include_self=False)[..., 0]
    end = none.scatter_reduce(1, step, seen.spans.frames, "amax", include_self=False)[..., 1]
    starts_s = torch.cat([torch.zeros_like(ends_s[:, :1]), ends_s[:, :-1]], dim=1)
    return TokenSpans((starts_s + ends_s) / 2, torch.stack([first, end], dim=-1))


def step_of_tokens(seen: Tokens, ends_s: Tensor) -> Tensor:
    """The first step that has not ended before a token, (B, N); what is later is of the last."""
    return (seen.times_s.unsqueeze(-1) > ends_s[:, None, :-1] + 1e-4).sum(-1)


def means_of_steps(seen: Tokens, ends_s: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of the real tokens (B, N, C) of steps that end at ends_s (B, S), and which have any.

    Returns (B, S, C), zero where no token is real, and (B, S) bool.
    """
    step = step_of_tokens(seen, ends_s)
    where = nn.functional.one_hot(step, ends_s.shape[1]).to(seen.values) * seen.mask.unsqueeze(-1)
    count = where.sum(1)  # (B, S)
    means = where.transpose(1, 2) @ seen.values / count.clamp(min=1).unsqueeze(-1)
    return means, count > 0


class EncoderStepStream(nn.Module):
    """One modality: a pretrained encoder reads the whole window; one token of width D a step."""

    def __init__(self, backbone: Backbone, width: int, frozen: bool) -> None:
        super().__init__()
        self.backbone, self.frozen = backbone.requires_grad_(not frozen), frozen
        self.norm = nn.LayerNorm(backbone.channels)
        self.project = nn.Linear(backbone.channels, width)

    def train(self, mode: bool = True) -> "EncoderStepStream":
        super().train(mode)
        if self.frozen:  # no dropout either
            self.backbone.eval()
        return self

    def forward(self, seen: Tokens, ends_s: Tensor) -> Tokens:
        """What the encoder saw (B, N, C), times at which steps end (B, S) -> (B, S, D)."""
        means, real = means_of_steps(seen, ends_s)
        values = self.project(self.norm(means)) * real.unsqueeze(-1)
        return Tokens(values, real, ends_s, spans=spans_of_steps(seen, ends_s))


class StepStream(nn.Module):
    """One modality: a backbone reads every step by itself; one token of width D a step."""

    def __init__(self, backbone: Backbone, pool: str, width: int, frozen: bool) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(not frozen)
        self.frozen = frozen
        self.pool = StepPool(pool, backbone.channels)
        same = backbone.channels == width
        self.project = nn.Identity() if same else nn.Linear(backbone.channels, width)

    def train(self, mode: bool = True) -> "StepStream":
        super().train(mode)
        if self.frozen:  # a fixed backbone keeps its statistics as well
            self.backbone.eval()
        return self

    def forward(self, steps: Steps) -> Tokens:
        parts = (part.flatten(0, 1) for part in (steps.values, steps.mask, steps.times_s))
        seen = self.backbone(*parts)  # (B*S, N, C)
        tokens = self.project(self.pool(seen)).unflatten(0, steps.mask.shape[:2])  # (B, S, D)
        real = steps.mask.any(-1)  # (B, S)
        return Tokens(tokens * real.unsqueeze(-1), real, steps.times_s[..., -1], spans=steps.spans)
