"""Solutions of lesson 6; parts of `mymodel.py` stand there."""

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


def compute_kept(pictures, real, kept, compute):
    """Real pictures (n, C) -> what compute says of those kept, in their places (B, T, D)."""
    places = kept.nonzero()  # (k, 2), clip by clip, as the pictures come
    values = compute(pictures[kept[real]])  # (k, D)
    tokens = values.new_zeros(*real.shape, values.shape[1])
    tokens[places[:, 0], places[:, 1]] = values
    return tokens


share_left = (47.01 - 29.65 / 2) / 47.01


def weighted_accuracy(truth, predicted):
    """(TPR + TNR) / 2 of one yes-or-no question."""
    return (predicted[truth].mean() + (~predicted[~truth]).mean()) / 2
