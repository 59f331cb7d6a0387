"""Collecting the sentences of the code, and writing them into a catalogue."""

import ast

import pytest

from emo_core.messages import read_po
from scripts.update_catalogues import CatalogueError, Entry, _said_in, main, written

CODE = """
from emo_core.messages import say, say_count

WORDS = {"a": "first of {n}", "b": "second of {n}"}


def run(name, n):
    say("a note on {name}", name=name)
    say_count("{count} clip", "{count} clips", n)
    say(WORDS["a"], n=n)
    raise ClipError("{name} is gone", name=name)
    raise ClipError("all is gone")
    raise ClipError(str(name))
    raise Refusal(404, "nothing here")
"""


def said(code: str) -> list:
    return list(_said_in(ast.parse(code), {"ClipError", "Refusal"}, "x.py"))


def test_sentences_are_found_where_they_are_said_and_raised():
    assert said(CODE) == [
        ("a note on {name}", None),
        ("{count} clip", "{count} clips"),
        ("first of {n}", None),
        ("second of {n}", None),
        ("{name} is gone", None),
        ("all is gone", None),
        ("nothing here", None),
    ]


def test_another_function_of_that_name_says_nothing():
    assert said("def run(say):\n    say({'done': 1})\n") == []


def test_a_sentence_that_is_put_together_elsewhere_cannot_be_collected():
    with pytest.raises(CatalogueError, match="expected a literal"):
        said("from emo_core.messages import say\nsay(made_up())\n")


def test_what_is_written_is_read_again(tmp_path):
    entries = [
        Entry('say "{a}"\n and a long one ' * 5, None, "a.py"),
        Entry("{count} clip", "{count} clips", "b.py"),
        Entry("new", None, "b.py"),
    ]
    known = {entries[0].template: ["Ä\t" * 99], "{count} clip": ["x", "y"], "gone": ["z"]}
    path = tmp_path / "de.po"
    path.write_text(written('msgid ""\nmsgstr ""\n"a: b\\n"', entries, known), encoding="utf-8")
    known.pop("gone")
    assert read_po(path) == {"": ["a: b\n"], **known}
    assert path.read_text(encoding="utf-8").endswith('#: b.py\nmsgid "new"\nmsgstr ""\n')


def test_the_catalogues_are_up_to_date(capsys):
    assert main(["--check"]) == 0, capsys.readouterr().out
