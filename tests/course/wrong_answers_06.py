"""Wrong answers to lesson 6, and what the explanation must speak of."""

import numpy as np


def _below(weights, p):
    order = np.argsort(-weights)
    kept = np.zeros(len(weights), bool)
    kept[order[np.cumsum(weights[order]) < p]] = True
    return kept


def _sorted(weights, p):
    ordered = np.sort(weights)[::-1]
    kept = np.cumsum(ordered) - ordered < p
    kept[0] = True
    return kept


WRONG = {
    "top_p": [
        (_below, "crosses the line"),
        (_sorted, "own order"),
        (lambda weights, p: np.zeros(5, bool), "strongest"),
        (lambda weights, p: np.ones(5, bool), "enough"),
        (lambda weights, p: weights, "True and False"),
        (lambda weights, p: 1, "shape"),
    ],
    "no_gradient": [
        ("Top-p throws small gradients away", "forwards"),
        ("The softmax is saturated", "None"),
    ],
    "share_left": [(0.5, "towers"), (0.315, "saved"), (68.5, "per cent"), (0.1, "everything")],
    "always_no": [
        ("16.7 %, one in six", "six questions"),
        ("50 %, as for any yes-or-no question", "equally"),
    ],
}
