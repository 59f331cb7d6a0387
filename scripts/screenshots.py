"""Takes the pictures of the page in assets/screenshots: every state, of drawn clips.

python -m scripts.screenshots [--out FOLDER] [--url http://…] [--only desktop-light …]
"""

import argparse
import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.support.page_states import DEVICES, THEMES, page_at, visit_states
from tests.support.serving import ROOT

TALLEST = 2200  # pixels of a part of the page
SETTLE_MS = 1200  # plots draw themselves, fonts arrive
QUALITY = 62


def take(page: Page, path: Path, selector: str | None) -> None:
    """One picture of the window, or of one part of the page up to TALLEST."""
    page.wait_for_timeout(SETTLE_MS)
    if selector is None:
        page.evaluate("scrollTo(0, 0)")
        data = page.screenshot()
    else:
        part = page.locator(selector).first
        part.scroll_into_view_if_needed()
        data = part.screenshot()
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    picture = picture.crop((0, 0, picture.width, min(picture.height, TALLEST)))
    picture.save(path, quality=QUALITY, method=6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "assets" / "screenshots")
    parser.add_argument("--url", help="of a page that runs; else one is started")
    parser.add_argument("--only", nargs="*", help="such as phone-dark; else all")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with page_at(args.url) as url:
        for name in [f"{device}-{theme}" for device in DEVICES for theme in THEMES]:
            if not args.only or name in args.only:
                for state, page in visit_states(url, *name.split("-")):
                    take(page, args.out / f"{name}-{state.name}.webp", state.shows)


if __name__ == "__main__":
    main()
