"""What happens on the page, called as functions: every state, nothing twice, Stop stops."""

import json
import time
import types
from dataclasses import fields, replace
from pathlib import Path

import pytest

from demo import (
    explanations,
    service,
    upload_checks,
)
from demo.api import Programs, check_tools
from demo.callbacks import AnswerCallbacks, address_of
from demo.explain_callbacks import ExplainCallbacks, names
from demo.layout import Page
from demo.sessions import Session, Sessions
from demo.settings import Limits
from emo_core.attribution import methods
from emo_core.checkpoint import load_checkpoint, save_checkpoint
from emo_core.cli.main import main as emo
from emo_core.inference.predict import predict
from emo_core.schema import DEFAULT_METHOD, DEFAULT_MODEL
from tests.support.explained import checkpoint_of
from tests.support.predictions import write_clip

ROOT = Path(__file__).parents[2]

EXAMPLES = sorted((ROOT / "assets" / "examples").glob("*.mp4"))
FAST = ("grad_cam", "fast", None, None)


def asked_by(session: str = "one", language: str = "en", forwarded: str | None = None):
    headers = {"accept-language": language}
    headers |= {"x-forwarded-for": forwarded} if forwarded else {}
    client = types.SimpleNamespace(host="1.2.3.4")
    return types.SimpleNamespace(session_hash=session, headers=headers, client=client)


class Bar:
    """Notes progress."""

    def __init__(self) -> None:
        self.steps = []

    def __call__(self, done_total, desc, unit) -> None:
        self.steps.append(done_total)


@pytest.fixture
def events(tmp_path, monkeypatch):
    """The callbacks of a clip's answer; the page's parts are their own names."""
    monkeypatch.setattr(service, "_PUBLIC", {})
    folder = tmp_path / "page"
    folder.mkdir()
    page = Page(**{field.name: field.name for field in fields(Page)})
    return AnswerCallbacks(page, Sessions(Limits(), folder))


@pytest.fixture
def explains(events):
    """The callbacks behind the answer, of the same page and visitors."""
    return ExplainCallbacks(events.page, events.visits)


@pytest.fixture
def clip(tmp_path):
    """A clip of two seconds that is no shipped example."""
    return write_clip(tmp_path / "mine.mp4", 2.0)


@pytest.fixture
def predictions(monkeypatch):
    """Counts how often something is predicted."""
    made, real = [], service.predicted

    def counted(*args):
        made.append(args)
        return real(*args)

    monkeypatch.setattr(service, "predicted", counted)
    return made


def shown(events, path, agreed=True, request=None) -> list[dict]:
    """What the page shows one after the other: answer, then details, as the page asks for them."""
    request = request or asked_by()
    steps = list(events.show(str(path) if path else None, agreed, request))
    details = events.details(request)
    return [*steps, details] if "json" in details else steps


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_app_command_and_library_give_the_same_bits(path, capsys, events):
    model = service.model_for(path)
    library = predict(path, model)
    assert emo(["predict", str(path), "--model", model, "--json"]) == 0
    command = json.loads(capsys.readouterr().out)["results"][0]
    page = shown(events, path)[-1]["json"]["results"][0]
    program = Programs(events.visits).predict(str(path), asked_by())["results"][0]
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


def test_what_a_visitor_wrote_about_an_example_is_theirs_alone(monkeypatch):
    monkeypatch.setattr(service, "_PUBLIC", {})
    monkeypatch.setattr(service, "_opened", lambda clip, name, windows: clip)
    visit, most = Session(), service.MOST_LETTERS
    for text in (None, "my secret", "x" * (most + 1), "x" * (most + 2)):
        clip = service.open_case(EXAMPLES[0], visit, text=text)
        assert clip.text == (text and text[:most])
    assert [key[2] for key in service._PUBLIC] == [None]
    assert [key[2] for key in visit.cases] == ["my secret", "x" * most]


def test_the_default_model_learned_from_real_people():
    assert load_checkpoint(DEFAULT_MODEL).training["corpus"] == "collage"


def test_a_clip_is_refused_until_the_tick_and_drawn_examples_are_not(events, clip):
    (only,) = shown(events, clip, agreed=False)
    assert "One thing first" in only["status"]
    answer, details = shown(events, EXAMPLES[0], agreed=False)[-2:]
    assert "bars" in answer["status"] and details["json"]
    assert "bars" in list(events.again(str(clip), None, True, asked_by()))[-1]["status"]


@pytest.mark.parametrize("later", ["video", "other"])
def test_of_two_clips_the_tick_means_the_later_one(later, events, clip, tmp_path):
    sound = write_clip(tmp_path / "voice.wav", 1.0, picture=False)
    order = (sound, clip) if later == "video" else (clip, sound)
    for path in order:
        shown(events, path, agreed=False)
    list(events.again(str(clip), str(sound), True, asked_by()))
    assert events.visits.of(asked_by().session_hash).current.clip.path == order[1]
    list(events.again(str(order[0]), None, True, asked_by()))  # the later one was taken away
    assert events.visits.of(asked_by().session_hash).current.clip.path == order[0]


def test_a_tick_without_a_new_answer_leaves_the_page_alone(events, clip):
    shown(events, EXAMPLES[0])
    assert list(events.again(None, None, False, asked_by()))[0].keys() == {"status"}
    assert events.details(asked_by()).keys() == {"explain_status"}, "maps would be wiped"


def test_what_takes_long_is_announced_and_what_does_not_is_not(events, clip, monkeypatch):
    real = service.predicted

    def slow(*args):
        time.sleep(0.3)
        return real(*args)

    service.load_model(service.default_model())
    monkeypatch.setattr("demo.callbacks.SOON_S", 600)
    assert [list(step) for step in shown(events, clip)][0] == ["status", "details"]
    assert len(shown(events, clip)) == 2
    monkeypatch.setattr("demo.callbacks.SOON_S", 0.1)
    monkeypatch.setattr(service, "predicted", slow)
    busy, answer, _ = shown(events, clip, request=asked_by("two"))
    assert "Watching" in busy["status"] and "bars" in answer["status"]


def test_nothing_of_the_clip_before_stays_behind_one_that_fails(events, explains, clip, tmp_path):
    shown(events, clip)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing of a film")
    (trouble,) = shown(events, broken)
    assert "No answer" in trouble["status"] and trouble["details"].visible is False
    told = explains.explain(*FAST[:2], None, None, asked_by(), Bar())["explain_status"]
    assert "give one first" in told


def test_states_follow_each_other(events, clip, tmp_path):
    assert "No clip yet" in shown(events, None)[0]["status"]
    answer, details = shown(events, clip)[-2:]
    assert "mine.mp4" in answer["status"]
    assert details["frames"].count("<img") > 3
    assert "No map yet" in details["clock_text"]
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing of a film")
    assert "No answer" in shown(events, broken)[-1]["status"]
    german = shown(events, clip, request=asked_by("two", "de-DE"))[-2]["status"]
    assert "Positiv" in german


def test_the_same_clip_is_predicted_once(events, clip, tmp_path, predictions):
    copy = tmp_path / "other-name.mp4"
    copy.write_bytes(clip.read_bytes())
    for path in (clip, copy, clip):
        shown(events, path)
    Programs(events.visits).predict(str(clip), asked_by())
    assert len(predictions) == 1
    shown(events, clip, request=asked_by("two"))
    assert len(predictions) == 2, "a visitor's clip is nobody else's"
    for session in ("one", "two", "three"):
        shown(events, EXAMPLES[1], request=asked_by(session))
    assert len(predictions) == 3, "a drawn example is everybody's"


def test_the_same_map_is_made_once(events, explains, clip, monkeypatch):
    made, real = [], explanations.explain
    monkeypatch.setattr(explanations, "explain", lambda *a, **k: made.append(a) or real(*a, **k))
    shown(events, clip)
    first = explains.explain(*FAST, asked_by(), Bar())
    assert "Done in" in first["explain_status"] and first["frames_map"].count("<img") > 3
    second = explains.explain(*FAST, asked_by(), Bar())
    assert "nothing was computed again" in second["explain_status"] and len(made) == 1
    label = predict(clip).label
    explains.explain("grad_cam", "fast", label, 0, asked_by(), Bar())
    assert len(made) == 1, "what was left open is the same question"
    other = next(name for name in predict(clip).labels if name != label)
    explains.explain("grad_cam", "fast", other, 0, asked_by(), Bar())
    assert len(made) == 2


def test_progress_is_told_and_stop_ends_it(events, explains, clip):
    shown(events, clip)
    request, bar = asked_by(), Bar()
    explains.start(request)
    visit = events.visits.of("one")

    class Impatient(Bar):
        def __call__(self, *args, **more) -> None:
            super().__call__(*args, **more)
            if len(self.steps) == 2:
                explains.stop(request)

    impatient = Impatient()
    ended = explains.explain("ablation", "fast", None, None, request, impatient)
    assert (
        "Stopped" in ended["explain_status"]
        and set(ended) == {"explain_status"}
        and len(impatient.steps) == 2
    )
    explains.start(request)
    assert not visit.stop.is_set()
    done = explains.explain("ablation", "standard", None, None, request, bar)
    assert (
        "Done in" in done["explain_status"]
        and bar.steps == sorted(bar.steps)
        and len(bar.steps) > 2
    )
    assert bar.steps[-1][1] == methods.cost("ablation", "standard", visit.current.checkpoint)


def test_who_leaves_stops_what_runs_for_them(events, explains, clip):
    shown(events, clip)

    class Gone(Bar):
        def __call__(self, *args, **more) -> None:
            super().__call__(*args, **more)
            events.leave(asked_by())

    gone = Gone()
    assert (
        "Stopped"
        in explains.explain("ablation", "fast", None, None, asked_by(), gone)["explain_status"]
    )
    assert len(gone.steps) == 1


def test_presets_show_their_cost_before_they_run(events, explains, clip):
    details = shown(events, clip)[-1]
    checkpoint = events.visits.of("one").current.checkpoint
    for method, radio in (
        (DEFAULT_METHOD, details["preset"]),
        ("shapley", explains.price("shapley", "fast", asked_by())["preset"]),
    ):
        texts = {value: text for text, value in radio.choices}
        for preset, text in texts.items():
            assert f"{methods.cost(method, preset, checkpoint)} passes" in text, text


def test_checks_film_and_report_reuse_the_map(events, explains, clip, monkeypatch):
    shown(events, clip)
    explains.explain(*FAST, asked_by(), Bar())
    monkeypatch.setattr(
        explanations, "explain_on_gpu", lambda *a, **k: pytest.fail("the map was made again")
    )
    checked = explains.check(*FAST, asked_by(), Bar())
    assert "verdict" in checked["trust"] and checked["trust"].count("<tr>") >= 4
    kept = explains.keep(*FAST, asked_by(), Bar())
    made = sorted(path.name for path in events.visits.folder.rglob("*") if path.is_file())
    assert {"attribution.npz", "overlay.mp4", "report.html"} <= set(made)
    report = next(events.visits.folder.rglob("report.html")).read_text(encoding="utf-8")
    assert "Not checked" not in report and "mine.mp4" in report
    assert "data-film-start" in kept["clock_peaks"]
    events.leave(asked_by())
    assert not list(events.visits.folder.rglob("report.html")), "files stayed behind"


def test_what_ifs_come_with_a_shift_and_a_swap(events, explains, clip):
    shown(events, clip)
    table = explains.change(*FAST, asked_by(), Bar())["whatif"]
    assert table.count('role="img"') >= 6 and "silent sound" in table
    assert "frames later" in explains.shift(5, None, None, asked_by())["own"]
    assert "8 frames earlier" in explains.shift(-99, None, None, asked_by())["own"]
    other = EXAMPLES[2]
    assert other.stem.replace("_", " ") in explains.swap(other.name, None, None, asked_by())["own"]
    assert explains.swap("../../etc/passwd", None, None, asked_by()) == {"own": ""}


@pytest.fixture
def systems(tmp_path, monkeypatch):
    """Untrained fe2e, mesm and jmt, as checkpoints."""
    for name, kind in (("mesm", "mesm-structured"), ("jmt", "jmt")):
        checkpoint, _ = checkpoint_of(kind)
        save_checkpoint(tmp_path / kind, checkpoint, f"# {kind}\n")
        monkeypatch.setenv(f"EMO_{name.upper()}", str(tmp_path / kind))


def test_three_systems_answer_side_by_side(events, explains, clip, systems):
    shown(events, clip)
    found = explains.systems("", asked_by())
    assert "Surprise" in found["mesm"] and "no transcript was given" in found["mesm"]
    assert "Arousal" in found["jmt"] and "star" in found["path_text"]
    assert found["path_plot"].visible
    said = explains.systems("we won!", asked_by())
    assert "no transcript was given" not in said["mesm"]


def test_six_emotions_of_a_drawing_and_of_a_visitors_clip_have_models_of_their_own(tmp_path):
    drawn = upload_checks.EXAMPLES / "both_positive.mp4"
    own = tmp_path / "own.mp4"
    own.write_bytes(b"anything else")
    assert names(drawn)["mesm"] == "mesm-staged"
    assert names(own)["mesm"] == "fe2e-utterances"
    assert all(service.is_here(name) for name in names(own).values())


def test_a_system_that_is_not_here_says_so(events, explains, clip, monkeypatch):
    monkeypatch.setenv("EMO_MESM", "never-shipped")
    monkeypatch.setenv("EMO_JMT", "never-shipped")
    shown(events, clip)
    found = explains.systems("", asked_by())
    assert "not shipped here yet" in found["mesm"] and "not shipped here yet" in found["jmt"]
    assert "bars" in found["group"] and found["path_text"] == ""


def test_the_model_tells_what_it_got_wrong(events, explains):
    about = explains.about(asked_by())
    assert "Limits" in about["about"] and "photographs" in about["about"]
    assert "held-out" in about["model_card"]


def test_before_a_clip_and_beyond_the_rate_there_is_a_sentence(events, explains, clip):
    assert "give one first" in explains.explain(*FAST, asked_by(), Bar())["explain_status"]
    events.visits.of_visitor.most = 1
    shown(events, clip, request=asked_by("two"))
    assert (
        "more than 1 questions" in explains.explain(*FAST, asked_by("two"), Bar())["explain_status"]
    )
    assert "more than 1 questions" in shown(events, clip, request=asked_by("two"))[-1]["status"]
    error = Programs(events.visits).predict(str(clip), asked_by("two"))["errors"][0]
    assert error["clip"] == "mine.mp4" and "more than 1" in error["error"]


@pytest.mark.parametrize(
    "ask",
    [
        ("tea_leaves", "fast", None, None),
        ("grad_cam", "slow", None, None),
        ("grad_cam", "fast", "bored", None),
        ("grad_cam", "fast", None, 7),
    ],
)
def test_questions_that_make_no_sense_get_a_sentence(events, explains, clip, ask):
    shown(events, clip)
    assert 'role="alert"' in explains.explain(*ask, asked_by(), Bar())["explain_status"]


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


def test_a_link_is_refused_or_lands_under_a_name_of_ours(events, monkeypatch):
    assert "One thing first" in events.fetch("https://x", 0, 5, False, asked_by())["status"]
    refused = events.fetch("http://127.0.0.1/<b>.mp4", 0, 5, True, asked_by())["status"]
    assert "refused" in refused and "<b>" not in refused

    def fetch(url, out, start_s, end_s):
        out.write_bytes(EXAMPLES[0].read_bytes())
        return out

    monkeypatch.setattr("emo_core.io.download.fetch", fetch)
    events.fetch("https://youtu.be/../../x", 0, 5, True, asked_by())
    (path,) = events.visits.folder.rglob("*.mp4")
    assert path.name == "clip.mp4" and path.parent.parent == events.visits.folder
    events.leave(asked_by())
    assert not path.exists()


def test_a_visitor_counts_by_what_the_nearest_proxy_says():
    request = asked_by(forwarded="9.9.9.9, 8.8.8.8")
    assert address_of(request, behind_proxy=False) == "1.2.3.4"
    assert address_of(request, behind_proxy=True) == "8.8.8.8", "the rest can be made up"
    assert address_of(asked_by(), behind_proxy=True) == "1.2.3.4"


def test_tools_for_agents_need_their_package(monkeypatch):
    check_tools(Limits())
    monkeypatch.setattr("demo.api.find_spec", lambda name: None)
    with pytest.raises(Exception, match="EMO_MCP is on"):
        check_tools(replace(Limits(), mcp=True))


def test_a_clip_that_is_gone_is_said(events, explains, clip, systems):
    shown(events, clip)
    clip.unlink()
    assert "no longer here" in explains.systems("", asked_by())["group"]
