"""One shard by one worker: the rows are what `emo predict` says, and nothing ends them."""

import errno
import shutil
from pathlib import Path

import fsspec
import pyarrow.parquet as pq
import pytest

from emo_core.batch.names import AskedRow
from emo_core.batch.out_folder import open_batch
from emo_core.batch.rows import answered, row_schema
from emo_core.batch.worker import MOST_DEATHS, BatchJob, Worker, file_sha256
from emo_core.checkpoint import WEIGHTS, find_checkpoint, load_checkpoint, shipped_checkpoints
from emo_core.clip import load_clip
from emo_core.inference.predict import predict_clip
from tests.conftest import ROOT

CLIP = ROOT / "assets" / "examples" / "heard_positive.mp4"
MODEL = "group-staged"


@pytest.fixture
def work(tmp_path):
    """Answers names in this process."""

    def answer(*names: AskedRow, prepare=lambda folder: None, **asked):
        weights = file_sha256(find_checkpoint(MODEL) / WEIGHTS)
        job = BatchJob(tmp_path / "out", find_checkpoint(MODEL), weights, "1.0", 2, **asked)
        with open_batch(job.out, {}, names, True, 1) as batch:
            prepare(batch.folder)
            one = Worker(job)
            done = [one.answer(shard) for shard in range(batch.shards)]
        written = job.out / "rows"
        rows = pq.read_table(written).to_pylist() if any(written.iterdir()) else []
        return done, rows

    return answer


def test_rows_are_what_predict_says(work):
    (_, _), (first, second) = work(AskedRow(str(CLIP), "x7"), AskedRow(str(CLIP)))
    answer = predict_clip(load_clip(CLIP), load_checkpoint(MODEL), 2).as_dict()
    assert (first["row"], first["id"], second["row"], second["id"]) == (0, "x7", 1, None)
    assert first["weights"] == file_sha256(find_checkpoint(MODEL) / WEIGHTS)
    assert (first["version"], first["status"]) == ("1.0", "ok")
    assert first["clip"] == second["clip"] == str(CLIP) and first["error"] is None
    assert first["model"] == MODEL and first["seconds"]["decode"] > 0
    for name in ("label", "abstains", "task", "media", "notes", "frame_times_s", "nobody"):
        assert first[name] == second[name] == answer[name], name
    for name in ("probabilities", "modality_share", "modality_shares"):
        assert first[name] == second[name] and first[name].keys() == answer[name].keys()
        assert str(first[name]) == str(answer[name]) or first[name] == pytest.approx(answer[name])


def test_one_bad_clip_is_one_row_with_its_error(work, tmp_path):
    (tmp_path / "empty.mp4").write_bytes(b"")
    names = [str(tmp_path / "gone.mp4"), str(tmp_path / "empty.mp4"), "a\0b", str(CLIP)]
    done, rows = work(*map(AskedRow, names), AskedRow("*.mov", error="no file has such a name"))
    assert [row["status"] for row in rows] == ["failed", "failed", "failed", "ok", "failed"]
    assert [one.failed for one in done] == [2, 1, 1] and not any(one.why for one in done)
    assert "cannot be found" in rows[0]["error"] and rows[4]["error"] == "no file has such a name"
    assert rows[0]["probabilities"] is None and rows[0]["label"] is None


def test_names_that_are_no_text_are_spelled(work):
    _, (row,) = work(AskedRow("gone\udcff.mp4"))
    assert row["clip"] == "gone\\udcff.mp4" and row["status"] == "failed"


def test_clips_of_object_stores_are_read(work):
    store = fsspec.filesystem("memory")
    store.pipe("/worker/a.mp4", CLIP.read_bytes())
    names = ["memory://worker/a.mp4", f"file://{CLIP}", "memory://worker/gone.mp4"]
    _, rows = work(*map(AskedRow, names))
    assert [row["status"] for row in rows] == ["ok", "ok", "failed"]
    assert rows[0]["probabilities"] == rows[1]["probabilities"]
    assert rows[2]["error"].startswith("memory://worker/gone.mp4 can't be read (FileNotFoundError")


def test_a_full_disk_for_copies_of_clips_is_no_clips_fault(work, monkeypatch):
    fsspec.filesystem("memory").pipe("/worker/b.mp4", CLIP.read_bytes())
    for full in ("shutil.copyfileobj", "scratch_folder"):
        with monkeypatch.context() as patch:
            patch.setattr(f"emo_core.batch.worker.{full}", no_room)
            (done,), rows = work(AskedRow("memory://worker/b.mp4"))
        assert "has no room for a copy of memory://worker/b.mp4 (No space left" in done.why
        assert not rows


def no_room(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_is_wrong_with_a_stores_clip_is_said_of_its_own_name(work):
    name = "memory://worker/" + "ü" * 200 + " 1?.mp4"  # more bytes than a file's name may have
    fsspec.filesystem("memory").pipe(name, b"these are words, and no clip")
    _, (row,) = work(AskedRow(name))
    assert row["error"].startswith("ü") and "ü 1?.mp4: this is a text file" in row["error"]


def test_copies_that_killed_workers_left_go(work, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "emo-clip-dead").mkdir()
    (tmp_path / "emo-clip-dead" / "x.mp4").write_bytes(b"0")
    fsspec.filesystem("memory").pipe("/worker/c.mp4", b"0")
    work(AskedRow("memory://worker/c.mp4"))
    assert not list(tmp_path.glob("emo-clip-*"))


def test_names_of_other_systems_find_their_file(work, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "Mu\u0308ller.mp4").write_bytes(CLIP.read_bytes())
    _, (row,) = work(AskedRow(f"{tmp_path}/in\\M\u00fcller.mp4"))
    assert (row["status"], row["clip"]) == ("ok", f"{tmp_path}/in\\M\u00fcller.mp4")


def test_a_clip_that_ends_its_workers_is_a_row_after_some(work):
    def before(folder):
        folder.attempts(1).write_text("\n 0" * MOST_DEATHS)
        folder.attempts(0).write_text("\n 0" * (MOST_DEATHS - 1))

    _, rows = work(AskedRow(str(CLIP)), AskedRow(str(CLIP)), prepare=before)
    assert [row["status"] for row in rows] == ["ok", "failed"]
    assert f"ended the process that read it {MOST_DEATHS} times" in rows[1]["error"]


def test_workers_that_end_before_the_first_clip_end_the_batch(work):
    def before(folder):
        folder.attempts(0).write_text("\n" * MOST_DEATHS)

    (done,), rows = work(AskedRow(str(CLIP)), prepare=before)
    assert "ended before they read a clip" in done.why and not rows


def test_a_full_disk_leaves_whole_parts_only(work, monkeypatch):
    write, files = pq.write_table, []

    def full(table, path, **options):
        files.append(Path(path))
        if len(files) > 1:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        write(table, path, **options)

    monkeypatch.setattr(pq, "write_table", full)
    done, rows = work(AskedRow(str(CLIP)), AskedRow(str(CLIP)))
    assert not done[0].why and done[1].why == "No space left on device" and len(rows) == 1
    assert sorted(one.name for one in files[0].parent.iterdir()) == ["shard-0000000.parquet"]


def test_a_part_that_is_there_is_not_answered_again(work, tmp_path):
    work(AskedRow(str(CLIP)))
    shutil.copy(tmp_path / "out/rows/shard-0000000.parquet", tmp_path / "kept")
    (done,), _ = work(AskedRow(str(CLIP)))
    assert (done.rows, done.failed) == (1, 0)
    assert (tmp_path / "out/rows/shard-0000000.parquet").read_bytes() == Path(
        tmp_path / "kept"
    ).read_bytes()


@pytest.mark.parametrize("model", shipped_checkpoints())
def test_every_task_has_columns_for_its_answers(model):
    import pyarrow as pa

    checkpoint = load_checkpoint(model)
    schema = row_schema(checkpoint)
    row = answered(predict_clip(load_clip(CLIP), checkpoint, 1))
    (found,) = pa.Table.from_pylist([row], schema).to_pylist()
    assert row.keys() <= set(schema.names)
    for name, value in row.items():
        given = list(value) if isinstance(value, tuple) else value
        assert found[name] == given or name == "timeline", name
