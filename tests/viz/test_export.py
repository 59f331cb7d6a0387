"""An explanation is built by one request and written whole: its parts, files and JSON agree."""

import json
from dataclasses import replace

import numpy as np
import pytest

from emo_core.attribution.sanity_checks import run_checks
from emo_core.attribution.types import ExplainRequest
from emo_core.checkpoint import load_checkpoint
from emo_core.clip import load_clip
from emo_core.inference.predict import predict_clip
from emo_core.viz import export
from tests.support.predictions import write_clip

ASKED = ExplainRequest("saliency", "fast", baseline="mean", seed=3)


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """A model, a clip of one window and the prediction of it."""
    folder = tmp_path_factory.mktemp("clips")
    checkpoint, clip = load_checkpoint("group-staged"), load_clip(write_clip(folder / "a.mp4", 2.0))
    return checkpoint, clip, predict_clip(clip, checkpoint)


def quiet(name):
    """Nothing is shown of the progress of a part."""
    return lambda done, total: None


@pytest.fixture(scope="module")
def explanation(answered):
    return export.build_explanation(*answered, ASKED, quiet)


def test_the_request_reaches_map_and_checks(answered, explanation):
    checkpoint, _, prediction = answered
    assert explanation.sample is prediction.samples[0] and explanation.prediction is prediction
    assert (explanation.attribution.method, explanation.attribution.preset) == ("saliency", "fast")
    assert "mean colour" in explanation.attribution.baseline
    again = run_checks(checkpoint, explanation.sample, explanation.attribution, ASKED)
    assert again.twin == explanation.trust.twin and again.curves == explanation.trust.curves
    for change in ({"baseline": "blur"}, {"seed": 0}):
        other = replace(ASKED, **change)
        checks = run_checks(checkpoint, explanation.sample, explanation.attribution, other)
        assert checks.curves != explanation.trust.curves, change


def test_checks_are_left_out_where_not_asked_for(answered):
    parts = []

    def noted(name):
        parts.append(name)
        return quiet(name)

    plain = export.build_explanation(*answered, replace(ASKED, checks=False), noted)
    assert plain.trust is None and parts == ["map"]
    summary = export.explanation_summary("a.mp4", plain, [])
    assert summary["trust"] is None and summary["verdict"] is None


def test_what_a_missing_modality_would_change_is_left_out(answered, tmp_path):
    checkpoint = answered[0]
    silent = load_clip(write_clip(tmp_path / "silent.mp4", 2.0, sound=False))
    (sample,) = predict_clip(silent, checkpoint).samples
    names = {change.change for change in export.counterfactuals(checkpoint, sample, None)}
    assert names == {"picture frozen on the middle frame", "without the picture"}


def test_files_and_json_say_the_same(answered, explanation, tmp_path):
    files = export.write_explanation(tmp_path / "why", answered[1], explanation)
    assert sorted(files) == sorted(path.name for path in (tmp_path / "why").iterdir())
    summary = export.explanation_summary("a.mp4", explanation, files)
    json.dumps(summary, allow_nan=False)
    with np.load(tmp_path / "why" / "attribution.npz") as saved:
        assert float(saved["score"]) == summary["score"]
        assert str(saved["target"]) == summary["target"]
        assert tuple(saved["span_s"]) == tuple(summary["window"].values())
        assert int(saved["forward_passes"]) == summary["forward_passes"]


def test_a_stop_while_the_film_is_made_leaves_no_file(answered, explanation, tmp_path, monkeypatch):
    """Report and arrays are whole by then: without the film they would look like all there is."""

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "write_overlay", stopped)
    with pytest.raises(KeyboardInterrupt):
        export.write_explanation(tmp_path / "why", answered[1], explanation)
    assert list((tmp_path / "why").iterdir()) == []


def test_a_clip_of_sound_alone_gets_no_film(answered, tmp_path):
    checkpoint = answered[0]
    clip = load_clip(write_clip(tmp_path / "voice.wav", 2.0, picture=False))
    made = export.build_explanation(
        checkpoint, clip, predict_clip(clip, checkpoint), replace(ASKED, checks=False), quiet
    )
    assert "overlay.mp4" not in export.write_explanation(tmp_path / "why", clip, made)
