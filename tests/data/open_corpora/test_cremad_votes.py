"""Raters' votes: both published tables, what they say of hearing and seeing, and damaged rows."""

import pytest

from emo_core.data.open_corpora.cremad_votes import (
    CHANCE,
    RESPONSES,
    TABULATED,
    HumanModalities,
    human_modalities,
    read_votes,
    votes_note,
    votes_summary,
)
from tests.support.open_trees import RESPONSES_HEADER, cremad_votes

# The first rows of the published table for one clip, acted happy: voice, face, both
PUBLISHED = {"audio": (0, 0, 0, 3, 6, 0), "video": (0, 0, 0, 10, 0, 0), "both": (0, 0, 0, 8, 1, 0)}


def write(root, text, place=TABULATED):
    (root / place).parent.mkdir(exist_ok=True)
    (root / place).write_text(text)
    return read_votes(root)


def test_the_published_table_is_read_by_condition(tmp_path):
    votes, problems = write(tmp_path, cremad_votes(["1001_DFA_HAP_XX", "1002_DFA_ANG_XX"]))
    assert problems == []
    assert votes["1001_DFA_HAP_XX"] == {
        "audio": (0, 0, 0, 4, 6, 0),
        "video": (0, 0, 0, 6, 4, 0),
        "both": (0, 0, 0, 8, 2, 0),
    }


def test_single_answers_are_counted_where_the_table_is_not_there(tmp_path):
    row = '"{}","p{}","1","H_50","900","{}","0","2","1","4","{}","7","{}","50","H","LO","20"'
    answers = [(1, "H"), (1, "N"), (1, "H"), (2, "H"), (3, "A")]
    rows = [row.format(n, n, kind, "1001_IEO_HAP_LO", to) for n, (kind, to) in enumerate(answers)]
    votes, problems = write(tmp_path, "\n".join([RESPONSES_HEADER, *rows]) + "\n", RESPONSES)
    assert problems == []
    assert votes["1001_IEO_HAP_LO"]["audio"] == (0, 0, 0, 2, 1, 0)
    assert votes["1001_IEO_HAP_LO"]["both"] == (1, 0, 0, 0, 0, 0)
    bad = row.format(9, 9, 4, "1001_IEO_HAP_LO", "HA")
    _, problems = write(tmp_path, "\n".join([RESPONSES_HEADER, *rows, bad]) + "\n", RESPONSES)
    assert problems == [
        "finishedResponses.csv line 7: no vote can be read; expected queryType 1, 2 or 3 and "
        "respEmo one of A, D, F, H, N, S; 1 such rows are left out."
    ]


@pytest.mark.parametrize(
    ("old", "new"), [('"100001",', '"900001",'), (",4,6,", ",four,6,"), (",4,6,", ",-4,6,")]
)
def test_a_damaged_row_is_named_and_left_out(tmp_path, old, new):
    text = cremad_votes(["1001_DFA_HAP_XX"])
    votes, problems = write(tmp_path, text.replace(old, new, 1))
    assert len(problems) == 1 and problems[0].startswith("tabulatedVotes.csv line 2: row ")
    assert "audio" not in votes["1001_DFA_HAP_XX"]


def test_another_table_is_one_sentence(tmp_path):
    votes, problems = write(tmp_path, "a,b\n1,2\n")
    assert votes == {} and len(problems) == 1 and "expected a header" in problems[0]


def test_what_eyes_and_ears_add_sums_to_what_both_together_know():
    share = human_modalities(PUBLISHED, "happy")
    assert isinstance(share, HumanModalities)
    assert (share.audio_only, share.video_only) == (3 / 9, 1.0)
    assert share.audio + share.video == pytest.approx(share.both - CHANCE)
    # by hand: hearing first adds 1/3 - 1/6, after seeing 8/9 - 1; the mean of the two
    assert share.audio == pytest.approx(((1 / 3 - 1 / 6) + (8 / 9 - 1)) / 2)


def test_a_condition_without_votes_has_no_share():
    assert human_modalities({**PUBLISHED, "video": (0,) * 6}, "happy") is None
    assert human_modalities({}, "happy") is None


def test_the_summary_is_over_clips_with_every_condition(tmp_path):
    names = ["1001_DFA_HAP_XX", "1002_DFA_ANG_XX"]
    votes, _ = write(tmp_path, cremad_votes(names))
    labels = dict(zip([*names, "1003_DFA_ANG_XX"], ["happy", "anger", "anger"], strict=True))
    summary = votes_summary(votes, labels)
    assert (summary["clips"], summary["audio_only"], summary["both"]) == (2, 0.4, 0.8)
    assert "40.0% from the voice alone, 60.0% from the face alone" in votes_note(votes, labels)[0]
    assert "votes are missing" in votes_note({}, labels)[0]
