"""A clip through our reader and towers gives the tokens of the library's processor and model."""

import numpy as np
import pytest
import torch
import transformers

from emo_core.clip import load_clip
from emo_core.models.layers.frame_encoders import FrameEncoder
from emo_core.models.layers.published import BACKBONES, BackboneError
from emo_core.preprocess.sample import SampleConfig, decode_window, frame_times, to_sample
from tests.conftest import ROOT

CLIP = ROOT / "assets" / "examples" / "both_positive.mp4"
PROCESSORS = {  # as the repositories' preprocessor_config.json have them, at 32 pixels
    "clip_tiny": lambda: transformers.CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ),
    "siglip2_tiny": lambda: transformers.SiglipImageProcessor(
        size={"height": 32, "width": 32}, resample=2
    ),
    "dinov2_tiny": lambda: transformers.BitImageProcessor(
        size={"shortest_edge": round(32 * 256 / 224)},
        crop_size={"height": 32, "width": 32},
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    ),
}


def sample_of(name: str, clip: object) -> SampleConfig:
    mode = name.split("_")[0]
    return SampleConfig(frames=5, width=32, height=32, resize_mode=mode)


@pytest.mark.parametrize("name", PROCESSORS)
def test_tokens_of_a_clip_are_the_librarys(name):
    torch.manual_seed(0)
    clip, tower = load_clip(CLIP), FrameEncoder(name).eval()
    config = sample_of(name, clip)
    sample = to_sample(decode_window(clip, config, 0.0, 5.0), config)
    rows = [x.unsqueeze(0) for x in (sample.video, sample.video_mask, sample.video_times_s)]
    with torch.no_grad():
        ours = tower(*rows).values[0]
        whole = clip.read_frames(frame_times(config)).pixels  # (T, H, W, 3)
        theirs = tower.model(**PROCESSORS[name]()(list(whole), return_tensors="pt")).pooler_output
    assert whole.shape[1:3] != (32, 32)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def noise(rows=2, frames=3, side=32):
    video = torch.randint(0, 256, (rows, frames, 3, side, side), dtype=torch.uint8)
    times_s = torch.arange(frames).float().expand(rows, frames)
    return video, torch.ones(rows, frames, dtype=torch.bool), times_s


@pytest.mark.parametrize("name", PROCESSORS)
def test_what_is_masked_and_other_rows_change_nothing(name):
    torch.manual_seed(0)
    tower = FrameEncoder(name).eval()
    video, mask, times_s = noise()
    mask[0, 2] = False
    other = video.clone()
    other[0, 2] = 255
    with torch.no_grad():
        seen, same = tower(video, mask, times_s), tower(other, mask, times_s)
        single = tower(video[1:], mask[1:], times_s[1:])
    assert torch.equal(seen.values, same.values) and torch.equal(seen.mask, mask)
    torch.testing.assert_close(seen.values[1:], single.values, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", PROCESSORS)
def test_the_map_for_grad_cam_is_a_picture_and_changes_no_token(name):
    torch.manual_seed(0)
    tower = FrameEncoder(name).eval()
    video, mask, times_s = noise()
    maps = []
    hook = tower.cam_layer.register_forward_hook(lambda _, __, out: maps.append(out))
    seen = tower(video, mask, times_s)
    hook.remove()
    assert maps[0].shape == (6, 32, 4, 4)
    score = seen.values[0, 0] @ torch.randn(32)  # a layer norm's sum is always the same
    (gradient,) = torch.autograd.grad(score, maps[0])
    assert bool(gradient[0].any()) and not bool(gradient[1:].any())
    tower.model.apply(lambda module: module._forward_pre_hooks.clear())
    with torch.no_grad():
        torch.testing.assert_close(tower(video, mask, times_s).values, seen.values)


def test_frames_of_another_size_are_one_sentence():
    with pytest.raises(BackboneError, match="96 x 72 pixels; clip_tiny reads 32 x 32.*width=32"):
        FrameEncoder("clip_tiny")(torch.zeros(1, 1, 3, 72, 96), torch.ones(1, 1), torch.zeros(1, 1))


@pytest.mark.parametrize("name", PROCESSORS)
def test_recomputed_activations_give_the_same_gradients(name):
    torch.manual_seed(0)
    tower = FrameEncoder(name).train()
    batch, found = noise(), []
    for _ in range(2):
        tower.zero_grad()
        tower(*batch).values.square().sum().backward()
        found.append({n: p.grad.clone() for n, p in tower.named_parameters() if p.grad is not None})
        tower.checkpoint_activations()
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient)
    layers = [m for m in tower.modules() if getattr(m, "gradient_checkpointing", False)]
    assert len(layers) >= tower.layers


def test_the_published_sizes_are_those_of_their_cards():
    """Parameters of the vision parts, counted on the meta device."""
    counts = {
        "clip_vit_b_16": 85.8,
        "clip_vit_l_14": 303.2,
        "siglip2_base": 92.9,
        "dinov2_base": 86.6,
    }
    for name, millions in counts.items():
        with torch.device("meta"):
            tower = FrameEncoder(name)
        assert sum(p.numel() for p in tower.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)
        assert len(BACKBONES[name].revision) == 40 and BACKBONES[name].licence


def test_every_frame_is_at_its_own_time():
    video, mask, times_s = noise(1, 4)
    spans = FrameEncoder("clip_tiny")(video, mask, times_s).spans
    assert spans.frames[0].tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]
    assert np.array_equal(spans.times_s[0].numpy(), [0, 1, 2, 3])
