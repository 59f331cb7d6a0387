"""A folder of own clips: tables and sub-folders become a corpus; what is odd is said."""

import re
import unicodedata

import numpy as np
import pytest

from emo_core.corpora import read_corpus
from emo_core.data.corpus import CorpusError, refuse_leaks
from emo_core.data.folder.files import ClipIndex
from emo_core.data.folder.reader import find_table
from tests.support.clip_folders import folder_of, put_clip, read_own

TABLE = "file,label\nanna_1.mp4,happy\nanna_2.mp4,sad\nbert_1.mp4,sad\nbert_2.mp4,happy\n"
CLIPS = ("anna_1.mp4", "anna_2.mp4", "bert_1.mp4", "bert_2.mp4")


def said(corpus) -> str:
    return "\n".join((*corpus.problems, *corpus.notes))


def labels_of(corpus) -> dict[str, object]:
    return {item.name: item.label for item in corpus.items}


def test_a_table_of_two_columns_is_a_corpus(tmp_path):
    corpus = read_own(tmp_path, TABLE, *CLIPS)
    assert corpus.labels == ("happy", "sad") and corpus.details == {"task": "single_label"}
    assert labels_of(corpus)["bert_2"] == "happy" and corpus.problems == ()
    assert {item.group for item in corpus.items} == {"anna", "bert"}
    assert "the first part of its name ('anna' for 'anna_1.mp4'). Sources: 2." in said(corpus)
    assert refuse_leaks(corpus) is corpus
    assert find_table(tmp_path, ClipIndex(tmp_path)) == tmp_path / "labels.csv"


def test_one_sub_folder_a_label(tmp_path):
    corpus = read_own(tmp_path, None, "happy/a.mp4", "happy/b.MP4", "sad/c.mov", "x.mp4")
    assert labels_of(corpus) == {"happy/a": "happy", "happy/b": "happy", "sad/c": "sad"}
    assert "x.mp4 is not in a sub-folder" in corpus.problems[0]


def test_sub_folders_below_train_val_and_test(tmp_path):
    clips = [
        f"{s}/{label}/{s}{i}.mp4"
        for s in ("train", "dev", "test")
        for label in ("happy", "sad")
        for i in range(2)
    ]
    corpus = read_own(tmp_path, None, *clips)
    assert {item.split for item in corpus.items} == {"train", "val", "test"}
    assert corpus.labels == ("happy", "sad")


def test_a_person_between_label_and_clip_is_the_source(tmp_path):
    clips = [
        f"{label}/p{p}/{i}.mp4" for label in ("happy", "sad") for p in range(3) for i in range(2)
    ]
    corpus = read_own(tmp_path, None, *clips)
    assert {item.group for item in corpus.items} == {"p0", "p1", "p2"}


@pytest.mark.parametrize(
    ("cell", "clip"),
    [
        ("anna_1", "anna_1.mp4"),
        ("ANNA_1.MP4", "anna_1.mp4"),
        ("anna_1.mp4", "anna_1.MP4"),
        ("anna_1.mov", "anna_1.avi"),
        ("10_7.mp4", "10_7.mkv"),
        ("clips\\anna_1.mp4", "clips/anna_1.mp4"),
        ("C:\\Users\\me\\data\\clips\\anna_1.mp4", "clips/anna_1.mp4"),
        ("/home/me/clips/anna_1.mp4", "clips/anna_1.mp4"),
        ("./clips/anna_1.mp4", "clips/anna_1.mp4"),
        ("anna_1", "deep/er/anna_1.mp4"),
        ("my clip 1.mp4", "my clip 1.mp4"),
        ("my%20clip.mp4", "my clip.mp4"),
        (unicodedata.normalize("NFD", "Jürgen.mp4"), unicodedata.normalize("NFC", "Jürgen.mp4")),
        (unicodedata.normalize("NFC", "Jürgen.mp4"), unicodedata.normalize("NFD", "Jürgen.mp4")),
        ("clip.001", "clip.001.mp4"),
    ],
)
def test_a_cell_finds_its_file(tmp_path, cell, clip):
    corpus = read_own(tmp_path, f"file,label\n{cell},happy\nother.mp4,sad\n", clip, "other.mp4")
    assert corpus.items[0].path == tmp_path / clip


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("bert/1.mp4", r"line 2, column 'file': 'bert/1.mp4' is not in "),
        ("../secret.mp4", "is not in"),
        ("2.mp4", "'2.mp4' may mean 'anna/2.mp4', 'carl/2.mp4'; expected one clip"),
    ],
)
def test_a_cell_that_means_no_clip_or_several_is_named(tmp_path, cell, sentence):
    clips = ("anna/1.mp4", "anna/2.mp4", "carl/2.mp4", "ok.mp4")
    corpus = read_own(tmp_path, f"file,label\n{cell},happy\nok.mp4,sad\n", *clips)
    assert [item.name for item in corpus.items] == ["ok"]
    assert re.search(sentence, corpus.problems[0]), corpus.problems[0]
    assert "Clips without a usable row: 3" in said(corpus)


def test_video_goes_before_the_sound_taken_from_it(tmp_path):
    corpus = read_own(tmp_path, "file,label\na,x\nb,y\n", "a.mp4", "a.wav", "b.mp4")
    assert corpus.items[0].path.name == "a.mp4"


def test_parts_of_a_file_are_clips_with_one_source(tmp_path):
    table = (
        "File;Label;Start;End\nlong.mp4;happy;0:00,0;0:00,5\nlong.mp4;sad;0,5;1\n"
        "b.mp4;sad;0,25;\nb.mp4;sad;0:61;2\nb.mp4;sad;0,9;0,2\n"
    )
    corpus = read_own(tmp_path, table, "long.mp4", "b.mp4")
    assert [(i.name, i.span_s) for i in corpus.items] == [
        ("long@0-0.5", (0.0, 0.5)),
        ("long@0.5-1", (0.5, 1.0)),
        ("b@0.25-" + f"{corpus.items[2].span_s[1]:g}", corpus.items[2].span_s),
    ]
    assert corpus.items[2].span_s[1] == pytest.approx(1, abs=0.1)
    assert corpus.items[0].group == corpus.items[1].group
    first, second = corpus.problems
    assert "line 5, column 'Start': found '0:61', expected seconds" in first
    assert "line 6: the part runs from 0.9 to 0.2 s" in second


def test_milliseconds_and_durations_of_elan(tmp_path):
    table = (
        "File Name\tBegin Time - msec\tDuration - msec\tAnnotation\n"
        "a.mp4\t250\t500\thappy\nb.mp4\t0\t500\tsad\n"
    )
    corpus = read_own(tmp_path, table, "a.mp4", "b.mp4")
    assert corpus.labels == ("happy", "sad"), said(corpus)


def test_raters_give_the_majority_and_their_agreement_is_said(tmp_path):
    table = (
        "file,label,rater\n"
        + "".join(
            f"{clip}.mp4,{label},{rater}\n"
            for clip, labels in {"a": "xxy", "b": "yyy", "c": "xyz", "d": "xxx"}.items()
            for rater, label in zip("pqr", labels, strict=True)
        )
        + "d.mp4,x,p\nb.mp4,x,q\n"
    )
    corpus = read_own(tmp_path, table, "a.mp4", "b.mp4", "c.mp4", "d.mp4")
    assert labels_of(corpus) == {"a": "x", "b": "y", "d": "x"}
    assert "lines 8, 9, 10: the votes for c.mp4 are tied ('x' (1), 'y' (1), 'z' (1))" in said(
        corpus
    )
    assert "rater 'q' gives b.mp4 another label" in said(corpus)
    assert "Clips with several ratings: 4, by 3 raters" in said(corpus)


def test_a_tie_in_one_row_names_one_line(tmp_path):
    corpus = read_own(tmp_path, "file,rater1,rater2\na.mp4,x,y\nb.mp4,x,x\n", "a.mp4", "b.mp4")
    assert "labels.csv line 2: the votes for a.mp4 are tied" in said(corpus)


def test_labels_that_differ_in_capitals_are_one_class_and_said(tmp_path):
    table = TABLE.replace("anna_2.mp4,sad", "anna_2.mp4,SAD").replace(
        "anna_1.mp4,h", "anna_1.mp4,H"
    )
    corpus = read_own(tmp_path, table, *CLIPS)
    assert len(corpus.labels) == 2 and "differ only in capitals, spaces or hyphens" in said(corpus)


def test_numbers_as_classes_are_said_and_as_scales_refused(tmp_path):
    corpus = read_own(tmp_path / "a", TABLE.replace("happy", "1.0").replace("sad", "10"), *CLIPS)
    assert corpus.labels == ("1", "10") and "are numbers; each is used as" in said(corpus)
    with pytest.raises(CorpusError, match="2 different numbers .*if they are valence and arousal"):
        read_own(tmp_path / "b", TABLE.replace("happy", "0.25").replace("sad", "0.5"), *CLIPS)


def test_columns_of_yes_and_no_are_several_labels(tmp_path):
    table = "file,group,happy,loud,remark\na.mp4,1,1,0,hm\nb.mp4,2,TRUE,x,\nc.mp4,3,0,no,\n"
    table += "d.mp4,4,2,1,\n"
    corpus = read_own(tmp_path, table, "a.mp4", "b.mp4", "c.mp4", "d.mp4")
    assert labels_of(corpus) == {"a": ("happy",), "b": ("happy", "loud"), "c": ()}
    assert corpus.multi_label and corpus.details == {"task": "multi_label"}
    assert "line 5, column 'happy': found '2', expected 1 or 0" in said(corpus)
    assert "not read: 'remark'" in said(corpus)


def test_cells_with_bars_are_several_labels(tmp_path):
    corpus = read_own(tmp_path, TABLE.replace("bert_2.mp4,happy", "bert_2.mp4,happy|sad"), *CLIPS)
    assert labels_of(corpus)["bert_2"] == ("happy", "sad") and labels_of(corpus)["anna_2"] == (
        "sad",
    )


def test_valence_and_arousal_of_clips_moments_and_files_beside_them(tmp_path):
    table = (
        'file,valence,arousal,time_s\na.mp4,"0,5",−0.5,\nb.mp4,0,0,0\nb.mp4,1,0,0.5\n'
        "c.mp4,,,\nd.mp4,5,1,\ne.mp4,,,\n"
    )
    folder_of(tmp_path, table, *(f"{name}.mp4" for name in "abcde"))
    (tmp_path / "c.csv").write_text("Time;Valence;Arousal\n0,0;-1;0\n0,2;1;0\nx;1;0\n")
    corpus = read_corpus("folder", tmp_path)
    assert corpus.labels == ("valence", "arousal") and corpus.details["task"] == "valence_arousal"
    a, b, c = (item.values for item in corpus.items)
    ends, starts = np.array([0.1, 0.25, 0.9, 2.0]), np.array([0.0, 0.1, 0.8, 1.9])
    assert a.at(ends, starts)[:3].tolist() == [[0.5, -0.5]] * 3
    assert np.isnan(a.at(ends, starts)[3]).all()  # the clip is over
    assert b.at(ends, starts)[:2, 0] == pytest.approx([0.2, 0.5])
    assert c.at(ends, starts)[0, 0] == pytest.approx(0.0)
    assert np.isnan(c.at(ends, starts)[2]).all()  # nothing is said of it
    assert "found '5', expected -1 to 1" in said(corpus) and "no file e.csv beside it" in said(
        corpus
    ).replace("nor a file", "no file")
    assert "c.csv line 4" in said(corpus)


def test_classes_go_before_values_and_the_other_corpus_reads_values(tmp_path):
    table = "file,label,valence,arousal\na.mp4,x,0.5,0\nb.mp4,y,0,0\n"
    assert read_own(tmp_path, table, "a.mp4", "b.mp4").labels == ("x", "y")
    assert read_corpus("folder-affect", tmp_path).labels == ("valence", "arousal")


def test_given_splits_and_groups_are_kept_and_gaps_are_filled(tmp_path):
    table = (
        "file,label,group,split\na.mp4,x,1,Training\nb.mp4,y,1,\nc.mp4,x,2,DEV\nd.mp4,y,3,test\n"
        "e.mp4,x,,train\nf.mp4,x,9,nowhere\n"
    )
    corpus = read_own(tmp_path, table, *(f"{name}.mp4" for name in "abcdef"))
    assert {i.name: i.split for i in corpus.items} == {
        "a": "train",
        "b": "train",
        "c": "val",
        "d": "test",
        "e": "train",
    }
    assert "line 7, column 'split': found 'nowhere', expected train, val or test" in said(corpus)
    assert "Clips without a group: 1" in said(corpus)


def test_a_given_split_that_a_guess_crosses_is_said_and_passes(tmp_path):
    rows = "".join(
        f"p{p}_{i}.mp4,{'xy'[i % 2]},{('train', 'test')[i // 2]}\n"
        for p in range(3)
        for i in range(4)
    )
    clips = [f"p{p}_{i}.mp4" for p in range(3) for i in range(4)]
    corpus = read_own(tmp_path, "file,label,split\n" + rows, *clips)
    assert corpus.leak and "in more than one split: 3 (" in said(corpus)
    assert refuse_leaks(corpus) is corpus


def test_a_given_group_that_crosses_is_refused(tmp_path):
    table = "file,label,group,split\na.mp4,x,1,train\nb.mp4,y,1,test\n"
    with pytest.raises(CorpusError, match="source 1 is in test and train"):
        refuse_leaks(read_own(tmp_path, table, "a.mp4", "b.mp4"))


def test_the_same_file_under_two_names_is_one_source(tmp_path):
    folder_of(tmp_path, "file,label\na.mp4,x\nb.mp4,y\nc.mp4,y\n", "c.mp4")
    put_clip(tmp_path / "a.mp4", same=True), put_clip(tmp_path / "b.mp4", same=True)
    corpus = read_corpus("folder", tmp_path)
    assert "'a.mp4' and 'b.mp4' are the same file, labelled 'x' and 'y'" in said(corpus)
    assert corpus.items[0].group == corpus.items[1].group != corpus.items[2].group


def test_one_class_one_clip_one_source_are_problems(tmp_path):
    corpus = read_own(tmp_path / "a", "file,label\na.mp4,x\n", "a.mp4")
    assert "one labelled clip" in said(corpus) and "Every clip has the label 'x'" in said(corpus)
    corpus = read_own(tmp_path / "b", "file,label,group\na.mp4,x,1\nb.mp4,y,1\n", "a.mp4", "b.mp4")
    assert "come from one source ('1')" in said(corpus)


def test_rows_without_a_label_are_left_out_and_said(tmp_path):
    corpus = read_own(tmp_path, TABLE.replace("anna_2.mp4,sad", "anna_2.mp4,NA"), *CLIPS)
    assert "line 3, column 'label': 'NA' means no label" in said(corpus)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "contains no clips; expected files such as"),
        ({"a.mp4": None}, "has no clip with a label; the first problem: a.mp4 is not in"),
        ({"Train/a.mp4": None, "Val/b.mp4": None}, "sub-folders for splits .*name it with --corp"),
        ({"clips/a.mp4": None}, "all its clips in clips and no labels.csv"),
        ({"a.mp4": None, "one.csv": "x", "two.csv": "y"}, "has no labels.csv, but one.csv, two"),
        ({"a.mp4": None, "labels.csv": "file,start\na.mp4,1\n"}, "has the columns 'file', 'start'"),
        ({"a.mp4": None, "labels.csv": "file,label\n"}, "has a header but no rows"),
        ({"a.mp4": None, "labels.csv": '[{"file": "a"}]'}, "labels.csv is JSON; expected plain"),
        ({"a.mp4": None, "labels.xlsx": "PK\x03\x04"}, "labels.xlsx is a workbook"),
        ({"a.mp4": None, "labels.csv": "x", "Labels.csv": "x"}, "expected one table"),
    ],
)
def test_a_folder_that_is_none_is_one_sentence(tmp_path, files, sentence):
    for name, text in files.items():
        put_clip(tmp_path / name) if text is None else (tmp_path / name).write_text(text)
    with pytest.raises(CorpusError, match=sentence):
        read_corpus("folder", tmp_path)


def test_another_name_of_the_table_is_said(tmp_path):
    folder_of(tmp_path, None, *CLIPS)
    (tmp_path / "ratings.csv").write_text(TABLE)
    assert "ratings.csv is used as the table" in said(read_corpus("folder", tmp_path))


def test_files_of_systems_are_no_clips(tmp_path):
    clips = ("happy/a.mp4", "happy/._a.mp4", "__MACOSX/happy/a.mp4", "sad/b.mp4", ".trash/c.mp4")
    assert len(read_own(tmp_path, None, *clips).items) == 2


ODD = {  # how labels were written -> (table, labels of a_1, a_2, b_1)
    "a list of Python": (
        "file,labels\na_1,\"['x', 'y']\"\na_2,['x']\nb_1,[]\n",
        (("x", "y"), ("x",), ()),
    ),
    "commas where parts stand alone": (
        'file,label\na_1,"x, y"\na_2,x\nb_1,y\n',
        (("x", "y"), ("x",), ("y",)),
    ),
    "plus signs": ("file,label\na_1,x+y\na_2,x\nb_1,y\n", (("x", "y"), ("x",), ("y",))),
    "a comma in a name": ('file,label\na_1,"x, very"\na_2,x\nb_1,y\n', ("x, very", "x", "y")),
    "a column a rater": (
        "file,rater1,rater2,rater3\na_1,x,x,y\na_2,y,y,NA\nb_1,y,x,x\n",
        ("x", "y", "x"),
    ),
    "Praat": (
        "filename\ttmin\ttier\ttext\ttmax\na_1\t0\temo\tx\t1\na_2\t0\temo\ty\t1\n"
        "b_1\t0\temo\tx\t1\n",
        ("x", "y", "x"),
    ),
    "a set that is no split": ("file,label,set\na_1,x,A\na_2,y,B\nb_1,x,A\n", ("x", "y", "x")),
    "escaped marks": (
        'file,label,text\na_1,x,"he said \\"hi\\""\na_2,y,z\nb_1,x,z\n',
        ("x", "y", "x"),
    ),
    "Excel's sep= in Germany": (
        "sep=;\r\nDatei;Émotion;Sprecher;Beginn;Ende\r\na_1;x;A;0,1;0,5\r\n"
        "a_2;y;A;0,1;0,5\r\nb_1;x;B;0,1;0,5\r\n",
        ("x", "y", "x"),
    ),
    "zero bytes": ("file,label\na_1,x\0\na_2,y\nb_1,x\n", ("x", "y", "x")),
}


@pytest.mark.parametrize("how", ODD)
def test_labels_in_other_ways_of_writing(tmp_path, how):
    table, labels = ODD[how]
    corpus = read_own(tmp_path, table, "a_1.mp4", "a_2.mp4", "b_1.mp4")
    assert tuple(item.label for item in corpus.items) == labels, said(corpus)
    assert corpus.problems == () and "'rater1'" not in said(corpus)


def test_rows_with_another_delimiter_are_named(tmp_path):
    table = "file;label\na_1.mp4,x\na_2.mp4;x\nb_1.mp4;y\n"
    corpus = read_own(tmp_path, table, "a_1.mp4", "a_2.mp4", "b_1.mp4")
    assert "line 2: found 'a_1.mp4,x', delimited by commas; expected 2 cells" in corpus.problems[0]


def test_columns_that_are_not_read_are_named_as_written(tmp_path):
    table = "Timestamp,Clip,Emotion\n2024/05/01,a_1,x\n2024/05/01,a_2,y\n"
    assert "not read: 'Timestamp'." in said(read_own(tmp_path, table, "a_1.mp4", "a_2.mp4"))


def test_files_of_systems_beside_a_table_are_no_tables(tmp_path):
    folder_of(tmp_path, TABLE, *CLIPS)
    (tmp_path / "labels.csv").rename(tmp_path / "mine.csv")
    (tmp_path / "._mine.csv").write_bytes(b"\0\5\x16\7")
    assert len(read_corpus("folder", tmp_path).items) == 4


def test_where_labels_are_sub_folders_it_is_said(tmp_path):
    names = (unicodedata.normalize(form, "fröhlich") for form in ("NFC", "NFD"))
    corpus = read_own(tmp_path, None, *(f"{n}/{i}.mp4" for i, n in enumerate(names)), "sad/c.mp4")
    assert corpus.labels == ("fröhlich", "sad")
    assert "names of the sub-folders are the labels ('fröhlich', 'sad')" in said(corpus)


def test_what_is_no_clip_is_said(tmp_path):
    corpus = read_own(tmp_path, TABLE, *CLIPS)
    assert "no clips by their ending" not in said(corpus)
    (tmp_path / "old.vob").write_bytes(b"x")
    (tmp_path / "gone.mp4").symlink_to("nowhere.mp4")
    corpus = read_corpus("folder", tmp_path)
    assert "are not read: 1 .vob" in said(corpus) and "broken link" in corpus.problems[0]
    for clip in CLIPS:
        (tmp_path / clip).unlink()
    with pytest.raises(CorpusError, match="only other files .*the first problem: 'gone"):
        read_corpus("folder", tmp_path)


def table_of(*labels: str) -> str:
    return "file,label\n" + "".join(
        f"{c},{label}\n" for c, label in zip(CLIPS, labels, strict=True)
    )


@pytest.mark.parametrize("cell", ["#DIV/0!", ".", "?", "-", "–", "\u200e"])
def test_what_programs_write_for_no_label_is_no_class(tmp_path, cell):
    corpus = read_own(tmp_path, table_of("happy", "sad", cell, "sad"), *CLIPS)
    assert corpus.labels == ("happy", "sad")
    assert "labels.csv line 4, column 'label'" in corpus.problems[0]
    assert "expected a label; the row is left out" in corpus.problems[0]


def test_a_formula_and_a_swallowed_text_are_no_classes(tmp_path):
    rows = table_of("happy", '"=IF(A1;""happy"";""sad"")"', "x" * 300_000, "sad")
    corpus = read_own(tmp_path, rows, *CLIPS)
    assert corpus.labels == ("happy", "sad") and "found the formula '=IF(A1" in said(corpus)
    assert "found 300,000 characters" in said(corpus) and max(map(len, corpus.problems)) < 300


def test_both_marks_between_labels_in_one_table(tmp_path):
    corpus = read_own(tmp_path, table_of("happy|loud", "sad;loud", "sad", "happy"), *CLIPS)
    assert corpus.labels == ("happy", "loud", "sad")


def test_labels_that_differ_in_what_is_not_seen_are_one(tmp_path):
    corpus = read_own(tmp_path, table_of("☺\ufe0f", "☺", "sad\u200e", "sad"), *CLIPS)
    assert len(corpus.labels) == 2
    assert read_own(tmp_path / "b", table_of("5%", "20%", "5%", "20%"), *CLIPS).labels == (
        "5%",
        "20%",
    )


def test_labels_that_excel_made_dates_of_are_noted(tmp_path):
    corpus = read_own(tmp_path, table_of("1-Jan", "2-Feb", "1-Jan", "2026-02-02"), *CLIPS)
    assert "look like dates" in said(corpus)
    assert "look like dates" not in said(read_own(tmp_path / "b", TABLE, *CLIPS))


def test_columns_that_are_taken_as_labels_are_named(tmp_path):
    rows = "".join(f"{c},0,0\n" for c in CLIPS)
    corpus = read_own(tmp_path, "file,happy,consent\n" + rows, *CLIPS)
    assert "The columns 'happy', 'consent' are used as labels" in said(corpus)
    assert "No clip has a label" in corpus.problems[0]


def test_values_of_another_scale_are_refused_or_noted(tmp_path):
    rows = [f"{c},{v},1\n" for c, v in zip(CLIPS, (1, 7, 9, 5), strict=True)]
    with pytest.raises(
        CorpusError, match="outside -1 to 1 in 3 of 4 rows, so it uses another scale"
    ):
        read_own(tmp_path, "file,valence,arousal\n" + "".join(rows), *CLIPS)
    clips = [f"c{i}.mp4" for i in range(6)]
    table = "file,valence,arousal\n" + "".join(f"{c},0.{i},0.5\n" for i, c in enumerate(clips))
    assert "if your scale is 0 to 1" in said(read_own(tmp_path / "b", table, *clips))


def test_a_narrow_blank_of_macos_finds_its_file(tmp_path):
    name = "Screen Recording at 9.41.12\u202fAM.mov"
    corpus = read_own(tmp_path, f"file,label\n{name},happy\nb.mp4,sad\n", name, "b.mp4")
    assert corpus.problems == () and len(corpus.items) == 2


def test_nothing_to_train_on_is_noted(tmp_path):
    rows = "".join(f"{c},{'xy'[i % 2]},test,g{i}\n" for i, c in enumerate(CLIPS))
    assert "No clip is in the split train" in said(
        read_own(tmp_path, "file,label,split,group\n" + rows, *CLIPS)
    )


def test_one_person_in_two_spellings_is_one_source(tmp_path):
    groups = ("Anna", "ANNA ", "1.0", "1")
    rows = "".join(
        f"{c},{'xy'[i % 2]},{g}\n" for i, (c, g) in enumerate(zip(CLIPS, groups, strict=True))
    )
    corpus = read_own(tmp_path, "file,label,group\n" + rows, *CLIPS)
    assert len({item.group for item in corpus.items}) == 2
    assert "Groups that differ only in capitals" in said(corpus)


def test_label_folders_one_level_too_deep_are_pointed_at(tmp_path):
    clips = [f"zip/{label}/{label}_{i}.mp4" for label in ("happy", "calm") for i in range(2)]
    corpus = read_own(tmp_path, None, *clips)
    assert f"if the folders inside it ('calm', 'happy') are the labels, give {tmp_path}/zip." in (
        said(corpus)
    )
    assert "Every clip has the label 'zip'" in said(corpus)


def test_persons_below_one_label_of_two_point_nowhere(tmp_path):
    clips = ("happy/anna/1.mp4", "happy/ben/2.mp4", "sad/anna/3.mp4")
    assert "All clips lie in" not in said(read_own(tmp_path, None, *clips))


def test_short_and_long_names_of_labels_in_a_table_are_said(tmp_path):
    corpus = read_own(
        tmp_path, TABLE.replace("happy", "pos", 1).replace("happy", "Positive"), *CLIPS
    )
    assert "count as different classes: 'pos' and 'Positive'; if two are one" in said(corpus)


@pytest.mark.parametrize("column", ["", ",group"])
def test_a_copy_of_a_test_clip_does_not_train(tmp_path, column):
    rows = [("anna_1", "train"), ("anna_2", "train"), ("bert_1", "val"), ("carl_1", "test")]
    lines = [
        f"{n}.mp4,{'xy'[i % 2]},{s}" + (f",{n[:4]}" if column else "")
        for i, (n, s) in enumerate(rows)
    ]
    table = "\n".join([f"file,label,split{column}", *lines])
    folder_of(tmp_path, table, *(f"{name}.mp4" for name, _ in rows))
    for name in ("anna_1", "carl_1"):
        put_clip(tmp_path / f"{name}.mp4", same=True)
    corpus = read_corpus("folder", tmp_path)
    assert {i.name: i.split for i in refuse_leaks(corpus).items} == dict(rows[1:])
    assert (
        "'anna_1.mp4' and 'carl_1.mp4' are the same file, in train and in test; expected it in "
        "one split; it is left out of train."
    ) in corpus.problems


def test_copies_of_a_file_that_is_left_out_are_still_one_source(tmp_path):
    table = (
        "file,label,split,group\na.mp4,x,train,1\nb.mp4,x,test,2\nc.mp4,x,test,3\nd.mp4,y,train,4\n"
    )
    folder_of(tmp_path, table, "d.mp4")
    for name in "abc":
        put_clip(tmp_path / f"{name}.mp4", same=True)
    groups = {item.name: item.group for item in read_corpus("folder", tmp_path).items}
    assert groups == {"b": "2", "c": "2", "d": "4"}


def test_copies_in_one_split_or_without_one_stay(tmp_path):
    table = "file,label,split\na_1.mp4,x,train\nb_1.mp4,x,train\nc_1.mp4,x,\nd_1.mp4,y,test\n"
    folder_of(tmp_path, table, "d_1.mp4")
    for name in "abc":
        put_clip(tmp_path / f"{name}_1.mp4", same=True)
    items = read_corpus("folder", tmp_path).items
    assert {i.name: i.split for i in items} == {
        **dict.fromkeys(("a_1", "b_1", "c_1"), "train"),
        "d_1": "test",
    }


def test_an_empty_column_label_does_not_hide_the_raters(tmp_path):
    rows = [f"{clip},,happy,{other},happy" for clip, other in zip(CLIPS, "xyzw", strict=True)]
    corpus = read_own(tmp_path, "\n".join(["file,label,rater1,rater2,rater3", *rows]), *CLIPS)
    assert set(labels_of(corpus).values()) == {"happy"} and len(corpus.items) == 4
    assert "The columns rater1, rater2, rater3 are used as one rater each." in said(corpus)
