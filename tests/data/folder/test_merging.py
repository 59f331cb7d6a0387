"""Several labels by several raters: those of more than half."""

from emo_core.data.folder.merging import VALUES, merge_ratings
from tests.support.clip_folders import read_own


def test_several_labels_need_half_of_the_raters(tmp_path):
    table = "file,rater,happy,loud\na.mp4,p,1,1\na.mp4,q,1,0\na.mp4,r,0,0\nb.mp4,p,0,1\n"
    corpus = read_own(tmp_path, table, "a.mp4", "b.mp4")
    assert [item.label for item in corpus.items] == [("happy",), ("loud",)]
    assert VALUES == ("valence", "arousal") and callable(merge_ratings)


def test_rows_of_a_clip_with_two_groups_are_said(tmp_path):
    table = "file,label,rater,group\na.mp4,x,p,1\na.mp4,x,q,2\nb.mp4,y,p,3\n"
    corpus = read_own(tmp_path, table, "a.mp4", "b.mp4")
    assert corpus.items[0].group == "1"
    assert any(
        "disagree on its group ('1', '2'); expected one" in problem for problem in corpus.problems
    )


def test_raters_of_values_are_averaged_and_their_agreement_is_said(tmp_path):
    table = "file,rater,valence,arousal\na.mp4,p,1,0\na.mp4,q,0.5,0\nb.mp4,p,-1,0\nb.mp4,q,-1,0\n"
    corpus = read_own(tmp_path, table, "a.mp4", "b.mp4")
    assert corpus.items[0].values.values == ((0.75, 0.0),)
    assert "Clips or moments with several ratings: 2" in "\n".join(corpus.notes)
    # observed 0.125, expected 2.125 by hand
    assert "valence 0.94, arousal undefined" in "\n".join(corpus.notes)


def test_moments_after_the_end_of_a_clip_are_told_and_left_out(tmp_path):
    table = "file,time,valence,arousal\na.mp4,0,0.5,0.5\na.mp4,99,1,1\nb.mp4,50,1,1\n"
    corpus = read_own(tmp_path, table, "a.mp4", "b.mp4")
    assert [item.name for item in corpus.items] == ["a"]
    assert corpus.items[0].values.values == ((0.5, 0.5),)
    assert "1 of 2 ratings of a.mp4 are timed after its end" in "\n".join(corpus.problems)
    assert "1 of 1 ratings of b.mp4 are timed after its end" in "\n".join(corpus.problems)
