"""Training from kept tokens is the loop with the backbone in it and its tokens rounded."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from emo_core.data.cache import Cache
from emo_core.data.dataset import ClipDataset, Loader
from emo_core.models.group import Group, GroupConfig
from emo_core.preprocess.augment import NONE
from emo_core.preprocess.sample import SampleConfig
from emo_core.tasks import SingleLabel
from emo_core.training.feature_data import with_features
from emo_core.training.pretrain import Data
from emo_core.training.recipes import KeptFeatures, Recipe
from emo_core.training.trainer import TrainConfig, Trainer
from tests.training.test_trainer import Planted

SAMPLE = SampleConfig(frames=2, width=32, height=32, wave=True, window_s=1.0)
RECIPE = Recipe(
    "planted",
    settings=GroupConfig(
        video_backbone="clip_tiny", audio_backbone="wavlm_tiny", width=16, blocks=1, frozen=True
    ),
    sample=SAMPLE,
    train=TrainConfig(epochs=1, batch_size=4, lr=1e-2),
    augment=NONE,
    features=KeptFeatures(windows=True, precision="bfloat16"),
)


class Square(Planted):
    """The same in frames as high as they are wide."""

    def decode(self, config):
        found = super().decode(config)
        return replace(found, pixels=np.pad(found.pixels, ((0, 0), (0, 8), (0, 0), (0, 0))))


class Rounded(Group):
    """The same model whose backbones' tokens are rounded, in the loop."""

    def features(self, batch, streams=("video", "audio")):
        found = super().features(batch, streams)
        return {
            name: replace(seen, values=seen.values.to(torch.bfloat16).float(), spans=None)
            for name, seen in found.items()
        }


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("EMO_CACHE", str(tmp_path))
    cache = Cache(SAMPLE)
    sets = [ClipDataset([Square(i) for i in part], cache) for part in (range(12), range(50, 54))]
    return Data(Loader(sets[0], 4, True), Loader(sets[1], 4, False), ())


def trained(model, data):
    trainer = Trainer(model, SingleLabel(), RECIPE.train)
    trainer.bf16 = False  # else the loop's backbone is in another precision than the kept one's
    for _ in trainer.epochs(data.train, data.valid):
        pass
    return trainer.logits(data.valid)[0], trainer.model.state_dict()


def model_of(kind, audio="wavlm_tiny"):
    torch.manual_seed(0)
    return kind(replace(RECIPE.settings, audio_backbone=audio))


@pytest.mark.parametrize("audio", ["wavlm_tiny", "mel_cnn"])
def test_one_epoch_is_that_of_the_rounded_loop_bit_for_bit(data, audio):
    """With `mel_cnn` part of the model still reads the clip, and learns."""
    kept = model_of(Group, audio)
    logits, state = trained(kept, with_features(RECIPE, kept, data))
    if audio == "mel_cnn":
        plain = model_of(type("HalfRounded", (Group,), {"features": half_rounded}), audio)
    else:
        plain = model_of(Rounded, audio)
    expected, other = trained(plain, data)
    assert torch.equal(logits, expected)
    assert state.keys() == other.keys()
    assert all(torch.equal(state[name], other[name]) for name in state)


def half_rounded(self, batch, streams=("video", "audio")):
    found = Group.features(self, batch, streams)
    seen = found["video"]
    return found | {"video": replace(seen, values=seen.values.to(torch.bfloat16).float())}


def test_against_exact_tokens_the_answers_are_the_same(data):
    kept = model_of(Group)
    logits, _ = trained(kept, with_features(RECIPE, kept, data))
    expected, _ = trained(model_of(Group), data)
    torch.testing.assert_close(logits, expected, atol=2e-2, rtol=0)
    assert torch.equal(logits.argmax(1), expected.argmax(1))
