"""What is chosen after training: which values it takes, and the interval in words."""

import math

import pytest

from emo_core.tasks.calibration import UNCALIBRATED, Calibration, absent_words, span


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.inf, math.nan])
def test_a_temperature_that_is_no_number_above_zero_is_refused(wrong):
    with pytest.raises(ValueError, match=r"temperature is .*, expected a number above 0"):
        Calibration(wrong)


def test_uncalibrated_changes_nothing():
    assert Calibration(1.0, 0.5, ()) == UNCALIBRATED
    assert Calibration(1e-3).temperature == 1e-3


def test_the_interval_is_said_in_order_with_three_digits():
    assert span({"interval": [0.12345, 0.9]}) == "95 % 0.123 to 0.900"


def test_scores_of_older_checkpoints_do_not_say_which_classes_are_absent():
    assert absent_words({}) == "" == absent_words({"absent": []})
    assert absent_words({"absent": ["sad"]}) == "; no clip of sad, which means leave out"
    assert span({"interval": None, "interval_note": "2 sources"}) == "no interval: 2 sources"
