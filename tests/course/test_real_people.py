"""The lesson of real people stores numbers and plots, and nothing of the people."""

import csv
import json
from pathlib import Path

import figures
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest

from emo_core.checkpoint import find_checkpoint
from emo_core.schema import POLARITIES

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSON = NOTEBOOKS / "11_real_people.ipynb"
ROWS = list(
    csv.DictReader((NOTEBOOKS / "real_people.csv").read_text(encoding="utf-8").splitlines())
)
MADE = json.loads((NOTEBOOKS / "real_people.json").read_text(encoding="utf-8"))
ALLOWED = {"text/plain", "text/html", "image/png"}
MEDIA = ("<img", "<audio", "<video", "data:image", "data:audio", "data:video", "base64")
SHOWN = ("imread", "lesson.watch", "lesson.listen", "lesson.strip", "Image(", "Audio(", "Video(")


def scores(which: str, given: str) -> tuple[np.ndarray, np.ndarray]:
    rows = [row for row in ROWS if row["set"] == which]
    p = np.array([[float(row[f"{given}_{name}"]) for name in POLARITIES] for row in rows])
    return p, np.array([POLARITIES.index(row["truth"]) for row in rows])


def test_the_stored_page_has_no_picture_and_no_sound_of_anybody():
    notebook = nbformat.read(LESSON, as_version=4)
    pictures = 0
    for cell in notebook.cells:
        assert not any(word in cell.source for word in SHOWN), cell.source
        assert not cell.get("attachments")
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            assert set(data) <= ALLOWED
            assert not any(word in data.get("text/html", "") for word in MEDIA)
            pictures += "image/png" in data
    shown = notebook.metadata["emo"]["figures"]
    assert pictures == len(shown)  # each picture is a figure that was looked at when drawn
    assert not any(figure.get("photographs") for figure in shown)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 3)])
def test_a_photograph_in_a_figure_is_seen(shape):
    figure, axis = plt.subplots()
    axis.imshow(np.zeros(shape), cmap="gray")
    assert figures.form(figure)["photographs"] == 1
    plt.close(figure)


def test_the_table_holds_numbers_and_names_of_sources_only():
    assert len(ROWS) == 1594
    for row in ROWS:
        assert not any(value.endswith((".jpg", ".flac", ".mp4", ".wav")) for value in row.values())
        assert row["truth"] in POLARITIES
    persons = {row["source"] for row in ROWS if row["set"] == "face"}
    assert all(name.startswith("person ") for name in persons)


@pytest.mark.parametrize(
    ("which", "given", "uar"),
    [("collage", "both", 0.865), ("voice", "sound", 0.763), ("face", "picture", 0.735)],
)
def test_the_table_is_what_the_model_s_own_card_says(which, given, uar):
    p, truth = scores(which, given)
    np.testing.assert_allclose(p.sum(1), 1, atol=2e-3)
    right = p.argmax(1) == truth
    assert np.mean([right[truth == c].mean() for c in range(3)]) == pytest.approx(uar, abs=5e-4)
    measured = (find_checkpoint("group-people") / "MEASURED.md").read_text(encoding="utf-8")
    assert f"{uar:.3f}" in measured


def test_the_table_says_which_weights_answered():
    import hashlib

    weights = (find_checkpoint("group-people") / "model.safetensors").read_bytes()
    assert MADE["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    assert {"date", "command", "commit", "split"} <= set(MADE) and MADE["split"] == "test"
