"""Attention maps and attention rollout: the moments that the multiplied weights lead to.

Source: Abnar & Zuidema 2020; half of every block is its residual path. What attention looks at is
not why the score is as it is: the same map for every class.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from emo_core.attribution.forward_function import ForwardFunction
from emo_core.attribution.types import AttributionError, Preset
from emo_core.checkpoint import Checkpoint
from emo_core.models.layers.joint_transformer import CROSSINGS
from emo_core.models.layers.vgg import CHUNK
from emo_core.preprocess.batch import collate
from emo_core.preprocess.sample import Sample


@dataclass(frozen=True)
class Matrix:
    """Mean attention over heads, from moments of the picture to moments of the sound."""

    weights: Tensor  # (V, A); rows sum to one
    video_s: Tensor  # (V,) from the start of the clip
    audio_s: Tensor  # (A,)


def picture_to_sound(checkpoint: Checkpoint, sample: Sample) -> Matrix | None:
    """The last block's attention; None where the model or the window has none."""
    batch = collate([sample])
    with torch.no_grad():
        trace = {n.split(" (")[0]: v[0] for n, v in checkpoint.model(batch).trace.items()}
    names = sorted(n for n in trace if n.startswith("attention_video_to_audio"))
    if not names:
        return None
    weights = trace[names[-1]].mean(0)  # (V, A)
    own = trace.get("token_times_s")
    video_s = trace.get("video_times_s", own)
    audio_s = trace.get("audio_times_s", own)
    if video_s is None or audio_s is None or not bool(weights.any()):
        return None
    moments, which = video_s.unique(return_inverse=True)  # places of one moment: their mean
    rows = torch.zeros(len(moments), weights.shape[1]).index_add_(0, which, weights)
    rows = rows / torch.bincount(which).unsqueeze(1)
    return Matrix(rows, sample.start_s + moments, sample.start_s + audio_s)


Maps = dict[str, Tensor]
Shares = dict[str, Tensor]  # stream -> (N,) what each of its tokens contributes


def rollout(question: ForwardFunction, preset: Preset, seed: int) -> Maps:
    """Attention from the answer back to moments of picture and sound; sums to one."""
    trace = {name.split(" (")[0]: value[0] for name, value in question.trace().items()}
    if "attention_joint" in trace:
        step = question.target.step
        assert step is not None  # models with joint attention answer moments
        shares = _joint(trace, step)
    elif any(name.startswith("attention_video_to_audio") for name in trace) or any(
        name.startswith("attention_audio_to_video") for name in trace
    ):
        shares = _crossed(trace)
    else:
        shares = _summarised(trace)
    if not shares:
        raise AttributionError(
            f"{question.checkpoint.name} has no attention between moments to follow; choose "
            "another method."
        )
    return _placed(question, shares)


def _crossed(trace: dict[str, Tensor]) -> Shares:
    """Group: each stream asks the other one, block after block, then both are averaged."""
    shares = {"video": torch.zeros(()), "audio": torch.zeros(())}
    for own, other in (("video", "audio"), ("audio", "video")):
        blocks = [
            trace[name].mean(0)
            for name in sorted(trace)
            if name == f"attention_{own}_to_{other}_" + name[-1]
        ]  # (own, other) each
        count = len(trace[f"{own}_times_s"])
        stays = 0.5 ** len(blocks)
        shares[own] = shares[own] + torch.full((count,), stays / count)
        for depth, weights in enumerate(reversed(blocks), start=1):
            shares[other] = shares[other] + 0.5**depth * weights.mean(0).cpu()
    total = sum(float(x.sum()) for x in shares.values())
    return {name: x / total for name, x in shares.items() if x.ndim}


def _joint(trace: dict[str, Tensor], step: int) -> Shares:
    """JMT: one moment's answer, back through readout, mixing, crossings and encoders."""
    mixed = _with_residual(trace["attention_mix"][step].mean(0))  # (6, 6)
    reading = trace["attention_readout"][step].mean(0).mean(0)  # (6,), mean over K answers
    answers = reading @ mixed  # (6,)
    streams = {
        name: _with_residual(trace[f"attention_{name}"].mean(0))
        for name in ("video", "audio", "joint")
    }
    reached = {name: torch.zeros(len(x)) for name, x in streams.items()}
    for share, (query, context) in zip(answers, CROSSINGS, strict=True):
        asked = trace[f"attention_{query}_to_{context}"].mean(0)[step]  # (S,)
        reached[context] = reached[context] + (share * asked @ streams[context]).cpu()
    video, audio = (reached[n] + reached["joint"] / 2 for n in ("video", "audio"))
    total = float(video.sum() + audio.sum()) or 1.0
    return {"video": video / total, "audio": audio / total}


def _summarised(trace: dict[str, Tensor]) -> Shares:
    """MESM: the first token of each modality reads its pictures; modalities count alike."""
    shares = {}
    for stream in ("video", "audio"):
        rolled = None
        for name in sorted(n for n in trace if n.startswith(f"attention_{stream}_")):
            if trace[name].ndim == 3:
                weights = _with_residual(trace[name].mean(0))
                rolled = weights if rolled is None else weights @ rolled
        if rolled is not None:
            shares[stream] = rolled[0, 1:].cpu()
    return {name: x / max(float(x.sum()), 1e-12) / len(shares) for name, x in shares.items()}


def _with_residual(weights: Tensor) -> Tensor:
    return 0.5 * weights + 0.5 * torch.eye(len(weights), device=weights.device)


def _placed(question: ForwardFunction, shares: Shares) -> Maps:
    """Shares of tokens, spread over what each token was made of."""
    maps, sample = {}, question.sample
    for name in question.names:
        if name == "mel" and "audio" in shares:
            frames, bands = sample.mel.shape
            own = shares["audio"].view(1, 1, -1)
            if question.checkpoint.model_name in ("mesm", "fe2e"):
                line = own[0, 0].repeat_interleave(CHUNK)[:frames]
            else:
                line = functional.interpolate(own, frames, mode="nearest")[0, 0]
            maps[name] = _scaled(line.unsqueeze(1).expand(frames, bands), own.sum())
        elif name in ("video", "faces") and "video" in shares:
            shape = getattr(sample, name).shape
            maps[name] = _scaled(_in_space(shares["video"], shape), shares["video"].sum())
    return maps


def _in_space(share: Tensor, shape: torch.Size) -> Tensor:
    """Tokens of frames (T,), of steps (S,) or of places (t*h*w,) -> the input's shape."""
    if len(share) <= shape[0]:
        line = functional.interpolate(share.view(1, 1, -1), shape[0], mode="nearest")[0, 0]
        return line.view(-1, *(1,) * (len(shape) - 1)).expand(shape)
    steps = next(t for t in range(shape[0] // 8 or 1, len(share) + 1) if len(share) % t == 0)
    places = len(share) // steps
    high = min(
        (h for h in range(1, places + 1) if places % h == 0),
        key=lambda h: abs(h * h / places - shape[-2] / shape[-1]),
    )
    grid = share.view(1, 1, steps, high, places // high)
    large = functional.interpolate(grid, (shape[0], *shape[-2:]), mode="nearest")
    return large[0].transpose(0, 1).expand(shape)


def _scaled(values: Tensor, total: Tensor) -> Tensor:
    return values * (total / values.sum().clamp(min=1e-12))
