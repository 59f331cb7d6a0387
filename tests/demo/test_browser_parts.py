"""Parts of the page in a real browser: camera, guesses, what is taken along, weight."""

import json
import re
import signal
import zipfile
from urllib.request import Request, urlopen

import cv2
import numpy as np
import pytest

from demo.i18n import tables
from emo_core.cli.main import main as emo
from tests.support.browser import open_browser
from tests.support.predictions import write_people_clip
from tests.support.serving import PATIENCE_S, served

pytestmark = pytest.mark.browser
SCHOOL = "https://school.example"
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
MB = 1_000_000


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The app, which a school's pages may show in theirs."""
    folder = tmp_path_factory.mktemp("app")
    with served(folder, EMO_FRAMED_BY=f"'self' {SCHOOL}") as (url, _):
        yield url


@pytest.fixture(scope="module")
def browser():
    with open_browser(*CAMERA) as program:
        yield program


@pytest.fixture
def visit(browser, app):
    """Opens the page at an address, explained, in a context of its own; more: of the context."""
    opened = []

    def go(query: str = "", heading: str = "Map of", **more):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, **more)
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE_S)
        page.goto(f"{app}/{query}")
        page.locator("#player .player-of", has_text=heading).wait_for()
        return page

    yield go
    for context in opened:
        context.close()


def agree(page) -> None:
    page.get_by_text("One thing first").wait_for()
    page.locator("#consent input").check()


def heading(page) -> str:
    return page.locator("#player .player-of").inner_text()


FINDING = "?clip=heard_positive&method=shapley&label=neutral&t=2.0"


def test_a_copied_link_opens_exactly_what_was_shown(visit, app):
    page = visit(FINDING, permissions=["clipboard-read", "clipboard-write"])
    shown = heading(page)
    assert "Neutral" in shown and "Shapley" in shown
    page.wait_for_function("document.querySelector('#player video').currentTime === 2")
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Copied.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"{app}/?clip=heard_positive&method=shapley")
    again = visit(copied.removeprefix(f"{app}/"))
    assert heading(again) == shown
    again.wait_for_function("document.querySelector('#player video').currentTime === 2")
    assert again.locator("#method input").input_value() == "Shapley sampling"


def test_a_closer_look_has_an_address_too(visit, app):
    page = visit("?clip=both_positive", permissions=["clipboard-read", "clipboard-write"])
    page.locator("#preset").wait_for()
    page.locator("#explain").click()
    page.locator("#player .player-of", has_text="Standard").wait_for()
    shown = heading(page)
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Copied.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    again = visit(copied.removeprefix(f"{app}/"), "Standard")
    assert heading(again) == shown


def test_the_code_to_embed_names_this_page_and_the_headers_stay(visit, app):
    page = visit(FINDING, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy embed code").click()
    page.get_by_text("Copied.").wait_for()
    code = page.evaluate("navigator.clipboard.readText()")
    assert re.match(rf'<iframe src="{app}/\?clip=heard_positive&amp;method=shapley', code)
    with urlopen(app, timeout=PATIENCE_S) as answer:
        rules = answer.headers["Content-Security-Policy"]
    assert f"frame-ancestors 'self' {SCHOOL};" in rules and "frame-src 'none'" in rules


def test_an_own_clip_has_neither_link_nor_code(visit, tmp_path):
    page = visit()
    clip = write_people_clip(tmp_path / "mine.mp4", 2.0)
    page.locator("#entry input[type=file]").set_input_files(str(clip))
    agree(page)
    page.locator("#answer .kicker", has_text="mine.mp4").wait_for()
    page.locator("#player .player-of", has_text="Map of").wait_for()
    assert page.get_by_role("button", name="Picture for slides").is_visible()
    assert not page.get_by_role("button", name="Copy link").is_visible()
    assert not page.get_by_role("button", name="Copy embed code").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_for_slides_is_wide_and_holds_clip_words_and_track(visit, tmp_path, scheme):
    page = visit(f"{FINDING}&__theme={scheme}", color_scheme=scheme)
    page.wait_for_function("document.querySelector('#player video').readyState >= 2")
    with page.expect_download() as got:
        page.get_by_role("button", name="Picture for slides").click()
    got.value.save_as(tmp_path / "slide.png")
    assert got.value.suggested_filename == "heard_positive.mp4.png"
    image = cv2.imread(str(tmp_path / "slide.png"))
    assert image.shape[1] == 1920 and 900 < image.shape[0] < 1600
    paper = image[2, 2]
    assert (paper.mean() > 200) == (scheme == "light")
    drawn = (np.abs(image.astype(int) - paper).max(2) > 60).mean(1)  # share of each line of pixels
    parts = (drawn[40:110], drawn[400:700], drawn[-300:])  # title, clip, track
    assert all(part.max() > 0.02 for part in parts)


PLAYER = "const player = document.querySelector('#player [role=group]').parentElement.emoPlayer;"


def test_the_picture_for_slides_has_room_for_many_words(visit):
    page = visit(FINDING)
    last = page.evaluate(
        f"""() => {{ {PLAYER}
          player.show.title = "A day with everybody at the lake ".repeat(4);
          player.show.map.heading = "face 12: +0.25, face 14: -0.21, ".repeat(20);
          const drawn = slideOf(player);
          return [...drawn.getContext("2d").getImageData(2, drawn.height - 2, 1, 1).data];
        }}"""
    )
    assert last[3] == 255, "paper down to the last line"


def test_tags_are_of_the_frame_s_own_window_and_the_strongest_is_on_top(visit):
    page = visit(FINDING)
    tags = page.evaluate(
        f"""() => {{ {PLAYER}
          const box = [0.4, 0.4, 0.6, 0.6], values = {{ 1: [0.5, "+0.5"], 3: [-0.2, "-0.2"] }};
          player.show.faces = [{{ time_s: 1.1, boxes: [box, box, box], people: [1, 2, 3] }}];
          player.show.map.people = [
            {{ start_s: 0, end_s: 1, values: {{ 2: [0.9, "+0.9"] }} }},
            {{ start_s: 1, end_s: 2, values }},
          ];
          const drawn = [], pen = new OffscreenCanvas(300, 200).getContext("2d");
          pen.fillText = (text) => drawn.push(text);
          player.drawFacesOn(pen, 0.95, 0, 0, 300, 200);
          return drawn;
        }}"""
    )
    assert tags == ["2", "3  -0.2", "1  +0.5"]


def test_the_other_language_opens_in_a_tab_of_its_own_where_asked_to(visit):
    page = visit()
    with page.context.expect_page() as opened:
        page.locator(".languages").get_by_role("link", name="Deutsch").click(modifiers=["Control"])
    assert "lang=de" in opened.value.url and "lang=" not in page.url


def test_a_shared_address_shows_a_drawn_clip_and_the_page_s_own_words(app):
    asked = Request(f"{app}/?clip=heard_positive", headers={"Accept-Language": "de"})
    with urlopen(asked, timeout=PATIENCE_S) as answer:
        page = answer.read().decode()
    tags = dict(re.findall(r'<meta property="(og:[\w:]+)" content="([^"]*)">', page))
    assert tags["og:title"] == "emo · Nur der Ton verrät es"
    assert "Lachen" in tags["og:description"] and tags["og:url"] == f"{app}/?clip=heard_positive"
    assert 'content="Gradio"' not in page and "githubusercontent" not in page
    assert tags["og:image"] == f"{app}/preview/heard_positive.jpg"
    with urlopen(tags["og:image"], timeout=PATIENCE_S) as answer:
        image = cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (630, 1200, 3) and image.std() > 20
    with urlopen(f"{app}/favicon.ico", timeout=PATIENCE_S) as answer:
        assert b"#3b3f9e" in answer.read()


def test_the_camera_counts_down_and_ends_by_itself(visit):
    page = visit()
    page.get_by_role("button", name="Record with the camera").click()
    page.get_by_role("button", name="Record", exact=True).click()
    page.locator(".camera-told.counting", has_text=re.compile("[123]")).wait_for()
    page.get_by_text(re.compile(r"Recording: \d s left")).wait_for()
    agree(page)  # nobody pressed Finish
    page.locator("#answer .kicker", has_text="camera.").wait_for()
    lasted = page.locator(".player-track").get_attribute("aria-valuemax")
    assert 9 < float(lasted) < 12
    assert page.locator("#entry .camera video").count() == 0, "the camera is off"


def test_a_page_over_http_says_why_it_gets_no_camera(browser, app):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(app)
        page.get_by_role("button", name="Record with the camera").wait_for()
        page.evaluate("""() => {
          Object.defineProperty(window, 'isSecureContext', { value: false });
          Object.defineProperty(navigator, 'mediaDevices', { value: undefined });
        }""")
        page.get_by_role("button", name="Record with the camera").click()
        page.get_by_text("over https, and this page came over http").wait_for()


FEW_PICTURES = """
const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 480 });
const pen = canvas.getContext('2d'), stream = canvas.captureStream(0);
const [track] = stream.getVideoTracks();
track.getSettings = () => ({ frameRate: 25 });
navigator.mediaDevices.getUserMedia = async () => stream;
window.shoot = async (n) => {
  pen.fillStyle = `rgb(${n * 17} 9 9)`;
  pen.fillRect(0, 0, 640, 480);
  track.requestFrame();
  await new Promise((done) => { setTimeout(() => requestAnimationFrame(done), 120); });
};
"""


FINISH = '[...document.querySelectorAll("button")].find((it) => it.textContent === "Finish")'
SECONDS_PASSED = "!finish() || /Recording: [0-8] s/.test(document.body.innerText)"  # or all


@pytest.mark.parametrize(
    ("pictures", "said", "is_sent"),
    [
        (3, r"in \d+ s, too few to read", False),
        (24, "Pictures are missing: the camera delivered", True),
    ],
)
def test_lost_pictures_are_told_and_of_three_nothing_is_sent(visit, pictures, said, is_sent):
    page, sent = visit(), []
    page.on("request", lambda request: sent.append(request) if "/upload" in request.url else None)
    page.evaluate(FEW_PICTURES)
    page.get_by_role("button", name="Record with the camera").click()
    page.get_by_role("button", name="Record", exact=True).click()
    page.get_by_text(re.compile(r"Recording: \d s left")).wait_for()
    for number in range(pictures):
        page.evaluate(f"shoot({number + 1})")
    page.evaluate(f"window.finish = () => {FINISH}")
    page.wait_for_function(SECONDS_PASSED)
    page.evaluate("finish()?.click()")
    page.get_by_text(re.compile(said)).wait_for()
    if is_sent:
        page.get_by_text("One thing first").wait_for()
        assert page.get_by_text(re.compile(said)).is_visible(), "beside the clip"
    assert bool(sent) == is_sent


def test_a_cut_line_is_told_and_the_page_goes_on_when_it_is_back(visit):
    page = visit()
    page.context.set_offline(True)
    page.locator(".entry-card[data-example=heard_positive]").click()
    page.get_by_text("You are offline.").wait_for()
    page.get_by_role("button", name="Pause").click()  # what needs no line works
    page.context.set_offline(False)
    page.get_by_text("You are offline.").wait_for(state="hidden")
    page.locator(".entry-card[data-example=heard_positive]").click()
    page.locator("#answer .kicker", has_text="heard_positive.mp4").wait_for()


def test_a_server_that_is_gone_is_told_where_its_answer_is_awaited(browser, tmp_path):
    page = browser.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    never = "from demo import service\nimport time\n"
    never += "service.open_case = lambda *_, **__: time.sleep(3600)"
    with served(tmp_path, before=never) as (url, process):
        page.goto(url)
        page.locator("#answer .busy").wait_for()
        page.locator(".entry-card").first.wait_for()
        process.kill()
        gone = tables()["en"]["entry_gone"]
        page.locator("#answer", has_text=gone).wait_for()
        page.locator(".entry-state.trouble", has_text=gone).wait_for()
        page.locator(".entry-card").first.click()  # clears it
        page.locator(".entry-state.trouble", has_text=gone).wait_for()
    page.close()


@pytest.mark.slow  # a minute of waiting
def test_a_server_that_hangs_is_told(browser, tmp_path):
    page = browser.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    with served(tmp_path) as (url, process):
        page.goto(url)
        page.locator("#player .player-of", has_text="Map of").wait_for()
        process.send_signal(signal.SIGSTOP)
        try:
            page.locator(".entry-card").nth(1).click()
            told = page.locator(".entry-state.trouble", has_text=tables()["en"]["entry_gone"])
            told.wait_for()
        finally:
            process.send_signal(signal.SIGCONT)
        page.get_by_text(tables()["en"]["entry_back"]).wait_for()
    page.close()


def test_a_session_of_guesses_is_a_corpus(visit, tmp_path, capsys):
    page = visit("?clip=both_positive")
    for clip, right, wrong in (
        ("both_positive", "Positive", "Neutral"),
        ("seen_negative", "Negative", "Positive"),
    ):
        page.locator(f".entry-card[data-example={clip}]").click()
        page.locator("#answer .kicker", has_text=f"{clip}.mp4").wait_for()
        box = page.locator("#guesses details")
        if not box.evaluate("box => box.open"):
            box.locator("summary").click()
        for rater, label in (("Ada", right), ("Bo, 7b", wrong), ("Cem", right), ("Ada", right)):
            box.locator("input").fill(rater)
            box.get_by_role("button", name=re.compile(rf"^{label}")).click()
        assert "Guesses for this clip: 3." in box.locator(".guess-told").inner_text()
    box.get_by_role("button", name="Hide the answer").click()
    page.locator("#answer .kicker").wait_for(state="hidden")
    box.get_by_role("button", name="Show the answer").click()
    page.locator("#answer .kicker").wait_for()
    with page.expect_download() as got:
        box.get_by_role("button", name="Take the session along").click()
    got.value.save_as(tmp_path / "session.zip")
    with zipfile.ZipFile(tmp_path / "session.zip") as files:
        assert files.testzip() is None
        files.extractall(tmp_path / "corpus")
    assert emo(["data", "check", str(tmp_path / "corpus"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["problems"] == [] and report["undecodable"] == []
    counts = [part["labels"] for part in report["splits"].values()]
    assert sum(part.get("positive", 0) + part.get("negative", 0) for part in counts) == 2
    assert any("by 3 raters" in note for note in report["notes"]), report["notes"]


CLIPS = re.compile(r"\.(mp4|webm)$")  # themselves and their films are no weight of the page's


def test_the_page_weighs_a_megabyte_and_two_with_an_answer_and_its_map(browser, app):
    page = browser.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    names, sizes = {}, []
    wire.on(
        "Network.responseReceived",
        lambda it: names.update({it["requestId"]: it["response"]["url"]}),
    )
    wire.on(
        "Network.loadingFinished",
        lambda it: sizes.append((it["encodedDataLength"], names.get(it["requestId"], ""))),
    )

    def sent() -> int:
        return sum(size for size, url in sizes if not CLIPS.search(url))

    page.goto(app)
    page.locator(".entry-card").first.wait_for()  # where a clip can be given
    before = sent()
    page.locator("#player .player-of", has_text="Map of").wait_for()
    page.locator("#preset").wait_for()
    page.evaluate("new Promise((done) => requestIdleCallback(done))")
    after = sent()
    print(f"{before / MB:.2f} MB before the first clip, {after / MB:.2f} MB after its map")
    page.close()
    assert 0.1 * MB < before <= 1 * MB and after <= 2 * MB
