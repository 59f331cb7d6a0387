"""Recipes with published backbones, at the size of tiny random ones, from clips to an answer."""

import json

import pytest

from emo_core.cli.main import main

FAST = ("pretrained=false", "epochs=2", "settings.width=16", "batch_size=8")
TINY = {
    "group-clip": ("video_backbone=clip_tiny", "sample.width=32", "sample.height=32"),
    "group-wavlm": (
        "video_backbone=clip_tiny",
        "audio_backbone=wavlm_tiny",
        "sample.width=32",
        "sample.height=32",
    ),
}


def emo(capsys, *words):
    code = main([*words, "--json"])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, json.loads(out) if out else None, err


def words_of(recipe, drawn):
    changes = [f"--set={text}" for text in (*FAST, *TINY[recipe])]
    return [recipe, "--data", str(drawn), "--corpus", "staged", *changes]


@pytest.mark.parametrize("recipe", TINY)
def test_features_are_kept_once_and_train_evaluate_predict(recipe, drawn, tmp_path, capsys):
    words, run = words_of(recipe, drawn), tmp_path / "run"
    code, kept, _ = emo(capsys, "features", *words)
    assert code == 0 and kept["windows"] == 24 and kept["bytes"] > 0
    code, again, _ = emo(capsys, "features", *words)
    assert again["bytes"] == kept["bytes"] and again["towers"] == kept["towers"]
    code, trained, err = emo(capsys, "train", *words, "--out", str(run))
    assert code == 0 and trained["epochs"] == 2, err
    assert "features" not in err  # all were there
    code, scores, _ = emo(
        capsys, "evaluate", str(run), "--data", str(drawn), "--corpus", "staged", "--split", "test"
    )
    assert code == 0 and scores["n"] == 8
    code, answer, err = emo(
        capsys, "predict", str(next((drawn).rglob("*.mp4"))), "--model", str(run)
    )
    assert code == 0, err
    assert sum(answer["results"][0]["probabilities"].values()) == pytest.approx(1, abs=1e-3)
