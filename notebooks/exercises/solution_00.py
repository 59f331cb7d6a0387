"""Solutions of lesson 0."""

import numpy as np


def pairs_that_agree(votes):
    """The chance that two raters of one clip named the same; votes are counts by emotion."""
    total = sum(votes)
    return sum(n * (n - 1) for n in votes) / (total * (total - 1))


def late(sound, seconds, rate):
    """Sound `seconds` later, of the same length, silent where nothing is left to hear."""
    steps = round(seconds * rate)
    moved = np.roll(sound, steps)
    if steps >= 0:
        moved[:steps] = 0
    else:
        moved[steps:] = 0
    return moved
