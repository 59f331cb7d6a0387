"""A card is made again from data: what is edited there comes into card and answers."""

import json
import shutil

import pytest
import write_card

from emo_core.checkpoint import (
    CARD,
    CONFIG,
    MEASURED,
    SHIPPED,
    load_checkpoint,
    shipped_checkpoints,
)
from emo_core.data.statement import STATEMENT


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(SHIPPED / "group-staged", tmp_path / "mine")


@pytest.mark.parametrize("name", shipped_checkpoints())
def test_a_shipped_card_is_what_its_data_makes(name):
    text = (SHIPPED / name / CARD).read_text(encoding="utf-8")
    assert write_card.whole_card(SHIPPED / name) == text


def test_failures_and_numbers_are_data(folder):
    text = (folder / STATEMENT).read_text(encoding="utf-8")
    failure = "Of eight clips of one man it reads three; a street is called positive."
    (folder / STATEMENT).write_text(
        text.replace("Anything that is not one of these drawings.", failure), encoding="utf-8"
    )
    (folder / MEASURED).write_text("## Measured\n\n| a | 0.5 |\n", encoding="utf-8")
    before = json.loads((folder / CONFIG).read_text())
    assert write_card.main([str(folder)]) == 0
    card = (folder / CARD).read_text(encoding="utf-8")
    assert failure in card and card.endswith("\n\n## Measured\n\n| a | 0.5 |\n")
    after = load_checkpoint(folder)
    assert after.training["data_statement"]["failures"] == failure
    before["training"]["data_statement"]["failures"] = failure
    assert json.loads((folder / CONFIG).read_text()) == before


def test_a_statement_with_a_part_missing_changes_nothing(folder, capsys):
    card = (folder / CARD).read_text(encoding="utf-8")
    text = (folder / STATEMENT).read_text(encoding="utf-8")
    (folder / STATEMENT).write_text(text.replace("MIT, as the code.", ""), encoding="utf-8")
    assert write_card.main([str(folder)]) == 1
    assert "says nothing under Licence" in capsys.readouterr().err
    assert (folder / CARD).read_text(encoding="utf-8") == card
