"""Wrong answers to lesson 7, and what the explanation must speak of."""

import numpy as np


def _parts(x, y):
    return np.cov(x, y, ddof=0)[0, 1], x.var() + y.var(), (x.mean() - y.mean()) ** 2


def _only_row_0(predict, rows):
    changed = rows.copy()
    changed[1] += 10
    return bool(np.allclose(predict(rows.copy())[0], predict(changed)[0]))


def _by_mean(predict, rows):
    changed = rows.copy()
    changed[0] += 10
    return bool(np.isclose(predict(rows.copy())[1:].mean(), predict(changed)[1:].mean()))


def _spoils(predict, rows):
    rows[0] += 10
    return True


WRONG = {
    "concordance": [
        (lambda x, y: np.corrcoef(x, y)[0, 1], "correlation"),
        (lambda x, y: _parts(x, y)[0] / sum(_parts(x, y)[1:]), "factor 2"),
        (lambda x, y: 2 * _parts(x, y)[0] / _parts(x, y)[1], "means"),
        (lambda x, y: 2 * np.cov(x, y)[0, 1] / sum(_parts(x, y)[1:]), "n - 1"),
        (lambda x, y: 0.5, "Expected"),
    ],
    "without_order": [
        ("Whether a smile and a laugh happened at the same moment", "joint token"),
        ("How loud the loudest moment was", "shuffling"),
    ],
    "is_batch_independent": [
        (lambda predict, rows: True, "mean over the batch"),
        (lambda predict, rows: False, "own row"),
        (_only_row_0, "neighbour"),
        (_by_mean, "other sign"),
        (_spoils, "copy"),
        (lambda predict, rows: "yes", "True or False"),
    ],
    "one_at_a_time": [
        ("94 %, because that is how the test set was distributed", "shuffled"),
        ("Their mean", "flattering"),
    ],
}
