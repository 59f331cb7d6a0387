"""Cells: numbers, times, yes and no in the words of several programs."""

import pytest

from emo_core.data.tables.cells import clean_cell, is_blank, parse_number, parse_seconds, parse_yes


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("5", 5), ("5,25", 5.25), ("5.25", 5.25), (".5", 0.5), ("5.25 s", 5.25), ("5s", 5)),
        *(("250 ms", 0.25), ("2 min", 120), ("0:05", 5), ("1:05.5", 65.5), ("0:01:05,250", 65.25)),
        *(("00:00:05", 5), ("1e-1", 0.1), ("1:00:00", 3600), ("90:00", 5400)),
    ],
)
def test_times_are_seconds(text, seconds):
    assert parse_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["-1", "1.234,5", "1_000", "nan", "inf", "0:61", "1:75:00", "0:00:05:12", "5 pm", "x"]
)
def test_what_is_no_time_names_the_form(text):
    with pytest.raises(ValueError, match=r"found .*expected seconds such as 5.25 .* 0:05"):
        parse_seconds(text)


def test_numbers_take_commas_and_the_minus_of_typesetters():
    assert parse_number("−0,5") == -0.5 and parse_number("+1") == 1
    with pytest.raises(ValueError, match="'a', expected a number such as 0.5"):
        parse_number("a")


def test_yes_and_no_in_several_languages():
    assert all(parse_yes(w) for w in ("1", "TRUE", "Wahr", "x", "yes", "1,0", "oui"))
    assert not any(parse_yes(w) for w in ("0", "FALSE", "falsch", "no", "0.0"))
    assert parse_yes("NA") is None
    with pytest.raises(ValueError, match="'2', expected 1 or 0"):
        parse_yes("2")


def test_blank_is_blank_in_every_program():
    assert all(map(is_blank, ("", "NA", "NaN", "nan", "#N/A", "null")))
    assert not is_blank("none")  # a class that people use
    assert clean_cell(" \ufeff'x' ") == "x" and clean_cell('="007"') == "007"
