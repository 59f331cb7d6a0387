"""Methods that take something away and look at the score: occlusion, ablation, Shapley sampling.

Ours, on pieces: Captum's ways mask value by value, which costs 158 forward
passes instead of 15.7 (docs/experiments/0053). The tests compare them.
"""

import torch
from torch import Tensor

from emo_core.attribution.feature_mask import density, number_of, patch_mask, time_mask
from emo_core.attribution.forward_function import ForwardFunction
from emo_core.attribution.types import Preset

Maps = dict[str, Tensor]
Pieces = tuple[Tensor, ...]


def occlusion(question: ForwardFunction, preset: Preset, seed: int) -> Maps:
    """What each block of space and time, and each patch of sound, is worth (Zeiler 2014)."""
    return _without_each(question, patch_mask(question, preset))


def ablation(question: ForwardFunction, preset: Preset, seed: int) -> Maps:
    """What each part of the clock is worth, in the picture and in the sound apart."""
    return _without_each(question, time_mask(question, preset, preset.segments))


def sampled_shapley(question: ForwardFunction, preset: Preset, seed: int) -> Maps:
    """Fair shares of parts of the clock, over random orders of arrival (Castro et al. 2009)."""
    pieces = time_mask(question, preset, preset.players)
    players = number_of(pieces)
    orders = orders_within(preset, players)
    generator = torch.Generator().manual_seed(seed)
    values, ends = torch.zeros(players), torch.tensor([question.baseline_score, question.score])
    for _ in range(orders):
        order = torch.randperm(players, generator=generator)
        place = order.argsort()  # when each player arrives
        missing = place[None] > torch.arange(players - 1)[:, None]  # (arrivals but the last, k)
        between = scores_without(question, pieces, missing)
        values[order] += torch.cat([ends[:1], between, ends[1:]]).diff() / orders
    return _named(question, values, pieces)


def orders_within(preset: Preset, players: int) -> int:
    """How many orders of arrival a preset pays for, beside the window and nothing there."""
    return max(1, (preset.passes - 3) // players)


def scores_without(question: ForwardFunction, pieces: Pieces, gone: Tensor) -> Tensor:
    """Scores of n variants, (n,), each without the pieces of its row of gone, (n, k) bool."""
    scores = []
    for rows in gone.split(question.max_batch):
        changed = (
            torch.where(rows.to(ids.device)[:, ids[0]], base, x)
            for ids, base, x in zip(pieces, question.baselines, question.inputs, strict=True)
        )
        with torch.no_grad():
            scores.append(question(*changed).float().cpu())
    return torch.cat(scores)


def _without_each(question: ForwardFunction, pieces: Pieces) -> Maps:
    each = torch.eye(number_of(pieces), dtype=torch.bool)
    return _named(question, question.score - scores_without(question, pieces, each), pieces)


def _named(question: ForwardFunction, values: Tensor, pieces: Pieces) -> Maps:
    """Values of pieces, (k,), spread over their real elements."""
    maps = tuple(values.to(ids.device)[ids] for ids in pieces)
    spread = density(question, maps, pieces)
    return {name: x[0] for name, x in zip(question.names, spread, strict=True)}
