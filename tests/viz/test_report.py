"""The report: one HTML file that needs nothing else, whose words are never markup."""

import html
import re
from dataclasses import replace

import pytest
import torch

from emo_core.attribution.methods import explain_window
from emo_core.attribution.types import Target
from emo_core.inference.prediction import Span
from emo_core.viz import report
from emo_core.viz.attribution import mel_overlay
from tests.support.explained import planted, planted_sample
from tests.support.predictions import TWO, made_prediction


@pytest.fixture(scope="module")
def explanation():
    checkpoint, sample = planted(), planted_sample()
    found = explain_window(checkpoint, sample, Target("red", 0), "saliency", "fast")
    said = {"red": 0.25, "green": 0.75}
    prediction = replace(
        made_prediction(TWO),
        labels=("red", "green"),
        probabilities=said,
        label="green",
        timeline=(Span(0.0, 5.0, said), Span(5.0, 9.0, said)),
    )
    share = {"video": 0.5, "audio": -0.25}
    return report.Explanation(checkpoint, prediction, sample, found, share, None, None, ())


def own(page: str) -> str:
    """The page without plotly's code, which is the first script."""
    return page.replace(re.search(r"<script>.*?</script>", page, re.S)[0], "", 1)


def test_a_report_needs_nothing_but_itself(explanation):
    page = report.page(explanation)
    assert page.startswith("<!doctype html>") and page.count("plotly.js v") == 1
    assert not re.search(r"(src|href)=[\"']?(?!data:)\w", own(page))
    assert "http:" not in own(page) and "https:" not in own(page)
    assert own(page).count("<section>") == own(page).count("</section>") == 7


def test_it_says_the_answer_the_target_and_what_it_is_not(explanation):
    page = own(report.page(explanation))
    assert "green 75 %, red 25 %." in page
    assert "What matters for “red” in made.mp4" in page, (
        "green is the answer, and saliency has no sign"
    )
    assert html.escape(report.CAPTION) in page
    assert "saliency, preset fast" in page
    assert "the stronger the orange" in page and "orange raises" not in page, "it has no sign"
    assert '<div class="scale half">' in page and "lowers the score" not in page
    signed = replace(explanation, attribution=replace(explanation.attribution, signed=True))
    assert "What raises and lowers “red” in made.mp4" in own(report.page(signed))
    assert '<div class="scale">' in own(report.page(signed))
    assert "not checked" in page and "attends to" not in page
    told = replace(explanation, prediction=replace(explanation.prediction, label="red"))
    assert "Why made.mp4 was called “red”" in own(report.page(told))
    unsure = replace(told, prediction=replace(told.prediction, abstains=True))
    assert "What matters for “red”" in own(report.page(unsure))
    unsure = replace(explanation, prediction=replace(explanation.prediction, abstains=True))
    assert "Not sure: green" in own(report.page(unsure))
    affect = replace(explanation.prediction, values={"valence": 0.25, "arousal": -1.0})
    assert "valence +0.25, arousal -1.00" in own(
        report.page(replace(explanation, prediction=affect))
    )


def test_names_of_clips_and_notes_are_never_markup(explanation):
    evil = replace(explanation.prediction, clip="<b>x</b>&.mp4", notes=("<i>y</i>",))
    page = own(report.page(replace(explanation, prediction=evil)))
    assert "<b>x" not in page and "<i>y" not in page
    assert "&lt;b&gt;x&lt;/b&gt;&amp;.mp4" in page and "&lt;i&gt;y&lt;/i&gt;" in page


def test_it_is_written_whole_or_not_at_all(explanation, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    report.write_report(path, explanation)
    whole = path.read_text(encoding="utf-8")
    assert whole.endswith("</body></html>\n")
    monkeypatch.setattr(report, "_settings", lambda explanation, write: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report.write_report(path, explanation)
    assert path.read_text(encoding="utf-8") == whole and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("signed", [True, False])
def test_the_scale_of_a_sound_map_without_a_sign_starts_at_nothing(explanation, signed):
    found = replace(explanation.attribution, signed=signed)
    heat = mel_overlay(found, explanation.sample).data[1]
    assert heat.zmin == (-heat.zmax if signed else 0)
    assert len(heat.colorbar.tickvals) == (3 if signed else 1), "strength has no unit"
    assert (heat.colorscale[0][1] == "rgba(0,114,178,0.8)") == signed


@pytest.mark.parametrize("words", [0, 4])
@pytest.mark.parametrize("signed", [True, False])
def test_what_words_did_is_said_where_there_are_words_and_a_sign(explanation, words, signed):
    found = explanation.attribution
    maps = found.maps | {"tokens": torch.tensor([0.5, 0.25, 0.0, 0.0])}
    sample = replace(
        explanation.sample,
        tokens=torch.zeros(4, dtype=torch.int64),
        token_mask=torch.arange(4) < words,
    )
    found = replace(found, maps=maps, signed=signed)
    share = explanation.share | {"text": 0.0}
    page = own(report.page(replace(explanation, attribution=found, sample=sample, share=share)))
    assert ("the words change the score by +0.75" in page) == (signed and words > 0)
    assert (", words +0.00" in page) == (words > 0)


def test_a_map_of_whole_frames_says_that_it_has_no_places(explanation):
    found = explanation.attribution
    assert "tells when, not where" not in own(report.page(explanation))
    even = {name: torch.ones_like(values) for name, values in found.maps.items()}
    page = own(report.page(replace(explanation, attribution=replace(found, maps=even))))
    assert "tells when, not where" in page
