"""Solutions of lesson 11."""

import random

import numpy as np


def reliability_gap(p, truth, bins):
    """Expected calibration error of the largest probability."""
    top, right = p.max(1), p.argmax(1) == truth
    place = np.minimum((top * bins).astype(int), bins - 1)
    total = 0.0
    for b in range(bins):
        held = place == b
        if held.any():
            total += held.mean() * abs(top[held].mean() - right[held].mean())
    return total


def modality_shares(both, sound, picture, chance):
    """Shapley values of hearing and seeing."""
    heard = ((sound - chance) + (both - picture)) / 2
    seen = ((picture - chance) + (both - sound)) / 2
    return heard, seen


def held_out(rows, share, seed):
    """Whole actors for test."""
    actors = sorted({actor for _, _, actor in rows})
    random.Random(seed).shuffle(actors)
    chosen = set(actors[: max(1, round(share * len(actors)))])
    train = [row for row in rows if row[2] not in chosen]
    return train, [row for row in rows if row[2] in chosen]
