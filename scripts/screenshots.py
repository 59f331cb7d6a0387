"""Takes the pictures of the page in assets/screenshots: every state, of drawn clips.

python -m scripts.screenshots [--out FOLDER] [--only desktop-light …]
"""

import argparse
import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.support.serving import ROOT, served

DEVICES = {"desktop": (1280, 900), "phone": (390, 844)}
THEMES = ("light", "dark")
EXAMPLE = "seen_negative"
LONGEST = 2200  # pixels of a tab
SETTLE_MS = 1500  # plots draw themselves, fonts arrive


def take(shot: Page, path: Path, selector: str | None = None) -> None:
    """One picture of the window, or of one part of the page up to LONGEST."""
    shot.wait_for_timeout(SETTLE_MS)
    if selector is None:
        data = shot.screenshot()
    else:
        box = shot.locator(selector).first
        box.scroll_into_view_if_needed()
        data = box.screenshot()
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    picture.crop((0, 0, picture.width, min(picture.height, LONGEST))).save(path, quality=62)


def capture_page(page: Page, prefix: Path) -> None:
    """The page from its first screen to its last drawer."""

    def named(what: str) -> Path:
        return prefix.with_name(f"{prefix.name}-{what}.webp")

    page.locator("#player .player-of", has_text="Map of").wait_for()
    page.evaluate("document.querySelector('#player video').pause()")
    take(page, named("first"))
    capture_trouble(page, named)
    page.locator(f".entry-card[data-example={EXAMPLE}]").click()
    page.locator("#answer .kicker", has_text=EXAMPLE).wait_for()
    page.locator("#player .player-of", has_text="Map of").wait_for()
    page.evaluate("document.querySelector('#player').querySelector('video').currentTime = 2.5")
    page.evaluate("scrollTo(0, 0)")
    take(page, named("answer"))
    page.locator("#explain").click()
    page.locator("#frames-map img").first.wait_for()
    page.locator("#went-by .main-svg:visible").first.wait_for()
    take(page, named("went-by"), "#went-by")
    page.locator("button#check").click()
    page.locator("#trust .verdict").wait_for()
    take(page, named("believe"), "#believe")
    page.locator("button#change").click()
    page.locator("#faders input[type=range]").wait_for()
    page.locator("#faders .fader-change").nth(1).click()
    take(page, named("what-if"), "#what-if")
    for drawer, ready in (("systems", "#three .card h2"), ("about-drawer", "#about h3")):
        page.locator(f"#{drawer} button").first.click()
        page.locator(ready).first.wait_for()
        take(page, named(drawer), f"#{drawer}")


def capture_trouble(page: Page, named: Callable[[str], Path]) -> None:
    """What is said of a clip of one's own before the tick, and of one that can't be read."""
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder) / "broken.mp4"
        broken.write_bytes(b"this was never a film " * 50)
        page.locator("#entry input[type=file]").set_input_files(str(broken))
        page.locator("#answer .ask").wait_for()
        take(page, named("ask"), "#said")
        page.locator("#consent input").check()
        page.locator("#answer .trouble").wait_for()
        take(page, named("error"), "#said")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "assets" / "screenshots")
    parser.add_argument("--only", nargs="*", help="such as phone-dark; else all")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as (url, _):
        for device, (width, height) in DEVICES.items():
            for theme in THEMES:
                if args.only and f"{device}-{theme}" not in args.only:
                    continue
                with sync_playwright() as player:
                    browser = player.chromium.launch(
                        executable_path=shutil.which("chromium"),
                        args=["--no-sandbox", "--disable-gpu"],
                    )
                    page = browser.new_page(viewport={"width": width, "height": height})
                    page.set_default_timeout(120_000)
                    page.goto(f"{url}?__theme={theme}")
                    capture_page(page, args.out / f"{device}-{theme}")
                    browser.close()


if __name__ == "__main__":
    main()
