"""Names of labels: one spelling, a fixed order, numbers said or refused."""

from collections import Counter

import pytest

from emo_core.data.corpus import CorpusError
from emo_core.data.folder.spellings import (
    alike_remarks,
    label_remarks,
    one_spelling,
    ordered,
)


def test_the_commonest_spelling_is_taken():
    spelling, notes = one_spelling({"Happy": 1, "happy": 5, "very_sad": 2, "Very sad": 1, "x": 1})
    assert spelling["Happy"] == "happy" and spelling["Very sad"] == "very_sad"
    assert len(notes) == 2 and "'Happy' (1×) and 'happy' (5×)" in notes[0]
    assert one_spelling({"1.0": 1, "1": 2})[0] == {"1.0": "1", "1": "1"}


def test_order_is_that_of_shipped_models_else_by_size_or_alphabet():
    assert ordered(["negative", "Positive"]) == ("Positive", "negative")
    assert ordered(["10", "9", "b", "A"]) == ("9", "10", "A", "b")
    assert ordered(["sad", "anger"]) == ("anger", "sad")


def test_what_numbers_can_be():
    assert "are numbers" in label_remarks(Counter({"1": 3, "2": 4}), "t")[0]
    for many in ([str(i) for i in range(21)], ["0.5"]):
        with pytest.raises(CorpusError, match="expected class names"):
            label_remarks(Counter(many), "t")
    assert "transcript?" in label_remarks(Counter({"word " * 20: 1}), "t")[0]


@pytest.mark.parametrize(
    "copy", ["happy (1)", "Happy(2)", "happy - Copy", "happy - Kopie (2)", "happy copy", "happy 2"]
)
def test_a_copy_of_a_label_folder_is_said(copy):
    (note,) = alike_remarks(["happy", copy, "sad"])
    assert f"'happy' and '{copy}'" in note and "'sad'" not in note


@pytest.mark.parametrize(
    "short,long", [("pos", "Positive"), ("neu.", "neutral"), ("sad", "sadness")]
)
def test_a_label_that_begins_another_is_said(short, long):
    (note,) = alike_remarks([short, long, "x"])
    assert f"'{short}' and '{long}'" in note


@pytest.mark.parametrize(
    "labels",
    [
        ["level 1", "level 2"],
        ["happy", "sad", "surprise"],
        ["happy", "happy loud"],
        ["a", "an", "and"],
        ["1", "10", "100"],
        ["calm", "not calm"],
        [f"word{'x' * n}" for n in range(101)],
    ],
)
def test_labels_that_are_different_are_left_alone(labels):
    assert alike_remarks(labels) == []
