"""One clip explained into a folder: attribution.npz, report.html, overlay.mp4."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from emo_core.attribution.counterfactuals import (
    WhatIf,
    describe_shift,
    drop,
    freeze,
    hide_faces,
    mute,
    shift_sound,
    what_if,
)
from emo_core.attribution.explain import choose_subject, explain, modality_share
from emo_core.attribution.face_regions import FaceRegions, find_faces
from emo_core.attribution.forward_function import PassBudget, Progress
from emo_core.attribution.rollout import picture_to_sound
from emo_core.attribution.sanity_checks import run_checks
from emo_core.attribution.types import Attribution, ExplainRequest
from emo_core.checkpoint import Checkpoint
from emo_core.clip import Clip
from emo_core.inference.people import people_values
from emo_core.inference.prediction import Prediction
from emo_core.io.atomic import atomic_path
from emo_core.messages import ENGLISH, say
from emo_core.preprocess.sample import Sample
from emo_core.viz.overlay import write_overlay
from emo_core.viz.report import Explanation, write_report

SHIFT = 3  # frames of the model's own


def build_explanation(
    checkpoint: Checkpoint,
    clip: Clip,
    prediction: Prediction,
    request: ExplainRequest,
    progress: Callable[[str], Progress],
) -> Explanation:
    """Explain one window of a clip's prediction: map, checks, shares and what-ifs.

    progress: gives the callback of "map" and of "checks". Raises AttributionError.
    """
    label, window = choose_subject(checkpoint, prediction, request)
    request = replace(request, target=label, window=window)
    sample = prediction.samples[window]
    found = explain(checkpoint, prediction, request, progress("map"))
    faces = find_faces(clip, sample, checkpoint.sample)
    trust = None
    if request.checks:
        trust = run_checks(checkpoint, sample, found, request, faces, progress("checks"))
    return Explanation(
        checkpoint=checkpoint,
        prediction=prediction,
        sample=sample,
        attribution=found,
        share=modality_share(checkpoint, sample, found.target),
        matrix=picture_to_sound(checkpoint, sample),
        trust=trust,
        changes=counterfactuals(checkpoint, sample, faces),
    )


def counterfactuals(
    checkpoint: Checkpoint,
    sample: Sample,
    faces: FaceRegions | None,
    progress: Progress | None = None,
) -> tuple[WhatIf, ...]:
    """The what-ifs that the window allows; those of a missing modality are left out.

    progress: called after each with (done, in all); Cancelled is raised where it returns False.
    """
    asked = _changes_of(checkpoint, sample, faces)
    meter = PassBudget(len(asked), progress)
    made = []
    for words, to in asked:
        made.append(what_if(checkpoint, sample, words, to))
        meter.count(1)
    return tuple(made)


def _changes_of(
    checkpoint: Checkpoint, sample: Sample, faces: FaceRegions | None
) -> list[tuple[str, Callable[[Sample], Sample]]]:
    """What can be changed in a window: in words, and the change."""
    mel, middle = checkpoint.sample.mel, int(sample.video_mask.sum()) // 2
    hears, sees = bool(sample.mel_mask.any()), bool(sample.video_mask.any())
    asked = [
        (say("sound muted"), hears, partial(mute, config=mel)),
        (
            describe_shift(sample, SHIFT),
            hears and sees,
            partial(shift_sound, frames=SHIFT, config=mel),
        ),
        (
            describe_shift(sample, -SHIFT),
            hears and sees,
            partial(shift_sound, frames=-SHIFT, config=mel),
        ),
        (say("picture frozen on the middle frame"), sees, partial(freeze, frame=middle)),
        (
            say("faces covered in grey"),
            sees and (faces is not None or bool(sample.face_mask.any())),
            partial(hide_faces, faces=faces),
        ),
        (say("without the picture"), sees, partial(drop, name="picture")),
        (say("without the sound"), hears, partial(drop, name="sound")),
        (say("without the words"), bool(sample.token_mask.any()), partial(drop, name="words")),
    ]
    return [(words, to) for words, can, to in asked if can]


def write_explanation(
    out: Path, clip: Clip, explanation: Explanation, language: str = ENGLISH
) -> list[str]:
    """Write all files or none; return their names. A clip without a picture gets no film.

    language: of the words in report and film.
    """
    out.mkdir(parents=True, exist_ok=True)
    names = ["attribution.npz", "report.html", *(["overlay.mp4"] if clip.has_video else [])]
    with ExitStack() as whole:
        arrays, report, *film = [whole.enter_context(atomic_path(out / name)) for name in names]
        save(arrays, explanation.attribution)
        write_report(report, explanation, language)
        for part in film:
            config = explanation.checkpoint.sample
            write_overlay(part, clip, explanation.attribution, config, language)
    return names


def save(path: Path, found: Attribution) -> None:
    """Maps and times under their names, and what they are about."""
    about = {
        "method": found.method,
        "preset": found.preset,
        "model": found.model,
        "target": found.target.label,
        "baseline": found.baseline,
        "score": found.score,
        "span_s": found.span,
        "forward_passes": found.forward_passes,
    }
    optional = {"at_s": found.target.at_s, "baseline_score": found.baseline_score, "gap": found.gap}
    about |= {name: value for name, value in optional.items() if value is not None}
    arrays = {f"map_{name}": values.numpy() for name, values in found.maps.items()}
    arrays |= {f"times_s_{name}": values.numpy() for name, values in found.times_s.items()}
    with atomic_path(path) as part, part.open("wb") as file:
        contents: dict[str, Any] = {**arrays, **about}
        np.savez_compressed(file, **contents)


def explanation_summary(clip: str, explanation: Explanation, files: list[str]) -> dict[str, object]:
    """The answer of `emo explain --json`."""
    attribution, trust = explanation.attribution, explanation.trust
    people = people_values(
        explanation.checkpoint,
        explanation.prediction,
        attribution.span.start_s,
        attribution.people,
    )
    return {
        "schema_version": 1,
        "clip": clip,
        "model": attribution.model,
        "method": attribution.method,
        "preset": attribution.preset,
        "target": attribution.target.label,
        "at_s": attribution.target.at_s,
        "window": {"start_s": attribution.span.start_s, "end_s": attribution.span.end_s},
        "baseline": attribution.baseline,
        "score": attribution.score,
        "completeness_gap": attribution.gap,
        "modality_share": explanation.share,
        "people": {str(number): value for number, value in people.items()},
        "forward_passes": attribution.forward_passes,
        "seconds": round(attribution.seconds, 3),
        "verdict": trust.verdict if trust else None,
        "trust": None
        if trust is None
        else {
            "random_weights": trust.twin,
            "other_label": trust.contrast,
            "other_seed": trust.seed,
            "deletion_gain": trust.curves.deletion_gain,
            "insertion_gain": trust.curves.insertion_gain,
            "on_faces": trust.on_faces,
            "forward_passes": trust.forward_passes,
        },
        "what_if": [vars(change) for change in explanation.changes],
        "files": files,
    }
