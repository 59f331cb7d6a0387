"""A written graph answers like the model, for any batch and time, and says what it is."""

import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch

from emo_core import __version__
from emo_core.checkpoint import (
    Checkpoint,
    CheckpointError,
    load_checkpoint,
    save_checkpoint,
    shipped_checkpoints,
)
from emo_core.clip import load_clip
from emo_core.inference.onnx_export import (
    INPUTS,
    SCOPE,
    ExportError,
    export_onnx,
    stated_digest,
    weights_digest,
)
from emo_core.inference.onnx_runtime import load_onnx
from emo_core.inference.predict import predict_clip
from emo_core.models.group import Group, GroupConfig
from emo_core.preprocess.batch import Batch, collate
from emo_core.preprocess.sample import (
    SampleConfig,
    blank_sample,
    decode_windows,
    to_sample,
    window_spans,
)
from emo_core.tasks import SingleLabel
from tests.conftest import ROOT
from tests.support.exported import exported

EXAMPLES = sorted((ROOT / "assets" / "examples").glob("*.mp4"))
FAST = "group-staged"
ALL = [
    pytest.param(name, marks=() if name == FAST else pytest.mark.slow)
    for name in shipped_checkpoints()
]
MOST = 1e-5  # of a logit up to 1, else of its size


def windows(name: str) -> Batch:
    config, samples = load_checkpoint(name).sample, []
    for path in EXAMPLES:
        clip = load_clip(path, "I would love to")
        spans = window_spans(clip.duration_s, config.window_s)
        samples += [to_sample(window, config) for window in decode_windows(clip, config, spans)]
    return collate(samples)


def shortened(batch: Batch, frames: int, mel_frames: int) -> Batch:
    kept = {
        name: value[:, : mel_frames if name.startswith("mel") else frames]
        for name, value in vars(batch).items()
        if value is not None and not name.startswith("token")
    }
    return replace(batch, **kept)


def assert_equal_answers(name: str, batch: Batch) -> None:
    with torch.inference_mode():
        expected = load_checkpoint(name).model(batch).logits
    found = load_onnx(exported(name)).model(batch).logits
    torch.testing.assert_close(found, expected, rtol=MOST, atol=MOST)


@pytest.mark.parametrize("name", ALL)
def test_the_graph_answers_like_the_model_whatever_is_missing(name):
    batch = windows(name)
    for missing in ((), ("video",), ("audio",), ("text",), ("video", "audio", "text")):
        part = batch
        for modality in missing:
            part = part.without(modality)
        assert_equal_answers(name, part)


@pytest.mark.parametrize("name", ALL)
def test_batch_and_time_are_free_where_the_model_has_no_steps(name):
    batch = windows(name)
    for rows in (1, 3):
        assert_equal_answers(name, batch[:rows])
    if not hasattr(load_checkpoint(name).settings, "steps"):
        for frames, mel_frames in ((1, 64), (3, 113), (8, 250)):
            assert_equal_answers(name, shortened(batch, frames, mel_frames))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_clip_has_the_same_answer(name, path):
    clip = load_clip(path, "I would love to")
    expected = predict_clip(clip, load_checkpoint(name))
    found = predict_clip(clip, load_onnx(exported(name)))
    assert found.label == expected.label and found.abstains == expected.abstains
    assert found.notes == expected.notes and found.present == expected.present
    assert found.probabilities == pytest.approx(expected.probabilities, abs=MOST)
    assert found.values == (expected.values and pytest.approx(expected.values, abs=MOST))
    for label, shares in expected.modality_shares.items():
        assert found.modality_shares[label] == pytest.approx(shares, abs=1e-4)
    for ours, theirs in zip(found.moments or (), expected.moments or (), strict=True):
        assert vars(ours) == pytest.approx(vars(theirs), abs=MOST)


def test_the_file_says_what_it_is_and_where_the_graph_begins():
    graph = onnx.load(exported(FAST))
    said = {entry.key: entry.value for entry in graph.metadata_props}
    checkpoint = load_checkpoint(FAST)
    assert json.loads(said["labels"]) == list(checkpoint.labels)
    assert json.loads(said["preprocessing"]) == checkpoint.sample.as_dict()
    assert said["emo_version"] == __version__ and said["name"] == FAST
    assert said["scope"] == SCOPE and said["precision"] == "float32"
    names = [one.name for one in graph.graph.input]
    assert names == ["video", "video_mask", "video_times_s", "mel", "mel_mask", "mel_times_s"]
    assert [one.doc_string for one in graph.graph.input] == [INPUTS[name] for name in names]
    content = exported(FAST).read_bytes()
    assert stated_digest(content)[0] == stated_digest(content)[1]
    assert str(ROOT).encode() not in content and b"site-packages" not in content


def test_the_weights_are_named_by_their_digest():
    from emo_core.checkpoint import SHIPPED

    said = {entry.key: entry.value for entry in onnx.load(exported(FAST)).metadata_props}
    assert said["weights_sha256"] == weights_digest(SHIPPED / FAST)


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("there.onnx", "is there already; expected a new name; give one, or --overwrite"),
        ("model.pt", "does not end in .onnx"),
        ("none/model.onnx", "is no folder; expected one to write into"),
    ],
)
def test_nothing_is_written_where_it_should_not_be(tmp_path, out, sentence):
    (tmp_path / "there.onnx").write_text("mine")
    with pytest.raises(ExportError, match=sentence):
        export_onnx(FAST, tmp_path / out)
    assert (tmp_path / "there.onnx").read_text() == "mine"


def test_a_missing_package_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(ExportError, match=r"the extra export; run pip install"):
        export_onnx(FAST, tmp_path / "new.onnx")


def test_an_unknown_model_is_one_sentence(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint is called"):
        export_onnx("nothing", tmp_path / "new.onnx")


def strong_checkpoint(folder, audio: str) -> Path:
    """A group model of tiny random published backbones."""
    sample = SampleConfig(frames=2, width=32, height=32, wave=True, window_s=1.0)
    settings = GroupConfig("clip_tiny", audio, width=16, blocks=1, pretrained=False)
    made = Checkpoint("strong", Group(settings).eval(), "group", settings, sample, SingleLabel())
    save_checkpoint(folder, made, "card")
    return folder


def test_a_model_of_waveforms_is_refused_in_one_sentence(tmp_path):
    folder = strong_checkpoint(tmp_path / "strong", "wavlm_tiny")
    with pytest.raises(ExportError, match="strong reads waveforms, each as long as it lasts"):
        export_onnx(folder, tmp_path / "new.onnx")


@pytest.mark.slow
def test_a_model_of_published_frames_answers_like_itself(tmp_path):
    folder = strong_checkpoint(tmp_path / "strong", "mel_cnn")
    export_onnx(folder, tmp_path / "new.onnx")
    model, sample = load_checkpoint(folder).model, load_checkpoint(folder).sample
    batch = random_inputs(sample)
    for asked in (batch, batch[:1], batch.without("video"), shortened(batch, 1, 5)):
        with torch.inference_mode():
            expected = model(asked).logits
        found = load_onnx(tmp_path / "new.onnx").model(asked).logits
        torch.testing.assert_close(found, expected, rtol=MOST, atol=MOST)


def random_inputs(sample: SampleConfig) -> Batch:
    batch = collate([blank_sample(sample)] * 3)
    video = torch.randint(0, 256, batch.video.shape, dtype=torch.uint8)
    mel = torch.randn(batch.mel.shape)
    seen, heard = torch.ones_like(batch.video_mask), torch.ones_like(batch.mel_mask)
    seen[1], heard[2, 3:] = False, False
    return replace(batch, video=video, video_mask=seen, mel=mel, mel_mask=heard)
