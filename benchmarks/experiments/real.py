"""Real faces and real voices: one table of models, plain rivals and the old default.

    python -m benchmarks real --data CORPUS [--sources DIR] [--model NAME|DIR[,SEED,SEED]…]
        [--split val] [--scenes N] [--limit N] [--out FILE]

CORPUS is made by `emo data make collage`; DIR, or EMO_DATA, holds its photographs and recordings,
and may hold voices_nemo/ and clips/. Checkpoints with commas between them are seeds of one recipe.
Test people choose nothing: temperature and threshold come with a checkpoint, and the rivals'
regressions learn from train alone. --limit takes so many of each set, to try this script.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from benchmarks.experiments.claims import STUDENT_T
from benchmarks.experiments.real_inputs import (
    LANGUAGES,
    Case,
    collages,
    labelled_clips,
    nemo_voices,
    people,
    unlabelled,
    versions,
)
from benchmarks.experiments.real_rivals import (
    ModelRival,
    Rival,
    Told,
    plain_rivals,
    some,
    tell_all,
)
from benchmarks.experiments.stated_sources import REAL, with_statement
from emo_core import metrics
from emo_core.checkpoint import Checkpoint, CheckpointError, find_checkpoint, load_checkpoint
from emo_core.data.statement import held_out_groups, statement_text
from emo_core.schema import POLARITIES
from emo_core.synthetic.composed.sources import read_sources

OLD_DEFAULT = "group-collage"
NEMO = "nemo"  # in what a checkpoint says of its sources
Answers = dict[tuple[str, str], list[Told]]  # (rival, hidden modality) -> answers to the cases
Row = tuple[str, int, dict[str, dict]]  # title, cases, rival -> facts


@dataclass(frozen=True)
class Column:
    """What stands in one column: a rival, or a recipe's seeds."""

    title: str
    rivals: tuple[str, ...]


def uar(cases: Sequence[Case], told: Sequence[Told]) -> dict:
    """UAR over the classes that occur, its 95 % interval over groups, recalls."""
    target = np.array([POLARITIES.index(case.truth) for case in cases])
    right = np.array([t.label == case.truth for t, case in zip(told, cases, strict=True)])
    classes = np.eye(len(POLARITIES))[target]
    parts = np.stack([classes * right[:, None], classes], -1)  # (n, C, 2)
    drawn = metrics.bootstrap_sums(parts, np.array([case.group for case in cases]))
    hits, sizes = parts.sum(0).T
    with np.errstate(invalid="ignore", divide="ignore"):
        recalls, shares = hits / sizes, drawn[..., 0] / drawn[..., 1]
        low, high = np.percentile(np.nanmean(shares, -1), [2.5, 97.5])
    return {
        "value": float(np.nanmean(recalls)),
        "interval": [float(low), float(high)],
        "recalls": [metrics.number(r) for r in recalls],
    }


def answered(cases: Sequence[Case], told: Sequence[Told]) -> dict:
    """Share that gets an answer other than "not sure"."""
    return {"value": float(np.mean([not t.abstains for t in told]))}


def right_if_answered(cases: Sequence[Case], told: Sequence[Told]) -> dict:
    """Share of the answers that is right; None where there is none."""
    right = [t.label == c.truth for c, t in zip(cases, told, strict=True) if not t.abstains]
    return {"value": float(np.mean(right)) if right else None}


def calibration(cases: Sequence[Case], told: Sequence[Told]) -> dict:
    """Expected calibration error."""
    target = np.array([POLARITIES.index(case.truth) for case in cases])
    probabilities = np.stack([t.probabilities for t in told])
    return {"value": float(metrics.calibration_error(probabilities, target))}


def counts(cases: Sequence[Case], told: Sequence[Told]) -> dict:
    """Right, wrong, not sure, out of; and how many labels are right, sure or not."""
    pairs = list(zip(cases, told, strict=True))
    right = sum(t.answer == case.truth for case, t in pairs)
    unsure = sum(t.abstains for t in told)
    return {
        "right": right,
        "wrong": len(told) - right - unsure,
        "not sure": unsure,
        "out of": len(told),
        "labels right": sum(t.label == case.truth for case, t in pairs),
    }


def called(cases: Sequence[Case], told: Sequence[Told]) -> dict:
    """How often each answer was given."""
    return {name: sum(t.answer == name for t in told) for name in (*POLARITIES, "not sure")}


def spoken(cases: Sequence[Case], told: Sequence[Told]) -> dict:
    """One answer with its probability."""
    return {"label": told[0].label, "p": told[0].probabilities.max(), "unsure": told[0].abstains}


def shown(facts: list[dict]) -> str:
    """A cell: facts of one rival, or of each seed."""
    if not facts:
        return "trained on it"
    first = facts[0]
    if "out of" in first:
        return "; ".join(
            "{right} / {wrong} / {not sure} of {out of}, labels {labels right}".format(**row)
            for row in facts
        )
    if "label" in first:
        return "; ".join(
            f"{row['label']} {row['p']:.2f}{' (not sure)' * bool(row['unsure'])}" for row in facts
        )
    if "value" not in first:
        return "; ".join(" / ".join(str(count) for count in row.values()) for row in facts)
    values = [row["value"] for row in facts]
    if None in values:
        return "; ".join("-" if value is None else f"{value:.3f}" for value in values)
    if len(values) == 1 and "interval" in first:
        return "{:.3f} ({:.3f} to {:.3f})".format(values[0], *first["interval"])
    return mean_and_interval(values)


def mean_and_interval(values: list[float]) -> str:
    """The mean of seeds with its 95 % t interval; one value alone as it is."""
    if len(values) < 2:
        return f"{values[0]:.3f}"
    half = STUDENT_T[len(values)] * np.std(values, ddof=1) / len(values) ** 0.5
    return f"{np.mean(values):.3f} ± {half:.3f} ({', '.join(f'{v:.3f}' for v in values)})"


def rows_of(
    title: str,
    cases: Sequence[Case],
    answers: Answers,
    fact: Callable[[Sequence[Case], Sequence[Told]], dict],
    chosen: Callable[[Case], bool] = lambda case: True,
    hidden: str = "",
) -> Iterator[Row]:
    """One row of the cases that are chosen, none where there are none."""
    places = [place for place, case in enumerate(cases) if chosen(case)]
    some_cases = [cases[place] for place in places]
    if not places:
        return
    found = {
        name: fact(some_cases, [told[place] for place in places])
        for (name, part), told in answers.items()
        if part == hidden
    }
    yield title, len(places), found


def single_people(cases: dict[str, list[Case]], rivals: dict[str, Rival]) -> Iterator[Row]:
    """UAR of voices by source and language, and of faces by source."""
    for name, some_cases in cases.items():
        answers = tell_all(some_cases, rivals)
        kinds = sorted({case.kind for case in some_cases})
        if NEMO not in kinds:
            yield from rows_of(f"UAR {name}", some_cases, answers, uar)
        for kind in kinds:
            language = f" ({LANGUAGES[kind]})" if kind in LANGUAGES else ""
            title = f"UAR {name}: {kind}{language}"
            yield from rows_of(title, some_cases, answers, uar, lambda c, k=kind: c.kind == k)


def collage_rows(cases: list[Case], rivals: dict[str, Rival]) -> Iterator[Row]:
    """UAR of collages, of each regime and modality, and what becomes of their answers."""
    answers = tell_all(cases, rivals, ("", "audio", "video"))
    yield from rows_of("UAR collages", cases, answers, uar)
    for kind in ("both", "heard", "seen"):
        title = f"UAR collages: {kind}"
        yield from rows_of(title, cases, answers, uar, lambda c, k=kind: c.kind == k)
    yield from rows_of("UAR collages, picture alone", cases, answers, uar, hidden="audio")
    yield from rows_of("UAR collages, sound alone", cases, answers, uar, hidden="video")
    yield from rows_of("collages: share answered", cases, answers, answered)
    yield from rows_of("collages: right of the answered", cases, answers, right_if_answered)
    yield from rows_of("collages: calibration error", cases, answers, calibration)


def clip_rows(known: list[Case], others: list[Case], rivals: dict[str, Rival]) -> Iterator[Row]:
    """Real clips with and without a label, bars and noise; then changed clips."""
    answers = tell_all(known, rivals)
    for kind in ("CREMA-D", "RAVDESS", "GRID"):
        title = f"clips of {kind}: right / wrong / not sure"
        yield from rows_of(title, known, answers, counts, lambda c, k=kind: c.kind == k)
    yield from rows_of("all labelled clips: right / wrong / not sure", known, answers, counts)
    yield from rows_of("labelled clips: share answered", known, answers, answered)
    yield from rows_of("labelled clips: right of the answered", known, answers, right_if_answered)
    title = "neutral talkers: positive / neutral / negative / not sure"
    yield from rows_of(title, known, answers, called, lambda c: c.truth == "neutral")
    for case in known:
        title = f"{case.name} ({case.truth})"
        yield from rows_of(title, known, answers, spoken, lambda c, k=case: c is k)
    told = tell_all(others, rivals)
    for case in others:
        title = f"{case.name} (not labelled)"
        yield from rows_of(title, others, told, spoken, lambda c, k=case: c is k)
    if known:
        yield from change_rows(known, rivals)


def change_rows(known: list[Case], rivals: dict[str, Rival]) -> Iterator[Row]:
    """The share of clips whose answer, "not sure" being one, and whose label a change changes."""
    with tempfile.TemporaryDirectory(prefix="real-") as folder:
        told = [tell_all(list(versions(c, Path(folder)).values()), rivals) for c in known]
        names = list(versions(known[0], Path(folder)))
    for what in ("answer", "label"):
        for place, name in enumerate(names):
            found = {
                rival: {
                    "value": float(
                        np.mean(
                            [
                                getattr(row[rival, ""][place], what)
                                != getattr(row[rival, ""][0], what)
                                for row in told
                            ]
                        )
                    )
                }
                for rival in rivals
            }
            if place:
                yield f"share of {what}s that change: {name}", len(known), found


def columns_of(named: Sequence[str]) -> tuple[list[Column], dict[str, Checkpoint]]:
    """The columns that --model asks for, and the old default's; raises CheckpointError."""
    asked = [name.split(",") for name in named]
    asked += [] if [OLD_DEFAULT] in asked else [[OLD_DEFAULT]]
    columns, checkpoints = [], {}
    for group in asked:
        found = {path: load_checkpoint(path) for path in group}
        for path, checkpoint in found.items():
            if set(checkpoint.labels) != set(POLARITIES):
                raise CheckpointError(
                    f"{path} answers {', '.join(checkpoint.labels)}; expected "
                    f"{', '.join(POLARITIES)}; leave it out."
                )
        checkpoints |= found
        first = found[group[0]]
        seeds = f"{first.training.get('recipe', first.name)}, {len(group)} seeds"
        columns.append(Column(seeds if len(group) > 1 else first.name, tuple(group)))
    return columns, checkpoints


def refuse_leaks(checkpoints: dict[str, Checkpoint], sources: Path) -> None:
    """Raise CheckpointError where a model of collages holds out others than these sources."""
    here = held_out_groups(statement_text(sources))
    for path, checkpoint in checkpoints.items():
        there = held_out_groups(statement_text(find_checkpoint(path)))
        if checkpoint.training.get("corpus") == "collage" and there != here:
            raise CheckpointError(
                f"{path} kept {', '.join(sorted(there)) or 'nobody by name'} for test, these "
                f"sources keep {', '.join(sorted(here)) or 'nobody by name'}; expected the same, "
                "else people of train would be scored; give the sources it was trained on."
            )


def knows_nemo(checkpoint: Checkpoint) -> bool:
    """Whether it says that nEMO is among its sources."""
    stated = checkpoint.training.get("data_statement") or {}
    return NEMO in stated.get("sources", "").casefold()


def table(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    """All of it as one Markdown table."""
    lines = [
        f"| | n | {' | '.join(column.title for column in columns)} |",
        "|---" * (len(columns) + 2) + "|",
    ]
    return "\n".join([*lines, *(line(row, columns) for row in rows)]) + "\n"


def line(row: Row, columns: Sequence[Column]) -> str:
    """One row of the table."""
    title, n, found = row
    cells = [shown([found[r] for r in column.rivals if r in found]) for column in columns]
    return f"| {title} | {n} | {' | '.join(cells)} |"


def measure(args: argparse.Namespace, sources: Path) -> tuple[list[Row], list[Column]]:
    """Every row, of every model and rival."""
    columns, checkpoints = columns_of(args.model)
    refuse_leaks(checkpoints, sources)
    pool, limit = read_sources(sources), args.limit
    plain = plain_rivals(pool, args.scenes, limit)
    rivals: dict[str, Rival] = {p: ModelRival(c) for p, c in checkpoints.items()} | plain
    columns += [Column(name, (name,)) for name in plain]
    singles = {
        "voices": some(people(pool, "voice", args.split), limit),
        "faces": some(people(pool, "face", args.split), limit),
    }
    unseen = {p: r for p, r in rivals.items() if p in plain or not knows_nemo(checkpoints[p])}
    known, others = labelled_clips(sources), unlabelled(sources)
    rows: list[Row] = []
    for row in chain(
        single_people(singles, rivals),
        single_people({"voices": some(nemo_voices(sources), limit)}, unseen),
        collage_rows(some(collages(args.data, args.split), limit), rivals),
        clip_rows(some(known, limit), some(others, limit), rivals),
    ):
        rows.append(row)
        print(line(row, columns), file=sys.stderr, flush=True)  # the rest takes a while
    return rows, columns


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="CORPUS")
    default = Path(os.environ.get("EMO_DATA") or REAL)
    parser.add_argument("--sources", type=Path, default=default, metavar="DIR")
    parser.add_argument("--model", nargs="+", default=[OLD_DEFAULT], metavar="NAME|DIR[,SEED…]")
    parser.add_argument("--split", choices=["val", "test"], default="test")
    parser.add_argument("--scenes", type=int, default=600, help="collages that rivals learn from")
    parser.add_argument("--limit", type=int, help="cases of each set, to try this script")
    parser.add_argument("--out", type=Path, metavar="FILE")
    return parser.parse_args()


def main() -> int:
    args = arguments()
    if not args.sources.is_dir():
        print(
            f"{args.sources} is not here; give --sources with the photographs and recordings.",
            file=sys.stderr,
        )
        return 2
    try:
        with with_statement(args.sources) as sources:
            rows, columns = measure(args, sources)
    except CheckpointError as error:
        print(f"real: {error}", file=sys.stderr)
        return 2
    text = table(rows, columns)
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    facts = [{"row": title, "n": n, "facts": found} for title, n, found in rows]
    minutes = round(time.process_time() / 60, 1)
    result = {"name": "real", "split": args.split, "processor_minutes": minutes, "rows": facts}
    print(json.dumps(result, default=float))
    return 0


if __name__ == "__main__":
    sys.exit(main())
