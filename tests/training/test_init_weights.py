"""A run that starts from a whole checkpoint: all but heads of other classes."""

from dataclasses import replace

import pytest
import torch

from emo_core.checkpoint import CheckpointError, load_checkpoint
from emo_core.models import MODELS
from emo_core.models.group import POCKET as GROUP_POCKET
from emo_core.training.init_weights import head_names, take_model

HEADS = {"group-collage": "head", "fe2e-utterances": "head", "mesm-staged": "head"}


@pytest.mark.parametrize("name", [*HEADS, "jmt-staged"])
def test_everything_but_the_head_is_taken(name):
    found = load_checkpoint(name)
    classes = {"classes": 5} if hasattr(found.settings, "classes") else {}
    model = MODELS[found.model_name][0](replace(found.settings, **classes))
    labels = tuple("abcde") if classes else found.labels
    new = take_model(name, model, labels)
    assert new == head_names(model) if classes else not new
    assert all("head" in key or "alone" in key for key in new)
    theirs = found.model.state_dict()
    for key, value in model.state_dict().items():
        assert key in new or torch.equal(value, theirs[key])


def test_the_head_of_the_same_labels_is_kept():
    found = load_checkpoint("group-staged")
    model = MODELS[found.model_name][0](found.settings)
    assert take_model("group-staged", model, found.labels) == set()
    assert take_model("group-staged", model, found.labels[::-1]) == head_names(model) != set()


def test_another_model_is_refused():
    found = load_checkpoint("group-staged")
    model = MODELS["group"][0](replace(found.settings, width=32))
    with pytest.raises(CheckpointError, match="weights of group-staged do not fit .*init_scope="):
        take_model("group-staged", model, found.labels)


def test_shipped_encoders_are_no_heads_and_make_no_noise():
    """Warnings are errors here: weights can't be copied into a model of shapes alone."""
    small = replace(
        GROUP_POCKET, people="expression", speech="whisper", speech_blocks=1, video_widths=(4, 4)
    )
    names = head_names(MODELS["group"][0](small))
    assert names and all("head" in name for name in names)
