"""Frames -> people -> faces: boxes linked over time, turned upright, cut out as squares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from emo_core.faces.detection import EYES_APART, EYES_BELOW, face_detector

DETECTION_SIZE = 640  # pixels of the longer side at which frames are searched and faces are cut out
MATCH_IOU = 0.2  # intersection over union, at least, of one face in two frames that were looked at
MAX_MISSED_FRAMES = 4  # frames looked at that a person may be unseen and still be the same one
MARGIN = 0.1  # of the box's longer side, added on each side


@dataclass(frozen=True)
class Tracks:
    """People over time, the largest first."""

    boxes: np.ndarray  # (T, P, 4) float32 left, top, right, bottom as shares of the frame
    angles: np.ndarray  # (T, P) float32 radians clockwise by which the face leans
    mask: np.ndarray  # (T, P) bool, True where that face was found or followed
    eyes: np.ndarray | None = None  # (T, P, 4) x, y of the left eye, of the right; None = not known


Follow = Callable[[np.ndarray, np.ndarray], Tracks]  # frames (T, H, W, 3), times_s (T,)


def detection_size(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) at which frames of `size` are searched for faces."""
    scale = min(1.0, DETECTION_SIZE / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def track_faces(frames: np.ndarray, times_s: np.ndarray | None = None, every: int = 1) -> Tracks:
    """Tracks of all faces detected in frames in order of time, (T, H, W, 3) uint8 RGB.

    every: one frame in so many is searched, from the first on; a face that was found in two such
    frames is followed between them on straight lines.
    """
    detector = face_detector()
    found = link_detections([detector(frame) for frame in frames[::every]])
    return found if every == 1 else follow_between(found, len(frames), every)


def follow_between(found: Tracks, steps: int, every: int) -> Tracks:
    """Tracks of every `every`-th frame -> of all `steps` frames."""
    where = np.arange(steps) / every  # in frames that were searched
    before = where.astype(int)
    after = np.minimum(before + 1, len(found.mask) - 1)
    part = (where - before)[:, None]  # (T, 1)
    mask = found.mask[before] & ((part == 0) | found.mask[after])  # (T, P)
    share = np.where(mask, part, 0)[..., None].astype(np.float32)

    def between(values: np.ndarray) -> np.ndarray:
        return (values[before] * (1 - share) + values[after] * share) * mask[..., None]

    return Tracks(
        between(found.boxes),
        between(found.angles[..., None])[..., 0],
        mask,
        None if found.eyes is None else between(found.eyes),
    )


def link_detections(found: Sequence[np.ndarray]) -> Tracks:
    """Detections of each frame, (N, 5) each or (N, 9) with the eyes, -> people: the best overlap
    first, one face each.
    """
    people = [
        {step: found[step][row] for step, row in person.items()} for person in link_people(found)
    ]
    return _tracks(people, len(found))


def link_people(found: Sequence[np.ndarray]) -> list[dict[int, int]]:
    """Boxes of each frame, (N, 4) and more each, -> people as they appear: frame -> row in it."""
    people: list[dict[int, int]] = []
    for step, rows in enumerate(found):
        near = [person for person in people if step - max(person) <= MAX_MISSED_FRAMES]
        left = set(range(len(rows)))
        last = [found[max(person)][person[max(person)]] for person in near]
        for person, row in _pairs(last, rows):
            near[person][step] = row
            left.remove(row)
        people += [{step: row} for row in sorted(left)]
    return people


def _pairs(last: Sequence[np.ndarray], rows: np.ndarray) -> list[tuple[int, int]]:
    """Greedy matching of last known boxes and new ones by overlap."""
    if not len(last) or not len(rows):
        return []
    overlap = overlaps(np.array(last)[:, :4], np.asarray(rows)[:, :4])
    chosen: list[tuple[int, int]] = []
    for flat in np.argsort(-overlap, axis=None, kind="stable"):
        person, row = divmod(int(flat), overlap.shape[1])
        if overlap[person, row] < MATCH_IOU:
            break
        if all(person != p and row != r for p, r in chosen):
            chosen.append((person, row))
    return chosen


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of every pair of boxes: (N, 4), (M, 4) -> (N, M)."""
    a, b = a[:, None], b[None]
    inside = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    both = inside.clip(0).prod(-1)
    one, other = ((boxes[..., 2:] - boxes[..., :2]).prod(-1) for boxes in (a, b))
    return both / np.maximum(one + other - both, 1e-9)


def _tracks(people: Sequence[dict[int, np.ndarray]], steps: int) -> Tracks:
    columns = max([len(row) for person in people for row in person.values()], default=9)
    rows = np.zeros((steps, len(people), columns), np.float32)
    mask = np.zeros((steps, len(people)), bool)
    for number, person in enumerate(people):
        for step, row in person.items():
            rows[step, number], mask[step, number] = row, True
    return Tracks(rows[..., :4], rows[..., 4], mask, rows[..., 5:] if columns > 5 else None)


def largest(tracks: Tracks, people: int) -> Tracks:
    """The `people` tracks of largest summed area, largest first; missing ones are masked zeros."""
    area = (tracks.boxes[..., 2:] - tracks.boxes[..., :2]).prod(-1) * tracks.mask  # (T, N)
    kept = np.argsort(-area.sum(0), kind="stable")[:people]
    empty = people - len(kept)
    return Tracks(
        np.pad(tracks.boxes[:, kept], ((0, 0), (0, empty), (0, 0))),
        np.pad(tracks.angles[:, kept], ((0, 0), (0, empty))),
        np.pad(tracks.mask[:, kept], ((0, 0), (0, empty))),
        None if tracks.eyes is None else np.pad(tracks.eyes[:, kept], ((0, 0), (0, empty), (0, 0))),
    )


def eyes_of(tracks: Tracks, size: tuple[int, int]) -> np.ndarray:
    """Both eyes (T, P, 4) in shares of a frame of `size`, (width, height).

    Where the detector did not say, they are where YuNet has them in such a box, turned as it leans.
    """
    if tracks.eyes is not None:
        return tracks.eyes
    first, last = tracks.boxes[..., :2] * size, tracks.boxes[..., 2:] * size
    across, along = last - first, tracks.angles
    turned = np.stack([np.cos(along), np.sin(along)], axis=-1)  # the line of the eyes
    below = np.stack([-turned[..., 1], turned[..., 0]], axis=-1)
    middle = (first + last) / 2 + EYES_BELOW * across[..., 1:] * below
    half = EYES_APART / 2 * across[..., :1] * turned
    eyes = np.concatenate([(middle - half) / size, (middle + half) / size], axis=-1)
    return eyes.astype(np.float32)


def crop_faces(frames: np.ndarray, tracks: Tracks, size: int) -> np.ndarray:
    """Faces upright in squares of `size` pixels, (T, P, size, size, 3); black without a face."""
    steps, people = tracks.mask.shape
    faces = np.zeros((steps, people, size, size, 3), np.uint8)
    for step, person in np.argwhere(tracks.mask):
        box, angle = tracks.boxes[step, person], tracks.angles[step, person]
        faces[step, person] = _face(frames[step], box, float(angle), size)
    return faces


def _face(frame: np.ndarray, box: np.ndarray, angle: float, size: int) -> np.ndarray:
    """The square around a box, turned about its centre until the face is upright.

    What lies beyond the frame is black.
    """
    height, width = frame.shape[:2]
    left, top, right, bottom = box * (width, height, width, height)
    side = max(2, round((1 + 2 * MARGIN) * max(right - left, bottom - top)))
    corner = np.round([(left + right - side) / 2, (top + bottom - side) / 2])
    turn = cv2.getRotationMatrix2D(tuple(corner + (side - 1) / 2), np.degrees(angle), 1.0)
    turn[:, 2] -= corner
    square = cv2.warpAffine(frame, turn, (side, side))
    return cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA)
