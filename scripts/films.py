"""Films visitors at the page, each a WebM: python -m scripts.films FOLDER [--only phone …].

assets/glance.webp is the one named glance: ffmpeg -ss 3 -i glance.webm -vf
"fps=6,scale=320:-1" -loop 0 -c:v libwebp -quality 60 glance.webp

Every clip that they give is drawn. What the programmer types is run, and its output is filmed.
"""

import argparse
import html
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import playwright
from playwright.sync_api import Locator, Page, sync_playwright

from tests.support.browser import QUIET, chromium_path
from tests.support.page_states import DEVICES, PATIENCE_MS, agree, give, page_at
from tests.support.predictions import write_people_clip
from tests.support.serving import ROOT

LOOK_MS = 1500  # until the next step, so that one can follow
FINGER = """
addEventListener("DOMContentLoaded", () => {
  const dot = document.createElement("div");
  dot.style.cssText = "position:fixed;width:22px;height:22px;margin:-11px;border-radius:50%;" +
    "z-index:9999;pointer-events:none;background:#e69f0099;border:2px solid #7a5400;left:-50px";
  document.body.append(dot);
  for (const name of ["pointermove", "pointerdown"]) addEventListener(name, (event) => {
    Object.assign(dot.style, { left: `${event.clientX}px`, top: `${event.clientY}px` }); }, true);
});
"""
TERMINAL = """<body style="margin:0;background:#12151b;color:#e8ebf0;padding:1.5rem;
font:18px/1.45 ui-monospace,monospace"><main style="white-space:pre-wrap;overflow-wrap:anywhere">
</main></body>"""
ASK = """
import sys
from gradio_client import Client, handle_file
page = Client(sys.argv[1], verbose=False)
clip = handle_file("assets/examples/seen_negative.mp4")
answer = page.predict(clip, everyone_agreed=True, api_name="/predict")["results"][0]
print(answer["label"], {label: round(p, 3) for label, p in answer["probabilities"].items()})
found = page.predict(clip, everyone_agreed=True, method="grad_cam", api_name="/explain")
print(found["method"], found["forward_passes"], "passes; keys:", ", ".join(found))
"""


class Visitor:
    """Somebody at the page, slowly enough to be followed."""

    def __init__(self, page: Page, url: str, folder: Path) -> None:
        self.page, self.url, self.folder = page, url, folder

    def look(self, times: float = 1) -> None:
        self.page.wait_for_timeout(times * LOOK_MS)

    def at(self, selector: str) -> Locator:
        return self.page.locator(selector).first

    def scroll_to(self, selector: str) -> None:
        self.at(selector).wait_for()
        self.at(selector).evaluate("e => e.scrollIntoView({ behavior: 'smooth', block: 'start' })")
        self.look()

    def press(self, selector: str) -> None:
        """A click or a touch, by a pointer that is seen to get there."""
        part = self.at(selector)
        part.scroll_into_view_if_needed()
        part.hover()
        self.look(0.4)
        part.click()

    def arrive(self, address: str = "") -> None:
        self.page.goto(self.url + address)
        self.has_map()

    def has_map(self) -> None:
        self.at("#player .player:not(.stale) .player-of:not(:empty)").wait_for()
        self.page.wait_for_function("!!document.querySelector('#player .player-peak')")

    def choose(self, example: str) -> None:
        self.press(f".entry-card[data-example={example}]")
        self.page.locator("#answer .kicker", has_text=example).wait_for()
        self.has_map()

    def keys(self, *names: str) -> None:
        for name in names:
            self.page.keyboard.press(name)
            self.look(0.3)

    def tab_to(self, selector: str) -> None:
        """Tab until something has the focus; fails where it can't be reached so."""
        here = f"document.activeElement.matches({selector!r})"
        for _ in range(120):
            if self.page.evaluate(here):
                return
            self.page.keyboard.press("Tab")
            self.page.wait_for_timeout(120)
        raise AssertionError(f"{selector} is out of reach of the keyboard")

    def drag(self, selector: str, values: list[int]) -> None:
        slider = self.at(selector)
        slider.scroll_into_view_if_needed()
        for value in values:
            slider.fill(str(value))
            self.look(0.25)

    def play(self, moment_s: float = 0) -> None:
        self.page.evaluate(
            "at => { const film = document.querySelector('#player video');"
            " film.currentTime = at; return film.play(); }",
            moment_s,
        )

    def work_out_what_ifs(self) -> None:
        self.scroll_to("#what-if")
        self.press("button#change")
        self.at("#faders input[type=range]").wait_for()
        self.look()
        self.press(".fader-guess button")
        self.look()
        last = int(self.at("#faders input[type=range]").get_attribute("max") or 0)
        middle = last // 2
        self.drag(
            "#faders input[type=range]", [*range(middle, last + 1), *range(last, -1, -1), middle]
        )


def curious(visitor: Visitor) -> None:
    """Looks at what runs, moves the map away and back, tries another, gives a clip of their own."""
    visitor.arrive()
    visitor.look(3)
    visitor.drag(".player-mix input", [60, 40, 20, 0, 30, 60, 90])
    visitor.choose("heard_positive")
    visitor.play()
    visitor.look(3)
    visitor.press(".player-peak")
    visitor.look()
    give(visitor.page, write_people_clip(visitor.folder / "friends.mp4", 4.0))
    visitor.at("#answer .ask").wait_for()
    visitor.look()
    agree(visitor.page)
    visitor.page.locator("#answer .kicker", has_text="friends").wait_for()
    visitor.has_map()
    visitor.play()
    visitor.look(3)
    visitor.choose("synced_negative")
    visitor.work_out_what_ifs()
    visitor.look()


def teacher(visitor: Visitor) -> None:
    """Projects at 150 %: a clip, closer, can one believe it, three systems."""
    visitor.arrive("?clip=seen_negative&t=1.5")
    visitor.play()
    visitor.look(3)
    visitor.scroll_to("#went-by")
    visitor.look()
    visitor.press("#explain")
    visitor.at("#frames-map img").wait_for()
    visitor.look()
    visitor.scroll_to("#frames-map")
    visitor.look(2)
    visitor.scroll_to("#believe")
    visitor.press("button#check")
    visitor.at("#trust .verdict").wait_for()
    visitor.scroll_to("#trust")
    visitor.look(2)
    visitor.work_out_what_ifs()
    visitor.press("#systems button")
    visitor.page.locator("#three .card").nth(2).wait_for()
    visitor.scroll_to("#three")
    visitor.look(2)


def phone(visitor: Visitor) -> None:
    """Thumbs through a phone."""
    visitor.arrive()
    visitor.look(2)
    visitor.scroll_to("#answer")
    visitor.look()
    visitor.scroll_to("#entry")
    visitor.look()
    visitor.at(".entry-card[data-example=synced_negative]").tap()
    visitor.page.locator("#answer .kicker", has_text="synced_negative").wait_for()
    visitor.has_map()
    visitor.look()
    visitor.scroll_to("#player")
    visitor.play()
    visitor.look(3)
    visitor.scroll_to("#went-by")
    visitor.look()
    visitor.work_out_what_ifs()
    visitor.look()


def glance(visitor: Visitor) -> None:
    """Half a minute on a phone, for the README: what runs, the map, a clip of their own."""
    visitor.arrive()
    visitor.play()
    visitor.look(2)
    visitor.drag(".player-mix input", [60, 30, 0, 30, 60, 90])
    visitor.look()
    give(visitor.page, write_people_clip(visitor.folder / "friends.mp4", 4.0))
    visitor.at("#answer .ask").wait_for()
    agree(visitor.page)
    visitor.page.locator("#answer .kicker", has_text="friends").wait_for()
    visitor.has_map()
    visitor.scroll_to("#player")
    visitor.play()
    visitor.look(3)
    visitor.scroll_to("#answer")
    visitor.look()


def keyboard(visitor: Visitor) -> None:
    """Never touches a mouse."""
    visitor.arrive()
    visitor.tab_to(".player-play")
    visitor.keys(" ", " ")
    visitor.tab_to(".player-mix input")
    visitor.keys(*["ArrowLeft"] * 8)
    visitor.tab_to(".player-track")
    visitor.keys(*["ArrowRight"] * 8, "PageUp", "Home", " ")
    visitor.look(2)
    visitor.tab_to(".player-peak")
    visitor.keys("Enter")
    visitor.tab_to(".entry-card[data-example=heard_positive]")
    visitor.keys("Enter")
    visitor.page.locator("#answer .kicker", has_text="heard_positive").wait_for()
    visitor.has_map()
    visitor.tab_to("#explain")
    visitor.keys("Enter")
    visitor.at("#frames-map img").wait_for()
    visitor.tab_to(".frame")
    visitor.keys("Enter")
    visitor.tab_to("button#change")
    visitor.keys("Enter")
    visitor.at("#faders input[type=range]").wait_for()
    visitor.tab_to(".fader-guess button")
    visitor.keys("Enter")
    visitor.tab_to("#faders input[type=range]")
    visitor.keys(*["ArrowRight"] * 6)
    visitor.tab_to("#systems button")
    visitor.keys("Enter")
    visitor.page.locator("#three .card").nth(2).wait_for()
    visitor.look(2)


def german(visitor: Visitor) -> None:
    """Reads German, and shows a colleague the English page."""
    visitor.arrive()
    visitor.look(2)
    visitor.choose("both_positive")
    visitor.play()
    visitor.look(2)
    visitor.scroll_to("#went-by")
    visitor.press("#explain")
    visitor.at("#frames-map img").wait_for()
    visitor.look()
    visitor.scroll_to("#frames-map")
    visitor.look()
    visitor.work_out_what_ifs()
    visitor.press("#about-drawer button")
    visitor.at("#about h3").wait_for()
    visitor.scroll_to("#about")
    visitor.look()
    visitor.press(".languages a[lang=en]")
    visitor.page.locator("#player .player-of", has_text="Map of").wait_for()
    visitor.look()


def programmer(visitor: Visitor) -> None:
    """Asks the page by curl and from Python, and the command beside it."""
    visitor.page.set_content(TERMINAL)
    url = visitor.url
    script = visitor.folder / "ask.py"
    script.write_text(ASK.lstrip(), encoding="utf-8")
    python = sys.executable
    for shown, command in (
        (f"curl -s {url}/gradio_api/info | head -c 700", None),
        ("cat ask.py", ["cat", str(script)]),
        (f"python ask.py {url}", [python, str(script), url]),
        (
            "emo predict assets/examples/seen_negative.mp4",
            [python, "-m", "emo_core", "predict", "assets/examples/seen_negative.mp4"],
        ),
    ):
        visitor.page.evaluate(
            "text => { document.querySelector('main').insertAdjacentHTML('beforeend', text);"
            " scrollTo(0, document.body.scrollHeight); }",
            f'<b style="color:#979cf5">$ {html.escape(shown)}</b>\n',
        )
        visitor.look()
        run = subprocess.run(
            command or ["sh", "-c", shown], cwd=ROOT, capture_output=True, text=True, check=True
        )
        visitor.page.evaluate(
            "text => { document.querySelector('main').append(text);"
            " scrollTo(0, document.body.scrollHeight); }",
            run.stdout.rstrip() + "\n\n",
        )
        visitor.look(2)


STORIES: dict[str, tuple[Callable[[Visitor], None], dict[str, Any], tuple[int, int]]] = {
    "curious": (curious, {"viewport": {"width": 1280, "height": 800}}, (1280, 800)),
    "teacher": (
        teacher,
        {"viewport": {"width": 854, "height": 480}, "device_scale_factor": 1.5},
        (854, 480),
    ),
    "phone": (phone, DEVICES["phone"], (390, 844)),
    "glance": (glance, DEVICES["phone"], (390, 844)),
    "keyboard": (keyboard, {"viewport": {"width": 1280, "height": 800}}, (1280, 800)),
    "german": (
        german,
        {"viewport": {"width": 1280, "height": 800}, "locale": "de-DE", "color_scheme": "dark"},
        (1280, 800),
    ),
    "programmer": (programmer, {"viewport": {"width": 1280, "height": 800}}, (1280, 800)),
}


@contextmanager
def ffmpeg_of_this_machine() -> Iterator[None]:
    """Playwright films with an ffmpeg that it would download; Debian's does the same."""
    own, name = shutil.which("ffmpeg"), "PLAYWRIGHT_BROWSERS_PATH"
    if own is None or name in os.environ:
        yield
        return
    listed = Path(playwright.__file__).parent / "driver" / "package" / "browsers.json"
    revision = next(
        each["revision"]
        for each in json.loads(listed.read_text(encoding="utf-8"))["browsers"]
        if each["name"] == "ffmpeg"
    )
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / f"ffmpeg-{revision}"
        place.mkdir()
        (place / "ffmpeg-linux").symlink_to(own)
        os.environ[name] = folder
        try:
            yield
        finally:
            del os.environ[name]


def film(name: str, url: str, path: Path) -> None:
    """One visitor's story, into one file."""
    story, context, (width, height) = STORIES[name]
    with sync_playwright() as api, tempfile.TemporaryDirectory() as folder:
        browser = api.chromium.launch(executable_path=chromium_path(), args=list(QUIET))
        taken: dict[str, Any] = {
            "record_video_dir": folder,
            "record_video_size": {"width": width, "height": height},
        }
        page = browser.new_context(**context, **taken).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(FINGER)
        story(Visitor(page, url, Path(folder)))
        assert page.video is not None  # every context here records
        page.context.close()
        page.video.save_as(path)
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", help="of a page that runs; else one is started")
    parser.add_argument("--only", nargs="*", choices=STORIES, help="else all")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    with page_at(args.url) as url, ffmpeg_of_this_machine():
        for name in args.only or STORIES:
            film(name, url, args.folder / f"{name}.webm")
            print(args.folder / f"{name}.webm", flush=True)


if __name__ == "__main__":
    main()
