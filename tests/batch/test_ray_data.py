"""`emo batch` through Ray Data: the rows of --local, bit for bit."""

import pytest

from emo_core.batch import ray_data
from emo_core.batch.names import AskedRow
from emo_core.batch.out_folder import open_batch
from emo_core.batch.rows import own_version
from emo_core.batch.worker import BatchJob, Worker, file_sha256
from emo_core.checkpoint import WEIGHTS
from tests.batch.test_run import MODEL, many, read_rows, undisturbed
from tests.cli.test_stopping import HANG_S, emo
from tests.support.batches import save_tiny_model
from tests.support.predictions import write_people_clip

__all__ = ["many", "undisturbed"]


@pytest.mark.slow
def test_rows_are_those_of_one_process(many, undisturbed, tmp_path):
    out = tmp_path / "out"
    with emo("batch", many, "--out", out, "--workers", "2", *MODEL) as process:
        printed, said = process.communicate(timeout=2 * HANG_S)
    assert process.returncode == 1, said
    assert printed == f"{out}: 24 rows, 24 of them new, 3 with an error\n"
    assert read_rows(out) == read_rows(undisturbed)


@pytest.mark.slow
def test_few_clips_through_ray(tmp_path):
    """The whole road of Ray once, with a model that takes no time."""
    write_people_clip(tmp_path / "a.mp4", 0.5)
    model, names = save_tiny_model(tmp_path / "tiny"), [tmp_path / "a.mp4", tmp_path / "gone.mp4"]
    words = ["batch", *names, "--model", model, "--explain", "fast", "--features"]
    with emo(*words, "--out", tmp_path / "out", "--workers", "1") as process:
        printed, said = process.communicate(timeout=HANG_S)
    if "Ray does not start" in said:
        pytest.skip(said.splitlines()[-1])
    assert process.returncode == 1, said
    assert printed.endswith(": 2 rows, 2 of them new, 1 with an error\n")
    with open_batch(tmp_path / "here", {}, map(AskedRow, map(str, names)), False, 1) as batch:
        weights, version = file_sha256(model / WEIGHTS), own_version()
        job = BatchJob(batch.folder.root, model, weights, version, 24, "fast", True)
        worker = Worker(job)
        assert [worker.answer(shard).rows for shard in range(batch.shards)] == [1, 1]
    assert read_rows(tmp_path / "out") == read_rows(tmp_path / "here")


def test_an_actor_answers_with_columns(monkeypatch):
    class Fake:
        def __init__(self, job):
            pass

        def answer(self, shard):
            return ray_data.ShardDone(shard, 3, 1)

    monkeypatch.setattr(ray_data, "Worker", Fake)
    found = ray_data.ShardActor(None)({"item": [5]})
    assert found == {"shard": [5], "rows": [3], "failed": [1], "why": [""]}
