"""Whose face is whose: people of a model's window, and their numbers over the whole clip."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from emo_core.checkpoint import Checkpoint
from emo_core.inference.prediction import Prediction
from emo_core.inference.presence import FoundFaces
from emo_core.preprocess.sample import Sample, to_picture_points

NEAR_S = 1e-3  # two times of one frame


def people_values(
    checkpoint: Checkpoint, prediction: Prediction, start_s: float, found: Tensor | None
) -> dict[int, float]:
    """What each person's faces add to a score, by their number in `FoundFaces.people`.

    found: (P,) of the window that starts there, or None where nothing tells people apart: {}.
    """
    if found is None:
        return {}
    sample = next(it for it in prediction.samples if it.start_s == start_s)
    values: defaultdict[int, float] = defaultdict(float)
    numbers = people_numbers(checkpoint, prediction, sample)
    for person, number in numbers.items():
        values[number] += float(found[person])
    return dict(values)


def people_numbers(
    checkpoint: Checkpoint, prediction: Prediction, sample: Sample
) -> dict[int, int]:
    """The people of a window, by their place in its sample -> their numbers in the clip.

    For samples whose faces are found by the eyes.
    """
    assert sample.face_eyes is not None
    media, frames = prediction.media, prediction.presence.frames
    times_s = (sample.start_s + sample.video_times_s.double()).tolist()
    size = (media.width or 1, media.height or 1)
    eyes = to_picture_points(sample.face_eyes.numpy(), size, checkpoint.sample)  # (T, P, 4)
    votes: dict[int, Counter[int]] = {}
    for step, person in sample.face_mask.nonzero().tolist():
        frame = _frame_at(frames, times_s[step])
        if frame is not None and frame.boxes:
            middle = (eyes[step, person, :2] + eyes[step, person, 2:]) / 2
            votes.setdefault(person, Counter())[_whose(frame, middle)] += 1
    return {person: counted.most_common(1)[0][0] for person, counted in votes.items()}


def _frame_at(frames: Sequence[FoundFaces], time_s: float) -> FoundFaces | None:
    """The frame of that time, if it was searched."""
    nearest = min(frames, key=lambda frame: abs(frame.time_s - time_s), default=None)
    return nearest if nearest and abs(nearest.time_s - time_s) <= NEAR_S else None


def _whose(frame: FoundFaces, point: np.ndarray) -> int:
    """The number of the person in the middle of whose box a point is most."""
    boxes = np.array(frame.boxes)
    size = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-4)
    apart = ((boxes[:, :2] + boxes[:, 2:]) / 2 - point) / size
    return frame.people[int(np.square(apart).sum(1).argmin())]
