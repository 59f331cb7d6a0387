"""Valence and arousal over time, from rows of one clip or from a file beside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emo_core.data.corpus import CorpusError
from emo_core.data.folder.columns import MOMENTS
from emo_core.data.tables.aliases import seconds_in
from emo_core.data.tables.cells import parse_number
from emo_core.data.tables.findings import Findings
from emo_core.data.tables.rows import Row, Table, read_people_table
from emo_core.messages import say

TABLES = (".csv", ".tsv", ".txt")  # endings of a file beside a clip


@dataclass(frozen=True)
class ValuePath:
    """Valence and arousal of a clip: at moments, or one pair for all of it (then one moment)."""

    times_s: tuple[float, ...]  # from the start of the part that is meant, rising
    values: tuple[tuple[float, float], ...]
    seconds: float  # how long that part lasts

    def at(self, times_s: np.ndarray, starts_s: np.ndarray) -> np.ndarray:
        """Values at moments of a window: (S,), (S,) -> (S, 2) float32, NaN where nothing is said.

        starts_s: when the stretch that each moment stands for begins. Between moments values are
        interpolated; beyond the first and last for as long as two of them lie apart.
        """
        known = np.array(self.values, np.float32)
        found = np.stack(
            [np.interp(times_s, self.times_s, column) for column in known.T], axis=-1
        ).astype(np.float32)
        said = starts_s < self.seconds
        if len(self.times_s) > 1:
            gap = float(np.median(np.diff(self.times_s)))
            said &= (times_s >= self.times_s[0] - gap) & (starts_s <= self.times_s[-1] + gap)
        found[~said] = np.nan
        return found


def value_path(
    moments: Sequence[tuple[float | None, tuple[float, float]]], start_s: float, seconds: float
) -> ValuePath:
    """Ratings of one clip -> their mean over raters at each moment.

    moments: (seconds of the file or None for all of the part, values). Where some name a moment,
    only those count. start_s: when the part begins in its file.
    """
    timed = [(time_s - start_s, pair) for time_s, pair in moments if time_s is not None]
    pairs = timed or [(0.0, pair) for _, pair in moments]
    by_time: dict[float, list[tuple[float, float]]] = {}
    for time_s, pair in sorted(pairs):
        by_time.setdefault(round(time_s, 3), []).append(pair)
    means = [tuple(float(v) for v in np.mean(each, 0)) for each in by_time.values()]
    return ValuePath(tuple(by_time), tuple((v, a) for v, a in means), seconds)


def beside(clip: Path) -> Path | None:
    """The table of moments beside a clip: its name with another ending; None = there is none."""
    return next((path for ending in TABLES if (path := clip.with_suffix(ending)).is_file()), None)


def read_moments(path: Path, findings: Findings) -> list[tuple[float | None, tuple[float, float]]]:
    """Rows of a file beside a clip: time_s, valence, arousal; wrong ones become findings."""
    try:
        table = read_people_table(path, MOMENTS, "beside its clip")
    except CorpusError as error:
        findings.add(say("rating files that can't be read"), str(error))
        return []
    moments: list[tuple[float | None, tuple[float, float]]] = []
    for row in table.rows:
        where = table.where(row)
        try:
            time_s = seconds_in(table, row, "time")
            pair = tuple(_value(table, row, name) for name in ("valence", "arousal"))
            if time_s is None:
                raise ValueError(say("{where}: the time is empty; expected seconds", where=where))
            if max(map(abs, pair)) > 1:
                raise ValueError(
                    say(
                        "{where}: found {valence:g} and {arousal:g}, expected -1 to 1",
                        where=where,
                        valence=pair[0],
                        arousal=pair[1],
                    )
                )
            moments.append((time_s, (pair[0], pair[1])))
        except ValueError as error:
            findings.add(
                say("rows of rating files that are left out"),
                say("{error}; the row is left out.", error=error),
                row.line,
            )
    findings.extend(say("rows of rating files that are left out"), table.findings.sentences())
    return moments


def _value(table: Table, row: Row, column: str) -> float:
    try:
        return parse_number(row.cells.get(column, ""))
    except ValueError as error:
        raise ValueError(
            say("{where}: {error}", where=table.where(row, column), error=error)
        ) from None


def span_seconds(whole_s: float, span_s: tuple[float, float] | None) -> float:
    """How long the meant part of a file lasts."""
    start_s, end_s = span_s or (0.0, math.inf)
    return max(min(end_s, whole_s) - start_s, 0.0)
