"""Of a mistake that no check knows, a reply says where it shows and what wrong numbers share."""

import pytest
import torch
from exercises.grading import Mistake
from exercises.modules import compare

RIGHT = torch.arange(6.0).reshape(3, 2) + 1
ROWS = ("for the whole clip", "for the short one", "for the empty one")


def other(*rows: int) -> torch.Tensor:
    """The right numbers, but for some rows."""
    found = RIGHT.clone()
    found[list(rows)] = torch.tensor([9.0, -3.5])
    return found


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (3 * RIGHT, "Every number is 3 times"),
        (-RIGHT, "Every number is -1 times"),
        (RIGHT + 0.25, "Every number is 0.25 too large"),
        (RIGHT.flip(0), "right numbers in other places"),
        (other(2), "right for the whole clip and for the short one, and wrong for the empty one."),
        (other(1, 2), "right for the whole clip, and wrong for the short one and for the empty"),
        (other(0, 1), "wrong even for the whole clip, so it is no mask"),
    ],
)
def test_a_mistake_that_is_not_known_is_placed(found, words):
    with pytest.raises(Mistake, match=words):
        compare(found, RIGHT, rows=ROWS)


def test_without_names_of_rows_only_the_number_is_told():
    with pytest.raises(Mistake, match=r"got -3.5\.$"):
        compare(other(1), RIGHT)
    compare(RIGHT, RIGHT, rows=ROWS)


def test_opposite_answers_are_seen():
    kept = torch.tensor([True, False, True])
    with pytest.raises(Mistake, match="the opposite"):
        compare(~kept, kept)
