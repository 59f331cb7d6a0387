"""Two models on the same clips: per class, the clips that flip, what such clips can show."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from emo_core import metrics
from emo_core.checkpoint import Checkpoint
from emo_core.cli.main import main
from emo_core.comparison import compare, compare_answers, comparison_lines, flips, judge
from emo_core.data.corpus import CorpusError
from emo_core.models.group import GroupConfig
from emo_core.preprocess.sample import SampleConfig
from emo_core.tasks import Calibration, MultiLabel, SingleLabel, ValenceArousal
from emo_core.training.run import Answers

LABELS = ("x", "y", "z")


def checkpoint(task, **settings) -> Checkpoint:
    return Checkpoint("m", nn.Identity(), "group", GroupConfig(), SampleConfig(), task, **settings)


def answers(logits, truth) -> Answers:
    return Answers([], torch.as_tensor(logits), torch.as_tensor(truth), None, ())


def one_hot(predicted, classes=3):
    return np.eye(classes, dtype=np.float32)[np.asarray(predicted)]


def test_single_labels_are_counted_by_hand():
    truth = np.array([0, 0, 1, 1, 2, 2] * 5)
    said = np.array([[0, 1, 1, 1, 0, 2], [0, 0, 1, 0, 2, 2]])
    a, b = (
        judge(checkpoint(SingleLabel(LABELS)), answers(one_hot(np.tile(s, 5)), truth), LABELS)
        for s in said
    )
    groups = np.repeat(np.arange(5), 6)
    found = compare_answers(a, b, groups, LABELS, "accuracy")
    assert found["a_score"] == pytest.approx(4 / 6) and found["b_score"] == pytest.approx(5 / 6)
    assert found["difference"] == pytest.approx(1 / 6) and found["better"] == "b"
    assert found["mcnemar"] == {"only_a": 5, "only_b": 10, "p": pytest.approx(0.30176, abs=1e-5)}
    per_class = {name: part["difference"] for name, part in found["per_class"].items()}
    assert per_class == pytest.approx({"x": 0.5, "y": -0.5, "z": 0.5})
    assert found["uar"]["difference"] == pytest.approx(1 / 6)
    flipped = flips([f"c{i}" for i in range(30)], [LABELS[t] for t in truth], a, b)
    assert len(flipped) == 15
    assert flipped[0] == {"clip": "c1", "label": "x", "a": "y", "b": "x", "right": "b"}


def test_a_model_with_more_labels_is_compared_on_those_of_the_clips():
    wide = checkpoint(SingleLabel(("w", "z", "y", "x")))
    found = judge(wide, answers(one_hot([3, 0, 1], 4), np.array([3, 2, 1])), LABELS)
    assert found.words == ["x", "w", "z"] and found.right.tolist() == [True, False, True]
    assert found.counts[:, :, 1].tolist() == np.eye(3).tolist()


def test_several_labels_are_compared_by_f1_at_each_models_thresholds():
    task, truth = MultiLabel(LABELS), np.array([[1, 0, 0], [0, 1, 1]], np.float32)
    logits = np.array([[2, -2, -2], [-2, 2, -0.5]], np.float32)
    strict, loose = (
        judge(checkpoint(task, calibration=c), answers(logits, truth), LABELS)
        for c in (Calibration(), Calibration(thresholds=(0.5, 0.5, 0.3)))
    )
    assert strict.right.tolist() == [True, False] and loose.right.tolist() == [True, True]
    found = compare_answers(strict, loose, np.array([0, 1]), LABELS, "F1")
    assert found["per_class"]["z"]["difference"] == 1 and found["interval"] is None
    assert (
        found["mcnemar"]["only_b"] == 1 and strict.words == ["x", "y"] and loose.words[1] == "y, z"
    )


def test_values_are_compared_by_concordance_over_valid_moments():
    rng = np.random.default_rng(0)
    truth = rng.uniform(-1, 1, (40, 4, 2)).astype(np.float32)
    near = np.clip(truth + rng.normal(0, 0.1, truth.shape), -1, 1).astype(np.float32)
    far = np.clip(truth + rng.normal(0, 0.8, truth.shape), -1, 1).astype(np.float32)
    truth[3, 2] = np.nan
    task, labels = ValenceArousal(), ("valence", "arousal")
    a, b = (judge(checkpoint(task), answers(x, truth), labels) for x in (far, near))
    found = compare_answers(a, b, np.arange(40) // 4, labels, "CCC")
    ok = ~np.isnan(truth[..., 0])
    wanted = metrics.ccc(metrics.moments(near[ok].astype(float), truth[ok].astype(float)).sum(0))
    assert found["b_score"] == pytest.approx(wanted.mean(), abs=1e-6) and found["better"] == "b"
    assert "mcnemar" not in found and found["interval"][0] > 0


def test_what_is_told_to_people():
    truth = np.tile([0, 1], 40)
    a = judge(
        checkpoint(SingleLabel(("x", "y"))), answers(one_hot(truth * 0, 2), truth), ("x", "y")
    )
    b = judge(checkpoint(SingleLabel(("x", "y"))), answers(one_hot(truth, 2), truth), ("x", "y"))
    rng = np.random.default_rng(1).permutation(80) // 10
    result = compare_answers(a, b, rng, ("x", "y"), "accuracy") | {"a": "one", "b": "two"}
    result |= {"flips": flips([f"c{i}" for i in range(80)], ["y"] * 80, a, b)}
    text = "\n".join(comparison_lines(result))
    assert "A one 0.500, B two 1.000" in text and "B is better." in text
    assert "+50.0 points (95 %" in text and "points in four of five cases" in text
    assert "and 20 more clips that flip" in text
    few = compare_answers(a, b, rng % 3, ("x", "y"), "accuracy") | {"a": "", "b": "", "flips": []}
    assert "Not decided: an interval over sources needs 5" in "\n".join(comparison_lines(few))
    same = compare_answers(a, a, rng, ("x", "y"), "accuracy") | {"a": "", "b": "", "flips": []}
    assert "Both answer every clip alike" in "\n".join(comparison_lines(same | {"alike": True}))


def test_one_model_twice_is_said(capsys, drawn):
    words = ["compare", "group-staged", "group-staged", "--data", str(drawn), "--corpus", "staged"]
    assert main(words) == 0 and "Both answer every clip alike" in capsys.readouterr().out


def test_models_of_other_kinds_are_refused():
    with pytest.raises(CorpusError, match="different kinds of labels"):
        compare(checkpoint(SingleLabel()), checkpoint(MultiLabel()), None, "test")


def test_the_command_compares_shipped_models(capsys, drawn):
    words = ["group-staged", "group-collage", "--data", str(drawn), "--corpus", "staged", "--json"]
    assert main(["compare", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["clips"] == 8 and found["a"] == "group-staged" and found["a_score"] > 0.5
    assert main(["compare", "group-staged", "jmt-staged", *words[2:-1]]) == 2
    assert "different kinds of labels" in capsys.readouterr().err
