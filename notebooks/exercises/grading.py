"""What judges an answer: never raises, explains the mistake, and has hints and a solution."""

import ast
import html
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

EXERCISES: dict[str, "Exercise"] = {}
COLOURS = {True: "#009E73", False: "#D55E00", None: "#7a828a"}
WORDS = {True: "Right.", False: "Not yet.", None: "Open."}


class Mistake(Exception):
    """What is wrong with an answer, in one or two sentences."""


class Unanswered(Exception):
    """The stub stands as it was."""


@dataclass(frozen=True)
class Verdict:
    """What a notebook shows below an exercise."""

    right: bool | None  # None = not answered yet
    text: str

    def __repr__(self) -> str:
        return f"{WORDS[self.right]} {self.text}"

    def _repr_html_(self) -> str:
        style = f"border-left:4px solid {COLOURS[self.right]};padding:.3em .8em;max-width:46em"
        text = html.escape(self.text).replace("\n", "<br>")
        return f'<div style="{style}"><b>{WORDS[self.right]}</b> {text}</div>'


class Exercise:
    """One exercise: call it with an answer; `.hint()` and `.solution()` help."""

    def __init__(self, judge: Callable[[Any], None], expects: str, right: str, hints: tuple):
        self.judge, self.expects, self.right, self.hints = judge, expects, right, hints
        self.name, self.lesson = judge.__name__, judge.__module__.rsplit("_", 1)[-1]
        self._told = 0
        if self.name in EXERCISES:
            raise ValueError(f"two exercises are called {self.name}; give one another name")
        EXERCISES[self.name] = self

    def __call__(self, answer: Any = ...) -> Verdict:
        """Judges an answer; whatever it is, says something and does not raise."""
        try:
            if answer is ... or answer is None:
                raise Unanswered
            self.judge(answer)
        except Unanswered:
            return Verdict(
                None,
                f"Replace the dots by your answer ({self.expects}) and run the cell again. "
                f"Stuck? check.{self.name}.hint()",
            )
        except Mistake as mistake:
            return Verdict(False, f"{mistake} Stuck? check.{self.name}.hint()")
        except (Exception, SystemExit):
            return Verdict(False, f"Expected {self.expects}; got {kind_of(answer)}.")
        return Verdict(True, self.right)

    def hint(self) -> Verdict:
        """The next hint, from the gentlest on."""
        hint = self.hints[self._told % len(self.hints)]
        self._told += 1
        more = len(self.hints) - self._told
        rest = "Another call gives the next." if more > 0 else f"Or: check.{self.name}.solution()"
        return Verdict(None, f"{hint} {rest}")

    def solution(self) -> Verdict:
        """The source of our solution, from `solutions.py`."""
        return Verdict(None, "\n" + solution_source(self))

    def __repr__(self) -> str:
        return f"check.{self.name}(answer): expects {self.expects}"


def exercise(expects: str, right: str, *hints: str) -> Callable[[Callable], Exercise]:
    """Makes an exercise of a function that raises Mistake where an answer is wrong.

    expects: what an answer is, for the reader. right: what is said of a right one, and why it
    matters. hints: from the gentlest to nearly the solution, at least one.
    """
    if not hints:
        raise ValueError("an exercise needs at least one hint")
    return lambda judge: Exercise(judge, expects, right, hints)


class Quiz(Exercise):
    """A question with options; whatever is chosen is explained, and in the end every option."""

    def __init__(self, name: str, right: str, hint: str, **options: str):
        def judge(answer: Any) -> None:
            chosen = str(answer).strip().lower() if isinstance(answer, str) else ""
            if chosen not in options:
                raise ValueError
            if chosen != right:
                raise Mistake(f"({chosen}) {options[chosen]}")

        judge.__name__, judge.__module__ = name, inspect.stack()[1].frame.f_globals["__name__"]
        letters = " or ".join(f'"{letter}"' for letter in options)
        others = [f"({o}) {text}" for o, text in options.items() if o != right]
        praise = "\n".join([f"({right}) {options[right]}", *others])
        super().__init__(judge, f"one letter, {letters}", praise, (hint,))
        self.options = options


def solution_source(of: Exercise) -> str:
    """The lines of the solution module that define an exercise's solution."""
    module = import_module(f"exercises.solution_{of.lesson}")
    text = Path(module.__file__).read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        targets = [t.id for t in getattr(node, "targets", ()) if isinstance(t, ast.Name)]
        if of.name in (getattr(node, "name", ""), *targets):
            return ast.get_source_segment(text, node)
    raise KeyError(f"solution_{of.lesson}.py has no {of.name}")


def kind_of(answer: Any) -> str:
    """An answer's type, and its shape where it has one, in words."""
    name = type(answer).__name__
    article = "an" if name[0].lower() in "aeiou" else "a"
    shape = answer.shape if hasattr(type(answer), "shape") else None
    return f"{article} {name}" + (f" of shape {tuple(shape)}" if shape else "")


def number(answer: Any) -> float:
    """A plain number, or Mistake."""
    if isinstance(answer, bool | str | bytes) or callable(answer):
        raise Mistake(f"Expected a number; got {kind_of(answer)}.")
    values = np.asarray(answer, dtype=np.float64)
    if values.size != 1 or not np.isfinite(values).all():
        raise Mistake(f"Expected one finite number; got {kind_of(answer)}.")
    return float(values.reshape(()))


def array(answer: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Numbers as an array, of a given shape if one is named, or Mistake."""
    if isinstance(answer, str | bytes) or callable(answer):
        raise Mistake(f"Expected numbers; got {kind_of(answer)}.")
    if hasattr(answer, "detach"):
        answer = answer.detach().cpu().numpy()
    values = np.asarray(answer, dtype=np.float64)
    if shape is not None and values.shape != shape:
        raise Mistake(f"Expected numbers of shape {shape}; got shape {values.shape}.")
    return values


def called(answer: Any, *inputs: Any) -> Any:
    """What the reader's function returns, or a Mistake that says what it did instead."""
    if not callable(answer):
        raise Mistake(f"Expected your function itself, not its result; got {kind_of(answer)}.")
    try:
        result = answer(*inputs)
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {str(error)[:120]}".rstrip(": ")
        raise Mistake(f"Your function stopped with {said}.") from error
    if result is None or result is ...:
        raise Unanswered
    return result
