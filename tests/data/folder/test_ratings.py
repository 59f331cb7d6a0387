"""Rows in large numbers, and times that a file has to complete."""

import math
import time

from emo_core.data.folder.ratings import clip_seconds
from tests.support.clip_folders import put_clip, read_own


def test_forty_thousand_rows_are_read_in_seconds(tmp_path):
    rows = [f"c{i % 8}.mp4,{'xyz'[i % 3]},{i // 8 / 10},{i // 8 / 10 + 0.1}" for i in range(40_000)]
    rows += [f"gone_{i}.mp4,x,0,1" for i in range(1000)]
    started = time.process_time()
    corpus = read_own(
        tmp_path, "\n".join(["file,label,start_s,end_s", *rows]), *(f"c{i}.mp4" for i in range(8))
    )
    assert len(corpus.items) == 40_000 and time.process_time() - started < 60
    assert "And 980 more rows without a matching clip, lines 40022 to 41001." in corpus.problems


def test_seconds_of_a_clip(tmp_path):
    assert 0.9 < clip_seconds(put_clip(tmp_path / "a.mp4")) < 1.2
    (tmp_path / "b.mp4").write_bytes(b"no clip")
    assert clip_seconds(tmp_path / "b.mp4") == math.inf
