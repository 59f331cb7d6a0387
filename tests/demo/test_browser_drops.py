"""Clips that come by other roads than the button: dropped, pasted, one after another."""

import base64

import pytest

from demo.i18n import tables
from tests.support.predictions import write_people_clip
from tests.support.serving import PATIENCE_S, served

pytestmark = pytest.mark.browser
SAY = tables()["en"]
PASTE = """(content) => {
  const data = new DataTransfer();
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  data.items.add(new File([bytes], "pasted.mp4", { type: "video/mp4" }));
  const init = { clipboardData: data, bubbles: true, cancelable: true };
  document.body.dispatchEvent(new ClipboardEvent("paste", init));
}"""


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with served(tmp_path_factory.mktemp("app")) as (url, _):
        yield url


@pytest.fixture
def page(browser, app):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(1000 * PATIENCE_S)
    page.goto(app)
    page.locator("#player .player-of", has_text="Map of").wait_for()
    yield page
    page.close()


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Two clips, alone in their folder."""
    folder = tmp_path_factory.mktemp("clips")
    return [write_people_clip(folder / f"{name}.mp4", 2.0) for name in ("first", "second")]


def drop(page, selector: str, *files, **words: str) -> None:
    """What a hand drags from outside onto a part of the page; words: by MIME type."""
    area = page.locator(selector).first.bounding_box()
    items = [{"mimeType": kind.replace("_", "/"), "data": text} for kind, text in words.items()]
    data = {"items": items, "files": [str(path) for path in files], "dragOperationsMask": 1}
    place = {"x": area["x"] + area["width"] / 2, "y": area["y"] + area["height"] / 2}
    hand = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        hand.send("Input.dispatchDragEvent", {"type": kind, "data": data, **place})


def answer_of(page, name: str) -> None:
    """Wait for the answer to a clip, with the tick it asks for."""
    page.get_by_text("One thing first").wait_for()
    page.locator("#consent input").check()
    page.locator("#answer .kicker", has_text=name).wait_for()


def said(page, sentence: str) -> None:
    page.locator(".entry-state", has_text=sentence).wait_for()


def test_a_clip_is_taken_wherever_it_is_dropped(page, clips):
    drop(page, "#player video", clips[0])
    answer_of(page, "first.mp4")


def test_a_pasted_file_is_taken(page, clips):
    page.evaluate(PASTE, base64.b64encode(clips[0].read_bytes()).decode())
    answer_of(page, "pasted.mp4")


def test_of_several_files_one_is_taken_and_named(page, clips):
    drop(page, ".entry-drop", *clips)
    said(page, SAY["entry_first_only"].format(name="first.mp4"))
    answer_of(page, "first.mp4")


def test_a_folder_is_no_lost_connection(page, clips):
    drop(page, ".entry-drop", clips[0].parent)
    said(page, SAY["entry_folder"])


def test_what_holds_no_file_is_told(page):
    drop(page, ".entry-drop", text_html="<b>party</b>")
    said(page, SAY["entry_no_file"])


def test_an_address_of_a_clip_that_is_gone_does_not_pass_another_off_as_it(page, app):
    page.goto(f"{app}/?clip=gone&method=shapley&label=neutral&t=2")
    said(page, SAY["entry_no_example"])
    page.locator("#answer .kicker", has_text="seen_negative.mp4").wait_for()


@pytest.mark.parametrize("then", ["another clip", "an example"])
def test_a_clip_that_arrives_late_does_not_take_the_place_of_a_later_choice(page, clips, then):
    """The first upload is held on its way until the second choice is answered."""
    held = []
    uploads = "**/gradio_api/upload*"
    page.route(uploads, lambda it: it.continue_() if held else held.append(it))
    chosen = page.locator("#entry input[type=file]")
    with page.expect_request(uploads):
        chosen.set_input_files(str(clips[0]))
    with page.expect_event("requestfailed", lambda it: "/upload" in it.url):
        if then == "an example":
            page.locator(".entry-card[data-example=heard_positive]").click()
        else:
            chosen.set_input_files(str(clips[1]))
    if then == "an example":
        page.locator("#answer .kicker", has_text="heard_positive.mp4").wait_for()
    else:
        answer_of(page, "second.mp4")
    assert page.locator(".entry-state").inner_text() == ""
