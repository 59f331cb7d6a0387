"""What programs get is what the command prints."""

import contextvars
import inspect
import json
import queue
import threading
import types
from dataclasses import replace

import orjson
import pytest
from gradio.context import LocalContext

from demo import service
from demo.api import Programs, check_tools, choice, shipped_models
from demo.settings import Limits
from emo_core.attribution.methods import METHODS
from emo_core.attribution.types import PRESETS
from emo_core.checkpoint import load_checkpoint, shipped_checkpoints
from emo_core.cli.main import main as emo
from emo_core.schema import DEFAULT_METHOD, METHOD_NAMES, PRESET_NAMES
from tests.support.page import asked_by
from tests.support.predictions import write_people_clip


def test_explain_of_programs_is_that_of_the_command(events, clip, capsys, tmp_path):
    given = ["explain", str(clip), "--method", "grad_cam", "--preset", "fast", "--no-checks"]
    assert emo([*given, "--out", str(tmp_path / "out"), "--json"]) == 0
    command = json.loads(capsys.readouterr().out)
    answer = Programs(events.visits).explain(
        str(clip), True, "grad_cam", "fast", "", False, "", asked_by()
    )
    for name in set(command) - {"clip", "seconds", "files"}:
        assert answer[name] == command[name], name
    assert answer["clip"] == "mine.mp4" and answer["files"] == []
    json.dumps(answer, allow_nan=False)
    wrong = Programs(events.visits).explain(
        str(clip), True, "tea_leaves", "", "", False, "", asked_by()
    )
    assert wrong["results"] == [] and "tea_leaves" in wrong["errors"][0]["error"]


def test_what_each_face_adds_reaches_programs(events, tmp_path):
    """The server writes JSON by orjson, which takes no key but text."""
    clip = write_people_clip(tmp_path / "people.mp4", 2.0)
    asked = ("token_shapley", "fast", "", False, "group-people", asked_by())
    answer = Programs(events.visits).explain(str(clip), True, *asked)
    assert json.loads(orjson.dumps(answer))["people"] == answer["people"] != {}


def test_programs_are_told_which_values_there_are():
    assert tuple(METHODS) == METHOD_NAMES and tuple(PRESETS) == PRESET_NAMES
    part = choice(METHOD_NAMES, DEFAULT_METHOD, "Method")
    assert part.api_info()["enum"] == list(METHODS)
    assert part.preprocess("tea_leaves") == "tea_leaves"  # our own sentence follows
    assert {name: load_checkpoint(name).labels for name in shipped_checkpoints()} == {
        name: labels for name, labels in shipped_models().items()
    }


@pytest.mark.parametrize("asked", ["nonsense", "/etc", "../checkpoints/group-staged", "."])
def test_a_model_that_is_not_shipped_is_refused_by_its_name_alone(events, clip, asked):
    programs = Programs(events.visits)
    for answer in (
        programs.predict(str(clip), True, asked, asked_by()),
        programs.explain(str(clip), True, "", "", "", False, asked, asked_by()),
    ):
        assert answer["results"] == [] and "is not offered here" in answer["errors"][0]["error"]


def test_a_program_chooses_model_and_label_and_hears_of_a_wrong_one(events, clip):
    programs = Programs(events.visits)
    (found,) = programs.predict(str(clip), True, "mesm-staged", asked_by())["results"]
    assert found["model"] == "mesm-staged" and "anger" in found["probabilities"]
    wrong = programs.explain(
        str(clip), True, "", "fast", "anger", False, "group-staged", asked_by()
    )
    (said,) = wrong["errors"]
    assert "anger" in said["error"] and "positive" in said["error"], "which labels there are"


@pytest.mark.parametrize("agreed", [False, None, "true", 1])
def test_a_clip_whose_people_have_not_agreed_is_refused_and_deleted(events, clip, agreed):
    programs, folder = Programs(events.visits), events.visits.folder
    for ask in (
        lambda path: programs.predict(path, agreed, "", asked_by()),
        lambda path: programs.explain(path, agreed, "", "", "", False, "", asked_by()),
    ):
        stored = events.visits.storage.open("1.2.3.4")
        given = stored.folder / "mine.mp4"
        given.write_bytes(clip.read_bytes())
        answer = ask(str(given))
        assert answer["results"] == [] and "everyone_agreed" in answer["errors"][0]["error"]
        assert list(folder.iterdir()) == []


def test_the_agreement_has_no_default():
    for endpoint in (Programs.predict, Programs.explain):
        given = inspect.signature(endpoint).parameters["everyone_agreed"]
        assert given.default is given.empty
        assert "everyone_agreed: True only if" in endpoint.__doc__


def test_tools_for_agents_need_their_package(monkeypatch):
    check_tools(Limits())
    monkeypatch.setattr("demo.api.find_spec", lambda name: None)
    with pytest.raises(Exception, match="EMO_MCP is on"):
        check_tools(replace(Limits(), mcp=True))


class Blocks:
    """What gradio knows of one event and of the words that wait for its client."""

    def __init__(self) -> None:
        self._queue = self
        self.event = types.SimpleNamespace(alive=True, session_hash="one")
        self.event_ids_to_events = {"its": self.event}
        self.pending_messages_per_session = {"one": queue.Queue()}

    def ask(self, work):
        context = contextvars.copy_context()
        context.run(LocalContext.blocks.set, self)
        context.run(LocalContext.event_id.set, "its")
        return context.run(work)


@pytest.mark.parametrize("how", ["its stream ended", "it never listened"])
def test_a_program_that_has_gone_is_worked_for_no_more(how, events, clip, monkeypatch):
    monkeypatch.setattr("demo.api.POLL_S", 0.01)
    blocks, held = Blocks(), threading.Event()

    def forever(path, visit, progress, model):
        blocks.event.alive = how != "its stream ended"
        if how == "it never listened":
            blocks.pending_messages_per_session["one"].put("an answer's first word")
        while not held.wait(0.01):
            progress(1, 2)

    monkeypatch.setattr(service, "answer_json", forever)
    program = Programs(events.visits)
    said = blocks.ask(lambda: program.predict(str(clip), True, "", asked_by()))
    assert "stopped" in said["errors"][0]["error"] and not events.visits.model_jobs.jobs


def test_a_program_that_listens_is_waited_for(events, clip, monkeypatch):
    monkeypatch.setattr("demo.api.POLL_S", 0.01)
    program = Programs(events.visits)
    said = Blocks().ask(lambda: program.predict(str(clip), True, "", asked_by()))
    assert said["errors"] == []
