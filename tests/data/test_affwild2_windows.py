"""JMT's windows: each frame is predicted once, as in the authors' loop."""

from collections import Counter

import pytest

from emo_core.data.affwild2_windows import TokenGroup, pick_images, token_windows

LENGTHS = (1, 31, 32, 33, 480, 481, 500, 511, 512, 513, 992, 993, 1024, 1025, 2_999, 10_000)


def authors_windows(length: int) -> list[list[tuple[int, int]]]:
    """The published loop, step by step: (first frame, last frame) of every token."""
    found, end, phase = [], 481, 0
    while True:
        start = end - 512
        tokens = [(start + 32 * i + 1, end - 32 * (15 - i)) for i in range(16)]
        if phase == 0 and tokens[0][1] > length:
            return found
        if tokens[0][1] <= length:  # else it predicts nothing that exists
            found.append(tokens)
        phase = (phase + 1) % 32
        end += 1 if phase else 481


@pytest.mark.parametrize("length", LENGTHS)
def test_every_frame_is_predicted_exactly_once(length):
    windows = list(token_windows(length))
    predicted = Counter(token.predicts for window in windows for token in window.tokens)
    beyond = predicted.pop(None, 0)
    assert predicted == Counter(range(1, length + 1))
    assert beyond == 16 * len(windows) - length


@pytest.mark.parametrize("length", LENGTHS)
def test_windows_are_those_of_the_authors_loop(length):
    windows = list(token_windows(length))
    theirs = authors_windows(length)
    assert len(windows) == len(theirs)
    for window, tokens in zip(windows, theirs, strict=True):
        for token, (first, last) in zip(window.tokens, tokens, strict=True):
            assert list(token.frames) == [f for f in range(first, last + 1) if 1 <= f <= length]
            assert token.predicts == (last if last <= length else None)


def trained(length: int, labelled: set[int]) -> list[TokenGroup]:
    return [window for window in token_windows(length) if window.trains(labelled)]


@pytest.mark.parametrize(
    "length,count", [(480, 0), (481, 1), (482, 2), (512, 32), (700, 32), (993, 33), (1024, 64)]
)
def test_training_keeps_whole_windows(length, count):
    assert len(trained(length, set(range(1, length + 1)))) == count


def test_a_token_without_a_labelled_frame_costs_the_windows_that_hold_it():
    every = set(range(1, 513))
    assert len(trained(512, every - set(range(100, 131)))) == 32  # 31 frames missing: always one
    gap = every - set(range(100, 132))  # all of the one token that ends at frame 131
    assert len(trained(512, gap)) == 31
    assert len(trained(512, every - {1})) == 31  # the first token of phase 0 is frame 1 alone


@pytest.mark.parametrize(
    "count,expected",
    [
        (0, []),
        (1, [1] * 8),
        (3, [1, 2, 3, 3, 3, 3, 3, 3]),
        (8, [1, 2, 3, 4, 5, 6, 7, 8]),
        (15, [8, 9, 10, 11, 12, 13, 14, 15]),
        (16, [2, 4, 6, 8, 10, 12, 14, 16]),
        (23, [9, 11, 13, 15, 17, 19, 21, 23]),
        (24, [3, 6, 9, 12, 15, 18, 21, 24]),
        (31, [10, 13, 16, 19, 22, 25, 28, 31]),
        (32, [4, 8, 12, 16, 20, 24, 28, 32]),
    ],
)
def test_images_are_counted_back_from_the_last_labelled_frame(count, expected):
    assert pick_images(list(range(1, count + 1))) == expected


def test_images_are_chosen_among_labelled_frames_only():
    labelled = [5, 9, 11, 12, 20, 21, 22, 30, 31]
    assert pick_images(labelled) == [9, 11, 12, 20, 21, 22, 30, 31]
