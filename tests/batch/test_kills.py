"""Workers, nodes and the command itself are killed: no row is lost, none comes twice."""

import os
import random
import signal
import time

import psutil
import pytest

from emo_core.cli.main import main
from tests.batch.test_run import read_rows
from tests.cli.test_stopping import HANG_S, emo
from tests.support.batches import (
    busy_workers,
    clips_begun,
    link_clips,
    save_tiny_model,
    shards_written,
)
from tests.support.predictions import write_people_clip

KILLS, CLIPS, MISSING_EVERY = 20, 500, 10
MOST_CLIPS = 12  # that are begun between two kills


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The words of a batch of 500 names, a tenth of them missing, and its undisturbed rows."""
    home = tmp_path_factory.mktemp("kills")
    clips = [write_people_clip(home / f"{n}.mp4", 0.3 * n) for n in (1, 2, 3)]
    clips.append(write_people_clip(home / "mute.mp4", 0.5, sound=False))
    table = link_clips(home / "clips", clips, CLIPS, MISSING_EVERY)
    words = ["batch", str(table), "--model", str(save_tiny_model(home / "tiny"))]
    started = time.monotonic()
    assert main([*words, "--out", str(home / "out"), "--local", "--workers", "1"]) == 1
    print(f"undisturbed, one worker: {time.monotonic() - started:.1f} s")
    return words, read_rows(home / "out")


def begun_more(process, out, clips, parent=None):
    """Wait until so many clips more are begun; return the workers that have begun some.

    None of them where the command has ended.
    """
    found, aim, stop = [], clips_begun(out) + clips, time.monotonic() + HANG_S
    while process.poll() is None and not found:
        assert time.monotonic() < stop
        if clips_begun(out) >= aim:
            found = busy_workers(psutil.Process(parent or process.pid), out)
        time.sleep(0.01)
    return found


def kill_some(process, out, kills, rng, killed):
    """Kill workers of one command until that is killed, ends or has had the last kill."""
    while sum(killed.values()) < kills:
        found = begun_more(process, out, rng.randint(1, MOST_CLIPS))
        if not found:
            return
        victim = rng.choice(["worker", "driver"])
        (process if victim == "driver" else rng.choice(found)).kill()
        killed[victim] += 1
        if victim == "driver":
            return


def kill_until_done(words, out, kills, rng):
    """Run a batch to its end through so many kills; return how many of each there were.

    A command is given again where it was killed, or where Ray did not start: it allows its own
    processes 30 s, on a busy machine too few.
    """
    killed = {"worker": 0, "driver": 0}
    while True:
        with emo(*words, "--out", out, "--workers", "2", "--resume") as process:
            kill_some(process, out, kills, rng, killed)
            _, said = process.communicate(timeout=HANG_S)
        if process.returncode in (0, 1):  # 0: what was killed left nothing
            return killed
        if process.returncode != -signal.SIGKILL:
            assert "Ray does not start" in said, said
            print("Ray did not start")


@pytest.mark.slow
@pytest.mark.parametrize("road", [["--local"], []], ids=["local", "ray"])
def test_kills_lose_nothing_and_double_nothing(made, tmp_path, road):
    words, undisturbed = made
    rng, out, started = random.Random(0), tmp_path / "out", time.monotonic()
    killed = kill_until_done([*words, *road], out, KILLS, rng)
    spent = time.monotonic() - started
    print(f"{killed} killed, {shards_written(out)} shards, {spent:.0f} s")
    assert_same_rows(out, undisturbed)
    assert sum(killed.values()) == KILLS and not list(out.rglob("*.part"))


def assert_same_rows(out, undisturbed):
    rows = read_rows(out)
    assert [row["row"] for row in rows] == list(range(CLIPS))
    assert sum(row["status"] == "failed" for row in rows) == CLIPS // MISSING_EVERY
    assert sorted(rows, key=lambda row: row["clip"]) == sorted(
        undisturbed, key=lambda row: row["clip"]
    )


@pytest.fixture
def cluster(monkeypatch):
    """A Ray cluster on this machine: a head that answers nothing, and two nodes of a processor."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    memory = {"object_store_memory": 100 << 20}
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **memory})
    try:
        nodes = [found.add_node(num_cpus=1, **memory) for _ in range(2)]
        monkeypatch.setenv("RAY_ADDRESS", found.address)
        yield found, nodes
    finally:
        found.shutdown()


def node_of(worker, nodes):
    """The node whose raylet started a worker."""
    raylets = {node.all_processes["raylet"][0].process.pid: node for node in nodes}
    return raylets[worker.ppid()]


@pytest.mark.slow
def test_a_node_that_leaves_takes_no_row_along(made, tmp_path, cluster):
    (words, undisturbed), (found, nodes), out = made, cluster, tmp_path / "out"
    with emo(*words, "--out", out, "--workers", "2") as process:
        worker, *_ = begun_more(process, out, MOST_CLIPS, os.getpid())
        found.remove_node(node_of(worker, nodes), allow_graceful=False)
        assert process.poll() is None  # in mid-run
        _, said = process.communicate(timeout=HANG_S)
    assert process.returncode == 1, said
    assert_same_rows(out, undisturbed)
