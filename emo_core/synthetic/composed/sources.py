"""Folders of face photographs and recordings, assigned so that no person is in two splits.

SOURCES/faces/labels.csv               file, polarity, person; optionally source
SOURCES/voices/<name>/labels.csv       file, polarity, and speaker or actor
SOURCES/sounds/groups/labels.csv       file, polarity_suggested: crowds and distress (optional)
SOURCES/sounds/esc10/<class>/*.ogg     ambience; baby cries count as distress (optional)
SOURCES/DATA.md                        what is known of them; speakers kept for test (optional)

`polarity` is a mapping from the emotion one person shows, not a judgement of a group. Blanks around
names do not count, else one person would be two.
"""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np

from emo_core.clip import ClipError, load_clip
from emo_core.data.corpus import CorpusError, read_table
from emo_core.data.image_sequence import read_image
from emo_core.data.statement import STATEMENT, held_out_groups, statement_text
from emo_core.schema import POLARITIES, SPLITS

SHARES = {"train": 0.68, "val": 0.13, "test": 0.19}  # of the items of a source
KINDS = ("face", "voice", "crowd", "ambience")


@dataclass(frozen=True)
class SourceItem:
    """One photograph or recording that scenes are composed of."""

    path: Path
    kind: str  # of KINDS
    polarity: str  # of POLARITIES, or another class that a reader sorts by; "" = none (ambience)
    group: str  # person, speaker or source recording: in one split only
    source: str  # "news", "film", "ravdess", ...: balanced within each class
    split: str = ""
    emotion: str = ""
    text: str = ""  # what a voice says, where that is known
    intensity: str = ""  # as acted, "normal" or "strong"; "" = not stated


def assign_splits(
    items: list[SourceItem],
    known: Mapping[str, str] = MappingProxyType({}),
    held_out: frozenset[str] = frozenset(),
) -> list[SourceItem]:
    """Every group into one split, each source and class near SHARES, the same on any machine.

    known: KIND/GROUP -> split, of groups that have one already. held_out: voices' groups that are
    in test whatever the shares.
    """
    of_group: dict[str, list[SourceItem]] = defaultdict(list)
    for part in items:
        of_group[f"{part.kind}/{part.group}"].append(part)
    strata: dict[tuple, list[str]] = defaultdict(list)
    for name in (name for name in of_group if name not in known):
        strata[_stratum(of_group[name])].append(name)
    where = dict(known)
    for names in strata.values():
        names.sort(key=lambda name: (-len(of_group[name]), _name_hash(name)))
        where |= _assign({name: len(of_group[name]) for name in names}, held_out)
    return [replace(part, split=where[f"{part.kind}/{part.group}"]) for part in items]


def _stratum(group: list[SourceItem]) -> tuple:
    rare = min(POLARITIES, key=lambda label: (label != "negative", label))
    labels = {part.polarity for part in group}
    return group[0].kind, group[0].source, rare in labels, min(labels)


def _name_hash(name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()


def _assign(sizes: dict[str, int], held_out: frozenset[str]) -> dict[str, str]:
    """Groups, large ones first, each to the split that lacks most."""
    total, where = sum(sizes.values()), {}
    filled: Counter[str] = Counter()
    for name in sorted(sizes, key=lambda n: n.removeprefix("voice/") not in held_out):
        lacking = {s: share * total - filled[s] for s, share in SHARES.items()}
        known = name.removeprefix("voice/") in held_out
        where[name] = "test" if known else max(lacking, key=lacking.__getitem__)
        filled[where[name]] += sizes[name]
    return where


RATE = 16_000  # Hz, of every recording in memory
BLOCK = 160  # samples whose loudness is measured together
SIDE = 128  # pixels, of every photograph in memory
DISTRESS = "004 - Baby cry"
Sort = Callable[[Mapping[str, str]], str]  # what to make of a row of a table


@dataclass(frozen=True)
class SourcePool:
    """All parts, and the split of each person."""

    root: Path
    items: tuple[SourceItem, ...]
    pools: dict[tuple[str, str, str], tuple["Pool", ...]] = field(repr=False, compare=False)
    labels: tuple[str, ...] = POLARITIES  # what `SourceItem.polarity` may be, beside ""

    def draw(self, rng: np.random.Generator, kind: str, split: str, polarity: str = "") -> int:
        """Index in `items` of one part; -1 where the split has none of its kind."""
        pools = self.pools.get((kind, split, polarity), ())
        if not pools:
            return -1
        shares = np.cumsum([pool.share for pool in pools])
        pool = pools[min(int(np.searchsorted(shares, rng.random() * shares[-1])), len(pools) - 1)]
        row = int(np.searchsorted(pool.edges, rng.random() * pool.edges[-1]))
        return pool.rows[min(row, len(pool.rows) - 1)]

    def has(self, kind: str, split: str, polarity: str) -> bool:
        """Whether `draw` would find one."""
        return (kind, split, polarity) in self.pools

    def fingerprint(self) -> str:
        """Digest of the parts: changes with any that is added, left out, changed or reassigned."""
        lines = sorted(
            f"{part.kind}|{part.polarity}|{part.emotion}|{part.group}|{part.source}|{part.split}|"
            f"{part.text}|{relative_name(self.root, part.path)}|{_size(part.path)}"
            for part in self.items
        )
        return hashlib.blake2b("\n".join(lines).encode(), digest_size=8).hexdigest()

    def items_of(self, kind: str, split: str) -> list[SourceItem]:
        """The parts of one kind in one split."""
        return [part for part in self.items if part.kind == kind and part.split == split]


@dataclass(frozen=True)
class Pool:
    """The parts of one source that a draw may give.

    A person of n photographs is drawn as often as the root of n says; so is a source of n people,
    and as often in every class: else "looks like a film" would be evidence.
    """

    share: float
    rows: tuple[int, ...]
    edges: np.ndarray  # cumulative weights


def _size(path: Path) -> int:
    """Bytes; -1 of a file that is not there, which a scene that needs it says by name."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


def relative_name(root: Path, path: Path) -> str:
    """The file's name from `root`, also where it lies beside it."""
    return Path(os.path.relpath(path, root)).as_posix()


@lru_cache(maxsize=4)
def read_sources(root: Path) -> SourcePool:
    """Read the label tables; raise CorpusError where faces or voices are missing."""
    if not root.is_dir():
        raise CorpusError(
            "{root} is not there; expected a folder with faces/labels.csv and "
            "voices/*/labels.csv; give --sources with your own photographs and recordings.",
            root=root,
        )
    parts = people_of(root, _polarity)
    parts += _crowds(root / "sounds" / "groups") + _field(root / "sounds" / "esc10")
    parts = assign_splits(parts, held_out=read_held_out(root))
    _check(root, parts)
    return SourcePool(root, tuple(parts), pools(parts))


def read_more_faces(
    folder: Path, sort: Sort | None = None, labels: tuple[str, ...] = POLARITIES
) -> SourcePool:
    """Photographs of people unknown, so for training only, by their own labels.csv.

    sort: by which of `labels`, else by polarity. Raises CorpusError where there is no such table.
    """
    parts = [replace(part, split="train") for part in _faces(folder, sort or _polarity)]
    return SourcePool(folder, tuple(parts), pools(parts), labels)


def read_held_out(root: Path) -> frozenset[str]:
    """Voices' groups that DATA.md keeps for test; raises CorpusError on one without recordings."""
    held_out = held_out_groups(statement_text(root))
    if held_out:
        people = people_of(root, lambda row: "any")
        speakers = {part.group for part in people if part.kind == "voice"}
        unknown = ", ".join(sorted(held_out - speakers))
        if unknown:
            raise CorpusError(
                "{name}/{statement} holds out {unknown}, of whom voices/ has no recording; "
                "expected NAME/SPEAKER as in voices/NAME/labels.csv; correct the list.",
                name=root.name,
                statement=STATEMENT,
                unknown=unknown,
            )
    return held_out


def people_of(root: Path, sort: Sort, transcript: Sort = lambda row: "") -> list[SourceItem]:
    """All faces and voices of the tables, without splits; `sort` says "" where a row is left out.

    Raises CorpusError where there are no such tables.
    """
    tables = sorted((root / "voices").glob("*/labels.csv"))
    if not tables:
        raise CorpusError(
            "{name}/voices has no folder with labels.csv; expected voices/NAME/labels.csv with "
            "file, polarity and speaker; add it.",
            name=root.name,
        )
    parts = _faces(root / "faces", sort)
    for table in tables:
        parts += _voices(table.parent, sort, transcript)
    return parts


def _polarity(row: Mapping[str, str]) -> str:
    polarity = row["polarity"].casefold()
    if polarity and polarity not in POLARITIES:
        raise CorpusError(
            "labels.csv gives {file} the polarity {polarity!r}; expected {polarities}, or nothing "
            "where it is to be left out; correct that row.",
            file=row["file"],
            polarity=row["polarity"],
            polarities=", ".join(POLARITIES),
        )
    return polarity


def _rows(folder: Path, columns: Sequence[str]) -> Iterable[dict[str, str]]:
    table = folder / "labels.csv"
    if not table.is_file():
        raise CorpusError(
            "{name}/labels.csv is missing; expected a table with {columns}; write one, or give "
            "--sources another folder.",
            name=folder.name,
            columns=", ".join(columns),
        )
    for _, row in read_table(table, columns, f"in {folder.name}/"):
        yield {name: cell.strip() for name, cell in row.items() if isinstance(cell, str)}


def _faces(folder: Path, sort: Sort) -> list[SourceItem]:
    return [
        SourceItem(
            folder / row["file"],
            "face",
            sort(row),
            row["person"],
            row.get("source") or "photographs",
            emotion=row.get("emotion", ""),
            intensity=row.get("intensity", "").casefold(),
        )
        for row in _rows(folder, ("file", "polarity", "person"))
        if sort(row)
    ]


def _voices(folder: Path, sort: Sort, transcript: Sort) -> list[SourceItem]:
    return [
        SourceItem(
            folder / row["file"],
            "voice",
            sort(row),
            f"{folder.name}/{row.get('speaker') or row.get('actor')}",
            folder.name,
            emotion=row.get("emotion", ""),
            intensity=row.get("intensity", "").casefold(),
            text=transcript(row),
        )
        for row in _rows(folder, ("file", "polarity"))
        if sort(row)
    ]


def _crowds(folder: Path) -> list[SourceItem]:
    if not (folder / "labels.csv").is_file():
        return []
    parts = []
    for row in _rows(folder, ("file", "polarity_suggested")):
        polarity = row["polarity_suggested"].split(" ")[0]  # "negative (context)"
        if polarity in POLARITIES:  # neither "ambiguous" nor "neutral/positive"
            parts.append(SourceItem(folder / row["file"], "crowd", polarity, row["file"], "groups"))
    return parts


def _field(folder: Path) -> list[SourceItem]:
    """ESC-10's names: fold-recording-take.ogg; takes of one recording stay together."""
    parts = []
    for path in sorted(folder.glob("*/*.ogg")):
        cries = path.parent.name == DISTRESS
        kind, polarity = ("crowd", "negative") if cries else ("ambience", "")
        group = f"esc10/{path.stem.split('-')[1]}"
        parts.append(
            SourceItem(path, kind, polarity, group, "esc10" if cries else path.parent.name)
        )
    return parts


def _check(root: Path, parts: list[SourceItem]) -> None:
    found = {(part.kind, part.split, part.polarity) for part in parts}
    for kind, folder in (("face", "faces"), ("voice", "voices")):
        for split in SPLITS:
            for label in POLARITIES:
                if (kind, split, label) not in found:
                    raise CorpusError(
                        "{name}/{folder} has no {label} {kind} for {split}; expected at least "
                        "three people for every polarity, so that no person is in two splits; add "
                        "some.",
                        name=root.name,
                        folder=folder,
                        label=label,
                        kind=kind,
                        split=split,
                    )


def pools(items: Sequence[SourceItem]) -> dict[tuple[str, str, str], tuple[Pool, ...]]:
    groups = {(part.kind, part.source, part.group) for part in items}
    totals = Counter((kind, source) for kind, source, _ in groups)
    rows: dict[tuple, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, part in enumerate(items):
        rows[part.kind, part.split, part.polarity][part.source].append(place)
    return {
        key: tuple(
            _pool(items, places, totals[key[0], source] ** 0.5)
            for source, places in sources.items()
        )
        for key, sources in rows.items()
    }


def _pool(parts: Sequence[SourceItem], places: list[int], share: float) -> Pool:
    people = Counter(parts[place].group for place in places)
    weights = [people[parts[place].group] ** -0.5 for place in places]
    return Pool(share, tuple(places), np.cumsum(weights))


@cache
def photograph(path: Path) -> np.ndarray:
    """A face as bytes, grey: (SIDE, SIDE) uint8, the picture's middle square.

    Raises CorpusError where the file is no picture.
    """
    try:
        pixels = cv2.cvtColor(read_image(path), cv2.COLOR_RGB2GRAY)
    except ClipError as error:
        raise CorpusError("{error} Or take its row out of labels.csv.", error=error) from error
    side = min(pixels.shape)
    top, left = ((n - side) // 2 for n in pixels.shape)
    square = pixels[top : top + side, left : left + side]
    return cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


@cache
def recording(path: Path) -> np.ndarray:
    """A recording at RATE, mono, of unit loudness (RMS of its louder half): (S,) float32.

    Its own level says who recorded it, so it is taken out. Raises CorpusError where the file has
    no sound.
    """
    try:
        clip = load_clip(path)
        wave = clip.audio(RATE) if clip.has_audio else np.zeros(0, np.float32)
    except (ClipError, OSError) as error:
        raise CorpusError(
            "{name}/{path_name}: {error}", name=path.parent.name, path_name=path.name, error=error
        ) from error
    if not np.abs(wave).max(initial=0.0) > 0:
        raise CorpusError(
            "{name}/{path_name} is silent; expected a voice or a sound; copy it again or take its "
            "row out of labels.csv.",
            name=path.parent.name,
            path_name=path.name,
        )
    if len(wave) < BLOCK:
        raise CorpusError(
            "{name}/{path_name} is {count:.0f} ms long; expected at least {block:.0f} ms; take "
            "its row out of labels.csv.",
            name=path.parent.name,
            path_name=path.name,
            count=1000 * len(wave) / RATE,
            block=1000 * BLOCK / RATE,
        )
    power = np.sort(np.square(wave[: len(wave) // BLOCK * BLOCK]).reshape(-1, BLOCK).mean(1))
    return (wave / np.sqrt(power[len(power) // 2 :].mean() + 1e-12)).astype(np.float32)
