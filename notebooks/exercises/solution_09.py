"""Solutions of lesson 9."""

import numpy as np


def path_gradients(gradient, x, nothing, steps):
    """Integrated gradients by the rule of middle points."""
    way = np.asarray(x) - np.asarray(nothing)
    points = [nothing + (k + 0.5) / steps * way for k in range(steps)]
    return np.mean([gradient(point) for point in points], axis=0) * way


gap = abs(4.5 - (5.5 - -0.5)) / (5.5 - -0.5)


def fair_shares(none, video, audio, both):
    """Shapley values of two players."""
    return (video - none + both - audio) / 2, (audio - none + both - video) / 2
