"""Names of labels: one spelling of each, in an order that does not depend on the rows'."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from emo_core.data.corpus import CorpusError, name_list
from emo_core.data.folder.files import folded
from emo_core.data.tables.cells import parse_number, shown
from emo_core.messages import say, say_list
from emo_core.schema import EMOTIONS, POLARITIES

MOST_NUMBERS = 20  # different whole numbers that can be classes; a scale has more
MOST_LETTERS = 60  # of a label
MOST_COMPARED = 100  # labels that are compared with each other
MOST_PAIRS = 8  # of labels that may mean the same, named in a sentence
_COPY = re.compile(r"(.+?)(?: ?\(\d+\)| - (?:copy|kopie|copie|copia).*| copy.*| kopie.*| \d+)")
_SPACE = re.compile(r"[\s_\-]+")
_STYLES = {0xFE0E: None, 0xFE0F: None}  # whether a sign is drawn as text or as emoji
_DATE = re.compile(r"\d{1,2}[-./ ](\d{1,2}|[^\W\d]{3,4}\.?)([-./ ]\d{2,4})?|\d{4}-\d\d-\d\d.*")


def one_spelling(counts: Mapping[str, int]) -> tuple[dict[str, str], list[str]]:
    """({label: its spelling}, a sentence for each that has several): the commonest is taken.

    Capitals, blanks, hyphens and underscores may differ; so may the zeros of whole numbers.
    """
    alike: dict[str, list[str]] = defaultdict(list)
    for label in counts:
        alike[_SPACE.sub(" ", folded(_whole(label)).translate(_STYLES))].append(label)
    spelling: dict[str, str] = {}
    notes: list[str] = []
    for labels in alike.values():
        best = max(labels, key=lambda label: (counts[label], label))
        spelling |= dict.fromkeys(labels, _whole(best))
        if len({_whole(label) for label in labels}) > 1:
            spelt = [f"{shown(n)} ({counts[n]}×)" for n in sorted(labels)]
            notes.append(
                say(
                    "The labels {labels} differ only in capitals, spaces or hyphens; they "
                    "count as one class, {best}; if one is another class, rename it.",
                    labels=say_list(spelt, say(" and ")),
                    best=shown(best),
                )
            )
    return spelling, notes


def alike_remarks(labels: Iterable[str]) -> list[str]:
    """A sentence on labels that may mean the same: a copy of a folder, or a word and its start."""
    names = {folded(label): label for label in labels}
    if len(names) > MOST_COMPARED:
        return []
    pairs = [
        say("{first} and {second}", first=shown(names[other]), second=shown(label))
        for name, label in sorted(names.items())
        for other in sorted(names)
        if other != name and _may_be(name, other)
    ]
    if not pairs:
        return []
    return [
        say(
            "Labels that may mean the same count as different classes: {pairs}; if two are one, "
            "give them one name.",
            pairs=say_list(pairs[:MOST_PAIRS]),
        )
    ]


def _may_be(name: str, other: str) -> bool:
    """Whether `name` is a system's copy of `other`, or a word that begins with all of `other`."""
    copy = _COPY.fullmatch(name)
    if copy and copy[1] == other:
        return True
    start = other.rstrip(".")
    return name.isalpha() and start.isalpha() and len(start) >= 3 and name.startswith(start)


def _whole(label: str) -> str:
    """ "1.0" and "1,0" as "1"; other labels as they are."""
    return re.sub(r"^([+-]?\d+)[.,]0+$", r"\1", label)


def ordered(labels: Iterable[str]) -> tuple[str, ...]:
    """Labels in a fixed order: the shipped models' own, numbers by size, else by alphabet."""
    names = set(labels)
    for known in (POLARITIES, EMOTIONS):
        if {name.casefold() for name in names} <= set(known):
            return tuple(sorted(names, key=lambda name: known.index(name.casefold())))
    return tuple(sorted(names, key=lambda name: (_number(name), folded(name), name)))


def _number(label: str) -> float:
    try:
        return parse_number(label.removesuffix("%").rstrip())
    except ValueError:
        return math.inf


def label_remarks(counts: Counter, table: str) -> list[str]:
    """What is odd about the names of labels; raises CorpusError where numbers can be no classes."""
    remarks: list[str] = []
    long = [label for label in counts if len(label) > MOST_LETTERS]
    if long:
        remarks.append(
            say(
                "Labels of more than {most} characters: {count} ({long}); "
                "expected class names; is this column a transcript?",
                most=MOST_LETTERS,
                count=len(long),
                long=shown(long[0]),
            )
        )
    dates = [label for label in counts if _DATE.fullmatch(label) and _number(label) == math.inf]
    if dates:
        remarks.append(
            say(
                "The labels {names} look like dates; Excel turns cells such as 1-1 "
                "into dates; if they are not meant as dates, format the column as "
                "text and enter them again.",
                names=name_list([shown(n) for n in sorted(dates)]),
            )
        )
    numbers = [label for label in counts if _number(label) != math.inf]
    if not numbers:
        return remarks
    fractions = [label for label in numbers if _number(label) % 1]
    if fractions or len(numbers) > MOST_NUMBERS:
        raise CorpusError(
            "the labels in {table} are {count} different numbers ({name_list}); expected class "
            "names; if they are valence and arousal, name the columns so; else write a word for "
            "each range of numbers.",
            table=table,
            count=len(numbers),
            name_list=name_list(numbers),
        )
    remarks.append(
        say(
            "The labels {names} are numbers; each is used as a class name, "
            "without any order; words would make answers easier to read.",
            names=name_list(sorted(numbers, key=_number), 8),
        )
    )
    return remarks
