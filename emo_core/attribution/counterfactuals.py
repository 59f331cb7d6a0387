"""What would the model say if? One change to what it saw, the new answer beside the old one."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional

from emo_core.attribution.face_regions import FaceRegions, refind_faces
from emo_core.attribution.types import AttributionError
from emo_core.checkpoint import Checkpoint
from emo_core.inference.modality_shapley import ScoredWindows, score_windows
from emo_core.messages import say
from emo_core.preprocess.batch import collate
from emo_core.preprocess.log_mel import MelConfig
from emo_core.preprocess.sample import Sample
from emo_core.tasks import WindowLogits, mean_over

GREY = 128  # of 255
MODALITY_OF = {"picture": "video", "sound": "audio", "words": "text"}


@dataclass(frozen=True)
class WhatIf:
    """An answer before and after one change: probabilities by label, or valence and arousal."""

    change: str  # in words
    before: dict[str, float]
    after: dict[str, float]
    faces: str = ""  # of a model that takes faces from the frames: found again or held, in words
    scores: dict[str, list[float]] = field(default_factory=dict)  # by label: before, after


def what_if(
    checkpoint: Checkpoint, sample: Sample, change: str, to: Callable[[Sample], Sample]
) -> WhatIf:
    """The answers to a window and to the window changed by `to`; `change` names the change."""
    changed = to(sample)
    faces = ""
    if sample.face_eyes is not None and bool(sample.face_mask.any()):
        changed, faces = _with_its_faces(sample, changed)
    scored = score_windows(checkpoint, [sample, changed])
    (before, after), scores = _answers(checkpoint, scored), _scores(checkpoint, scored)
    both = {label: [row[label] for row in scores] for label in checkpoint.labels}
    return WhatIf(change, before, after, faces, both)


def _with_its_faces(sample: Sample, changed: Sample) -> tuple[Sample, str]:
    """A changed window with faces looked for again where its frames differ; and that in words."""
    if not bool(changed.video_mask.any()) or torch.equal(sample.video, changed.video):
        return changed, say("faces kept where they were")
    changed = refind_faces(changed)
    before, after = (int(s.face_mask.sum()) for s in (sample, changed))
    return changed, say(
        "faces found again: {after} over all frames, {before} before", after=after, before=before
    )


def answers(checkpoint: Checkpoint, samples: list[Sample]) -> list[dict[str, float]]:
    """The model's answer to each window, by label."""
    return _answers(checkpoint, score_windows(checkpoint, samples))


def label_scores(checkpoint: Checkpoint, samples: list[Sample]) -> list[dict[str, float]]:
    """The score (logit) of each label in each window; of valence and arousal their mean."""
    return _scores(checkpoint, score_windows(checkpoint, samples))


def _answers(checkpoint: Checkpoint, scored: ScoredWindows) -> list[dict[str, float]]:
    found = WindowLogits.of_equal_windows(scored.logits, scored.mask)
    return _by_label(checkpoint, checkpoint.task.answer(found, checkpoint.calibration).windows)


def _scores(checkpoint: Checkpoint, scored: ScoredWindows) -> list[dict[str, float]]:
    moments = scored.logits.ndim == 3
    rows = mean_over(scored.logits, scored.mask) if moments else scored.logits
    return _by_label(checkpoint, rows)


def _by_label(checkpoint: Checkpoint, rows: Tensor) -> list[dict[str, float]]:
    """(n, C) -> one dict a window."""
    return [dict(zip(checkpoint.labels, row.tolist(), strict=True)) for row in rows]


def mute(sample: Sample, config: MelConfig) -> Sample:
    """The sound track is there, and silent."""
    wave = None if sample.wave is None else torch.zeros_like(sample.wave)
    return replace(sample, mel=torch.full_like(sample.mel, _silence(config)), wave=wave)


def swap_sound(sample: Sample, other: Sample) -> Sample:
    """The same picture with another window's sound. Raises AttributionError where it has none."""
    if not bool(other.mel_mask.any()) or other.mel.shape != sample.mel.shape:
        raise AttributionError(
            "the other clip has no sound of this model's settings; choose a clip with sound."
        )
    return replace(sample, mel=other.mel, mel_mask=other.mel_mask, wave=other.wave)


def freeze(sample: Sample, frame: int) -> Sample:
    """One frame, and one set of faces, shown all the time."""
    steps = len(sample.video)
    if not 0 <= frame < steps or not bool(sample.video_mask[frame]):
        count = int(sample.video_mask.sum())
        raise AttributionError(
            "there is no frame {frame}; expected one of {count} from 0 on.",
            frame=frame,
            count=count,
        )
    return replace(
        sample,
        video=sample.video[frame : frame + 1].expand_as(sample.video),
        faces=sample.faces[frame : frame + 1].expand_as(sample.faces),
        face_eyes=_frozen_eyes(sample, frame),
        face_mask=sample.face_mask[frame : frame + 1] & sample.video_mask.unsqueeze(-1),
    )


def _frozen_eyes(sample: Sample, frame: int) -> Tensor | None:
    eyes = sample.face_eyes
    return None if eyes is None else eyes[frame : frame + 1].expand_as(eyes)


def hide_faces(sample: Sample, faces: FaceRegions | None, blur: bool = False) -> Sample:
    """Faces grey, or blurred beyond reading: in the frames where they are, and cut out ones."""
    if faces is None and not bool(sample.face_mask.any()):
        raise AttributionError("no face was found in this window, so there is none to hide.")
    video = sample.video
    if faces is not None:
        inside = faces.area(*video.shape[-2:]).unsqueeze(1)
        video = torch.where(inside, _blurred(video) if blur else GREY, video).to(video.dtype)
    crops = sample.faces
    if crops.numel():
        hidden = (
            _blurred(crops.flatten(0, 1)).view_as(crops) if blur else torch.full_like(crops, GREY)
        )
        crops = torch.where(sample.face_mask[..., None, None, None], hidden, crops)
    return replace(sample, video=video, faces=crops)


def shift_sound(sample: Sample, frames: int, config: MelConfig) -> Sample:
    """The sound `frames` of the model's own frames later (earlier if negative).

    What leaves the window is lost; where nothing is left to hear is marked as missing.
    """
    by_s = shift_s(sample, frames)
    steps = round(by_s * config.rate / config.hop)
    mel, mask = sample.mel.roll(steps, 0), sample.mel_mask.roll(steps, 0).clone()
    new = slice(0, steps) if steps >= 0 else slice(steps, None)
    mel[new], mask[new] = _silence(config), False
    wave = sample.wave
    if wave is not None:
        wave = wave.roll(steps * config.hop, 0) * mask.repeat_interleave(config.hop)
    return replace(sample, mel=mel, mel_mask=mask, wave=wave)


def shift_s(sample: Sample, frames: int) -> float:
    """How many seconds a shift by frames of the model is; 0 where there is one frame."""
    return frames * float(sample.video_times_s.diff().mean()) if len(sample.video) > 1 else 0.0


def describe_shift(sample: Sample, frames: int) -> str:
    """A shift of the sound in words."""
    seconds = shift_s(sample, frames)
    if not seconds:
        return say("sound where it was")
    if seconds > 0:
        return say("sound {seconds:.1f} s later", seconds=seconds)
    return say("sound {seconds:.1f} s earlier", seconds=-seconds)


def drop(sample: Sample, name: str) -> Sample:
    """Without the "picture", the "sound" or the "words": marked as missing."""
    if name not in MODALITY_OF:
        raise AttributionError(
            "{name!r} is not one of {modality_of}.", name=name, modality_of=", ".join(MODALITY_OF)
        )
    part = collate([sample]).without(MODALITY_OF[name])
    masks = ("video_mask", "face_mask", "mel_mask", "token_mask")
    return replace(sample, **{mask: getattr(part, mask)[0] for mask in masks})


def _silence(config: MelConfig) -> float:
    return float(torch.tensor(config.floor).log())


def _blurred(pictures: Tensor) -> Tensor:
    """(n, 3, h, w) uint8 as if seen from afar: an eighth of the size."""
    small = functional.interpolate(pictures.float(), scale_factor=1 / 8, mode="area")
    return functional.interpolate(
        small, pictures.shape[-2:], mode="bilinear", align_corners=False
    ).to(pictures.dtype)
