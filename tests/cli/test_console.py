"""What the command says, and in which language."""

import json
import re
from pathlib import Path

import pytest

from emo_core.cli.main import build_parser, main
from emo_core.messages import from_plain, in_language, say, to_plain
from tests.support.predictions import write_clip


@pytest.fixture
def german(monkeypatch):
    monkeypatch.setenv("EMO_LANG", "de")


EXAMPLE = str(Path(__file__).resolve().parents[2] / "assets" / "examples" / "both_positive.mp4")


def test_the_command_speaks_the_language_of_emo_lang(german, capsys):
    assert main(["predict", EXAMPLE, "--model", "group-staged"]) == 0
    said = capsys.readouterr()
    assert "positiv" in said.out and "Zeichnungen" in said.err


def test_errors_are_said_in_that_language(german, capsys, tmp_path):
    assert main(["predict", str(tmp_path / "missing.mp4")]) == 2
    assert main(["train", "nothing", "--data", str(tmp_path)]) == 2
    assert main(["predict"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert "nicht zu finden" in lines[0] and "Es gibt kein Rezept 'nothing'" in lines[1]
    assert "Kein Clip ist genannt" in lines[2]


def test_json_is_english_in_every_language(monkeypatch, capsys, tmp_path):
    said = []
    for language in ("de", ""):
        monkeypatch.setenv("EMO_LANG", language)
        words = ["predict", EXAMPLE, str(tmp_path / "missing.mp4"), "--model", "group-staged"]
        assert main([*words, "--json"]) == 1
        said.append(json.loads(capsys.readouterr().out))
    for answer in said:
        for result in answer["results"]:
            result.pop("seconds")
    assert said[0] == said[1] and said[0]["results"][0]["label"] == "positive"


def test_a_language_that_is_not_there_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setenv("EMO_LANG", "xx")
    assert main(["list", "corpora"]) == 2
    said = capsys.readouterr().err
    assert said == (
        "emo: EMO_LANG is 'xx'; expected en or de; set it to one of them, or leave it unset.\n"
    )


def test_a_report_is_written_in_that_language(german, capsys, tmp_path):
    words = ["explain", EXAMPLE, "--out", str(tmp_path / "out"), "--method", "grad_cam"]
    assert main([*words, "--no-checks", "--model", "group-staged"]) == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert '<html lang="de">' in page and "Was das Modell sagt" in page
    assert "Seconds of the clip" not in page and "Sekunden des Clips" in page


ENGLISH = re.compile(
    r"\b(the|of|with|without|clips? that|folder of|file to|say|print|write|default|options|show|"
    r"left out|expected|there is|is not|are not|found)\b"
)


def subcommands(parser) -> list[list[str]]:
    """Words of every command and of every action of those that have some."""
    found = [[]]
    for action in parser._actions:
        for name, inner in (action.choices or {}).items() if action.nargs == "A..." else ():
            found += [[name, *more] for more in subcommands(inner)]
    return found


@pytest.mark.parametrize("words", subcommands(build_parser()), ids=" ".join)
def test_help_is_said_in_that_language(german, capsys, words):
    with pytest.raises(SystemExit):
        main([*words, "--help"])
    said = capsys.readouterr().out
    assert said.startswith("Aufruf: emo") and "Optionen:" in said
    assert ENGLISH.findall(said) == []


def test_findings_of_a_corpus_are_said_in_that_language(german, capsys, tmp_path):
    """Rows that are wrong in several ways, files that are none of ours, a label of one source."""
    for name in ("a_1.mp4", "a_2.mp4", "b_1.mp4"):
        write_clip(tmp_path / name, 1.0)
    (tmp_path / "more.xlsx").write_bytes(b"x")
    rows = ["file,label,rater", "a_1,happy,A", "a_1,sad,B", "a_2,happy,A", "gone,sad,A", "b_1,,A"]
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    main(["data", "check", str(tmp_path)])
    said = capsys.readouterr().out
    assert "unentschieden" in said and "die Zeile bleibt weg" in said
    assert ENGLISH.findall(said) == [], said


def test_a_refused_link_is_said_in_that_language(german, capsys, tmp_path):
    table = "url,start_s,end_s,label,group\nhttps://elsewhere.example/x,0,5,happy,g\n"
    (tmp_path / "links.csv").write_text(table)
    main(["data", "fetch", str(tmp_path / "links.csv"), str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert "abgelehnt" in said or "ihre Website ist elsewhere.example" in said
    assert ENGLISH.findall(said) == [], said


def test_a_sentence_of_a_worker_stays_one_that_can_be_said():
    """Workers answer in JSON: templates and values go through it, other text as it is."""
    inner = say("it has {size:.0f} MB; expected at most {megabytes} MB", size=81.2, megabytes=60)
    sentence = say(
        "{url}: {reason}; choose another, or download it yourself.", url="u", reason=inner
    )
    again = from_plain(json.loads(json.dumps(to_plain(sentence))))
    assert again == sentence and in_language(again, "de").startswith("u: es hat 81 MB; erwartet")
    assert from_plain(json.loads(json.dumps(to_plain("as it is")))) == "as it is"


def test_lists_say_what_things_are_in_that_language(german, capsys):
    assert main(["list", "corpora"]) == 0
    said = capsys.readouterr().out
    assert "folder  Deine eigenen Clips" in said and ENGLISH.findall(said) == []
