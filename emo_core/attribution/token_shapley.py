"""Shapley values of tokens: when, whose face, and what is left of the picture, at little cost."""

import torch
from torch import Tensor

from emo_core.attribution.forward_function import ForwardFunction
from emo_core.attribution.tokens import AT_ONCE, PEOPLE, PICTURE, SOUND, TokenGroups
from emo_core.attribution.types import Preset
from emo_core.models.interface import Features
from emo_core.models.layers.people import EYES_DOWN, SIDE_IN_EYES
from emo_core.models.layers.towers import to_frames
from emo_core.preprocess.sample import Sample

Maps = dict[str, Tensor]


def token_shapley(question: ForwardFunction, preset: Preset, seed: int) -> Maps:
    """Fair shares of parts of the clock and of each face, tokens left out (Owen 1977).

    In every order the picture arrives whole before the sound, or after it: so what all of a
    modality add is its exact share of `modality_shapley`. Each random order is followed by its
    reverse. Towers read the window once: what a token took from its neighbours stays with it.
    With the maps comes what each person's faces add, `people` (P,).
    """
    scores, sample = question.tokens, question.sample
    people = max(1, sample.face_mask.shape[-1])
    parts = segments_within(preset, people)
    window_s = question.checkpoint.sample.window_s
    groups = TokenGroups.by_time(scores.features, parts, window_s, people)
    values = shapley_by_orders(question, groups, preset, seed)
    return _drawn(sample, scores.features, groups, values)


def evaluations(preset: Preset) -> int:
    """How many sets of tokens a preset pays for."""
    return AT_ONCE * (preset.passes - 2)


def segments_within(preset: Preset, people: int) -> int:
    """Parts of the clock for which a preset pays at least one order and its reverse."""
    most_players = evaluations(preset) // 2 + 1
    return max(1, min(preset.segments, most_players // (people + 2)))


def shapley_by_orders(
    question: ForwardFunction, groups: TokenGroups, preset: Preset, seed: int
) -> Tensor:
    """Sampled Owen values (k,) of groups of tokens; they sum to the score minus that of none."""
    scores, players = question.tokens, len(groups.keys)
    generator = torch.Generator().manual_seed(seed)
    if not players:
        return torch.zeros(0)
    heard = torch.tensor([kind == SOUND for kind, _, _ in groups.keys])
    unions = [(~heard).nonzero().flatten(), heard.nonzero().flatten()]
    orders = []
    for _ in range(max(1, evaluations(preset) // max(2 * (players - 1), 1))):
        order = torch.cat([of[torch.randperm(len(of), generator=generator)] for of in unions])
        orders += [order, order.flip(0)]
    arrived = torch.arange(1, players)[:, None]  # how many are there already
    there = torch.cat([order.argsort()[None] < arrived for order in orders])
    between = scores.of(groups, there).view(len(orders), players - 1)
    values = torch.zeros(players)
    ends = torch.tensor([scores.baseline_score, scores.score])
    for order, row in zip(orders, between, strict=True):
        values[order] += torch.cat([ends[:1], row, ends[1:]]).diff() / len(orders)
    return values


def _drawn(sample: Sample, features: Features, groups: TokenGroups, values: Tensor) -> Maps:
    """Values of groups (k,), each spread evenly over what its tokens looked at."""
    maps = {"video": torch.zeros(sample.video.shape), "mel": torch.zeros(sample.mel.shape)}
    if PEOPLE in features:
        maps["people"] = torch.zeros(sample.face_mask.shape[-1])
    where = _frames_of(sample, features, groups)
    for group, (kind, _, person) in enumerate(groups.keys):
        if kind == SOUND:
            maps["mel"] += (where[group] * values[group] / sample.mel.shape[1]).unsqueeze(1)
            continue
        for step in where[group].nonzero().flatten().tolist():
            frame = maps["video"][step]  # a view
            area = frame[:, *_face_area(sample, step, person)] if kind == PEOPLE else frame
            area += where[group][step] * values[group] / area.numel()
        if kind == PEOPLE:
            maps["people"][person] += values[group]
    return maps


def _frames_of(sample: Sample, features: Features, groups: TokenGroups) -> list[Tensor]:
    """Of each group: how its value is spread over the frames of its input; each sums to one."""
    parts: list[list[Tensor]] = [[] for _ in groups.keys]
    people = max(1, sample.face_mask.shape[-1])
    for tower, seen in features.items():
        real = sample.video_mask if tower in (PICTURE, PEOPLE) else sample.mel_mask
        assert seen.spans is not None  # as backbones say what they see
        frames = seen.spans.frames[0].cpu()  # (N, 2)
        if tower == PEOPLE:  # a face is followed until the next frame that is read
            steps = -(-len(real) // (len(frames) // people))
            frames = torch.stack([frames[:, 0], frames[:, 0] + steps], dim=1)
        for token, group in enumerate(groups.ids[tower].tolist()):
            if group >= 0:
                own = real & sample.face_mask[:, token % people] if tower == PEOPLE else real
                parts[group].append(to_frames(frames[token : token + 1], own)[0])
    return [torch.stack(rows).mean(0) for rows in parts]


def _face_area(sample: Sample, step: int, person: int) -> tuple[slice, slice]:
    """Rows and columns of a frame in which a person's face is read."""
    assert sample.face_eyes is not None  # by which faces are found there
    height, width = sample.video.shape[-2:]
    eyes = sample.face_eyes[step, person].view(2, 2) * torch.tensor([width, height])
    across = eyes[1] - eyes[0]
    side = SIDE_IN_EYES * float(across.norm())
    down = torch.stack([-across[1], across[0]]) * SIDE_IN_EYES * (0.5 - EYES_DOWN)
    x, y = (eyes.mean(0) + down).tolist()
    return _inside(y, side, height), _inside(x, side, width)


def _inside(middle: float, side: float, size: int) -> slice:
    """A stretch of at least one pixel within 0 to size."""
    first = min(max(round(middle - side / 2), 0), size - 1)
    return slice(first, max(first + 1, min(round(middle + side / 2), size)))
