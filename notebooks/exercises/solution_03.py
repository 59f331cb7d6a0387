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


def class_weights(counts):
    """Inverse frequency; equally frequent classes weigh 1 each."""
    return counts.sum() / (len(counts) * counts)


def average_recall(counts):
    """Mean over classes of right answers / clips of that class."""
    return float(np.mean(np.diag(counts) / counts.sum(1)))


def half_width(p, n):
    """Half of the 95 % interval of a share p of n independent clips."""
    return 1.96 * (p * (1 - p) / n) ** 0.5


def draw_sources(groups, rng):
    """Places of all clips of as many sources as there are, drawn with replacement."""
    names = np.unique(groups)
    drawn = rng.choice(names, len(names))
    return np.concatenate([np.flatnonzero(groups == name) for name in drawn])


def split_sources(groups, seed):
    """Places of clips to train on, in random order, and to test on: a quarter of the sources."""
    rng = np.random.default_rng(seed)
    names = rng.permutation(np.unique(groups))
    held = names[: len(names) // 4]
    order = rng.permutation(len(groups))  # training wants another order than the folder's
    shuffled = groups[order]
    test = np.flatnonzero(np.isin(groups, held))
    train = order[~np.isin(shuffled, held)]
    return train, test
