"""A batch's folder: taken up by the same batch only, and given back where nothing came of it."""

import json
import os
import subprocess
import sys

import pytest

from emo_core.batch.names import AskedRow, BatchError
from emo_core.batch.out_folder import LARGEST_SHARD, open_batch
from emo_core.io.atomic import FolderInUseError, sole_writer
from tests.conftest import ROOT

SETTINGS = {"weights": "ab", "max_windows": "24"}


def rows(count: int) -> list[AskedRow]:
    return [AskedRow(f"{number}.mp4", str(number)) for number in range(count)]


def test_names_are_kept_in_parts_of_equal_size(tmp_path):
    for count, workers, shard_rows in ((1, 2, 1), (20, 2, 3), (100 * 8 + 1, 2, LARGEST_SHARD)):
        with open_batch(tmp_path / str(count), SETTINGS, rows(count), False, workers) as batch:
            assert (batch.clips, batch.shard_rows) == (count, shard_rows)
            found = [one for shard in range(batch.shards) for one in batch.folder.names(shard)]
            assert found == rows(count)
            assert batch.rows_of(batch.missing()) == count


def test_names_that_are_no_text_stay_as_they_are(tmp_path):
    name = os.fsdecode(b"\xff.mp4")
    with open_batch(tmp_path, SETTINGS, [AskedRow(name)], False, 1) as batch:
        assert batch.folder.names(0)[0].clip == name


def write_rows(out, settings=SETTINGS, asked=None, resume=False):
    with open_batch(out, settings, asked or rows(20), resume, 2) as batch:
        before = batch.missing()
        batch.folder.rows(3).write_bytes(b"rows")
    return batch, before


def test_only_what_is_missing_is_asked_again(tmp_path):
    write_rows(tmp_path)
    assert write_rows(tmp_path, resume=True)[1] == [0, 1, 2, 4, 5, 6]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"resume": False}, "holds rows already"),
        ({"settings": {**SETTINGS, "weights": "cd"}}, "weights was ab, is cd"),
        ({"asked": rows(21)}, "holds rows of 20 other clips"),
        ({"asked": rows(20)[::-1]}, "holds rows of 20 other clips"),
    ],
)
def test_rows_of_something_else_are_refused_and_kept(tmp_path, change, words):
    write_rows(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(BatchError, match=words):
        write_rows(tmp_path, **{"resume": True, **change})
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(BatchError, match="holds something that is no batch"):
        write_rows(tmp_path)
    with pytest.raises(BatchError, match="is a file"):
        write_rows(tmp_path / "thesis.txt")
    (tmp_path / "thesis.txt").rename(tmp_path / "batch.json")
    with pytest.raises(BatchError, match="can't be read"):
        write_rows(tmp_path, resume=True)


def test_a_folder_in_which_nothing_was_asked_is_given_back(tmp_path):
    for out in (tmp_path / "new", tmp_path / "kept"):
        (tmp_path / "kept").mkdir(exist_ok=True)
        empty = open_batch(out, SETTINGS, [], False, 2)
        with pytest.raises(BatchError, match="no clip is named"), empty:
            pass
    assert os.listdir(tmp_path) == ["kept"] and not os.listdir(tmp_path / "kept")


def test_a_batch_that_was_killed_while_it_began_begins_again(tmp_path):
    (tmp_path / "rows").mkdir()
    (tmp_path / "names.arrow").write_bytes(b"half")
    (tmp_path / f"batch.json.{'0' * 8}.part").write_text("{")
    assert write_rows(tmp_path)[1] == list(range(7))
    assert json.loads((tmp_path / "batch.json").read_text())["clips"] == 20


def test_one_process_writes_at_a_time(tmp_path):
    tmp_path.joinpath("rows").mkdir()
    with sole_writer(tmp_path), pytest.raises(FolderInUseError):
        write_rows(tmp_path)


def test_a_folder_that_cant_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BatchError, match="can't be written"):
        write_rows(tmp_path / "file" / "out")


PEAK = """
import sys
from pathlib import Path
from emo_core.batch.out_folder import open_batch
from emo_core.cli.clip_names import batch_names
with open_batch(Path(sys.argv[2]), {}, batch_names([sys.argv[1]], None), False, 2) as batch:
    assert len(batch.missing()) == batch.shards
    shards = map(batch.folder.names, range(batch.shards))
    nameless = sum(bool(one.error) for shard in shards for one in shard)
    assert batch.folder.names(batch.shards - 1)[-1].id == str(batch.clips - 1)
status = Path("/proc/self/status").read_text()  # ru_maxrss would be that of who started this
print(batch.clips, nameless, status.partition("VmHWM:")[2].split()[0])
"""


@pytest.mark.slow
def test_a_million_names_take_no_more_memory_than_ten_thousand(tmp_path):
    peaks = []
    for count in (10_000, 1_000_000):
        table, out = tmp_path / f"{count}.csv", tmp_path / f"{count}"
        with table.open("w") as lines:
            lines.write("clip,id\n")
            for number in range(count):
                lines.write(f"{'' if number % 10 == 5 else f'clips/{number:07}.mp4'},{number}\n")
        words = [sys.executable, "-c", PEAK, str(table), str(out)]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
        clips, nameless, peak = map(int, done.stdout.split())
        assert (clips, nameless) == (count, count // 10)
        peaks.append(peak)
    print(f"peaks of memory, kB: {peaks}")
    assert peaks[1] < 1.2 * peaks[0], peaks
