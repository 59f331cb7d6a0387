"""Pools of worker processes that end with their parent."""

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from typing import Any

import cv2


def processes(count: int) -> ProcessPoolExecutor:
    """So many processes, started anew: forking one that has threads of FFmpeg can hang."""
    return _WorkerPool(count, mp_context=get_context("spawn"), initializer=_begin)


class _WorkerPool(ProcessPoolExecutor):
    """Workers that do not hear Ctrl-C, which reaches all processes: the parent ends the others."""

    def submit(self, fn: Callable, /, *args: Any, **kwargs: Any) -> Future:
        """Let a job wait for a worker; one that begins now inherits which signals are blocked."""
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            return super().submit(fn, *args, **kwargs)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent can't tell its workers, which would then wait for work for ever."""
    parent = parent_process()
    assert parent is not None  # only workers come here
    parent.join()
    os._exit(1)
