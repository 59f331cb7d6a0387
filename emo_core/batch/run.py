"""Many clips -> one Parquet row each, on this machine or through Ray Data: the same rows."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from emo_core.batch.devices import worker_device
from emo_core.batch.names import AskedRow, BatchError
from emo_core.batch.out_folder import (
    LARGEST_SHARD,
    LARGEST_WITH_FEATURES,
    BatchFolder,
    OpenBatch,
    open_batch,
)
from emo_core.batch.worker import MOST_DEATHS, BatchJob, ShardDone, Worker, file_sha256
from emo_core.io.processes import processes
from emo_core.schema import DEFAULT_METHOD

Progress = Callable[[int, int, int], object]  # rows written, of how many, failed so far


@dataclass(frozen=True)
class BatchDone:
    """What a batch came to."""

    clips: int
    written: int  # by this run
    failed: int  # of those


def write_rows(
    rows: Iterable[AskedRow],
    out: Path,
    model: str | Path,
    workers: int | None = None,
    local: bool = False,
    resume: bool = False,
    max_windows: int = 24,
    progress: Progress | None = None,
    explain: str | None = None,
    features: bool = False,
    method: str = DEFAULT_METHOD,
) -> BatchDone:
    """Write a row of Parquet for every name, into `out`/rows.

    workers: processes of one thread; None = one a CPU. local: without Ray. explain: a preset, of
    `method`. Raises AttributionError where the model has no such explanations, BatchError where
    `out` holds other rows or can't be written, or what is needed is not installed.
    """
    from emo_core.attribution.forward_function import refuse_without_towers
    from emo_core.attribution.methods import find_method, find_preset
    from emo_core.batch.features import PRECISION, tower_names
    from emo_core.batch.rows import own_version
    from emo_core.checkpoint import CONFIG, WEIGHTS, find_checkpoint, load_checkpoint

    _refuse_missing(["pyarrow", "fsspec", *([] if local else ["ray", "pandas"])])
    workers = workers or len(os.sched_getaffinity(0))
    folder = find_checkpoint(model).resolve()
    checkpoint = load_checkpoint(folder)  # refused before anything is written
    weights = file_sha256(folder / WEIGHTS)
    made = (weights, own_version(), max_windows, explain, features)
    job = BatchJob(out.resolve(), folder, *made, method=method)
    settings = {"weights": weights, "config": file_sha256(folder / CONFIG)}
    settings |= {"version": job.version, "max_windows": str(max_windows)}
    if explain:
        find_preset(explain)
        if find_method(method).of_tokens:
            refuse_without_towers(checkpoint)
        settings["explain"] = explain if method == DEFAULT_METHOD else f"{explain} of {method}"
    cards = count_cards(local)
    if cards:
        settings["device"] = "cuda"
    if features:
        settings["features"] = f"{PRECISION} of {', '.join(tower_names(checkpoint))}"
    largest = LARGEST_WITH_FEATURES if features else LARGEST_SHARD
    with open_batch(out, settings, rows, resume, workers, largest) as batch:
        missing = batch.missing()
        run = on_this_machine if local else _through_ray()
        answers = run(job, missing, workers, cards) if missing else iter(())
        return _collect(batch, missing, answers, progress)


def count_cards(local: bool) -> int:
    """The GPUs of this machine, or without `local` those of the cluster that is to answer.

    0 where CUDA_VISIBLE_DEVICES is set to nothing, whatever the cluster has.
    """
    import torch

    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return 0
    if local or not os.environ.get("RAY_ADDRESS"):
        return torch.cuda.device_count()
    from emo_core.batch.ray_data import cluster_cards

    return cluster_cards()


def _through_ray() -> Callable[[BatchJob, list[int], int, int], Iterator[ShardDone]]:
    from emo_core.batch.ray_data import on_ray

    return on_ray


def _collect(
    batch: OpenBatch, missing: list[int], answers: Iterator[ShardDone], progress: Progress | None
) -> BatchDone:
    done, failed = batch.clips - batch.rows_of(missing), 0
    before = done
    for one in answers:
        if one.why:
            raise BatchError(
                "{out} is not complete ({why}); expected a row for every clip; see to that, and go "
                "on with --resume.",
                out=batch.folder.root,
                why=one.why,
            )
        done, failed = done + one.rows, failed + one.failed
        if progress:
            progress(done, batch.clips, failed)
    return BatchDone(batch.clips, done - before, failed)


def _refuse_missing(packages: list[str]) -> None:
    for name in packages:
        if find_spec(name) is None:
            raise BatchError(
                "{name} is not installed; expected what emo batch needs; install "
                "emo_core[batch], or give --local where only ray or pandas is missing.",
                name=name,
            )


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Processes that begin meanwhile compute in one thread, whatever library they use."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def on_this_machine(
    job: BatchJob, shards: list[int], workers: int, cards: int
) -> Iterator[ShardDone]:
    """Answer shards in processes of this machine; one that is killed is replaced."""
    with ExitStack() as held, one_thread_each():
        devices = (worker_device(number, cards) for number in range(min(workers, len(shards))))
        slots = [_Slot(replace(job, device=device), held) for device in devices]
        left = iter(shards)
        running: dict[Future, tuple[_Slot, int]] = {}
        for slot in slots:
            shard = next(left)
            running[slot.submit(shard)] = slot, shard
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                slot, shard = running.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    if slot.began(shard):
                        running[slot.renewed().submit(shard)] = slot, shard
                        continue
                    yield ShardDone(shard, why=NONE_BEGINS)
                    return
                yield future.result()
                if (following := next(left, None)) is not None:
                    running[slot.submit(following)] = slot, following


NONE_BEGINS = (
    "its processes end before they begin; in a script of your own, ask for it below "
    'if __name__ == "__main__":, and not from standard input'
)


class _Slot:
    """One process, and another when it is killed: of a pool of several, all would end."""

    def __init__(self, job: BatchJob, held: ExitStack) -> None:
        self.job = job
        self.deaths: list[tuple[int, int]] = []  # shard, and bytes of its attempts by then
        self.pool: ProcessPoolExecutor = processes(1)
        held.callback(lambda: self.pool.shutdown(cancel_futures=True))

    def renewed(self) -> "_Slot":
        self.pool.shutdown()
        self.pool = processes(1)
        return self

    def began(self, shard: int) -> bool:
        """Whether one of the last processes that died had begun with the shard."""
        path = BatchFolder(self.job.out).attempts(shard)
        self.deaths.append((shard, path.stat().st_size if path.exists() else 0))
        return len(self.deaths) < MOST_DEATHS or len(set(self.deaths[-MOST_DEATHS:])) > 1

    def submit(self, shard: int) -> Future:
        return self.pool.submit(answer_shard, self.job, shard)


_worker: Worker | None = None  # of this process


def answer_shard(job: BatchJob, shard: int) -> ShardDone:
    """One shard in a process that keeps its model for the next."""
    global _worker
    if _worker is None or _worker.job != job:
        _worker = Worker(job)
    return _worker.answer(shard)
