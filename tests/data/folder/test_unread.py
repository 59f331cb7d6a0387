"""Nothing of a folder is ignored without a word, and each thing is said once."""

import pytest

from emo_core.corpora import read_corpus
from emo_core.data.corpus import CorpusError
from emo_core.data.folder.columns import FOLDER, TableKind
from emo_core.data.folder.files import ClipIndex
from emo_core.data.folder.unread import (
    by_ending,
    column_notes,
    empty_folder_notes,
    file_notes,
    split_folder_notes,
    time_notes,
)
from emo_core.data.tables.rows import read_people_table
from tests.support.clip_folders import folder_of, read_own

TABLE = "file,label\na_1.mp4,x\na_2.mp4,y\nb_1.mp4,y\nb_2.mp4,x\n"
CLIPS = ("a_1.mp4", "a_2.mp4", "b_1.mp4", "b_2.mp4")


def said(corpus) -> list[str]:
    return [*corpus.problems, *corpus.notes]


def once(corpus, words: str) -> str:
    """The one sentence with these words; each is said once and ends with a full stop."""
    found = [sentence for sentence in said(corpus) if words in sentence]
    assert len(found) == 1, said(corpus)
    assert found[0].endswith(".") and "\n" not in found[0]
    return found[0]


@pytest.mark.parametrize(
    "name",
    ["labels.tsv", "labels.xlsx", "labels.json", "results.csv", "sub/labels.csv", "b/old.numbers"],
)
def test_a_second_table_is_said(tmp_path, name):
    folder_of(tmp_path, TABLE, *CLIPS)
    assert not any("not read" in sentence for sentence in said(read_corpus("folder", tmp_path)))
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("file,label\na_1.mp4,y\n")
    sentence = once(read_corpus("folder", tmp_path), name)
    assert sentence == (
        f"Tables other than labels.csv are not read: {name!r}; copy the rows you need into "
        "labels.csv."
    )


def test_a_table_in_a_sub_folder_is_said_where_sub_folders_are_labels(tmp_path):
    folder_of(tmp_path, None, "x/a.mp4", "y/b.mp4")
    (tmp_path / "x" / "labels.csv").write_text(TABLE)
    assert "expected labels.csv in the folder itself" in once(
        read_corpus("folder", tmp_path), "'x/labels.csv'"
    )


def test_a_table_among_all_clips_is_pointed_at(tmp_path):
    folder_of(tmp_path, None, "clips/a.mp4", "clips/b.mp4")
    (tmp_path / "clips" / "labels.tsv").write_text(TABLE)
    with pytest.raises(CorpusError, match=r"'clips/labels.tsv' is there: move it up\.$"):
        read_corpus("folder", tmp_path)


def test_files_beside_clips_are_said_unless_they_are_read(tmp_path):
    folder_of(tmp_path, TABLE, *CLIPS)
    for name in ("a_1.txt", "a_1.srt", "b_2.csv", "README.txt", "DATA.md", "plan.md", "old.vob"):
        (tmp_path / name).write_text("time_s,valence,arousal\n0.1,0.2,0.3\n")
    corpus = read_corpus("folder", tmp_path)
    assert "'a_1.srt', 'a_1.txt', 'b_2.csv'; labels and" in once(corpus, "Files that have")
    assert once(corpus, "endings other than").startswith(
        "Files with endings other than those of clips"
    )
    assert by_ending([tmp_path / "a.vob", tmp_path / "LICENCE"]) == "1 .vob, 1 no ending"
    (tmp_path / "labels.csv").write_text(
        "file,valence,arousal\na_1.mp4,0,0\na_2.mp4,1,1\nb_1.mp4,0,1\nb_2.mp4,,\n"
    )
    corpus = read_corpus("folder", tmp_path)
    assert "not read: 'a_1.srt', 'a_1.txt'; labels" in once(corpus, "Files that have")
    assert file_notes(ClipIndex(tmp_path), tmp_path / "labels.csv", [tmp_path / "b_2.csv"])


def test_a_duration_without_a_start_is_said(tmp_path):
    corpus = read_own(
        tmp_path, TABLE.replace("\n", ",1.0\n").replace("label,1.0", "label,duration"), *CLIPS
    )
    assert once(corpus, "duration") == (
        "Rows with a duration but no start or end: 4 (first: line 2); the whole clip "
        "is read; add a start to read a part."
    )
    assert {item.span_s for item in corpus.items} == {None}


@pytest.mark.parametrize(
    ("header", "cells", "words"),
    [
        ("start,end,duration", ("0,0.5,0.5", "0.25,0.75,0.5"), ""),
        ("start,end,duration", ("0,0.5,0.5", "0.25,0.75,0.9"), "disagree: 1 (first: line 3)"),
        ("end,duration", ("0.5,0.5", "0.9,0.2"), "disagree: 1 (first: line 3)"),
        ("start_s,start_ms,end_s", ("0,0,1", "0.5,100,1"), "disagree: 1 (first: line 3)"),
        ("start,duration", ("0,0.5", ",0.5"), "no start or end: 1 (first: line 3)"),
    ],
)
def test_times_that_do_not_fit_together_are_said(tmp_path, header, cells, words):
    rows = "".join(
        f"{c},{'xy'[i]},{cell}\n" for i, (c, cell) in enumerate(zip(CLIPS, cells, strict=False))
    )
    corpus = read_own(tmp_path, f"file,label,{header}\n{rows}", *CLIPS[:2])
    assert len(corpus.items) == 2
    if words:
        once(corpus, words)
    else:
        assert not any("disagree" in sentence for sentence in said(corpus))


@pytest.mark.parametrize(
    ("header", "cells", "words"),
    [
        ("label,valence", "x,0.5", "Columns that are not read: 'valence'."),
        ("label,time", "x,0.5", "Columns that are not read: 'time'."),
        ("label,url,mood", "x,http://a,z", "Columns that are not read: 'url', 'mood'."),
        ("label,valence,arousal", "x,0.5,0.1", "--corpus folder-affect reads valence and arousal."),
        ("happy,sad,valence", "1,0,0.5", "Columns that are not read: 'valence'."),
        (",label", "17,x", "A column without a header is not read (it contains '17')."),
    ],
)
def test_columns_without_a_meaning_are_said(tmp_path, header, cells, words):
    table = f"file,{header}\na_1.mp4,{cells}\na_2.mp4,{cells.replace('x', 'y')}\n"
    once(read_own(tmp_path, table, *CLIPS[:2]), words)


def test_classes_are_said_where_valence_and_arousal_are_wanted(tmp_path):
    folder_of(tmp_path, "file,label,valence,arousal\na_1.mp4,x,0,0\na_2.mp4,y,1,1\n", *CLIPS[:2])
    once(read_corpus("folder-affect", tmp_path), "Columns that are not read: 'label'.")


def test_split_folders_beside_a_table_are_said(tmp_path):
    clips = ("train/a_1.mp4", "test/b_1.mp4")
    table = "file,label\na_1.mp4,x\nb_1.mp4,y\n"
    assert "not used as splits" in once(read_own(tmp_path / "a", table, *clips), "test, train")
    table = "file,label,split\na_1.mp4,x,train\nb_1.mp4,y,test\n"
    assert not any("used as splits" in s for s in said(read_own(tmp_path / "b", table, *clips)))


def test_label_folders_without_a_clip_are_said(tmp_path):
    folder_of(tmp_path, None, "x/a.mp4", "y/b.mp4", "y/deep/c.mp4")
    (tmp_path / "angry").mkdir()
    (tmp_path / "y" / "empty").mkdir()
    assert "'angry'; no label" in once(read_corpus("folder", tmp_path), "Sub-folders without")
    folder_of(tmp_path / "s", None, "train/x/a.mp4", "train/y/b.mp4", "test/x/c.mp4")
    (tmp_path / "s" / "test" / "y").mkdir()
    once(read_corpus("folder", tmp_path / "s"), "'test/y'; no label")
    assert empty_folder_notes(ClipIndex(tmp_path / "s"), 0) == []


def test_rows_that_contradict_each_other_are_said(tmp_path):
    table = "file,label,text\na_1.mp4,x,hello\na_1.mp4,x,goodbye\na_2.mp4,y,\n"
    corpus = read_own(tmp_path / "a", table, *CLIPS[:2])
    assert "on its text ('hello', 'goodbye')" in once(corpus, "the rows of this clip")
    table = "file,time,valence,arousal\na_1.mp4,0.1,0,0\na_1.mp4,,1,1\na_2.mp4,0.2,0,0\n"
    corpus = read_own(tmp_path / "b", table, *CLIPS[:2])
    once(corpus, "a_1.mp4 has ratings with a time and without")
    assert corpus.items[0].values.values == ((0.0, 0.0),)


def test_a_plain_table_leaves_nothing_to_say(tmp_path):
    folder_of(tmp_path, TABLE, *CLIPS)
    table = read_people_table(tmp_path / "labels.csv", FOLDER, "here")
    index = ClipIndex(tmp_path)
    assert column_notes(table, TableKind("single_label")) == time_notes(table) == []
    assert file_notes(index, tmp_path / "labels.csv") == split_folder_notes(index, table) == []
