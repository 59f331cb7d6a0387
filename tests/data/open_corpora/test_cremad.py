"""CREMA-D in the published layout, the faults of a copy, and the whole road on a small one."""

import json
import shutil
from pathlib import Path

import pytest

from emo_core.cli.main import main
from emo_core.corpora import read_corpus
from emo_core.data.checks import check_corpus
from emo_core.data.corpus import CorpusError, refuse_leaks
from emo_core.data.open_corpora.cremad import (
    ACTORS,
    KNOWN_BAD,
    ClipName,
    cremad_split,
    parse_cremad_name,
)
from emo_core.training.recipes import find_recipe
from tests.support.open_trees import CREMAD_ACTORS, cremad_names, make_cremad

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 265922\n"
SMALL = ["train.epochs=1", "train.batch_size=8", "sample.frames=2"]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return make_cremad(tmp_path_factory.mktemp("corpora") / "CREMA-D")


@pytest.fixture
def tree(tmp_path, made) -> Path:
    return Path(shutil.copytree(made, tmp_path / made.name))


def test_a_clean_tree_is_read_and_no_actor_is_in_two_splits(made):
    corpus = refuse_leaks(read_corpus("cremad", made))
    assert corpus.problems == () and len(corpus.items) == 48
    assert corpus.labels == ("anger", "disgust", "fear", "happy", "neutral", "sad")
    actors = {split: {i.group for i in corpus.split(split)} for split in ("train", "val", "test")}
    assert actors == {
        "train": {"1001", "1002", "1003", "1006"},
        "val": {"1004", "1009"},
        "test": {"1005", "1010"},
    }
    first = next(item for item in corpus.items if item.name == "1001_DFA_FEA_XX")
    assert (first.label, first.text) == ("fear", "Don't forget a jacket")
    assert corpus.details["actors"]["1002"]["age"] == "21"


def test_the_published_actors_fall_into_splits_of_55_18_and_18():
    splits = [cremad_split(str(actor)) for actor in range(1001, 1001 + ACTORS)]
    assert [splits.count(name) for name in ("train", "val", "test")] == [55, 18, 18]


@pytest.mark.parametrize(
    "name", ["1001_DFA_ANG", "1001_XXX_ANG_XX", "1001_DFA_JOY_XX", "1001_DFA_ANG_X", "1_DFA_ANG_XX"]
)
def test_a_damaged_name_says_the_form(tree, name):
    assert parse_cremad_name(name) is None
    shutil.copy(tree / "VideoFlash" / "1001_DFA_ANG_XX.flv", tree / "VideoFlash" / f"{name}.flv")
    (problem,) = read_corpus("cremad", tree).problems
    assert problem.startswith(f"{name}.flv is not named as in CREMA-D; expected a name such as")


def test_a_name_holds_four_things():
    assert parse_cremad_name("1091_WSI_HAP_HI") == ClipName("1091", "WSI", "happy", "HI")


def test_files_that_git_lfs_did_not_fetch_are_no_clips(tree):
    for name in cremad_names()[:5]:
        (tree / "VideoFlash" / f"{name}.flv").write_text(POINTER.format("0" * 64))
    (problem,) = read_corpus("cremad", tree).problems
    assert problem.startswith("Git LFS pointers in place of clips are left out: 1001_")
    assert "and 2 more" in problem and "lfs pull" in problem


def test_clips_the_publisher_calls_damaged_are_named_and_left_out(tree):
    for name in KNOWN_BAD:
        (tree / "VideoFlash" / f"{name}.flv").write_bytes(b"x" * 2000)
    corpus = read_corpus("cremad", tree)
    assert len(corpus.items) == 48
    said = "Clips that the publisher lists as damaged are left out: 1076_MTI_NEU_XX"
    assert said in " ".join(corpus.notes)


def test_missing_actors_and_rows_are_said(tree):
    for path in (tree / "VideoFlash").glob("1003_*"):
        path.unlink()
    rows = (tree / "VideoDemographics.csv").read_text().splitlines()
    (tree / "VideoDemographics.csv").write_text("\n".join([*rows[:2], 'x,1,"","",""']) + "\n")
    corpus = read_corpus("cremad", tree)
    assert "42 clips of 7 actors are here; the published set has 7442 of 91." in corpus.notes
    assert corpus.problems == (
        "VideoDemographics.csv line 3: ActorID is 'x'; expected four digits, each number once; "
        "the row is left out.",
        "Actors of clips have no row in VideoDemographics.csv: 1002, 1004, 1005 and 3 more; "
        "restore the official file.",
    )


@pytest.mark.parametrize("text", ["", "Actor,Age\n1001,3\n"])
def test_a_wrong_table_of_actors_is_one_sentence(tree, text):
    (tree / "VideoDemographics.csv").write_text(text)
    (problem,) = read_corpus("cremad", tree).problems
    assert "expected a header with ActorID" in problem


def test_a_folder_without_clips_says_how_to_get_them(tmp_path):
    with pytest.raises(
        CorpusError, match="no folder VideoFlash in .* `emo data get cremad FOLDER`"
    ):
        read_corpus("cremad", tmp_path)
    (tmp_path / "VideoFlash").mkdir()
    with pytest.raises(CorpusError, match="There is no usable clip in .*: it is empty"):
        read_corpus("cremad", tmp_path)


def test_three_classes_are_mapped_and_say_so(made):
    corpus = read_corpus("cremad-polarity", made)
    labels = {item.name.split("_")[2]: item.label for item in corpus.items}
    assert labels == {
        "HAP": "positive",
        "NEU": "neutral",
        **dict.fromkeys(("ANG", "DIS", "FEA", "SAD"), "negative"),
    }
    assert "are mapped from the acted emotion" in corpus.notes[-1]


def test_the_recipes_name_the_labels_that_the_reader_gives(made):
    for name in ("fe2e-cremad", "mesm-cremad", "group-cremad"):
        recipe = find_recipe(name)
        assert set(recipe.task.labels) == set(read_corpus(recipe.corpus, made).labels)


def test_a_check_decodes_every_clip_with_its_sound(made):
    report = check_corpus(read_corpus("cremad", made))
    assert report["undecodable"] == report["silent"] == report["no_sound"] == []
    assert report["splits"]["test"]["groups"] == 2 and report["human"]["clips"] == 48
    assert len(report["actors"]) == len(CREMAD_ACTORS)


@pytest.mark.parametrize("recipe", ["fe2e-cremad", "mesm-cremad", "group-cremad"])
def test_the_whole_road_is_walked_on_a_small_tree(made, tmp_path, capsys, recipe):
    corpus, run = find_recipe(recipe).corpus, tmp_path / "run"
    assert main(["data", "check", str(made), "--corpus", corpus]) == 0
    small = [word for setting in SMALL for word in ("--set", setting)]
    assert main(["train", recipe, "--data", str(made), "--out", str(run), *small]) == 0
    capsys.readouterr()
    words = ["evaluate", str(run), "--data", str(made), "--corpus", corpus, "--split", "test"]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 12


@pytest.mark.real_data
def test_real_clips_of_the_corpus_are_read(real_data, tmp_path):
    shutil.copytree(real_data / "clips" / "cremad", tmp_path / "CREMA-D" / "VideoFlash")
    for path in (tmp_path / "CREMA-D" / "VideoFlash").glob("*.mp4"):
        path.unlink()
    report = check_corpus(read_corpus("cremad", tmp_path / "CREMA-D"))
    assert report["splits"]["train"]["labels"] == dict.fromkeys(
        report["splits"]["train"]["labels"], 1
    )
    assert report["undecodable"] == report["silent"] == []
