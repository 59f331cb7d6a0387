"""No road of gradio's reaches an address: not by any event, endpoint or route of the page."""

import http.server
import json
import threading
from importlib import import_module
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import gradio as gr
import pytest

from demo.doors import fetching
from tests.support.serving import PATIENCE_S, served


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
def page(tmp_path_factory):
    """The page, where every address counts as public: its address, and gradio's events."""
    with (
        served(tmp_path_factory.mktemp("page"), EVERYONE_IS_PUBLIC) as (url, _),
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
