"""Our solution of every exercise by name: `solutions.frame_on_display`. Try first."""

from importlib import import_module
from typing import Any

from exercises import EXERCISES


def __getattr__(name: str) -> Any:
    if name not in EXERCISES:
        raise AttributeError(f"no exercise is called {name}; dir(solutions) lists them.")
    return getattr(import_module(f"exercises.solution_{EXERCISES[name].lesson}"), name)


def __dir__() -> list[str]:
    return sorted(EXERCISES)
