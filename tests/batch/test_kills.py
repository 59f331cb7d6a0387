"""Workers and the command itself are killed, again and again: no row is lost, none comes twice."""

import random
import time

import psutil
import pytest

from emo_core.cli.main import main
from tests.batch.test_run import read_rows
from tests.cli.test_stopping import HANG_S, emo, wait_for
from tests.support.batches import (
    busy_workers,
    clips_begun,
    link_clips,
    save_tiny_model,
    shards_written,
)
from tests.support.predictions import write_people_clip

KILLS, CLIPS, MISSING_EVERY = 20, 500, 10
MOST_CLIPS = 35  # that are begun between two kills


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


def begun_more(process, out, clips):
    """Wait until so many clips more are begun; return the workers that have begun some."""
    found, aim = [], clips_begun(out) + clips

    def reached():
        if clips_begun(out) >= aim:
            found[:] = busy_workers(psutil.Process(process.pid), out)
        return found

    wait_for(process, reached)
    return found


def kill_until_done(words, out, kills, rng):
    """Run a batch to its end through so many kills; return how many of each there were."""
    killed = {"worker": 0, "driver": 0}
    while True:
        with emo(*words, "--out", out, "--workers", "2", "--resume") as process:
            victim = ""
            while victim != "driver" and sum(killed.values()) < kills:
                found = begun_more(process, out, rng.randint(1, MOST_CLIPS))
                victim = rng.choice(["worker", "driver"])
                (process if victim == "driver" else rng.choice(found)).kill()
                killed[victim] += 1
            if victim != "driver":
                _, said = process.communicate(timeout=HANG_S)
                assert process.returncode == 1, said
                return killed


@pytest.mark.slow
def test_kills_lose_nothing_and_double_nothing(made, tmp_path):
    words, undisturbed = made
    rng, out, started = random.Random(0), tmp_path / "out", time.monotonic()
    killed = kill_until_done([*words, "--local"], out, KILLS, rng)
    spent = time.monotonic() - started
    print(f"{killed} killed, {shards_written(out)} shards, {spent:.0f} s")
    rows = read_rows(out)
    assert [row["row"] for row in rows] == list(range(CLIPS))
    assert sum(row["status"] == "failed" for row in rows) == CLIPS // MISSING_EVERY
    assert sorted(rows, key=lambda row: row["clip"]) == sorted(
        undisturbed, key=lambda row: row["clip"]
    )
    assert sum(killed.values()) == KILLS and not list(out.rglob("*.part"))
