"""Which device the workers of a batch compute on: the GPUs where there are some."""

from math import ceil, floor

RAY_UNITS = 10_000  # of a GPU: the finest share that Ray counts


def worker_device(number: int, cards: int) -> str:
    """The device of a worker of one machine, counted from 0, where that has so many GPUs."""
    return f"cuda:{number % cards}" if cards else "cpu"


def card_share(workers: int, cards: int) -> float:
    """What of a GPU Ray sets aside for each worker, so that all of them run; 0 without GPUs.

    No worker is given parts of two GPUs.
    """
    return floor(RAY_UNITS / ceil(workers / cards)) / RAY_UNITS if cards else 0.0
