"""Wrong answers to lesson 3, and what the explanation must speak of."""

import numpy as np


def _twice(pairs):
    groups = [group for group, _ in pairs]
    return {group for group in groups if groups.count(group) > 1}


def _train_and_val(pairs):
    return {g for g, s in pairs if s == "val"} & {"12"}


WRONG = {
    "clip_source": [
        (lambda name: name.split("_")[0], "last underscore"),
        (lambda name: name.split("_")[1], "number of the clip"),
        (lambda name: name[:1], "count letters"),
        (lambda name: 3.5, "as text"),
        (lambda name: "zebra", "zebra"),
    ],
    "leaking_groups": [
        (_twice, "no leak"),
        (_train_and_val, "test"),
        (lambda pairs: {p for p in pairs if len(pairs) > 1 and p[0] in ("12", "14")}, "alone"),
        (lambda pairs: set(), "several splits"),
        (lambda pairs: {"1"}, "empty set"),
    ],
    "constant_percent": [
        (39.4, "best constant"),
        (35.2, "training"),
        (33.3, "equally"),
        (0.24, "per cent"),
        (36.55, "always neutral"),
        (60, "766"),
    ],
    "average_recall": [
        (lambda counts: np.trace(counts) / counts.sum(), "accuracy"),
        (lambda counts: np.mean(np.diag(counts) / counts.sum(0)), "precision"),
        (lambda counts: np.sum(np.diag(counts) / counts.sum(1)), "sum of the recalls"),
        (lambda counts: 0.5, "0.6167"),
    ],
    "half_width": [
        (0.0346, "points"),
        (1.767, "standard deviation"),
        (6.93, "whole width"),
        (1.694, "under the root"),
        (0.0612, "root is missing"),
        (50, "1.96"),
    ],
    "right_of_766": [("462", "60.31"), ("463", "60.44")],
}
