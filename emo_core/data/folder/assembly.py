"""Labelled parts of clips -> items with a source and a split, and what stands in the way."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from emo_core.data.cache import same_content
from emo_core.data.corpus import Corpus, Item, crossing_groups, name_list
from emo_core.data.dataset import FileWindow, Target
from emo_core.data.folder.files import ClipIndex, without_ending
from emo_core.data.folder.merging import LabelledSpan
from emo_core.data.folder.moments import ValuePath
from emo_core.data.folder.splits import deal_splits, guess_groups
from emo_core.data.tables.cells import shown
from emo_core.data.tables.findings import SHOWN, Findings
from emo_core.schema import SPLITS

FEW_SOURCES = 5  # below this no interval over sources can be given


@dataclass(frozen=True)
class FolderItem(Item):
    """A clip of a folder, and its valence and arousal where it has them."""

    values: ValuePath | None = None


def folder_windows(corpus: Corpus, items: Sequence[FolderItem], target: Target) -> list[FileWindow]:
    """One window a part of a clip; the target of valence and arousal is made of its path."""
    return [
        FileWindow(
            i.name,
            i.path,
            target(i.values if i.values else i.label),
            i.group,
            None,
            i.text,
            i.span_s,
        )
        for i in items
        if i.label is not None
    ]


def assemble(
    kind: str, parts: Sequence[LabelledSpan], index: ClipIndex, notes: list[str]
) -> tuple[tuple[FolderItem, ...], str, list[str]]:
    """(items, a leak of given splits in words or "", problems); adds to the notes."""
    findings = Findings()
    grouped, guessed = _with_groups(parts, index, notes, findings)
    split, leak = _with_splits(grouped, guessed, notes)
    items = tuple(
        FolderItem(
            name,
            p.path,
            p.split,
            p.label,
            p.group,
            text=p.text,
            span_s=p.span_s,
            values=p.values,
        )
        for name, p in zip(_names(split, index), split, strict=True)
    )
    return items, leak, [*findings.sentences(), *_obstacles(kind, items, notes)]


def _names(parts: Sequence[LabelledSpan], index: ClipIndex) -> list[str]:
    """A name for each part: path without ending where that is enough, and the seconds."""
    files = {part.path for part in parts}
    stems = Counter(without_ending(index.name(path)) for path in files)
    names = []
    for part in parts:
        whole = index.name(part.path)
        stem = without_ending(whole)
        name = stem if stems[stem] == 1 else whole
        names.append(name + ("@{:g}-{:g}".format(*part.span_s) if part.span_s else ""))
    return names


def _with_groups(
    parts: Sequence[LabelledSpan], index: ClipIndex, notes: list[str], findings: Findings
) -> tuple[list[LabelledSpan], bool]:
    """(parts that all have a source, whether it was guessed); equal files get one source."""
    names = [index.name(part.path) for part in parts]
    if guessed := not any(part.group for part in parts):
        labels = [None if part.values else part.label for part in parts]
        guess = guess_groups(names, labels)
        groups = list(guess.groups)
        notes.append(
            "No column group says which person or recording a clip is from; its source is taken to "
            f"be {guess.how}: {len(set(groups))} source{'s' * (len(set(groups)) != 1)}. If that is "
            "wrong, scores may be too good; add a column group."
        )
    else:
        groups = [part.group or name for part, name in zip(parts, names, strict=True)]
        ungrouped = sum(not part.group for part in parts)
        if ungrouped:
            notes.append(
                f"Clips without a group: {ungrouped}; each file of them is a source of its own."
            )
    first = same_content([part.path for part in parts])
    of_path = dict(zip((part.path for part in parts), groups, strict=True))
    _note_repeats(parts, first, index, findings)
    return [
        replace(part, group=of_path[first[part.path]] if part.path in first else group)
        for part, group in zip(parts, groups, strict=True)
    ], guessed


def _note_repeats(
    parts: Sequence[LabelledSpan],
    first: dict[Path, Path],
    index: ClipIndex,
    findings: Findings,
) -> None:
    """Findings on files that occur under two names."""
    labels = {part.path: part.label for part in parts if part.span_s is None}
    for path, other in first.items():
        names = f"{shown(index.name(other))} and {shown(index.name(path))}"
        mine, theirs = labels.get(path), labels.get(other)
        if mine is not None and theirs is not None and mine != theirs:
            findings.add(
                "files under two names with two labels",
                f"{names} are the same file, labelled {theirs} and {mine}; expected one label; "
                "take one of them away.",
            )
        else:
            findings.add(
                "files under two names",
                f"{names} are the same file; expected it once; both count, as one source.",
            )


def _with_splits(
    parts: Sequence[LabelledSpan], guessed: bool, notes: list[str]
) -> tuple[list[LabelledSpan], str]:
    """(parts that all have a split, in words where given splits let guessed sources cross)."""
    given = {part.group: part.split for part in parts if part.split}
    missing = [part for part in parts if not part.split and part.group not in given]
    dealt = deal_splits([p.group for p in missing], [p.label for p in missing]) if missing else {}
    found = [replace(p, split=p.split or given.get(p.group) or dealt[p.group]) for p in parts]
    counts = Counter(part.split for part in found)
    shares = ", ".join(f"{counts[split]} {split}" for split in SPLITS)
    if not given:
        notes.append(
            f"No column split: sources are dealt to splits, always in the same way ({shares} "
            "clips). A column split keeps them where they are when clips are added."
        )
    elif missing:
        notes.append(f"{len(missing)} clips have no split; their sources are dealt ({shares}).")
    crossing = (
        crossing_groups(Item(p.path.name, p.path, p.split, p.label, p.group) for p in found)
        if guessed
        else {}
    )
    if not crossing:
        return found, ""
    crossed = name_list(sorted(crossing))
    leak = (
        f"the given splits let {len(crossing)} guessed sources cross ({crossed}); "
        "scores are too good if the guess is right; a column group would settle it"
    )
    notes.append(f"{leak[0].upper()}{leak[1:]}.")
    return found, leak


def _obstacles(kind: str, items: Sequence[FolderItem], notes: list[str]) -> list[str]:
    """Problems that stand in the way of training or of scores; smaller ones become notes."""
    problems = []
    groups = {item.group for item in items}
    labels = Counter(name for item in items for name in item.present)
    if len(items) == 1:
        problems.append(
            "There is one labelled clip; expected some dozens of several sources; nothing can be "
            "learnt or scored."
        )
    if kind == "multi_label" and not labels:
        problems.append(
            "No clip has any label; expected 1 in some cells; nothing can be learnt; training "
            "refuses."
        )
    if not any(item.split == "train" for item in items):
        notes.append("No clip is in train: evaluate and compare work, training refuses.")
    if kind == "single_label" and len(labels) == 1:
        problems.append(
            f"Every clip has the label {shown(next(iter(labels)))}; expected two labels or more; "
            "a model of one class is always right and has learnt nothing."
        )
    if len(groups) == 1 and len(items) > 1:
        problems.append(
            f"All {len(items)} clips are of one source ({shown(next(iter(groups)))}); expected "
            "several, so that scores are of sources that training does not see; training refuses."
        )
    elif len(groups) < FEW_SOURCES and len(items) > 1:
        notes.append(
            f"There are {len(groups)} sources; below {FEW_SOURCES} in a split no interval over "
            "sources can be trusted."
        )
    if kind != "valence_arousal" and len(groups) > 1:
        notes += _thin_labels(items, labels)
    return problems


def _thin_labels(items: Sequence[FolderItem], labels: Counter) -> list[str]:
    """Notes on labels of one source, and on splits that lack a label."""
    sources: dict[str, set[str]] = defaultdict(set)
    seen: dict[str, set[str]] = defaultdict(set)
    for item in items:
        for name in item.present:
            sources[name].add(item.group)
            seen[item.split].add(name)
    single = [name for name in labels if len(sources[name]) == 1]
    notes = []
    if single:
        listed = name_list([shown(name) for name in single])
        notes.append(
            f"Labels of one source only: {listed}; "
            "what is learnt of them can't be scored on another source."
        )
    for split in SPLITS:
        lacking = [name for name in labels if name not in seen[split]]
        if seen[split] and lacking and len(lacking) <= SHOWN:
            notes.append(f"{split} has no clip of {name_list([shown(n) for n in lacking], 8)}.")
    return notes
