"""On drawn scenes the truth is known: maps of the shipped model find it, for what it learned."""

from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
import pytest
import torch

from benchmarks.experiments import evidence  # noqa: E402
from emo_core.attribution.counterfactuals import mute, what_if
from emo_core.attribution.methods import explain_window
from emo_core.attribution.sanity_checks import randomized_model
from emo_core.attribution.types import Target
from emo_core.checkpoint import load_checkpoint
from emo_core.preprocess.sample import to_sample
from emo_core.synthetic.drawn.dataset import SceneWindow
from emo_core.synthetic.drawn.scene import make_drawn_scene
from emo_core.synthetic.drawn.writer import drawn_truth

SEED, SPLIT = 77, "test"  # scenes that no training saw


@lru_cache(maxsize=1)
def shipped():
    return load_checkpoint("group-staged")


@lru_cache(maxsize=64)
def shown(index):
    checkpoint = shipped()
    sample = to_sample(SceneWindow(SEED, SPLIT, index).decode(checkpoint.sample), checkpoint.sample)
    return sample, drawn_truth(make_drawn_scene(SEED, SPLIT, index))


def scenes(regime, each):
    """`each` scenes of a regime for every label that it has."""
    found = {}
    for index in range(200):
        scene = make_drawn_scene(SEED, SPLIT, index)
        if scene.regime == regime and len(found.setdefault(scene.label, [])) < each:
            found[scene.label].append(index)
    return [index for row in found.values() for index in row]


def area(checkpoint, index):
    sample, known = shown(index)
    target = Target(known["label"], checkpoint.labels.index(known["label"]))
    found = explain_window(checkpoint, sample, target, "integrated_gradients", "fast")
    return evidence.time_scores(found, known)["auc"]


def test_random_weights_destroy_the_evidence_that_a_map_finds():
    twin = replace(shipped(), model=randomized_model(shipped().model, 0))
    rows = scenes("synced", 2)
    learned, untrained = (np.mean([area(c, i) for i in rows]) for c in (shipped(), twin))
    assert learned > 0.8
    assert untrained < 0.65


def test_a_muted_clip_whose_faces_are_hidden_is_a_guess():
    checkpoint, rows = shipped(), scenes("heard", 3)
    to = partial(mute, config=checkpoint.sample.mel)
    before, after = [], []
    for index in rows:
        sample, known = shown(index)
        changed = what_if(checkpoint, sample, "silent sound", to)
        before.append(changed.before[known["label"]])
        after.append(changed.after[known["label"]])
    assert len(rows) == 9 and np.mean(before) > 0.9
    assert np.mean(after) == pytest.approx(1 / 3, abs=0.15)


def test_a_map_of_the_truth_scores_full_and_one_of_its_opposite_scores_nothing():
    """The scores themselves: a map made of the planted evidence."""
    checkpoint = shipped()
    sample, known = shown(scenes("seen", 1)[1])
    found = explain_window(checkpoint, sample, Target("x", 0), "saliency", "fast")
    span = known["evidence"]["seconds"]
    times_s = found.times_s["video"].numpy()
    inside = torch.tensor(np.any([(times_s >= a) & (times_s < b) for a, b in span], axis=0)).float()
    maps = {name: torch.zeros_like(x) for name, x in found.maps.items()}
    maps["video"] += inside.view(-1, 1, 1, 1)
    right = evidence.time_scores(replace(found, maps=maps), known)
    wrong = evidence.time_scores(replace(found, maps={n: -x for n, x in maps.items()}), known)
    assert right["hit"] == 1 and right["auc"] > 0.9
    assert wrong["hit"] == 0 and wrong["auc"] < 0.1
