"""The catalogue of methods: what each costs, and one explanation by one of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from emo_core.attribution.forward_function import (
    BACKWARD,
    ForwardFunction,
    PassBudget,
    Progress,
    inputs_of,
)
from emo_core.attribution.gradients import grad_cam, integrated_gradients, saliency
from emo_core.attribution.perturbation import ablation, occlusion, orders_within, sampled_shapley
from emo_core.attribution.rollout import rollout
from emo_core.attribution.token_shapley import token_shapley
from emo_core.attribution.types import (
    PRESETS,
    Attribution,
    AttributionError,
    AttributionSpan,
    Preset,
    Target,
)
from emo_core.checkpoint import Checkpoint
from emo_core.preprocess.sample import Sample
from emo_core.schema import DEFAULT_METHOD, DEFAULT_PRESET

Maps = dict[str, Tensor]


@dataclass(frozen=True)
class Method:
    """One way to explain, and what its map is."""

    run: Callable[[ForwardFunction, Preset, int], Maps]
    signed: bool = True  # says raises or lowers, not only how strongly
    complete: bool = False  # its maps promise to sum to score - baseline's score
    random: bool = False  # depends on a seed
    of_tokens: bool = False  # leaves out what towers read, not what they read it in

    @property
    def about(self) -> str:
        return (self.run.__doc__ or "").split("\n")[0]


METHODS = {
    "grad_cam": Method(grad_cam),
    "saliency": Method(saliency, signed=False),
    "integrated_gradients": Method(integrated_gradients, complete=True),
    "occlusion": Method(occlusion),
    "ablation": Method(ablation),
    "shapley": Method(sampled_shapley, complete=True, random=True),
    "token_shapley": Method(token_shapley, complete=True, random=True, of_tokens=True),
    "rollout": Method(rollout, signed=False),
}


def find_method(name: str) -> Method:
    """A method by name. Raises AttributionError."""
    if name not in METHODS:
        raise AttributionError(
            "method {name!r} is not one of {methods}.", name=name, methods=", ".join(METHODS)
        )
    return METHODS[name]


def find_preset(name: str) -> Preset:
    """A preset by name. Raises AttributionError."""
    if name not in PRESETS:
        raise AttributionError(
            "preset {name!r} is not one of {presets}.", name=name, presets=", ".join(PRESETS)
        )
    return PRESETS[name]


def cost(method: str, preset: str, checkpoint: Checkpoint) -> int:
    """The most forward passes' time that an explanation takes, known before it runs.

    Forward and backward together count as three. Where something is missing (no sound), it takes
    less.
    """
    chosen, how = find_preset(preset), find_method(method)
    names = inputs_of(checkpoint)
    both_ends = 2 * how.complete
    towers = sum(name != "tokens" for name in names)
    players = _pieces(names, chosen.players, chosen)
    many = {
        "grad_cam": (1 + BACKWARD) * towers,
        "saliency": 1 + BACKWARD,
        "integrated_gradients": (1 + BACKWARD) * chosen.steps,
        "occlusion": _blocks(names, chosen),
        "ablation": _pieces(names, chosen.segments, chosen),
        "shapley": (players - 1) * orders_within(chosen, players),
        "token_shapley": chosen.passes - 2,
        "rollout": 1,
    }
    return many[method] + both_ends + (not how.complete)


def _pieces(names: tuple[str, ...], parts: int, preset: Preset) -> int:
    return sum(preset.words if name == "tokens" else parts for name in names)


def _blocks(names: tuple[str, ...], preset: Preset) -> int:
    steps, high, wide = preset.blocks
    each = {"mel": preset.patches[0] * preset.patches[1], "tokens": preset.words}
    return sum(each.get(name, steps * high * wide) for name in names)


def explain_window(
    checkpoint: Checkpoint,
    sample: Sample,
    target: Target,
    method: str = DEFAULT_METHOD,
    preset: str = DEFAULT_PRESET,
    baseline: str = "blur",
    seed: int = 0,
    progress: Progress | None = None,
) -> Attribution:
    """Explain one score of one window. Raises AttributionError; Cancelled where asked to stop."""
    how, chosen = find_method(method), find_preset(preset)
    meter = PassBudget(cost(method, preset, checkpoint), progress)
    started = time.perf_counter()
    with torch.inference_mode(False), torch.enable_grad():
        question = ForwardFunction(checkpoint, sample, target, baseline, meter)
        scored = question.tokens if how.of_tokens else question
        score = scored.score
        maps = how.run(question, chosen, seed)
        people = maps.pop("people", None)
        nothing = scored.baseline_score if how.complete else None
    maps = {name: _whole(maps.get(name), getattr(sample, name)) for name in inputs_of(checkpoint)}
    return Attribution(
        method,
        preset,
        target,
        checkpoint.name,
        window_span(checkpoint, sample),
        maps,
        {name: _times(sample, name) for name in maps},
        how.signed,
        scored.baseline_words,
        score,
        nothing,
        gap_of(maps, score, nothing),
        meter.spent,
        time.perf_counter() - started,
        people,
    )


def gap_of(maps: Maps, score: float, nothing: float | None) -> float | None:
    """Distance of the maps' sum from score - baseline score, as a share of that."""
    if nothing is None:
        return None
    total = sum(float(x.double().sum()) for x in maps.values())
    return abs(total - (score - nothing)) / max(abs(score - nothing), 1e-6)


def window_span(checkpoint: Checkpoint, sample: Sample) -> AttributionSpan:
    """When a window starts and ends in its clip."""
    return AttributionSpan(sample.start_s, sample.start_s + checkpoint.sample.window_s)


def _whole(found: Tensor | None, like: Tensor) -> Tensor:
    """A map in exactly the input's shape; zero where there was nothing to explain."""
    if found is None:
        return torch.zeros(like.shape)
    return found.detach().float().cpu().expand(like.shape).contiguous()


def _times(sample: Sample, name: str) -> Tensor:
    if name == "tokens":
        return torch.zeros(0)
    times_s = sample.mel_times_s if name == "mel" else sample.video_times_s
    return sample.start_s + times_s
