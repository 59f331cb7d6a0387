"""`emo batch` through Ray Data: the rows of --local, bit for bit."""

import pytest

from emo_core.batch import ray_data
from emo_core.cli.main import main
from tests.batch.test_run import MODEL, many, read_rows, undisturbed

__all__ = ["many", "undisturbed"]


@pytest.mark.slow
def test_rows_are_those_of_one_process(many, undisturbed, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["batch", str(many), "--out", str(out), "--workers", "2", *MODEL]) == 1
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
