"""The door to the network: addresses, the exact options, caps that hold. No network is needed."""

import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
import yt_dlp

from emo_core.io import download
from emo_core.io.download import (
    DownloadError,
    DownloadLimits,
    check_url,
    fetch,
    options,
    refusal,
    work,
)
from tests.conftest import ROOT

GOOD = "https://commons.wikimedia.org/wiki/File:Laughter.webm"
FINE = {"duration": 12.0, "filesize": 10**6}


@pytest.mark.parametrize(
    "url",
    [
        GOOD,
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        "https://youtu.be/dQw4w9WgXcQ",
        "https://vimeo.com/76979871",
        "https://archive.org/details/a_film",
        "HTTPS://WWW.YouTube.com:443/watch?v=x",
    ],
)
def test_allowed_addresses_pass_unchanged(url):
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cats",
        "ytsearch:cats",
        "ytsearch1:cats",
        "file:///etc/passwd",
        "ftp://archive.org/x",
        "http://archive.org/details/x",
        "//archive.org/details/x",
        "data:video/mp4;base64,AAAA",
        "javascript:alert(1)",
        "https://",
        "https:///x",
        "https://example.com/x.mp4",
        "https://archive.org@127.0.0.1/x",
        "https://user:word@archive.org/x",
        "https://@archive.org/x",
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://0/x",
        "https://2130706433/x",
        "https://0x7f000001/x",
        "https://0177.0.0.1/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://[::ffff:7f00:1]/x",
        "https://[::1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://archive.org./x",
        "https://archive.org:8080/x",
        "https://archive.org:99999/x",
        "https://archive.org:x/",
        "https://archive.org.evil.com/x",
        "https://evilarchive.org/x",
        "https://xn--youtue-tta.com/x",
        "https://youtubé.com/x",
        "https://www。youtube。com/x",
        "https://archive.org\\@127.0.0.1/x",
        "https://archive.org/x\r\nHost: a",
        "https://archive.org/x y",
        " https://archive.org/x",
        "https://archive.org%2f@127.0.0.1/",
        "https://archive.org/\x00",
        "https://youtube-nocookie.com/embed/x",
    ],
)
def test_other_addresses_are_refused_before_anything_sees_them(url, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "WORKER", ["/must/not/run"])
    with pytest.raises(DownloadError) as caught:
        fetch(url, tmp_path / "clip.mp4")
    text = str(caught.value)
    assert text.endswith(".") and "\n" not in text and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/playlist?list=PLabc",
        "https://www.youtube.com/@someone",
        "https://www.youtube.com/results?search_query=cats",
        "https://vimeo.com/channels/staffpicks",
        "https://commons.wikimedia.org/wiki/Category:Cats",
        "https://archive.org/search?query=x",
        "ytsearch:cats",
        "cats",
        "file:///etc/passwd",
        "https://127.0.0.1/x.mp4",
    ],
)
def test_ytdlp_itself_refuses_lists_and_searches_without_the_network(url, tmp_path):
    answer = work(job(url, tmp_path))
    assert "not the page of one video" in answer["error"] and not list(tmp_path.iterdir())


def job(url: str, folder: Path, start_s=None, end_s=None, **limits) -> dict:
    return {
        "url": url,
        "folder": str(folder),
        "start_s": start_s,
        "end_s": end_s,
        "limits": asdict(DownloadLimits(**limits)),
    }


def test_ytdlp_is_told_exactly_this(tmp_path):
    told = options(job(GOOD, tmp_path, 3.0, 8.0), yt_dlp, print)
    accept, log = told.pop("match_filter"), told.pop("logger")
    assert told == {
        "allowed_extractors": ["youtube", "vimeo", "archive.org", "wikimedia.org"],
        "noplaylist": True,
        "playlist_items": "1",
        "default_search": "error",
        "format": "bv*[height<=480][ext=mp4]+ba[ext=m4a]/b[height<=480]/bv*[height<=480]+ba",
        "merge_output_format": "mp4",
        "max_filesize": 60 * 2**20,
        "socket_timeout": 10,
        "retries": 2,
        "fragment_retries": 2,
        "extractor_retries": 1,
        "concurrent_fragment_downloads": 1,
        "external_downloader": {"default": "native"},
        "hls_prefer_native": True,
        "paths": {"home": str(tmp_path), "temp": str(tmp_path)},
        "outtmpl": {"default": "clip.%(ext)s"},
        "restrictfilenames": True,
        "cachedir": False,
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "progress_hooks": [print],
    }
    assert accept(FINE, incomplete=False) is None and accept({"duration": 9e3}) is not None
    assert log.name == "emo_core.io.download"
    assert "download_ranges" not in told, "ffmpeg would fetch the part by itself, unwatched"


@pytest.mark.parametrize(
    "info,words",
    [
        ({"duration": None}, "duration is unknown"),
        ({"duration": 601}, "601 s"),
        ({"is_live": True}, "live"),
        ({"live_status": "is_upcoming"}, "live"),
        ({"filesize": 61 * 2**20}, "61 MB"),
        ({"_type": "playlist"}, "list"),
        ({"filesize": None, "filesize_approx": 99 * 2**20}, "99 MB"),
        ({}, None),
    ],
)
def test_a_probe_refuses_what_is_too_long_too_large_live_or_unknown(info, words):
    reason = refusal({**FINE, **info}, asdict(DownloadLimits()))
    assert reason is None if words is None else words in reason


class FakeSite:
    """Stands in for yt-dlp: notes what it is asked, and writes what it is told to."""

    def __init__(self, info: dict | None, then=lambda folder, hook: None) -> None:
        self.info, self.then, self.asked = info, then, []

    def __call__(self, told: dict) -> "FakeSite":
        self.told = told
        return self

    def __enter__(self) -> "FakeSite":
        return self

    def __exit__(self, *_) -> None: ...

    def extract_info(self, url: str, download: bool) -> dict | None:
        self.asked.append(download)
        if download:
            self.then(Path(self.told["paths"]["home"]), self.told["progress_hooks"][0])
        return self.info


def test_the_worker_probes_first_and_names_the_file(tmp_path, monkeypatch):
    site = FakeSite(FINE, lambda folder, hook: (folder / "clip.mp4").write_bytes(b"x"))
    monkeypatch.setattr(yt_dlp, "YoutubeDL", site)
    assert work(job(GOOD, tmp_path)) == {"file": "clip.mp4"} and site.asked == [False, True]


@pytest.mark.parametrize("info", [None, {"duration": 601.0}, {"_type": "playlist", "entries": []}])
def test_what_the_probe_refuses_is_never_downloaded(tmp_path, monkeypatch, info):
    site = FakeSite(info)
    monkeypatch.setattr(yt_dlp, "YoutubeDL", site)
    assert GOOD in work(job(GOOD, tmp_path))["error"] and site.asked == [False]


@pytest.mark.parametrize(
    "then,words",
    [
        (lambda folder, hook: hook({"downloaded_bytes": 61 * 2**20}), "larger or slower"),
        (lambda folder, hook: None, "left no clip"),
        (lambda folder, hook: (folder / "clip.mp4.part").write_bytes(b"x"), "left no clip"),
        (lambda folder, hook: (folder / "clip.mp4").write_bytes(bytes(3 * 2**20)), "larger"),
    ],
)
def test_the_worker_ends_in_a_sentence_where_no_clip_within_the_cap_comes(
    tmp_path, monkeypatch, then, words
):
    monkeypatch.setattr(yt_dlp, "YoutubeDL", FakeSite(FINE, then))
    small = 2 if words == "larger" else 60
    assert words in work(job(GOOD, tmp_path, megabytes=small))["error"]


def test_the_hook_stops_a_slow_download(tmp_path, monkeypatch):
    site = FakeSite(FINE, lambda folder, hook: (time.sleep(0.05), hook({"downloaded_bytes": 1})))
    monkeypatch.setattr(yt_dlp, "YoutubeDL", site)
    assert "larger or slower" in work(job(GOOD, tmp_path, wall_s=0.01))["error"]


@pytest.mark.parametrize(
    "cause,words",
    [
        (yt_dlp.utils.GeoRestrictedError("x"), "isn't shown in this country"),
        (yt_dlp.utils.UserNotLive(), "live stream"),
        (yt_dlp.utils.UnsupportedError(GOOD), "no video is known"),
        (yt_dlp.utils.ExtractorError("Private video.\nmore", expected=True), "Private video"),
    ],
)
def test_what_ytdlp_raises_becomes_one_sentence(tmp_path, monkeypatch, cause, words):
    def fail(folder, hook):
        raise yt_dlp.utils.DownloadError("ERROR: x", (type(cause), cause, None))

    monkeypatch.setattr(yt_dlp, "YoutubeDL", FakeSite(FINE, fail))
    text = work(job(GOOD, tmp_path))["error"]
    assert words in text and "\n" not in text and text.endswith(".")


def test_without_ytdlp_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yt_dlp", None)
    assert "pip install yt-dlp" in work(job(GOOD, tmp_path))["error"]


def fake_worker(monkeypatch, body: str) -> None:
    """A worker process that does what `body` says; `folder` is where it may write."""
    head = (
        "import json, sys, time, subprocess\n"
        "job = json.loads(sys.stdin.readline())\nfolder = job['folder']\n"
    )
    monkeypatch.setattr(
        download, "WORKER", [sys.executable, "-S", "-c", head + textwrap.dedent(body)]
    )


def test_a_fetched_clip_is_the_only_thing_left(tmp_path, monkeypatch):
    fake_worker(
        monkeypatch,
        """
        open(folder + "/clip.mp4", "wb").write(b"clip")
        open(folder + "/rest.part", "wb").write(b"rest")
        print("noise")
        print(json.dumps({"file": "clip.mp4"}))
        """,
    )
    out = tmp_path / "deep" / "a.mp4"
    assert fetch(GOOD, out, 1.0, 3.0) == out and out.read_bytes() == b"clip"
    assert list(out.parent.iterdir()) == [out]


GROWS = """
    with open(folder + "/clip.mp4.part", "wb") as file:
        while True:
            file.write(bytes(2**20)); file.flush(); time.sleep(0.005)
    """


@pytest.mark.parametrize(
    "body,limits,words",
    [
        (GROWS, DownloadLimits(megabytes=4), "larger than 4 MB"),
        ("time.sleep(600)", DownloadLimits(wall_s=0.5), "longer than 0 s"),
        ("pass", DownloadLimits(), "without a message"),
        ("sys.exit(3)", DownloadLimits(), "without a message"),
        ('print(json.dumps({"error": "no such clip."}))', DownloadLimits(), "no such clip"),
    ],
    ids=["grows", "sleeps", "mute", "dies", "says"],
)
def test_a_breach_ends_the_download_and_leaves_nothing(tmp_path, monkeypatch, body, limits, words):
    fake_worker(monkeypatch, body)
    started = time.monotonic()
    with pytest.raises(DownloadError, match=words):
        fetch(GOOD, tmp_path / "a.mp4", limits=limits)
    assert time.monotonic() - started < 300 and not list(tmp_path.iterdir())


def test_what_the_worker_started_ends_with_it(tmp_path, monkeypatch):
    """As ffmpeg would: a grandchild that goes on writing after its parent was stopped."""
    beat = tmp_path / "beat"
    child = f"import time\nwhile True:\n    open({str(beat)!r}, 'a').write('x'); time.sleep(0.02)"
    start = f"subprocess.Popen([sys.executable, '-S', '-c', {child!r}])\nimport os, time\n"
    wait = f"while not os.path.exists({str(beat)!r}): time.sleep(0.02)\n"
    fake_worker(monkeypatch, start + wait + textwrap.dedent(GROWS))
    with pytest.raises(DownloadError, match="larger than 4 MB"):
        fetch(GOOD, tmp_path / "out" / "a.mp4", limits=DownloadLimits(megabytes=4))
    size = beat.stat().st_size
    time.sleep(0.2)
    assert 0 < size == beat.stat().st_size


PARENT = """
import sys
from pathlib import Path
from emo_core.io import download
download.WORKER = [sys.executable, "-c", {worker!r}]
download.fetch({url!r}, Path("out/a.mp4"))
"""
LONG_WORKER = """
import subprocess, sys, time
from pathlib import Path
from emo_core.io import download
def work(job):
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    Path("pids.part").write_text(f"{os.getpid()} {child.pid}")
    Path("pids.part").rename("pids")
    time.sleep(600)
import os
download.work = work
download.worker_main()
"""


def test_a_killed_parent_takes_its_worker_along(tmp_path):
    """It can't end the download itself; without this the worker lived on for up to 180 s."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(worker=LONG_WORKER, url=GOOD)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    stop = time.monotonic() + 300
    while not (tmp_path / "pids").exists():
        assert parent.poll() is None and time.monotonic() < stop
        time.sleep(0.02)
    workers = [psutil.Process(int(pid)) for pid in (tmp_path / "pids").read_text().split()]
    assert all(worker.is_running() for worker in workers)
    parent.kill()
    parent.wait()
    assert not psutil.wait_procs(workers, timeout=30)[1]


@pytest.mark.parametrize("start_s,end_s", [(0.0, None), (5.0, 5.0), (-1.0, 3.0), (0.0, 21.0)])
def test_impossible_parts_are_refused(tmp_path, start_s, end_s):
    with pytest.raises(DownloadError, match="part from"):
        fetch(GOOD, tmp_path / "a.mp4", start_s, end_s)


def test_the_real_worker_answers_in_its_own_process(tmp_path):
    """An address that passes our door and that yt-dlp refuses offline."""
    with pytest.raises(DownloadError, match="not the page of one video"):
        fetch("https://www.youtube.com/playlist?list=PLabc", tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


class Film(BaseHTTPRequestHandler):
    """A site with one file: endless, with or without a length."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.command)
        self.send_response(200)
        self.send_header("Content-Type", "video/mp4")
        if "long" in self.path:
            self.send_header("Content-Length", str(10**9))
        self.end_headers()
        try:
            while self.command == "GET":
                self.wfile.write(bytes(1 << 16))
        except OSError:
            pass

    do_HEAD = do_GET

    def log_message(self, *_) -> None: ...


@pytest.fixture
def site():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Film)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_file_of_unknown_duration_is_refused_after_the_probe(site, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "EXTRACTORS", ["generic"])
    answer = work(job(f"{site}/short.mp4", tmp_path))
    assert "duration is unknown" in answer["error"] and not list(tmp_path.iterdir())


def made_film(path: Path, seconds: float) -> Path:
    from tests.support.predictions import write_clip

    return write_clip(path, seconds)


def test_without_ffmpeg_a_part_is_refused_in_one_sentence(tmp_path, monkeypatch):
    site = FakeSite(FINE, lambda folder, hook: made_film(folder / "clip.mp4", 1.0))
    monkeypatch.setattr(yt_dlp, "YoutubeDL", site)
    monkeypatch.setattr(download.shutil, "which", lambda _: None)
    assert "ffmpeg, which cuts out a part, isn't" in work(job(GOOD, tmp_path, 0.0, 0.5))["error"]


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg, which cuts parts, is not here")
def test_a_part_is_cut_out_of_what_was_fetched(tmp_path, monkeypatch):
    from emo_core.clip import load_clip

    site = FakeSite(FINE, lambda folder, hook: made_film(folder / "clip.mp4", 6.0))
    monkeypatch.setattr(yt_dlp, "YoutubeDL", site)
    assert work(job(GOOD, tmp_path, 2.0, 4.0)) == {"file": "clip.mp4"}
    clip = load_clip(tmp_path / "clip.mp4")
    assert clip.duration_s == pytest.approx(2.0, abs=0.15) and clip.has_audio
    first = clip.frames([0.05]).mean()  # frame n of the film is as grey as 4 n
    assert abs(first - 4 * 20) < 10
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg, which cuts parts, is not here")
def test_a_part_beyond_the_end_is_said(tmp_path, monkeypatch):
    site = FakeSite(FINE, lambda folder, hook: made_film(folder / "clip.mp4", 1.0))
    monkeypatch.setattr(yt_dlp, "YoutubeDL", site)
    assert "there is nothing from 8 to 9 s" in work(job(GOOD, tmp_path, 8.0, 9.0))["error"]


@pytest.mark.parametrize("name", ["long.mp4", "endless.mp4"])
def test_the_size_cap_holds_with_the_real_downloader(site, tmp_path, monkeypatch, name):
    monkeypatch.setattr(download, "EXTRACTORS", ["generic"])
    monkeypatch.setattr(download, "refusal", lambda info, limits: None)
    answer = work(job(f"{site}/{name}", tmp_path, megabytes=2))
    assert "error" in answer
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 4 * 2**20
