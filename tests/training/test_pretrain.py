"""Pre-training: rendered frames carry what they show, and only the video backbone learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from emo_core.data.cache import Cache
from emo_core.data.dataset import ClipDataset, Loader
from emo_core.preprocess.augment import Augment
from emo_core.preprocess.sample import SampleConfig
from emo_core.synthetic.drawn.dataset import (
    FRAME_LABELS,
    FrameDataset,
    SceneWindow,
    synthetic_windows,
)
from emo_core.training.recipes import DRAWN_FRAMES, find_recipe
from emo_core.training.run import Data, pretrain
from tests.conftest import small_group

CONFIG = SampleConfig(frames=4, width=48, height=36)
SCENES = [SceneWindow(3, "train", index) for index in range(20)]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(CONFIG, tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize("scene", SCENES, ids=lambda s: f"{s.regime}-{s.scene.label}-{s.index}")
def test_a_frame_is_called_what_the_people_in_it_show(scene):
    if scene.regime == "heard":
        return
    times_s = np.linspace(0, 4.99, 40)
    people, movement = scene.scene.people, scene.scene.movement
    for t, target in zip(times_s, scene.frame_targets(times_s), strict=True):
        acting = any(
            p.shown_s and p.shown_s[0] <= t <= p.shown_s[1] and p.emotion != "surprised"
            for p in people
        )
        moves = movement.start_s <= t <= movement.end_s
        expected = scene.scene.label if acting else "neutral"
        assert FRAME_LABELS[target] == expected + (", moving" if moves else "")


def test_one_frame_of_every_scene_whose_faces_can_be_seen(cache):
    frames = FrameDataset(SCENES, cache, seed=0)
    assert {w.regime for w in frames.windows} == {"both", "seen", "synced"}
    sample, target = frames[0, 0]
    assert sample.video.shape == (1, 3, 36, 48) and len(target) == 1
    assert target == frames.windows[0].frame_targets(sample.video_times_s.numpy())
    shown = {float(frames[epoch, 0][0].video_times_s) for epoch in range(20)}
    assert len(shown) == CONFIG.frames  # another frame of the same scene in other epochs


def test_pretraining_teaches_the_video_backbone_and_nothing_else(cache):
    stage = replace(DRAWN_FRAMES, epochs=6, batch_size=8)
    recipe = replace(find_recipe("group-staged"), sample=CONFIG, drawn_frames=stage)
    windows = synthetic_windows(12)
    loader = Loader(ClipDataset(windows, cache, Augment()), 4, True)
    model = small_group()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    pretrain(recipe, model, Data(loader, loader, ()), print)
    changed = {n for n, value in model.state_dict().items() if not torch.equal(value, before[n])}
    assert changed and all(name.startswith("video.backbone.") for name in changed)
    assert {n for n, _ in model.named_parameters() if n.startswith("video.backbone.")} <= changed


def test_without_rendered_scenes_or_pictures_there_is_nothing_to_pretrain(cache):
    stage = replace(DRAWN_FRAMES, epochs=1)
    recipe = replace(find_recipe("group-staged"), sample=CONFIG, drawn_frames=stage)
    loader = Loader(ClipDataset(synthetic_windows(2), cache), 2, False)
    sound_only, silent = small_group("audio"), replace(recipe, drawn_frames=DRAWN_FRAMES)
    for settings, model in ((recipe, sound_only), (silent, small_group())):
        before = {name: value.clone() for name, value in model.state_dict().items()}
        pretrain(settings, model, Data(loader, loader, ()), print)
        assert all(torch.equal(v, before[n]) for n, v in model.state_dict().items())
