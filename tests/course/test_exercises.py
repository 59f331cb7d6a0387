"""Every check of the course: ours pass, wrong ones are explained, nothing makes one raise."""

import csv
import importlib
from collections import Counter
from pathlib import Path

import check
import numpy as np
import pytest
import solutions
import torch
from exercises import EXERCISES, progress
from exercises.grading import Quiz, Verdict

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


def test_what_can_be_no_answer_is_named_as_it_was_typed():
    assert "got the text 'e'" in check.what_it_states("e").text
    assert "got the number 3" in check.what_it_states(3).text
    assert "got an int" in check.what_it_states(10**5000).text


@pytest.mark.parametrize("name", sorted(EXERCISES))
def test_a_stub_is_open_and_hints_lead_to_the_solution(name):
    for stub in (..., None):
        assert EXERCISES[name](stub).right is None
    solution = getattr(solutions, name)
    if callable(solution) and not isinstance(solution, type):
        assert EXERCISES[name](lambda *_, **__: ...).right is None
    said = {EXERCISES[name].hint().text for _ in EXERCISES[name].hints}
    assert len(said) == len(EXERCISES[name].hints)
    assert any("solution()" in text for text in said)


QUIZZES = [q for q in EXERCISES.values() if isinstance(q, Quiz)]


@pytest.mark.parametrize("quiz", QUIZZES, ids=lambda quiz: quiz.name)
def test_a_quiz_explains_every_option(quiz):
    for option in quiz.options:
        said, explained = option
        letter = quiz.letter(option)
        assert said in quiz(...).text and f"({letter})" in quiz(...).text
        assert explained in quiz(letter).text
        assert explained in quiz(quiz.correct[0]).text
        assert quiz(f" {letter.upper()} ").right is quiz(said).right is (option == quiz.correct)


def test_readers_see_options_in_orders_of_their_own(monkeypatch):
    right = {quiz.name: Counter() for quiz in QUIZZES if quiz.shuffle}
    for reader in range(60):
        monkeypatch.setattr(progress, "reader", lambda reader=reader: str(reader))
        for name, letters in right.items():
            letters[EXERCISES[name].letter(EXERCISES[name].correct)] += 1
    for name, letters in right.items():
        assert len(letters) == len(EXERCISES[name].options), name
        assert max(letters.values()) < 40, name  # of 60; by chance 20


def test_a_stored_lesson_does_not_teach_one_letter():
    letters = Counter(q.letter(q.correct) for q in QUIZZES)
    assert max(letters.values()) <= len(QUIZZES) / 2, letters


def test_a_part_that_is_ours_is_open():
    def learning_rate(done, warmup=0.1):
        return solutions.learning_rate(done, warmup)

    learning_rate.is_ours = True
    for exercise in EXERCISES.values():
        if not isinstance(exercise, Quiz):
            assert exercise(learning_rate).right is None


def test_use_gives_back_what_is_right_and_ours_for_the_rest():
    def stable_softmax(scores):
        return scores.softmax(0)

    assert check.use(stable_softmax) is stable_softmax
    stable_softmax.is_ours = True
    assert check.use(stable_softmax) is solutions.stable_softmax
    with pytest.raises(AttributeError, match="no exercise is called zebra"):
        check.use(type("zebra", (), {}))


def test_a_page_shows_code_and_stressed_words_as_such():
    page = Verdict(False, "Write `forward` (a < b) *after* 2 * 3 * 4.\nStuck?")._repr_html_()
    shown = "Write <code>forward</code> (a &lt; b) <em>after</em> 2 * 3 * 4.<br>Stuck?"
    assert shown in page
    code = check.average_recall.solution()._repr_html_()
    assert "<pre>def average_recall(counts):\n    " in code


def test_a_report_holds_what_was_answered(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "_memory", {})
    check.sixteen_frames("nothing of that kind")
    check.sixteen_frames(solutions.sixteen_frames)
    check.box_overlap.hint()
    verdict = check.report("Ada L.", tmp_path)
    (file,) = tmp_path.iterdir()
    table = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    rows = {row["exercise"]: row for row in table}
    assert set(rows) == set(EXERCISES) and file.name in verdict.text
    assert rows["sixteen_frames"] == {
        "name": "Ada L.", "lesson": "01", "exercise": "sixteen_frames",
        "answers": "2", "hints": "0", "solution": "False", "right": "True",
    }  # fmt: skip
    assert rows["box_overlap"]["hints"] == "1" and rows["box_overlap"]["right"] == "False"


def test_answers_outlive_a_kernel_and_a_damaged_file_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "_file", lambda: tmp_path / "answers.json")
    reader = progress.reader()
    progress.note("box_overlap", right=True)
    assert progress.reader() == reader and len(reader) == 8
    (tmp_path / "answers.json").write_text("{")
    assert progress.reader() != reader
    progress.note("box_overlap", right=False)
    assert [r["right"] for r in progress.rows(EXERCISES) if r["answers"]] == [False]


def test_no_exercise_is_without_a_test_and_a_misspelt_name_is_helped():
    assert set(WRONG) == set(EXERCISES)
    with pytest.raises(AttributeError, match="did you mean check.samples_per_frame"):
        check.samples_per_frames  # noqa: B018
