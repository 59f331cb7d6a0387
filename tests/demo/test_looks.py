"""What is drawn can be read, and everything can be done from the keyboard; in a real browser."""

import pytest

from tests.demo.test_theme import contrast
from tests.support.predictions import write_people_clip
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


def test_no_half_of_the_page_is_empty_beside_a_question_or_a_failure(browser, app, tmp_path):
    page = opened(browser, app, viewport={"width": 1280, "height": 900})
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"this was never a film " * 50)
    page.locator("#entry input[type=file]").set_input_files(str(path))
    for state in (".ask", ".trouble"):
        page.locator(f"#answer {state}").wait_for()
        page.locator("#show").wait_for(state="hidden")
        assert page.locator("#answer .card").bounding_box()["width"] > 1000
        page.locator("#consent input").check()
    page.context.close()


def test_a_clip_has_a_stage_of_its_shape_before_its_answer(browser, app, tmp_path):
    """The answer is held back; what is asked after it is not."""
    page = opened(browser, app, viewport={"width": 1280, "height": 900})
    path = write_people_clip(tmp_path / "long.mp4", 90.0)
    page.locator("#entry input[type=file]").set_input_files(str(path))
    page.locator("#answer .ask").wait_for()
    page.locator("#consent input").check()
    page.locator("#answer .busy").wait_for()
    page.wait_for_function("document.querySelector('#player video').duration > 80")
    box = page.locator(".player-stage").bounding_box()
    assert box["height"] > 300, "a stage without a height is no stage"
    assert page.locator(".player-track").bounding_box()["height"] < 30, "an axis, and no empty row"
    page.locator("#stop-answer").click()
    page.context.close()


def test_faces_in_the_player_say_what_each_person_adds(browser, app, tmp_path):
    page = opened(browser, app)
    page.evaluate("""() => {
      const kind = CanvasRenderingContext2D.prototype, write = kind.fillText;
      window.tags = new Set();
      kind.fillText = function (text) {
        if (this.canvas.className === "player-faces") window.tags.add(text);
        return write.apply(this, arguments);
      };
    }""")
    path = write_people_clip(tmp_path / "people.mp4", 2.0)
    page.locator("#entry input[type=file]").set_input_files(str(path))
    page.locator("#answer .ask").wait_for()
    page.locator("#consent input").check()
    page.locator("#player .player-of", has_text="By faces").wait_for()
    page.wait_for_function(
        r"[...window.tags].filter((it) => /^\d+ +[+-]\d\.\d$/.test(it)).length >= 2"
    )
    page.context.close()


def test_a_map_of_another_question_is_seen_to_be_old(browser, app):
    page = opened(browser, app)
    page.locator("#preset").get_by_text("Thorough").click()
    page.locator("#player .player.stale").wait_for()
    drawn = [
        page.locator(part).evaluate(f"e => getComputedStyle(e).{style}")
        for part, style in (
            (".player-of", "textDecorationLine"),
            (".player-track", "filter"),
            (".player-heat", "filter"),
        )
    ]
    assert drawn == ["line-through", "grayscale(1)", "grayscale(1)"]
    page.context.close()


FOCUS = """() => {
  const e = document.activeElement, look = getComputedStyle(e);
  return { ring: look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2,
    name: e.ariaLabel || e.innerText || e.labels?.[0]?.innerText || e.value || "",
    };
}"""


def tab_to(page, selector: str) -> list[dict]:
    """Tab until it has the focus. Gives what had it on the way; fails where it is out of reach."""
    way = []
    for _ in range(100):
        page.keyboard.press("Tab")
        way.append(page.evaluate(FOCUS))
        if page.evaluate(f"document.activeElement.matches({selector!r})"):
            return way
    raise AssertionError(f"{selector} is out of reach of the keyboard")


def see_focus_on(way: list[dict]) -> None:
    assert [each for each in way if not each["ring"]] == [], "the focus is seen"
    assert [each for each in way if not each["name"].strip()] == [], "and has a name"


def test_player_and_entry_are_worked_by_keyboard_alone(browser, app):
    page = opened(browser, app)
    way = tab_to(page, ".player-play")
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('#player video').paused")
    way += tab_to(page, ".player-mix input")
    page.keyboard.press("Home")
    assert page.locator(".player-mix input").input_value() == "0"
    way += tab_to(page, ".player-boxes input")
    page.keyboard.press("Space")
    assert not page.locator(".player-boxes input").is_checked()
    way += tab_to(page, ".player-track")
    page.keyboard.press("End")
    page.wait_for_function("document.querySelector('#player video').currentTime > 4.5")
    page.keyboard.press("Home")
    way += tab_to(page, ".player-peak")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#player video').currentTime > 0.5")
    way += tab_to(page, "#entry input[type=file]")
    with page.expect_file_chooser():
        page.keyboard.press("Space")
    way += tab_to(page, ".entry-card[data-example=synced_negative]")
    page.keyboard.press("Enter")
    page.locator("#answer .kicker", has_text="synced_negative").wait_for()
    page.locator("#player .player-of", has_text="Map of").wait_for()
    way += tab_to(page, "#more-ways button")
    page.keyboard.press("Enter")
    page.locator("#link").wait_for()
    way += tab_to(page, "#link textarea, #link input")
    see_focus_on(way)
    page.context.close()


def test_what_is_behind_the_answer_is_worked_by_keyboard_alone(browser, app):
    page = opened(browser, app)
    page.locator("#preset").wait_for()
    way = tab_to(page, "#method input")
    page.keyboard.type("Shapley")
    page.get_by_role("option", name="Shapley sampling").wait_for()
    page.keyboard.press("Enter")
    way += tab_to(page, "#explain")
    page.keyboard.press("Enter")
    page.locator("#frames-map img").first.wait_for()
    way += tab_to(page, ".frame")
    page.keyboard.press("Enter")
    way += tab_to(page, "button#check")
    page.keyboard.press("Enter")
    page.locator("#trust .verdict").wait_for()
    way += tab_to(page, "button#change")
    page.keyboard.press("Enter")
    page.locator("#faders input[type=range]").wait_for()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")  # the last of the changes
    page.locator(".fader-change[aria-pressed=true]").last.wait_for()
    for drawer, ready in (("systems", "#three .card h2"), ("about-drawer", "#about h3")):
        way += tab_to(page, f"#{drawer} button")
        page.keyboard.press("Enter")
        page.locator(ready).first.wait_for()
    see_focus_on(way)
    page.wait_for_function("!document.querySelector('ul[role=listbox]')")
    page.context.close()
