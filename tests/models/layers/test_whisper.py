"""Whisper's encoder against transformers' own and against the graph that it was taken from."""

import math

import pytest
import torch

from emo_core.clip import load_clip
from emo_core.io.shipped_weights import shipped_state
from emo_core.models.layers import whisper
from emo_core.models.layers.whisper import (
    WHISPER_MEL,
    WINDOW,
    WhisperSize,
    shipped_whisper,
    whisper_from,
    whisper_scale,
)
from emo_core.preprocess.log_mel import log_mel

GRAPH = "weights/whisper_tiny_blocks/smart-turn-v3.2-cpu.onnx"


def sound(seconds, seed=0):
    """Tones that come and go, in noise: (1, S)."""
    torch.manual_seed(seed)
    t = torch.arange(round(16_000 * seconds)) / 16_000
    tones = sum(torch.sin(2 * math.pi * f * t) for f in (180, 410, 1250))
    return (0.1 * tones * (2 * math.pi * t).sin() + 0.01 * torch.randn(len(t)))[None]


def heard(seconds=5.0, seed=0):
    mel = log_mel(sound(seconds, seed), WHISPER_MEL)
    mask = torch.ones(mel.shape[:2], dtype=torch.bool)
    return mel, mask, torch.arange(mel.shape[1])[None] * 0.01


@pytest.fixture(scope="module")
def encoder():
    return shipped_whisper().eval()


def test_it_is_wired_as_the_encoder_of_transformers():
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder as Theirs

    torch.manual_seed(0)
    config = WhisperConfig(
        d_model=128,
        encoder_layers=3,
        encoder_attention_heads=2,
        encoder_ffn_dim=192,
        max_source_positions=400,
    )
    theirs = Theirs(config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    ours = whisper_from(theirs.state_dict()).eval()
    assert ours.size == WhisperSize(128, 192, 3, 400, 80)
    mel, mask, _ = heard(8.0)
    steps = ours.read(mel, mask)
    expected = theirs.layer_norm(steps)
    scaled = whisper_scale(mel, mask).transpose(1, 2)
    torch.testing.assert_close(theirs(scaled).last_hidden_state, expected, atol=2e-5, rtol=1e-4)


def test_fewer_blocks_are_the_first_ones(encoder):
    state = shipped_state("whisper-tiny-2")
    first = whisper_from(state, blocks=1).eval()
    assert len(first.layers) == 1
    mel, mask, _ = heard()
    steps = []
    hook = encoder.layers[0].register_forward_hook(lambda _, __, out: steps.append(out))
    encoder.read(mel, mask)
    hook.remove()
    torch.testing.assert_close(first.read(mel, mask), steps[0])


def test_a_window_shorter_than_eight_seconds_ends_at_the_last_position(encoder):
    mel, mask, _ = heard(8.0)
    quiet = mel.clone()
    quiet[:, :300] = math.log(WHISPER_MEL.floor)
    long = encoder.read(quiet, mask.clone().index_fill(1, torch.arange(300), False))
    short = encoder.read(mel[:, 300:], mask[:, 300:])
    assert short.shape == (1, 250, 384)
    alike = torch.cosine_similarity(long[0, 150:], short[0], dim=-1)
    assert (
        float(alike.detach()[5:].mean()) > 0.97
    )  # the first step beside silence, or beside no frame
    shifted = torch.cosine_similarity(long[0, 140:-10], short[0], dim=-1)
    assert float(shifted.detach().mean()) < float(alike.detach().mean()) - 0.005


def test_the_scale_is_that_of_a_standardised_sound():
    """Against Whisper's own recipe on the waveform divided by its standard deviation."""
    wave = sound(8.0)
    standard = (wave - wave.mean()) / wave.std(correction=0)
    log10 = log_mel(standard, WHISPER_MEL) / math.log(10)
    expected = (torch.maximum(log10, log10.max() - 8) + 4) / 4
    mel = log_mel(wave, WHISPER_MEL)
    found = whisper_scale(mel, torch.ones(1, WINDOW, dtype=torch.bool))
    error = (found - expected).abs()
    assert float(error.mean()) < 2e-3 and float(error.flatten().quantile(0.99)) < 0.01


def test_louder_sound_is_the_same_sound(encoder):
    mel, mask, times_s = heard()
    louder = encoder(mel + math.log(9.0), mask, times_s).values
    torch.testing.assert_close(encoder(mel, mask, times_s).values, louder, atol=2e-2, rtol=2e-2)


def test_tokens_carry_the_time_of_what_they_saw(encoder):
    """Sound put into one place moves the tokens of that place, no other more."""
    mel, mask, times_s = heard()
    plain = torch.full_like(mel, -8.0)
    tokens = encoder(plain, mask, times_s)
    assert tokens.values.shape == (1, 32, 768) and bool(tokens.mask.all())
    torch.testing.assert_close(tokens.times_s[0, :2], torch.tensor([0.07, 0.23]))
    changed = plain.clone()
    changed[:, 304:320] += 6.0  # 3.04 to 3.2 s
    change = (encoder(changed, mask, times_s).values - tokens.values).norm(dim=-1)[0]
    at_s = tokens.times_s[0, int(change.argmax())]
    assert abs(float(at_s) - 3.11) < 0.09


def test_what_is_masked_says_nothing(encoder):
    mel, mask, times_s = heard()
    mask[:, 320:] = False
    other = mel.clone()
    other[:, 320:] = 5.0
    first, second = encoder(mel, mask, times_s), encoder(other, mask, times_s)
    torch.testing.assert_close(first.values, second.values)
    assert first.mask.sum() == 20 and not first.mask[0, 20:].any()
    silent = encoder(mel, torch.zeros_like(mask), times_s)
    assert bool(silent.values.isfinite().all()) and not bool(silent.mask.any())


def test_tokens_are_mean_and_spread_of_their_steps(encoder):
    mel, mask, times_s = heard()
    steps = encoder.read(mel, mask)[0, 8:16]
    token = encoder(mel, mask, times_s).values[0, 1]
    expected = torch.cat([steps.mean(0), (steps.var(0, correction=0) + 1e-6).sqrt()])
    torch.testing.assert_close(token, expected, atol=1e-5, rtol=1e-5)


def test_what_is_much_quieter_than_the_loudest_is_not_read(encoder):
    mel, mask, times_s = heard()
    even = torch.full_like(mel, -8.0)
    for decibels, read in ((14.0, 32), (16.0, 12)):
        quieter = even.clone()
        quieter[:, 192:] -= decibels / 10 * math.log(10)
        assert int(encoder(quieter, mask, times_s).mask.sum()) == read


def test_gradients_reach_the_waveform(encoder):
    wave = sound(5.0).requires_grad_()
    mel = log_mel(wave, WHISPER_MEL)
    mask = torch.ones(mel.shape[:2], dtype=torch.bool)
    encoder.read(mel, mask).square().mean().backward()
    assert wave.grad is not None and bool(wave.grad.isfinite().all())
    assert float(wave.grad.abs().max()) > 0


def test_gradients_are_there_also_after_predicting(encoder):
    whisper._band_energy.cache_clear()
    mel, mask, _ = heard()
    with torch.inference_mode():
        encoder.read(mel, mask)
    mel = mel.clone().requires_grad_()
    encoder.read(mel, mask).mean().backward()
    assert bool(mel.grad.any())


def test_another_log_mel_is_refused(encoder):
    with pytest.raises(ValueError, match="500 frames of 64 bands"):
        encoder.read(torch.zeros(1, 500, 64), torch.ones(1, 500, dtype=torch.bool))


@pytest.mark.real_data
@pytest.mark.parametrize("voice", ["emodb/03b03Tc.flac", "emodb/08a07Fd.flac"])
def test_it_agrees_with_the_int8_graph(encoder, real_data, voice):
    onnx = pytest.importorskip("onnx", reason="the graph can't be cut without onnx")
    runtime = pytest.importorskip("onnxruntime", reason="the graph can't run without onnxruntime")
    graph = onnx.load(real_data / GRAPH)
    graph.graph.output.append(onnx.ValueInfoProto(name="add_268"))  # after the second block
    session = runtime.InferenceSession(graph.SerializeToString())
    spoken = torch.tensor(load_clip(real_data / "voices" / voice).audio(16_000))
    wave = torch.nn.functional.pad(spoken, (128_000 - len(spoken), 0))[None]
    mel = log_mel(wave, WHISPER_MEL)
    mask = torch.ones(mel.shape[:2], dtype=torch.bool)
    scaled = whisper_scale(mel, mask).transpose(1, 2).numpy()
    (theirs,) = session.run(["add_268"], {"input_features": scaled})
    ours = encoder.read(mel, mask).flatten()
    assert float(torch.cosine_similarity(torch.tensor(theirs).flatten(), ours.detach(), 0)) >= 0.99
