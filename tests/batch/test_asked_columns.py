"""`--explain` and `--features`: the numbers of the library's own functions, in the same rows."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emo_core.attribution.explain import explain, make_target, modality_share
from emo_core.attribution.timeline import to_timeline
from emo_core.attribution.types import AttributionError, ExplainRequest
from emo_core.batch import explanations
from emo_core.batch.features import read_features, tower_names
from emo_core.batch.names import AskedRow, BatchError
from emo_core.batch.rows import add_asked, answered, row_schema
from emo_core.checkpoint import load_checkpoint
from emo_core.cli.main import main
from emo_core.clip import load_clip
from emo_core.inference.predict import predict_clip
from emo_core.training.feature_cache import cached_features
from tests.batch.test_run import read_rows
from tests.batch.test_worker import CLIP, MODEL, work
from tests.support.predictions import write_people_clip

__all__ = ["work"]
FAST = {"explain": "fast", "features": True}


@pytest.fixture(scope="module")
def checkpoint():
    return load_checkpoint(MODEL)


@pytest.fixture(scope="module")
def prediction(checkpoint):
    return predict_clip(load_clip(CLIP), checkpoint, 2)


def test_explanations_are_those_of_the_library(work, checkpoint, prediction):
    _, (row,) = work(AskedRow(str(CLIP)), explain="fast")
    found, told = explain(checkpoint, prediction, ExplainRequest(preset="fast")), row["explanation"]
    clock = to_timeline(found)
    assert (told["method"], told["preset"], told["label"]) == (
        "integrated_gradients",
        "fast",
        prediction.label,
    )
    assert told["picture"] == clock.picture.tolist() and told["sound"] == clock.sound.tolist()
    assert len(told["edges_s"]) == len(told["picture"]) + 1 and told["edges_s"][0] == 0
    assert told["score"] - told["baseline_score"] == pytest.approx(
        sum(told["picture"]) + sum(told["sound"]),
        abs=1.01 * told["completeness_gap"] * abs(told["score"] - told["baseline_score"]) + 1e-4,
    )
    strongest = int(np.abs(told["sound"]).argmax())
    assert told["peaks"]["sound"] == {
        "start_s": told["edges_s"][strongest],
        "end_s": told["edges_s"][strongest + 1],
        "value": told["sound"][strongest],
    }
    share = modality_share(checkpoint, prediction.samples[0], found.target)
    assert told["modality_share"] == share and told["words"] is None
    assert "features" not in row and row["seconds"]["explanation"] > 0


def test_features_are_those_that_training_keeps(
    work, checkpoint, prediction, tmp_path, monkeypatch
):
    monkeypatch.setenv("EMO_CACHE", str(tmp_path / "cache"))

    class Windows:
        def __len__(self):
            return len(prediction.samples)

        def __getitem__(self, position):
            return prediction.samples[position[1]], 0

    model = checkpoint.model
    model.freeze_towers()
    kept = cached_features(model, Windows(), ["key"], ["video", "audio"])
    _, (row,) = work(AskedRow(str(CLIP)), features=True)
    known = {(one["window"], one["tower"]): one for one in row["features"]}
    assert set(known) == {(w, name) for w in range(len(kept)) for name in tower_names(checkpoint)}
    for window, features in enumerate(kept):
        assert features
        for name, seen in features.items():
            one = known[window, name]
            values = np.asarray(one["values"], np.float16).reshape(one["shape"])
            np.testing.assert_array_equal(values, seen.values.numpy())
            assert one["mask"] == seen.mask.tolist()
            start_s = prediction.samples[window].start_s
            assert one["times_s"] == (seen.times_s.double() + start_s).tolist()


def test_an_explanation_that_fails_leaves_the_answer(work, monkeypatch):
    def refuse(*_):
        raise AttributionError("this window has no moment with a value; choose another window.")

    monkeypatch.setattr(explanations, "explain", refuse)
    (done,), (row,) = work(AskedRow(str(CLIP)), **FAST)
    assert done.failed == 1 and row["status"] == "failed" and "no moment" in row["error"]
    assert row["probabilities"] and row["features"] and row["explanation"] is None


def test_where_there_is_nobody_there_is_nothing_to_explain(checkpoint, prediction):
    row = answered(replace(prediction, nobody="Nobody is seen or heard."))
    add_asked(row, checkpoint, prediction=replace(prediction, nobody="Nobody."), **ADDED)
    assert "explanation" not in row and len(row["features"]) == 2 * len(prediction.samples)


ADDED = {"explain": "fast", "with_features": True}


@pytest.mark.parametrize("model", ["mesm-staged", "jmt-staged"])
def test_every_task_has_a_column_for_its_explanations(model):
    checkpoint = load_checkpoint(model)
    found = predict_clip(load_clip(CLIP), checkpoint, 1)
    row, schema = answered(found), row_schema(checkpoint, "fast")
    add_asked(row, checkpoint, found, "fast", False)
    (told,) = pa.Table.from_pylist([row], schema).column("explanation").to_pylist()
    target = make_target(checkpoint, found.samples[0], told["label"])
    assert (told["label"], told["at_s"]) == (target.label, target.at_s)
    assert (told["words"] is None) == ("text" not in told["modality_share"])
    assert told == row["explanation"]


def test_a_model_without_towers_is_refused(tmp_path, capsys):
    words = ["batch", str(CLIP), "--out", str(tmp_path / "out"), "--local", "--features"]
    assert main([*words, "--model", "jmt-staged"]) == 2
    assert "jmt-staged has no towers that give tokens" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(BatchError):
        read_features(load_checkpoint("mesm-staged"), None)


def test_a_row_says_whose_face_where_the_method_does(tmp_path):
    checkpoint = load_checkpoint("group-people")
    clip = load_clip(write_people_clip(tmp_path / "people.mp4", 2.0))
    found = predict_clip(clip, checkpoint, 1)
    row, schema = answered(found), row_schema(checkpoint, "fast")
    add_asked(row, checkpoint, found, "fast", False, "token_shapley")
    (told,) = pa.Table.from_pylist([row], schema).column("explanation").to_pylist()
    seen = {number for frame in row["faces"]["frames"] for number in frame["people"]}
    assert {each["person"] for each in told["people"]} <= seen and len(told["people"]) >= 2
    assert told["method"] == "token_shapley" and told["completeness_gap"] < 1e-4


def test_a_model_without_such_explanations_is_refused_before_any_row(tmp_path, capsys):
    words = ["batch", str(CLIP), "--out", str(tmp_path / "out"), "--local", "--explain", "fast"]
    assert main([*words, "--method", "token_shapley", "--model", "jmt-staged"]) == 2
    assert "jmt-staged has no towers that read picture and sound apart" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_processes_write_the_same_rows_and_other_wishes_are_refused(work, tmp_path, capsys):
    names = [str(CLIP), str(tmp_path / "gone.mp4"), str(CLIP)]
    work(*map(AskedRow, names), **FAST)
    out = tmp_path / "local"
    words = ["batch", *names, "--out", str(out), "--local", "--model", MODEL, "--max-windows", "2"]
    assert main([*words, "--workers", "1", "--explain", "fast", "--features"]) == 1
    said = ["weights", "version"]
    ours, theirs = (
        [{k: v for k, v in row.items() if k not in said} for row in read_rows(folder)]
        for folder in (out, tmp_path / "out")
    )
    assert ours == theirs and [row["status"] for row in ours] == ["ok", "failed", "ok"]
    assert pq.read_schema(next(out.glob("rows/*"))).equals(
        row_schema(load_checkpoint(MODEL), "fast", True)
    )
    capsys.readouterr()
    assert main([*words, "--resume"]) == 2
    assert "explain was fast, is not asked; features was float16 of video, audio" in (
        capsys.readouterr().err
    )
    assert main([*words, "--resume", "--explain", "standard", "--features"]) == 2
    assert "explain was fast, is standard; expected" in capsys.readouterr().err
    assert main([*words, "--resume", "--explain", "fast", "--features"]) == 0


def test_a_method_of_nothing_is_refused(tmp_path, capsys):
    words = ["batch", str(CLIP), "--out", str(tmp_path / "out"), "--local"]
    assert main([*words, "--method", "token_shapley"]) == 2
    assert "give --explain as well" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
