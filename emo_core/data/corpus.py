"""What every corpus looks like: items with a clip, a label, a group and a split."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np


class CorpusError(Exception):
    """A corpus that can't be used as it is; the message says which line or file, and what to do."""


@dataclass(frozen=True)
class Item:
    """One labelled clip."""

    name: str  # path inside the corpus without suffix, "Train/12_3"
    path: Path
    split: str  # "train", "val" or "test"
    label: str | tuple[str, ...] | None  # one, or all that are present; None = not published
    group: str  # source video, speaker or dialogue: never on both sides of a split
    regime: str | None = None  # which evidence a drawn clip holds
    text: str = ""  # transcript
    span_s: tuple[float, float] | None = None  # the part of the file that is meant; None = all


@dataclass(frozen=True)
class Corpus:
    """A corpus as read: usable items, and one sentence for everything that was refused."""

    name: str
    root: Path
    labels: tuple[str, ...]
    items: tuple[Item, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    details: dict = field(default_factory=dict)

    def split(self, name: str) -> list[Item]:
        """Labelled items of one split; raises CorpusError where there are none."""
        chosen = [item for item in self.items if item.split == name and item.label is not None]
        if not chosen:
            raise CorpusError(
                f"{self.root.name} has no labelled clips in split {name!r}; expected some of "
                f"{', '.join(sorted({i.split for i in self.items if i.label})) or 'train, val'}; "
                f"see `emo data check {self.root} --corpus {self.name}`."
            )
        return chosen


def crossing_groups(items: Iterable[Item]) -> dict[str, list[str]]:
    """Groups that stand in more than one split: {group: [splits]}; empty = no leak."""
    splits: dict[str, set[str]] = {}
    for item in items:
        splits.setdefault(item.group, set()).add(item.split)
    return {group: sorted(where) for group, where in splits.items() if len(where) > 1}


def refuse_leaks(corpus: Corpus) -> Corpus:
    """Returns the corpus, or raises CorpusError where a group crosses splits."""
    crossing = crossing_groups(corpus.items)
    if crossing:
        group, where = next(iter(sorted(crossing.items())))
        raise CorpusError(
            f"source {group} is in {' and '.join(where)} ({len(crossing)} such source"
            f"{'s' if len(crossing) > 1 else ''}); expected every source in one split, else the "
            "scores are too good; move its clips to one split."
        )
    return corpus


def hold_out(items: Sequence[Item], share: float, seed: int) -> tuple[list[Item], list[Item]]:
    """Splits off whole groups until `share` of the items is reached: (rest, held out).

    The choice depends on the seed and the group names only. Raises CorpusError below two groups.
    """
    sizes = Counter(item.group for item in items)
    if len(sizes) < 2:
        raise CorpusError(
            f"all {len(items)} training clips come from one source; expected at least two, so that "
            "early stopping can look at a source that training does not see."
        )
    order = np.random.default_rng(seed).permutation(sorted(sizes))
    held: set[str] = set()
    taken = 0
    for group in order[:-1]:  # at least one group stays for training
        if held and taken >= share * len(items):
            break
        held.add(str(group))
        taken += sizes[group]
    return [i for i in items if i.group not in held], [i for i in items if i.group in held]


def summary(corpus: Corpus) -> dict:
    """Counts per split, in the form `emo data check` prints."""
    splits = {}
    for name in ("train", "val", "test"):
        chosen = [item for item in corpus.items if item.split == name]
        if chosen:
            counts = Counter(item.label for item in chosen if item.label is not None)
            splits[name] = {
                "clips": len(chosen),
                "labels": {label: counts.get(label, 0) for label in corpus.labels},
                "groups": len({item.group for item in chosen}),
            }
    return {
        "corpus": corpus.name,
        "splits": splits,
        "problems": list(corpus.problems),
        "notes": list(corpus.notes),
        **corpus.details,
    }


def with_problems(corpus: Corpus, problems: Iterable[str]) -> Corpus:
    """The same corpus with more problems noted."""
    return replace(corpus, problems=(*corpus.problems, *problems))
