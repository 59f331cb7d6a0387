"""GAViD: clips in folders and tables of unknown columns, found by what is in them."""

import json
import shutil
from pathlib import Path

import pytest

from emo_core.cli.main import main
from emo_core.corpora import read_corpus
from emo_core.data.corpus import CorpusError, refuse_leaks
from emo_core.data.open_corpora.gavid import PUBLISHED, source_video
from tests.support.open_trees import make_gavid

SMALL = ["train.epochs=1", "train.batch_size=8", "sample.frames=2"]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return make_gavid(tmp_path_factory.mktemp("corpora") / "GAViD")


@pytest.fixture
def tree(tmp_path, made) -> Path:
    return Path(shutil.copytree(made, tmp_path / made.name))


def test_train_clips_alone_are_split_here_by_source(made):
    corpus = refuse_leaks(read_corpus("gavid", made))
    assert corpus.problems == () and len(corpus.items) == 24
    counts = {name: len(corpus.split(name)) for name in ("train", "val", "test")}
    assert counts == {"train": 16, "val": 4, "test": 4}
    assert "are split anew by source video" in corpus.notes[0]


def test_published_splits_are_taken_where_they_are_there(tmp_path):
    folders = ("Train", "GAViD_Val", "Test-clips")
    corpus = refuse_leaks(read_corpus("gavid", make_gavid(tmp_path / "GAViD", folders, 3)))
    assert {item.split for item in corpus.items} == {"train", "val", "test"}
    assert {i.path.parent.name for i in corpus.split("val")} == {"GAViD_Val"}
    assert "train has 6 usable clips; the published set has 3503." in corpus.notes
    assert sum(PUBLISHED.values()) == 5091


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("id,affect", "{name},{label}"),
        ("path;x,Valence,Emotion", "Train/{name}.mp4,{label},Happy"),
        ("Emotion,GroupAffect,File", "Fear,{short},{name}.MP4"),
        ("a,b", "C:\\clips\\{name}.mp4,{label}"),
    ],
)
def test_columns_are_found_by_their_content(tree, header, row):
    table = tree / "annotations.csv"
    rows = [line.split(",")[:2] for line in table.read_text().splitlines()[1:]]
    short = {"Positive": "P", "Negative": "N", "Neutral": "Ne"}
    listed = [
        row.format(name=name.removesuffix(".mp4"), label=label, short=short[label])
        for name, label in rows
    ]
    table.write_text("\n".join([header, *listed]) + "\n")
    corpus = read_corpus("gavid", tree)
    assert corpus.problems == () and len(corpus.items) == 24
    assert {i.label for i in corpus.items if i.name.startswith("train00")} == {"positive"}


def test_a_table_without_such_columns_says_what_it_has(tree):
    (tree / "annotations.csv").write_text("video,mood\ntrain00_0.mp4,good\n")
    with pytest.raises(CorpusError, match="video, mood: 1 with names of clips, 0 with positive"):
        read_corpus("gavid", tree)


def test_every_clip_and_row_without_a_partner_is_said(tree):
    lines = (tree / "annotations.csv").read_text().splitlines()
    lines = [*lines[:-1], "gone_1.mp4,Positive,Happy,High", "train01_0.mp4,Neutral,Happy,High"]
    lines[3] = lines[3].replace("Negative", "awful")
    (tree / "annotations.csv").write_text("\n".join(lines) + "\n")
    problems = "\n".join(read_corpus("gavid", tree).problems)
    for words in (
        "annotations.csv line 4: train01_0 has 'awful'; expected positive, neutral or negative",
        "Clips in no table are left out: train11_1",
        "Clips that a table names are missing: gone_1",
    ):
        assert words in problems
    (tree / "more.csv").write_text("clip,label\ntrain00_0,negative\ntrain03_0,positive\n")
    assert any(
        problem.startswith("more.csv labels some clips differently from another table: train00_0")
        for problem in read_corpus("gavid", tree).problems
    )


def test_a_clip_in_two_folders_and_an_empty_folder_are_refused(tree, tmp_path):
    shutil.copytree(tree / "Train", tree / "Test")
    with pytest.raises(CorpusError, match=r"train00_0.mp4 is in Test and in Train; expected each"):
        read_corpus("gavid", tree)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="There is no table in"):
        read_corpus("gavid", tmp_path / "empty")


def test_the_source_is_what_stands_before_the_number():
    assert [source_video(n) for n in ("abc_12", "x-y_1-3", "clip")] == ["abc", "x-y_1", "clip"]


def test_the_whole_road_is_walked_on_a_small_tree(made, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["data", "check", str(made), "--corpus", "gavid"]) == 0
    small = [word for setting in SMALL for word in ("--set", setting)]
    assert main(["train", "group-gavid", "--data", str(made), "--out", str(run), *small]) == 0
    capsys.readouterr()
    words = ["evaluate", str(run), "--data", str(made), "--corpus", "gavid", "--split", "test"]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 4
