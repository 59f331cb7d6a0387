"""The repository as a Space: what `make space` refuses; figures of sound, affect and mistakes."""

import math
from dataclasses import replace
from pathlib import Path

import check_space as space
import numpy as np
import pytest
from check_space import SpaceError

from emo_core.checkpoint import CARD, SHIPPED, shipped_checkpoints
from emo_core.clip import load_clip
from emo_core.inference.predict import predict
from emo_core.inference.prediction import Moment
from emo_core.viz import confusion as scores
from emo_core.viz import valence_arousal as affect
from emo_core.viz import waveform as wave
from tests.demo.test_service import write_clip
from tests.support.explained import planted

ROOT = Path(__file__).parents[2]

README = (ROOT / "README.md").read_text(encoding="utf-8")
PINS = (ROOT / "requirements.txt").read_text(encoding="utf-8")


def test_this_repository_has_the_form_of_a_space():
    front = space.front_matter(README)
    space.check_front_matter(front, ROOT)
    space.check_pins(front, PINS)
    space.check_sizes(space.tracked(ROOT))


@pytest.mark.parametrize(
    "change",
    [
        {"sdk": "docker"},
        {"colorFrom": "mauve"},
        {"emoji": "x"},
        {"app_file": "nowhere.py"},
        {"python_version": "3.14"},
        {"short_description": "x" * 61},
        {"unheard_of": "1"},
    ],
)
def test_settings_that_hugging_face_does_not_take_are_refused(change):
    with pytest.raises(SpaceError, match="front matter"):
        space.check_front_matter({**space.front_matter(README), **change}, ROOT)


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "numpy>=2",
        "--index-url https://example.org",
        "numpy==2.4.6 ; sys_platform",
        "git+https://example.org/x",
    ],
)
def test_requirements_that_are_no_exact_version_are_refused(line):
    with pytest.raises(SpaceError, match=r"requirements\.txt"):
        space.check_pins(space.front_matter(README), f"{PINS}\n{line}")


def test_versions_that_disagree_and_large_files_are_refused(tmp_path):
    front = space.front_matter(README)
    with pytest.raises(SpaceError, match="gradio"):
        space.check_pins({**front, "sdk_version": "5.0.0"}, PINS)
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(space.MOST_BYTES + 1)
    with pytest.raises(SpaceError, match=r"large.bin has 10.0 MB"):
        space.check_sizes([large])
    pointer = tmp_path / "pointer"
    pointer.write_bytes(b"version https://git-lfs.example/spec/v1\n")
    with pytest.raises(SpaceError, match="pointer"):
        space.check_sizes([pointer])
    with pytest.raises(SpaceError, match="does not begin"):
        space.front_matter("# emo\n")


@pytest.mark.parametrize("name", shipped_checkpoints())
def test_every_shipped_card_has_its_headings(name):
    text = (SHIPPED / name / CARD).read_text(encoding="utf-8")
    for heading in ("Scores on held-out sources", "Calibration", "Intended and forbidden use"):
        assert f"## {heading}" in text
    assert "never what a person feels" in text


def test_the_use_policy_says_what_is_not_allowed():
    text = (ROOT / "USE_POLICY.md").read_text(encoding="utf-8")
    for words in ("perceived group affect", "Not at work", "Article 5(1)(f)", "within the\n  hour"):
        assert words in text


def test_a_waveform_swings_as_far_as_the_sound(tmp_path):
    clip = load_clip(write_clip(tmp_path / "tone.wav", 2.0, picture=False))
    high, low = wave.waveform(clip).data
    assert np.max(high.y) == pytest.approx(0.5, abs=0.02)  # the tone has half of full scale
    assert np.min(low.y) == pytest.approx(-0.5, abs=0.02)
    assert np.all(np.asarray(high.y) >= np.asarray(low.y))
    assert min(high.x) >= 0 and max(high.x) <= clip.duration_s
    assert "The largest swing is 0.5" in wave.summarise_waveform(clip)
    mute = load_clip(write_clip(tmp_path / "mute.mp4", 1.0, sound=False))
    assert "no sound" in wave.summarise_waveform(mute) and not wave.waveform(mute).data


def test_the_path_goes_through_every_moment_in_order(tmp_path):
    plain = predict(write_clip(tmp_path / "a.mp4", 1.0))
    assert "no valence" in affect.summarise_affect(plain) and not affect.affect_path(plain).data
    moments = tuple(Moment(t, math.cos(t), math.sin(t)) for t in (0.5, 1.0, 1.5))
    moving = replace(plain, moments=moments)
    (line,) = affect.affect_path(moving).data
    np.testing.assert_allclose(line.x, [m.valence for m in moments])
    np.testing.assert_allclose(line.y, [m.arousal for m in moments])
    np.testing.assert_allclose(line.marker.color, [0.5, 1.0, 1.5])
    assert line.marker.symbol[0] != line.marker.symbol[1], "the start can be told"
    assert "+0.88, arousal +0.48 at 0.5 s" in affect.summarise_affect(moving)


def test_the_commonest_mistake_is_named():
    checkpoint = planted()
    assert "no confusion" in scores.summarise_confusion(checkpoint)
    held_out = {"confusion": [[8, 2], [1, 9]], "calibration_error": 0.125}
    checkpoint = replace(checkpoint, training={"held_out": held_out})
    said = scores.summarise_confusion(checkpoint)
    assert "17 of 20" in said and "red was called green (2)" in said
    (heat,) = scores.confusion_figure(checkpoint).data
    np.testing.assert_allclose(heat.z, [[0.8, 0.2], [0.1, 0.9]])
    assert "12.5 %" in scores.summarise_calibration(checkpoint)
