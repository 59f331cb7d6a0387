"""Promise `batch`: two workers against one process, with Ray Data and with --local.

    python -m benchmarks batch [--clips N] [--model NAME] [--rounds N] [--roads one local ray]

Every worker computes in one thread. What counts is the time in which all of them are busy: from
when each has begun some clips until no shard is left to begin. Processor time is of all processes
of the command, Ray's own included.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.common import report
from benchmarks.promises.page import make_people
from emo_core.schema import DEFAULT_MODEL
from tests.support.batches import begun_by_shard, clips_begun, link_clips, shards_written

BOUND = 1.6
WARM_CLIPS = 3  # of each worker
EVERY_S = 0.25
ROADS = {"one": (1, "--local"), "local": (2, "--local"), "ray": (2, None)}


@dataclass(frozen=True)
class BatchSample:
    """How far a batch is, and what it has taken until then."""

    at_s: float  # since the command was given
    begun: int  # clips
    busy: bool  # all workers are warm and have work
    cpu_s: float  # of all its processes
    rss: tuple[int, ...]  # bytes, of each process: the command first


def sampled_batch(
    words: list[str], out: Path, workers: int, every_s: float = EVERY_S
) -> Iterator[BatchSample]:
    """Run `emo batch` and watch it until it ends; raises RuntimeError where it fails."""
    command = [sys.executable, "-m", "emo_core", "batch", *words, "--out", str(out)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = time.perf_counter()
    process = psutil.Popen(
        [*command, "--workers", str(workers)], env=env, stdout=subprocess.DEVNULL
    )
    warm = False
    while process.poll() is None:
        time.sleep(every_s)
        begun, cpu_s, rss = begun_by_shard(out), 0.0, []
        warm = warm or len([n for n in begun.values() if n >= WARM_CLIPS]) == workers
        for one in [process, *process.children(recursive=True)]:
            try:
                cpu_s += sum(one.cpu_times()[:2])
                rss.append(one.memory_info().rss)
            except psutil.Error:
                continue
        left = shards_written(out) + len(begun) < shards_of(out)
        at_s = time.perf_counter() - started
        yield BatchSample(at_s, clips_begun(out), warm and left, cpu_s, tuple(rss))
    if process.returncode:
        raise RuntimeError(f"emo batch ended with {process.returncode}: {' '.join(command)}")


def shards_of(out: Path) -> int:
    """How many shards a batch has; 0 before it has begun."""
    try:
        asked = json.loads((out / "batch.json").read_text())
    except FileNotFoundError:
        return 0
    return -(-asked["clips"] // asked["shard_rows"])


def speed(samples: list[BatchSample]) -> tuple[float, float]:
    """Clips a second, and processor seconds a clip, while all workers were busy."""
    busy = [sample for sample in samples if sample.busy]
    first, last = busy[0], busy[-1]
    clips = last.begun - first.begun
    return clips / (last.at_s - first.at_s), (last.cpu_s - first.cpu_s) / clips


def measured(
    table: Path, home: Path, model: str, roads: list[str], rounds: int, log: Callable[[str], object]
) -> dict[str, list[tuple[float, float]]]:
    """Speeds of each road, one after the other, round by round."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in roads}
    for number in range(rounds):
        for name in roads:
            workers, road = ROADS[name]
            words = [str(table), "--model", model, *([road] if road else [])]
            samples = list(sampled_batch(words, home / f"{name}-{number}", workers))
            found[name].append(speed(samples))
            rate, cpu_s = found[name][-1]
            log(f"{name}: {rate:.2f} clips/s, {1000 * cpu_s:.0f} ms of processor time a clip")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--roads", nargs="+", choices=ROADS, default=list(ROADS))
    args = parser.parse_args()
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        table = link_clips(home / "clips", [make_people(home / "a.mp4", (640, 360))], args.clips)
        roads = ["one", *(name for name in args.roads if name != "one")]
        found = measured(table, home, args.model, roads, args.rounds, print_line)
    best = {name: max(rate for rate, _ in runs) for name, runs in found.items()}
    cpu_ms = {name: round(1000 * min(cpu for _, cpu in runs)) for name, runs in found.items()}
    facts = {"clips_per_s": {k: round(v, 2) for k, v in best.items()}, "cpu_ms_per_clip": cpu_ms}
    facts |= {"clips": args.clips, "model": args.model, "statistic": f"best of {args.rounds}"}
    facts["load_before"] = round(before, 2)
    names = {"local": "batch --local", "ray": "batch"}
    ratios = {names[road]: best[road] / best["one"] for road in roads[1:]}
    return max([report(name, one, BOUND, False, **facts) for name, one in ratios.items()])


def print_line(text: str) -> None:
    """A line on how far it is, on standard error."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
