"""Speed and memory of `emo batch` over many short clips.

    python -m benchmarks many_clips OUT [--clips N ...] [--model NAME] [--ray] [--kinds N]

OUT gets a CSV for each number of clips, and many-clips.png with clips a second and memory over time
of the largest. The clips are hard links to short ones of drawn people, each name a row.
"""

import argparse
import csv
import sys
import tempfile
from dataclasses import astuple
from pathlib import Path

import numpy as np

from benchmarks.common import report
from benchmarks.promises import batch as promise
from benchmarks.promises.batch import BatchSample
from emo_core.io.atomic import atomic_path
from tests.support.batches import link_clips
from tests.support.predictions import write_people_clip

WORKERS = 2
BOUND = 1.1  # cost of a clip of the largest batch ÷ the smallest
LENGTHS_S = (0.3, 0.9)
MANY, EVERY_S = 1_000, 1.0  # more clips than this are looked at less often
STRETCHES = 60  # of the picture's time


def make_kinds(folder: Path, count: int) -> list[Path]:
    """Short clips of drawn people, of different lengths and bytes."""
    folder.mkdir()
    lengths = np.random.default_rng(0).uniform(*LENGTHS_S, count)
    return [write_people_clip(folder / f"{n:04}.mp4", float(s)) for n, s in enumerate(lengths)]


def save_series(path: Path, samples: list[BatchSample]) -> None:
    """The samples of a run as CSV, memory in megabytes."""
    with atomic_path(path) as part, part.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["at_s", "begun", "busy", "cpu_s", "rss_mb"])
        for sample in samples:
            *numbers, rss = astuple(sample)
            table.writerow([*numbers, " ".join(f"{one / 1e6:.0f}" for one in rss)])


def draw(path: Path, samples: list[BatchSample]) -> None:
    """Clips a second and memory of the command and its workers over time."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    at = np.array([s.at_s for s in samples])
    begun = np.array([s.begun for s in samples])
    edges = np.linspace(at[0], at[-1], STRETCHES + 1)
    rate = np.diff(np.interp(edges, at, begun)) / np.diff(edges)
    figure, (above, below) = plt.subplots(2, 1, figsize=(7, 4.2), sharex=True)
    above.step(edges[1:] / 60, rate, where="pre", color="#0072B2")
    above.set_ylabel("clips a second")
    above.set_ylim(0)
    command = [s.rss[0] / 1e6 if s.rss else np.nan for s in samples]
    largest = [max(s.rss[1:], default=np.nan) / 1e6 for s in samples]
    below.plot(at / 60, largest, color="#D55E00", label="largest worker")
    below.plot(at / 60, command, color="#0072B2", linestyle="--", label="the command")
    below.set_ylabel("memory, MB")
    below.set_ylim(0)
    below.set_xlabel("minutes")
    below.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--kinds", type=int, default=300)
    parser.add_argument("--model", default="group-staged")
    parser.add_argument("--ray", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    costs, rates, peaks = [], [], []
    with tempfile.TemporaryDirectory(dir=args.out) as name:
        home = Path(name)
        kinds = make_kinds(home / "kinds", args.kinds)
        for count in args.clips:
            table = link_clips(home / f"{count}", kinds, count)
            words = [str(table), "--model", args.model, *([] if args.ray else ["--local"])]
            every_s = promise.EVERY_S if count <= MANY else EVERY_S
            samples = list(promise.sampled_batch(words, home / f"out-{count}", WORKERS, every_s))
            save_series(args.out / f"many-clips-{count}.csv", samples)
            rate, cpu_s = promise.speed(samples)
            rates.append(round(rate, 2))
            costs.append(cpu_s)
            peaks.append(max(max(s.rss, default=0) for s in samples) // 10**6)
            print(f"{count}: {rate:.1f} clips/s, {1000 * cpu_s:.1f} ms a clip", file=sys.stderr)
    draw(args.out / "many-clips.png", samples)
    facts = {"clips": args.clips, "clips_per_s": rates, "largest_process_mb": peaks}
    facts |= {"cpu_ms_per_clip": [round(1000 * cost, 2) for cost in costs], "model": args.model}
    return report("many_clips", costs[-1] / costs[0], BOUND, True, **facts)


if __name__ == "__main__":
    sys.exit(main())
