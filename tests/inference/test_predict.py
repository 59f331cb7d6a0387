"""What is said of a clip whose sound or picture is missing, silent or can't be used."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from emo_core.attribution.explain import explain
from emo_core.attribution.types import ExplainRequest
from emo_core.clip import load_clip
from emo_core.inference.predict import clip_notes, load_cached, predict
from tests.support import media_files as media
from tests.support.media_files import Picture, Sound, regular

EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"


def heard(loudest_s: float):
    """What `clip_notes` reads of a sample: a log-mel with one loud frame."""
    times_s = torch.arange(200) / 100
    mel = torch.full((200, 8), -20.0)
    mel[math.floor(loudest_s * 100)] = 0
    return SimpleNamespace(mel=mel, mel_times_s=times_s, start_s=0.0)


def notes(tmp_path, sound: Sound | None, loudest_s: float = 1.0) -> list[str]:
    picture = Picture(regular(50), options=media.X264)
    clip = load_clip(media.write(tmp_path / "clip.mkv", picture, sound))
    return clip_notes(clip, [heard(loudest_s)])


def test_a_good_clip_needs_no_words(tmp_path):
    assert notes(tmp_path, Sound("flac", beeps_s=(1.0,))) == []
    assert notes(tmp_path, Sound("flac", beeps_s=(1.9,)), 1.95) == []


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
    found = clip_notes(clip, [])
    assert len(found) == 3 and found[0] == clip.notes[0] and "jump back" in found[1]


def test_the_loudest_window_is_listened_to():
    asked = []

    class Clip:
        notes, has_audio, has_video, timestamps_reset, channels = (), True, True, False, 1

        def audio(self, rate, start_s, end_s):
            asked.append((start_s, end_s))
            return np.ones(8, np.float32)

    quiet, loud = heard(0.2), heard(1.5)
    quiet.mel -= 1
    loud.start_s = 10.0
    assert clip_notes(Clip(), [quiet, loud]) == []
    assert asked == [(11.0, 12.0)]


def test_what_a_notebook_shows_of_an_answer_can_be_read():
    checkpoint = load_cached("group-staged")
    answer = predict(EXAMPLES / "synced_negative.mp4", checkpoint)
    attribution = explain(checkpoint, answer, ExplainRequest(preset="fast"))
    for shown in map(repr, (answer, checkpoint, attribution)):
        assert "tensor(" not in shown and len(shown) < 4000
