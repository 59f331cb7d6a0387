"""`python -m emo_core` is the `emo` command."""

import runpy
import sys

import pytest

import emo_core.__main__ as module
from emo_core.cli.main import main


def test_importing_it_runs_nothing():
    assert module.main is main


@pytest.mark.parametrize(("words", "code"), [(["--help"], 0), (["no-such-command"], 2)])
def test_running_it_is_the_command(monkeypatch, capsys, words, code):
    monkeypatch.setattr(sys, "argv", ["emo", *words])
    monkeypatch.delitem(sys.modules, "emo_core.__main__")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("emo_core", run_name="__main__")
    assert ended.value.code == code
    said = capsys.readouterr()
    assert said.out.strip() if code == 0 else "no-such-command" in said.err
