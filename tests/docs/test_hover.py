"""A figure of the site tells numbers under the pointer; Plotly comes only then, and once."""

import shutil
import sys
from pathlib import Path

import plotly
import pytest

ROOT = Path(__file__).parents[2]
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
STILL = (  # one pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5E"
    "rkJggg=="
)
FORM = {
    "data": [{"type": "scatter", "x": [0, 1], "y": [0, 1], "hovertemplate": "late<extra></extra>"}],
    "layout": {"width": 300, "height": 200, "margin": dict.fromkeys("lrtb", 0)},
}


@pytest.fixture
def page(browser, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    opened = browser.new_page()
    yield opened
    opened.close()
    sys.modules.pop("course_pages", None)


def site(folder: Path, figures: int) -> str:
    """A page with so many figures, as the site's extension makes them; returns its address."""
    import course_pages

    places = ""
    for _ in range(figures):
        output = {"data": {"image/png": STILL, course_pages.HOVER: FORM}}
        course_pages.keep_hovering({"outputs": [output]})
        places += output["data"]["text/html"]
    shutil.copy(ROOT / "docs" / "_static" / "hover.js", folder)
    text = f'<!doctype html><script src="hover.js" defer></script>{places}'
    (folder / "page.html").write_text(text, encoding="utf-8")
    return (folder / "page.html").as_uri()


def test_plotly_comes_when_it_is_asked_for_and_once_for_all_figures(page, tmp_path):
    asked = []
    page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[-1]))
    shutil.copy(PLOTLY, tmp_path)
    page.goto(site(tmp_path, 2))
    assert "plotly.min.js" not in asked
    for number in range(2):
        page.locator(".hover-figure").nth(number).hover()
        page.locator(".hover-figure").nth(number).locator(".main-svg").first.wait_for()
    assert asked.count("plotly.min.js") == 1 and page.locator("img:visible").count() == 0
    box = page.locator(".js-plotly-plot").first.bounding_box()
    assert (box["width"], box["height"]) == (300, 200)
    page.mouse.move(box["x"] + 16, box["y"] + box["height"] - 10)
    page.locator(".hovertext", has_text="late").wait_for()


def test_without_plotly_the_still_picture_stays(page, tmp_path):
    page.goto(site(tmp_path, 1))
    with page.expect_event("requestfailed"):
        page.locator(".hover-figure").hover()
    assert page.locator("img:visible").count() == 1
