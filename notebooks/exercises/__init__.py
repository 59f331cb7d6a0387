"""The exercises of all lessons by name: `lesson_NN.py` judges answers, `solution_NN.py` solves."""

from importlib import import_module
from pathlib import Path

from exercises.grading import EXERCISES

__all__ = ["EXERCISES"]

for _path in sorted(Path(__file__).parent.glob("lesson_*.py")):
    import_module(f"exercises.{_path.stem}")
