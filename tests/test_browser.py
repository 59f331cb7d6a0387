"""The real app in a real browser: a clip is answered, a broken file is explained."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import gradio_client
import pytest
import torch

from emo_core.checkpoint import Checkpoint, save_checkpoint, shipped_checkpoints
from emo_core.defaults import DEFAULT_MODEL
from emo_core.models.group import POCKET, Group
from emo_core.sample import SampleConfig
from emo_core.tasks import SingleLabel

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[1]
PATIENCE_S = 120  # other work may be going on beside the test
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
         "--disable-component-update", "--no-first-run", "--disable-default-apps")  # fmt: skip


def model_for(folder: Path) -> str:
    """The shipped checkpoint where there is one, else weights that were never trained."""
    if DEFAULT_MODEL in shipped_checkpoints():
        return DEFAULT_MODEL
    torch.manual_seed(0)
    untrained = Checkpoint(
        "untrained", Group(POCKET), "group", POCKET, SampleConfig(), SingleLabel()
    )
    save_checkpoint(folder / "untrained", untrained, "# untrained\n")
    return str(folder / "untrained")


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as response:
            return response.status == 200
    except (URLError, ConnectionError, TimeoutError):
        return False


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The app as `make demo` starts it, on a free port. Gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("app")
    settings = {**os.environ, "EMO_MODEL": model_for(folder), "GRADIO_SERVER_PORT": str(port)}
    settings |= {"GRADIO_SERVER_NAME": "127.0.0.1", "TMPDIR": str(folder)}
    url = f"http://127.0.0.1:{port}"
    with (folder / "app.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "demo" / "app.py")], cwd=folder, env=settings,
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not answers(url):
            assert process.poll() is None, (folder / "app.log").read_text()
            assert time.monotonic() < deadline, "the app did not start"
            time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(30)
    assert not list(folder.glob("emo-*")), "clips were left behind"


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    with api.sync_playwright() as player:
        program = player.chromium.launch(executable_path=chromium, args=list(QUIET))
        yield program
        program.close()


@pytest.fixture
def page(browser, app):
    """The page, loaded, with a record of every address it asked for."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(1000 * PATIENCE_S)
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(app)
    page.get_by_text("No clip yet").wait_for()
    yield page
    page.close()


def upload(page, path: Path, tab: str = "video") -> None:
    page.locator(f"#{tab} input[type=file]").first.set_input_files(str(path))


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A clip of one window, one of three, a sound and a broken file."""
    sys.path.insert(0, str(ROOT / "tests"))
    from test_demo import write_clip

    folder = tmp_path_factory.mktemp("clips")
    broken = folder / "broken.mp4"
    broken.write_bytes(b"this was never a film " * 50)
    return {
        "short": write_clip(folder / "short.mp4", 2.0),
        "long": write_clip(folder / "long.mp4", 11.0),
        "sound": write_clip(folder / "voice.wav", 2.0, picture=False),
        "broken": broken,
    }


def test_clip_is_answered_and_nothing_leaves_the_computer(page, app, clips):
    upload(page, clips["long"])
    answer = page.locator("#answer .bars")
    answer.wait_for()
    text = page.locator("#answer").inner_text()
    for word in ("long.mp4", "Positive", "Neutral", "Negative", "%"):
        assert word in text
    page.get_by_text("Frames used").wait_for()
    assert page.locator(".frames img").count() == 16
    plots = page.locator(".js-plotly-plot .main-svg").first
    plots.wait_for()
    heights = [box.bounding_box()["height"] for box in page.locator(".js-plotly-plot").all()]
    assert len(heights) == 2 and min(heights) > 250, "a figure has collapsed"
    assert page.get_by_role("heading", name="Over time").is_visible()
    assert not page.locator(".toast-body.error:visible").count()
    outside = [url for url in page.asked if not url.startswith((app, "data:", "blob:"))]
    assert outside == []


def test_short_clip_has_no_timeline_and_fits_a_phone(page, clips):
    page.set_viewport_size({"width": 390, "height": 844})
    upload(page, clips["short"])
    page.locator("#answer .bars").wait_for()
    page.get_by_text("Frames used").wait_for()
    assert not page.get_by_role("heading", name="Over time").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_sound_alone_is_answered(page, clips):
    page.get_by_role("tab", name="Sound or other").click()
    upload(page, clips["sound"], "file")
    page.locator("#answer .bars").wait_for()
    assert "no picture" in page.locator("#answer").inner_text()


def test_program_gets_the_same_answer_as_json(app, clips):
    client = gradio_client.Client(app, verbose=False, download_files=False)
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/predict"]
    document = client.predict(gradio_client.handle_file(str(clips["short"])), api_name="/predict")
    assert document["schema_version"] == 1 and document["errors"] == []
    (result,) = document["results"]
    assert result["clip"] == "short.mp4" and len(result["frame_times_s"]) >= 3
    assert sum(result["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    document = client.predict(gradio_client.handle_file(str(clips["broken"])), api_name="/predict")
    assert document["results"] == [] and document["errors"][0]["clip"] == "broken.mp4"
    client.close()


def test_files_of_the_server_are_out_of_reach(app):
    own = {"path": str(ROOT / "pyproject.toml"), "meta": {"_type": "gradio.FileData"}}
    asked = Request(
        f"{app}/gradio_api/call/predict", json.dumps({"data": [own]}).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    with urlopen(asked, timeout=PATIENCE_S) as response:
        event = json.load(response)["event_id"]
    with urlopen(f"{app}/gradio_api/call/predict/{event}", timeout=PATIENCE_S) as response:
        said = response.read().decode()
    assert said.startswith("event: error") and "requires-python" not in said


def test_broken_file_is_explained_in_the_page(page, clips):
    upload(page, clips["broken"])
    page.locator("#answer .trouble").wait_for()
    text = page.locator("#answer").inner_text()
    assert "No answer" in text and "broken.mp4" in text and "Traceback" not in text
    assert not page.locator(".toast-body.error:visible").count()
