"""The process that fetches: public addresses only, killed and resumed; localhost only."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from emo_core.cli.main import main
from emo_core.data.open_corpora import get_worker
from emo_core.data.open_corpora.get import RECORD
from emo_core.data.open_corpora.get_worker import get_in_worker, throttled
from emo_core.io.transfer import TransferError
from tests.support.file_server import Site, serving
from tests.support.open_publishers import publish_cremad, publish_ravdess
from tests.support.open_trees import make_cremad, make_ravdess

ROOT = Path(__file__).parents[3]
PATIENCE_S = 120


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    return make_cremad(tmp_path_factory.mktemp("published") / "CREMA-D")


@pytest.fixture
def site():
    with serving() as made:
        yield made


def worker(site: Site, source, allowed: bool = True) -> list[str]:
    """The real worker, of a publisher on this machine; allowed: whether it may be reached."""
    but = {("127.0.0.1", int(site.url.rpartition(":")[2]))} if allowed else set()
    code = (
        "from emo_core.data.open_corpora import get, get_worker\n"
        "from emo_core.data.open_corpora.get import OpenSource\n"
        "from emo_core.data.open_corpora.git_lfs import LfsRepository\n"
        "from emo_core.io import transfer\n"
        "transfer.ATTEMPTS = 1\n"
        f"get.SOURCES = {{{source.name!r}: {source!r}}}\n"
        f"get_worker.serve_one_job(frozenset({but!r}))\n"
    )
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"]


@pytest.fixture
def online(monkeypatch):
    for name in ("EMO_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


def test_the_command_fetches_and_says_what_is_verified(
    site, tree, tmp_path, monkeypatch, online, capsys
):
    monkeypatch.setattr(get_worker, "WORKER", worker(site, publish_cremad(site, tree)))
    words = ["data", "get", "cremad", str(tmp_path / "out"), "--accept-licence"]
    assert main([*words, "--json"]) == 0
    out, said = capsys.readouterr()
    result = json.loads(out)
    assert (result["files"], result["verified"], result["not_verified"]) == (48, 48, [])
    assert "licence: Open Database License 1.0" in said and "size: 2.44 GB" in said
    assert main(words) == 0
    assert "48 verified against digests of their publisher" in capsys.readouterr().out
    assert main(["data", "check", str(tmp_path / "out"), "--corpus", "cremad"]) == 0


def test_the_command_fetches_one_part(site, tmp_path, monkeypatch, online, capsys):
    source = publish_ravdess(site, make_ravdess(tmp_path / "RAVDESS", (1, 15)))
    monkeypatch.setattr(get_worker, "WORKER", worker(site, source))
    words = ["data", "get", "ravdess", str(tmp_path / "out"), "--part", "song"]
    assert main([*words, "--accept-licence", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verified"] == 2
    assert not list((tmp_path / "out").glob("Video_Speech*"))


def test_nothing_is_fetched_before_the_licence_is_accepted(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(get_worker, "WORKER", ["/must/not/run"])
    assert main(["data", "get", "ravdess", str(tmp_path / "out"), "--json"]) == 2
    out, said = capsys.readouterr()
    about = json.loads(out)
    assert about["licence"] == "CC BY-NC-SA 4.0" and about["accepted"] is False
    assert "give --accept-licence" in said and not (tmp_path / "out").exists()
    assert main(["data", "get", "gavid", str(tmp_path / "out")]) == 2
    assert "gavid can't be downloaded with this command" in capsys.readouterr().err


def test_an_address_that_is_not_public_is_not_reached(site, tree, tmp_path, monkeypatch, online):
    source = publish_cremad(site, tree)
    monkeypatch.setattr(get_worker, "WORKER", worker(site, source, allowed=False))
    with pytest.raises(TransferError, match="isn't on the open internet"):
        get_in_worker("cremad", tmp_path / "out", lambda done, total: None)
    assert site.asked == []


def test_a_redirect_to_another_place_on_this_machine_is_not_followed(
    site, tree, tmp_path, monkeypatch, online
):
    source = publish_cremad(site, tree)
    with serving() as inner:
        inner.put("/x", b"secret")
        site.moved = dict.fromkeys(site.moved, inner.url + "/x")
        monkeypatch.setattr(get_worker, "WORKER", worker(site, source))
        with pytest.raises(TransferError, match="isn't on the open internet"):
            get_in_worker("cremad", tmp_path / "out", lambda done, total: None)
        assert site.asked and inner.asked == []


def test_killed_in_the_middle_of_a_file_it_goes_on_from_there(
    site, tree, tmp_path, monkeypatch, online
):
    source, out = publish_cremad(site, tree), tmp_path / "out"
    monkeypatch.setattr(get_worker, "WORKER", worker(site, source))
    site.posts = {path: holding(site, answer) for path, answer in site.posts.items()}
    process = subprocess.Popen(
        worker(site, source), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    process.stdin.write(json.dumps({"name": "cremad", "dest": str(out)}) + "\n")
    process.stdin.flush()
    assert site.held.wait(PATIENCE_S)  # half of a file was sent, and no more comes
    wait_for(lambda: [p for p in out.rglob("*.flv.part") if p.stat().st_size])
    os.kill(process.pid, signal.SIGKILL)
    process.wait(PATIENCE_S)
    process.stdin.close()
    parts = {p.name: p.stat().st_size for p in out.rglob("*.flv.part")}
    half = next(out.rglob("*.flv.part"))
    half.with_name(f"{half.name}.json.0123abcd.part").write_text("{")  # killed while it noted
    site.hold.set()
    site.hold = None
    site.asked.clear()
    result = get_in_worker("cremad", out, lambda done, total: None)
    assert result["verified"] == 48
    begun = {f"bytes={size}-" for size in parts.values() if size}
    assert begun and begun <= set(site.ranges_asked)
    assert not list(out.rglob("*.part*")) and (out / RECORD).exists()


def holding(site: Site, answer):
    """From the first question for media on, answers stop in the middle."""

    def hold(body: dict):
        if not site.held.is_set():
            site.hold = threading.Event()
        return answer(body)

    return hold


def wait_for(state) -> None:
    turn = threading.Event()
    for _ in range(PATIENCE_S * 50):
        if state():
            return
        turn.wait(0.02)
    raise AssertionError("it did not come to that")


def test_it_ends_when_its_parent_does(site, tree, tmp_path):
    source = publish_cremad(site, tree)
    site.posts = {path: holding(site, answer) for path, answer in site.posts.items()}
    process = subprocess.Popen(
        worker(site, source), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    process.stdin.write(json.dumps({"name": "cremad", "dest": str(tmp_path / "out")}) + "\n")
    process.stdin.flush()
    assert site.held.wait(PATIENCE_S) and process.poll() is None
    process.stdin.close()  # as when the parent is killed
    assert process.wait(PATIENCE_S) == 1


def test_a_worker_that_says_nothing_is_a_sentence(tmp_path, monkeypatch, online):
    monkeypatch.setattr(get_worker, "WORKER", [sys.executable, "-c", "input()"])
    with pytest.raises(TransferError, match="stopped without a message; run the same command"):
        get_in_worker("cremad", tmp_path, lambda done, total: None)


def test_a_place_that_cannot_be_written_is_a_sentence(site, tree, tmp_path, monkeypatch, online):
    (tmp_path / "file").write_text("x")
    monkeypatch.setattr(get_worker, "WORKER", worker(site, publish_cremad(site, tree)))
    with pytest.raises(TransferError, match="can't be written"):
        get_in_worker("cremad", tmp_path / "file" / "out", lambda done, total: None)


def test_the_network_can_be_forbidden(tmp_path):
    with pytest.raises(TransferError, match="EMO_OFFLINE is set"):
        get_in_worker("cremad", tmp_path, lambda done, total: None)


def test_lines_of_progress_are_few_and_the_last_one_is_among_them():
    said: list[dict] = []
    show = throttled(said.append)
    for done in range(1001):
        show(done, 1000)
    assert len(said) < 100 and said[-1] == {"done": 1000, "total": 1000}


def test_a_stop_key_reaches_the_command_alone(monkeypatch, online, tmp_path):
    code = (
        "import json, os, sys; sys.stdin.readline(); "
        "print(json.dumps({'result': {'own': os.getsid(0) == os.getpid()}}))"
    )
    monkeypatch.setattr(get_worker, "WORKER", [sys.executable, "-c", code])
    assert get_in_worker("cremad", tmp_path, lambda done, total: None) == {"own": True}
