"""What a visitor takes along: a page that plays alone, a table, captions, JSON."""

import csv
import json
import re
import shutil

import pytest

from demo import explanations, service
from demo.i18n import Words
from demo.player import document, files
from emo_core.clip import load_clip
from emo_core.inference.prediction import media_facts
from tests.support.page import EXAMPLES
from tests.support.predictions import begun_late, write_clip


@pytest.fixture(scope="module")
def case():
    return service.open_case(next(p for p in EXAMPLES if p.stem == "seen_negative"))


@pytest.fixture(scope="module")
def found(case):
    return explanations.map_of(case, explanations.quick_request(case, 0, {}))


@pytest.fixture(scope="module")
def show(case, found):
    words = Words("en")
    drawn = document.map_document(words, case, [found], "Map of “negative”")
    return document.clip_document(words, case) | drawn


@pytest.fixture(scope="module")
def written(case, found, show, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    made = files.write_files(folder, show, case, [found], "de")
    return {path.name: path for path in made}


def test_the_table_holds_the_map_and_the_answer(written, case, found):
    lines = written["moments.csv"].read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(lines))
    whole = sum(float(row["picture"]) + float(row["sound"]) for row in rows)
    total = sum(float(values.sum()) for values in found.maps.values())
    assert len(rows) == 20 and whole == pytest.approx(total, abs=1e-3)
    assert float(rows[0]["start_s"]) == 0 and rows[0]["end_s"] == rows[1]["start_s"]
    said = case.prediction.timeline[0].probabilities
    assert {name: float(rows[3][name]) for name in said} == pytest.approx(said)
    counts = {int(row["faces"]) for row in rows if row["faces"]}
    assert max(counts) == case.prediction.presence.most_faces


def test_the_captions_are_subrip(written, case):
    text = written["captions.srt"].read_text(encoding="utf-8")
    end_s = case.prediction.timeline[-1].end_s
    assert text.startswith("1\n00:00:00,000 --> 00:00:0") and "Negative" in text
    assert len(re.findall(r"^\d\d:\d\d:\d\d,\d{3} --> ", text, re.M)) == len(
        case.prediction.timeline
    )
    assert f"{end_s:06.3f}".replace(".", ",") in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00:00,000"), (59.9996, "00:01:00,000"), (3661.25, "01:01:01,250")],
)
def test_times_of_captions(seconds, text):
    shown = {"answers": [{"start_s": seconds, "end_s": seconds, "text": "x"}]}
    assert files.captions(shown) == f"1\n{text} --> {text}\nx\n"


def test_words_of_a_visitor_cannot_leave_their_place(show):
    name = "</script><script>alert(1)</script>.mp4"
    page = files.offline_page(show | {"title": name, "url": "data:,"}, "<b>", "en")
    assert "<script>alert" not in page and "<b>" not in page
    assert page.count("</script>") == 3
    data = re.search(r'id="clip">(.*?)</script>', page, re.S).group(1)
    assert json.loads(data)["title"] == name


@pytest.mark.parametrize(
    ("name", "ending"), [("odd.mkv", "webm"), ("voice.wav", "webm"), ("own.mp4", "mp4")]
)
def test_a_clip_that_not_every_browser_plays_becomes_a_film(tmp_path, name, ending):
    path = write_clip(tmp_path / name, 1.0, picture=name != "voice.wav")
    clip = load_clip(path)
    url = files.data_url(clip, media_facts(clip))
    assert url.startswith(f"data:video/{ending};base64,") and len(url) > 2000


def test_a_clip_on_another_clock_than_its_map_becomes_a_film(tmp_path):
    """Chromium waits for a first frame that is due at 5 s, Firefox shows it at once."""
    clip = load_clip(begun_late(write_clip(tmp_path / "a.mp4", 1.0), tmp_path / "late.mp4", 5))
    assert clip.origin_s == pytest.approx(5, abs=0.1) and clip.duration_s < 1.2
    assert files.data_url(clip, media_facts(clip)).startswith("data:video/webm")


def test_a_stop_ends_the_making_of_a_film(tmp_path):
    path = write_clip(tmp_path / "odd.mkv", 1.0)
    clip = load_clip(path)

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        files.data_url(clip, media_facts(clip), stop)


@pytest.mark.browser
def test_the_page_plays_alone_and_asks_for_nothing(written, case):
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    with api.sync_playwright() as player:
        program = player.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = program.new_page(viewport={"width": 1280, "height": 900})
        asked, wrong = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
        page.goto(written["player.html"].as_uri())
        page.wait_for_function("document.querySelector('video').readyState >= 2")
        assert page.locator(".player-of").inner_text() == "Map of “negative”"
        page.locator(".player-peak").first.click()
        track = page.get_by_role("slider", name="Time in the clip")
        track.focus()
        before_s = float(track.get_attribute("aria-valuenow"))
        page.keyboard.press("PageUp")
        page.wait_for_function(
            f"document.querySelector('.player-track').ariaValueNow > {before_s} + 0.5"
        )
        page.get_by_role("button", name="Play").click()
        page.wait_for_function("!document.querySelector('video').paused")
        program.close()
    assert wrong == [] and all(url.startswith(("file:", "data:")) for url in asked)
