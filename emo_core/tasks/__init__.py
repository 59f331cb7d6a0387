"""What differs between corpora: loss, answer, scores and label names; siblings of one `Task`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, cast

from emo_core.tasks.calibration import UNCALIBRATED, Calibration
from emo_core.tasks.interface import Answer, Task, WindowLogits, mean_over
from emo_core.tasks.multi import MultiLabel
from emo_core.tasks.single import FrameLabel, SingleLabel
from emo_core.tasks.valence_arousal import ValenceArousal

__all__ = [
    "TASKS",
    "UNCALIBRATED",
    "Answer",
    "Calibration",
    "FrameLabel",
    "MultiLabel",
    "SingleLabel",
    "Task",
    "ValenceArousal",
    "WindowLogits",
    "described",
    "from_description",
    "mean_over",
]

# name in a checkpoint's config.json -> class
TASKS: dict[str, type[Any]] = {
    "single_label": SingleLabel,
    "multi_label": MultiLabel,
    "valence_arousal": ValenceArousal,
}


def described(task: Task) -> dict:
    """A task but for its labels, for a config file; `from_description` reads it back."""
    names = {kind: name for name, kind in TASKS.items()}
    stored = asdict(cast("Any", task))  # every task is a dataclass
    settings = {name: value for name, value in stored.items() if name != "labels"}
    return {"name": names[type(task)], "settings": settings}


def from_description(found: dict, labels: Sequence[str]) -> Task:
    """The task that `described` wrote; raises KeyError or TypeError on anything else."""
    if not isinstance(labels, (list, tuple)) or not all(isinstance(name, str) for name in labels):
        raise TypeError(f"labels are {labels!r}, expected a list of names")
    settings = {"labels": labels, **found["settings"]}
    settings = {name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()}
    return TASKS[found["name"]](**settings)
