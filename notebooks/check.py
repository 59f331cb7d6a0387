"""check.NAME(answer) judges an exercise of the course: `check.frame_on_display(my_function)`.

It explains a mistake and never raises. `check.NAME.hint()` helps, `check.NAME.solution()` tells.
"""

import difflib

from exercises import EXERCISES
from exercises.grading import Exercise


def __getattr__(name: str) -> Exercise:
    if name in EXERCISES:
        return EXERCISES[name]
    near = difflib.get_close_matches(name, EXERCISES, 1)
    hint = f"; did you mean check.{near[0]}?" if near else "; dir(check) lists them."
    raise AttributeError(f"no exercise is called {name}{hint}")


def __dir__() -> list[str]:
    return sorted(EXERCISES)
