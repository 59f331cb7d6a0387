"""Every shipped checkpoint is small and its card says what it was made of and may be used for."""

from dataclasses import asdict

import pytest

from emo_core.checkpoint import CARD, SHIPPED, WEIGHTS, load_checkpoint, shipped_checkpoints
from emo_core.data.statement import STATEMENT, parse_statement
from tests.conftest import ROOT

LARGEST = 8_000_000  # bytes
PARTS = (
    "Scores on held-out sources",
    "Calibration",
    "Sources",
    "Labels",
    "Licence",
    "Known failures",
    "Intended and forbidden use",
)


@pytest.mark.parametrize("name", shipped_checkpoints())
def test_a_shipped_checkpoint_is_small_and_has_a_whole_card(name):
    folder = SHIPPED / name
    assert sum(path.stat().st_size for path in folder.iterdir()) <= LARGEST
    text = (folder / CARD).read_text(encoding="utf-8")
    for part in PARTS:
        assert f"## {part}\n" in text, part
    checkpoint = load_checkpoint(name)
    assert checkpoint.data_warning in text
    stated = parse_statement((folder / STATEMENT).read_text(encoding="utf-8"))
    assert stated and asdict(stated) == checkpoint.training["data_statement"]
    for part in (stated.sources, stated.label_mapping, stated.licence, stated.failures):
        assert part in text
    assert "never what a person feels" in text and (folder / WEIGHTS).is_file()


def test_what_real_recordings_taught_is_for_research_and_teaching_only():
    for name in shipped_checkpoints():
        text = (SHIPPED / name / CARD).read_text(encoding="utf-8")
        real = load_checkpoint(name).training["corpus"] in ("collage", "utterances")
        assert ("CC BY-NC-SA 4.0" in text and "research and teaching only" in text) == real
        assert ("RAVDESS" in text and "EMO-DB" in text and "ESC-10" in text) == real


@pytest.mark.real_data
def test_a_tint_does_not_change_what_people_are_told(real_data, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from benchmarks.experiments import real_clips as people

    checkpoint = load_checkpoint("group-collage")
    for path in sorted((real_data / "clips" / "cremad").iterdir()):
        told = people.tinted(checkpoint, people.open_clip(path))
        shown = {"not sure" if unsure else label for label, unsure in told.values()}
        assert len(told) == 4 and len(shown) == 1, (path.name, told)
