"""Wrong answers to lesson 10, and what the explanation must speak of."""

import numpy as np


def _gaps(top, right, bins):
    place = np.minimum((top * bins).astype(int), bins - 1)
    held = [place == b for b in range(bins) if (place == b).any()]
    return [right[h].mean() - top[h].mean() for h in held], [h.mean() for h in held]


def _last(top, right, limits, wanted):
    good = [x for x in limits if (top >= x).any() and right[top >= x].mean() >= wanted]
    return good[-1] if good else 1.0


def _never(top, right, limits, wanted):
    good = [x for x in limits if (top >= x).any() and right[top >= x].mean() >= wanted]
    return good[0] if good else 0.0


WRONG = {
    "by_mail": [
        ("Open it: it comes from a colleague", "runs"),
        ("Open it on a machine without network", "delete"),
        ("z", "one letter"),
    ],
    "calibration_error": [
        (lambda t, r, b: np.mean(np.abs(_gaps(t, r, b)[0])), "weigh"),
        (lambda t, r, b: abs(r.mean() - t.mean()), "cancel"),
        (lambda t, r, b: np.dot(*_gaps(t, r, b)), "absolute"),
        (lambda t, r, b: np.max(np.abs(_gaps(t, r, b)[0])), "largest"),
        (lambda t, r, b: 0.5, "Expected"),
        (0.1, "function itself"),
    ],
    "lowest_threshold": [
        (_last, "lower threshold"),
        (_never, "1.0"),
        (lambda t, r, limits, w: limits[0], "too few"),
        (lambda t, r, limits, w: 0.5, "one of the limits"),
    ],
    "on_the_card": [
        ('"Detects the emotions of employees with 98 % accuracy"', "Employees"),
        ('"State-of-the-art performance on challenging data"', "check"),
    ],
    "the_school": [
        ("Yes, with consent it is fine", "consent"),
        ("Yes, if the pictures are deleted at once", "inferring"),
    ],
}
