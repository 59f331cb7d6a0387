"""Sound through our reader and towers gives the tokens of the library's own extractor and model."""

import numpy as np
import pytest
import torch
import transformers

from emo_core.clip import load_clip
from emo_core.models.layers.published import BackboneError
from emo_core.models.layers.sound_encoders import sound_encoder
from emo_core.preprocess.sample import SampleConfig, decode_window, to_sample
from tests.conftest import ROOT

CLIP = ROOT / "assets" / "examples" / "both_positive.mp4"
TOWERS = ("wavlm_tiny", "hubert_tiny", "ast_tiny")
EXTRACTORS = {  # as the repositories' preprocessor_config.json have them
    "wavlm_tiny": lambda: transformers.Wav2Vec2FeatureExtractor(do_normalize=False),
    "hubert_tiny": lambda: transformers.Wav2Vec2FeatureExtractor(do_normalize=True),
    "ast_tiny": lambda: transformers.ASTFeatureExtractor(max_length=512),
}


def tower_of(name):
    torch.manual_seed(0)
    return sound_encoder(name).eval()


def sound(rows=2, seconds=2.0, hop=320):
    torch.manual_seed(1)
    frames = round(seconds * 16_000 / hop)
    wave = torch.randn(rows, frames * hop) * 0.1
    times_s = (torch.arange(frames) * hop / 16_000).expand(rows, frames)
    return wave, torch.ones(rows, frames, dtype=torch.bool), times_s


@pytest.mark.parametrize("name", TOWERS)
def test_steps_of_a_clip_are_the_librarys(name):
    tower, config = tower_of(name), SampleConfig(frames=1, wave=True, window_s=5.0)
    sample = to_sample(decode_window(load_clip(CLIP), config, 0.0, 5.0), config)
    assert bool(sample.mel_mask.all())
    with torch.no_grad():
        ours = tower.read(sample.wave.unsqueeze(0), sample.mel_mask.unsqueeze(0))[0]
        inputs = EXTRACTORS[name]()(sample.wave.numpy(), sampling_rate=16_000, return_tensors="pt")
        theirs = tower.model(inputs["input_values"]).last_hidden_state[0]
    if name == "ast_tiny":  # 12 bands of 49 patches; those after 5 s see padding
        theirs = theirs[2:].unflatten(0, (12, -1)).mean(0)[: len(ours)]
    assert len(ours) == {"ast_tiny": 49}.get(name, 249)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("hop", [160, 320])
@pytest.mark.parametrize("name", TOWERS)
def test_masks_padding_and_other_rows_change_nothing(name, hop):
    """Also where a group norm runs over the whole sound, as in the base sizes."""
    tower, (wave, mask, times_s) = tower_of(name), sound(3, 2.0, hop)
    half = mask.shape[1] // 2
    mask[0, half:] = False
    mask[1] = False
    with torch.no_grad():
        seen = tower(wave, mask, times_s)
        short = tower(wave[:1, : half * hop], mask[:1, :half], times_s[:1, :half])
        wave[0, half * hop :] = 7.0
        wave[1] = 7.0
        assert torch.equal(tower(wave, mask, times_s).values, seen.values)
        alone = tower(wave[2:], mask[2:], times_s[2:])
    count = int(seen.mask[0].sum())
    assert not seen.mask[1].any() and bool(seen.values.isfinite().all())
    assert count == int(short.mask.sum()) and 0 < count < int(seen.mask[2].sum())
    torch.testing.assert_close(seen.values[0, :count], short.values[0, :count], atol=1e-6, rtol=0)
    torch.testing.assert_close(seen.times_s[0, :count], short.times_s[0, :count])
    torch.testing.assert_close(seen.values[2], alone.values[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", TOWERS)
def test_recomputed_activations_give_the_same_gradients(name):
    tower, batch, found = tower_of(name).train(), sound(1), []
    for _ in range(2):
        torch.manual_seed(3)  # the models have dropout
        tower.zero_grad()
        tower(*batch).values.square().sum().backward()
        found.append({n: p.grad.clone() for n, p in tower.named_parameters() if p.grad is not None})
        tower.checkpoint_activations()
    for part, gradient in found[0].items():
        torch.testing.assert_close(found[1][part], gradient)


@pytest.mark.parametrize("name", TOWERS)
def test_numpys_random_numbers_decide_nothing(name):
    """SpecAugment and LayerDrop draw from them, so a run that was resumed would go on otherwise."""
    tower, batch = tower_of(name).train(), sound(1)
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()
    for _ in range(3):
        tower(*batch)
    assert np.random.get_state()[1].tolist() == before


def test_without_a_waveform_there_is_a_sentence():
    mask = torch.ones(1, 10, dtype=torch.bool)
    with pytest.raises(BackboneError, match="sample.wave=true"):
        tower_of("wavlm_tiny")(None, mask, torch.zeros(1, 10))


def test_a_sound_shorter_than_a_step_has_no_token():
    wave, mask, times_s = sound(1, 0.02)
    seen = tower_of("wavlm_tiny")(wave, mask, times_s)
    assert not seen.mask.any()


def test_the_published_sizes_are_those_of_their_cards():
    counts = {"wavlm_base_plus": 94.4, "wavlm_large": 315.5, "hubert_base": 94.4, "ast": 86.2}
    for name, millions in counts.items():
        with torch.device("meta"):
            tower = sound_encoder(name)
        assert sum(p.numel() for p in tower.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)
