"""The real app in a real browser: a clip is answered, a broken file is explained."""

import json
import re
import struct
import time
from fractions import Fraction
from pathlib import Path
from urllib.request import Request, urlopen

import av
import gradio_client
import pytest

from demo.i18n import tables
from emo_core.inference.predict import predict
from tests.support.predictions import begun_late, write_clip, write_people_clip
from tests.support.serving import PATIENCE_S, patient_client, served

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
FOLDER = pytest.StashKey[Path]()


@pytest.fixture(scope="module")
def app(tmp_path_factory, request):
    """The app as `make demo` starts it, on a free port. Gives its address."""
    folder = request.config.stash[FOLDER] = tmp_path_factory.mktemp("app")
    with served(folder) as (url, _):
        yield url
    assert not list(folder.glob("emo-*")), "clips were left behind"


@pytest.fixture
def page(browser, app):
    """The page, loaded, with a record of every address it asked for."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(1000 * PATIENCE_S)
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(app)
    page.locator("#player .player-of", has_text="Map of").wait_for()  # the first example, explained
    yield page
    page.close()


FREE = struct.pack(">I4s", (51 << 20) + 8, b"free") + bytes(51 << 20)  # a box without meaning


def agree(page) -> None:
    page.locator("#consent input").check()


def upload(page, path: Path) -> None:
    page.locator("#entry input[type=file]").set_input_files(str(path))


def give(page, path: Path) -> None:
    """A clip of one's own, with the tick that is then asked for."""
    upload(page, path)
    page.get_by_text("One thing first").wait_for()
    agree(page)


def choose(page, example: str) -> None:
    page.locator(f".entry-card[data-example={example}]").click()
    page.locator("#answer .kicker", has_text=f"{example}.mp4").wait_for()


def player(page, what: str) -> float:
    return page.evaluate(f"document.querySelector('#player video').{what}")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A clip of one window, one of three, a sound and a broken file."""
    folder = tmp_path_factory.mktemp("clips")
    broken = folder / "broken.mp4"
    broken.write_bytes(b"this was never a film " * 50)
    return {
        "short": write_people_clip(folder / "short.mp4", 2.0),
        "taken": write_people_clip(folder / "taken.mp4", 2.5),
        "leaver": write_people_clip(folder / "leaver.mp4", 3.0),
        "long": write_people_clip(folder / "long.mp4", 11.0),
        "sound": write_clip(folder / "voice.wav", 2.0, picture=False),
        "broken": broken,
    }


def test_the_first_screen_plays_an_explained_example(page):
    assert player(page, "muted") and not player(page, "paused")
    assert "seen_negative.mp4" in page.locator("#answer").inner_text()
    assert page.locator(".entry-card[aria-pressed=true]").count() == 1
    assert page.locator(".player-peak").count() >= 1
    assert not page.locator("#consent").is_visible(), "nobody is asked about a drawing"


def test_clip_is_answered_and_nothing_leaves_the_computer(page, app, clips):
    give(page, clips["long"])
    page.locator("#answer .bars").wait_for()
    text = page.locator("#answer").inner_text()
    for word in ("long.mp4", "Positive", "Neutral", "Negative", "%"):
        assert word in text
    page.locator("#player .player-of", has_text="to 11.0 s").wait_for()  # of every window
    assert page.locator(".player-track").bounding_box()["height"] > 100
    assert not page.locator(".toast-body.error:visible").count()
    outside = [url for url in page.asked if not url.startswith((app, "data:", "blob:"))]
    assert outside == []


def test_without_the_tick_nothing_is_looked_at(page, clips):
    upload(page, clips["short"])
    page.get_by_text("One thing first").wait_for()
    assert (
        not page.locator("#answer .bars").count() and not page.locator("#player video").is_visible()
    )
    agree(page)
    page.locator("#answer .bars").wait_for()


def test_the_tick_taken_away_deletes_the_clip(page, clips, request):
    give(page, clips["taken"])
    page.locator("#answer .bars").wait_for()
    page.locator("#consent input").uncheck()
    page.get_by_text("the clip is deleted").wait_for()
    assert not list(request.config.stash[FOLDER].rglob("taken.mp4"))
    give(page, clips["short"])
    page.locator("#answer .bars").wait_for()


def test_the_page_fits_a_phone(page, clips):
    page.set_viewport_size({"width": 390, "height": 844})
    give(page, clips["short"])
    page.locator("#answer .bars").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 320, "height": 700})  # the narrowest phone
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_tone_alone_is_nobody(page, clips):
    give(page, clips["sound"])
    page.locator("#answer h2", has_text="Nobody to read").wait_for()
    assert "no picture" in page.locator("#answer").inner_text()
    assert "[object" not in page.locator("body").inner_text()
    page.get_by_text("Sound only").wait_for()


def seek(page, action, to: str) -> float:
    """The player's time after an action that moves it `to` (JavaScript) from where it was."""
    before = player(page, "currentTime")
    action()
    page.wait_for_function(f"(t => {to})(document.querySelector('#player video').currentTime)")
    assert player(page, "currentTime") != before
    return player(page, "currentTime")


def test_everything_of_a_clip_is_on_one_clock(page):
    """Peak, click on the track, keys: each moves the player, and the line moves with it."""
    choose(page, "heard_positive")
    page.locator("#player .player-of", has_text="Map of").wait_for()
    page.evaluate("document.querySelector('#player video').pause()")
    peak = page.locator(".player-peak").first
    at_s = float(peak.inner_text().split()[0])
    seek(page, peak.click, f"Math.abs(t - {at_s}) < 0.11")
    track = page.locator(".player-track")
    assert float(track.get_attribute("aria-valuenow")) == pytest.approx(at_s, abs=0.11)
    box = track.bounding_box()
    clicked = seek(
        page, lambda: page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 60), "t > 1.5"
    )
    assert 2.0 < clicked < 3.6, "the click was a little right of the middle of five seconds"
    track.focus()
    seek(page, lambda: page.keyboard.press("ArrowRight"), f"t > {clicked} + 0.05")
    seek(page, lambda: page.keyboard.press("Home"), "t === 0")
    page.keyboard.press(" ")
    page.wait_for_function("!document.querySelector('#player video').paused")


def test_the_line_follows_the_clip_thirty_times_a_second(page):
    drawn, frames, ms = page.evaluate(
        """new Promise((done) => {
        const player = document.querySelector('#player [role=group]').parentElement.emoPlayer;
        const before = player.frames, at = performance.now();
        let frames = 0;
        const next = () => {
          frames += 1;
          const ms = performance.now() - at;
          if (ms > 1500) done([player.frames - before, frames, ms]);
          else requestAnimationFrame(next);
        };
        requestAnimationFrame(next); })"""
    )
    least = min(30 * ms / 1000, 0.5 * frames)  # of what the browser draws in the same time
    assert drawn >= least, "fewer than the browser itself can draw"


def test_the_map_is_checked_and_asked_what_if(page, app):
    choose(page, "synced_negative")
    page.locator("#preset").wait_for()
    assert page.locator("#preset").get_by_text("passes").count() == 3, "costs come before the run"
    page.locator("#explain").click()
    page.locator("#frames-map img").first.wait_for()
    assert "Done in" in page.locator("#explain-status").inner_text()
    page.locator("#player .player-of", has_text="Standard").wait_for()
    page.locator("#preset").get_by_text("Thorough").click()
    page.locator("#player .player.stale").wait_for()  # another question: the map is not its answer
    page.locator("#preset").get_by_text("Standard").click()
    page.locator("#check button, button#check").first.click()
    page.locator("#trust .verdict").wait_for()
    page.locator("button#change").click()
    page.locator("#faders input[type=range]").wait_for()
    page.locator("#faders .fader-guess button").first.click()
    assert "guesses right" in page.locator("#faders .fader-guess").inner_text()
    before = page.locator(".fader-told").inner_text()
    page.locator("#faders .fader-change").nth(2).click()
    assert page.locator(".fader-told").inner_text() != before
    page.locator("#systems button").first.click()
    page.locator("#three .card").nth(2).wait_for()
    page.locator("#about-drawer button").first.click()
    page.locator("#about h3").first.wait_for()
    assert [url for url in page.asked if not url.startswith((app, "data:", "blob:"))] == []


def test_a_link_opens_an_example_at_a_moment(browser, app):
    page = browser.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    page.goto(f"{app}/?clip=both_positive&t=3.5")
    page.locator("#answer .kicker", has_text="both_positive.mp4").wait_for()
    page.wait_for_function(
        "Math.abs(document.querySelector('#player video').currentTime - 3.5) < 0.1"
    )
    page.close()


def test_a_clip_that_the_browser_cannot_play_is_shown_as_film(page, tmp_path):
    """MPEG-2: decoded here, and sent as WebM."""
    path = tmp_path / "old.mpg"
    source = write_people_clip(tmp_path / "new.mp4", 2.0)
    with av.open(str(source)) as given, av.open(str(path), "w", format="mpeg") as out:
        stream = out.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number, frame in enumerate(given.decode(video=0)):
            pixels = frame.reformat(320, 240, "rgb24").to_ndarray()
            image = av.VideoFrame.from_ndarray(pixels, "rgb24")
            image.pts, image.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(image))
        out.mux(stream.encode(None))
    give(page, path)
    page.locator("#answer .bars, #answer h2").first.wait_for()
    page.wait_for_function("document.querySelector('#player video')?.src.endsWith('clip.webm')")
    page.wait_for_function("document.querySelector('#player video').videoWidth > 0")


def test_a_clip_that_begins_late_is_on_the_clock_of_its_map(page, tmp_path):
    """Chromium would show the first frame for 5 s and then go on; the answer knows none of that."""
    source = write_people_clip(tmp_path / "from_zero.mp4", 2.0)
    give(page, begun_late(source, tmp_path / "late.mp4", 5))
    page.locator("#player .player-of", has_text="Map of").wait_for()
    page.wait_for_function("document.querySelector('#player video').src.endsWith('clip.webm')")
    page.wait_for_function("document.querySelector('#player video').readyState > 0")
    assert player(page, "duration") == pytest.approx(2.0, abs=0.15)


STOP_AT_ONCE = """new MutationObserver((_, observer) => {
    const stop = document.querySelector("#cancel");
    if (!stop.disabled) { observer.disconnect(); stop.click(); }
}).observe(document.body, {attributes: true, childList: true, subtree: true})"""


def test_stop_ends_an_explanation(page):
    choose(page, "both_positive")
    page.locator("#player .player-of", has_text="Map of “Positive”").wait_for()  # Stop ends it, too
    page.locator("#preset").wait_for()
    page.locator("#method input").click()
    page.get_by_role("option", name="Shapley sampling").click()
    page.locator("#preset").get_by_text("Thorough").click()
    page.evaluate(
        STOP_AT_ONCE
    )  # a click from here would come after 1.4 s of work on a busy machine
    page.locator("#explain").click()
    page.get_by_text("Stopped, as you asked").wait_for()
    assert not page.locator("#frames-map img").count()


def test_stop_ends_a_first_answer(page, tmp_path):
    """A clip of many windows; the button is there as soon as the answer is said to take long."""
    page.evaluate(STOP_AT_ONCE.replace("#cancel", "#stop-answer").replace("!stop.disabled", "stop"))
    give(page, write_people_clip(tmp_path / "long.mp4", 90.0))
    page.get_by_role("heading", name="Stopped").wait_for()
    page.locator("#stop-answer").wait_for(state="hidden")
    assert not page.locator("#answer .bars").count()


def test_the_page_speaks_german_and_wears_dark(browser, app):
    context = browser.new_context(locale="de-DE", color_scheme="dark")
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    page.goto(f"{app}?__theme=dark")
    page.locator("#player .player-of", has_text="Karte für").wait_for()
    choose(page, "seen_negative")
    page.locator("#answer .bars").wait_for()
    assert "Positiv" in page.locator("#answer").inner_text()
    ink, paper = page.evaluate(
        "(e => [getComputedStyle(e.querySelector('h2')).color,"
        " getComputedStyle(e).backgroundColor])(document.querySelector('#answer .card'))"
    )
    assert brightness(ink) - brightness(paper) > 120
    context.close()


ENGLISH = re.compile(  # words that no German sentence has
    r"\b(the|of|and|is|are|was|were|with|without|for|this|that|from|to|not|it|its|has|have|at|by|on"
    r"|or|you|your|clip's|seconds|picture|sound|frames?|score|raises|lowers|faces|words|drop|click"
    r"|upload|uploading|processing|error|loading|none|window)\b",
    re.IGNORECASE,
)
GRADIOS = {"Upload file", "Capture from camera", "Reset video to initial value"}  # in its code
GERMAN_TOO = {"was", "an", "in", "so", "Clip", "Score"}  # "Was dies nicht ist"
TEXTS = """() => {
  const found = [], seen = (e) => e.checkVisibility?.() ?? true;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const e = node.parentElement;
    if (e.closest("script, style, [lang=en], code, footer") || !seen(e)) continue;
    if (node.data.trim()) found.push(node.data.trim());
  }
  for (const e of document.querySelectorAll("[aria-label], [alt], [title], [placeholder]"))
    if (seen(e) && !e.closest("[lang=en], footer"))
      for (const name of ["aria-label", "alt", "title", "placeholder"])
        if (e.getAttribute(name)?.trim()) found.push(e.getAttribute(name).trim());
  return [...new Set(found)];
}"""


def english_in(page) -> list[str]:
    """Visible texts with an English word in them."""
    return [
        text
        for text in page.evaluate(TEXTS)
        if text not in GRADIOS
        and {word for word in ENGLISH.findall(text) if word.lower() not in GERMAN_TOO}
    ]


def test_no_english_is_left_on_the_german_page(browser, app):
    context = browser.new_context(locale="de-DE", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    page.goto(app)
    page.locator("#player .player-of", has_text="Karte für").wait_for()
    page.locator("#preset").wait_for()
    assert english_in(page) == []
    page.locator("#explain").click()
    page.get_by_text("Die Karte über den Bildern").first.wait_for()
    assert english_in(page) == []
    page.locator("#check button, button#check").first.click()
    page.locator("#trust .verdict").wait_for()
    page.locator("button#change").click()
    page.locator("#faders input[type=range]").wait_for()
    page.locator("#faders .fader-change").nth(2).click()
    page.locator("#guesses summary").click()
    page.locator("#systems button").first.click()
    page.locator("#three .card").nth(2).wait_for()
    page.locator("#about-drawer button").first.click()
    page.locator("#about h3").first.wait_for()
    page.get_by_role("button", name=re.compile("^Der Clip")).click()
    page.locator("table.facts").last.wait_for()
    assert english_in(page) == []
    context.close()


def test_a_language_that_is_chosen_stays(browser, app):
    context = browser.new_context(locale="de-DE")
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    page.goto(app)
    page.locator("#player .player-of", has_text="Karte für").wait_for()
    page.locator(".languages").get_by_role("link", name="English").click()
    page.locator("#player .player-of", has_text="Map of").wait_for()
    assert page.evaluate("document.documentElement.lang") == "en"
    page.goto(app)
    page.locator("#player .player-of", has_text="Map of").wait_for()
    page.get_by_text(tables()["en"]["went_by"]).first.wait_for()
    context.close()


def test_another_language_shows_the_same_example_and_asks_before_a_clip_is_lost(
    browser, app, tmp_path
):
    context = browser.new_context(locale="de-DE")
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    page.goto(f"{app}?clip=seen_negative")
    kicker = page.locator("#answer .kicker", has_text="seen_negative")
    kicker.wait_for()
    page.locator("#player .player-of", has_text="Karte für").wait_for()
    page.locator(".languages").get_by_role("link", name="English").click()
    page.locator("#player .player-of", has_text="Map of").wait_for()
    kicker.wait_for()
    give(page, write_people_clip(tmp_path / "mine.mp4", 1.0))
    mine = page.locator("#answer .kicker", has_text="mine.mp4")
    mine.wait_for()
    asked = []
    page.once("dialog", lambda it: (asked.append(it.message), it.dismiss()))
    page.locator(".languages").get_by_role("link", name="Deutsch").click()
    assert asked == [tables()["de"]["language_ask"]]
    assert mine.is_visible(), "who says no stays"
    context.close()


def brightness(colour: str) -> float:
    return sum(float(part) for part in re.findall(r"[\d.]+", colour)[:3]) / 3


def test_refused_links_say_why_in_the_page(page):
    page.locator("#more-ways button").first.click()
    page.locator("#link input, #link textarea").first.fill("http://127.0.0.1:80/x.mp4")
    page.locator("#fetch").click()
    page.get_by_text("One thing first").wait_for()
    agree(page)
    page.locator("#fetch").click()
    page.locator("#answer .trouble").wait_for()
    text = page.locator("#answer").inner_text()
    assert "refused" in text and "it starts with http" in text


def test_leaving_deletes_the_clip(browser, app, clips, request):
    page = browser.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    page.goto(app)
    page.locator("#player .player-of", has_text="Map of").wait_for()
    give(page, clips["leaver"])
    page.locator("#answer .bars").wait_for()
    folder = request.config.stash[FOLDER]
    assert list(folder.rglob("leaver.mp4"))
    page.close()
    deadline = time.monotonic() + PATIENCE_S
    while list(folder.rglob("leaver.mp4")) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not list(folder.rglob("leaver.mp4"))


def test_program_explains_as_the_library_does(app):
    path = ROOT / "assets" / "examples" / "synced_negative.mp4"
    client = patient_client(app)
    answer = client.predict(
        gradio_client.handle_file(str(path)),
        False,
        "grad_cam",
        "fast",
        "",
        False,
        "",
        api_name="/explain",
    )
    assert answer["schema_version"] == 1 and answer["method"] == "grad_cam"
    assert answer["clip"] == path.name and answer["forward_passes"] > 0
    document = client.predict(gradio_client.handle_file(str(path)), False, api_name="/predict")
    alone = predict(path, "group-staged")  # which answers to drawn examples
    assert document["results"][0]["probabilities"] == alone.probabilities, "bit by bit"
    client.close()


def test_twenty_files_at_once_and_wrong_data_do_no_harm(app, clips):
    client = patient_client(app)
    jobs = [
        client.submit(gradio_client.handle_file(str(clips["short"])), True, api_name="/predict")
        for _ in range(20)
    ]
    said = [str(job.result(timeout=PATIENCE_S)["errors"]) for job in jobs]
    assert said.count("[]") >= 4, "as many of one client may wait"
    assert all("jobs of yours wait already" in it for it in said if it != "[]"), said
    many = [gradio_client.handle_file(str(clips["short"]))] * 20
    with pytest.raises(Exception, match="."):
        client.predict(many, True, api_name="/predict")
    assert client.predict(None, True, api_name="/predict")["errors"]
    client.close()


def test_program_gets_the_same_answer_as_json(app, clips):
    client = patient_client(app)
    named = client.view_api(return_format="dict")["named_endpoints"]
    assert list(named) == ["/predict", "/explain"]
    for endpoint in named.values():
        clip, agreed = endpoint["parameters"][:2]
        assert agreed["parameter_name"] == "everyone_agreed"
        assert not agreed["parameter_has_default"] and not clip["parameter_has_default"]
    document = client.predict(
        gradio_client.handle_file(str(clips["short"])), True, api_name="/predict"
    )
    assert document["schema_version"] == 1 and document["errors"] == []
    (result,) = document["results"]
    assert result["clip"] == "short.mp4" and len(result["frame_times_s"]) >= 3
    assert sum(result["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    document = client.predict(
        gradio_client.handle_file(str(clips["broken"])), True, api_name="/predict"
    )
    assert document["results"] == [] and document["errors"][0]["clip"] == "broken.mp4"
    client.close()


def test_files_of_the_server_are_out_of_reach(app):
    own = {"path": str(ROOT / "pyproject.toml"), "meta": {"_type": "gradio.FileData"}}
    asked = Request(
        f"{app}/gradio_api/call/predict",
        json.dumps({"data": [own, True, ""]}).encode(),
        {"Content-Type": "application/json"},
    )
    with urlopen(asked, timeout=PATIENCE_S) as response:
        event = json.load(response)["event_id"]
    with urlopen(f"{app}/gradio_api/call/predict/{event}", timeout=PATIENCE_S) as response:
        said = response.read().decode()
    assert said.startswith("event: error") and "requires-python" not in said


def test_broken_file_is_explained_in_the_page(page, clips):
    give(page, clips["broken"])
    page.locator("#answer .trouble").wait_for()
    text = page.locator("#answer").inner_text()
    assert "No answer" in text and "broken.mp4" in text and "Traceback" not in text
    assert not page.locator(".toast-body.error:visible").count()


def test_a_large_clip_is_cut_here_and_little_is_sent(page, clips, tmp_path):
    """51 MB on disk; what goes over the line is counted."""
    path, sent = tmp_path / "large.mp4", []
    path.write_bytes(clips["long"].read_bytes() + FREE)
    page.on("request", lambda it: sent.append(it) if "/upload" in it.url else None)
    upload(page, path)
    page.get_by_text("the rest never leaves this device").wait_for()
    assert not page.get_by_text("Send the whole clip").is_visible(), "it is larger than may be sent"
    assert not sent
    page.locator(".entry-go").click()
    page.get_by_text("One thing first").wait_for()
    (request,) = sent
    assert request.sizes()["requestBodySize"] < 2 << 20
    agree(page)
    page.locator("#answer .kicker", has_text="large.").wait_for()


@pytest.mark.parametrize(
    "name",
    [
        "facenet_street_crowd.mp4",
        "vidor_4405327307_stage.mp4",
        "pyfeat_face_noface.mov",
        "grid/*.mpg",
        "cremad/*.flv",
    ],
)
def test_real_clips_are_answered_in_the_page(page, real_data, name):
    path = sorted((real_data / "clips").glob(name))[0]
    give(page, path)
    page.locator("#answer .kicker", has_text=path.name).wait_for()
    page.locator("#player .player-of", has_text="Map of").wait_for()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda real, clip: real[: len(real) // 2], "cut off"),
        (lambda real, clip: b"dear diary " * 500, "text file"),
        (lambda real, clip: b"", "empty"),
        (lambda real, clip: clip[:200] + bytes(3000), "No answer"),
    ],
    ids=["truncated", "renamed", "empty", "garbled"],
)
def test_every_error_is_a_sentence_in_the_page(page, clips, real_data, tmp_path, make, words):
    real = (real_data / "clips" / "facenet_street_crowd.mp4").read_bytes()
    path = tmp_path / "given.mp4"
    path.write_bytes(make(real, clips["short"].read_bytes()))
    give(page, path)
    page.get_by_text(words).first.wait_for()
    shown = page.locator("body").inner_text()
    assert "Traceback" not in shown and str(tmp_path) not in shown
    choose(page, "both_positive")


def test_a_portrait_clip_without_sound_is_answered_and_silence_is_said(page, tmp_path):
    give(page, write_people_clip(tmp_path / "phone.mp4", 2.0, portrait=True, sound=False))
    page.locator("#answer .bars").wait_for()
    assert "no sound" in page.locator("#answer").inner_text().lower()
    page.get_by_role("button", name="The clip").click()
    page.get_by_text("320 × 568").wait_for()
