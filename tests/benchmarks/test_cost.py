"""The table of costs: every recipe is in it, and what can be counted is counted right."""

import json
from dataclasses import replace

import pytest

from benchmarks.experiments import cost
from emo_core.training.recipes import RECIPES, find_recipe

TINY = {"video_backbone": "clip_tiny", "audio_backbone": "wavlm_tiny", "width": 16}


def tiny_wavlm():
    recipe = find_recipe("group-wavlm")
    sample = replace(recipe.sample, frames=2, width=32, height=32, window_s=1.0)
    return replace(recipe, settings=replace(recipe.settings, **TINY), sample=sample)


def test_a_strong_recipe_is_measured_with_random_weights():
    found = cost.measure(tiny_wavlm(), rounds=1)
    assert found["parameters_m"] > found["learn_m"] > 0
    assert (
        found["seconds"] > 0 and found["memory_gb"] >= 0 and found["clock"] in ("GPU", "processor")
    )
    wider = tiny_wavlm()
    more = cost.measure(replace(wider, sample=replace(wider.sample, frames=4)), rounds=1)
    assert more["gflop"] >= found["gflop"] > 0


@pytest.mark.parametrize(
    ("name", "millions", "learn", "licence"),
    [
        ("group-clip", 306.7, 3.5, "MIT"),
        ("group-vgaf", 110.6, 110.6, "BSD-3-Clause AND CC-BY-4.0"),
        ("group-vgaf-pocket", 1.1, 1.1, ""),
        ("group-people", 3.8, 0.4, "CC-BY-NC-SA-4.0 AND MIT AND BSD-2-Clause"),
        ("mesm-wavlm", 333.3, 16.9, "MIT AND Apache-2.0 AND CC-BY-SA-3.0"),
    ],
)
def test_parameters_and_licences_follow_from_the_recipe(name, millions, learn, licence):
    recipe = find_recipe(name)
    found = cost.parameters(recipe)
    assert found["parameters_m"] == pytest.approx(millions, abs=0.05)
    assert found["learn_m"] == pytest.approx(learn, abs=0.05)
    assert cost.licence(recipe) == licence


def test_every_recipe_has_a_row_and_equal_ones_are_measured_once(monkeypatch, capsys):
    asked = []

    def apart(name):
        asked.append(name)
        numbers = {"gflop": 1.0, "memory_gb": 0.5, "seconds": 0.1, "clock": "processor"}
        return {"parameters_m": 1.0, "learn_m": 1.0, **numbers}

    monkeypatch.setattr(cost, "measured_apart", apart)
    monkeypatch.setattr(cost, "licence", lambda recipe: "MIT")
    assert cost.main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)["recipes"]
    assert [row["recipe"] for row in found] == list(RECIPES)
    assert "group-cremad" not in asked and "group-vgaf-pocket" in asked


def test_what_was_not_measured_is_said(monkeypatch, capsys):
    monkeypatch.setattr(cost, "measured_apart", lambda name: {"not_measured": "it was killed"})
    assert cost.main(["group-vgaf-pocket"]) == 0
    head, line, row = capsys.readouterr().out.strip().splitlines()
    assert row.count("|") == head.count("|") == line.count("|")
    assert row == "| `group-vgaf-pocket` | 1.1 | 1.1 | – | – | it was killed | none |"
