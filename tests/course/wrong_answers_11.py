"""Wrong answers to lesson 11, and what the explanation must speak of."""

import random

import numpy as np


def _bins(p, truth, bins):
    top, right = p.max(1), p.argmax(1) == truth
    place = np.minimum((top * bins).astype(int), bins - 1)
    held = [place == b for b in range(bins) if (place == b).any()]
    gaps = np.array([top[m].mean() - right[m].mean() for m in held])
    return gaps, np.array([m.mean() for m in held])


def _by_clip(rows, share, seed):
    rows = random.Random(seed).sample(rows, len(rows))
    cut = round(share * len(rows))
    return rows[cut:], rows[:cut]


def _first_actors(rows, test=("actor0", "actor1")):
    return [r for r in rows if r[2] not in test], [r for r in rows if r[2] in test]


def _drawn_anew(rows, calls=[]):  # noqa: B006 - another split at each call
    calls.append(1)
    count = len(calls) % 7
    return _first_actors(rows, (f"actor{count}", f"actor{(count + 1) % 7}"))


WRONG = {
    "whose_clips": [
        ("Clips are drawn at random, so that both sides have the same emotions", "both sides"),
        (
            "All clips of a sentence go to one side, since the words give the emotion away",
            "every emotion",
        ),
    ],
    "reliability_gap": [
        (lambda p, t, bins: np.abs(_bins(p, t, bins)[0]).mean(), "averaged over bins"),
        (lambda p, t, bins: abs(p.max(1).mean() - (p.argmax(1) == t).mean()), "cancel"),
        (lambda p, t, bins: np.dot(*_bins(p, t, bins)), "cancel"),
        (lambda p, t, bins: 0.5, "Expected"),
    ],
    "modality_shares": [
        (lambda b, s, p, c: (s - c, p - c), "first"),
        (lambda b, s, p, c: (b - p, b - s), "second"),
        (lambda b, s, p, c: (((p - c) + (b - s)) / 2, ((s - c) + (b - p)) / 2), "comes first"),
        (lambda b, s, p, c: ((s + b - p) / 2, (p + b - s) / 2), "starts from chance"),
        (lambda b, s, p, c: (0.1, 0.2), "must be"),
    ],
    "held_out": [
        (_by_clip, "on both sides"),
        (lambda rows, share, seed: _first_actors(rows), "Every seed"),
        (lambda rows, share, seed: _drawn_anew(rows), "One seed"),
        (lambda rows, share, seed: (rows, []), "empty"),
        (lambda rows, share, seed: (rows, rows), "once"),
    ],
}
