"""FE2E and MESM with pretrained encoders in place of their towers."""

from dataclasses import replace

import pytest
import torch

from emo_core.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from emo_core.inference.modality_shapley import score_windows
from emo_core.models.interface import collate_features
from emo_core.models.layers.towers import Tokens
from emo_core.models.mesm import FE2E_SIZES, Mesm
from emo_core.preprocess.batch import collate
from emo_core.tasks import MultiLabel
from tests.models.test_group_people import SAMPLE, noise


def made(mode="dense", **changes):
    torch.manual_seed(0)
    settings = replace(
        FE2E_SIZES["pocket"],
        encoders=True,
        modalities=("video", "audio"),
        mode=mode,
        keep=0.5 if mode == "structured" else 1.0,
        hidden=16,
        layers=1,
        **changes,
    )
    return Mesm(settings).eval()


@pytest.mark.parametrize("mode", ["dense", "structured"])
def test_it_answers_and_its_windows_do_not_see_each_other(mode):
    model = made(mode)
    with torch.no_grad():
        alone = model(collate([noise()]))
        both = model(collate([noise(), noise(1)]))
    assert alone.logits.shape == (1, 6)
    torch.testing.assert_close(alone.logits, both.logits[:1], atol=1e-4, rtol=1e-4)
    kept = both.trace.towers["audio"].kept
    if mode == "structured":
        assert kept.sum(1).tolist() == [7, 7]  # of 13 tokens
    else:
        assert kept is None


def test_kept_features_give_the_same_answer():
    model = made()
    batch = collate([noise(), noise(1)])
    with torch.no_grad():
        features = model.features(batch)
        rows = [
            {k: Tokens(t.values[i], t.mask[i], t.times_s[i]) for k, t in features.items()}
            for i in range(2)
        ]
        kept = model(collate_features(rows, [0, 1])).logits
        torch.testing.assert_close(kept, model(batch).logits)
    assert model.towers_of("audio") == ("audio",)
    assert Mesm(FE2E_SIZES["pocket"]).towers_of("audio") == ()


def test_a_missing_modality_says_nothing():
    model = made()
    sample = noise()
    silent = replace(sample, mel_mask=torch.zeros_like(sample.mel_mask))
    with torch.no_grad():
        terms = model(collate([silent])).trace.unimodal_logits
    assert not terms["audio"].any() and bool(terms["video"].any())


def test_gradients_reach_pixels_and_log_mel():
    model = made()
    batch = collate([noise()])
    pixels, mel = (batch.video.float() / 255).requires_grad_(), batch.mel.clone().requires_grad_()
    model(replace(batch, video=pixels, mel=mel)).logits.sum().backward()
    assert bool(pixels.grad.any()) and bool(mel.grad.any())
    assert all(p.grad is None for p in model.audio.backbone.parameters())


def test_rollout_speaks_of_frames_and_mel_frames():
    model = made()
    batch = collate([noise()])
    with torch.no_grad():
        shares = model.rollout(batch, model(batch).trace, None)
    assert shares["video"].shape == (4,) and shares["audio"].shape == (200,)
    assert float(sum(own.sum() for own in shares.values())) == pytest.approx(1.0, abs=1e-4)
    assert model.cam_layers() == {}


def test_a_checkpoint_refers_to_its_encoders(tmp_path):
    model = made()
    checkpoint = Checkpoint("made", model, "fe2e", model.config, SAMPLE, MultiLabel())
    save_checkpoint(tmp_path / "made", checkpoint, "card")
    assert (tmp_path / "made" / "model.safetensors").stat().st_size < 10**6
    windows = [noise()]
    torch.testing.assert_close(
        score_windows(load_checkpoint(tmp_path / "made"), windows).logits,
        score_windows(checkpoint, windows).logits,
    )


def test_modes_that_need_towers_are_refused():
    with pytest.raises(ValueError, match="needs towers"):
        made("trained")
