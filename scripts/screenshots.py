"""Takes the pictures of the page in assets/screenshots: every tab and state, of a drawn clip.

python -m scripts.screenshots [--out FOLDER] [--only desktop-light …]
"""

import argparse
import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.support.serving import ROOT, served

DEVICES = {"desktop": (1280, 900), "phone": (390, 844)}
THEMES = ("light", "dark")
TABS = {
    "saw": "What it saw",
    "heard": "What it heard",
    "mattered": "Which mattered",
    "clock": "One clock",
    "trust": "Trust?",
    "whatif": "What if?",
    "systems": "Three systems",
    "about": "The model",
}
READY = {  # of a tab: what is there once it is filled
    "clock": "#clock .main-svg",
    "trust": "#trust .verdict",
    "whatif": "#whatif .whatif",
    "systems": "#three .card h2",
    "about": "#about h3",
}
PLOTS = ("heard", "mattered", "clock", "trust", "systems", "about")
EXAMPLE = "synced negative"
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


def open_tab(page: Page, name: str) -> None:
    tab = page.locator("#tabs").get_by_role("tab", name=name, exact=True).first
    if not tab.is_visible():
        page.locator("#tabs .overflow-menu > button").first.click()
        tab = page.locator("#tabs .overflow-dropdown button", has_text=name).first
    tab.click()


def capture_page(page: Page, prefix: Path) -> None:
    """The page from its empty state to its last tab."""

    def named(what: str) -> Path:
        return prefix.with_name(f"{prefix.name}-{what}.webp")

    page.get_by_role("button", name=EXAMPLE).wait_for()
    take(page, named("empty"))
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder) / "broken.mp4"
        broken.write_bytes(b"this was never a film " * 50)
        page.locator("#video input[type=file]").first.set_input_files(str(broken))
        page.locator("#answer .ask").wait_for()
        take(page, named("ask"), "#answer")
        page.locator("#consent input").check()
        page.locator("#answer .trouble").wait_for()
        take(page, named("error"), "#answer")
    page.get_by_role("button", name=EXAMPLE).click()
    page.locator("#answer .bars").wait_for()
    page.locator("#frames img").first.wait_for()
    page.evaluate("innerWidth > 999 && scrollTo(0, 0)")
    take(page, named("answer"))
    page.locator("#explain").click()
    page.locator("#frames-map img").first.wait_for()
    for tab, title in TABS.items():
        open_tab(page, title)
        if tab in READY:
            page.locator(READY[tab]).first.wait_for()
        if tab in PLOTS:
            page.locator("#tabs .main-svg:visible").first.wait_for()
        take(page, named(tab), "#tabs")
    open_tab(page, TABS["clock"])
    page.locator("#keep").click()
    page.locator("#film video").first.wait_for()
    take(page, named("film"), "#film")


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
