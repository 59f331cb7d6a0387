"""What judges an answer: never raises, explains the mistake, and has hints and a solution."""

import ast
import html
import random
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import numpy as np

from exercises import progress

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
    code: bool = False  # the text is Python: its lines stand as they are

    def __repr__(self) -> str:
        return f"{WORDS[self.right]} {self.text}"

    def _repr_html_(self) -> str:
        style = f"border-left:4px solid {COLOURS[self.right]};padding:.3em .8em;max-width:46em"
        text = html.escape(self.text)
        text = f"<pre>{text.strip()}</pre>" if self.code else _marked(text)
        return f'<div style="{style}"><b>{WORDS[self.right]}</b> {text}</div>'


def _marked(text: str) -> str:
    """HTML of a sentence's `code`, *stress* and lines."""
    text = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", text)
    return re.sub(r"\*(\w[^*\n]*)(?<=\w)\*", r"<em>\1</em>", text).replace("\n", "<br>")


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
        verdict = self._judged(answer)
        if verdict.right is not None:
            progress.note(self.name, right=verdict.right)
        return verdict

    def _judged(self, answer: Any) -> Verdict:
        try:
            if answer is ... or answer is None or is_ours(answer):
                raise Unanswered
            self.judge(answer)
        except Unanswered:
            return Verdict(None, self.question())
        except Mistake as mistake:
            return Verdict(False, f"{mistake} Stuck? check.{self.name}.hint()")
        except (Exception, SystemExit):
            return Verdict(False, self._unread(answer))
        return Verdict(True, self.right)

    def _unread(self, answer: Any) -> str:
        """What is said of an answer that can't be judged at all."""
        if callable(answer) and self.expects.startswith("a function"):
            return (
                f"Expected {self.expects}; what your function returns is something else. "
                f"Print it. Stuck? check.{self.name}.hint()"
            )
        return f"Expected {self.expects}; got {kind_of(answer)}."

    def question(self) -> str:
        """What is said while there is no answer."""
        return (
            f"Replace the dots by your answer ({self.expects}) and run the cell again. "
            f"Stuck? check.{self.name}.hint()"
        )

    def hint(self) -> Verdict:
        """The next hint, from the gentlest on."""
        hint = self.hints[self._told % len(self.hints)]
        self._told += 1
        progress.note(self.name, hint=True)
        more = len(self.hints) - self._told
        rest = "Another call gives the next." if more > 0 else f"Or: check.{self.name}.solution()"
        return Verdict(None, f"{hint} {rest}")

    def solution(self) -> Verdict:
        """The source of our solution, from `solutions.py`."""
        progress.note(self.name, solution=True)
        return Verdict(None, "\n" + solution_source(self), code=True)

    def __repr__(self) -> str:
        return f"check.{self.name}(answer): expects {self.expects}"


def is_ours(answer: Any) -> bool:
    """Whether our version stands in for one that is still open."""
    return callable(answer) and getattr(answer, "is_ours", False) is True


def exercise(expects: str, right: str, *hints: str) -> Callable[[Callable], Exercise]:
    """Makes an exercise of a function that raises Mistake where an answer is wrong.

    expects: what an answer is, for the reader. right: what is said of a right one, and why it
    matters. hints: from the gentlest to nearly the solution, at least one.
    """
    if not hints:
        raise ValueError("an exercise needs at least one hint")
    return lambda judge: Exercise(judge, expects, right, hints)


Option = tuple[str, str]  # what it says, and what is said of it


class Quiz(Exercise):
    """A question with options, in an order of each reader's own; every option is explained.

    An answer is a letter, or an option's words. shuffle: False where letters stand in a figure.
    """

    def __init__(
        self, name: str, hint: str, right: Option, wrong: Sequence[Option], shuffle: bool = True
    ):
        self.correct, self.options = right, tuple(sorted((right, *wrong)))
        self.shuffle = shuffle

        def judge(answer: Any) -> None:
            chosen = self._chosen(answer)
            if chosen != right:
                raise Mistake(f"({self.letter(chosen)}) {chosen[1]}")

        judge.__name__, judge.__module__ = name, sys._getframe(1).f_globals["__name__"]
        letters = ascii_lowercase[: len(self.options)]
        super().__init__(judge, f"one letter, from {letters[0]} to {letters[-1]}", "", (hint,))

    def shown(self) -> list[Option]:
        """The options in the order of this reader."""
        if not self.shuffle:
            return list(self.options)
        order = random.Random(f"{progress.reader()} {self.name}")
        return order.sample(self.options, len(self.options))

    def letter(self, option: Option) -> str:
        """By which letter this reader knows an option."""
        return ascii_lowercase[self.shown().index(option)]

    def question(self) -> str:
        lines = [f"({self.letter(option)}) {option[0]}" for option in self.shown()]
        ask = f'Answer by a letter, as in check.{self.name}("a").'
        return "\n".join([ask, *lines, f"Stuck? check.{self.name}.hint()"])

    def solution(self) -> Verdict:
        """The right option."""
        progress.note(self.name, solution=True)
        return Verdict(None, f"{self.name}: ({self.letter(self.correct)}) {self.correct[0]}")

    @property
    def right(self) -> str:
        """What is said of the right option, then of all others."""
        others = [option for option in self.shown() if option != self.correct]
        return "\n".join(f"({self.letter(o)}) {o[0]}: {o[1]}" for o in (self.correct, *others))

    @right.setter
    def right(self, _: str) -> None:
        """It follows from the options."""

    def _chosen(self, answer: Any) -> Option:
        said = answer.strip().lower() if isinstance(answer, str) else ""
        for option, letter in zip(self.shown(), ascii_lowercase, strict=False):
            if said and said in (letter, option[0].lower()):
                return option
        raise ValueError(said)


def solution_source(of: Exercise) -> str:
    """The lines that define an exercise's solution: in its lesson's module, or in `mymodel.py`."""
    for name in (f"solution_{of.lesson}", "mymodel"):
        module = import_module(f"exercises.{name}")
        text = Path(module.__file__).read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            targets = [t.id for t in getattr(node, "targets", ()) if isinstance(t, ast.Name)]
            if of.name in (getattr(node, "name", ""), *targets):
                return ast.get_source_segment(text, node)
    raise KeyError(f"solution_{of.lesson}.py has no {of.name}")


def kind_of(answer: Any) -> str:
    """An answer's type, and its shape where it has one, in words; a number or a word itself."""
    if isinstance(answer, str):
        return f"the text {answer[:20]!r}"
    if type(answer) in (int, float) and abs(answer) < 1e300:
        return f"the number {answer:g}"
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
        said = f"{type(error).__name__}: {str(error)[:120]}".rstrip(":. ")
        raise Mistake(f"Your function stopped with {said}.") from error
    if result is None or result is ...:
        raise Unanswered
    return result
