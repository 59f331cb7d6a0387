"""What differs between corpora: loss, answer, scores and label names; siblings of one `Task`."""

from typing import Any

from emo_core.tasks.interface import (
    UNCALIBRATED,
    Answer,
    Calibration,
    Judged,
    Task,
    WindowLogits,
    mean_over,
)
from emo_core.tasks.multi import MultiLabel
from emo_core.tasks.single import FrameLabel, SingleLabel
from emo_core.tasks.valence_arousal import ValenceArousal

__all__ = [
    "TASKS",
    "UNCALIBRATED",
    "Answer",
    "Calibration",
    "FrameLabel",
    "Judged",
    "MultiLabel",
    "SingleLabel",
    "Task",
    "ValenceArousal",
    "WindowLogits",
    "mean_over",
]

TASKS: dict[str, type[Any]] = {
    task.name: task for task in (SingleLabel, MultiLabel, ValenceArousal)
}
