"""Majority and agreement, against numbers counted by hand and published ones."""

import pytest

from emo_core.data.folder.raters import (
    Vote,
    agreement,
    interval_alpha,
    majority,
    one_vote_each,
)


def test_majority_needs_a_lead():
    assert majority("xxy") == "x" and majority("xy") is None and majority("") is None
    assert majority("xxyyz") is None and majority(["x", "x", "y", "z"]) == "x"


def test_krippendorff_published_example():
    """Krippendorff 2011, "Computing Krippendorff's alpha-reliability", nominal data: 0.743."""
    raters = [
        "1 2 3 3 2 1 4 1 2 * * *",
        "1 2 3 3 2 2 4 1 2 5 * 3",
        "* 3 3 3 2 3 4 2 2 5 1 *",
        "1 2 3 3 2 4 4 1 2 5 1 *",
    ]
    units = zip(*(r.split() for r in raters), strict=True)
    found = agreement({i: [v for v in unit if v != "*"] for i, unit in enumerate(units)}, 4)
    assert found.alpha == pytest.approx(0.743, abs=5e-4) and found.clips == 11


def test_agreement_by_hand():
    found = agreement({"a": "xx", "b": "xy", "c": "z"}, 2)
    assert found.clips == 2 and found.pairs_equal == 0.5
    # observed 2 of 4 values unequal = 0.5; expected (16 - 9 - 1) / 12 = 0.5
    assert found.alpha == pytest.approx(0)
    assert agreement({"a": "x"}, 1) is None
    assert (
        agreement({"a": "xx"}, 2).alpha is None
        and "undefined" in agreement({"a": "xx"}, 2).sentence()
    )


def test_a_rater_has_one_vote():
    votes = [Vote(2, "p", "x"), Vote(3, "p", "x"), Vote(4, "q", "x"), Vote(5, "q", "y")]
    counted, torn = one_vote_each(votes)
    assert [v.line for v in counted] == [2] and [v.line for v in torn] == [4, 5]
    assert len(one_vote_each([Vote(1, "", "x"), Vote(2, "", "x")])[0]) == 2


def test_alpha_of_numbers():
    """Krippendorff 2011, the same example with interval data: 0.849."""
    raters = [
        "1 2 3 3 2 1 4 1 2 * * *",
        "1 2 3 3 2 2 4 1 2 5 * 3",
        "* 3 3 3 2 3 4 2 2 5 1 *",
        "1 2 3 3 2 4 4 1 2 5 1 *",
    ]
    units = zip(*(r.split() for r in raters), strict=True)
    found = interval_alpha([[float(v) for v in unit if v != "*"] for unit in units])
    assert found == pytest.approx(0.849, abs=5e-4)
    assert interval_alpha([[1.0, 1.0]]) is None and interval_alpha([]) is None
