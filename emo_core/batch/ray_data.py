"""The same shards through Ray Data: a pool of actors, on one machine or a cluster."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from emo_core.batch.devices import card_share
from emo_core.batch.names import BatchError
from emo_core.batch.worker import BatchJob, ShardDone, Worker

SPARE_CPUS = 2  # of Ray's own book-keeping, on one machine
STORE_BYTES = 512 << 20  # of shared memory; only numbers of shards pass through it
BLOCK_BYTES = 1 << 20
SILENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # else 15: beside other work, workers would stand still
}


class ShardActor:
    """One process of the pool."""

    def __init__(self, job: BatchJob) -> None:
        self.worker = Worker(job)

    def __call__(self, batch: dict) -> dict:
        done = [vars(self.worker.answer(int(shard))) for shard in batch["item"]]
        return {name: [one[name] for one in done] for name in done[0]}


def cluster_cards() -> int:
    """How many GPUs the cluster of RAY_ADDRESS has."""
    import ray

    with _connected(1, 0):
        return int(ray.cluster_resources().get("GPU", 0))


def on_ray(job: BatchJob, shards: list[int], workers: int, cards: int) -> Iterator[ShardDone]:
    """Answer shards by actors of one CPU and a share of a GPU; Ray replaces one that is killed.

    The cluster of RAY_ADDRESS where it is set; else one of this machine for as long as it takes.
    cards: its GPUs; an actor sees the one that is its own.
    """
    import ray

    with _connected(workers, cards):
        size = min(workers, len(shards))
        pool = ray.data.ActorPoolStrategy(size=size)
        items = ray.data.from_items(shards, override_num_blocks=len(shards))
        done = items.map_batches(
            ShardActor,
            fn_constructor_args=(replace(job, device="cuda" if cards else "cpu"),),
            batch_size=1,
            compute=pool,
            num_cpus=1,
            num_gpus=card_share(size, cards) or None,
        )
        for row in done.iter_rows():
            yield ShardDone(row["shard"], row["rows"], row["failed"], row["why"])


@contextmanager
def _connected(workers: int, cards: int) -> Iterator[None]:
    """Ray, silent, without telemetry or dashboard; the command hears requests to stop as before."""
    for name, value in SILENT.items():
        os.environ.setdefault(name, value)
    import ray
    import ray.data

    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    address = os.environ.get("RAY_ADDRESS")
    ours: dict[str, Any] = {"num_cpus": workers + SPARE_CPUS, "num_gpus": cards}
    ours["object_store_memory"] = STORE_BYTES
    try:
        ray.init(
            address=address or "local",
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **({} if address else ours),
        )
    except Exception as error:  # Ray raises bare ones where a machine has too much to do
        raise BatchError(
            "Ray does not start ({why}); expected a machine or cluster that runs it; try --local.",
            why=" ".join(str(error).split())[:160],
        ) from error
    for number, handler in handlers.items():
        signal.signal(number, handler)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = BLOCK_BYTES
    try:
        yield
    finally:
        ray.shutdown()
