"""A clip through our reader and film towers gives the maps of torchvision's preset and model."""

import hashlib
from dataclasses import replace

import pytest
import torch

from emo_core.clip import load_clip
from emo_core.models.layers import frame_encoders
from emo_core.models.layers.frame_encoders import (
    FILM_BACKBONES,
    FilmEncoder,
    build_film_model,
    film_encoder,
    make_film_backbone,
)
from emo_core.models.layers.published import BackboneError, layer_of
from emo_core.preprocess.sample import SampleConfig, decode_window, frame_times, to_sample
from tests.conftest import ROOT

CLIP = ROOT / "assets" / "examples" / "both_positive.mp4"
TINY = ("mvit_tiny", "swin3d_tiny")


def tower_of(name: str) -> FilmEncoder:
    torch.manual_seed(0)
    return film_encoder(name).eval()


def noise(rows=2, frames=8, side=32):
    video = torch.randint(0, 256, (rows, frames, 3, side, side), dtype=torch.uint8)
    times_s = torch.arange(frames).float().expand(rows, frames)
    return video, torch.ones(rows, frames, dtype=torch.bool), times_s


@pytest.mark.parametrize("name", TINY)
def test_tokens_of_a_clip_are_torchvisions(name):
    """Of what it computes last before its classes: the norm's places, or their mean."""
    from torchvision.transforms._presets import VideoClassification  # takes seconds

    tower, known = tower_of(name), FILM_BACKBONES[name]
    clip, config = (
        load_clip(CLIP),
        SampleConfig(frames=8, width=32, height=32, resize_mode="kinetics"),
    )
    sample = to_sample(decode_window(clip, config, 0.0, 5.0), config)
    rows = [x.unsqueeze(0) for x in (sample.video, sample.video_mask, sample.video_times_s)]
    preset = VideoClassification(
        crop_size=(32, 32), resize_size=(round(32 * 256 / 224),), **known.reads
    )
    normed = []
    tower.model.norm.register_forward_hook(lambda _, __, out: normed.append(out))
    with torch.no_grad():
        ours = tower(*rows).values[0]
        whole = torch.from_numpy(clip.read_frames(frame_times(config)).pixels)
        pooled = tower.model(preset(whole.permute(0, 3, 1, 2)).unsqueeze(0))[0]
    theirs = normed[1][0]
    if name == "mvit_tiny":
        torch.testing.assert_close(theirs[0], pooled)  # the class token, which is not a place
        theirs = theirs[1:].unflatten(0, (4, 16)).mean(1)
    else:
        torch.testing.assert_close(ours.mean(0), pooled, atol=1e-5, rtol=0)
        theirs = theirs.mean((1, 2))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", TINY)
def test_what_is_masked_and_other_rows_change_nothing(name):
    tower, (video, mask, times_s) = tower_of(name), noise()
    mask[0, 5:] = False
    other = video.clone()
    other[0, 5:] = 255
    with torch.no_grad():
        seen, same = tower(video, mask, times_s), tower(other, mask, times_s)
        single = tower(video[1:], mask[1:], times_s[1:])
    assert torch.equal(seen.values, same.values)
    assert seen.mask.tolist() == [[True, True, True, False], [True] * 4]
    torch.testing.assert_close(seen.values[1:], single.values, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", TINY)
def test_the_map_for_grad_cam_is_film_and_changes_no_token(name):
    tower, maps = tower_of(name), []
    tower.cam_layer.register_forward_hook(lambda _, __, out: maps.append(out))
    seen = tower(*noise())
    assert maps[0].shape == (2, 32, 4, 4, 4)
    assert len(tower.cam_grids((32, 32))) == 3
    score = seen.values[0, 1] @ torch.randn(32)
    (gradient,) = torch.autograd.grad(score, maps[0])
    assert bool(gradient[0, :, 1].any()) and not bool(gradient[0, :, 2].any())
    assert not bool(gradient[1].any())


@pytest.mark.parametrize(
    ("name", "frames", "side", "sentence"),
    [
        ("mvit_tiny", 6, 32, "there are 6 frames; mvit_tiny reads 8; give --set sample.frames=8"),
        ("swin3d_tiny", 5, 32, "5 frames; swin3d_tiny reads an even number; .*sample.frames=6"),
        ("swin3d_tiny", 8, 64, "64 x 64 pixels; swin3d_tiny reads 32 x 32.*resize_mode=kinetics"),
    ],
)
def test_film_of_another_size_is_one_sentence(name, frames, side, sentence):
    with pytest.raises(BackboneError, match=sentence):
        tower_of(name)(*noise(1, frames, side))


@pytest.mark.parametrize("name", TINY)
def test_recomputed_activations_give_the_same_gradients(name):
    tower, batch, found = tower_of(name).train(), noise(1), []
    for _ in range(2):
        torch.manual_seed(3)  # blocks are left out at random
        tower.zero_grad()
        tower(*batch).values.square().sum().backward()
        found.append({n: p.grad.clone() for n, p in tower.named_parameters() if p.grad is not None})
        tower.checkpoint_activations()
    assert found[0].keys() == found[1].keys()
    for part, gradient in found[0].items():
        torch.testing.assert_close(found[1][part], gradient)
    calls = []
    block = tower.blocks()[0]
    block.register_forward_hook(lambda *_: calls.append(1))
    block.norm1.register_forward_hook(lambda *_: calls.append(2))
    tower(*batch).values.sum().backward()
    assert calls.count(2) == 2 * calls.count(1) == 2


@pytest.mark.parametrize("name", TINY)
def test_layers_are_counted_from_the_input(name):
    tower = tower_of(name)
    found = {part: layer_of(part, tower.layers) for part, _ in tower.named_parameters()}
    assert set(found.values()) == set(range(tower.layers + 2))
    assert all(
        n == 0
        for part, n in found.items()
        if "proj" in part and "features" not in part and "blocks" not in part
    )
    assert {n for part, n in found.items() if part.startswith("model.norm.")} == {tower.layers + 1}


def test_the_published_sizes_are_those_of_their_cards():
    for name, millions in {"mvit_v2_s": 34.23, "swin3d_t": 27.85}.items():  # without classes
        with torch.device("meta"):
            tower = film_encoder(name)
        assert sum(p.numel() for p in tower.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)
        assert frame_encoders.weights_url(FILM_BACKBONES[name]).endswith(".pth")


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Puts a state into torch's hub folder, in a file that is named by its digest's beginning."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("emo_core.models.layers.published.offline", lambda: True)
    (tmp_path / "checkpoints").mkdir()

    def put(name, state):
        new = tmp_path / "checkpoints" / "new"
        torch.save(state, new)
        digest = hashlib.sha256(new.read_bytes()).hexdigest()[:8]
        path = new.rename(new.with_name(f"{name}-{digest}.pth"))
        known = replace(FILM_BACKBONES[name], weights="Tiny_Weights.V1")
        monkeypatch.setitem(FILM_BACKBONES, name, known)
        monkeypatch.setattr(frame_encoders, "weights_url", lambda _: f"https://there/{path.name}")
        return path

    return put


@pytest.mark.parametrize("name", TINY)
def test_a_file_of_torchvisions_layout_loads_key_by_key(name, publish):
    torch.manual_seed(5)
    state = build_film_model(FILM_BACKBONES[name]).state_dict()
    publish(name, state)
    found = make_film_backbone(name, True).state_dict()
    assert state.keys() - found.keys() and all(n.startswith("head.") for n in state.keys() - found)
    assert all(torch.equal(value, state[part]) for part, value in found.items())


def test_weights_that_are_missing_changed_or_anothers_are_one_sentence(publish):
    def refused(sentence):
        with pytest.raises(BackboneError, match=sentence):
            make_film_backbone("swin3d_tiny", True)

    state = build_film_model(FILM_BACKBONES["swin3d_tiny"]).state_dict()
    path = publish("swin3d_tiny", state)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    refused("has SHA-256 .*, expected .*; delete it from torch's hub folder")
    path.unlink()
    refused("can't be had .*pretrained=false")
    publish("swin3d_tiny", {n: v for n, v in state.items() if n != "norm.weight"})
    refused(r"does not fit SwinTransformer3d \(norm.weight\)")
    publish("swin3d_tiny", state | {"norm.weight": state["norm.weight"] / 0})
    refused("not finite")
