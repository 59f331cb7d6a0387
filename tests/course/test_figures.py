"""The form of figures: planted faults are seen, good figures have none."""

import base64
import html
import json
import re

import figures
import hovering
import lesson
import matplotlib.pyplot as plt
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _apart(monkeypatch, tmp_path):
    plt.close("all")
    yield
    plt.close("all")


def line(**changes):
    figure, axis = plt.subplots()
    axis.plot([1, 2])
    axis.set(**{"title": "It rises", "xlabel": "time (s)", "ylabel": "score"} | changes)
    return figure


def image(cmap="cividis", bar=True, **changes):
    figure, axis = plt.subplots()
    shown = axis.imshow(np.eye(3), cmap=cmap)
    axis.set(**{"title": "It is warm", "xlabel": "x (m)", "ylabel": "y (m)"} | changes)
    if bar:
        figure.colorbar(shown, label="heat")
    return figure


def photograph():
    figure, axis = plt.subplots()
    axis.imshow(np.zeros((3, 3, 3)))
    axis.axis("off")
    axis.set_title("A street")
    return figure


def shared():
    figure, axes = plt.subplots(2, 1, sharex=True)
    for axis in axes:
        axis.plot([1, 2])
        axis.set_ylabel("score")
    axes[1].set_xlabel("time (s)")
    axes[0].set_title("Two")
    return figure


def categories():
    figure = line(xlabel="")
    figure.axes[0].set_xticks([0, 1], ["late", "early"])
    return figure


@pytest.mark.parametrize("make", [line, image, photograph, shared, categories])
def test_good_figures_have_no_faults(make):
    assert figures.form(make())["faults"] == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: line(title=""), "no title"),
        (lambda: line(xlabel=""), "no x label"),
        (lambda: line(ylabel=""), "no y label"),
        (lambda: line(title="accuracy (blue), recall (orange)"), "a legend stands in the title"),
        (lambda: image(bar=False), "colours without a bar"),
        (lambda: image(cmap="RdYlGn"), "the colours RdYlGn"),
    ],
)
def test_planted_faults_are_seen(make, words):
    assert any(fault.startswith(words) for fault in figures.form(make())["faults"])


def test_what_is_shown_is_recorded_and_projected(tmp_path, monkeypatch):
    monkeypatch.setenv("EMO_LESSON_RECORD", str(tmp_path / "record.jsonl"))
    monkeypatch.setattr(lesson, "FIGURES", tmp_path / "figures")
    monkeypatch.setattr(plt, "show", lambda: None)
    with plt.rc_context():
        lesson.start(project=True)
        line()
        plt.show()
        assert lesson.fact("height", 2) == 2
        assert plt.rcParams["font.size"] == 16
    entries = [json.loads(text) for text in (tmp_path / "record.jsonl").read_text().splitlines()]
    assert entries == [
        {"figure": {"titles": 1, "colour_bars": 0, "faults": []}},
        {"fact": {"name": "height", "value": 2.0}},
    ]
    (picture,) = (tmp_path / "figures").glob("*.png")
    assert plt.imread(picture).shape[1] == 1600


def test_a_clip_is_shown_with_its_sound(monkeypatch, tmp_path):
    monkeypatch.setattr(lesson, "STILL", False)
    page = lesson.watch(lesson.example("both_positive")).data
    assert "controls" in page and 'src="data:video/mp4;base64,AAAA' in page
    monkeypatch.setattr(lesson, "STILL", True)
    page = lesson.watch(lesson.example("both_positive")).data
    assert "../assets/examples/both_positive.mp4" in page and len(page) < 300
    assert "Here own.mp4 plays" in lesson.watch(tmp_path / "own.mp4").data
    monkeypatch.setattr(lesson, "STILL", False)
    monkeypatch.setattr(lesson, "LARGEST_EMBEDDED", 10)
    (tmp_path / "<b>.mp4").write_bytes(bytes(11))
    assert "&lt;b&gt;.mp4 is too large" in lesson.watch(tmp_path / "<b>.mp4").data


def drawn():
    figure, axes = plt.subplots(1, 2, sharey=True)
    axes[0].fill_between([0, 1, 2], [0, 3, 0], alpha=0.4)
    axes[0].plot([0, 1, 2], [0, 3, np.nan], "--", color="#0072B2", label="loud")
    axes[0].axhline(1)
    axes[0].set(title="Two\nlines", xlabel="time (s)", ylabel="score")
    axes[0].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    axes[1].bar([1, 2], [0.5, -0.25], 0.8)
    axes[1].axvspan(1, 2, alpha=0.25)
    axes[1].scatter(0.7, 0.9, 200, label="31 answers")
    return hovering.plotly_form(figure)


def test_a_figure_is_told_to_plotly_as_it_stands():
    form = drawn()
    area, loud, level, bars, dot = form["data"]
    assert loud["x"][:2] == [0, 1] and loud["y"] == [0, 3, None] and loud["mode"] == "lines"
    assert loud["line"]["dash"] == "dash" and loud["line"]["color"] == "#0072b2"
    assert loud["hovertemplate"].startswith("<b>loud</b><br>time (s): %{x")
    assert area["fill"] == "toself" and area["hoverinfo"] == level["hoverinfo"] == "skip"
    assert bars["type"] == "bar" and bars["y"] == [0.5, -0.25] and "y: %" in bars["hovertemplate"]
    assert dot["name"] == "31 answers" and dot["xaxis"] == "x2" and dot["marker"]["size"][0] > 10
    layout = form["layout"]
    (shade,) = layout["shapes"]
    assert (shade["x0"], shade["x1"], shade["xref"]) == (1, 2, "x2")
    assert layout["annotations"][0]["text"] == "Two<br>lines"
    assert layout["yaxis"]["showticklabels"] and not layout["yaxis2"]["showticklabels"]
    left, right = layout["xaxis"]["domain"], layout["xaxis2"]["domain"]
    assert 0 < left[0] < left[1] < layout["legend"]["x"] and left[1] < right[0] < right[1] < 1
    json.dumps(form, allow_nan=False)


def test_numbers_under_the_pointer_stand_beside_the_still_picture(monkeypatch, tmp_path):
    monkeypatch.setenv("EMO_LESSON_RECORD", str(tmp_path / "record.jsonl"))
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    line()
    lesson.hover()
    assert shown[0]["image/png"].startswith("iVBORw0KGgo") and not plt.get_fignums()
    assert shown[0][hovering.MIME]["data"][0]["y"] == [1, 2]
    assert '"titles": 1' in (tmp_path / "record.jsonl").read_text()


@pytest.mark.parametrize("path", sorted(lesson.DIAGRAMS.glob("*.svg")), ids=lambda p: p.stem)
def test_a_diagram_is_shown_by_any_viewer_with_its_description(path):
    shown = lesson.diagram(path.stem).data
    (alt,) = re.findall(r'alt="([^"]{100,})"', shown)
    (held,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', shown)
    assert base64.b64decode(held) == path.read_bytes()
    assert html.escape(alt.split(",")[0]) in path.read_text() and "http" not in shown
