"""What a reader has answered: kept in `answers.json` beside the lessons, and nowhere else."""

import csv
import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "answers.json"
_memory: dict[str, Any] = {}


def _file() -> Path | None:
    """Where answers are kept; None in tests and stored runs, which belong to no reader."""
    ipython = sys.modules.get("IPython")
    stored = any(
        os.environ.get(f"EMO_LESSON_{n}", "0") not in ("", "0") for n in ("SMALL", "STILL")
    )
    if stored or not (ipython and ipython.get_ipython()):
        return None
    return FILE


def _read() -> dict[str, Any]:
    file = _file()
    if file is None:
        return _memory
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # not there yet, or damaged: begin anew
        return {}


def _write(kept: dict[str, Any]) -> None:
    file = _file()
    if file is None:
        return
    part = file.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    os.replace(part, file)


def reader() -> str:
    """Something of this reader's own, by which quizzes are shuffled; "" in stored runs."""
    if _file() is None:
        return ""
    kept = _read()
    if not kept.get("reader"):
        kept["reader"] = secrets.token_hex(4)
        _write(kept)
    return str(kept["reader"])


def note(name: str, right: bool | None = None, hint: bool = False, solution: bool = False) -> None:
    """Count an answer, a hint or a look at the solution."""
    kept = _read()
    one = kept.setdefault("exercises", {}).setdefault(
        name, {"answers": 0, "hints": 0, "solution": False, "right": False}
    )
    one["answers"] += right is not None
    one["hints"] += hint
    one["solution"] = one["solution"] or solution
    one["right"] = one["right"] or right is True
    _write(kept)


def rows(exercises: dict[str, Any]) -> list[dict[str, Any]]:
    """One row an exercise, in the order of the lessons."""
    kept = _read().get("exercises", {})
    empty = {"answers": 0, "hints": 0, "solution": False, "right": False}
    return [
        {"lesson": one.lesson, "exercise": name, **{k: kept.get(name, empty)[k] for k in empty}}
        for name, one in sorted(exercises.items(), key=lambda item: (item[1].lesson, item[0]))
    ]


def write_report(exercises: dict[str, Any], file: Path, name: str) -> list[dict[str, Any]]:
    """Write the rows as CSV under a reader's name; returns them."""
    found = rows(exercises)
    with file.open("w", newline="", encoding="utf-8") as out:
        table = csv.DictWriter(out, ["name", *found[0]])
        table.writeheader()
        table.writerows({"name": name, **row} for row in found)
    return found
