"""What happens behind the answer, called as functions: costs, Stop, what-ifs, the other systems."""

import pytest

from demo import service, upload_checks
from demo.explain_callbacks import names
from emo_core.attribution import methods
from emo_core.checkpoint import load_checkpoint
from emo_core.licences import licence_expression
from emo_core.schema import DEFAULT_METHOD
from tests.support.page import EXAMPLES, FAST, Bar, asked_by, shown


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


def test_colours_of_a_map_without_a_sign_are_not_said_to_raise_or_lower(events, explains, clip):
    shown(events, clip)
    signed = explains.explain("grad_cam", "fast", None, None, asked_by(), Bar())["sound_map_text"]
    assert "orange raises the score" in signed
    strength = explains.explain("saliency", "fast", None, None, asked_by(), Bar())["sound_map_text"]
    assert "the stronger the orange" in strength and "raises" not in strength


def test_what_ifs_come_with_a_shift_and_a_swap(events, explains, clip):
    shown(events, clip)
    table = explains.change(*FAST, asked_by(), Bar())["whatif"]
    assert table.count('role="img"') >= 6 and "sound muted" in table
    assert "sound 3.1 s later" in explains.shift(5, None, None, asked_by())["own"]
    assert "sound 5.0 s earlier" in explains.shift(-99, None, None, asked_by())["own"]
    assert "sound where it was" in explains.shift(0, None, None, asked_by())["own"]
    other = EXAMPLES[2]
    assert other.stem.replace("_", " ") in explains.swap(other.name, None, None, asked_by())["own"]
    assert explains.swap("../../etc/passwd", None, None, asked_by()) == {"own": ""}


def test_three_systems_answer_side_by_side(events, explains, clip, systems):
    shown(events, clip)
    found = explains.systems("", asked_by())
    assert "Surprise" in found["mesm"] and "No transcript was given" in found["mesm"]
    assert "Arousal" in found["jmt"] and "star" in found["path_text"]
    assert found["path_plot"].visible
    said = explains.systems("we won!", asked_by())
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
    found = explains.systems("", asked_by())
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
    assert 'role="alert"' in explains.explain(*ask, asked_by(), Bar())["explain_status"]


def test_a_clip_that_is_gone_is_said(events, explains, clip, systems):
    shown(events, clip)
    clip.unlink()
    assert "no longer here" in explains.systems("", asked_by())["group"]
