"""Sanity checks of a map, their rank statistics, and one verdict in plain words."""

from copy import deepcopy
from dataclasses import dataclass, replace
from threading import Lock

import torch
from torch import Tensor, nn

from emo_core.attribution.face_regions import FaceRegions
from emo_core.attribution.feature_mask import patch_mask, real_of
from emo_core.attribution.forward_function import ForwardFunction, PassBudget, Progress
from emo_core.attribution.methods import cost, explain_window, find_method
from emo_core.attribution.perturbation import scores_without
from emo_core.attribution.types import DEFAULT_REQUEST, PRESETS, Attribution, ExplainRequest, Target
from emo_core.checkpoint import Checkpoint
from emo_core.messages import say, say_list, say_name
from emo_core.preprocess.sample import Sample

_CHANCE = Lock()  # torch has one source of random numbers for all threads


def rank_correlation(a: Tensor, b: Tensor) -> float:
    """Spearman's rank correlation of (n,) and (n,), ties at their mean rank; 0 of constants."""
    ranks = torch.stack([_ranks(a), _ranks(b)])
    ranks = ranks - ranks.mean(1, keepdim=True)
    norms = ranks.norm(dim=1).prod()
    return float((ranks[0] * ranks[1]).sum() / norms) if norms > 0 else 0.0


def _ranks(values: Tensor) -> Tensor:
    _, which, counts = values.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    return (last - (counts - 1) / 2)[which]


def randomized_model(model: nn.Module, seed: int) -> nn.Module:
    """A copy whose every weight is drawn anew; the same seed gives the same, also in threads.

    Source: Adebayo et al. 2018.
    """
    twin = deepcopy(model)
    with _CHANCE, torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for module in twin.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
            else:
                for parameter in module.parameters(recurse=False):
                    parameter.copy_(torch.randn(parameter.shape) * parameter.std(correction=0))
    return twin.eval()


FRACTIONS = (0.05, 0.1, 0.2, 0.5, 0.8, 0.9, 0.95)  # of the pieces that are taken away or put in
ORDERS = 3  # random orders to compare with
MOST_GAP, MOST_TWIN, MOST_CONTRAST, LEAST_SEED = 0.2, 0.5, 0.9, 0.7  # beyond: said in the verdict


@dataclass(frozen=True)
class Curves:
    """The score while pieces go, most important first, and while they come."""

    fractions: tuple[float, ...]  # 0 to 1
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]
    random_deletion: tuple[float, ...]  # mean of ORDERS orders
    random_insertion: tuple[float, ...]

    @property
    def deletion_gain(self) -> float:
        """Area between random order and the map's, in units of the score; > 0: better."""
        return _area(self.fractions, self.random_deletion) - _area(self.fractions, self.deletion)

    @property
    def insertion_gain(self) -> float:
        """The same for insertion."""
        return _area(self.fractions, self.insertion) - _area(self.fractions, self.random_insertion)


@dataclass(frozen=True)
class SanityChecks:
    """Checks of one map; rank correlations are -1 to 1, None where a check does not apply."""

    gap: float | None  # completeness
    twin: float  # with the map of the same model with random weights
    contrast: float | None  # with the map of the strongest other class
    contrast_label: str | None
    seed: float | None  # with the map of another seed
    curves: Curves
    on_faces: float | None  # share of the picture's map that is on faces
    face_area: float | None  # share of the picture that faces are
    forward_passes: int
    verdict: str


def checks_cost(method: str, preset: str, checkpoint: Checkpoint) -> int:
    """The most forward passes' time that the checks take."""
    again = 1 + (len(checkpoint.labels) > 1) + find_method(method).random
    return again * cost(method, preset, checkpoint) + 2 + len(FRACTIONS) * (2 + ORDERS)


def run_checks(
    checkpoint: Checkpoint,
    sample: Sample,
    found: Attribution,
    request: ExplainRequest = DEFAULT_REQUEST,
    faces: FaceRegions | None = None,
    progress: Progress | None = None,
) -> SanityChecks:
    """Check one map of one window; baseline and seed are those of its request."""
    baseline, seed = request.baseline, request.seed
    meter = PassBudget(checks_cost(found.method, found.preset, checkpoint), progress)

    def report(done: int, _: int) -> object:
        return progress is None or progress(min(meter.spent + done, meter.total), meter.total)

    def again(of: Checkpoint, target: Target, seed: int) -> Attribution:
        made = explain_window(
            of, sample, target, found.method, found.preset, baseline, seed, report
        )
        meter.count(made.forward_passes)
        return made

    question = ForwardFunction(checkpoint, sample, found.target, baseline, meter)
    cells = values_of(question, found)
    twin = again(
        replace(checkpoint, model=randomized_model(checkpoint.model, seed)), found.target, seed
    )
    other = _other(question)
    contrast = again(checkpoint, other, seed) if other else None
    reseeded = find_method(found.method).random
    second = again(checkpoint, found.target, seed + 1) if reseeded else None
    curves = _curves(question, cells, seed)
    on_faces, area = share_on_faces(found, faces)

    def alike(map_: Attribution | None) -> float | None:
        return None if map_ is None else rank_correlation(cells, values_of(question, map_))

    result = SanityChecks(
        found.gap,
        rank_correlation(cells, values_of(question, twin)),
        alike(contrast),
        other.label if other else None,
        alike(second),
        curves,
        on_faces,
        area,
        meter.spent,
        "",
    )
    marked = any(bool(values.any()) for values in found.maps.values())
    return replace(result, verdict=verdict(result) if marked else EMPTY)


def share_on_faces(
    found: Attribution, faces: FaceRegions | None
) -> tuple[float | None, float | None]:
    """Share of the absolute video map that lies on faces, and the faces' share of the picture."""
    if faces is None or "video" not in found.maps:
        return None, None
    strength = found.maps["video"].abs().sum(1)  # (T, H, W)
    inside = faces.area(*strength.shape[1:])
    total = float(strength.sum())
    return (float(strength[inside].sum()) / total if total else None), float(inside.float().mean())


def values_of(question: ForwardFunction, found: Attribution) -> Tensor:
    """Values of a map for each block of the window, (cells,)."""
    pieces = patch_mask(question, PRESETS["thorough"])
    count = 1 + max(int(ids.max()) for ids in pieces)
    values = torch.zeros(count, dtype=torch.float64)
    for name, ids in zip(question.names, pieces, strict=True):
        real = real_of(question, name, ids[0])
        sums = found.maps[name].double().sum_to_size(ids[0].shape)
        values.index_add_(0, ids[0].cpu()[real], sums[real])
    return values


def _other(question: ForwardFunction) -> Target | None:
    """The same question of the strongest other label."""
    with torch.no_grad():
        logits = question.model(question.batch).logits[0]
    target, labels = question.target, question.checkpoint.labels
    scores = logits if target.step is None else logits[target.step]
    others = [n for n in range(len(labels)) if n != target.index]
    if not others:
        return None
    best = max(others, key=lambda n: float(scores[n]))
    return replace(target, label=labels[best], index=best)


def _curves(question: ForwardFunction, cells: Tensor, seed: int) -> Curves:
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randperm(len(cells), generator=generator)  # equals must not go corner by corner
    order = mixed[cells[mixed].argsort(descending=True, stable=True)]
    chance = [torch.randperm(len(cells), generator=generator) for _ in range(ORDERS)]
    whole = question.score
    nothing = question.baseline_score

    pieces = patch_mask(question, PRESETS["thorough"])

    def taken(order: Tensor) -> list[float]:
        place = order.argsort()  # when each piece goes
        counts = torch.tensor([round(f * len(order)) for f in FRACTIONS])
        scores = scores_without(question, pieces, place[None] < counts[:, None])
        return [whole, *scores.tolist(), nothing]

    deletion = taken(order)
    insertion = taken(order.flip(0))[::-1]  # what goes last has come first
    by_chance = torch.tensor([taken(c) for c in chance]).mean(0).tolist()
    return Curves(
        (0.0, *FRACTIONS, 1.0),
        tuple(deletion),
        tuple(insertion),
        tuple(by_chance),
        tuple(by_chance[::-1]),
    )


def _area(fractions: tuple[float, ...], values: tuple[float, ...]) -> float:
    return float(torch.trapezoid(torch.tensor(values), torch.tensor(fractions)))


def verdict(trust: SanityChecks) -> str:
    """One line for a person: first whether to trust the map, then why."""
    curves, untrained = trust.curves, trust.twin > MOST_TWIN
    failed = _no_better_than_chance(curves.deletion_gain, curves.insertion_gain)
    by_chance = curves.deletion_gain + curves.insertion_gain <= 0
    if by_chance or untrained:
        reasons = say_list(failed * by_chance + [UNTRAINED] * untrained, "; ")
        return say("Do not trust this map: {reasons}.", reasons=reasons)
    held = SHOWING_HOLDS if curves.deletion_gain <= 0 else HIDING_HOLDS
    doubts = failed + _doubts(trust)
    if doubts:
        care = say_list(doubts, "; ")
        return say("Read this map with care: {doubts}. Still, {held}.", doubts=care, held=held)
    return say("This map holds up: {held}.", held=held)


EMPTY = say(
    "Do not trust this map: it is empty, which does not mean that nothing counted; choose another "
    "method."
)
UNTRAINED = say("an untrained copy of the model gives almost the same map")
HIDING_HOLDS = say(
    "hiding what it marks weakens the answer more than hiding random parts does, and an untrained "
    "copy of the model gives a different map"
)
SHOWING_HOLDS = say(
    "showing what it marks brings the answer back sooner than showing random parts does, and an "
    "untrained copy of the model gives a different map"
)


def _no_better_than_chance(hiding: float, showing: float) -> list[str]:
    """What to say of gains over random order that are not above 0."""
    hidden = say("hiding what it marks weakens the answer no more than hiding random parts does")
    shown = say(
        "showing what it marks brings the answer back no sooner than showing random parts does"
    )
    return [words for words, gain in ((hidden, hiding), (shown, showing)) if gain <= 0]


def completeness_doubt(gap: float | None) -> str | None:
    """What to say of a map whose values do not add up to the change that they explain; else None.

    gap: of `Attribution`.
    """
    if gap is None or gap <= MOST_GAP:
        return None
    if gap <= 1:
        return say(
            "its values do not add up to the answer they explain (off by {percent:.0f} %), so "
            "go by where it marks, not by how much",
            percent=100 * gap,
        )
    return say(
        "its values do not add up to the answer they explain (off by {percent:.0f} %): do not rely "
        "on them, look closer",
        percent=100 * gap,
    )


def _doubts(trust: SanityChecks) -> list[str]:
    """What a map that stands its main checks is still bad at."""
    doubts: list[str] = []
    if doubt := completeness_doubt(trust.gap):
        doubts.append(doubt)
    if trust.contrast is not None and trust.contrast > MOST_CONTRAST:
        doubts.append(
            say(
                "the map of “{label}” is almost the same", label=say_name(str(trust.contrast_label))
            )
        )
    if trust.seed is not None and trust.seed < LEAST_SEED:
        doubts.append(say("another random seed gives a different map"))
    return doubts
