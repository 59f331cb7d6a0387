"""check.NAME(answer) judges an exercise of the course: `check.frame_on_display(my_function)`.

It explains a mistake and never raises. `check.NAME.hint()` helps, `check.NAME.solution()` tells;
`check.use(my_function)` gives it back if it is right, else ours; `check.report()` lists answers.
"""

import difflib
from pathlib import Path
from typing import Any

import solutions
from exercises import EXERCISES, progress
from exercises.grading import Exercise, Verdict


def use(answer: Any) -> Any:
    """The reader's own function or class where its check says right, else our solution."""
    name = getattr(answer, "__name__", None)
    if name not in EXERCISES:
        raise AttributeError(
            f"no exercise is called {name}; check.use takes what an exercise asked for"
        )
    if EXERCISES[name]._judged(answer).right:
        return answer
    return getattr(solutions, name)


def report(name: str = "", folder: str | Path = ".") -> Verdict:
    """Writes what you have answered into a table, report-NAME.csv, that a teacher can collect."""
    file = Path(folder) / f"report{'-' if name else ''}{name.strip().replace('/', '-')}.csv"
    found = progress.write_report(EXERCISES, file, name)
    right = sum(row["right"] for row in found)
    return Verdict(None, f"{right} of {len(found)} exercises are right; the table is in {file}.")


def __getattr__(name: str) -> Exercise:
    if name in EXERCISES:
        return EXERCISES[name]
    near = difflib.get_close_matches(name, EXERCISES, 1)
    hint = f"; did you mean check.{near[0]}?" if near else "; dir(check) lists them."
    raise AttributeError(f"no exercise is called {name}{hint}")


def __dir__() -> list[str]:
    return sorted(EXERCISES)
