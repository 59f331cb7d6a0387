"""Batches of many short clips: their names, a tiny model, and how far a running one has come."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import psutil

from emo_core.batch.out_folder import ATTEMPTS, ROWS, SETTINGS
from emo_core.checkpoint import Checkpoint, save_checkpoint
from emo_core.preprocess.sample import SampleConfig
from emo_core.schema import POLARITIES
from emo_core.tasks import SingleLabel
from tests.conftest import small_group

WORKERS = ("spawn_main", "ShardActor")  # in what a process is called: of --local, of Ray


def save_tiny_model(folder: Path) -> Path:
    """A checkpoint that answers a clip of a second in a few milliseconds."""
    model, sample = small_group(), SampleConfig(1.0, frames=4)
    task = SingleLabel(POLARITIES)
    save_checkpoint(folder, Checkpoint("tiny", model, "group", model.config, sample, task), "card")
    return folder


def link_clips(folder: Path, clips: Sequence[Path], count: int, missing_every: int = 0) -> Path:
    """A table of `count` names, hard links to some clips; some of them are not there."""
    folder.mkdir()
    for number in range(count):
        if not missing_every or number % missing_every != missing_every // 2:
            os.link(clips[number % len(clips)], folder / f"{number:06}.mp4")
    lines = ["clip,id", *(f"{number:06}.mp4,c{number}" for number in range(count))]
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    return folder / "clips.csv"


def begun_by_shard(out: Path) -> dict[str, int]:
    """Of each shard that is not written: how many clips its newest worker has begun."""
    found = {}
    for path in (out / ATTEMPTS).glob("*"):
        try:
            found[path.name] = len(path.read_text().rpartition("\n")[2].split())
        except FileNotFoundError:
            continue
    return found


def shards_written(out: Path) -> int:
    return len(list((out / ROWS).glob("*.parquet")))


def clips_begun(out: Path) -> int:
    """Clips of written shards, and those that the workers of the others have begun."""
    if not (out / SETTINGS).is_file():
        return 0
    shard_rows = json.loads((out / SETTINGS).read_text())["shard_rows"]
    begun = begun_by_shard(out)  # first: what is written meanwhile counts once
    written = {path.stem.removeprefix("shard-") for path in (out / ROWS).glob("*.parquet")}
    return len(written) * shard_rows + sum(n for name, n in begun.items() if name not in written)


def busy_workers(driver: psutil.Process, out: Path) -> list[psutil.Process]:
    """Processes of a batch that have begun a clip of a shard."""
    begun, found = begun_by_shard(out), []
    for one in driver.children(recursive=True):
        try:
            if any(name in " ".join(one.cmdline()) for name in WORKERS):
                held = {Path(file.path).name for file in one.open_files()}
                found += [one] if any(begun.get(name) for name in held) else []
        except psutil.Error:
            continue
    return found
