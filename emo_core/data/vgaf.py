"""VGAF: the official tree of Video-level Group AFfect (docs/papers/group.md#vgaf).

VGAF/Train/<src>_<clip>.mp4, VGAF/Val/<src>_<clip>.mp4, VGAF/Test/Test_<n>.mp4, and
Train_labels.txt, Val_labels.txt: a header, then `<name> <1|2|3>` a line.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from emo_core.data.corpus import (
    Corpus,
    CorpusError,
    Item,
    files_by_stem,
    find_folder,
    read_text,
    refuse_misplaced,
)
from emo_core.messages import say
from emo_core.schema import POLARITIES

HEADER = ["Vid_name", "Label"]
FOLDERS = {"train": "Train", "val": "Val", "test": "Test"}
PUBLISHED = {"train": 2661, "val": 766, "test": 756}  # clips, docs/papers/group.md#vgaf-counts
# Two label revisions are in circulation: docs/papers/group.md#vgaf-counts.
REVISIONS = {
    "current": {"train": (802, 923, 936), "val": (302, 280, 184)},
    "older": {"train": (806, 923, 932), "val": (299, 281, 186)},
}


def read_vgaf_labels(path: Path) -> tuple[dict[str, str], list[str]]:
    """Read a label file: ({clip name: label, "" = left out}, problems), whatever its line ends.

    Raises CorpusError where the file is missing, is not text or has another header.
    """
    lines = read_text(path, say("beside Train/ and Val/ as distributed with VGAF")).splitlines()
    if not lines or lines[0].split() != HEADER:
        raise CorpusError(
            "{name} starts with {found!r}; expected the header {header!r}; restore the official "
            "file.",
            name=path.name,
            found=(lines or [""])[0][:40],
            header=" ".join(HEADER),
        )
    _refuse_other_codes(path.name, lines[1:])
    labels: dict[str, str] = {}  # "" = left out
    problems: list[str] = []
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            problem = _read_line(line, labels)
            if problem:
                problems.append(
                    say(
                        "{name} line {number}: {problem}",
                        name=path.name,
                        number=number,
                        problem=problem,
                    )
                )
    return labels, problems


def _refuse_other_codes(name: str, lines: Sequence[str]) -> None:
    """Raises CorpusError where classes are counted from 0: then 1 and 2 are others as well."""
    codes = Counter(line.split()[-1] for line in lines if line.strip())
    if codes["0"] and not codes["3"]:
        raise CorpusError(
            "{name} has the classes {found}; expected 1, 2 and 3 (positive, neutral, negative); "
            "they seem to be counted from 0, so every clip would get another class; restore the "
            "official file.",
            name=name,
            found=", ".join(sorted(codes)[:8]),
        )


def _read_line(line: str, labels: dict[str, str]) -> str | None:
    words = line.split()
    if len(words) != 2:
        return say(
            "found {line!r}, expected a clip name and a class; the line is left out.",
            line=line[:40],
        )
    name, code = words[0].removesuffix(".mp4"), words[1]
    if code not in ("1", "2", "3"):
        labels[name] = ""
        return say(
            "{name} has class {code!r}, expected 1, 2 or 3; the clip is left out.",
            name=name[:40],
            code=code[:20],
        )
    if Path(name).name != name:
        return say(
            "clip name {name!r} is a path, expected a plain name; the line is left out.",
            name=name[:40],
        )
    label = POLARITIES[int(code) - 1]
    if labels.setdefault(name, label) in (label, ""):
        return None
    labels[name] = ""
    return say("{name} has two different classes, expected one; it is left out.", name=name)


def source_of(name: str) -> str:
    """The source video of a clip: what stands before the last underscore ("101_10" -> "101")."""
    return name.rpartition("_")[0] or name


def read_vgaf_split(root: Path, split: str) -> tuple[list[Item], list[str]]:
    """Items of one labelled split, and a sentence for every clip that is named but missing."""
    folder = find_folder(root, FOLDERS[split]) or root / FOLDERS[split]
    labels, problems = read_vgaf_labels(root / f"{FOLDERS[split]}_labels.txt")
    found = files_by_stem(folder, ".mp4")
    on_disk = {name: path for name, path in found.items() if path.is_file()}
    items = []
    for name, label in labels.items():
        if not label:
            continue
        if name in on_disk:
            key = f"{FOLDERS[split]}/{name}"
            items.append(Item(key, on_disk[name], split, label, source_of(name)))
        else:
            problems.append(
                say(
                    "{folder}_labels.txt names {name}, but {folder}/{name}.mp4 is "
                    "missing; copy it again or remove the line.",
                    folder=folder.name,
                    name=name,
                )
            )
    problems += [
        say(
            "{folder}/{name}.mp4 is not named in {folder}_labels.txt; it is left out.",
            folder=folder.name,
            name=name,
        )
        for name in sorted(on_disk.keys() - labels)
    ]
    return items, problems


def read_vgaf(root: Path) -> Corpus:
    """Read the official tree. Test clips carry no label: theirs are unpublished."""
    _require_tree(root)
    items: list[Item] = []
    problems: list[str] = []
    for split in ("train", "val"):
        if find_folder(root, FOLDERS[split]):
            try:
                found, wrong = read_vgaf_split(root, split)
            except CorpusError as error:
                found, wrong = [], [str(error)]
            items += found
            problems += wrong
    unlabelled = files_by_stem(find_folder(root, "Test") or root / "Test", ".mp4")
    for name, path in unlabelled.items():
        items.append(Item(f"Test/{name}", path, "test", None, f"Test/{name}"))
    if not items:
        raise CorpusError(
            problems[0]
            if problems
            else say("There are no clips in {name}; expected mp4 files in Train.", name=root.name)
        )
    revision = label_revision(items)
    notes = count_notes(items, revision)
    return Corpus(
        "vgaf", root, POLARITIES, tuple(items), tuple(problems), notes, {"revision": revision}
    )


def _require_tree(root: Path) -> None:
    if not root.is_dir():
        raise CorpusError(
            "{root} is not a folder; expected VGAF's folder with Train and Val in it.", root=root
        )
    if not find_folder(root, "Train", "Val"):
        refuse_misplaced(root, "Train", "Val")
        raise CorpusError(
            "{name} holds neither Train nor Val; expected VGAF as it is given out: these two "
            "folders of mp4 files, with Train_labels.txt and Val_labels.txt; unpack the archives "
            "there.",
            name=root.name,
        )


def label_revision(items: list[Item]) -> str | None:
    """Which published label revision the counts equal: "current", "older", or None."""
    counts = {
        split: tuple(
            Counter(i.label for i in items if i.split == split).get(label, 0)
            for label in POLARITIES
        )
        for split in ("train", "val")
    }
    return next((name for name, wanted in REVISIONS.items() if wanted == counts), None)


def count_notes(items: list[Item], revision: str | None) -> tuple[str, ...]:
    """How the tree compares with what was published."""
    counts = Counter(item.split for item in items)
    notes: list[str] = [
        say(
            "{folder} has {count} usable clips; the published set has {published}.",
            folder=FOLDERS[split],
            count=counts[split],
            published=published,
        )
        for split, published in PUBLISHED.items()
        if counts[split] != published
    ]
    if revision == "older":
        notes.append(
            say(
                "The labels are of an older version (Val 299/281/186); the current "
                "one has 302/280/184."
            )
        )
    return tuple(notes)
