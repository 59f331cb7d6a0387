"""Rows of one clip -> its one label: of most raters, or the mean of their values."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emo_core.data.corpus import name_list
from emo_core.data.folder.files import ClipIndex
from emo_core.data.folder.moments import (
    ValuePath,
    beside,
    read_moments,
    span_seconds,
    value_path,
)
from emo_core.data.folder.raters import Vote, agreement, interval_alpha, majority, one_vote_each
from emo_core.data.folder.ratings import Label, Rating, Ratings, clip_seconds
from emo_core.data.tables.cells import shown
from emo_core.data.tables.findings import Findings
from emo_core.messages import say, say_count, say_list, say_name

VALUES = ("valence", "arousal")
SEVERAL = {
    "group": "clips with several groups",
    "split": "clips with several splits",
    "text": "clips with several texts",
}
SLACK_S = 0.5  # that a moment may lie after the end: ratings run on a little


@dataclass(frozen=True)
class LabelledSpan:
    """A part of a clip with the one label that its raters leave."""

    path: Path
    span_s: tuple[float, float] | None
    label: Label | None
    group: str
    split: str
    text: str
    values: ValuePath | None = None


def merge_ratings(
    ratings: Ratings, table: str, index: ClipIndex, findings: Findings, notes: list[str]
) -> list[LabelledSpan]:
    """One label for each part of a clip: of most raters, or the mean of their values."""
    by_part: dict[tuple, list[Rating]] = defaultdict(list)
    for row in ratings.rows:
        by_part[row.path, row.span_s].append(row)
    one = _mean_values if ratings.kind == "valence_arousal" else _most_votes
    decided = {
        part: label
        for part, rows in by_part.items()
        if (label := one(part, rows, table, index, findings)) is not None
    }
    _note_raters(ratings, by_part, notes)
    parts = []
    for (path, span_s), decision in decided.items():
        rows = by_part[path, span_s]
        group, split, text = (
            _agreed(
                rows, column, say("{table} line {line}", table=table, line=rows[-1].line), findings
            )
            for column in ("group", "split", "text")
        )
        values = decision if isinstance(decision, ValuePath) else None
        label = VALUES if isinstance(decision, ValuePath) else decision
        parts.append(LabelledSpan(path, span_s, label, group, split, text, values))
    return parts


def _agreed(rows: Sequence[Rating], column: str, line: str, findings: Findings) -> str:
    """What the rows of one clip say in a column; the first where they differ."""
    said = list(dict.fromkeys(value for row in rows if (value := getattr(row, column))))
    if len(said) > 1:
        findings.add(
            say(SEVERAL[column]),
            say(
                "{where}: the rows of this clip disagree on its {column} ({names}); "
                "expected one; {said} is used.",
                where=line,
                column=column,
                names=name_list([shown(s) for s in said]),
                said=shown(said[0]),
            ),
        )
    return said[0] if said else ""


def _most_votes(
    part: tuple, rows: Sequence[Rating], table: str, index: ClipIndex, findings: Findings
) -> Label | None:
    """The label of most raters of a clip; None, with a finding, where there is none."""
    if len(rows) == 1:
        return rows[0].label
    votes, torn = one_vote_each(Vote(row.line, row.rater, row.label) for row in rows)
    name = index.name(part[0])
    for vote in torn[1:]:
        findings.add(
            say("raters who contradict themselves"),
            say(
                "{table} line {line}: rater {rater} gives {name} another label than "
                "in line {other}; expected one label per rater; neither counts.",
                table=table,
                line=vote.line,
                rater=shown(vote.rater),
                name=name,
                other=torn[0].line,
            ),
            vote.line,
        )
    if isinstance(rows[0].label, tuple):
        return _most_of_each([vote.label for vote in votes]) if votes else None
    label: Any = majority([vote.label for vote in votes])
    if label is None and votes:
        counts = Counter(str(vote.label) for vote in votes).most_common()
        lines = list(dict.fromkeys(str(vote.line) for vote in votes))
        said = name_list([f"{shown(given)} ({count})" for given, count in counts])
        findings.add(
            say("clips without a majority"),
            say_count(
                "{table} line {lines}: the votes for {name} are tied ({said}); "
                "expected one label ahead of the others; the clip is left out.",
                "{table} lines {lines}: the votes for {name} are tied ({said}); "
                "expected one label ahead of the others; the clip is left out.",
                len(lines),
                lines=name_list(lines),
                table=table,
                name=name,
                said=said,
            ),
        )
    return label


def _most_of_each(labels: Sequence[Any]) -> tuple[str, ...]:
    """Labels that more than half of the raters gave."""
    counts = Counter(name for label in labels for name in label)
    return tuple(name for name, count in counts.items() if 2 * count > len(labels))


def _mean_values(
    part: tuple, rows: Sequence[Rating], table: str, index: ClipIndex, findings: Findings
) -> ValuePath | None:
    """Valence and arousal of a clip, of its rows or of the file beside it."""
    path, span_s = part
    moments = [(row.time_s, row.values) for row in rows if row.values is not None]
    if not moments:
        found = beside(path)
        if found is None:
            findings.add(
                say("rows without a label"),
                say(
                    "{table} line {line}: {name} has no valence and arousal here and no "
                    "file {stem}.csv beside it; expected either; the clip is left out.",
                    table=table,
                    line=rows[0].line,
                    name=index.name(path),
                    stem=path.stem,
                ),
            )
            return None
        moments = read_moments(found, findings)
    if len({time_s is None for time_s, _ in moments}) > 1:
        findings.add(
            say("clips rated both at moments and as a whole"),
            say(
                "{table} line {line}: {name} has ratings with a time and without; "
                "expected one or the other; those without are left out.",
                table=table,
                line=rows[0].line,
                name=index.name(path),
            ),
            rows[0].line,
        )
    whole_s = clip_seconds(path)
    inside = [one for one in moments if one[0] is None or one[0] <= whole_s + SLACK_S]
    if len(inside) < len(moments):
        findings.add(
            say("clips with ratings after their end"),
            say(
                "{table} line {line}: {late} of {count} ratings of {name} are "
                "timed after its end at {whole_s:.1f} s; expected times inside the "
                "clip; they are left out.",
                table=table,
                line=rows[0].line,
                late=len(moments) - len(inside),
                count=len(moments),
                name=index.name(path),
                whole_s=whole_s,
            ),
            rows[0].line,
        )
    if not inside:
        return None
    moments = inside
    seconds = span_seconds(whole_s, span_s)
    return value_path(moments, span_s[0] if span_s else 0.0, seconds)


def _note_raters(
    ratings: Ratings, by_part: Mapping[tuple, Sequence[Rating]], notes: list[str]
) -> None:
    """Notes on agreement, on rows that occur twice and on raters without a name."""
    if ratings.kind == "valence_arousal":
        _note_values(by_part.values(), notes)
        return
    several = {part: rows for part, rows in by_part.items() if len(rows) > 1}
    if not several:
        return
    counted = {
        part: one_vote_each(Vote(row.line, row.rater, row.label) for row in rows)[0]
        for part, rows in several.items()
    }
    lost = sum(len(rows) for rows in several.values()) - sum(map(len, counted.values()))
    if lost:
        notes.append(
            say(
                "Rows in which a rater repeats or contradicts an earlier row on a "
                "clip: {lost}; a repeat counts once, a contradiction not at all.",
                lost=lost,
            )
        )
    raters = {row.rater for rows in several.values() for row in rows}
    if "" in raters:
        notes.append(
            say(
                "Some clips have several rows that name no rater; each row counts "
                "as another rater; a column 'rater' would tell them apart."
            )
        )
    labels: dict[Hashable, list[Hashable]] = {
        part: [vote.label for vote in votes] for part, votes in counted.items()
    }
    found = agreement(labels, max(len(raters), max(map(len, labels.values()), default=0)))
    if found:
        notes.append(found.sentence())


def _note_values(parts: Iterable[Sequence[Rating]], notes: list[str]) -> None:
    """A note on how far several raters of the same moments agree."""
    moments: dict[tuple, list[tuple[float, float]]] = defaultdict(list)
    for number, rows in enumerate(parts):
        for row in rows:
            if row.values is not None:
                moments[number, row.time_s].append(row.values)
    several = [pairs for pairs in moments.values() if len(pairs) > 1]
    if not several:
        return
    alphas = []
    for place, name in enumerate(VALUES):
        alpha = interval_alpha([pair[place] for pair in pairs] for pairs in several)
        alphas.append(_alpha_said(name, alpha))
    notes.append(
        say(
            "Clips or moments with several ratings: {count}; their agreement "
            "(Krippendorff's alpha: 1 = perfect, 0 = chance) is {alphas}; the "
            "raters' mean is used.",
            count=len(several),
            alphas=say_list(alphas),
        )
    )


def _alpha_said(name: str, alpha: float | None) -> str:
    if alpha is None:
        return say("{name} undefined", name=say_name(name))
    return say("{name} {alpha:.2f}", name=say_name(name), alpha=alpha)
