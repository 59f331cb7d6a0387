"""Gradients of a score, and the one pass that a Grad-CAM map comes from."""

import pytest
import torch

from emo_core.attribution.forward_function import ForwardFunction, PassBudget
from emo_core.attribution.gradients import INPUT_OF, grad_cam, saliency
from emo_core.attribution.types import PRESETS, AttributionError, Target
from emo_core.inference.predict import load_cached
from emo_core.preprocess.sample import blank_sample
from tests.support.explained import checkpoint_of, planted, planted_sample

FAST = PRESETS["fast"]


def question_of(name):
    checkpoint, sample = checkpoint_of(name)
    target = Target(checkpoint.labels[0], 0, 1 if checkpoint.task.answers_moments else None)
    return ForwardFunction(checkpoint, sample, target, "blur", PassBudget(99))


@pytest.mark.parametrize("name", ["group", "fe2e", "mesm-structured", "jmt"])
def test_a_map_and_its_trace_come_from_one_pass(name):
    question, passes = question_of(name), []
    question.model.register_forward_hook(lambda *_: passes.append(1))
    maps = grad_cam(question, FAST, 0)
    assert len(passes) == len(maps) == 2
    assert len(question.model._forward_hooks) == 1  # this test's own


def test_pictures_that_were_not_computed_have_no_map():
    question = question_of("mesm-structured")
    kept = question.trace().towers["video"].kept[0]  # (T,)
    found = grad_cam(question, FAST, 0)["faces"]  # (T, P, 3, h, w)
    assert 0 < kept.sum() < len(kept)
    assert not found[~kept].any() and not found[:, 1].any() and found[kept].any()


def test_saliency_is_the_size_of_the_gradient():
    question = ForwardFunction(planted(), planted_sample(), Target("red", 0), "blur", PassBudget(9))
    found = saliency(question, FAST, 0)
    inputs = tuple(x.clone().requires_grad_() for x in question.inputs)
    wanted = torch.autograd.grad(question(*inputs).sum(), inputs)
    for name, gradient in zip(question.names, wanted, strict=True):
        torch.testing.assert_close(found[name], gradient[0].abs())


def test_a_tower_reads_frames_or_faces_or_sound():
    assert set(sum(INPUT_OF.values(), ())) == {"video", "faces", "mel"}


@pytest.mark.parametrize("name", ["emotions-people", "affect-people"])
def test_a_model_of_encoders_alone_has_no_grad_cam(name):
    checkpoint = load_cached(name)
    target = Target(checkpoint.labels[0], 0, 1 if checkpoint.task.answers_moments else None)
    sample = blank_sample(checkpoint.sample)
    question = ForwardFunction(checkpoint, sample, target, "blur", PassBudget(99))
    with pytest.raises(AttributionError, match="has no convolutional towers of its own"):
        grad_cam(question, FAST, 0)
