"""RAVDESS as its archives unpack, the faults a copy may have, and the whole road on a small one."""

import json
import shutil
from pathlib import Path

import pytest

from emo_core.cli.main import main
from emo_core.corpora import read_corpus
from emo_core.data.corpus import CorpusError, refuse_leaks
from emo_core.data.open_corpora.ravdess import parse_ravdess_name, ravdess_split
from emo_core.training.recipes import find_recipe
from tests.support.open_trees import make_ravdess, ravdess_name

SMALL = ["train.epochs=1", "train.batch_size=8", "sample.frames=2"]
FIRST = Path("Video_Speech_Actor_01/Actor_01/01-01-01-01-01-01-01.mp4")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return make_ravdess(tmp_path_factory.mktemp("corpora") / "RAVDESS")


@pytest.fixture
def tree(tmp_path, made) -> Path:
    return Path(shutil.copytree(made, tmp_path / made.name))


def test_speech_and_song_with_picture_and_sound_are_read(made):
    corpus = refuse_leaks(read_corpus("ravdess", made))
    assert corpus.problems == () and len(corpus.items) == 7 * 8 + 2
    first = next(item for item in corpus.items if item.name == "01-01-03-01-01-01-15")
    assert (first.label, first.split, first.group) == ("happy", "val", "actor 15")
    assert (first.regime, first.text) == ("speech", "Kids are talking by the door")
    assert sum(item.regime == "song" for item in corpus.items) == 2
    assert {i.group for i in corpus.split("test")} == {"actor 19", "actor 20"}


def test_the_notes_say_what_is_here_of_the_published_set(made):
    notes = read_corpus("ravdess", made).notes
    assert "7 video-only files are not read." in notes
    assert (
        "speech has 56 clips of 7 actors; the published set has 1440 of 24; clips are missing of "
        "actor 01, actor 02, actor 03 and 4 more." in notes
    )
    assert any(
        note.startswith("song has 2 clips of 2 actors; the published set has 1012 of 23")
        for note in notes
    )


def test_half_of_the_actors_of_val_and_of_test_are_women():
    for split, actors in (("train", 14), ("val", 4), ("test", 6)):
        numbers = [number for number in range(1, 25) if ravdess_split(number) == split]
        assert len(numbers) == actors and sum(n % 2 for n in numbers) == actors // 2


@pytest.mark.parametrize(
    "name",
    [
        "01-01-09-01-01-01-01",
        "01-01-01-01-01-01",
        "01-01-01-01-01-01-25",
        "1-1-1-1-1-1-1",
        "01-01-01-01-01-01-00",
        "04-01-01-01-01-01-01",
        "clip",
    ],
)
def test_a_damaged_name_says_the_form(tree, name):
    assert parse_ravdess_name(name) is None
    shutil.copy(tree / FIRST, (tree / FIRST).with_name(f"{name}.mp4"))
    (problem,) = read_corpus("ravdess", tree).problems
    assert problem.startswith(f"Actor_01/{name}.mp4 is not named as in RAVDESS; expected seven")


def test_a_file_with_another_actor_or_twice_is_named(tree):
    shutil.copy(tree / FIRST, (tree / FIRST).with_name("01-01-01-01-02-01-02.mp4"))
    shutil.copytree(tree / "Video_Speech_Actor_02", tree / "copy")
    problems = read_corpus("ravdess", tree).problems
    assert len(problems) == 1 + 8
    assert any(
        "names actor 02, but lies in the folder of actor 01" in problem for problem in problems
    )
    assert any("is also in Actor_02; expected it once" in problem for problem in problems)


def test_sound_alone_is_no_clip(tree, tmp_path):
    sounds = tmp_path / "sounds" / "Actor_01"
    sounds.mkdir(parents=True)
    (sounds / f"{ravdess_name(1, 3, modality=3)}.wav").write_bytes(b"x")
    with pytest.raises(CorpusError, match="no clip with picture and sound in .*`emo data get"):
        read_corpus("ravdess", tmp_path / "sounds")
    shutil.copytree(sounds, tree / "Audio_Speech_Actors_01-24" / "Actor_01")
    assert "1 audio-only files are not read." in read_corpus("ravdess", tree).notes


def test_three_classes_leave_surprise_out(made):
    corpus = read_corpus("ravdess-polarity", made)
    labels = {item.name.split("-")[2]: item.label for item in corpus.items}
    assert labels == {
        "01": "neutral",
        "02": "neutral",
        "03": "positive",
        **dict.fromkeys(("04", "05", "06", "07"), "negative"),
    }


@pytest.mark.parametrize("recipe", ["fe2e-ravdess", "mesm-ravdess", "group-ravdess"])
def test_the_whole_road_is_walked_on_a_small_tree(made, tmp_path, capsys, recipe):
    wanted = find_recipe(recipe)
    assert set(wanted.task.labels) == set(read_corpus(wanted.corpus, made).labels)
    run = tmp_path / "run"
    assert main(["data", "check", str(made), "--corpus", wanted.corpus]) == 0
    small = [word for setting in SMALL for word in ("--set", setting)]
    assert main(["train", recipe, "--data", str(made), "--out", str(run), *small]) == 0
    capsys.readouterr()
    words = ["evaluate", str(run), "--data", str(made), "--corpus", wanted.corpus]
    assert main([*words, "--split", "test", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == (16 if wanted.corpus == "ravdess" else 14)
