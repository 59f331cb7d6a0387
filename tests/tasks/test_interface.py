"""What inference asks of a task, the windows that it answers about, and what is calibrated."""

import math

import pytest
import torch

from emo_core.tasks import TASKS, Calibration, ValenceArousal, WindowLogits, mean_over
from emo_core.tasks.interface import UNCALIBRATED, Task, absent_words, span

NO_MOMENTS = torch.zeros(2, 0).bool()


def two_windows(logits):
    return WindowLogits(torch.tensor(logits), NO_MOMENTS, torch.tensor([0.75, 0.25]))


def test_a_single_label_is_the_best_of_all_windows():
    task = TASKS["single_label"](("a", "b"))
    answer = task.answer(two_windows([[4.0, 0.0], [0.0, 4.0]]), Calibration(2.0, 0.5))
    rows = torch.tensor([[2.0, 0.0], [0.0, 2.0]]).softmax(-1)
    torch.testing.assert_close(answer.windows, rows)
    torch.testing.assert_close(answer.clip, 0.75 * rows[0] + 0.25 * rows[1])
    assert answer.label == "a" and answer.are_probabilities and not answer.abstains
    assert answer.present is None and answer.moments is None
    unsure = task.answer(two_windows([[4.0, 0.0], [0.0, 4.0]]), Calibration(2.0, 0.9))
    assert unsure.abstains and unsure.label == "a"


def test_several_labels_may_be_there_or_none():
    task = TASKS["multi_label"](("a", "b", "c"))
    logits = [[3.0, 2.0, -3.0], [3.0, 2.0, -3.0]]
    assert task.answer(two_windows(logits)).present == ("a", "b")
    strict = task.answer(two_windows(logits), Calibration(thresholds=(0.9, 0.99, 0.01)))
    assert strict.present == ("a", "c") and strict.label == "a" and not strict.abstains


def test_values_are_means_of_real_moments():
    logits = torch.tensor([[[0.5, -3.0], [0.9, 0.9]], [[0.1, 0.0], [0.3, 1.0]]])  # (2, S, 2)
    mask = torch.tensor([[True, False], [True, True]])
    found = WindowLogits(logits, mask, torch.tensor([0.5, 0.5]))
    answer = ValenceArousal().answer(found)
    torch.testing.assert_close(answer.windows, torch.tensor([[0.5, -1.0], [0.2, 0.5]]))
    torch.testing.assert_close(answer.clip, torch.tensor([0.35, -0.25]))
    assert answer.label is None and not answer.are_probabilities and not answer.abstains
    torch.testing.assert_close(answer.moments, logits.clamp(-1, 1))
    nothing = WindowLogits(logits, mask & False, found.weights)
    assert ValenceArousal().answer(nothing).abstains


def test_equal_windows_count_alike():
    found = WindowLogits.of_equal_windows(torch.zeros(4, 2), torch.zeros(4, 0).bool())
    torch.testing.assert_close(found.mean(torch.eye(4)), torch.full((4,), 0.25))


def test_a_window_without_a_moment_has_no_mean_but_zero():
    values = torch.tensor([[[1.0], [3.0]], [[5.0], [7.0]]])
    mask = torch.tensor([[True, True], [False, False]])
    assert mean_over(values, mask).tolist() == [[2.0], [0.0]]


@pytest.mark.parametrize("kind", TASKS.values())
def test_every_task_has_what_the_protocol_names(kind):
    names = [name for name in vars(Task) if not name.startswith("_")]
    assert len(names) >= 12 and all(hasattr(kind(), name) for name in names)


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
