"""The GPU benchmark's code path, at tiny sizes on whatever there is; no speed is asserted."""

import json

import pytest
import torch

from benchmarks.promises import gpu


@pytest.fixture(name="gpu")
def _gpu(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)  # it sets this; put it back
    return gpu


def test_without_a_gpu_it_says_so_and_is_content(gpu, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"name", "skipped"}


def test_every_model_there_is_gets_its_numbers(gpu, capsys):
    assert gpu.main(["--tiny", "--batch", "2", "--epochs", "1"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["matmul_peak_tflops"] > 0 and set(result["models"]) == set(gpu.SAMPLES)
    for name, numbers in result["models"].items():
        assert ("skipped" in numbers) == (name not in gpu.MODELS), numbers
    group = result["models"]["group"]
    assert group["clips_per_s"] > 0 and group["gflop_per_clip"] > 0
    assert group["seconds_30_epochs"] == pytest.approx(2661 * 30 / group["clips_per_s"], rel=0.1)


def test_what_can_not_be_compiled_is_measured_as_it_is(gpu, monkeypatch, capsys):
    def fail(*_, **__):
        raise RuntimeError("no compiler")

    monkeypatch.setattr(torch.nn.Module, "compile", fail)
    gpu.main(["--tiny", "--batch", "2", "--epochs", "1", "--compile", "default"])
    group = json.loads(capsys.readouterr().out)["models"]["group"]
    assert group["compiled"] is None and "no compiler" in group["not_compiled"]
