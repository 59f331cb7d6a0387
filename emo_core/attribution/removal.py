"""Methods that take something away and look at the score: occlusion, ablation, Shapley sampling."""

import torch
from torch import Tensor

from emo_core.attribution.pieces import blocks, density, number_of, segments
from emo_core.attribution.question import Question
from emo_core.attribution.record import Preset

Maps = dict[str, Tensor]


def occlusion(question: Question, preset: Preset, seed: int) -> Maps:
    """What each block of space and time, and each patch of sound, is worth (Zeiler 2014)."""
    return _without_each(question, blocks(question, preset))


def ablation(question: Question, preset: Preset, seed: int) -> Maps:
    """What each part of the clock is worth, in the picture and in the sound apart."""
    return _without_each(question, segments(question, preset, preset.segments))


def shapley(question: Question, preset: Preset, seed: int) -> Maps:
    """Fair shares of parts of the clock, over random orders of arrival (Castro et al. 2009)."""
    from captum.attr import ShapleyValueSampling

    pieces = segments(question, preset, preset.players)
    orders = orders_within(preset, number_of(pieces))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        maps = ShapleyValueSampling(question).attribute(
            question.inputs, question.baselines, feature_mask=pieces, n_samples=orders,
            perturbations_per_eval=question.at_once,
        )  # fmt: skip
    return _named(question, maps, pieces)


def orders_within(preset: Preset, players: int) -> int:
    """How many orders of arrival a preset pays for, beside the window and nothing there."""
    return max(1, (preset.passes - 3) // players)


def _without_each(question: Question, pieces: tuple[Tensor, ...]) -> Maps:
    from captum.attr import FeatureAblation

    with torch.no_grad():
        maps = FeatureAblation(question).attribute(
            question.inputs,
            question.baselines,
            feature_mask=pieces,
            perturbations_per_eval=question.at_once,
        )
    return _named(question, maps, pieces)


def _named(question: Question, maps: tuple[Tensor, ...], pieces: tuple[Tensor, ...]) -> Maps:
    spread = density(question, maps, pieces)
    return {name: x[0] for name, x in zip(question.names, spread, strict=True)}
