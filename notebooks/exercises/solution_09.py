"""Solutions of lesson 9."""

from itertools import permutations

import torch
from torch import nn


class ForCaptum(nn.Module):
    """A model as Captum wants it: floats in, scores (n, classes) out; the rest is kept."""

    def __init__(self, scores, batch, names=("video", "mel")):
        super().__init__()
        self.scores, self.batch, self.names = scores, batch, names

    def forward(self, *inputs):
        rows = len(inputs[0])
        whole = {name: x.expand(rows, *x.shape[1:]) for name, x in self.batch.items()}
        return self.scores({**whole, **dict(zip(self.names, inputs, strict=True))})


def time_mask(times_s, window_s, parts, first):
    """The number of the equal part of a window that each moment is in, from `first` on."""
    return first + (times_s * parts / window_s).long().clamp(max=parts - 1)


def integrated_gradients(score, inputs, baselines, steps):
    """Integrated gradients of several inputs by the rule of middle points."""
    total = [torch.zeros_like(x) for x in inputs]
    for step in range(steps):
        share = (step + 0.5) / steps
        points = [
            (n + share * (x - n)).detach().requires_grad_()
            for x, n in zip(inputs, baselines, strict=True)
        ]
        gradients = torch.autograd.grad(score(*points).sum(), points)
        total = [t + g for t, g in zip(total, gradients, strict=True)]
    return [(x - n) * t / steps for x, n, t in zip(inputs, baselines, total, strict=True)]


def strongest_place(maps, times_s):
    """Where a map (T, 3, H, W) is strongest: seconds, row, column."""
    strength = maps.sum(1).abs()  # (T, H, W)
    frames, height, width = strength.shape
    frame, place = divmod(int(strength.argmax()), height * width)
    row, column = divmod(place, width)
    return float(times_s[frame]), row, column


def shapley(value, players):
    """Fair shares: what each player adds on arrival, averaged over all orders."""
    shares = dict.fromkeys(players, 0.0)
    orders = list(permutations(players))
    for order in orders:
        here = frozenset()
        for player in order:
            shares[player] += (value(here | {player}) - value(here)) / len(orders)
            here = here | {player}
    return shares
