"""A real page holds while one address attacks it: the honest visitor beside it is the measure.

Localhost only; every attack ends by itself or when told to. Run with -m slow -s to see the table.
"""

import struct
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from socket import create_connection

import psutil
import pytest

from tests.support.predictions import write_people_clip
from tests.support.serving import PATIENCE_S, served
from tests.support.siege import ATTACKER, MARGIN_S, Attack, Siege, Visitor

SLOW = Path(__file__).parents[3] / "shared" / "cases" / "page" / "4k_skip_frames_1200.mp4"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def siege(tmp_path_factory, request):
    """A page with the limits it ships with, warm; prints the table of all attacks at the end."""
    home = tmp_path_factory.mktemp("home")
    clip = write_people_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 2.0).read_bytes()
    shipped = {"EMO_JOBS_A_MINUTE": "30", "EMO_JOBS_OF_ADDRESS": "240"}
    shipped |= {"EMO_REQUESTS_A_SECOND": "30"}
    with served(home, **shipped) as (url, process):
        siege = Siege(url, psutil.Process(process.pid), home, clip)
        visitor = Visitor(url)
        visitor.ask(clip)  # the model is loaded, and every library warm
        visitor.leave()
        yield siege
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\n{siege.table()}")


def flood_with_first_answers(siege: Siege, stop: threading.Event) -> str:
    """Sessions without end, each with jobs of fresh clips, nothing of which is waited for."""
    taken = refused = 0
    while not stop.is_set() and taken + refused < 2000:
        visitor = Visitor(siege.url, ATTACKER, heartbeat=False)
        clip = visitor.upload(siege.fresh())
        for _ in range(8):
            if clip and visitor.join("predict", clip=clip).is_success:
                taken += 1
            else:
                refused += 1
        visitor.leave()
    return f"{taken} jobs taken, {refused} refused"


def upload_without_end(siege: Siege, stop: threading.Event) -> str:
    """Files of 40 MB that no visit claims, whole ones and cut ones."""
    visitor, taken, refused = Visitor(siege.url, ATTACKER, heartbeat=False), 0, 0

    def cut():
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        yield bytes(1 << 20)
        raise ConnectionAbortedError

    while not stop.is_set() and taken + refused < 60:
        sent = visitor.http.post("/gradio_api/upload", files={"files": ("a.mp4", bytes(40 << 20))})
        taken, refused = taken + sent.is_success, refused + (sent.status_code == 413)
        with suppress(ConnectionAbortedError):
            form = {"content-type": "multipart/form-data; boundary=x"}
            visitor.http.post("/gradio_api/upload", content=cut(), headers=form)
    visitor.leave()
    return f"{taken} of 40 MB taken, {refused} refused; {siege.disk()} MB on disk"


def ask_for_addresses(siege: Siege, stop: threading.Event) -> str:
    """Files by their address, in every form, and bodies of 20 MB."""
    visitor, statuses = Visitor(siege.url, ATTACKER, heartbeat=False), set()
    file = {"path": "http://192.0.2.1/never.mp4", "meta": {"_type": "gradio.FileData"}}
    large = b'{"data": ["' + b"x" * (20 << 20) + b'"]}'
    for _ in range(400):
        if stop.is_set():
            break
        body = {"data": [file, True], "fn_index": 1, "session_hash": visitor.session}
        statuses.add(visitor.http.post("/gradio_api/queue/join", json=body).status_code)
        statuses.add(visitor.http.get(f"/gradio_api/file={file['path']}").status_code)
        statuses.add(visitor.http.post("/gradio_api/queue/join", content=large).status_code)
    visitor.leave()
    return f"statuses {sorted(statuses)}"


def give_slow_films(siege: Siege, stop: threading.Event) -> str:
    """Films of 4096 × 2304 whose frames take 56 bytes and 5 ms each, from ever new sessions."""
    asked = answered = refused = 0
    while not stop.is_set() and asked < 40:
        visitor = Visitor(siege.url, ATTACKER)
        asked += 1
        clip = visitor.upload(SLOW.read_bytes() + str(asked).encode())
        joined = clip and visitor.join("predict", clip=clip)
        if joined and joined.is_success and asked % 4 == 0:  # of the others nothing is waited for
            kind, data = visitor.wait("predict", joined.json()["event_id"])
            answered += kind == "complete" and data[0]["errors"] == []
            refused += kind != "complete" or data[0]["errors"] != []
        visitor.leave()
    return f"{asked} asked, {answered} answered, {refused} refused of those waited for"


def explain_without_end(siege: Siege, stop: threading.Event) -> str:
    """Thorough explanations with their checks, four in each of ever new sessions."""
    taken = refused = 0
    visitors = []
    while not stop.is_set() and taken + refused < 400:
        visitors.append(visitor := Visitor(siege.url, ATTACKER, heartbeat=False))
        clip = visitor.upload(siege.fresh())
        thorough = {"method": "integrated_gradients", "preset": "thorough", "checks": True}
        for _ in range(4):
            if clip and visitor.join("explain", clip=clip, **thorough).is_success:
                taken += 1
            else:
                refused += 1
    for visitor in visitors:
        visitor.leave()
    return f"{taken} joined, {refused} refused at the door"


def ask_far_too_often(siege: Siege, stop: threading.Event) -> str:
    """One session that asks as fast as it can, far beyond what it may."""
    visitor, asked, statuses = Visitor(siege.url, ATTACKER, heartbeat=False), 0, set()
    clip = visitor.upload(siege.fresh())
    while not stop.is_set() and asked < 3000:
        statuses.add(visitor.join("predict", clip=clip).status_code)
        asked += 1
    visitor.leave()
    return f"{asked} asked, statuses {sorted(statuses)}"


def keep_much_in_memory(siege: Siege, stop: threading.Event) -> str:
    """Ever new sessions that stay, each with three clips and a map of its own."""
    visitors, taken, refused = [], 0, 0
    while not stop.is_set() and len(visitors) < 100:
        visitors.append(visitor := Visitor(siege.url, ATTACKER, heartbeat=False))
        for name, more in (("predict", {}), ("predict", {}), ("explain", {"preset": "fast"})):
            clip = visitor.upload(siege.fresh())
            if clip and visitor.join(name, clip=clip, **more).is_success:
                taken += 1
            else:
                refused += 1
    for visitor in visitors:
        visitor.leave()
    return f"{taken} jobs of {len(visitors)} sessions taken, {refused} refused"


def come_as_another(siege: Siege, stop: threading.Event) -> str:
    """Other names of the page, other pages' origins, addresses that are not the sender's."""
    visitor, statuses = Visitor(siege.url, ATTACKER, heartbeat=False), Counter()
    body = {"data": [], "fn_index": 0, "session_hash": visitor.session}
    for number in range(2000):
        if stop.is_set():
            break
        for headers in (
            {"host": "rebound.example"},
            {"origin": "http://elsewhere.example"},
            {"x-forwarded-for": f"10.0.0.{number % 250}"},
        ):
            sent = visitor.http.post("/gradio_api/queue/join", json=body, headers=headers)
            statuses[sent.status_code] += 1
    visitor.leave()
    return f"statuses {dict(statuses)}"


def hold_connections(siege: Siege, stop: threading.Event) -> str:
    """Four hundred connections with a head that never ends."""
    host, _, port = siege.url.removeprefix("http://").rpartition(":")
    held = [create_connection((host, int(port)), 30, (ATTACKER, 0)) for _ in range(400)]
    for each in held:
        with suppress(OSError):
            each.sendall(b"GET / HTTP/1.1\r\n")
    stop.wait(PATIENCE_S)
    refused = 0
    for each in held:
        each.setblocking(False)
        with suppress(OSError):
            refused += b" 503 " in each.recv(100)
        each.close()
    return f"{len(held) - refused} held, {refused} refused"


def ask_for_what_is_closed(siege: Siege, stop: threading.Event) -> str:
    """Routes of gradio's that are closed, files of the server, events and values that are none."""
    visitor, statuses = Visitor(siege.url, ATTACKER, heartbeat=False), Counter()
    closed = ("monitoring", "openapi.json", "gradio_api/file=/etc/passwd", "gradio_api/deep_link")
    wrong = (
        {"data": [], "fn_index": 10**6},
        {"data": [1, 2, 3]},
        {"data": "x" * 200_000, "fn_index": 0},
        {"data": [{"path": "/etc/passwd"}, True], "fn_index": 0},
    )
    for _ in range(1000):
        if stop.is_set():
            break
        for route in closed:
            statuses[visitor.http.get(f"/{route}").status_code] += 1
        for body in wrong:
            body = {**body, "session_hash": visitor.session}
            statuses[visitor.http.post("/gradio_api/queue/join", json=body).status_code] += 1
    visitor.leave()
    return f"statuses {dict(statuses)}"


def ask_without_consent(siege: Siege, stop: threading.Event) -> str:
    """Clips whose people have not agreed, and sound of 4 MB whose header says two seconds."""
    visitor, said = Visitor(siege.url, ATTACKER, heartbeat=False), Counter()
    for number in range(60):
        if stop.is_set():
            break
        agreed = number % 2 == 1
        content = long_wav(number) if agreed else siege.fresh()
        name = "clip.wav" if agreed else "clip.mp4"
        clip = visitor.upload(content, name)
        if not clip:  # no room for more of this address
            said["refused at the upload"] += 1
            continue
        joined = visitor.join("predict", clip=clip, everyone_agreed=agreed)
        if not joined.is_success:  # no room for more of this visit
            said["refused at the door"] += 1
            continue
        kind, data = visitor.wait("predict", joined.json()["event_id"])
        answered = kind == "complete" and not data[0]["errors"]
        said["answered" if answered else "refused"] += 1
    visitor.leave()
    return ", ".join(f"{count} {word}" for word, count in said.items())


def long_wav(number: int) -> bytes:
    """Sound of 4 MB behind a header that announces 32 KB of it."""
    sound = struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", 32000)
    whole = struct.pack("<4sI4s", b"RIFF", len(sound) + 32004, b"WAVE") + sound
    return whole + number.to_bytes(4, "big") * (1 << 20)


ATTACKS = [
    pytest.param(
        Attack("films of 4K that cost 5 ms a frame of 56 bytes", give_slow_films, settle_s=3.0),
        marks=pytest.mark.skipif(not SLOW.is_file(), reason="the page's cases are not here"),
    ),
    Attack("thorough explanations with checks, without end", explain_without_end, settle_s=3.0),
    Attack("one session asks far too often", ask_far_too_often),
    Attack("clips without consent, sound longer than its header", ask_without_consent),
    Attack("addresses to fetch, bodies of 20 MB", ask_for_addresses),
    Attack("sessions that stay, with clips and maps in memory", keep_much_in_memory, settle_s=3.0),
    Attack("other names, origins and senders", come_as_another),
    Attack("400 connections held open", hold_connections),
    Attack("closed routes, files of the server, wrong values", ask_for_what_is_closed),
    Attack("first answers from ever new sessions, nothing waited for", flood_with_first_answers),
    Attack("uploads without end, whole and cut", upload_without_end),  # last: it fills the address
]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_the_honest_visitor_waits_at_most_twice_as_long(siege, attack):
    without, during = siege.withstand(attack)
    assert during <= 2 * without + MARGIN_S
