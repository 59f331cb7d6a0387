"""Wrong answers to lesson 9, and what the explanation must speak of."""

import numpy as np


def _path(points, times_way=True, total=False):
    def answer(gradient, x, nothing, steps):
        way = x - nothing
        found = [gradient(nothing + at * way) for at in points(steps)]
        mean = np.sum(found, axis=0) if total else np.mean(found, axis=0)
        return mean * way if times_way else mean

    return answer


def _middles(steps):
    return (np.arange(steps) + 0.5) / steps


WRONG = {
    "raised_without": [
        ("There is a mistake: taking evidence away can only lower a score", "sign"),
        ("The model did not use that second", "moved"),
        ("d", "one letter"),
    ],
    "path_gradients": [
        (_path(_middles, times_way=False), "whole way"),
        (_path(lambda steps: [1.0]), "gradient at x alone"),
        (_path(_middles, total=True), "average"),
        (_path(lambda steps: np.arange(steps) / steps), "middles"),
        (lambda g, x, nothing, steps: x * _path(_middles, False)(g, x, nothing, steps), "x - noth"),
        (lambda g, x, nothing, steps: 0 * x, "expected"),
        (lambda g, x, nothing, steps: 3.0, "shape"),
    ],
    "gap": [
        (1.5, "divide"),
        (-0.25, "sign"),
        (25, "per cent"),
        (0.75, "rest"),
        (0.1, "nothing"),
        (1 / 3, "should sum to"),
        (0.6, "difference"),
        ("0.25", "number"),
    ],
    "by_the_smile": [
        ("Showing the attention of more clips", "depends"),
        ("Averaging the attention over heads and layers", "read"),
    ],
    "fair_shares": [
        (lambda n, v, a, b: (v - n, a - n), "first"),
        (lambda n, v, a, b: (b - a, b - v), "last"),
        (lambda n, v, a, b: (v - n + b - a, a - n + b - v), "mean"),
        (lambda n, v, a, b: ((a - n + b - v) / 2, (v - n + b - a) / 2), "exchanged"),
        (lambda n, v, a, b: (b / 2, b / 2), "expected"),
        (lambda n, v, a, b: b - n, "shape"),
    ],
}
