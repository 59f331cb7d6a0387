"""The parts that scenes are composed of, dealt to splits so that nobody is on two sides."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from emo_core.data.staged_scene import LABELS

SHARES = {"train": 0.68, "val": 0.13, "test": 0.19}  # of the items of a source
ALWAYS_TEST = {  # actors whose faces are among the labelled real clips of the data README
    f"ravdess/{actor}" for actor in ("1", "6", "14", "01", "06")
}
KINDS = ("face", "voice", "crowd", "ambience")


@dataclass(frozen=True)
class Part:
    """One photograph or recording that scenes are composed of."""

    path: Path
    kind: str  # of KINDS
    polarity: str  # of LABELS, or another class that a reader sorts by; "" = none (ambience)
    group: str  # person, speaker or source recording: in one split only
    source: str  # "news", "film", "ravdess", ...: balanced within each class
    split: str = ""
    emotion: str = ""
    text: str = ""  # what a voice says, where that is known


def split_groups(parts: list[Part], known: Mapping[str, str] = MappingProxyType({})) -> list[Part]:
    """Every group into one split, each source and class near SHARES, the same on any machine.

    known: KIND/GROUP -> split, of groups that have one already.
    """
    of_group: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        of_group[f"{part.kind}/{part.group}"].append(part)
    strata: dict[tuple, list[str]] = defaultdict(list)
    for name in (name for name in of_group if name not in known):
        strata[_stratum(of_group[name])].append(name)
    where = dict(known)
    for names in strata.values():
        names.sort(key=lambda name: (-len(of_group[name]), _shuffled(name)))
        where |= _dealt({name: len(of_group[name]) for name in names})
    return [replace(part, split=where[f"{part.kind}/{part.group}"]) for part in parts]


def _stratum(group: list[Part]) -> tuple:
    rare = min(LABELS, key=lambda label: (label != "negative", label))
    labels = {part.polarity for part in group}
    return group[0].kind, group[0].source, rare in labels, min(labels)


def _shuffled(name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()


def _dealt(sizes: dict[str, int]) -> dict[str, str]:
    """Groups, large ones first, each to the split that lacks most."""
    total, filled, where = sum(sizes.values()), Counter(), {}
    for name in sorted(sizes, key=lambda n: n.removeprefix("voice/") not in ALWAYS_TEST):
        lacking = {s: share * total - filled[s] for s, share in SHARES.items()}
        known = name.removeprefix("voice/") in ALWAYS_TEST
        where[name] = "test" if known else max(lacking, key=lacking.get)
        filled[where[name]] += sizes[name]
    return where
