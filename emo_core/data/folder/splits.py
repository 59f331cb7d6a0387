"""Which clips belong to one source, and which sources train, choose and test."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from emo_core.data.folder.files import without_ending
from emo_core.messages import say

SHARES = {"test": 0.15, "val": 0.15}  # of the clips; the rest trains
ORDERS = 64  # of sources that are tried; the one whose splits have the most equal classes is taken
MOST_CLASSES = 50  # that are looked at; of more, sizes alone count
_TOKEN = re.compile(r"[_\-. ]+")


@dataclass(frozen=True)
class Guess:
    """Sources of clips as guessed: one for each name, and how, in words."""

    groups: tuple[str, ...]
    how: str


def guess_groups(names: Sequence[str], labels: Sequence[object]) -> Guess:
    """Sources of clips that have no group, from their paths inside the folder.

    By the folder they lie in, the first part of their name, or their name without its last part:
    the first that makes three sources or more (else two) of two clips on average, and does not
    decide the label. Else every file is a source.
    """
    files = len(set(names))
    ways: tuple[tuple[str, Callable[[str], str]], ...] = (
        (say("the folder it is in"), lambda name: str(PurePosixPath(name).parent)),
        (say("the first part of its name"), _first_token),
        (say("its name without the last part"), _without_last_token),
        (say("its name without the number at the end"), _without_number),
    )
    for least in (3, 2):
        for how, way in ways:
            groups = tuple(way(name) for name in names)
            if least <= len(set(groups)) <= files / 2 and not _decides(groups, labels):
                example = next(i for i, name in enumerate(names) if name)
                return Guess(
                    groups,
                    say(
                        "{how} ({group!r} for {name!r})",
                        how=how,
                        group=groups[example],
                        name=names[example],
                    ),
                )
    return Guess(tuple(names), say("its file, so every file is a source of its own"))


def _first_token(name: str) -> str:
    return _TOKEN.split(PurePosixPath(name).name)[0]


def _without_last_token(name: str) -> str:
    stem = without_ending(PurePosixPath(name).name)
    parts = list(_TOKEN.finditer(stem))
    return stem[: parts[-1].start()] if parts else stem


def _without_number(name: str) -> str:
    stem = without_ending(PurePosixPath(name).name)
    return stem.rstrip("0123456789") or stem


def _decides(groups: Sequence[str], labels: Sequence[object]) -> bool:
    """Whether the source says the label in most sources of two clips or more: then it is none."""
    found = defaultdict(list)
    for group, label in zip(groups, labels, strict=True):
        found[group].append(label)
    if len({label for label in labels}) < 2:
        return False
    several = [Counter(each) for each in found.values() if len(each) > 1]
    return sum(len(each) > 1 for each in several) < len(several) / 2


def deal_splits(groups: Sequence[str], labels: Sequence[object]) -> dict[str, str]:
    """Source -> split, the same for the same folder: of one source all train, of two none tests.

    The largest source trains. Of ORDERS random orders of the others, the one is taken in which
    every split's share of each class is nearest to SHARES.
    """
    names = sorted(set(groups))
    if len(names) < 2:
        return dict.fromkeys(names, "train")
    counts = _counts(names, groups, labels)  # (G, C)
    sizes = counts.sum(1)
    largest = int(sizes.argmax())
    others = np.array([i for i in range(len(names)) if i != largest])
    shares = SHARES if len(names) > 2 else {"val": SHARES["val"]}
    rng = np.random.default_rng(0)
    tried = [_dealt(rng.permutation(others), sizes, shares) for _ in range(ORDERS)]
    best = min(tried, key=lambda dealt: _unevenness(dealt, counts, shares))
    found = dict.fromkeys(names, "train")
    return found | {names[i]: split for split, chosen in best.items() for i in chosen}


def _counts(names: list[str], groups: Sequence[str], labels: Sequence[object]) -> np.ndarray:
    """Clips of each source and class: (G, C)."""
    classes = sorted({str(label) for label in labels})
    if len(classes) > MOST_CLASSES:
        classes, labels = [""], [""] * len(groups)
    row = {name: i for i, name in enumerate(names)}
    column = {name: i for i, name in enumerate(classes)}
    counts = np.zeros((len(names), len(classes)))
    for group, label in zip(groups, labels, strict=True):
        counts[row[group], column[str(label)]] += 1
    return counts


def _dealt(
    order: np.ndarray, sizes: np.ndarray, shares: Mapping[str, float]
) -> dict[str, np.ndarray]:
    """Sources of each split but train: in this order until its share is nearest, at least one."""
    taken, start, dealt = np.cumsum(sizes[order]), 0, {}
    for number, (split, share) in enumerate(shares.items()):
        before = taken[start - 1] if start else 0.0
        reached = np.abs(taken[start:] - before - share * sizes.sum())
        left_for_others = len(shares) - 1 - number
        most = max(1, len(order) - start - left_for_others)
        end = start + 1 + int(reached[:most].argmin())
        dealt[split], start = order[start:end], end
    return dealt


def _unevenness(
    dealt: Mapping[str, np.ndarray], counts: np.ndarray, shares: Mapping[str, float]
) -> float:
    """How far the splits' shares of each class are from what is wanted; 0 = nowhere."""
    total = np.maximum(counts.sum(0), 1)
    dealt_shares = {split: counts[chosen].sum(0) / total for split, chosen in dealt.items()}
    of_train = 1 - sum(dealt_shares.values()) - (1 - sum(shares.values()))
    gaps = [share - shares[split] for split, share in dealt_shares.items()] + [of_train]
    return sum(float(np.square(gap).sum()) for gap in gaps)
