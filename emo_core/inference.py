"""Clip -> Prediction: one path for the command, the app and the notebooks."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from emo_core.batch import collate
from emo_core.checkpoint import DEFAULT, Checkpoint, find_checkpoint, load_checkpoint
from emo_core.clip import Clip, load_clip
from emo_core.parts.backbones import Tokens
from emo_core.parts.precision import for_inference
from emo_core.sample import Sample, decode_window, to_sample, windows

MOST_WINDOWS = 24  # two minutes of 5-s windows; a longer clip is looked at in 24 places
AT_ONCE = 4  # windows that go through the model together; bounds memory


@dataclass(frozen=True)
class Span:
    """What the model says of one window."""

    start_s: float
    end_s: float
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Media:
    """Facts of the file."""

    duration_s: float
    fps: float | None
    width: int | None  # pixels, as displayed
    height: int | None
    has_audio: bool
    has_video: bool
    variable_rate: bool
    channels: int | None
    audio_rate: int | None  # Hz
    rotation: int  # degrees
    video_codec: str | None
    audio_codec: str | None


@dataclass(frozen=True)
class Prediction:
    """Perceived group affect of one clip, as annotators would say it; and what it rests on."""

    clip: str
    model: str
    labels: tuple[str, ...]
    probabilities: dict[str, float]  # calibrated, mean over the windows by their length
    label: str  # the most probable one, also when `abstains`
    abstains: bool  # True = "not sure"
    timeline: tuple[Span, ...]
    modality_share: dict[str, float]  # exact Shapley values of the label's logit, see `share`
    frame_times_s: tuple[float, ...]  # of the frames really used
    media: Media
    notes: tuple[str, ...]  # what a person should know: a missing modality, time not read
    seconds: dict[str, float]  # "decode", "model"
    samples: tuple[Sample, ...] = ()  # what the model saw, one a window

    def as_dict(self) -> dict:
        """The answer in the form `emo predict --json` prints."""
        return {
            "clip": self.clip,
            "model": self.model,
            "labels": list(self.labels),
            "probabilities": self.probabilities,
            "label": self.label,
            "abstains": self.abstains,
            "timeline": [vars(span) for span in self.timeline],
            "modality_share": self.modality_share,
            "frame_times_s": list(self.frame_times_s),
            "media": vars(self.media),
            "notes": list(self.notes),
            "seconds": self.seconds,
        }


def media_facts(clip: Clip) -> Media:
    """Facts of a clip's file."""
    width, height = clip.size if clip.size else (None, None)
    return Media(
        round(clip.duration_s, 3),
        round(clip.fps, 3) if clip.fps else None,
        width,
        height,
        clip.has_audio,
        clip.has_video,
        clip.variable_rate,
        clip.channels,
        clip.sample_rate,
        clip.rotation,
        clip.video_codec,
        clip.audio_codec,
    )


def share(joint: Tensor, video: Tensor, audio: Tensor, neither: Tensor) -> tuple[Tensor, Tensor]:
    """Exact Shapley values of {video, audio} from the four subset evaluations of a score.

    All (n,). Returns (video, audio), whose sum is joint - neither. Source: Shapley 1953.
    """
    of_video = 0.5 * ((video - neither) + (joint - audio))
    return of_video, (joint - neither) - of_video


@torch.inference_mode()
def score_windows(checkpoint: Checkpoint, samples: list[Sample]) -> tuple[Tensor, Tensor]:
    """Logits (n, C) of n windows, and Shapley values (n, 2, C) of video and audio.

    The backbones run once; the three subsets without a modality only repeat the fusion.
    """
    model = checkpoint.model
    batch = collate(samples)
    with for_inference(model, batch.mel.device):
        video, audio = model.encode(batch)
        subsets = []
        for seen, heard in ((True, True), (True, False), (False, True), (False, False)):
            subsets.append(
                model.fuse(
                    video if seen else _hidden(video), audio if heard else _hidden(audio)
                ).logits
            )
    return subsets[0], torch.stack(share(*subsets), dim=1)


def _hidden(tokens: Tokens) -> Tokens:
    return replace(tokens, mask=torch.zeros_like(tokens.mask))


def predict_clip(
    clip: Clip,
    checkpoint: Checkpoint,
    most_windows: int = MOST_WINDOWS,
    progress: Callable[[int, int], None] | None = None,
) -> Prediction:
    """What the checkpoint says of a clip. Memory does not depend on the clip's length."""
    config = checkpoint.sample
    spans = windows(clip.duration_s, config.window_s, most_windows)
    samples: list[Sample] = []
    logits, shares = [], []
    spent = {"decode": 0.0, "model": 0.0}
    for first in range(0, len(spans), AT_ONCE):
        started = time.perf_counter()
        part = [
            to_sample(decode_window(clip, config, *span), config)
            for span in spans[first : first + AT_ONCE]
        ]
        decoded = time.perf_counter()
        scores, values = score_windows(checkpoint, part)
        spent["decode"] += decoded - started
        spent["model"] += time.perf_counter() - decoded
        samples += part
        logits.append(scores)
        shares.append(values)
        if progress:
            progress(min(first + AT_ONCE, len(spans)), len(spans))
    return _prediction(
        clip, checkpoint, spans, samples, torch.cat(logits), torch.cat(shares), spent
    )


def _prediction(
    clip: Clip, checkpoint: Checkpoint, spans: list[tuple[float, float]], samples: list[Sample],
    logits: Tensor, shares: Tensor, spent: dict[str, float],
) -> Prediction:  # fmt: skip
    labels, calibration = checkpoint.labels, checkpoint.calibration
    by_window = (logits / calibration.temperature).softmax(-1)  # (n, C)
    weight = torch.tensor([max(end - start, 1e-6) for start, end in spans])
    weight = (weight / weight.sum()).unsqueeze(-1)
    total = (by_window * weight).sum(0)
    best = int(total.argmax())
    video, audio = (shares[:, :, best] * weight).sum(0).tolist()
    times = [s.start_s + float(t) for s in samples for t in s.video_times_s[s.video_mask]]
    return Prediction(
        clip=clip.path.name,
        model=checkpoint.name,
        labels=labels,
        probabilities=_by_label(labels, total),
        label=labels[best],
        abstains=float(total[best]) < calibration.abstain_below,
        timeline=tuple(
            Span(round(start, 3), round(min(end, max(clip.duration_s, start)), 3),
                 _by_label(labels, row))
            for (start, end), row in zip(spans, by_window, strict=True)
        ),
        modality_share={"video": video, "audio": audio},
        frame_times_s=tuple(round(t, 3) for t in times),
        media=media_facts(clip),
        notes=_notes(clip, checkpoint, spans),
        seconds={name: round(value, 4) for name, value in spent.items()},
        samples=tuple(samples),
    )  # fmt: skip


def _by_label(labels: tuple[str, ...], values: Tensor) -> dict[str, float]:
    return {label: float(value) for label, value in zip(labels, values, strict=True)}


def _notes(clip: Clip, checkpoint: Checkpoint, spans: list[tuple[float, float]]) -> tuple[str, ...]:
    notes = []
    if not clip.has_audio:
        notes.append("The clip has no sound: the answer rests on the picture alone.")
    if not clip.has_video:
        notes.append("The clip has no picture: the answer rests on the sound alone.")
    read_s = len(spans) * checkpoint.sample.window_s
    if len(spans) > 1 and read_s < 0.9 * clip.duration_s:
        notes.append(
            f"The clip is long: {len(spans)} windows of {checkpoint.sample.window_s:g} s, spread "
            f"evenly over {clip.duration_s / 60:.1f} minutes, were read."
        )
    world = checkpoint.training.get("world")
    if world:
        notes.append(world)
    return tuple(notes)


@lru_cache(maxsize=4)
def _loaded(folder: Path) -> Checkpoint:
    return load_checkpoint(folder)


def load_cached(model: str | Path = DEFAULT) -> Checkpoint:
    """A checkpoint by shipped name, checkpoint folder or run folder; loaded once."""
    return _loaded(find_checkpoint(model).resolve())


def predict(
    clip: str | Path | Clip, model: str | Path = DEFAULT, most_windows: int = MOST_WINDOWS
) -> Prediction:
    """Loads what is needed and predicts. Raises ClipError or CheckpointError.

    model: a shipped name, a checkpoint folder or a run folder.
    """
    clip = clip if isinstance(clip, Clip) else load_clip(clip)
    return predict_clip(clip, load_cached(model), most_windows)
