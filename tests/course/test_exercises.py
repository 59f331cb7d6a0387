"""Every check of the course: ours pass, wrong ones are explained, nothing makes one raise."""

import importlib
from pathlib import Path

import check
import numpy as np
import pytest
import solutions
import torch
from exercises import EXERCISES
from exercises.grading import Quiz

ROOT = Path(__file__).parents[2]

WRONG = {}
for path in sorted(Path(__file__).parent.glob("wrong_answers_*.py")):
    WRONG |= importlib.import_module(f"tests.course.{path.stem}").WRONG


class Broken:
    """Raises whatever is asked of it."""

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __array__(self, *_, **__):
        raise RuntimeError("array")

    def __eq__(self, _):
        raise RuntimeError("eq")

    __hash__ = None


def stop(*_, **__):
    raise SystemExit(3)


JUNK = [
    "",
    "zebra",
    b"x",
    -1,
    10**30,
    float("nan"),
    float("inf"),
    1j,
    True,
    [],
    {},
    (),
    {1, 2},
    [None],
    [[1], [2, 3]],
    object(),
    Broken(),
    Exception("x"),
    str,
    print,
    stop,
    lambda *_, **__: "zebra",
    lambda *_, **__: 1 / 0,
    lambda *_, **__: [],
    lambda *_, **__: float("nan"),
    lambda *_, **__: 10**30,
    lambda *_, **__: Broken(),
    np.zeros(0),
    np.zeros((2, 3, 4)),
    np.array(["a"]),
    np.array([np.nan]),
    torch.zeros(3),
    torch.zeros(1, requires_grad=True),
    torch.zeros(2, 2, dtype=torch.bool),
]


@pytest.mark.parametrize("name", sorted(EXERCISES))
def test_our_solution_is_right_and_told_why_it_matters(name):
    verdict = getattr(check, name)(getattr(solutions, name))
    assert verdict.right is True, verdict
    assert len(verdict.text) > 20
    assert name in check.__dir__() and name in dir(solutions)
    assert name in EXERCISES[name].solution().text


@pytest.mark.parametrize("name", sorted(EXERCISES))
def test_wrong_answers_are_explained_by_their_mistake(name):
    assert len(WRONG[name]) >= 2, f"wrong answers to {name} are needed"
    for answer, words in WRONG[name]:
        verdict = EXERCISES[name](answer)
        assert verdict.right is False, (answer, verdict)
        assert words in verdict.text, (answer, verdict)


@pytest.mark.parametrize("name", sorted(EXERCISES))
def test_no_answer_makes_a_check_raise_or_pass(name):
    for answer in JUNK:
        verdict = EXERCISES[name](answer)
        assert verdict.right is not True, (answer, verdict)  # what prints only is open
        assert 10 < len(verdict.text) < 900


@pytest.mark.parametrize("name", sorted(EXERCISES))
def test_a_stub_is_open_and_hints_lead_to_the_solution(name):
    for stub in (..., None):
        assert EXERCISES[name](stub).right is None
    if callable(getattr(solutions, name)):
        assert EXERCISES[name](lambda *_, **__: ...).right is None
    said = {EXERCISES[name].hint().text for _ in EXERCISES[name].hints}
    assert len(said) == len(EXERCISES[name].hints)
    assert any("solution()" in text for text in said)


@pytest.mark.parametrize("quiz", [q for q in EXERCISES.values() if isinstance(q, Quiz)], ids=str)
def test_a_quiz_explains_every_option(quiz):
    for letter, text in quiz.options.items():
        assert text in quiz(letter).text, letter
        assert text in quiz(solutions.__getattr__(quiz.name)).text
        assert quiz(f" {letter.upper()} ").right is quiz(letter).right


def test_no_exercise_is_without_a_test_and_a_misspelt_name_is_helped():
    assert set(WRONG) == set(EXERCISES)
    with pytest.raises(AttributeError, match="did you mean check.samples_per_frame"):
        check.samples_per_frames  # noqa: B018
