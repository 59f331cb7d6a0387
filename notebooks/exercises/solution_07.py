"""Solutions of lesson 7."""

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
