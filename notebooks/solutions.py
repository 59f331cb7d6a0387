"""Our solution of every exercise by name: `solutions.frame_on_display`. Try first."""

from importlib import import_module
from typing import Any

from exercises import EXERCISES
from exercises.grading import Quiz


def __getattr__(name: str) -> Any:
    if name not in EXERCISES:
        raise AttributeError(f"no exercise is called {name}; dir(solutions) lists them.")
    exercise = EXERCISES[name]
    if isinstance(exercise, Quiz):
        return exercise.correct[0]
    own = import_module(f"exercises.solution_{exercise.lesson}")
    return getattr(own if hasattr(own, name) else import_module("exercises.mymodel"), name)


def __dir__() -> list[str]:
    return sorted(EXERCISES)
