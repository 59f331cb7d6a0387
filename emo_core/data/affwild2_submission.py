"""Submission file of the Aff-Wild2 challenge: a row per frame of every test video.

Source: docs/papers/jmt.md#evaluation.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from emo_core.data.corpus import CorpusError, name_list, read_text
from emo_core.io.atomic import atomic_path

HEADER = "image_location,valence,arousal"
ROW = re.compile(r"([^,/]+)/(\d{5,})\.jpg,(-?\d\.\d{5}),(-?\d\.\d{5})$")


def write_predictions(path: Path, predictions: Mapping[str, np.ndarray]) -> None:
    """Writes {video: (n, 2) valence and arousal of frames 1 to n} as one flat file.

    Values are clipped to [-1, 1]. Raises CorpusError where one is not a number.
    """
    lines = [HEADER]
    for video, values in predictions.items():
        if not np.isfinite(values).all():
            raise CorpusError(f"{video}: a frame has no prediction; expected one for every frame.")
        for number, (valence, arousal) in enumerate(np.clip(values, -1, 1), start=1):
            lines.append(f"{video}/{number:05d}.jpg,{valence:.5f},{arousal:.5f}")
    with atomic_path(path) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")


def check_predictions(path: Path, frames: Mapping[str, int]) -> list[str]:
    """What is wrong with a predictions file; frames: how many each test video has."""
    lines = read_text(path, "where the predictions were written").splitlines()
    if not lines or lines[0] != HEADER:
        return [f"{path.name} starts with {(lines or [''])[0][:40]!r}; expected {HEADER!r}."]
    problems = []
    seen: dict[str, set[int]] = {video: set() for video in frames}
    for number, line in enumerate(lines[1:], start=2):
        problem = _read_row(line, seen)
        if problem:
            problems.append(f"line {number}: {problem}")
    for video, count in frames.items():
        for wrong, what in (
            (set(range(1, count + 1)) - seen[video], "have no prediction"),
            (seen[video] - set(range(1, count + 1)), "don't exist"),
        ):
            if wrong:
                names = name_list([f"{number:05d}" for number in sorted(wrong)])
                problems.append(f"{video}: {len(wrong)} frames {what}: {names}.")
    return problems


def _read_row(line: str, seen: dict[str, set[int]]) -> str | None:
    found = ROW.match(line)
    if found is None or not all(math.fabs(float(found[i])) <= 1 for i in (3, 4)):
        return (
            f"found {line[:40]!r}, expected <video>/00001.jpg and two numbers from -1 to 1 with "
            "five decimals."
        )
    if found[1] not in seen:
        return f"{found[1]} is no test video."
    if int(found[2]) in seen[found[1]]:
        return f"{found[1]}/{found[2]}.jpg is predicted twice."
    seen[found[1]].add(int(found[2]))
    return None
