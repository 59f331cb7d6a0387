"""Hostile links: each is refused before a connection is made, also behind a redirect."""

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from emo_core.io import download
from emo_core.io.download import DownloadError, DownloadLimits, fetch
from emo_core.io.network_guard import is_public
from emo_core.messages import from_plain

ROOT = Path(__file__).parents[2]


@contextmanager
def server(answer):
    """A site on this machine that notes every connection made to it. Gives (port, connections)."""
    connections = []

    class Site(BaseHTTPRequestHandler):
        def setup(self) -> None:
            connections.append(self.client_address)
            super().setup()

        def do_GET(self) -> None:
            answer(self)

        do_HEAD = do_GET

        def log_message(self, *_) -> None: ...

    made = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    try:
        yield made.server_port, connections
    finally:
        made.shutdown()
        made.server_close()
        thread.join()


def a_film(site: BaseHTTPRequestHandler) -> None:
    site.send_response(200)
    site.send_header("Content-Type", "video/mp4")
    site.end_headers()
    site.wfile.write(bytes(1000))


HOSTILE = [
    "http://127.0.0.1:{port}/x.mp4",
    "https://127.0.0.1:{port}/x.mp4",
    "http://localhost:{port}/x",
    "http://2130706433:{port}/x.mp4",
    "http://0x7f000001:{port}/x.mp4",
    "http://0177.0.0.1:{port}/",
    "http://127.1:{port}/x",
    "http://0:{port}/x",
    "http://[::1]:{port}/x.mp4",
    "http://[::ffff:127.0.0.1]:{port}/x.mp4",
    "http://[::ffff:7f00:1]:{port}/x",
    "http://10.0.0.1/x",
    "http://[64:ff9b::7f00:1]:{port}/",
    "https://192.168.0.1/x.mp4",
    "https://169.254.169.254/latest",
    "https://archive.org@127.0.0.1:{port}/x",
    "https://archive.org:{port}/x",
    "file:///etc/passwd",
    "https://127.0.0.1.nip.io:{port}/",
    "ftp://127.0.0.1:{port}/x",
    "//127.0.0.1:{port}/x",
    "https://www.youtube.com/playlist?list=PLabc",
    "https://www.youtube.com/@someone/live",
    "ytsearch:cats",
]


@pytest.mark.parametrize("url", HOSTILE)
def test_hostile_links_are_refused_before_a_connection_is_made(url, tmp_path):
    """By the real worker in its own process, where an address passes the door at all."""
    with server(a_film) as (port, connections), pytest.raises(DownloadError) as caught:
        fetch(url.format(port=port), tmp_path / "clip.mp4", limits=DownloadLimits(wall_s=300))
    text = str(caught.value)
    assert text.endswith(".") and "\n" not in text
    assert connections == [] and not list(tmp_path.iterdir())


def ask_worker(url: str, folder: Path, but: set[tuple[str, int]]) -> dict:
    """The worker with every extractor, kept to public addresses and `but`."""
    code = (
        "from emo_core.io import download\n"
        "download.EXTRACTORS = ['generic']\n"
        "download.refusal = lambda info, limits: None\n"
        "made = download.options\n"
        "download.options = lambda *told: {**made(*told), 'format': 'b'}\n"
        f"download.worker_main(frozenset({but!r}))"
    )
    job = {"url": url, "folder": str(folder), "start_s": None, "end_s": None}
    job["limits"] = asdict(DownloadLimits(wall_s=300))
    worker = [sys.executable, "-c", code]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(worker, cwd=ROOT, **pipes) as process:  # its input stays open meanwhile
        print(json.dumps(job), file=process.stdin, flush=True)
        answer = json.loads(process.stdout.read().splitlines()[-1])
    return {name: from_plain(said) for name, said in answer.items()}


def test_a_redirect_to_this_machine_is_not_followed(tmp_path):
    with server(a_film) as (inner, reached):

        def moved(site: BaseHTTPRequestHandler) -> None:
            site.send_response(302)
            site.send_header("Location", f"http://127.0.0.1:{inner}/x.mp4")
            site.end_headers()

        with server(moved) as (outer, asked):
            answer = ask_worker(f"http://127.0.0.1:{outer}/x.mp4", tmp_path, {("127.0.0.1", outer)})
    assert asked and reached == []
    assert "isn't on the open internet" in answer["error"] and not list(tmp_path.iterdir())


def test_a_manifest_that_names_this_machine_is_not_followed(tmp_path):
    with server(a_film) as (inner, reached):

        def manifest(site: BaseHTTPRequestHandler) -> None:
            site.send_response(200)
            site.send_header("Content-Type", "application/vnd.apple.mpegurl")
            site.end_headers()
            lines = [
                "#EXTM3U",
                "#EXT-X-TARGETDURATION:5",
                "#EXTINF:5,",
                f"http://127.0.0.1:{inner}/x.ts",
                "#EXT-X-ENDLIST",
                "",
            ]
            site.wfile.write("\n".join(lines).encode())

        with server(manifest) as (outer, asked):
            url = f"http://127.0.0.1:{outer}/x.m3u8"
            answer = ask_worker(url, tmp_path, {("127.0.0.1", outer)})
    assert asked and reached == [] and "isn't on the open internet" in answer["error"]


def test_what_may_be_reached_is_reached(tmp_path):
    """Without this, a worker that fails at everything would pass all of the above."""
    with server(a_film) as (port, connections):
        answer = ask_worker(f"http://127.0.0.1:{port}/x.mp4", tmp_path, {("127.0.0.1", port)})
    assert answer == {"file": "clip.mp4"} and connections


@pytest.mark.parametrize(
    "line,refused",
    [
        ("subprocess.run(['ffmpeg', '-i', 'http://127.0.0.1/x'])", True),
        ("os.system('true')", True),
        ("subprocess.run(['true', 'file:/tmp/x'])", False),
        ("socket.create_connection(('127.0.0.1', 9))", True),
        ("socket.socket(socket.AF_UNIX).connect('/run/x.sock')", True),
        ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('10.0.0.1', 9))", True),
        ("socket.socket().connect(('localhost', 9))", True),
        ("socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('10.0.0.1', 9))", True),
        ("one, two = socket.socketpair(); one.sendmsg([b'x'])", False),
        ("os.posix_spawn('/bin/true', ['true'], {})", True),
    ],
)
def test_a_watched_process_reaches_nothing_private(line, refused):
    code = "import os, socket, subprocess\nfrom emo_core.io import network_guard\n"
    code += f"network_guard.only_public()\n{line}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert ("ReachError" in done.stderr) == refused, done.stderr


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("64:ff9b::808:808", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b:1::808:808", False),  # NAT64 of one's own network
        ("::ffff:0:8.8.8.8", False),  # translated
        ("::ffff:8.8.8.8", False),  # mapped: no such address is on a wire
        ("fec0::1", False),  # site-local
        ("2606:4700::5efe:7f00:1", False),  # ISATAP
        ("2606:4700::200:5efe:10.0.0.1", False),
        ("2606:4700::5efe:8.8.8.8", True),
        ("3fff::1", False),
        ("3fff:fff:ffff::1", False),
        ("5f00::1", False),
        ("4000::1", False),  # not handed out
        ("2002:7f00:1::", False),  # 6to4
        ("2001:0:7f00:1::", False),  # Teredo
        ("2001:db8::1", False),
        ("100::1", False),
        ("192.88.99.1", False),
        ("198.18.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("192.0.0.1", False),
        ("::127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("localhost", False),
        ("", False),
        ("255.255.255.255", False),
        ("2001:0:7f00:1::", False),
    ],
)
def test_public_means_on_the_open_internet(host, public):
    assert is_public(host) == public


def test_proxies_of_the_machine_are_let_through(monkeypatch):
    from emo_core.io.network_guard import proxies

    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert proxies() == frozenset()
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:3128")
    assert proxies() == {("127.0.0.1", 3128)}
    assert download.WORKER[1] == "-P"  # no module of the folder it is started in
