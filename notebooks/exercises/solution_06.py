"""Solutions of lesson 6."""

import numpy as np


def top_p(weights, p):
    """The smallest set of candidates whose weights reach p."""
    order = np.argsort(-weights, kind="stable")
    ordered = weights[order]
    before = np.cumsum(ordered) - ordered
    kept = np.zeros(len(weights), bool)
    kept[order[(before < p) | (p >= 1)]] = True
    kept[order[0]] = True
    return kept


share_left = (47.01 - 29.65 / 2) / 47.01
