"""What `--explain` and `--features` cost a row of `emo batch`, beside a plain one.

    python -m benchmarks asked_columns [--models NAME ...] [--rounds N] [--clips N]
        [--preset fast] [--method M]

Processor time of one worker of one thread, its model loaded, to write a shard of the same clip of
5 s; the kinds of rows in a new order each round.
"""

import argparse
import json
import statistics
import sys
import tempfile
from itertools import count
from pathlib import Path
from time import process_time

from benchmarks.common import shuffled_times
from benchmarks.promises.page import make_people
from emo_core.batch.names import AskedRow
from emo_core.batch.out_folder import open_batch
from emo_core.batch.worker import BatchJob, Worker, file_sha256
from emo_core.checkpoint import WEIGHTS, find_checkpoint
from emo_core.schema import DEFAULT_METHOD, DEFAULT_MODEL


def measure(
    clip: Path, home: Path, model: str, preset: str, method: str, clips: int, rounds: int
) -> dict:
    """Milliseconds of processor time a row, by what is asked."""
    folder, number = find_checkpoint(model), count()
    weights = file_sha256(folder / WEIGHTS)
    workers: dict[str, Worker] = {}

    def row_of(name: str, explain: str | None, features: bool) -> None:
        out = home / str(next(number))
        with open_batch(out, {}, [AskedRow(str(clip))] * clips, False, 1) as batch:
            job = BatchJob(out, folder, weights, "", 24, explain, features, method=method)
            worker = Worker(job)
            worker.checkpoint = workers[name].checkpoint if name in workers else None
            workers[name] = worker
            done = [worker.answer(shard) for shard in range(batch.shards)]
            assert sum(one.rows - one.failed for one in done) == clips, done

    kinds = {"plain": (None, False), "explain": (preset, False), "features": (None, True)}
    kinds["both"] = (preset, True)
    runs = {name: lambda name=name, kind=kind: row_of(name, *kind) for name, kind in kinds.items()}
    times = shuffled_times(runs, rounds, clock=process_time)
    return {name: 1000 * statistics.median(spent) / clips for name, spent in times.items()}


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", nargs="+", default=[DEFAULT_MODEL])
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--method", default=DEFAULT_METHOD)
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="emo-asked-") as name:
        home = Path(name)
        clip = make_people(home / "a.mp4", (640, 360))
        for model in options.models:
            (home / model).mkdir()
            asked = options.preset, options.method, options.clips, options.rounds
            found = measure(clip, home / model, model, *asked)
            facts = {kind: round(ms, 1) for kind, ms in found.items()}
            ratios = {kind: round(ms / found["plain"], 2) for kind, ms in found.items()}
            print(json.dumps({"model": model, "processor_ms": facts, "to_plain": ratios}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
