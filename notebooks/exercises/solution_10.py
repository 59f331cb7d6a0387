"""Solutions of lesson 10."""

import numpy as np


def calibration_error(top, right, bins):
    """Expected calibration error of the top class."""
    place = np.minimum((top * bins).astype(int), bins - 1)
    gaps = [abs(right[place == b].sum() - top[place == b].sum()) for b in range(bins)]
    return sum(gaps) / len(top)


def lowest_threshold(top, right, limits, wanted):
    """The lowest limit at which enough of the answered clips are right; 1.0 if none."""
    for limit in limits:
        answered = top >= limit
        if answered.any() and right[answered].mean() >= wanted:
            return float(limit)
    return 1.0
