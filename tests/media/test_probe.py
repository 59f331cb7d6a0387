"""Frame rates and the choice of tracks, by hand."""

from fractions import Fraction
from types import SimpleNamespace

import pytest

from emo_core.media.container import ClipError
from emo_core.media.demux import UnusableTrack
from emo_core.media.probe import MOST_UNUSABLE, ProbeResult, frame_rate, rate_varies


@pytest.mark.parametrize(
    ("steps_s", "varies"),
    [
        ([0.04] * 5, False),
        ([0.04, 0.04, 0.043, 0.04], False),
        ([0.04, 0.04, 0.08, 0.04], True),
        ([0.033, 0.034, 0.033], False),
        ([0.04], False),
    ],
)
def test_a_rate_varies_where_one_frame_stays_longer(steps_s, varies):
    assert rate_varies(steps_s, 0.001) is varies


@pytest.mark.parametrize(
    ("declared", "steps_s", "varies", "fps"),
    [
        (25, [0.04] * 4, False, 25),
        (30, [0.04] * 4, False, 30),  # near enough: the header's word
        (100, [0.04] * 4, False, 25),
        (25, [0.04, 0.04, 0.12], True, 15),
        (None, [0.04] * 4, False, 25),
        (25, [], False, 25),
        (None, [], False, None),
    ],
)
def test_the_header_is_believed_where_the_frames_bear_it_out(declared, steps_s, varies, fps):
    video = SimpleNamespace(average_rate=declared and Fraction(declared))
    assert frame_rate(video, steps_s, varies) == (fps and pytest.approx(fps))


def test_tracks_are_tried_in_turn_and_the_first_fault_is_told(monkeypatch, tmp_path):
    tried = []

    def survey(path, unusable):
        tried.append([track.index for track in unusable])
        if len(unusable) < good:
            stream = SimpleNamespace(type="audio", index=len(unusable))
            raise UnusableTrack("a", stream, f"is bad {len(unusable)}", "expected x; do y")
        return tuple(track.note for track in unusable)

    monkeypatch.setattr(ProbeResult, "_survey", staticmethod(survey))
    good = 2
    assert ProbeResult.of(tmp_path) == (
        "A sound track is bad 0, so it was left out.",
        "A sound track is bad 1, so it was left out.",
    )
    assert tried == [[], [0], [0, 1]]
    good = MOST_UNUSABLE + 1
    with pytest.raises(ClipError, match="^a: the sound track is bad 0; expected x; do y.$"):
        ProbeResult.of(tmp_path)
