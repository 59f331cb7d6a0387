"""Clip -> Prediction: one path for the command, the app and the notebooks."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emo_core.checkpoint import Checkpoint, find_checkpoint, load_checkpoint
from emo_core.clip import SILENCE, Clip, load_clip
from emo_core.inference.modality_shapley import ScoredWindows, modalities, score_windows
from emo_core.inference.prediction import Media, Moment, Prediction, Span, media_facts
from emo_core.inference.presence import FoundFaces, Presence, PresenceFinder
from emo_core.messages import say
from emo_core.preprocess.sample import Sample, decode_windows, to_sample, window_spans
from emo_core.schema import DEFAULT_MODEL, DRAWN_CORPORA
from emo_core.tasks import Answer, WindowLogits

__all__ = [
    "FoundFaces",
    "Media",
    "Moment",
    "Prediction",
    "Presence",
    "Span",
    "load_cached",
    "predict",
    "predict_clip",
]

MOST_WINDOWS = 24  # two minutes of 5-s windows; a longer clip is looked at in 24 places
AT_ONCE = 4  # windows that go through the model together; bounds memory


def predict_clip(
    clip: Clip,
    checkpoint: Checkpoint,
    most_windows: int = MOST_WINDOWS,
    progress: Callable[[int, int], object] | None = None,
) -> Prediction:
    """The checkpoint's answer to a clip. Memory does not depend on the clip's length."""
    config = checkpoint.sample
    spans = window_spans(clip.duration_s, config.window_s, most_windows)
    finder = PresenceFinder(clip, config, checkpoint.training.get("corpus") in DRAWN_CORPORA)
    listener = AudioListener(clip)
    decoded = decode_windows(clip, config, spans, finder.track, listener)
    samples: list[Sample] = []
    scores: list[ScoredWindows] = []
    spent = {"decode": 0.0, "model": 0.0}
    for first in range(0, len(spans), AT_ONCE):
        started = time.perf_counter()
        windows = list(islice(decoded, AT_ONCE))
        for window in windows:
            finder.add(window)
        part = [to_sample(window, config) for window in windows]
        ready = time.perf_counter()
        scores.append(score_windows(checkpoint, part))
        spent["decode"] += ready - started
        spent["model"] += time.perf_counter() - ready
        samples += part
        if progress:
            progress(min(first + AT_ONCE, len(spans)), len(spans))
    started = time.perf_counter()
    presence = finder.found()
    spent["decode"] += time.perf_counter() - started
    joined = ScoredWindows.joined(scores)
    checkpoint.refuse_no_numbers(joined.logits)
    return _prediction(clip, checkpoint, spans, samples, joined, presence, listener, spent)


def _prediction(
    clip: Clip,
    checkpoint: Checkpoint,
    spans: list[tuple[float, float]],
    samples: list[Sample],
    scores: ScoredWindows,
    presence: Presence,
    listener: "AudioListener",
    spent: dict[str, float],
) -> Prediction:
    ends = [(a, min(b, max(clip.duration_s, a))) for a, b in spans]
    lengths_s = torch.tensor([max(end - start, 1e-6) for start, end in spans])
    found = WindowLogits(scores.logits, scores.mask, lengths_s / lengths_s.sum())
    answer, labels = checkpoint.task.answer(found, checkpoint.calibration), checkpoint.labels
    shares = _shares(checkpoint, scores, found.weights)
    times = [s.start_s + float(t) for s in samples for t in s.video_times_s[s.video_mask]]
    summary = _by_label(labels, answer.clip)
    reads_text = "text" in modalities(checkpoint) and bool((clip.text or "").strip())
    nobody = None if reads_text else presence.nobody
    return Prediction(
        clip=clip.path.name,
        model=checkpoint.name,
        labels=labels,
        probabilities=summary if answer.are_probabilities else {},
        label=answer.label,
        abstains=answer.abstains or nobody is not None,
        timeline=_timeline(answer, ends, labels),
        modality_share=shares[answer.label or labels[0]],
        frame_times_s=tuple(round(t, 3) for t in times),
        media=media_facts(clip),
        notes=(
            (*_file_notes(clip), *listener.notes(answered=False))
            if nobody
            else _notes(clip, checkpoint, spans, samples, listener)
        ),
        seconds={name: round(value, 4) for name, value in spent.items()},
        samples=tuple(samples),
        task=checkpoint.task.name,
        modality_shares=shares,
        present=answer.present,
        values=None if answer.are_probabilities else summary,
        moments=_moments(answer, scores, ends),
        presence=presence,
        nobody=nobody,
    )


def _shares(
    checkpoint: Checkpoint, scores: ScoredWindows, weights: Tensor
) -> dict[str, dict[str, float]]:
    """What each modality adds to each label's score; weights (n,) of the windows."""
    of_labels = (scores.shares * weights[:, None, None]).sum(0)  # (M, C)
    names = modalities(checkpoint)
    columns = zip(checkpoint.labels, of_labels.T, strict=True)
    return {label: _by_label(names, column) for label, column in columns}


def _timeline(
    answer: Answer, ends: list[tuple[float, float]], labels: Sequence[str]
) -> tuple[Span, ...]:
    """What is said of each window."""
    rows = [_by_label(labels, row) for row in answer.windows]
    return tuple(
        Span(
            round(start, 3),
            round(end, 3),
            row if answer.are_probabilities else {},
            None if answer.are_probabilities else row,
        )
        for (start, end), row in zip(ends, rows, strict=True)
    )


def _moments(
    answer: Answer, scores: ScoredWindows, ends: list[tuple[float, float]]
) -> tuple[Moment, ...] | None:
    """The real moments on the clip's clock; None of a task without."""
    if answer.moments is None:
        return None
    return tuple(
        Moment(
            round(ends[window][0] + float(scores.times_s[window, step]), 3),
            *answer.moments[window, step].tolist(),
        )
        for window, step in scores.mask.nonzero().tolist()
    )


def _by_label(labels: Sequence[str], values: Tensor) -> dict[str, float]:
    return {label: float(value) for label, value in zip(labels, values, strict=True)}


def _notes(
    clip: Clip,
    checkpoint: Checkpoint,
    spans: list[tuple[float, float]],
    samples: list[Sample],
    listener: "AudioListener",
) -> tuple[str, ...]:
    notes = clip_notes(clip) + listener.notes()
    notes += _input_notes(clip, checkpoint, samples)
    read_s = len(spans) * checkpoint.sample.window_s
    if len(spans) > 1 and read_s < 0.9 * clip.duration_s:
        notes.append(
            say(
                "The clip is long: of its {minutes:.1f} minutes, {count} windows of {window_s:g} s "
                "were read, evenly spread.",
                minutes=clip.duration_s / 60,
                count=len(spans),
                window_s=checkpoint.sample.window_s,
            )
        )
    return (*notes, *checkpoint.notes, checkpoint.data_warning)


def clip_notes(clip: Clip) -> list[str]:
    """Sentences on tracks that are missing or can't be used."""
    notes = _file_notes(clip)
    if not clip.has_audio:
        notes.append(say("The clip has no sound: the answer rests on the picture alone."))
    if not clip.has_video:
        notes.append(say("The clip has no picture: the answer rests on the sound alone."))
    return notes


def _file_notes(clip: Clip) -> list[str]:
    """Sentences on what of the file can't be used, whatever the answer."""
    if not clip.timestamps_reset:
        return list(clip.notes)
    return [
        *clip.notes,
        say(
            "The clip's time stamps jump back, as where recordings were joined: what follows was "
            "left out."
        ),
    ]


class AudioListener:
    """Reads the sound of a clip's windows, and knows what is to be said of it."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self.peak = 0.0
        self.lone_channel: int | None = None  # the first that was heard alone

    def __call__(self, rate: int, start_s: float, end_s: float) -> np.ndarray:
        """Mono sound, (S,) float32, as `clip.audio` reads it."""
        heard = self.clip.read_audio(rate, start_s, end_s)
        self.peak = max(self.peak, float(np.abs(heard.wave).max(initial=0.0)))
        if self.lone_channel is None:
            self.lone_channel = heard.lone_channel
        return heard.wave

    def notes(self, answered: bool = True) -> list[str]:
        """Sentences on sound that is silent, or whose channels cancel each other out.

        answered: whether there is an answer, which may rest on the picture alone.
        """
        if not self.clip.has_audio:
            return []
        if self.peak <= SILENCE:
            if not answered:
                return [say("The sound track is silent.")]
            return [say("The sound track is silent: the answer rests on the picture alone.")]
        if self.lone_channel is None:
            return []
        return [
            say(
                "The sound's {channels} channels cancel each other out when mixed: channel "
                "{channel} was heard alone.",
                channels=self.clip.channels,
                channel=self.lone_channel + 1,
            )
        ]


def _input_notes(clip: Clip, checkpoint: Checkpoint, samples: list[Sample]) -> list[str]:
    """What a model of faces or words did not get."""
    notes: list[str] = []
    searches = bool(checkpoint.sample.people) and clip.has_video
    if searches and not any(bool(sample.face_mask.any()) for sample in samples):
        notes.append(say("No face was found: the answer does not rest on faces."))
    if "text" in modalities(checkpoint) and not (clip.text or "").strip():
        notes.append(say("No transcript was given; this model also reads what is said."))
    return notes


@lru_cache(maxsize=4)
def _loaded(folder: Path) -> Checkpoint:
    return load_checkpoint(folder)


def load_cached(model: str | Path = DEFAULT_MODEL) -> Checkpoint:
    """A checkpoint by shipped name, checkpoint folder or run folder; loaded once."""
    return _loaded(find_checkpoint(model).resolve())


def predict(
    clip: str | Path | Clip,
    model: str | Path | Checkpoint = DEFAULT_MODEL,
    most_windows: int = MOST_WINDOWS,
    text: str | None = None,
) -> Prediction:
    """Load what is needed and predict. Raises ClipError or CheckpointError.

    model: a shipped name, a checkpoint folder, a run folder or a loaded checkpoint.
    text: what is said in the clip.
    """
    clip = clip if isinstance(clip, Clip) else load_clip(clip)
    clip = clip if text is None else replace(clip, text=text)
    checkpoint = model if isinstance(model, Checkpoint) else load_cached(model)
    return predict_clip(clip, checkpoint, most_windows)
