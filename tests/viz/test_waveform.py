"""The waveform swings as far as the sound."""

import numpy as np
import pytest

from emo_core.clip import load_clip
from emo_core.viz import waveform as wave
from tests.support.predictions import write_clip


def test_a_waveform_swings_as_far_as_the_sound(tmp_path):
    clip = load_clip(write_clip(tmp_path / "tone.wav", 2.0, picture=False))
    high, low = wave.waveform(clip).data
    assert np.max(high.y) == pytest.approx(0.5, abs=0.02)  # the tone has half of full scale
    assert np.min(low.y) == pytest.approx(-0.5, abs=0.02)
    assert np.all(np.asarray(high.y) >= np.asarray(low.y))
    assert min(high.x) >= 0 and max(high.x) <= clip.duration_s
    assert "% of full scale" in wave.summarise_waveform(clip)
    mute = load_clip(write_clip(tmp_path / "mute.mp4", 1.0, sound=False))
    assert "no sound" in wave.summarise_waveform(mute) and not wave.waveform(mute).data
