"""Real faces and real voices: the whole table of a checkpoint, on people it has never seen.

    python -m benchmarks.experiments.real --data CORPUS [--sources DIR] [--model NAME|DIR…]
        [--out FILE]

CORPUS is made by `emo data make collage`; DIR holds its photographs and recordings. Test people
choose nothing: temperature and the threshold of "not sure" come with the checkpoint, from val.
Several checkpoints are seeds of one recipe: their mean and the 95 % t interval are given.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.experiments.claims import STUDENT_T
from benchmarks.experiments.real_clips import (
    Answers,
    answer,
    labelled_clips,
    of_batches,
    of_parts,
    open_clip,
    tinted,
)
from benchmarks.experiments.stated_sources import REAL, with_statement
from emo_core.checkpoint import CARD, Checkpoint, find_checkpoint, load_checkpoint
from emo_core.corpora import read_corpus
from emo_core.data.cache import Cache
from emo_core.data.dataset import ClipDataset, Loader, corpus_windows, prepare
from emo_core.synthetic.composed.sources import read_sources
from emo_core.tasks import UNCALIBRATED
from emo_core.training.model_card import model_card

BASELINES = {  # plain ones, of the data README: statistics and logistic regression
    "faces": 0.60,
    "voices: ravdess": 0.65,
    "voices: emodb": 0.66,
}
UNLABELLED = (
    "facenet_street_crowd.mp4",
    "vidor_4405327307_stage.mp4",
    "pyfeat_single_face.mp4",
    "pyfeat_face_noface.mov",
)


def collages(checkpoint: Checkpoint, root: Path, split: str) -> tuple[dict[str, Answers], dict]:
    """Answers to collages: fused, picture alone, sound alone, each regime; and calibration."""
    corpus, cache = read_corpus("collage", root), Cache(checkpoint.sample)
    task = checkpoint.task
    windows, _ = prepare(corpus_windows(corpus, corpus.split(split), task.target), cache)
    loader = Loader(ClipDataset(windows, cache), 32, False)
    target = np.array([window.target for window in windows])
    groups, regimes = loader.dataset.groups, np.array([window.regime for window in windows])
    shown = {
        "fused": lambda batch: batch,
        "picture alone": lambda batch: batch.without("audio"),
        "sound alone": lambda batch: batch.without("video"),
    }
    found = {
        name: Answers(of_batches(checkpoint.model, loader.epoch(0), part), target, groups)
        for name, part in shown.items()
    }
    fused = found["fused"]
    scores = task.scores(fused.logits, loader_target(target), groups, checkpoint.calibration)
    raw = task.scores(fused.logits, loader_target(target), groups, UNCALIBRATED)
    found |= {f"fused, {name}": fused.some(regimes == name) for name in sorted(set(regimes))}
    kept = ("calibration_error", "coverage", "precision", "accuracy")
    facts = {name: scores[name] for name in kept}
    return found, {**facts, "calibration_error_before": raw["calibration_error"]}


def loader_target(target: np.ndarray):
    """Class indices as the task wants them."""
    import torch

    return torch.from_numpy(target)


def measure(checkpoint: Checkpoint, root: Path, data: Path, split: str) -> dict:
    """Every number of one checkpoint."""
    sources = read_sources(data)
    found, facts = collages(checkpoint, root, split)
    rows = {f"collage: {name}": answers for name, answers in found.items()}
    for kind, folder in (("face", "faces"), ("voice", "voices")):
        names = sorted({part.source for part in sources.items_of(kind, split)})
        parts = [of_parts(checkpoint, sources, kind, name, split) for name in names]
        rows[folder] = together(parts)
        rows |= {f"{folder}: {name}": part for name, part in zip(names, parts, strict=True)}
    return {"rows": {name: answers.uar() for name, answers in rows.items()}, "facts": facts}


def together(parts: list[Answers]) -> Answers:
    """Several sources as one."""
    import torch

    return Answers(
        torch.cat([part.logits for part in parts]),
        np.concatenate([part.target for part in parts]),
        np.concatenate([part.groups for part in parts]),
    )


def clips(checkpoint: Checkpoint, data: Path) -> dict:
    """What a checkpoint says of the real clips, whose people and places it has never seen."""
    known, same = [], []
    for name, path, label in labelled_clips(data):
        clip = open_clip(path)
        known.append({"set": name, "truth": label, **answer(checkpoint, clip)})
        same.append(tinted(checkpoint, clip))
    others = [answer(checkpoint, open_clip(data / "clips" / name)) for name in UNLABELLED]
    counts = {
        name: [
            sum(row["label"] == row["truth"] for row in known if row["set"] == name),
            sum(row["set"] == name for row in known),
        ]
        for name in ("cremad", "ravdess_faces", "grid")
    }
    return {
        "known": known,
        "right": counts,
        "same label": _steady(same, lambda told: told[0]),
        "same answer": _steady(same, lambda told: "not sure" if told[1] else told[0]),
        "unlabelled": others,
    }


def _steady(rows: list[dict], told: Callable[[tuple[str, bool]], str]) -> dict[str, int]:
    """How many clips get the same in each version as they are."""
    return {name: sum(told(row[name]) == told(row["as it is"]) for row in rows) for name in rows[0]}


def mean_and_interval(values: list[float]) -> str:
    """The mean of seeds with its 95 % t interval; one value alone as it is."""
    if len(values) < 2:
        return f"{values[0]:.3f}"
    half = STUDENT_T[len(values)] * np.std(values, ddof=1) / len(values) ** 0.5
    return f"{np.mean(values):.3f} ± {half:.3f} ({', '.join(f'{v:.3f}' for v in values)})"


def table(results: list[dict], told: list[dict]) -> str:
    """All of it as Markdown."""
    first = results[0]
    lines = [
        "| UAR, held-out people | n | seeds: mean ± 95 % | first: 95 % over people or clips "
        "| recall +/0/- | plain baseline |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in first["rows"].items():
        seeds = mean_and_interval([result["rows"][name]["uar"] for result in results])
        recalls = " / ".join("-" if r is None else f"{r:.2f}" for r in row["recalls"])
        low, high = row["interval"]
        baseline = BASELINES.get(name, "")
        lines.append(
            f"| {name} | {row['n']} | {seeds} | {low:.3f} to {high:.3f} | {recalls} | {baseline} |"
        )
    lines += ["", "| held-out collages | seeds |", "|---|---|"]
    for name in first["facts"]:
        values = [result["facts"][name] for result in results]
        lines.append(f"| {name.replace('_', ' ')} | {mean_and_interval(values)} |")
    lines += ["", "| real clip | truth | answers of each checkpoint |", "|---|---|---|"]
    for number, row in enumerate(told[0]["known"]):
        said = [spoken(t["known"][number]) for t in told]
        lines.append(f"| {row['set']}/{row['clip']} | {row['truth']} | {'; '.join(said)} |")
    for number, row in enumerate(told[0]["unlabelled"]):
        said = [spoken(t["unlabelled"][number]) for t in told]
        lines.append(f"| {row['clip']} | not labelled | {'; '.join(said)} |")
    for t in told:
        right = ", ".join(f"{name} {a} of {b}" for name, (a, b) in t["right"].items())
        same = "; ".join(
            f"{what}: {', '.join(f'{name} {count}' for name, count in t[what].items())}"
            for what in ("same label", "same answer")
        )
        lines += [
            "",
            f"Right: {right}. Versions of a clip, of {len(t['known'])}, {same} (as people see it: "
            '"not sure" is one).',
        ]
    return "\n".join(lines) + "\n"


def spoken(row: dict) -> str:
    """One answer in a few words."""
    unsure = " (not sure)" if row["abstains"] else ""
    return f"{row['label']} {row['probability']:.2f}{unsure}"


def write_card(name: str, checkpoint: Checkpoint, split: str, text: str) -> None:
    """The card as training wrote it, and what was measured afterwards."""
    heading = f"## Measured on {split} people, and on real clips (`python -m benchmarks real`)"
    path = find_checkpoint(name) / CARD
    path.write_text(f"{model_card(checkpoint)}\n{heading}\n\n{text}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="CORPUS")
    parser.add_argument("--sources", type=Path, default=REAL, metavar="DIR")
    parser.add_argument("--model", nargs="+", default=["group-collage"], metavar="NAME|DIR")
    parser.add_argument("--split", choices=["val", "test"], default="test")
    parser.add_argument("--out", type=Path, metavar="FILE")
    parser.add_argument("--card", action="store_true", help="the table joins the first's card.md")
    args = parser.parse_args()
    if not args.sources.is_dir():
        print(
            f"{args.sources} is not here; give --sources with the photographs and recordings.",
            file=sys.stderr,
        )
        return 2
    checkpoints = [load_checkpoint(name) for name in args.model]
    with with_statement(args.sources) as sources:
        results = [measure(c, args.data, sources, args.split) for c in checkpoints]
        told = [clips(c, sources) for c in checkpoints]
    text = table(results, told)
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    if args.card:
        write_card(args.model[0], checkpoints[0], args.split, text)
    print(
        json.dumps(
            {
                "name": "real",
                "split": args.split,
                "models": args.model,
                "scores": results,
                "clips": told,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
