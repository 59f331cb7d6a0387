"""A graph is what was exported, or one short sentence; the command answers by it as by torch."""

import json
import shutil
import sys

import onnx
import pytest

from emo_core.checkpoint import CONFIG, SHIPPED, load_checkpoint
from emo_core.cli.main import main
from emo_core.inference.onnx_export import DIGEST, NO_DIGEST, _digest_entry, stated_digest
from emo_core.inference.onnx_runtime import OnnxError, load_exported, load_onnx
from tests.conftest import ROOT
from tests.support.exported import exported

CLIP = str(ROOT / "assets" / "examples" / "both_positive.mp4")
NAME = "group-staged"


def rewritten(tmp_path, change) -> object:
    """The exported file with something changed, and the digest that fits it."""
    graph = onnx.load(exported(NAME))
    change(graph)
    for entry in graph.metadata_props:
        if entry.key == DIGEST:
            entry.value = NO_DIGEST
    content = graph.SerializeToString(deterministic=True)
    found = stated_digest(content)[1].encode()
    path = tmp_path / "changed.onnx"
    path.write_bytes(content.replace(_digest_entry(NO_DIGEST.encode()), _digest_entry(found)))
    return path


def test_a_flipped_bit_anywhere_is_damage(tmp_path):
    content = exported(NAME).read_bytes()
    for at in (0, len(content) // 3, len(content) // 2, len(content) - 1):
        path = tmp_path / "flipped.onnx"
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(OnnxError, match="is damaged|is no file of"):
            load_onnx(path)


@pytest.mark.parametrize("content", [b"", b"no graph", b"\x08\x07" * 50])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    with pytest.raises(OnnxError, match="is no file of `emo export`, or is cut off"):
        load_onnx(path)


def test_a_cut_off_file_is_refused(tmp_path):
    content = exported(NAME).read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(OnnxError, match="is damaged|is no file of"):
        load_onnx(path)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(OnnxError, match="is not there"):
        load_onnx(tmp_path / "nothing.onnx")


def test_an_operator_set_of_the_future_is_refused(tmp_path):
    def future(graph):
        graph.opset_import[0].version = 999

    with pytest.raises(OnnxError, match="can't be read by ONNX Runtime"):
        load_onnx(rewritten(tmp_path, future))


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("emo_format", "2", "has export format 2; expected 1"),
        ("config", "{}", "does not describe a model of this version"),
        ("subsets", "[", "does not describe a model of this version"),
    ],
)
def test_metadata_of_another_version_is_refused(tmp_path, key, value, sentence):
    def change(graph):
        next(entry for entry in graph.metadata_props if entry.key == key).value = value

    with pytest.raises(OnnxError, match=sentence):
        load_onnx(rewritten(tmp_path, change))


def test_a_file_of_another_model_or_other_settings_is_refused(tmp_path):
    with pytest.raises(OnnxError, match="is of group-staged with weights .*; expected weights"):
        load_onnx(exported(NAME), "group-collage")
    folder = shutil.copytree(SHIPPED / NAME, tmp_path / NAME)
    config = json.loads((folder / CONFIG).read_text())
    config["calibration"]["temperature"] = 2.0
    (folder / CONFIG).write_text(json.dumps(config))
    with pytest.raises(OnnxError, match="was exported from other settings"):
        load_onnx(exported(NAME), folder)


def test_a_loaded_graph_is_the_checkpoint_but_for_its_model():
    found, expected = load_onnx(exported(NAME), NAME), load_checkpoint(NAME)
    assert (found.name, found.sample, found.task) == (NAME, expected.sample, expected.task)
    assert found.calibration == expected.calibration and found.training == expected.training
    assert found.data_warning == expected.data_warning and found.notes == expected.notes


def test_without_the_package_there_is_one_sentence(monkeypatch):
    path = exported(NAME)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(OnnxError, match="the package onnxruntime is not installed"):
        load_onnx(path)


def test_a_kept_file_is_read_again_and_written_anew_when_damaged(tmp_path, monkeypatch):
    written = []

    def write(folder, out, overwrite):
        written.append(out)
        shutil.copy(exported(NAME), out)

    monkeypatch.setenv("EMO_CACHE", str(tmp_path))
    monkeypatch.setattr("emo_core.inference.onnx_runtime.export_onnx", write)
    assert load_exported(NAME).name == load_exported(NAME).name == NAME
    assert len(written) == 1
    written[0].write_bytes(b"damaged")
    assert load_exported(NAME).name == NAME and len(written) == 2


def answers(capsys, *words: str) -> dict:
    assert main(["predict", CLIP, "--json", *words]) == 0
    (found,) = json.loads(capsys.readouterr().out)["results"]
    return found


def test_the_command_answers_by_a_file_as_by_torch(capsys):
    expected = answers(capsys, "--model", NAME)
    found = answers(capsys, "--model", str(exported(NAME)), "--runtime", "onnx")
    for name in ("model", "label", "abstains", "faces", "notes", "frame_times_s", "media"):
        assert found[name] == expected[name]
    assert found["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-5)
    assert main(["predict", CLIP, "--model", str(exported(NAME)), "--runtime", "torch"]) == 2
    assert "is a graph, which torch does not run" in capsys.readouterr().err


def test_the_page_answers_by_a_graph_where_it_is_asked_to(monkeypatch):
    """Reasons still come from the checkpoint; labels are the same."""
    from demo import service
    from emo_core.inference import onnx_runtime

    asked, runs = [], []
    run = onnx_runtime.OnnxModel.run

    def counted(self, batch):
        runs.append(len(batch))
        return run(self, batch)

    def load(name):
        asked.append(name)
        return load_onnx(exported(name))

    monkeypatch.setattr(onnx_runtime, "load_exported", load)
    monkeypatch.setattr(onnx_runtime.OnnxModel, "run", counted)
    service._graph_of.cache_clear()
    expected = service.open_case(CLIP, model=NAME, text="hello")
    monkeypatch.setenv("EMO_RUNTIME", "onnx")
    found = service.open_case(CLIP, model=NAME, text="hello again")
    assert asked == [NAME] and runs == [1]
    assert found.prediction.label == expected.prediction.label
    shown = expected.prediction.probabilities
    assert found.prediction.probabilities == pytest.approx(shown, abs=1e-5)
    assert found.checkpoint is expected.checkpoint and list(found.checkpoint.model.parameters())
    service._graph_of.cache_clear()


@pytest.mark.parametrize("words", [["explain", CLIP, "--out", "report"], ["card"]])
def test_commands_that_need_more_than_a_graph_say_so(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    graph = str(exported(NAME))
    named = [graph] if words == ["card"] else ["--model", graph]
    assert main([*words, *named]) == 2
    said = capsys.readouterr().err
    assert "is a graph of `emo export`" in said and "it was exported from" in said
    assert not (tmp_path / "report").exists()
