"""Every route of the gradio that is installed is known: open, or closed on purpose."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from demo.doors.routes import API, is_open

ROOT = Path(__file__).parents[3]

CLOSED = {  # of gradio's own, each for its reason
    "/openapi.json": "a description for programs that nobody asked for",
    f"{API}/openapi.json": "the same",
    "/monitoring": "who asked what, for whoever has the key, which it prints",
    "/monitoring/summary": "the same",
    "/monitoring/{key}": "the same",
    f"{API}/api/{{api_name}}": "the page itself says /run",
    f"{API}/dev/reload": "for developing",
    f"{API}/deep_link": "writes a visitor's state to disk, unbounded",
    f"{API}/proxy={{url_path:path}}": "asks another machine",
    f"{API}/file/{{path:path}}": "a second door to files",
    f"{API}/process_recording": "keeps what it gets for ever",
    f"{API}/component_server": "runs methods of components; none of ours has one",
    f"{API}/custom_component/{{id}}/{{environment}}/{{type}}/{{file_name}}": "there is none",
    f"{API}/stream/{{event_id}}": "nothing is streamed",
    f"{API}/stream/{{event_id}}/close": "nothing is streamed",
    f"{API}/stream/{{session_hash}}/{{run}}/{{component_id}}/playlist.m3u8": "the same",
    f"{API}/stream/{{session_hash}}/{{run}}/{{component_id}}/{{segment_id}}.{{ext}}": "the same",
    f"{API}/stream/{{session_hash}}/{{run}}/{{component_id}}/playlist-file": "the same",
    f"{API}/vibe-edit": "rewrites the page's own program",
    f"{API}/undo-vibe-edit": "the same",
    f"{API}/vibe-code": "the same",
    f"{API}/vibe-starter-queries": "the same",
    f"{API}/runs": "no history is kept",
    f"{API}/user": "there are no accounts",
    f"{API}/token": "the same",
    f"{API}/login_check": "the same",
    "/login": "the same",
    "/logout": "the same",
    f"{API}/app_id": "for reloading while developing",
    "/pwa_icon": "there is no icon of ours",
    "/pwa_icon/{size}": "the same, and any size of picture",
}


ROUTES = """
import json, sys
from gradio.routes import App
from demo.app import build_demo

def walk(router):
    for route in router.routes:
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        if getattr(route, "path", None):
            yield route.path.rstrip("/") or "/", sorted(getattr(route, "methods", None) or ["GET"])
        if inner is not None and hasattr(inner, "routes"):
            yield from walk(inner)

demo = build_demo()
demo.run_history = False
print(json.dumps(list(walk(App.create_app(demo)))))
"""


@pytest.fixture(scope="module")
def known():
    """(path, methods …) of every route; in a process of its own: gradio leaves loops open."""
    done = subprocess.run([sys.executable, "-c", ROUTES], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {(path, *methods) for path, methods in json.loads(done.stdout)}


def test_a_route_that_a_new_gradio_brings_is_noticed(known):
    assert len(known) > 50
    fill = {"path:path": "a", "path_or_url:path": "/a.mp4"}
    opened = set()
    for path, *methods in known:
        filled = path
        for name in [part.split("}")[0] for part in path.split("{")[1:]]:
            filled = filled.replace("{" + name + "}", fill.get(name, "a"))
        if any(is_open(method, filled, tools=False) for method in methods):
            opened.add(path)
    paths = {path for path, *_ in known}
    assert paths - opened == set(CLOSED), "name the new one in CLOSED, or open it on purpose"
    assert not opened & set(CLOSED)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/"),
        ("PUT", "/config"),
        ("DELETE", "/gradio_api/upload"),
        ("GET", "/static/ffmpeg/ffmpeg-core.wasm"),
        ("GET", "/gradio_api/heartbeat/" + "x" * 65),
        ("GET", "/gradio_api/mcp"),
        ("GET", "/assets/"),
        ("GET", "//config"),
        ("GET", "/config\n"),
        ("OPTIONS", "/gradio_api/queue/join"),
        ("TRACE", "/"),
    ],
)
def test_what_is_not_named_is_closed(method, path):
    assert not is_open(method, path, tools=False)


def test_tools_have_their_road_only_where_they_are_switched_on():
    assert is_open("POST", "/gradio_api/mcp/", tools=True) and is_open("HEAD", "/", tools=False)
