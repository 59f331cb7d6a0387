"""Models with published towers: gradients reach what is to learn and nothing else, and it loads."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from emo_core.models.group import POCKET, Group
from emo_core.models.interface import FeatureBatch
from emo_core.models.jmt import POCKET as JMT_POCKET
from emo_core.models.jmt import Jmt
from emo_core.models.mesm import POCKET as MESM_POCKET
from emo_core.models.mesm import Mesm
from emo_core.preprocess.batch import Batch
from tests.conftest import random_batch

PAIRS = (
    ("clip_tiny", "wavlm_tiny"),
    ("siglip2_tiny", "hubert_tiny"),
    ("dinov2_tiny", "ast_tiny"),
    ("mvit_tiny", "wavlm_tiny"),
    ("swin3d_tiny", "wavlm_tiny"),
)


def batch_of(frames: int = 8, people: int = 1, eyes: bool = False) -> Batch:
    batch = random_batch(2, frames=frames, people=people)
    wave = torch.randn(2, 80 * 320) * 0.1
    held = {"face_eyes": torch.tensor([0.35, 0.4, 0.65, 0.4]).expand(2, frames, people, 4)}
    return replace(batch, wave=wave, **(held if eyes else {}))


def group_of(video="clip_tiny", audio="wavlm_tiny", **changes) -> Group:
    torch.manual_seed(0)
    return Group(replace(POCKET, video_backbone=video, audio_backbone=audio, width=16, **changes))


def learned(model: nn.Module, batch) -> set[str]:
    """Parameters that a step's gradient reaches."""
    model.train().zero_grad()
    out = model(batch).logits
    (out * torch.randn_like(out)).sum().backward()
    return {n for n, p in model.named_parameters() if p.grad is not None and bool(p.grad.any())}


def wanted(model: nn.Module) -> set[str]:
    return {name for name, p in model.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("pair", PAIRS)
def test_end_to_end_everything_learns(pair):
    model = group_of(*pair)
    missing = wanted(model) - learned(model, batch_of())
    # of keys a bias changes no softmax; a gate of WavLM's first layer has no position to weigh
    assert all(n.endswith(("k_proj.bias", "key.bias")) or "gru_rel" in n for n in missing), missing
    fixed = {n for n, p in model.named_parameters() if not p.requires_grad}
    assert all(n.endswith(("masked_spec_embed", "mask_token")) for n in fixed)


@pytest.mark.parametrize("pair", PAIRS)
def test_frozen_backbones_neither_learn_nor_drop_out(pair):
    model, batch = group_of(*pair, frozen=True), batch_of()
    found = learned(model, batch)
    assert found and not any(".backbone." in name for name in found)
    first, second = model.features(batch), model.features(batch)  # in training mode
    assert all(torch.equal(first[n].values, second[n].values) for n in first)


def test_the_mel_network_learns_where_backbones_are_fixed():
    model = group_of(audio="mel_cnn", frozen=True)
    found = learned(model, batch_of())
    assert any(n.startswith("audio.backbone") for n in found)
    assert not any(n.startswith("video.backbone") for n in found)
    model.freeze_towers()
    assert model.audio.backbone.training or model.train().audio.backbone.training
    assert model.kept_towers("audio") == () and model.kept_towers("video") == ("video",)


@pytest.mark.parametrize("pair", PAIRS)
def test_adapters_learn_and_nothing_else_of_a_backbone(pair):
    pytest.importorskip("peft")
    model, batch = group_of(*pair, lora_rank=2), batch_of()
    names = {n for n in wanted(model) if ".backbone." in n}
    assert names and all("lora_" in n for n in names)
    found = learned(model, batch)
    # adapters begin as nothing: what leads into them learns from the second step on
    assert {n for n in names if "lora_B" in n} <= found
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    assert names <= learned(model, batch)


def test_adapters_change_nothing_at_first_and_load_again():
    pytest.importorskip("peft")
    plain, adapted, batch = group_of(), group_of(lora_rank=2), batch_of()
    again = group_of(lora_rank=2)
    again.load_state_dict(adapted.state_dict())
    with torch.no_grad():
        assert torch.equal(adapted.eval()(batch).logits, again.eval()(batch).logits)
    assert len(plain.state_dict()) < len(adapted.state_dict())
    with pytest.raises(ValueError, match="lora_rank needs backbones that learn"):
        group_of(lora_rank=2, frozen=True)


def test_kept_features_stand_for_the_batch():
    model, batch = group_of(frozen=True).eval(), batch_of()
    with torch.no_grad():
        direct = model(batch).logits
        kept = model(FeatureBatch(model.features(batch), batch.target)).logits
    assert torch.equal(direct, kept)


def test_mesm_reads_the_waveform_and_its_text_beside_kept_features():
    torch.manual_seed(0)
    settings = replace(
        MESM_POCKET, mode="structured", keep=0.5, encoders=True, audio_encoder="wavlm_tiny"
    )
    model, batch = Mesm(settings).eval(), batch_of(frames=4, eyes=True)
    assert model.frozen_encoders().keys() == {"video.backbone.net."}
    with torch.no_grad():
        out = model(batch)
        kept = model(FeatureBatch(model.features(batch), batch.target, batch))
    assert torch.equal(out.logits, kept.logits) and model.live_inputs() == ("tokens", "token_mask")
    shares = model.rollout(batch[:1], model(batch[:1]).trace, None)
    assert shares["audio"].shape == (80,)
    found = learned(model, batch)
    assert found and not any(".backbone." in n for n in found if not n.startswith("text"))


@pytest.mark.parametrize("encoders", [False, True])
def test_jmt_reads_the_waveform_beside_either_kind_of_faces(encoders):
    torch.manual_seed(0)
    settings = replace(
        JMT_POCKET, audio_encoder="wavlm_tiny", encoders=encoders, steps=4, width=32, hidden=32
    )
    model, batch = Jmt(settings).eval(), batch_of(frames=8, eyes=True)
    with torch.no_grad():
        out = model(batch)
        kept = model(FeatureBatch(model.features(batch), batch.target, batch))
    assert torch.equal(out.logits, kept.logits) and out.logits.shape == (2, 4, 2)
    assert model.live_inputs() == (() if encoders else ("video_times_s", "faces", "face_mask"))
    assert not any("audio.backbone" in n for n in learned(model, batch))
    changed = replace(batch, wave=batch.wave.flip(1))
    assert not torch.equal(model.eval()(changed).logits, out.logits)


def test_explanations_reach_the_waveform_through_its_log_mel():
    """A change of the log-mel is one of the sound that is made of it: none, silence, one band."""
    from emo_core.preprocess.log_mel import MelConfig, follow_mel, log_mel

    torch.manual_seed(0)
    config, wave = MelConfig(), torch.randn(1, 16_000) * 0.1
    mel = log_mel(wave, config)
    torch.testing.assert_close(
        follow_mel(wave, torch.zeros_like(mel), config), wave, atol=1e-5, rtol=0
    )
    silent = follow_mel(wave, torch.tensor(config.floor).log() - mel, config)
    assert float(silent.square().mean()) < 1e-2 * float(wave.square().mean())
    change = torch.zeros_like(mel)
    change[:, :, 30:40] = -9.0
    moved = log_mel(follow_mel(wave, change, config), config) - mel
    assert (
        float(moved[:, 5:-5, 33:37].mean()) < -4 and float(moved[:, 5:-5, :24].abs().mean()) < 0.2
    )
    change.requires_grad_()
    follow_mel(wave, change, config).square().sum().backward()
    assert bool(change.grad.any())
