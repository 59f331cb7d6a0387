"""The times that frames are given where their own are missing or wrong, by hand."""

from types import SimpleNamespace

from emo_core.media.video_decoder import FrameClock


def frames(*times):
    return [SimpleNamespace(pts=pts, dts=dts) for pts, dts in times]


def stamped(timing, by_dts, *times, restarts=()):
    clock = FrameClock(SimpleNamespace(timing=timing, by_dts=by_dts, step=10))
    ticks = []
    for at, frame in enumerate(frames(*times)):
        if at in restarts:
            clock.restart()
        ticks.append(clock.stamp(frame))
        assert frame.pts == ticks[-1] or ticks[-1] is None
    return ticks


def test_presentation_times_count_where_they_hold():
    assert stamped("pts", False, (0, 5), (10, 15), (20, None)) == [0, 10, 20]


def test_a_frame_without_a_time_comes_one_step_after_the_one_before():
    assert stamped("pts", False, (50, None), (None, None), (None, 75)) == [50, 60, 70]
    assert stamped("pts", False, (50, None), (None, None), (900, None)) == [50, 60, 900]
    assert stamped("pts", False, (None, None), (20, None)) == [None, 20]
    assert stamped("dts", True, (1, 20), (41, 30), (31, None), (31, None)) == [20, 30, 40, 50]


def test_the_count_decides_frame_by_frame_from_the_start():
    times = [(0, 20), (30, 30), (20, 40), (10, 50), (60, 60), (70, None)]
    assert stamped("either", True, *times) == [0, 30, 40, 50, 60, 70]


def test_after_a_seek_the_verdict_of_the_beginning_counts():
    assert stamped("either", True, (90, 110), (120, 120), restarts=(0,)) == [110, 120]
    assert stamped("either", False, (90, 110), (120, 120), restarts=(0,)) == [90, 120]
    assert stamped("pts", False, (90, 0), (None, None), restarts=(1,)) == [90, None]


def test_times_that_both_step_back_are_taken_for_the_next_frame():
    times = [(0, 0), (20, 20), (30, 30), (10, 10), (50, 50)]
    assert stamped("either", False, *times) == [0, 20, 30, 40, 50]
