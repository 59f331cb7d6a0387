"""What the served page's doors say to requests that no browser makes."""

import http.server
import json
import threading
from contextlib import ExitStack
from importlib import import_module
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import gradio as gr
import httpx
import pytest

from demo.doors import fetching
from tests.demo.doors.test_connections import said_to
from tests.demo.test_leftovers import files
from tests.support.serving import PATIENCE_S, served
from tests.support.siege import Visitor


@pytest.fixture(scope="module")
def stranger():
    """A server of this computer that plays one of the open internet: its address, its visits."""
    visits = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802  # the name that http.server calls
            visits.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"fetched")

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/clip.mp4", visits
    server.shutdown(), server.server_close()


EVERYONE_IS_PUBLIC = """
import safehttpx
from gradio import processing_utils
safehttpx.is_public_ip = processing_utils.is_public_ip = lambda ip: True
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the page's files are."""
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def page(folder):
    """The page, where every address counts as public: its address, and gradio's events."""
    with (
        served(folder, EVERYONE_IS_PUBLIC) as (url, _),
        urlopen(f"{url}/config", timeout=PATIENCE_S) as response,
    ):
        yield url, json.load(response)["dependencies"]


def post(url: str, body: dict) -> tuple[int, str]:
    asked = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urlopen(asked, timeout=PATIENCE_S) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_no_event_and_no_endpoint_fetches(page, stranger):
    url, events = page
    address, visits = stranger
    file = {"path": address, "url": address, "meta": {"_type": "gradio.FileData"}}
    roads = [f"{url}/gradio_api/queue/join", f"{url}/gradio_api/run/predict"]
    asked = 0
    for event in events:
        number, inputs = event["id"], event["inputs"]
        for place in range(len(inputs)):
            for given in (file, [file], {"video": file, "subtitles": file}):
                data = [None] * len(inputs)
                data[place] = given
                body = {"data": data, "fn_index": number, "session_hash": "abc"}
                named = f"{url}/gradio_api/call/{event['api_name']}"
                for road in (*roads, *([named] if given is file else ())):
                    status, said = post(road, body)
                    asked += 1
                    assert status == 403 and "fetches nothing" in said, (road, number, said)
    for name in ("predict", "explain"):
        status, said = post(f"{url}/gradio_api/call/v2/{name}", {"clip": file})
        assert status == 403, said
    assert asked > 200 and visits == []


def test_no_route_passes_an_address_through(page, stranger):
    url, _ = page
    address, visits = stranger
    for road in ("file=", "file/", "proxy=", "file%3D", "file=%20", "stream/"):
        for method in ("GET", "HEAD"):
            try:
                with urlopen(
                    Request(f"{url}/gradio_api/{road}{address}", method=method), timeout=PATIENCE_S
                ) as response:
                    assert response.status >= 400
            except HTTPError as error:
                with error:
                    assert error.code in (403, 404), road
    assert visits == []


def test_behind_the_gate_the_roads_are_gone_as_well(stranger, monkeypatch):
    address, visits = stranger
    for module, name in fetching.ROADS:
        place = import_module(module)
        monkeypatch.setattr(place, name, getattr(place, name))  # put back at the end
    fetching.close_roads()
    for module, name in fetching.ROADS:
        with pytest.raises(gr.Error, match="fetches nothing"):
            getattr(import_module(module), name)(address, "/tmp")
    assert visits == []


ODD = [None, True, -1, 99, 2**63, 1.5, "", "x", "0", "x" * 5000, [], [[]], [None] * 50, {}]
FIELDS = ("data", "fn_index", "session_hash", "trigger_id", "event_data", "event_id", "batched")


def odd_bodies(events: int) -> list[dict]:
    """Bodies of which one field is odd or missing, and events with odd values."""
    usual = {"data": [], "fn_index": 0, "session_hash": "ab1", "trigger_id": None}
    found = [{**usual, field: value} for field in FIELDS for value in ODD]
    found += [{name: it for name, it in usual.items() if name != field} for field in usual]
    for number in range(events + 1):
        values = ([], [None] * 2, [{}] * 3, ["x"] * 4, [5], ["x", "y"], [7, "x", "x"])
        found += [{**usual, "data": list(it), "fn_index": number} for it in values]
    return found


def test_no_body_makes_the_page_fail(page, folder):
    """Every road that takes JSON: never a 5xx, a cut connection or a traceback in the log."""
    url, events = page
    with httpx.Client(base_url=url, timeout=PATIENCE_S) as http:
        bodies = odd_bodies(len(events))
        roads = ("queue/join", "run/predict", "run/x", "call/predict", "call/v2/predict", "cancel")
        for road in (*roads, "reset"):
            for body in bodies:
                sent = http.post(f"/gradio_api/{road}", json=body)
                assert sent.status_code < 500, (road, body, sent.text)
                assert sent.status_code == 200 or len(sent.text) < 2000, "not short"
                assert "x" * 400 not in sent.text, "what was sent came back"
        for session in ("unknown", "", "x" * 5000, "%00"):
            with http.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as lines:
                assert lines.status_code < 500 and "not" in lines.read().decode().lower()
    said = (folder / "app.log").read_text()
    assert "Traceback" not in said, said[:3000]


FORM = (
    b'--x\r\nContent-Disposition: form-data; name="video"; filename="clip.mp4"\r\n'
    b"Content-Type: video/mp4\r\n\r\n%s\r\n--x--\r\n" % (b"a visitor" * 1000)
)


def test_the_screen_recorder_of_gradio_is_not_offered(page, folder):
    url, before = page[0], files(folder)
    sent = {"Content-Type": "multipart/form-data; boundary=x"}
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(f"{url}/gradio_api/process_recording", FORM, sent), timeout=PATIENCE_S)
    assert refused.value.code == 404 and files(folder) <= before
    refused.value.close()
    with urlopen(f"{url}/config", timeout=PATIENCE_S) as answer:
        assert b'"footer_links":["api"]' in answer.read().replace(b": ", b":")


def test_thirty_visitors_of_one_address_are_all_answered(page):
    """Six connections each, as browsers have, held open; a further class is told why not."""
    url = page[0]
    with ExitStack() as stack:
        port = int(url.rsplit(":", 1)[1])
        kept = b"GET /gradio_api/heartbeat/ab%d HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for number in range(180):
            said_to(stack, port, kept % number)
        clip = b"no film"
        for _ in range(3):
            visitor = Visitor(url, "127.0.0.1")
            assert visitor.ask(clip)["errors"], "an answer, if only that this is no clip"
            visitor.leave()
        for number in range(180, 320):
            said_to(stack, port, kept % number)
        refused = httpx.get(f"{url}/config", timeout=PATIENCE_S)
        assert refused.status_code == 503 and "300 connections" in refused.json()["detail"]
        other = Visitor(url, "127.0.0.2")
        assert other.ask(clip)["errors"]
        other.leave()
