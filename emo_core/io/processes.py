"""Pools of worker processes that end with their parent."""

import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process

import cv2


def processes(count: int) -> ProcessPoolExecutor:
    """So many processes, started anew: forking one that has threads of FFmpeg can hang."""
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_begin)


def _begin() -> None:
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent can't tell its workers, which would then wait for work for ever."""
    parent = parent_process()
    assert parent is not None  # only workers come here
    parent.join()
    os._exit(1)
