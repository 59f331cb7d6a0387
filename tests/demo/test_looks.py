"""What is drawn can be read, and everything can be done from the keyboard; in a real browser."""

import pytest

from tests.demo.test_theme import contrast
from tests.support.browser import open_browser
from tests.support.serving import PATIENCE_S, served

pytestmark = pytest.mark.browser
SPY = """
window.letters = [];
const kind = OffscreenCanvasRenderingContext2D.prototype, write = kind.fillText;
kind.fillText = function (text, x, y, room) {
  const at = this.getTransform(), size = this.measureText(text);
  const wide = Math.min(size.width, room ?? Infinity);
  const left = this.textAlign === "center" ? x - wide / 2 : x;
  const high = size.actualBoundingBoxAscent + size.actualBoundingBoxDescent;
  const under = this.getImageData(left * at.a, (y - size.actualBoundingBoxAscent) * at.d,
    Math.max(1, wide * at.a), Math.max(1, high * at.d)).data;
  const grounds = new Set();
  for (let k = 0; k < under.length; k += 4) grounds.add([...under.slice(k, k + 4)].join());
  window.letters.push({ text: String(text), font: this.font, colour: this.fillStyle,
    grounds: [...grounds], left, top: y, right: left + wide, wide: this.canvas.width / at.a });
  return write.apply(this, arguments);
};
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with served(tmp_path_factory.mktemp("app")) as (url, _):
        yield url


@pytest.fixture(scope="module")
def browser():
    with open_browser() as program:
        yield program


def opened(browser, url, **context):
    page = browser.new_context(**context).new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    page.add_init_script(SPY)
    page.goto(url)
    page.locator("#player .player-of", has_text="Map of").wait_for()
    return page


def over(ground: str, paper: str) -> str:
    """The colour "r,g,b,a" (0 to 255) as it looks over #rrggbb."""
    *colour, alpha = (int(part) for part in ground.split(","))
    below = [int(paper[at : at + 2], 16) for at in (1, 3, 5)]
    mixed = [
        round((c * alpha + b * (255 - alpha)) / 255) for c, b in zip(colour, below, strict=True)
    ]
    return "#" + "".join(f"{part:02x}" for part in mixed)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize(("theme", "paper"), [("light", "#f6f5f1"), ("dark", "#12151b")])
def test_letters_on_the_track_can_be_read(browser, app, theme, paper, width):
    page = opened(browser, f"{app}?__theme={theme}", viewport={"width": width, "height": 844})
    letters = page.evaluate("window.letters")
    assert {"picture", "sound", "faces"} <= {each["text"] for each in letters}
    assert any("%" in each["text"] for each in letters), "the answer stands on the track"
    for each in letters:
        assert float(each["font"].split("px")[0].split()[-1]) >= 14, each
        assert each["left"] >= 0 and each["right"] <= each["wide"], each
        for ground in each["grounds"]:
            assert contrast(each["colour"], over(ground, paper)) >= 4.5, each
    lowest = max(each["top"] for each in letters)  # the numbers of the axis
    axis = sorted((each["left"], each["right"]) for each in letters if each["top"] == lowest)
    gaps = [b[0] - a[1] for a, b in zip(axis, axis[1:], strict=False) if a != b]
    assert len(gaps) >= 3 and min(gaps) >= 8, axis
    page.context.close()
