"""Pools of workers: started anew, one thread of OpenCV each, gone when their parent is."""

import os
import subprocess
import sys
import time

import cv2
import psutil

from emo_core.io.processes import processes
from tests.conftest import ROOT

HANG_S = 300  # only a hang takes this long


def test_workers_are_other_processes_with_one_thread_of_opencv():
    with processes(1) as pool:
        worker, threads = pool.submit(os.getpid).result(), pool.submit(cv2.getNumThreads).result()
    assert worker != os.getpid() and threads == 1


def test_a_worker_ends_with_its_killed_parent():
    body = (
        "import os, time; from emo_core.io.processes import processes\n"
        "if __name__ == '__main__':\n"
        "    pool = processes(1); print(pool.submit(os.getpid).result(), flush=True)\n"
        "    time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", body], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with parent:
        worker = psutil.Process(int(parent.stdout.readline()))
        assert worker.is_running()
        parent.kill()
    stop = time.monotonic() + HANG_S
    while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < stop, "the worker outlived its parent"
        time.sleep(0.05)
