"""From a clip to its answer, as functions: every state, nothing twice, nothing left behind."""

import json
import time
from threading import Event

import pytest

from demo import service
from demo.api import Programs
from demo.settings import Limits
from emo_core.cli.main import main as emo
from emo_core.inference.predict import predict
from emo_core.schema import DEFAULT_MODEL
from tests.support.page import EXAMPLES, FAST, asked_by, last_of, shown
from tests.support.predictions import write_clip
from tests.support.serving import PATIENCE_S


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_app_command_and_library_give_the_same_bits(path, capsys, events):
    model = service.model_for(path)
    library = predict(path, model)
    assert emo(["predict", str(path), "--model", model, "--json"]) == 0
    command = json.loads(capsys.readouterr().out)["results"][0]
    page = shown(events, path)[-1]["json"]["results"][0]
    program = Programs(events.visits).predict(str(path), False, "", asked_by())["results"][0]
    for answer in (command, page, program):
        assert answer["probabilities"] == library.probabilities
        assert answer["modality_share"] == library.modality_share


def test_drawn_examples_are_answered_by_the_model_of_drawings(events, explains, clip, monkeypatch):
    monkeypatch.delenv("EMO_MODEL", raising=False)
    mine = shown(events, clip)[-1]["json"]["results"][0]
    drawn = shown(events, EXAMPLES[0])[-1]["json"]["results"][0]
    assert (mine["model"], drawn["model"]) == (DEFAULT_MODEL, "group-staged")
    about = explains.about(asked_by())["about"]
    assert "group-staged: This model has only ever seen drawings" in about
    shown(events, clip)
    assert f"{DEFAULT_MODEL}: " in explains.about(asked_by())["about"]
    monkeypatch.setenv("EMO_MODEL", "jmt-staged")
    chosen = shown(events, EXAMPLES[0])[-1]["json"]["results"][0]
    assert chosen["model"] == "jmt-staged", "who hosts the page has the last word"


def test_a_clip_is_refused_until_the_tick_and_drawn_examples_are_not(events, clip):
    (only,) = shown(events, clip, agreed=False)
    assert "One thing first" in only["status"]
    answer, details = shown(events, EXAMPLES[0], agreed=False)[-2:]
    assert "bars" in answer["status"] and details["json"]
    shown(events, clip, agreed=False)
    assert "bars" in list(events.again(True, asked_by()))[-1]["status"]


def test_the_tick_is_asked_for_a_clip_of_ones_own_alone(events, clip):
    assert shown(events, clip, agreed=False)[0]["consent"].visible
    assert not shown(events, EXAMPLES[0])[0]["consent"].visible


def test_of_two_clips_the_tick_means_the_later_one(events, clip, tmp_path):
    sound = write_clip(tmp_path / "voice.wav", 1.0, picture=False)
    for order in ((sound, clip), (clip, sound)):
        for path in order:
            shown(events, path, agreed=False)
        list(events.again(True, asked_by()))
        assert events.visits.of(asked_by().session_hash).current.clip.path == order[1]


def test_a_tick_without_a_new_answer_leaves_the_page_alone(events, clip):
    shown(events, EXAMPLES[0])
    assert list(events.again(False, asked_by()))[0].keys() == {"status"}
    assert events.details(asked_by()).keys() == {"explain_status"}, "maps would be wiped"


def given(events, **wish):
    return list(events.give(json.dumps(wish), True, asked_by()))


def test_an_example_is_given_by_its_name_and_a_moment(events):
    answer = given(events, example="seen_negative", at_s=2.5, muted=True)[-1]
    assert "bars" in answer["status"]
    player = answer["player"]
    assert (player["at_s"], player["muted"], player["title"]) == (2.5, True, "seen_negative.mp4")
    assert player["answers"][0]["end_s"] == player["duration_s"] == 5.0
    assert any(frame["boxes"] for frame in player["faces"])


@pytest.mark.parametrize(
    "wish", [{}, {"example": "../x"}, {"file": "/etc/passwd"}, {"file": 3}, {"example": ["a"]}]
)
def test_nothing_but_examples_and_uploads_is_opened(wish, events):
    (refused,) = given(events, **wish)
    assert "No answer" in refused["status"]


def test_an_upload_is_opened_by_whose_it_is(events, clip):
    stored = events.visits.storage.open("1.2.3.4")
    mine = stored.folder / "clip.mp4"
    mine.write_bytes(clip.read_bytes())
    stored.whole = True
    assert "bars" in given(events, file=str(mine))[-1]["status"]
    theirs = list(events.give(json.dumps({"file": str(mine)}), True, asked_by("two")))
    assert "No answer" in theirs[-1]["status"], "a clip of another visit was opened"


def test_what_takes_long_is_announced_and_what_does_not_is_not(events, clip, monkeypatch):
    real = service.predict_on_gpu

    def slow(*args, **more):
        time.sleep(0.3)
        return real(*args, **more)

    service.load_model(service.default_model())
    monkeypatch.setattr("demo.callbacks.SOON_S", 600)
    told = ["status", "player", "guesses", "details", "cancel", "stop_answer"]
    assert [list(step) for step in shown(events, clip)][1] == told
    assert len(shown(events, clip)) == 3
    monkeypatch.setattr("demo.callbacks.SOON_S", 0.1)
    monkeypatch.setattr(service, "predict_on_gpu", slow)
    _, busy, *_, answer, _ = shown(events, clip, request=asked_by("two"))
    assert "Watching" in busy["status"] and "bars" in answer["status"]


def test_stop_is_there_while_only_a_first_answer_waits_or_runs(events, explains, clip, monkeypatch):
    """The button beside the explanations is hidden with them until there is an answer."""
    began, go_on, real = Event(), Event(), service.predict_on_gpu

    def held(*args, **more):
        began.set()
        assert go_on.wait(PATIENCE_S)
        more["progress"](1, 2)
        return real(*args, **more)

    monkeypatch.setattr("demo.callbacks.SOON_S", 0.0)
    monkeypatch.setattr(service, "predict_on_gpu", held)
    steps = events.show(str(clip), True, asked_by())
    next(steps)  # the clip plays
    running = next(steps)
    assert began.wait(PATIENCE_S) and running["details"].visible is False
    assert running["stop_answer"].visible and running["cancel"].interactive
    waiting = events.show(str(clip), True, asked_by())
    next(waiting)
    assert next(waiting)["stop_answer"].visible, "it waits behind the first one"
    pressed = explains.stop(asked_by())
    assert not pressed["stop_answer"].visible and not pressed["cancel"].interactive
    go_on.set()
    for ended in (last_of(steps), last_of(waiting)):
        assert "Stopped" in ended["status"] and not ended["stop_answer"].visible
    monkeypatch.setattr(service, "predict_on_gpu", real)
    assert not shown(events, clip)[-2]["stop_answer"].visible, "there is another then"


def test_nothing_of_the_clip_before_stays_behind_one_that_fails(events, explains, clip, tmp_path):
    shown(events, clip)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing of a film")
    *_, trouble = shown(events, broken)
    assert "No answer" in trouble["status"] and trouble["details"].visible is False
    told = last_of(explains.explain(*FAST[:2], None, None, asked_by()))["explain_status"]
    assert "give one first" in told


def test_one_clip_too_many_is_said_on_the_page(events, clip):
    events.visits.storage.limits = Limits(mb_of_visit=1)
    stored = events.visits.storage.open("1.2.3.4")
    stored.size, stored.whole = 2 << 20, True
    given = stored.folder / "clip.mp4"
    given.write_bytes(clip.read_bytes())
    (refused,) = events.show(str(given), True, asked_by())
    assert "than the 1 that a visit may have" in refused["status"]
    assert refused["details"].visible is False and not given.exists()
    assert "bars" in shown(events, clip)[-2]["status"]


def test_states_follow_each_other(events, clip, tmp_path):
    assert "Watching" in events.greet(asked_by())["status"]  # an example comes by itself
    answer, details = shown(events, clip)[-2:]
    assert "mine.mp4" in answer["status"]
    assert answer["player"]["duration_s"] == pytest.approx(2.0, abs=0.1)
    assert "check the usual map" in details["trust"]
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing of a film")
    failed = shown(events, broken)[-1]
    assert "No answer" in failed["status"] and failed["player"] is None
    german = shown(events, clip, request=asked_by("two", "de-DE"))[-2]["status"]
    assert "Positiv" in german


def test_the_same_clip_is_predicted_once(events, clip, tmp_path, predictions):
    copy = tmp_path / "other-name.mp4"
    copy.write_bytes(clip.read_bytes())
    for path in (clip, copy, clip):
        shown(events, path)
    Programs(events.visits).predict(str(clip), True, "", asked_by())
    assert len(predictions) == 1
    shown(events, clip, request=asked_by("two"))
    assert len(predictions) == 2, "a visitor's clip is nobody else's"
    for session in ("one", "two", "three"):
        shown(events, EXAMPLES[1], request=asked_by(session))
    assert len(predictions) == 3, "a drawn example is everybody's"


def test_before_a_clip_and_beyond_the_rate_there_is_a_sentence(events, explains, clip):
    assert "give one first" in last_of(explains.explain(*FAST, asked_by()))["explain_status"]
    events.visits.of_visitor.most = 1
    shown(events, clip, request=asked_by("two"))
    assert (
        "more than 1 questions"
        in last_of(explains.explain(*FAST, asked_by("two")))["explain_status"]
    )
    assert "more than 1 questions" in shown(events, clip, request=asked_by("two"))[-1]["status"]
    error = Programs(events.visits).predict(str(clip), True, "", asked_by("two"))["errors"][0]
    assert error["clip"] == "mine.mp4" and "more than 1" in error["error"]


def test_a_link_is_refused_or_lands_under_a_name_of_ours(events, monkeypatch):
    assert (
        "One thing first" in last_of(events.fetch("https://x", 0, 5, False, asked_by()))["status"]
    )
    refused = last_of(events.fetch("http://127.0.0.1/<b>.mp4", 0, 5, True, asked_by()))["status"]
    assert "refused" in refused and "<b>" not in refused

    def fetch(url, out, start_s, end_s, pause):
        out.write_bytes(EXAMPLES[0].read_bytes())
        return out

    monkeypatch.setattr("emo_core.io.download.fetch", fetch)
    last_of(events.fetch("https://youtu.be/../../x", 0, 5, True, asked_by()))
    (path,) = events.visits.folder.rglob("*.mp4")
    assert path.name == "clip.mp4" and path.parent.parent == events.visits.folder
    events.leave(asked_by())
    assert not path.exists()


def test_taking_the_tick_back_stops_and_deletes(events, explains, clip):
    visits = events.visits
    stored = visits.storage.open("1.2.3.4")
    given = stored.folder / "mine.mp4"
    given.write_bytes(clip.read_bytes())
    shown(events, given)
    visit = visits.of("one")
    assert visit.current is not None and visit.cases
    told = events.take_back(False, asked_by())
    assert "the clip is deleted" in told["status"] and told["details"].visible is False
    assert not visit.cases and visit.current is None
    assert list(visits.folder.iterdir()) == []
    assert told["player"] is None and told["guesses"] is None
    assert "bars" in shown(events, EXAMPLES[0])[-2]["status"], "who was here may go on"


def test_the_tick_taken_back_leaves_a_drawn_example_alone(events):
    shown(events, EXAMPLES[0])
    assert list(events.take_back(False, asked_by())) == ["details"]
    assert list(events.take_back(True, asked_by("two"))) == ["details"]
    assert events.visits.of("one").current is not None


def test_an_answer_that_comes_after_the_tick_was_taken_back_is_dropped(events, clip, monkeypatch):
    real = service.predict_on_gpu

    def late(*args, **more):
        events.take_back(False, asked_by())
        return real(*args, **more)

    monkeypatch.setattr(service, "predict_on_gpu", late)
    assert "Stopped" in shown(events, clip)[-1]["status"]
    visit = events.visits.of("one")
    assert visit.current is None and not visit.cases
