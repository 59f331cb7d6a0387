"""`emo batch` through Ray Data: the rows of --local, bit for bit."""

import pytest

from emo_core.batch import ray_data
from tests.batch.test_run import MODEL, many, read_rows, undisturbed
from tests.cli.test_stopping import HANG_S, emo

__all__ = ["many", "undisturbed"]


@pytest.mark.slow
def test_rows_are_those_of_one_process(many, undisturbed, tmp_path):
    out = tmp_path / "out"
    with emo("batch", many, "--out", out, "--workers", "2", *MODEL) as process:
        printed, said = process.communicate(timeout=2 * HANG_S)
    assert process.returncode == 1, said
    assert printed == f"{out}: 24 rows, 24 of them new, 3 with an error\n"
    assert read_rows(out) == read_rows(undisturbed)


def test_an_actor_answers_with_columns(monkeypatch):
    class Fake:
        def __init__(self, job):
            pass

        def answer(self, shard):
            return ray_data.ShardDone(shard, 3, 1)

    monkeypatch.setattr(ray_data, "Worker", Fake)
    found = ray_data.ShardActor(None)({"item": [5]})
    assert found == {"shard": [5], "rows": [3], "failed": [1], "why": [""]}
