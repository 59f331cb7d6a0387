"""Wrong answers to lesson 9, and what the explanation must speak of."""

from itertools import chain, combinations, permutations

import numpy as np
import torch
from torch import nn


class Wrapper(nn.Module):
    """What all answers share; `forward` is theirs."""

    def __init__(self, scores, batch, names=("video", "mel")):
        super().__init__()
        self.scores, self.batch, self.names = scores, batch, names

    def named(self, inputs):
        return dict(zip(self.names, inputs, strict=True))

    def whole(self, rows):
        return {name: x.expand(rows, *x.shape[1:]) for name, x in self.batch.items()}


class OnlyInputs(Wrapper):
    def forward(self, *inputs):
        return self.scores(self.named(inputs))


class OneRow(Wrapper):
    def forward(self, *inputs):
        return self.scores(self.batch | self.named(inputs))


class OneInput(Wrapper):
    def forward(self, *inputs):
        return self.scores(self.whole(len(inputs[0])) | {"video": inputs[0], "mel": inputs[1][:1]})


class Detached(Wrapper):
    def forward(self, *inputs):
        return self.scores(self.whole(len(inputs[0])) | self.named([x.detach() for x in inputs]))


class InPlace(Wrapper):
    def forward(self, *inputs):
        self.batch.update(self.whole(len(inputs[0])) | self.named(inputs))
        return self.scores(self.batch)


class Original(Wrapper):
    def forward(self, *inputs):
        whole = self.whole(len(inputs[0]))
        whole["video"] = whole["video"] + 0 * inputs[0]
        return self.scores(whole)


class NotAModule:
    def __init__(self, *_):
        pass


def _mask(times_s, window_s, parts, first):
    return (times_s * parts / window_s).long().clamp(max=parts - 1) + first


def _one_at_a_time(score, inputs, baselines, steps):
    whole = _path(_middles)
    found = []
    for n, (x, start) in enumerate(zip(inputs, baselines, strict=True)):

        def of_one(moving, n=n):
            return score(*(moving if k == n else other for k, other in enumerate(inputs)))

        found += whole(of_one, (x,), (start,), steps)
    return found


def _path(points, times_way=True, total=False, scale=None):
    def answer(score, inputs, baselines, steps):
        sums = [torch.zeros_like(x) for x in inputs]
        for at in points(steps):
            here = [
                (n + float(at) * (x - n)).detach().requires_grad_()
                for x, n in zip(inputs, baselines, strict=True)
            ]
            gradients = torch.autograd.grad(score(*here).sum(), here)
            sums = [s + g for s, g in zip(sums, gradients, strict=True)]
        count = 1 if total else len(points(steps))
        factors = [x - n for x, n in zip(inputs, baselines, strict=True)]
        factors = inputs if scale == "input" else factors
        return [s / count * (f if times_way else 1) for s, f in zip(sums, factors, strict=True)]

    return answer


def _middles(steps):
    return (np.arange(steps) + 0.5) / steps


def _place(maps, times_s, signed=False, swap=False, index=False):
    strength = maps.sum(1) if signed else maps.sum(1).abs()
    frames, height, width = strength.shape
    frame, rest = divmod(int(strength.argmax()), height * width)
    row, column = divmod(rest, width)
    row, column = (column, row) if swap else (row, column)
    return frame if index else float(times_s[frame]), row, column


def _planted(maps, times_s):
    strength = maps.sum(1).abs()
    frames, height, width = strength.shape
    frame, place = divmod(int(strength.argmax()), height * width)
    column, row = divmod(place, height)
    return float(times_s[frame]), row, column


def _orders(value, players, orders, share):
    shares = dict.fromkeys(players, 0.0)
    for order in orders:
        here = frozenset()
        for player in order:
            shares[player] += (value(here | {player}) - value(here)) * share
            here = here | {player}
    return shares


def _sets(players):
    return chain.from_iterable(combinations(players, n) for n in range(len(players) + 1))


def _banzhaf(value, players):
    shares = {}
    for player in players:
        others = [frozenset(s) for s in _sets([p for p in players if p != player])]
        shares[player] = np.mean([value(s | {player}) - value(s) for s in others])
    return shares


def _alone(value, players):
    return {p: value(frozenset([p])) - value(frozenset()) for p in players}


def _last(value, players):
    everybody = frozenset(players)
    return {p: value(everybody) - value(everybody - {p}) for p in players}


def _colours_cancel(maps, times_s, swap=False):
    strength = maps.abs().sum(1)
    frame, place = divmod(int(strength.argmax()), strength[0].numel())
    row, column = divmod(place, strength.shape[2])
    return float(times_s[frame]), *((column, row) if swap else (row, column))


WRONG = {
    "raised_without": [
        ("There is a mistake: taking evidence away can only lower a score", "sign"),
        ("The model did not use that second", "moved"),
        ("d", "one letter"),
    ],
    "ForCaptum": [
        (OnlyInputs, "masks and times"),
        (OneRow, "one row"),
        (OneInput, "one row where three"),
        (Detached, "No gradient"),
        (InPlace, "was changed"),
        (Original, "did not reach the model"),
        (NotAModule, "nn.Module"),
        (3, "function itself"),
    ],
    "time_mask": [
        (lambda t, w, p, f: f + torch.arange(len(t)) * p // len(t), "by position"),
        (lambda t, w, p, f: f + (t * p / w).long(), "no part after"),
        (lambda t, w, p, f: _mask(t, w, p, 0), "share a number"),
        (lambda t, w, p, f: _mask(t, w, p, f).float(), "whole numbers"),
        (lambda t, w, p, f: t * p / w + f, "whole numbers"),
        (lambda t, w, p, f: torch.zeros(len(t)).long(), "Expected"),
        (lambda t, w, p, f: torch.zeros(3).long(), "shape"),
    ],
    "integrated_gradients": [
        (_path(_middles, times_way=False), "whole path"),
        (_path(lambda steps: [1.0]), "gradient at the input alone"),
        (_path(_middles, total=True), "average"),
        (_path(lambda steps: np.arange(steps) / steps), "middles"),
        (_path(lambda steps: np.linspace(0, 1, steps)), "middles"),
        (_path(_middles, scale="input"), "x - baseline"),
        (_one_at_a_time, "move together"),
        (lambda s, x, n, k: [0 * v for v in x], "expected"),
        (lambda s, x, n, k: _path(_middles)(s, x, n, k)[:1], "one tensor for each"),
        (lambda s, x, n, k: [torch.zeros(3), torch.zeros(1)], "exactly the shape"),
    ],
    "strongest_place": [
        (_planted, "row"),
        (lambda m, t: _place(m, t, swap=True), "exchanged"),
        (lambda m, t: _place(m, t, signed=True), "no sign"),
        (lambda m, t: _place(m, t, index=True), "times_s[frame]"),
        (lambda m, t: (0.9, 2, 2), "got 0.9 s"),
        (_colours_cancel, "add up the colours"),
        (lambda m, t: _colours_cancel(m, t, swap=True), "still exchanged, and colours"),
    ],
    "by_the_smile": [
        ("Showing the attention of more clips", "depends"),
        ("Averaging the attention over heads and layers", "read"),
    ],
    "shapley": [
        (_alone, "first"),
        (_last, "last"),
        (lambda v, p: _orders(v, p, permutations(p), 1), "sum over all orders"),
        (_banzhaf, "Banzhaf"),
        (lambda v, p: _orders(v, p, [p], 1), "counted alike"),
        (lambda v, p: {name: 1.0 for name in p}, "expected"),
        (lambda v, p: [1.0 for _ in p], "dictionary"),
    ],
}
