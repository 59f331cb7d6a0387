"""What a sentence offers in place of an unknown name."""

import pytest

from emo_core.errors import MOST_NAMES, name_choices

MANY = [f"part{letter}.of_{letter}" for letter in "abcdefghijklmnop"] + ["train.lr", "train.epochs"]


def test_few_names_are_all_listed():
    few = [str(number) for number in range(MOST_NAMES)]
    assert name_choices("x", few, "emo list x") == f"expected one of {', '.join(few)}"


@pytest.mark.parametrize(
    ("name", "near"),
    [("epoch", "train.epochs"), ("trian.lr", "train.lr"), ("EPOCHS", "train.epochs")],
)
def test_of_many_names_the_nearest_are_offered(name, near):
    said = name_choices(name, MANY, "emo list x")
    assert said.startswith(f"expected one such as {near}") and said.count(", ") < 3
    assert said.endswith("; `emo list x` lists all 18")


def test_where_none_is_near_the_command_is_named():
    assert name_choices("~", MANY, "emo list x") == "expected one of the 18 that `emo list x` lists"
