"""Ways to compute an answer: changed models answer alike, and a way that fails says why."""

import copy

import torch
from torch import nn

from benchmarks.experiments import forward
from tests.conftest import random_batch, small_group


def test_folded_normalisation_answers_alike():
    model = small_group().eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
    changed = forward.folded(copy.deepcopy(model))
    norms = [m for m in changed.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) < sum(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    batch = random_batch()
    with torch.inference_mode():
        torch.testing.assert_close(changed(batch).logits, model(batch).logits)


def test_a_way_that_fails_says_why_and_the_others_are_measured(monkeypatch):
    def broken(batch):
        raise RuntimeError("no C++\n  compiler")

    ways = {
        forward.EAGER: lambda batch: torch.tensor([[1.0, 2.0]]),
        "other": lambda batch: torch.tensor([[2.5, 2.0]]),
        "compiled": broken,
    }
    monkeypatch.setattr(forward, "windows_of", lambda name: [0, 1])
    monkeypatch.setattr(forward, "ways", lambda name, folder: dict(ways))
    found = forward.measure("any", 1, [])
    assert found["compiled"] == {"failed": "no C++ compiler"}
    assert found[forward.EAGER]["ratio"] == 1 and found[forward.EAGER]["same_labels"]
    assert found["other"]["apart"] == 1.5 and not found["other"]["same_labels"]
    assert set(forward.measure("any", 1, ["other"])) == {forward.EAGER, "other"}
