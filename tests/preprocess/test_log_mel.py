"""The log-mel keeps its window and filters between calls: whoever asks first changes nothing."""

import pytest
import torch

from emo_core.models.layers.whisper import WHISPER_MEL
from emo_core.preprocess import log_mel as module
from emo_core.preprocess.log_mel import PANNS, MelConfig, log_mel


@pytest.mark.parametrize("config", [MelConfig(), PANNS, WHISPER_MEL])
def test_gradients_reach_the_waveform_after_a_prediction(config):
    module._filters.cache_clear()
    wave = torch.randn(1, config.rate // 2, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        predicted = log_mel(wave, config)
    wave.requires_grad_()
    mel = log_mel(wave, config)
    mel.sum().backward()
    assert torch.equal(mel.detach(), predicted)
    assert float(wave.grad.abs().max()) > 0
