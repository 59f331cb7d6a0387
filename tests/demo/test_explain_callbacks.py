"""What happens behind the answer, called as functions: costs, Stop, what-ifs, the other systems."""

import pkgutil
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from demo import service, upload_checks
from demo.explain_callbacks import names
from demo.service import UserError
from emo_core.attribution import methods
from emo_core.checkpoint import load_checkpoint
from emo_core.licences import licence_expression
from emo_core.schema import DEFAULT_METHOD
from tests.support.page import EXAMPLES, FAST, asked_by, last_of, shown
from tests.support.predictions import write_people_clip
from tests.support.serving import PATIENCE_S


def test_progress_is_told_and_stop_ends_it(events, explains, clip, monkeypatch):
    monkeypatch.setattr("demo.explain_callbacks.AT_ONCE_S", 0.0)
    shown(events, clip)
    steps = explains.explain("ablation", "standard", None, None, asked_by())
    first = next(steps)
    assert "Working" in first["explain_status"] and first["cancel"].interactive
    assert first["stop_answer"].visible is False, "one Stop is enough"
    assert explains.stop(asked_by())["cancel"].interactive is False
    last = last_of(steps)
    assert "Stopped" in last["explain_status"]
    assert set(last) == {"explain_status", "cancel", "stop_answer"}
    assert last["cancel"].interactive is False
    done = last_of(explains.explain("ablation", "standard", None, None, asked_by()))
    assert "Done in" in done["explain_status"] and done["cancel"].interactive is False


PASS_BY_PASS = {
    "explain": "emo_core.attribution.forward_function:PassBudget.count",
    "check": "emo_core.attribution.forward_function:PassBudget.count",
    "change": "emo_core.attribution.forward_function:PassBudget.count",
    "keep": "demo.upload_checks:DecodeBudget.count",
}


PLACES = {"check": "trust", "change": "whatif"}  # what will be filled tells how it goes


@pytest.mark.parametrize("kind", PASS_BY_PASS)
def test_stop_ends_everything_that_is_long(kind, events, explains, clip, monkeypatch):
    """Map, checks, what-ifs, film: after Stop not one more pass, or packet, is done."""
    shown(events, clip)
    last_of(explains.explain(*FAST, asked_by()))
    owner, _, method = PASS_BY_PASS[kind].rpartition(".")
    owner = pkgutil.resolve_name(owner)
    done, real = [], getattr(owner, method)

    def counted(*args, **more):
        done.append(kind)
        if len(done) == 2:
            assert events.visits.is_busy("one")
            explains.stop(asked_by())
            assert not events.visits.is_busy("one")
        return real(*args, **more)

    monkeypatch.setattr(owner, method, counted)
    preset = "standard" if kind == "explain" else "fast"
    method_asked = "ablation" if kind == "explain" else "grad_cam"
    ended = last_of(getattr(explains, kind)(method_asked, preset, None, None, asked_by()))
    assert "Stopped" in ended[PLACES.get(kind, "explain_status")] and len(done) == 2
    assert not list(events.visits.folder.rglob("overlay.mp4"))


def test_stop_stays_as_long_as_anything_of_the_visitor_waits(events, explains, clip, monkeypatch):
    shown(events, clip)
    began, go_on, told = Event(), Event(), Event()

    def held(*args, **more):
        began.set()
        assert go_on.wait(PATIENCE_S)
        raise UserError("held long enough")

    def held_too(*args, **more):
        assert told.wait(PATIENCE_S)
        raise UserError("no what-ifs are needed here")

    monkeypatch.setattr("demo.explanations.explain_on_gpu", held)
    monkeypatch.setattr("demo.explanations.counterfactuals_on_gpu", held_too)
    monkeypatch.setattr("demo.explain_callbacks.AT_ONCE_S", 0.0)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(last_of, explains.check(*FAST, asked_by()))
        assert began.wait(PATIENCE_S)
        second = explains.change(*FAST, asked_by())
        assert "You are next" in next(second)["whatif"]
        go_on.set()
        assert "held long enough" in first.result(PATIENCE_S)["trust"]
        assert first.result()["cancel"].interactive, "the what-ifs still wait or run"
        told.set()
        assert last_of(second)["cancel"].interactive is False
    assert explains.finish(asked_by())["cancel"].interactive is False


def test_who_leaves_stops_what_runs_for_them(events, explains, clip, monkeypatch):
    monkeypatch.setattr("demo.explain_callbacks.AT_ONCE_S", 0.0)
    shown(events, clip)
    steps = explains.explain("ablation", "standard", None, None, asked_by())
    next(steps)
    events.leave(asked_by())
    assert "Stopped" in last_of(steps)["explain_status"]
    assert not events.visits.model_jobs.jobs


def test_a_client_that_is_gone_stops_its_job(events, explains, clip, monkeypatch):
    """gradio closes the generator of a client that it can tell no more."""
    monkeypatch.setattr("demo.explain_callbacks.AT_ONCE_S", 0.0)
    shown(events, clip)
    steps = explains.explain("ablation", "standard", None, None, asked_by())
    next(steps)
    steps.close()
    assert not events.visits.is_busy("one")


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


def test_colours_of_a_map_without_a_sign_are_not_said_to_raise_or_lower(events, explains, clip):
    shown(events, clip)
    signed = last_of(explains.explain("grad_cam", "fast", None, None, asked_by()))
    assert "orange raises the score" in signed["sound_map_text"]
    found = last_of(explains.explain("saliency", "fast", None, None, asked_by()))
    strength = found["sound_map_text"]
    assert "the stronger the orange" in strength and "raises" not in strength


def test_what_ifs_come_with_a_shift_and_a_swap(events, explains, clip):
    shown(events, clip)
    changed = last_of(explains.change(*FAST, asked_by()))
    faders = changed["faders"]
    assert "sound muted" in [each["name"] for each in faders["changed"]]
    assert [place["by_s"] for place in faders["moved"]][8] == 0 and len(faders["moved"]) == 17
    assert faders["moved"][8]["score"] == pytest.approx(faders["base"], abs=1e-4)
    later = [name for name in faders["changed"] if "later" in name["name"]]
    assert later[0]["score"] in [pytest.approx(p["score"], abs=1e-3) for p in faders["moved"]]
    assert faders["believed"]["most"] in ("picture", "sound")
    other = EXAMPLES[2]
    assert (
        other.stem.replace("_", " ")
        in last_of(explains.swap(other.name, None, None, asked_by()))["own"]
    )
    stranger = last_of(explains.swap("../../etc/passwd", None, None, asked_by()))
    assert stranger == {"own": ""}


def test_three_systems_answer_side_by_side(events, explains, clip, systems):
    shown(events, clip)
    found = last_of(explains.systems("", asked_by()))
    assert "Surprise" in found["mesm"] and "No transcript was given" in found["mesm"]
    assert "Arousal" in found["jmt"] and "star" in found["path_text"]
    assert found["path_plot"].visible
    said = last_of(explains.systems("we won!", asked_by()))
    assert "No transcript was given" not in said["mesm"]


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
    found = last_of(explains.systems("", asked_by()))
    assert all("not installed here" in found[name] for name in ("mesm", "jmt"))
    assert "bars" in found["group"] and found["path_text"] == ""


def test_the_model_tells_what_it_got_wrong(events, explains):
    about = explains.about(asked_by())
    assert "Limits" in about["about"] and "photographs" in about["about"]
    assert "held-out" in about["model_card"]
    assert licence_expression(load_checkpoint()) in about["about"]


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
    assert 'role="alert"' in last_of(explains.explain(*ask, asked_by()))["explain_status"]


def test_a_clip_that_is_gone_is_said(events, explains, clip, systems):
    shown(events, clip)
    clip.unlink()
    assert "no longer here" in last_of(explains.systems("", asked_by()))["group"]


def test_a_film_keeps_the_map_and_says_that_it_ends_before_the_clip(
    events, explains, first_maps, clip, monkeypatch
):
    monkeypatch.setattr("emo_core.viz.film.LONGEST_S", 1.0)
    shown(events, clip)
    drawn = last_of(first_maps.first_map(asked_by()))["player"]
    assert drawn["map"] and not drawn["note"]
    assert "first 1 of 2 seconds" in last_of(explains.play(asked_by()))["player"]["note"]


def test_a_film_of_a_clip_keeps_the_map_over_it(events, explains, first_maps, clip):
    shown(events, clip)
    drawn = last_of(first_maps.first_map(asked_by()))["player"]
    played = last_of(explains.play(asked_by()))["player"]
    assert played["url"].endswith("clip.webm") and played["map"] == drawn["map"] is not None
    assert not played["other_clock"], "a film is on the clip's own clock"
    again = last_of(explains.explain(*FAST, asked_by()))["player"]
    assert again["url"] == played["url"], "a closer look goes back to what can't be played"


@pytest.mark.parametrize("asked", ["explain", "check", "play"])
def test_what_was_asked_of_the_clip_before_leaves_the_next_alone(
    events, explains, clip, tmp_path, monkeypatch, asked
):
    shown(events, clip)
    visit, given, enter = events.visits.of("one"), Event(), explains.visits.enter

    def entered(work, *more):
        return enter(lambda job: (work(job), given.wait(PATIENCE_S))[0], *more)

    monkeypatch.setattr(explains.visits, "enter", entered)
    steps = getattr(explains, asked)(*(() if asked == "play" else FAST), asked_by())
    next(steps)
    visit.current = service.open_case(write_people_clip(tmp_path / "other.mp4", 1.0), visit)
    given.set()
    assert not any("player" in step for step in steps), "the clip before is back in the player"
