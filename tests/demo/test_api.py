"""What programs get is what the command prints."""

import json
from dataclasses import replace

import pytest

from demo.api import Programs, check_tools
from demo.settings import Limits
from emo_core.cli.main import main as emo
from tests.support.page import asked_by


def test_explain_of_programs_is_that_of_the_command(events, clip, capsys, tmp_path):
    given = ["explain", str(clip), "--method", "grad_cam", "--preset", "fast", "--no-checks"]
    assert emo([*given, "--out", str(tmp_path / "out"), "--json"]) == 0
    command = json.loads(capsys.readouterr().out)
    answer = Programs(events.visits).explain(str(clip), "grad_cam", "fast", "", False, asked_by())
    for name in set(command) - {"clip", "seconds", "files"}:
        assert answer[name] == command[name], name
    assert answer["clip"] == "mine.mp4" and answer["files"] == []
    json.dumps(answer, allow_nan=False)
    wrong = Programs(events.visits).explain(str(clip), "tea_leaves", "", "", False, asked_by())
    assert wrong["results"] == [] and "tea_leaves" in wrong["errors"][0]["error"]


def test_tools_for_agents_need_their_package(monkeypatch):
    check_tools(Limits())
    monkeypatch.setattr("demo.api.find_spec", lambda name: None)
    with pytest.raises(Exception, match="EMO_MCP is on"):
        check_tools(replace(Limits(), mcp=True))
