"""What the command says, and in which language."""

import json
from pathlib import Path

import pytest

from emo_core.cli.main import main


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
