"""Nothing that visitors gave outlives the page, by whatever road it came and however it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from demo import temp_files
from tests.support.serving import PATIENCE_S, served

ROOT = Path(__file__).parents[2]

FORM = (
    b'--x\r\nContent-Disposition: form-data; name="video"; filename="clip.mp4"\r\n'
    b"Content-Type: video/mp4\r\n\r\n%s\r\n--x--\r\n" % (b"a visitor" * 1000)
)


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.name != "app.log"}


def test_the_screen_recorder_of_gradio_is_not_offered(tmp_path):
    with served(tmp_path) as (url, _):
        before = files(tmp_path)
        sent = {"Content-Type": "multipart/form-data; boundary=x"}
        with pytest.raises(HTTPError) as refused:
            urlopen(Request(f"{url}/gradio_api/process_recording", FORM, sent), timeout=PATIENCE_S)
        assert refused.value.code == 404 and files(tmp_path) <= before
        refused.value.close()
        with urlopen(f"{url}/config", timeout=PATIENCE_S) as answer:
            assert b'"footer_links":["api"]' in answer.read().replace(b": ", b":")


@pytest.fixture
def heard_again():
    """Under `nohup` the suite and all that it starts would ignore a closed terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminals that close")
def test_a_closed_terminal_leaves_nothing(tmp_path, heard_again):
    with served(tmp_path) as (_, process):
        assert list(tmp_path.glob("emo-*"))
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGHUP)  # from the shell and from the system
        process.wait(PATIENCE_S)
        assert not list(tmp_path.glob("emo-*"))


KILLED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from demo import temp_files
with temp_files.own_folder() as folder:
    (folder / "clip.mp4").write_bytes(b"a visitor")
    os._exit(9)
"""


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no locks of this kind")
def test_what_a_killed_page_left_goes_at_the_next_start_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(temp_files, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "emo-other").mkdir()  # of something else: it has no lock
    with temp_files.own_folder() as running:
        (running / "clip.mp4").write_bytes(b"a visitor")
        subprocess.run(
            [sys.executable, "-c", KILLED, str(ROOT)],
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        assert len(list(tmp_path.glob("emo-*/files/clip.mp4"))) == 2
        with temp_files.own_folder() as folder:
            left = list(tmp_path.glob("emo-*/files/clip.mp4"))
            assert left == [running / "clip.mp4"] and folder.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["emo-other"]
