"""Six emotions of real faces and voices: checkpoints beside plain baselines, people never seen.

    python -m benchmarks.experiments.real_emotions --data CORPUS [--model NAME|DIR…]
        [--split val] [--out FILE]

CORPUS is made by `emo data make utterances`, and the sources it names are still there. Every row
has its thresholds from val, as checkpoints have; test people choose nothing. Several checkpoints
of one recipe are seeds: their mean and 95 % t interval are given.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.experiments.plain_features import plain_scores
from benchmarks.experiments.real import mean_and_interval
from emo_core.checkpoint import Checkpoint, load_checkpoint
from emo_core.corpora import read_corpus
from emo_core.data.cache import Cache
from emo_core.data.dataset import ClipDataset, Loader, corpus_windows, prepare
from emo_core.preprocess.augment import Augment
from emo_core.preprocess.batch import Batch
from emo_core.preprocess.sample import SampleConfig
from emo_core.synthetic.composed.dataset import OnTheFlyUtterances, utterance_sources_of
from emo_core.tasks import MultiLabel
from emo_core.tasks.interface import Calibration
from emo_core.training.trainer import split_scores

TRAIN = 3000  # utterances of training people that the baselines learn from
SHOWN = {  # what a model is shown -> what is taken away
    "all": (),
    "face alone": ("audio", "text"),
    "sound alone": ("video", "text"),
    "words alone": ("video", "audio"),
}


@dataclass(frozen=True)
class Clips:
    """The clips of val and of the split that is scored, as one SampleConfig reads them."""

    val: Loader
    judged: Loader

    @classmethod
    def of(cls, root: Path, split: str, config: SampleConfig, task: MultiLabel) -> "Clips":
        corpus, cache = read_corpus("utterances", root), Cache(config)
        found = [
            prepare(corpus_windows(corpus, corpus.split(name), task.target), cache)[0]
            for name in ("val", split)
        ]
        return cls(*(Loader(ClipDataset(windows, cache), 32, False) for windows in found))

    def scored(self, task: MultiLabel, val: torch.Tensor, judged: torch.Tensor) -> dict:
        """Scores of logits (n, C) with the thresholds that the other ones choose on val."""
        calibration = task.calibrate(val, targets(self.val))
        return self.calibrated(task, judged, calibration)

    def calibrated(self, task: MultiLabel, logits: torch.Tensor, calibration: Calibration) -> dict:
        return split_scores(task, logits, targets(self.judged), self.judged, calibration)


def targets(loader: Loader) -> torch.Tensor:
    """(n, C) of 0 and 1."""
    return torch.cat([batch.target for batch in loader.epoch(0)])


def of_batches(
    model: torch.nn.Module, batches: Iterator[Batch], seen: Callable[[Batch], Batch]
) -> torch.Tensor:
    """Logits (n, C) of batches of which only some is shown."""
    with torch.inference_mode():
        return torch.cat([model.eval()(seen(batch)).logits for batch in batches])


def hidden(batch: Batch, parts: tuple[str, ...]) -> Batch:
    """The batch without some modalities."""
    for part in parts:
        batch = batch.without(part)
    return batch


def baselines(clips: Clips, task: MultiLabel, root: Path, config: SampleConfig) -> dict[str, dict]:
    """Scores of who always says yes or no, and of logistic regression on counted features."""
    size = (len(clips.judged.dataset), len(task.labels))
    always = {
        "yes to everything": torch.full(size, 9.0),
        "no to everything": torch.full(size, -9.0),
    }
    rows = {name: clips.calibrated(task, logits, Calibration()) for name, logits in always.items()}
    made = OnTheFlyUtterances(
        utterance_sources_of(root),
        TRAIN,
        config,
        0,
        Augment(zoom=0.0, frame_subsample=config.frames),
    )
    train = list(Loader(made, 100, False).epoch(0))
    judged = {"val": list(clips.val.epoch(0)), "judged": list(clips.judged.epoch(0))}
    names = {
        "sound": "log-mel statistics",
        "face": "gradient histograms",
        "both": "the two added",
    }
    for name, scores in plain_scores(train, judged).items():
        rows[f"{names[name]}, logistic regression"] = clips.scored(task, *scores.values())
    return rows


def measured(checkpoint: Checkpoint, clips: Clips) -> dict[str, dict]:
    """Scores of one checkpoint, of all it can be given and of each modality alone."""
    task, rows = checkpoint.task, {}
    for name, parts in SHOWN.items():
        val, judged = (
            of_batches(checkpoint.model, loader.epoch(0), lambda b: hidden(b, parts))  # noqa: B023
            for loader in (clips.val, clips.judged)
        )
        rows[name] = (
            clips.scored(task, val, judged)
            if parts
            else clips.calibrated(task, judged, checkpoint.calibration)
        )
    return rows


def table(rows: dict[str, list[dict]], labels: tuple[str, ...]) -> str:
    """Markdown of {row: scores of each seed}."""
    first = next(iter(rows.values()))[0]
    lines = [
        f"{first['n']} clips. Mean over six emotions and seeds ± 95 % t interval (each seed).",
        "",
        "| | F1 | AUC | accuracy | weighted accuracy |",
        "|---|---|---|---|---|",
    ]
    for name, seeds in rows.items():
        cells = [
            mean_and_interval([s[k] for s in seeds])
            for k in ("f1", "auc", "accuracy", "weighted_accuracy")
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", f"| AUC | {' | '.join(labels)} |", "|---" * (len(labels) + 1) + "|"]
    for name, seeds in rows.items():
        lines.append(f"| {name} | {' | '.join(_mean(seeds, label, 'auc') for label in labels)} |")
    for column in ("f1", "accuracy", "recall"):
        lines += ["", f"| {column} | {' | '.join(labels)} |", "|---" * (len(labels) + 1) + "|"]
        for name, seeds in rows.items():
            cells = (_mean(seeds, label, column) for label in labels)
            lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "| F1 where the emotion is | both | seen | heard |", "|---|---|---|---|"]
    for name, seeds in rows.items():
        cells = (
            mean_and_interval([s["per_regime"][regime]["f1"] for s in seeds])
            for regime in ("both", "seen", "heard")
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _mean(seeds: list[dict], label: str, column: str) -> str:
    values = [s["per_class"][label][column] for s in seeds]
    return "-" if None in values else f"{sum(values) / len(values):.3f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="CORPUS")
    parser.add_argument("--model", nargs="*", default=["fe2e-utterances"], metavar="NAME|DIR")
    parser.add_argument("--split", choices=["val", "test"], default="test")
    parser.add_argument("--out", type=Path, metavar="FILE")
    args = parser.parse_args()
    checkpoints = [load_checkpoint(name) for name in args.model]
    config = checkpoints[0].sample
    if any(c.sample != config for c in checkpoints):
        raise SystemExit("real_emotions: these checkpoints read clips differently; ask for one.")
    task = checkpoints[0].task
    clips = Clips.of(args.data, args.split, config, task)
    rows: dict[str, list[dict]] = {
        name: [scores] for name, scores in baselines(clips, task, args.data, config).items()
    }
    found = defaultdict(list)
    for checkpoint in checkpoints:
        for name, scores in measured(checkpoint, clips).items():
            found[f"{checkpoint.training['recipe']}: {name}"].append(scores)
    text = table(rows | found, task.labels)
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    print(
        json.dumps(
            {
                "name": "real_emotions",
                "split": args.split,
                "models": args.model,
                "scores": rows | found,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
