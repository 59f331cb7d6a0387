"""Which of two times of a frame to believe: FFmpeg's count, by hand."""

from types import SimpleNamespace

import pytest

from emo_core.media.demux import FaultCount


@pytest.mark.parametrize(
    ("times", "truer"),
    [
        ([(0, 0), (1, 1), (2, 2)], False),
        ([(0, 2), (3, 3), (2, 4), (1, 5)], True),  # presentation times step back twice
        ([(0, 0), (2, 0), (4, 0)], False),
        ([(0, 0), (2, 2), (1, 1)], False),  # equally often: presentation times
        ([(None, 2), (None, 3)], False),
        ([(0, None), (3, None), (1, None)], True),
        ([(5, 5), (None, 7), (6, 8)], True),  # a missing time is stood in for by the other
    ],
)
def test_the_time_that_steps_back_less_often_is_truer(times, truer):
    count = FaultCount()
    for pts, dts in times:
        count.add(SimpleNamespace(pts=pts, dts=dts))
    assert count.dts_are_truer is truer
