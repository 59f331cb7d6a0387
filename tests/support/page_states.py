"""The states of the page, each reached as a visitor reaches it; for pictures and for checks."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.support.browser import QUIET, chromium_path
from tests.support.predictions import write_clip, write_people_clip
from tests.support.serving import served

DEVICES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
THEMES = ("light", "dark")
EXAMPLE = "seen_negative"
PATIENCE_MS = 180_000
PARTY = "party.mp4"  # a long one, whose answer takes a while
BEYOND_MB = 50  # a clip that may only be sent after it was cut


@dataclass(frozen=True)
class Visit:
    """A page that is open, and files to give it."""

    page: Page
    folder: Path


@dataclass(frozen=True)
class State:
    """How one state is reached from the one before it, and the part of the page that shows it."""

    name: str
    reach: Callable[[Visit], None]
    shows: str | None = None  # a selector; None: the window from the top


def wait_for_map(page: Page) -> None:
    """Return once the player has a map."""
    page.locator("#player .player-of", has_text="Map of").wait_for()
    page.locator("#player .player:not(.stale)").wait_for()


def give(page: Page, path: Path) -> None:
    """A clip of one's own, without the tick."""
    page.locator("#entry input[type=file]").set_input_files(str(path))


def agree(page: Page) -> None:
    """The tick, where it is not there yet."""
    page.locator("#consent input").check()


def _first(visit: Visit) -> None:
    wait_for_map(visit.page)
    visit.page.evaluate("document.querySelector('#player video').pause()")
    visit.page.evaluate("document.querySelector('#player video').currentTime = 2.5")


def _cut(visit: Visit) -> None:
    path = write_people_clip(visit.folder / "evening.mp4", 40.0)
    with path.open("ab") as file:
        file.write((BEYOND_MB << 20).to_bytes(4, "big") + b"free")
        file.truncate(path.stat().st_size + (BEYOND_MB << 20))
    give(visit.page, path)
    visit.page.locator(".entry-go").wait_for()


def _ask(visit: Visit) -> None:
    stop = visit.page.locator(".entry-state.cut button").last
    if stop.count():
        stop.click()
    give(visit.page, write_people_clip(visit.folder / "friends.mp4", 3.0, portrait=True))
    visit.page.locator("#answer .ask").wait_for()


def _own(visit: Visit) -> None:
    agree(visit.page)
    visit.page.locator("#answer .bars, #answer .unsure").first.wait_for()
    wait_for_map(visit.page)
    visit.page.evaluate("document.querySelector('#player video').currentTime = 1.5")


def _error(visit: Visit) -> None:
    path = visit.folder / "broken.mp4"
    path.write_bytes(b"this was never a film " * 50)
    give(visit.page, path)
    visit.page.locator("#answer .trouble").wait_for()


def _nobody(visit: Visit) -> None:
    give(visit.page, write_clip(visit.folder / "tone.wav", 2.0, picture=False))
    visit.page.locator("#answer h2", has_text="Nobody to read").wait_for()


def _busy(visit: Visit) -> None:
    write_people_clip(visit.folder / PARTY, 300.0)
    give(visit.page, visit.folder / PARTY)
    visit.page.locator(".entry-state.cut button", has_text="Send the whole clip").click()
    visit.page.locator("#answer .busy").wait_for()
    visit.page.locator("#stop-answer").wait_for()


def _lost(visit: Visit) -> None:
    visit.page.locator("#stop-answer").click()
    visit.page.get_by_role("heading", name="Stopped").wait_for()
    visit.page.route("**/gradio_api/upload*", lambda route: route.abort("connectionreset"))
    give(visit.page, visit.folder / "friends.mp4")
    visit.page.locator(".entry-state.trouble").wait_for()
    visit.page.unroute("**/gradio_api/upload*")


def _roads(visit: Visit) -> None:
    visit.page.locator("#more-ways button").first.click()
    visit.page.locator("#link").wait_for()


def _answer(visit: Visit) -> None:
    visit.page.locator("#more-ways button").first.click()
    visit.page.locator(f".entry-card[data-example={EXAMPLE}]").click()
    visit.page.locator("#answer .kicker", has_text=EXAMPLE).wait_for()
    wait_for_map(visit.page)
    visit.page.evaluate("document.querySelector('#player video').currentTime = 2.5")
    visit.page.evaluate("scrollTo(0, 0)")


def _explained(visit: Visit) -> None:
    visit.page.locator("#preset").get_by_text("Thorough").click()
    visit.page.locator("#explain").click()
    visit.page.locator("#player .player-of", has_text="Thorough").wait_for()
    visit.page.locator("#frames-map img").first.wait_for()
    visit.page.locator("#went-by .main-svg:visible").first.wait_for()


def _stale(visit: Visit) -> None:
    visit.page.locator("#preset").get_by_text("Fast").click()
    visit.page.locator("#player .player.stale").wait_for()


def _believe(visit: Visit) -> None:
    visit.page.locator("button#check").click()
    visit.page.locator("#trust .verdict").wait_for()
    visit.page.locator("#believe .main-svg:visible").first.wait_for()


def _what_if(visit: Visit) -> None:
    visit.page.locator("button#change").click()
    visit.page.locator("#faders input[type=range]").wait_for()
    visit.page.locator(".fader-guess button").first.click()
    visit.page.locator("#faders .fader-change").nth(1).click()


def _systems(visit: Visit) -> None:
    visit.page.locator("#systems button").first.click()
    visit.page.locator("#three .card").nth(2).wait_for()


def _about(visit: Visit) -> None:
    visit.page.locator("#about-drawer button").first.click()
    visit.page.locator("#about h3").first.wait_for()
    visit.page.locator("#about-drawer .main-svg:visible").first.wait_for()


STATES = (
    State("first", _first),
    State("cut", _cut, "#said"),
    State("ask", _ask, "#said"),
    State("own", _own),
    State("error", _error),
    State("nobody", _nobody),
    State("busy", _busy),
    State("lost", _lost, "#said"),
    State("roads", _roads, "#more-ways"),
    State("answer", _answer),
    State("went-by", _explained, "#went-by"),
    State("stale", _stale),
    State("believe", _believe, "#believe"),
    State("what-if", _what_if, "#what-if"),
    State("systems", _systems, "#systems"),
    State("about", _about, "#about-drawer"),
)


@contextmanager
def page_at(url: str | None) -> Iterator[str]:
    """The address given, or of a page started for this."""
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as (own, _):
        yield own


def visit_states(url: str, device: str, theme: str) -> Iterator[tuple[State, Page]]:
    """Every state of one visit in turn."""
    with sync_playwright() as api, tempfile.TemporaryDirectory() as folder:
        browser = api.chromium.launch(
            executable_path=chromium_path(),
            args=[*QUIET, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
        )
        look: dict[str, Any] = {**DEVICES[device], "color_scheme": theme}
        page = browser.new_context(**look).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{url}?__theme={theme}")
        visit = Visit(page, Path(folder))
        for state in STATES:
            state.reach(visit)
            yield state, page
        browser.close()
