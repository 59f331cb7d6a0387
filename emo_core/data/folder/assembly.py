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
from emo_core.data.folder.ratings import Label
from emo_core.data.folder.splits import deal_splits, guess_groups
from emo_core.data.tables.cells import shown
from emo_core.data.tables.findings import SHOWN, Findings
from emo_core.messages import say, say_list
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
    first = same_content([part.path for part in parts])
    parts = _without_crossing(parts, first, index, findings)
    grouped, guessed = _with_groups(parts, first, index, notes, findings)
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


def _without_crossing(
    parts: Sequence[LabelledSpan], first: dict[Path, Path], index: ClipIndex, findings: Findings
) -> list[LabelledSpan]:
    """Parts without the copies, in another given split, of a file that is to score.

    first: files with the same bytes as an earlier one. Whoever guessed the sources, a copy is none.
    """
    scored: dict[tuple[Path, str], Path] = {}  # (what is in it, split) -> a file
    for part in parts:
        scored.setdefault((first.get(part.path, part.path), part.split), part.path)
    kept: list[LabelledSpan] = []
    reported: set[Path] = set()
    for part in parts:
        later = SPLITS[SPLITS.index(part.split) + 1 :] if part.split else ()
        content = first.get(part.path, part.path)
        copies = {split: path for split in later if (path := scored.get((content, split)))}
        if not copies or part.path in copies.values():
            kept.append(part)
            continue
        split, copy = copies.popitem()
        if part.path not in reported:
            reported.add(part.path)
            findings.add(
                say("duplicate files in two splits"),
                say(
                    "{name} and {copy} are the same file, in {split} and in {other}; expected it "
                    "in one split; it is left out of {split}.",
                    name=shown(index.name(part.path)),
                    copy=shown(index.name(copy)),
                    split=part.split,
                    other=split,
                ),
            )
    return kept


def _with_groups(
    parts: Sequence[LabelledSpan],
    first: dict[Path, Path],
    index: ClipIndex,
    notes: list[str],
    findings: Findings,
) -> tuple[list[LabelledSpan], bool]:
    """(parts that all have a source, whether it was guessed); equal files get one source."""
    names = [index.name(part.path) for part in parts]
    if guessed := not any(part.group for part in parts):
        labels = [None if part.values else part.label for part in parts]
        guess = guess_groups(names, labels)
        groups = list(guess.groups)
        notes.append(
            say(
                "There is no column 'group' to say which person or recording a clip "
                "comes from; its source is guessed to be {how}. Sources: {count}. "
                "If the guess is wrong, scores may look too good; add a column "
                "'group'.",
                how=guess.how,
                count=len(set(groups)),
            )
        )
    else:
        groups = [part.group or name for part, name in zip(parts, names, strict=True)]
        ungrouped = sum(not part.group for part in parts)
        if ungrouped:
            notes.append(
                say(
                    "Clips without a group: {ungrouped}; each of their files is a "
                    "source of its own.",
                    ungrouped=ungrouped,
                )
            )
    of_path = dict(zip((part.path for part in parts), groups, strict=True))
    left: dict[Path, Path] = {}  # content -> the first file with it that is used
    for path in of_path:
        left.setdefault(first.get(path, path), path)
    found = {path: left[first.get(path, path)] for path in of_path}
    first = {path: other for path, other in found.items() if path != other}
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
        names = say_list([shown(index.name(p)) for p in (other, path)], say(" and "))
        mine, theirs = labels.get(path), labels.get(other)
        if mine is not None and theirs is not None and mine != theirs:
            findings.add(
                say("duplicate files with different labels"),
                say(
                    "{names} are the same file, labelled {theirs} and {mine}; expected "
                    "one label; remove one of the two.",
                    names=names,
                    theirs=_label_text(theirs),
                    mine=_label_text(mine),
                ),
            )
        else:
            findings.add(
                say("duplicate files"),
                say(
                    "{names} are the same file; expected it once; both are used, as one source.",
                    names=names,
                ),
            )


def _label_text(label: Label) -> str:
    """A label as a sentence names it; several joined by +."""
    return shown(label if isinstance(label, str) else " + ".join(label))


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
            say(
                "There is no column 'split': sources are assigned to splits, the "
                "same clips always in the same way ({shares}). With a column "
                "'split', they also stay where they are when you add clips.",
                shares=shares,
            )
        )
    elif missing:
        notes.append(
            say(
                "Clips without a split: {count}; they are assigned to splits (now {shares}).",
                count=len(missing),
                shares=shares,
            )
        )
    crossing = (
        crossing_groups(Item(p.path.name, p.path, p.split, p.label, p.group) for p in found)
        if guessed
        else {}
    )
    if not crossing:
        return found, ""
    crossed = name_list(sorted(crossing))
    leak = say(
        "guessed sources with clips in more than one split: {count} "
        "({crossed}); if the guess is right, scores are too good; add a "
        "column 'group' to settle it",
        count=len(crossing),
        crossed=crossed,
    )
    notes.append(say("{leak:first}.", leak=leak))
    return found, leak


def _obstacles(kind: str, items: Sequence[FolderItem], notes: list[str]) -> list[str]:
    """Problems that stand in the way of training or of scores; smaller ones become notes."""
    problems: list[str] = []
    groups = {item.group for item in items}
    labels = Counter(name for item in items for name in item.present)
    if len(items) == 1:
        problems.append(
            say(
                "There is only one labelled clip; expected a few dozen or more, "
                "from several sources; nothing can be learnt or scored."
            )
        )
    if kind == "multi_label" and not labels:
        problems.append(
            say("No clip has a label; expected a 1 in some cells; there is nothing to train on.")
        )
    if not any(item.split == "train" for item in items):
        notes.append(
            say("No clip is in the split train: you can evaluate and compare, but not train.")
        )
    if kind == "single_label" and len(labels) == 1:
        problems.append(
            say(
                "Every clip has the label {label}; expected at least two labels; a "
                "model with one class is always right and learns nothing.",
                label=shown(next(iter(labels))),
            )
        )
    if len(groups) == 1 and len(items) > 1:
        problems.append(
            say(
                "All {count} clips come from one source ({group}); expected "
                "several, so that some can be kept for scoring; training will not "
                "start.",
                count=len(items),
                group=shown(next(iter(groups))),
            )
        )
    elif len(groups) < FEW_SOURCES and len(items) > 1:
        notes.append(
            say(
                "There are only {count} sources; a split with fewer than "
                "{least} gets scores without a confidence interval.",
                count=len(groups),
                least=FEW_SOURCES,
            )
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
    notes: list[str] = []
    if single:
        listed = name_list([shown(name) for name in single])
        notes.append(
            say(
                "Labels that occur in one source only: {listed}; how well they are "
                "recognised in another source can't be measured.",
                listed=listed,
            )
        )
    for split in SPLITS:
        lacking = [name for name in labels if name not in seen[split]]
        if seen[split] and lacking and len(lacking) <= SHOWN:
            listed = name_list([shown(name) for name in lacking], 8)
            notes.append(
                say(
                    "Labels without a clip in the split {split}: {listed}.",
                    split=split,
                    listed=listed,
                )
            )
    return notes
