"""Sources are guessed and dealt to splits: deterministic, disjoint, and said."""

from collections import Counter

import numpy as np
import pytest

from emo_core.data.folder.splits import deal_splits, guess_groups
from emo_core.data.tables.aliases import split_word


@pytest.mark.parametrize(
    ("names", "labels", "first", "how"),
    [
        (["anna_1.mp4", "anna_2.mp4", "bo_1.mp4", "bo_2.mp4"], "xyxy", "anna", "first part"),
        (["101_10.mp4", "101_2.mp4", "7_1.mp4", "7_2.mp4"], "xyyx", "101", "first part"),
        (["a/1.mp4", "a/2.mp4", "b/1.mp4", "b/2.mp4"], "xyxy", "a", "folder"),
        (  # CREMA-D: the last part is the level, the third the emotion
            [f"{p}_DFA_{e}_XX.mp4" for p in (1001, 1002, 1003) for e in ("ANG", "SAD")],
            "asasas",
            "1001",
            "first part",
        ),
        ([f"exp_{p}_{i}.mp4" for p in "ab" for i in range(3)], "xyxyxy", "exp_a", "without the"),
        (
            [f"anna{i}.mp4" for i in range(3)] + [f"bo{i}.mp4" for i in range(3)],
            "xyxyxy",
            "anna",
            "number at the end",
        ),
        (["happy_1.mp4", "happy_2.mp4", "sad_1.mp4", "sad_2.mp4"], "hhss", "happy_1.mp4", "file"),
        (["a.mp4", "b.mp4", "c.mp4"], "xyx", "a.mp4", "its file"),
        (["long.mp4"] * 3 + ["b.mp4"] * 3, "xyxyxy", "long.mp4", "its file"),
    ],
)
def test_sources_are_guessed_from_names(names, labels, first, how):
    guess = guess_groups(names, labels)
    assert guess.groups[0] == first and how in guess.how


def test_every_source_is_in_one_split_always_the_same():
    rng = np.random.default_rng(0)
    groups = [f"g{g}" for g in rng.integers(0, 40, 900)]
    labels = rng.choice(["a", "b", "c"], 900, p=[0.7, 0.2, 0.1]).tolist()
    dealt = deal_splits(groups, labels)
    assert dealt == deal_splits(groups, labels) and dealt.keys() == set(groups)
    order = rng.permutation(900)
    assert dealt == deal_splits([groups[i] for i in order], [labels[i] for i in order])
    counts = Counter(dealt[g] for g in groups)
    assert all(abs(counts[s] / 900 - share) < 0.05 for s, share in (("val", 0.15), ("test", 0.15)))
    rare = Counter(dealt[g] for g, label in zip(groups, labels, strict=True) if label == "c")
    assert min(rare.values()) >= 5 and len(rare) == 3


@pytest.mark.parametrize(
    ("groups", "splits"),
    [("a", {"train"}), ("ab", {"train", "val"}), ("abc", {"train", "val", "test"})],
)
def test_few_sources_fill_the_splits_that_matter_most(groups, splits):
    assert set(deal_splits(list(groups) * 4, ["x"] * len(groups) * 4).values()) == splits


def test_the_largest_source_trains():
    assert deal_splits(["big"] * 90 + list("abcdefghij"), ["x"] * 100)["big"] == "train"


def test_many_classes_and_sources_are_dealt_in_time_and_memory():
    groups = [f"g{i}" for i in range(40_000)]
    assert len(deal_splits(groups, [str(i % 1000) for i in range(40_000)])) == 40_000


def test_words_for_splits():
    assert split_word("Held-Out") == "test" and split_word("DEV") == "val" and split_word("a") == ""


def test_train_has_every_class_where_sources_are_few():
    for sources in (4, 6, 8):
        labels = [("happy", "calm")[i % 2] for i in range(sources)]
        dealt = deal_splits([f"s{i}" for i in range(sources)], labels)
        trains = [label for i, label in enumerate(labels) if dealt[f"s{i}"] == "train"]
        assert trains.count("happy") == trains.count("calm") > 0
