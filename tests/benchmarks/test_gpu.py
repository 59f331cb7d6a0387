"""The GPU benchmark's code path, at tiny sizes on whatever there is; no speed is asserted."""

import json

import pytest
import torch

from benchmarks.promises import gpu

TINY = ["--tiny", "--batch", "2", "--epochs", "1"]


@pytest.fixture(name="gpu")
def _gpu(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)  # it sets this; put it back
    return gpu


def test_without_a_gpu_it_says_so_and_is_content(gpu, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) == 0
    (said,) = set(json.loads(capsys.readouterr().out).items()) - {("name", "gpu")}
    assert said[0] == "skipped" and "clips/s, share of the matmul peak" in said[1]


def test_every_recipe_gets_its_numbers(gpu, capsys):
    assert gpu.main(TINY) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["matmul_peak_tflops"] >= 0 and set(result["recipes"]) == set(gpu.RECIPES)
    for name, numbers in result["recipes"].items():
        assert "skipped" not in numbers, (name, numbers)
        assert numbers["clips_per_s"] > 0 and numbers["gflop_per_clip"] > 0, name
        assert numbers["share_of_matmul_peak"] >= 0 and "peak_memory_gb" in numbers, name
    group = result["recipes"]["group-vgaf"]
    assert group["seconds_30_epochs"] == pytest.approx(2661 * 30 / group["clips_per_s"], rel=0.1)


def test_every_strong_and_paper_size_recipe_is_measured():
    from emo_core.models.layers.published import BACKBONES
    from emo_core.training.recipes import RECIPES

    for name, make in RECIPES.items():
        settings, published = make().settings, set(BACKBONES)
        strong = published & {str(value) for value in vars(settings).values()}
        same = [gpu.recipe_of(one, tiny=False).model for one in gpu.RECIPES]
        assert make().model in same and (not strong or name in gpu.RECIPES), name


def test_what_can_not_be_compiled_is_measured_as_it_is(gpu, monkeypatch, capsys):
    def fail(*_, **__):
        raise RuntimeError("no compiler")

    monkeypatch.setattr(torch.nn.Module, "compile", fail)
    gpu.main(["group-vgaf", *TINY, "--compile", "default"])
    group = json.loads(capsys.readouterr().out)["recipes"]["group-vgaf"]
    assert group["compiled"] is None and "no compiler" in group["not_compiled"]


def test_an_unknown_recipe_is_named(gpu, capsys):
    with pytest.raises(SystemExit):
        gpu.main(["group-nothing"])
    assert "group-nothing: default: all of group-vgaf" in capsys.readouterr().err
