"""What every corpus looks like: items with a clip, a label, a group and a split."""

import codecs
import csv
import io
import math
import os
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from emo_core.errors import EmoError, os_reason
from emo_core.messages import say, say_count, say_list
from emo_core.schema import SPLITS

LEFT_BY_SYSTEMS = (
    *("__MACOSX", "@eaDir", "System Volume Information", "$RECYCLE.BIN"),
    *("Thumbs.db", "desktop.ini"),
)
MOST_TRIED = 50  # names in a folder, where a corpus may lie elsewhere
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class CorpusError(EmoError):
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
    longest_s: float = math.inf  # seconds that are read at most, however long the file may be

    @property
    def present(self) -> tuple[str, ...]:
        """The labels that are present, however many a clip of this corpus may have."""
        return (self.label,) if isinstance(self.label, str) else self.label or ()


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
    leak: str = ""  # a published split that lets groups cross, in words; "" = none may
    # (corpus, items, target) -> windows, and item -> what is checked; None = of whole files
    windows: Callable[..., Sequence[Any]] | None = field(default=None, repr=False, compare=False)
    open_item: Callable[[Any], Any] | None = field(default=None, repr=False, compare=False)
    # item -> what of its file it means, beside seconds; items that agree in it are opened together
    viewpoint: Callable[[Any], Hashable] | None = field(default=None, repr=False, compare=False)

    @property
    def multi_label(self) -> bool:
        """Whether any number of labels may be present in one clip."""
        return any(isinstance(item.label, tuple) for item in self.items)

    def split(self, name: str) -> list[Item]:
        """Labelled items of one split; raises CorpusError where there are none."""
        chosen = [item for item in self.items if item.split == name and item.label is not None]
        if not chosen:
            raise CorpusError(
                "{name} has no labelled clips in the split {split!r}; expected a split that has "
                "some ({known}); see `emo data check {root} --corpus {corpus}`.",
                name=self.root.name,
                split=name,
                known=", ".join(sorted(_labelled_splits(self.items))) or say("there is none"),
                root=self.root,
                corpus=self.name,
            )
        return chosen


def _labelled_splits(items: Iterable[Item]) -> set[str]:
    return {item.split for item in items if item.label is not None}


def unreadable_file(path: Path, expected: str, error: OSError) -> CorpusError:
    """What to raise of a file that is there but can't be read; expected: where, in words."""
    return CorpusError(
        "{name} can't be read ({reason}); expected it {expected}; copy it again.",
        name=path.name,
        reason=os_reason(error),
        expected=expected,
    )


def read_text(path: Path, expected: str) -> str:
    """A text file in UTF-8, or in UTF-16 where a byte order mark says so.

    expected: where it belongs, in words. Raises CorpusError where it is missing or is not text.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise CorpusError(
            "{name} is missing; expected it {expected}; copy it again.",
            name=path.name,
            expected=expected,
        ) from error
    except OSError as error:
        raise unreadable_file(path, expected, error) from error
    try:
        return data.decode("utf-16" if data.startswith(UTF16_MARKS) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(
            "{name} is not a text file in UTF-8 (from byte {start} on); expected it {expected}; "
            "copy it again, or save it as UTF-8.",
            name=path.name,
            start=error.start,
            expected=expected,
        ) from error


def read_table(
    path: Path, columns: Sequence[str], expected: str, several_lines: bool = False
) -> list[tuple[int, dict[str, str]]]:
    """Rows of a CSV file with a header: (line number, {column: value}); blank lines are skipped.

    several_lines: whether a row may go over several lines, as where people wrote free text. Raises
    CorpusError where it is no table or one of `columns` is missing from its header.
    """
    text = io.StringIO(read_text(path, expected), newline="")
    try:
        rows = _rows(path, columns, csv.DictReader(text, restval=""))
    except csv.Error as error:
        raise CorpusError(
            "{name} can't be read as a table ({error}); expected columns separated by commas and "
            "every quotation mark closed; restore the official file.",
            name=path.name,
            error=error,
        ) from error
    for number, row in rows if not several_lines else ():
        if any("\n" in value for value in row.values() if isinstance(value, str)):
            raise CorpusError(
                "{name}: the row that ends in line {number} goes over several lines; expected "
                "each row on one line and every quotation mark closed; correct that row.",
                name=path.name,
                number=number,
            )
    return rows


def _rows(
    path: Path, columns: Sequence[str], reader: csv.DictReader
) -> list[tuple[int, dict[str, str]]]:
    missing = [name for name in columns if name not in (reader.fieldnames or ())]
    if missing:
        found = ",".join(reader.fieldnames or ())[:60]
        raise CorpusError(
            "{name} starts with {found!r}; expected a header with {missing}; restore the official "
            "file.",
            name=path.name,
            found=found,
            missing=", ".join(missing),
        )
    return [(reader.line_num, row) for row in reader if any(row.get(name) for name in columns)]


def read_splits(folder: Path) -> tuple[dict[str, str], list[str]]:
    """The published {train,valid,test}_split.txt, one id a line: ({id: split}, problems).

    Raises CorpusError where one is missing.
    """
    splits: dict[str, str] = {}
    problems: list[str] = []
    for split, name in (("train", "train"), ("val", "valid"), ("test", "test")):
        text = read_text(
            folder / f"{name}_split.txt", say("in {folder}/ as published", folder=folder.name)
        )
        for entry in text.split():
            if splits.setdefault(entry, split) != split:
                problems.append(
                    say(
                        "{entry} is in two published splits, {kept} and {split}; expected "
                        "it in one; it stays in {kept}.",
                        entry=entry,
                        kept=splits[entry],
                        split=split,
                    )
                )
    return splits, problems


def find_folder(root: Path, *names: str) -> Path | None:
    """The first of these folders that exists, in any capitals; None = none does.

    Where an archive was unpacked into a folder of its own name, the one inside.
    """
    found = next((folder for name in names if (folder := _folder_at(root, name))), None)
    while found and visible_names(found) == [found.name] and (found / found.name).is_dir():
        found = found / found.name
    return found


def _folder_at(root: Path, name: str) -> Path | None:
    if (root / name).is_dir():
        return root / name
    for part in Path(name).parts:
        alike = [n for n in visible_names(root) if n.casefold() == part.casefold()]
        root = root / (alike[0] if len(alike) == 1 else part)
    return root if root.is_dir() else None


def visible_names(folder: Path) -> list[str]:
    """Names in a folder, sorted, but what is hidden or left by systems; [] = it can't be read."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [name for name in names if name[0] != "." and name not in LEFT_BY_SYSTEMS]


def files_by_stem(folder: Path, suffix: str) -> dict[str, Path]:
    """Files with this ending, in any capitals: {name without it: path}."""
    ending = [n for n in visible_names(folder) if n.lower().endswith(suffix)]
    return {name[: -len(suffix)]: folder / name for name in ending}


def refuse_misplaced(root: Path, *names: str) -> None:
    """Raises CorpusError where one of these folders is not in the root, but beside or below it."""
    below = [root / name for name in visible_names(root)[:MOST_TRIED]]
    deeper = [folder / name for folder in below for name in visible_names(folder)[:MOST_TRIED]]
    for place in (root.parent, *below, *deeper):
        for name in names:
            if _folder_at(place, name):
                raise CorpusError(
                    "{root} holds no folder {name}, but {place} does; expected the folder that "
                    "holds it; give {place}.",
                    root=root.name,
                    name=name,
                    place=place,
                )


def name_list(things: Sequence[str], most: int = 3) -> str:
    """The first few of many names, for a sentence: "a, b, c and 5 more"."""
    shown = ", ".join(things[:most])
    if len(things) <= most:
        return shown
    return say("{shown} and {count} more", shown=shown, count=len(things) - most)


def split_notes(items: Iterable[Item], published: Mapping[str, int]) -> tuple[str, ...]:
    """A sentence for every split whose size is not the published one."""
    counts = Counter(item.split for item in items)
    return tuple(
        say(
            "{split} has {count} usable clips; the published set has {wanted}.",
            split=split,
            count=counts[split],
            wanted=wanted,
        )
        for split, wanted in published.items()
        if counts[split] != wanted
    )


def crossing_groups(items: Iterable[Item]) -> dict[str, list[str]]:
    """Groups that stand in more than one split: {group: [splits]}; empty = no leak."""
    splits: dict[str, set[str]] = {}
    for item in items:
        splits.setdefault(item.group, set()).add(item.split)
    return {group: sorted(where) for group, where in splits.items() if len(where) > 1}


def refuse_leaks(corpus: Corpus) -> Corpus:
    """Return the corpus, or raise CorpusError where a group crosses splits.

    A corpus that says so itself (`leak`) passes: its notes name the leak.
    """
    crossing = crossing_groups(corpus.items)
    if crossing and not corpus.leak:
        group, where = next(iter(sorted(crossing.items())))
        raise CorpusError(
            say_count(
                "source {group} is in {where} ({count} such source); expected every source in one "
                "split, else the scores are too good; move its clips to one split.",
                "source {group} is in {where} ({count} such sources); expected every source in one "
                "split, else the scores are too good; move its clips to one split.",
                len(crossing),
                group=group,
                where=say_list(where, say(" and ")),
            )
        )
    return corpus


class Grouped(Protocol):
    """An item or a window."""

    @property
    def group(self) -> str: ...


One = TypeVar("One", bound=Grouped)


def hold_out(items: Sequence[One], share: float, seed: int) -> tuple[list[One], list[One]]:
    """Split off whole groups until `share` of the items is reached: (rest, held out).

    The choice depends on the seed and the group names only. Raises CorpusError below two groups.
    """
    sizes = Counter(item.group for item in items)
    if len(sizes) < 2:
        raise CorpusError(
            "all {count} training clips come from one source; expected at least two, so that "
            "early stopping can look at a source that training does not see.",
            count=len(items),
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


def corpus_summary(corpus: Corpus) -> dict:
    """Counts per split, in the form `emo data check` prints."""
    splits = {}
    for name in SPLITS:
        chosen = [item for item in corpus.items if item.split == name]
        if chosen:
            counts = Counter(label for item in chosen for label in item.present)
            splits[name] = {
                "clips": len(chosen),
                "labels": {label: counts.get(label, 0) for label in corpus.labels},
                "groups": len({item.group for item in chosen}),
            }
            if corpus.multi_label:
                splits[name]["none_present"] = sum(item.label == () for item in chosen)
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
