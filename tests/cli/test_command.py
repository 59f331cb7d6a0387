"""The `emo` command: its JSON, its exit codes, one sentence for everything that goes wrong."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from emo_core.cli.main import main

KEYS = {
    "clip",
    "model",
    "labels",
    "probabilities",
    "label",
    "abstains",
    "timeline",
    "modality_share",
    "media",
    "seconds",
}


def emo(capsys, *words: str) -> tuple[int, dict | None, str]:
    """(exit code, the JSON object on standard output, standard error)."""
    code = main([*words, "--json"])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, json.loads(out) if out else None, err


@pytest.fixture(scope="module")
def run(drawn, tmp_path_factory):
    """A tiny model trained for one epoch, as a run folder."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    code = main(
        [
            "train",
            "group-staged",
            "--data",
            str(drawn),
            "--out",
            str(folder),
            "--json",
            *sum((["--set", s] for s in TINY), []),
        ]
    )
    assert code == 0
    return folder


TINY = (
    "epochs=1",
    "synthetic_scenes=4",
    "video_widths=8,8",
    "audio_widths=8,8,8,8",
    "settings.width=16",
)


def test_help_needs_no_torch():
    """How quick it is, is a benchmark; the slow part would be an import of torch."""
    code = (
        "import runpy, sys; sys.argv = ['emo', '--help']\n"
        "try: runpy.run_module('emo_core', run_name='__main__')\n"
        "except SystemExit as ended: sys.exit(ended.code or 'torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_card_names_the_command_and_its_minutes(run):
    text = (run / "checkpoint" / "card.md").read_text(encoding="utf-8")
    told = "`emo train group-staged --data CORPUS --seed 0 --set epochs=1 --set synthetic_scenes=4"
    took = r"` took (less than a minute|a minute|\d+ minutes) \(\d+ CPU threads?\)\."
    assert told in text and re.search(took, text)


def test_predict_answers_in_the_form_of_the_contract(capsys, drawn, run):
    clips = sorted(str(path) for path in (drawn / "Val").glob("*.mp4"))[:2]
    code, answer, _ = emo(capsys, "predict", *clips, "--model", str(run))
    assert code == 0 and answer["schema_version"] == 1 and answer["errors"] == []
    assert [r["clip"] for r in answer["results"]] == clips
    for result in answer["results"]:
        assert set(result) >= KEYS
        assert result["labels"] == ["positive", "neutral", "negative"]
        assert list(result["probabilities"]) == result["labels"]
        assert sum(result["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert result["label"] == max(result["probabilities"], key=result["probabilities"].get)
        assert result["media"]["duration_s"] == pytest.approx(5, abs=0.1)
        assert (result["media"]["width"], result["media"]["height"]) == (320, 240)
        assert result["media"]["has_audio"] and result["media"]["fps"] == 25
        assert set(result["modality_share"]) == {"video", "audio"}
        assert set(result["seconds"]) == {"decode", "model"}
        spans = result["timeline"]
        assert len(spans) == 1 and spans[0]["start_s"] == 0
        assert spans[0]["end_s"] == pytest.approx(result["media"]["duration_s"], abs=0.01)
        assert all(0 <= t < 5 for t in result["frame_times_s"])


def test_one_path_for_the_command_the_library_and_training(capsys, drawn, run):
    import torch

    from emo_core import load_clip, load_model, predict
    from emo_core.data.cache import Cache
    from emo_core.data.dataset import ClipDataset, FileWindow
    from emo_core.preprocess.batch import collate

    clip = next((drawn / "Val").glob("*.mp4"))
    _, answer, _ = emo(capsys, "predict", str(clip), "--model", str(run))
    library = predict(load_clip(clip), run)
    assert answer["results"][0]["probabilities"] == pytest.approx(library.probabilities)
    checkpoint = load_model(run)
    dataset = ClipDataset([FileWindow("x", clip, 0, "g")], Cache(checkpoint.sample))
    sample, target = dataset[0, 0]
    with torch.inference_mode():
        logits = checkpoint.model(collate([sample], [target])).logits
    trained = (logits / checkpoint.calibration.temperature).softmax(-1)[0]
    np.testing.assert_allclose(list(library.probabilities.values()), trained, atol=2e-3)


@pytest.fixture
def bad(tmp_path) -> dict[str, Path]:
    """Files that are no clips."""
    (tmp_path / "folder.mp4").mkdir()
    files = {
        "empty.mp4": b"",
        "noise.mp4": np.random.default_rng(0).bytes(5000),
        "text.mp4": b"Dear diary,\n" * 50,
        "playlist.mp4": b"#EXTM3U\nfile:///etc/passwd\n",
        "picture.mp4": b"\x89PNG\r\n\x1a\n" + b"\0" * 50,
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    names = [*files, "folder.mp4", "missing.mp4"]
    return {name: tmp_path / name for name in names}


def test_a_name_that_can_not_be_written_or_a_closed_error_stream_ends_no_batch(drawn, tmp_path):
    clip = next((drawn / "Val").glob("*.mp4"))
    odd = tmp_path / os.fsdecode("grüße 😀 ".encode() + b"\xff.mp4")  # the end is no text
    odd.write_bytes(clip.read_bytes())
    command = [sys.executable, "-m", "emo_core", "predict", odd, clip, "--model", "group-staged"]
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    for keywords in ({"stderr": subprocess.PIPE}, {"preexec_fn": lambda: os.close(2)}):
        done = subprocess.run(command, stdout=subprocess.PIPE, env=ascii_only, **keywords)
        assert done.returncode == 0 and len(done.stdout.decode("ascii").splitlines()) == 2
        assert b"emo:" not in (done.stderr or b"")


def test_bad_files_cost_one_sentence_each_and_the_rest_is_done(capsys, bad, drawn, run, tmp_path):
    good = str(next((drawn / "Val").glob("*.mp4")))
    before = sorted(os.listdir(tmp_path))
    code, answer, err = emo(capsys, "predict", *map(str, bad.values()), good, "--model", str(run))
    assert code == 1 and [r["clip"] for r in answer["results"]] == [good]
    assert [e["clip"] for e in answer["errors"]] == [str(path) for path in bad.values()]
    for name, error in zip(bad, answer["errors"], strict=True):
        assert (
            name in error["error"] and "\n" not in error["error"] and error["error"].endswith(".")
        )
    assert len(err.strip().splitlines()) >= len(bad)
    assert sorted(os.listdir(tmp_path)) == before


def test_nothing_but_bad_files_is_exit_2(capsys, bad, run):
    code, answer, _ = emo(capsys, "predict", str(bad["empty.mp4"]), "--model", str(run))
    assert code == 2 and answer["results"] == [] and len(answer["errors"]) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["predict"],
        ["predict", "x.mp4", "--model", "nothing"],
        ["predict", "x.mp4", "--max-windows", "0"],
        ["nonsense"],
        ["data", "check", "/nowhere", "--corpus", "vgaf"],
        ["data", "check", ".", "--corpus", "nothing"],
        ["data", "make", "staged", "/proc/nowhere", "--train", "1", "--val", "0", "--test", "0"],
        ["data", "make", "staged", "OUT", "--train", "-1"],
        ["train", "nothing", "--data", ".", "--out", "OUT"],
        ["train", "group-staged", "--data", ".", "--out", "OUT"],
        ["train", "group-staged", "--data", ".", "--out", "OUT", "--set", "colour=1"],
        ["evaluate", "nothing", "--data", ".", "--corpus", "staged", "--split", "val"],
        ["evaluate", "group-staged", "--data", ".", "--corpus", "staged", "--split", "train"],
        ["list", "nothing"],
        ["list", "settings"],
        ["list", "models", "people"],
        ["list", "settings", "nothing"],
    ],
    ids=" ".join,
)
def test_wrong_words_are_one_line_and_exit_2(capsys, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    words = [str(tmp_path / "out") if word == "OUT" else word for word in words]
    code, answer, err = emo(capsys, *words)
    assert code == 2 and answer is None
    assert err.startswith("emo: ") and len(err.strip().splitlines()) == 1
    assert "this should not happen" not in err


def test_debug_shows_the_traceback(tmp_path):
    words = [sys.executable, "-m", "emo_core", "data", "check", str(tmp_path / "no"), "--corpus"]
    for extra, expected in (([], False), (["--debug"], True)):
        done = subprocess.run([*words, "vgaf", *extra], capture_output=True, text=True)
        assert ("Traceback" in done.stderr) == expected and done.returncode != 0


def test_a_drawn_corpus_checks_clean_as_itself_and_as_vgaf(capsys, drawn):
    code, report, _ = emo(capsys, "data", "check", str(drawn), "--corpus", "staged")
    assert code == 0 and report["problems"] == [] and report["no_sound"] == []
    assert [report["splits"][s]["clips"] for s in ("train", "val", "test")] == [24, 8, 8]
    code, as_vgaf, _ = emo(capsys, "data", "check", str(drawn), "--corpus", "vgaf")
    assert code == 0 and as_vgaf["revision"] is None
    assert as_vgaf["splits"]["train"] == report["splits"]["train"]
    assert sum(as_vgaf["splits"]["test"]["labels"].values()) == 0  # unpublished, as in VGAF


def test_planted_faults_are_named(capsys, drawn, tmp_path):
    import shutil

    tree = tmp_path / "tree"
    shutil.copytree(drawn, tree)
    train, val = (sorted((tree / split).glob("*.mp4")) for split in ("Train", "Val"))
    train[0].write_bytes(train[0].read_bytes()[:1000])  # truncated
    train[1].unlink()  # missing
    shutil.copy(train[2], val[0])  # the same clip in two splits
    code, report, _ = emo(capsys, "data", "check", str(tree), "--corpus", "vgaf")
    assert code == 1
    text = "\n".join(report["problems"])
    for name in (train[0].stem, train[1].stem, train[2].stem):
        assert name in text
    assert "leak" in text and report["undecodable"] == [f"Train/{train[0].stem}"]


def test_a_run_is_scored_on_a_split_with_its_regimes(capsys, drawn, run):
    code, scores, _ = emo(
        capsys, "evaluate", str(run), "--data", str(drawn), "--corpus", "staged", "--split", "test"
    )
    assert (
        code == 0
        and scores["n"] == 8
        and set(scores["per_class"])
        == {
            "positive",
            "neutral",
            "negative",
        }
    )
    assert sum(part["n"] for part in scores["per_regime"].values()) == 8
    assert scores["interval"] is None
    assert scores["interval_note"] == "1 source; an interval needs 5"


def test_evaluate_writes_a_row_a_clip(capsys, drawn, run, tmp_path):
    table = tmp_path / "answers.csv"
    words = ["evaluate", str(run), "--data", str(drawn), "--corpus", "staged", "--split", "test"]
    code, scores, _ = emo(capsys, *words, "--answers", str(table))
    rows = list(csv.DictReader(table.read_text("utf-8-sig").splitlines()))
    assert code == 0 and len(rows) == 8 and all(Path(row["file"]).is_file() for row in rows)
    right = [row["label"] == row["answer"] for row in rows]
    assert right == [row["right"] == "1" for row in rows] and sum(right) == 8 * scores["accuracy"]
    assert sum(int(row["sure"]) for row in rows) == 8 * scores["coverage"]
    for row in rows:
        shares = [float(row[name]) for name in ("positive", "neutral", "negative")]
        assert float(row[row["answer"]]) == max(shares)

    code, _, err = emo(capsys, *words, "--answers", str(table / "of" / "a.csv"))
    assert code == 2 and "can't be written" in err


def test_a_finished_run_is_not_overwritten_and_resumes_to_the_same(capsys, drawn, run):
    words = ["train", "group-staged", "--data", str(drawn), "--out", str(run)]
    words += sum((["--set", s] for s in TINY), [])
    code, _, err = emo(capsys, *words)
    assert code == 2 and "--resume" in err
    before = (run / "checkpoint" / "model.safetensors").read_bytes()
    code, result, _ = emo(capsys, *words, "--resume")
    assert code == 0 and result["epochs"] == 1
    assert (run / "checkpoint" / "model.safetensors").read_bytes() == before
    code, _, err = emo(capsys, *words, "--resume", "--seed", "7")
    assert code == 2 and "other settings" in err


def test_lists_name_what_there_is(capsys):
    _, models, _ = emo(capsys, "list", "models")
    for row in models["models"]:
        assert row["parameters"] == sum(row["parts"].values())
    assert list(models["licences"]) == models["checkpoints"]
    assert models["licences"]["group-collage"] == "CC-BY-NC-SA-4.0"
    _, recipes, _ = emo(capsys, "list", "recipes")
    assert {"group-vgaf", "group-staged"} <= {row["name"] for row in recipes["recipes"]}
    _, corpora, _ = emo(capsys, "list", "corpora")
    assert {"vgaf", "staged"} <= {row["name"] for row in corpora["corpora"]}


def test_every_setting_of_a_recipe_is_listed_with_its_value_and_what_it_may_be(capsys):
    code, listed, _ = emo(capsys, "list", "settings", "people")
    rows = {row["name"]: row for row in listed["settings"]}
    assert code == 0 and listed["recipe"] == "people"
    assert rows["train.epochs"]["value"] == 30 and rows["settings.video_size"]["value"] == [
        224,
        168,
    ]
    assert rows["augment.flip"]["expected"] == "a share from 0 to 1"
    assert main(["list", "settings", "people"]) == 0
    text = capsys.readouterr().out
    assert "settings.video_size  224,168  commas between: a whole number of at least 1" in text
    assert "settings.mixture  true  true or false" in text


def test_numbers_of_a_list_stand_in_words(capsys):
    assert main(["list", "models"]) == 0
    assert "group  pocket  1104067  video 327632, audio 327344, fusion 449091" in (
        capsys.readouterr().out
    )


@pytest.mark.real_data
def test_every_real_clip_is_answered(capsys, real_data):
    clips = sorted(
        str(p)
        for p in (real_data / "clips").rglob("*")
        if p.suffix in (".mp4", ".mov", ".flv", ".mpg")
    )
    code, answer, _ = emo(capsys, "predict", *clips)
    assert code == 0 and answer["errors"] == [] and len(answer["results"]) == len(clips)
    by_name = {Path(r["clip"]).name: r["media"] for r in answer["results"]}
    street = by_name["facenet_street_crowd.mp4"]
    assert street["duration_s"] == pytest.approx(4.2, abs=0.05)
    assert (street["width"], street["height"], street["channels"]) == (1920, 1080, 2)
    assert by_name["pyfeat_face_noface.mov"]["variable_rate"]


@pytest.mark.parametrize("name", ["-x.mp4", "-hello.mov", "--clip.webm"])
def test_files_whose_names_begin_with_a_dash_are_told_how_to_be_written(capsys, name):
    code, result, said = emo(capsys, "predict", name)
    assert code == 2 and result is None
    assert said == (
        f"emo: {name} begins with a dash, so it reads as an option; expected the name of a file; "
        f"write ./{name}.\n"
    )


def test_options_and_names_after_two_dashes_are_no_files_with_a_dash(capsys):
    for words in (
        ["--", "-x.mp4"],
        ["--text=a.b", "gone.mp4"],
        ["--max-windows", "-0.25", "a.mp4"],
    ):
        assert "begins with a dash" not in emo(capsys, "predict", *words)[2]
