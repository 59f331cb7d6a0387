"""What differs between corpora: loss, scores and label names. The Trainer asks nothing else.

Siblings of one outline: `labels`; `fitted` (what training targets fix); `target` (of a label);
`loss`; `scores` of a whole split; `selection_score`, its one number called `main`; `calibrate` on
held-out sources, and `choice`, its result in words; `summary` of scores in one line.
"""

from collections.abc import Sequence
from dataclasses import asdict

from emo_core.tasks.calibration import UNCALIBRATED, Calibration
from emo_core.tasks.multi import MultiLabel
from emo_core.tasks.single import FrameLabel, SingleLabel
from emo_core.tasks.valence_arousal import ValenceArousal

__all__ = [
    "TASKS",
    "UNCALIBRATED",
    "Calibration",
    "FrameLabel",
    "MultiLabel",
    "SingleLabel",
    "Task",
    "ValenceArousal",
    "described",
    "from_description",
]

Task = SingleLabel | MultiLabel | ValenceArousal
TASKS = {"single_label": SingleLabel, "multi_label": MultiLabel, "valence_arousal": ValenceArousal}


def described(task: Task) -> dict:
    """A task but for its labels, for a config file; `from_description` reads it back."""
    names = {kind: name for name, kind in TASKS.items()}
    settings = {name: value for name, value in asdict(task).items() if name != "labels"}
    return {"name": names[type(task)], "settings": settings}


def from_description(found: dict, labels: Sequence[str]) -> Task:
    """The task that `described` wrote; raises KeyError or TypeError on anything else."""
    if not isinstance(labels, (list, tuple)) or not all(isinstance(name, str) for name in labels):
        raise TypeError(f"labels are {labels!r}, expected a list of names")
    settings = {"labels": labels, **found["settings"]}
    settings = {name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()}
    return TASKS[found["name"]](**settings)
