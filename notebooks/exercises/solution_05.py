"""Solutions of lesson 5."""

late_ceiling = 0.4 + 0.2 + 0.2 + 0.2 / 2


def stable_softmax(scores):
    """(K,) -> weights that sum to one."""
    raised = (scores - scores.max()).exp()
    return raised / raised.sum()


def attend(q, keys, values):
    """One query's answer: the values' mean, weighted by how well their keys fit."""
    return stable_softmax(keys @ q / len(q) ** 0.5) @ values


def masked_weights(scores, mask):
    """Weights of what is real alone: masked before the softmax, not after it."""
    return scores.masked_fill(~mask, float("-inf")).softmax(-1)
