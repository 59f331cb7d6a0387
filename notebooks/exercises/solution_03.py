"""Solutions of lesson 3."""

import numpy as np


def clip_source(name):
    """What stands before the last underscore."""
    return name.rpartition("_")[0]


def leaking_groups(pairs):
    """Groups that stand in more than one split."""
    splits = {}
    for group, split in pairs:
        splits.setdefault(group, set()).add(split)
    return {group for group, where in splits.items() if len(where) > 1}


constant_percent = 100 * 184 / 766


def average_recall(counts):
    """Mean over classes of right answers / clips of that class."""
    return float(np.mean(np.diag(counts) / counts.sum(1)))


half_width = 100 * 1.96 * (0.6037 * (1 - 0.6037) / 766) ** 0.5
