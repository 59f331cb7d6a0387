"""What is said of a clip whose sound or picture is missing, silent or can't be used."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from emo_core.attribution.explain import explain
from emo_core.attribution.types import ExplainRequest
from emo_core.clip import Clip, load_clip
from emo_core.inference.predict import AudioListener, clip_notes, load_cached, predict
from tests.support import media_files as media
from tests.support.media_files import Picture, Sound, regular

EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"


def notes(tmp_path, sound: Sound | None, answered: bool = True) -> list[str]:
    picture = Picture(regular(50), options=media.X264)
    clip = load_clip(media.write(tmp_path / "clip.mkv", picture, sound))
    listener = AudioListener(clip)
    for start_s in (0.0, 1.0):
        heard = listener(16_000, start_s, start_s + 1.0)
        assert np.array_equal(heard, clip.audio(16_000, start_s, start_s + 1.0))
    return clip_notes(clip) + listener.notes(answered)


def test_a_good_clip_needs_no_words(tmp_path):
    assert notes(tmp_path, Sound("flac", beeps_s=(1.0,))) == []
    assert notes(tmp_path, Sound("flac", beeps_s=(1.9,))) == []


def test_missing_sound_is_said(tmp_path):
    assert notes(tmp_path, None) == [
        "The clip has no sound: the answer rests on the picture alone."
    ]


@pytest.mark.parametrize("gain", [0.0, 5e-4])
def test_silence_is_said(tmp_path, gain):
    sound = Sound("pcm_f32le", tone_hz=300, gains=(gain, gain))
    assert notes(tmp_path, sound) == [
        "The sound track is silent: the answer rests on the picture alone."
    ]
    assert notes(tmp_path, sound, answered=False) == ["The sound track is silent."]


def test_channels_that_cancel_each_other_out_are_said(tmp_path):
    found = notes(tmp_path, Sound("pcm_s16le", gains=(-1.0, 1.0)))
    assert found == [
        "The sound's 2 channels cancel each other out when mixed: channel 1 was heard alone."
    ]


def test_notes_of_the_file_come_first(tmp_path):
    clip = SimpleNamespace(
        notes=("A sound track is encrypted, so it was left out.",),
        has_audio=False,
        has_video=True,
        timestamps_reset=True,
    )
    found = clip_notes(clip)
    assert len(found) == 3 and found[0] == clip.notes[0] and "jump back" in found[1]


def test_the_sound_of_a_clip_is_read_once(tmp_path, monkeypatch):
    read = []
    read_audio = Clip.read_audio
    monkeypatch.setattr(
        Clip, "read_audio", lambda *asked: read.append(asked[2:]) or read_audio(*asked)
    )
    path = media.write(tmp_path / "clip.mkv", Picture(regular(50)), Sound("flac", tone_hz=300))
    found = predict(path, "group-staged")
    assert read == [(0.0, 2.0)] and not any("sound" in note for note in found.notes)


def test_cancelling_channels_are_said_also_where_nobody_is_found(tmp_path):
    sound = Sound("pcm_s16le", tone_hz=300, gains=(1.0, -1.0))
    path = media.write(tmp_path / "clip.mkv", Picture(regular(50)), sound)
    found = predict(path, "group-people")
    assert found.nobody and found.notes == (
        "The sound's 2 channels cancel each other out when mixed: channel 1 was heard alone.",
    )


def test_what_a_notebook_shows_of_an_answer_can_be_read():
    checkpoint = load_cached("group-staged")
    answer = predict(EXAMPLES / "synced_negative.mp4", checkpoint)
    attribution = explain(checkpoint, answer, ExplainRequest(preset="fast"))
    for shown in map(repr, (answer, checkpoint, attribution)):
        assert "tensor(" not in shown and len(shown) < 4000
