"""Paper 3's joint transformer and its ablations: S video and S audio tokens -> S fused ones.

Each takes the two token streams and returns ((B, S, D), trace). What is not real is never looked
at; where a whole stream is missing, what remains answers. Source: papers/3, section 2.4.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from emo_core.parts.attention import Attention, PostNormBlock, masked_mean
from emo_core.parts.backbones import Tokens

Fused = tuple[Tensor, dict[str, Tensor]]
CROSSINGS = (  # (query, context), in the order in which the answers are stacked
    ("video", "audio"), ("audio", "video"), ("joint", "video"),
    ("video", "joint"), ("joint", "audio"), ("audio", "joint"),
)  # fmt: skip
READOUTS = ("last", "mean", "attention")


class Encoders(nn.Module):
    """One post-norm transformer layer a stream, over time."""

    def __init__(self, names: tuple[str, ...], width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({n: PostNormBlock(width, heads, hidden, 0.0) for n in names})

    def forward(self, streams: dict[str, Tokens]) -> tuple[dict[str, Tokens], dict[str, Tensor]]:
        encoded, trace = {}, {}
        for name, layer in self.layers.items():
            stream = streams[name]
            values, weights = layer(stream.values, stream.mask)
            encoded[name] = replace(stream, values=values)
            trace[f"attention_{name} (B, H, S, S)"] = weights
        return encoded, trace


class Crossings(nn.Module):
    """Cross-attention between streams; one module for all the questions that a stream asks."""

    def __init__(self, pairs: tuple[tuple[str, str], ...], width: int, heads: int) -> None:
        super().__init__()
        self.pairs = pairs
        self.ask = nn.ModuleDict({query: Attention(width, heads) for query, _ in pairs})

    def forward(self, streams: dict[str, Tokens]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Streams of (B, S, D) -> answers (B, S, pairs, D), which are real, trace."""
        answers, real, trace = [], [], {}
        for query, context in self.pairs:
            own, other = streams[query], streams[context]
            answer, weights = self.ask[query](own.values, other.values, other.mask)
            answers.append(answer)
            real.append(own.mask & other.mask.any(1, keepdim=True))  # (B, S)
            trace[f"attention_{query}_to_{context} (B, H, S, S)"] = weights
        mask = torch.stack(real, dim=2)  # (B, S, pairs)
        return torch.stack(answers, dim=2) * mask.unsqueeze(-1), mask, trace


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
            self.score = nn.Linear(width, 1, bias=False)

    def forward(self, answers: Tensor, mask: Tensor) -> Fused:
        """(B, S, 6, D), (B, S, 6) -> (B, S, D), trace."""
        rows, real = answers.flatten(0, 1), mask.flatten(0, 1)  # (B*S, 6, D)
        rows, mixing = self.mix(rows, real)
        asking = rows[:, -1:] if self.kind == "last" else rows
        seen, reading = self.attention(asking, rows, real)  # (B*S, 1 or 6, D)
        pooled, shares = self.pooled(seen, real)
        trace = {"mix (B, S, H, 6, 6)": mixing, "readout (B, S, H, K, 6)": reading}
        trace |= {"share (B, S, 6)": shares} if shares is not None else {}
        steps = mask.shape[:2]
        trace = {f"attention_{name}": value.unflatten(0, steps) for name, value in trace.items()}
        return pooled.unflatten(0, steps), trace

    def pooled(self, seen: Tensor, real: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.kind == "last":
            return seen.squeeze(1), None
        if self.kind == "mean":
            return masked_mean(seen, real), None
        score = self.score(seen).squeeze(-1).float()  # (B*S, 6)
        lowest = torch.finfo(score.dtype).min  # finite: a step with nothing real stays a number
        share = score.masked_fill(~real, lowest).softmax(-1)
        return (share.unsqueeze(-1).to(seen.dtype) * seen).sum(1), share


class JointFusion(nn.Module):
    """The paper's block: video, audio and their joint stream ask each other."""

    def __init__(self, width: int, heads: int, hidden: int, readout: str) -> None:
        super().__init__()
        self.joint = nn.Linear(2 * width, width)
        self.encoders = Encoders(("video", "audio", "joint"), width, heads, hidden)
        self.crossings = Crossings(CROSSINGS, width, heads)
        self.readout = Readout(readout, width, heads, hidden)

    def forward(self, video: Tokens, audio: Tokens) -> Fused:
        both = torch.cat([video.values, audio.values], dim=-1)  # (B, S, 2D)
        joint = Tokens(self.joint(both), video.mask | audio.mask, video.times_s)  # (B, S, D)
        streams, trace = self.encoders({"video": video, "audio": audio, "joint": joint})
        answers, real, crossing = self.crossings(streams)  # (B, S, 6, D)
        fused, reading = self.readout(answers, real)  # (B, S, D)
        return fused, {**trace, **crossing, **reading}


class VanillaFusion(nn.Module):
    """The paper's baseline: video and audio ask each other over time, no joint stream.

    The authors' attends over the samples of a batch instead, by an axis mistaken (section 1, 5);
    1,025 of its parameters get no gradient and are left out. Where one stream is missing there is
    nothing to ask, so every clip gets one constant.
    """

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.encoders = Encoders(("video", "audio"), width, heads, hidden)
        self.crossings = Crossings(CROSSINGS[:2], width, heads)
        self.mix = nn.Linear(2 * width, width)

    def forward(self, video: Tokens, audio: Tokens) -> Fused:
        streams, trace = self.encoders({"video": video, "audio": audio})
        answers, _, crossing = self.crossings(streams)  # (B, S, 2, D)
        return self.mix(answers.flatten(2)), {**trace, **crossing}


class ConcatFusion(nn.Module):
    """The paper's simplest alternative: one linear layer on both tokens of a step."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(2 * width, width)

    def forward(self, video: Tokens, audio: Tokens) -> Fused:
        return self.mix(torch.cat([video.values, audio.values], dim=-1)), {}


class SingleFusion(nn.Module):
    """One modality by itself: its own encoder over time."""

    def __init__(self, name: str, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.name = name
        self.encoders = Encoders((name,), width, heads, hidden)

    def forward(self, video: Tokens, audio: Tokens) -> Fused:
        streams, trace = self.encoders({"video": video, "audio": audio})
        return streams[self.name].values, trace


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
