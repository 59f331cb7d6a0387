"""Thirty clients at once, round after round: the page keeps neither memory nor files of them."""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import psutil
import pytest

from demo.upload_checks import EXAMPLES
from tests.support.predictions import write_people_clip
from tests.support.serving import served, wait_until
from tests.support.siege import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
CLIENTS = 30
TURNS = ["own", "own", "own", "example", "own", "bad", "own", "explain", "page", "gone"] * 2
GROWTH = 0.05  # of resident memory from the first round to the second, after one to warm up
CLIP_S = 1.0
_NUMBERS = count()


def fresh(clip: bytes) -> bytes:
    """The clip with bytes behind it that no decoder reads, so that nothing is remembered."""
    return clip + next(_NUMBERS).to_bytes(8, "big")


def answered(visitor: Visitor, name: str, clip: dict | None, **more: object) -> dict:
    """What an endpoint says of a file."""
    joined = visitor.join(name, clip=clip, **more)
    joined.raise_for_status()
    kind, data = visitor.wait(name, joined.json()["event_id"])
    assert kind == "complete", (kind, data)
    return data[0]


def ask(visitor: Visitor, turn: str, clip: bytes, address: str) -> None:
    """One request of one kind, and what must come of it."""
    if turn == "own":
        assert answered(visitor, "predict", visitor.upload(fresh(clip)))["errors"] == []
    elif turn == "example":
        example = visitor.upload(min(EXAMPLES.glob("*.mp4")).read_bytes())
        assert answered(visitor, "predict", example)["errors"] == []
    elif turn == "explain":
        given = visitor.upload(fresh(clip))
        assert "modality_share" in answered(visitor, "explain", given, preset="fast")
    elif turn == "bad":
        assert answered(visitor, "predict", visitor.upload(b"no film", "a.mp4"))["errors"]
    elif turn == "page":
        assert visitor.http.get("/").status_code == 200
    else:  # another visitor, who leaves before the answer is there
        other = Visitor(str(visitor.http.base_url), address)
        assert other.join("predict", clip=other.upload(fresh(clip))).is_success
        other.leave()


def one_client(url: str, clip: bytes, address: str) -> int:
    """Ask what TURNS say, and leave; returns how many requests that were."""
    visitor = Visitor(url, address)
    for turn in TURNS:
        ask(visitor, turn, clip, address)
    visitor.leave()
    return len(TURNS)


def one_round(url: str, clip: bytes) -> int:
    """Everything that all clients ask, each from an address of its own; returns how much."""
    addresses = [f"127.0.0.{number}" for number in range(10, 10 + CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        return sum(pool.map(lambda address: one_client(url, clip, address), addresses))


def clips(home: Path) -> set[str]:
    """All that is in the page's own folder: visitors' files, and the shipped examples."""
    (files,) = home.glob("emo-*/files")
    return {os.path.join(folder, name) for folder, _, names in os.walk(files) for name in names}


def test_a_second_round_of_600_requests_leaves_memory_and_files_where_they_were(tmp_path, capsys):
    clip = write_people_clip(tmp_path / "clip.mp4", CLIP_S).read_bytes()
    home = tmp_path / "home"
    home.mkdir()
    with served(home, EMO_MODEL="group-staged") as (url, process):
        page, shipped, rows = psutil.Process(process.pid), clips(home), []
        for _ in range(3):
            before_s = sum(page.cpu_times()[:2])
            assert one_round(url, clip) == CLIENTS * len(TURNS) == 600
            wait_until(lambda: clips(home) <= shipped)
            spent_s = sum(page.cpu_times()[:2]) - before_s
            rows.append((round(page.memory_info().rss / 1e6), round(spent_s), page.num_threads()))
            with capsys.disabled():
                print("\nMB, seconds of processor time, threads:", *rows[-1])
    assert rows[2][0] <= (1 + GROWTH) * rows[1][0], rows
    assert not [path for path in home.rglob("*") if path.is_file() and path.name != "app.log"]
