"""`python -m emo_core` is the `emo` command."""

import runpy
import signal
import sys

import pytest

import emo_core.__main__ as module
from emo_core.cli.main import STOPS, main


def test_importing_it_runs_nothing():
    assert module.main is main


@pytest.fixture
def signals():
    """At its end the command hears nothing more; the tests go on."""
    before = {number: signal.getsignal(number) for number in STOPS}
    yield before
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("words", "code"), [(["--help"], 0), (["no-such-command"], 2)])
def test_running_it_is_the_command(monkeypatch, capsys, signals, words, code):
    monkeypatch.setattr(sys, "argv", ["emo", *words])
    monkeypatch.delitem(sys.modules, "emo_core.__main__")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("emo_core", run_name="__main__")
    assert ended.value.code == code
    assert {signal.getsignal(number) for number in signals} == {signal.SIG_IGN}
    said = capsys.readouterr()
    assert said.out.strip() if code == 0 else "no-such-command" in said.err
