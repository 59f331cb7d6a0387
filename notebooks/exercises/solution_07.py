"""Solutions of lesson 7; parts of `mymodel.py` stand there."""

import numpy as np


def concordance(told, truth):
    """Concordance correlation coefficient (Lin 1989)."""
    told, truth = np.asarray(told), np.asarray(truth)
    apart = told.mean() - truth.mean()
    covariance = ((told - told.mean()) * (truth - truth.mean())).mean()
    return 2 * covariance / (told.var() + truth.var() + apart**2)


def is_batch_independent(predict, rows):
    """Whether changing one row leaves the answers for all others as they were."""
    before = predict(rows.copy())
    for n in range(len(rows)):
        changed = rows.copy()
        changed[n] += 10
        after = predict(changed)
        if not np.allclose(np.delete(before, n), np.delete(after, n)):
            return False
    return True


def ask_over_time(layer, x, context):
    """x (B, S, D) asks context (B, S, D) over time, with a layer that has time first."""
    x, context = x.transpose(0, 1), context.transpose(0, 1)
    return layer(x, context, context)[0].transpose(0, 1)
