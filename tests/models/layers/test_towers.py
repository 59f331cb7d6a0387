"""Tokens carry the time of what they saw: the strongest gradient of a token lies at its time.

Statistics of a running norm against those of all rows at once.
"""

import pytest
import torch

from emo_core.models.layers.backbones import (
    Cnn14,
    FrameResNet,
    MelCnn,
    MelResNet,
    R2Plus1D,
    SpectrogramResNet18,
    at_strides,
    evenly,
    of_groups,
)
from emo_core.models.layers.frame_encoders import FrameEncoder, film_encoder
from emo_core.models.layers.joint_transformer import (
    EncoderStepStream,
    StepStream,
    split_frames_into_steps,
    split_mel_into_steps,
)
from emo_core.models.layers.people import PeopleExpressions
from emo_core.models.layers.sound_encoders import sound_encoder
from emo_core.models.layers.towers import (
    RunningNorm,
    TokenSpans,
    Tower,
    join_towers,
    runs,
    to_frames,
)
from emo_core.models.layers.vgg import chunk_pictures
from emo_core.models.layers.whisper import shipped_whisper
from tests.conftest import small_group

EYES = torch.tensor([0.35, 0.4, 0.65, 0.4])


def seen_at(values, inputs, times_s):
    """Where each token's gradient lies in time, (N,): its centroid over inputs (1, T, ...)."""
    found, weights = [], torch.linspace(1, 2, values.shape[2])  # a layer norm's sum is constant
    for token in range(values.shape[1]):
        score = values[0, token] @ weights
        (gradient,) = torch.autograd.grad(score, inputs, retain_graph=True)
        weight = gradient[0].flatten(1).square().sum(1)
        found.append(float((weight * times_s).sum() / weight.sum()))
    return torch.tensor(found)


def sound(frames, hop_s, bands=64):
    """Noise of so many mel frames, its mask and times."""
    mel = (torch.randn(1, frames, bands) - 4).requires_grad_()
    return mel, torch.ones(1, frames, dtype=torch.bool), torch.arange(frames) * hop_s


def picture(frames, step_s, side=16):
    """Noise of so many frames, its mask and times."""
    video = torch.rand(1, frames, 3, side, side, requires_grad=True)
    return video, torch.ones(1, frames, dtype=torch.bool), (torch.arange(frames) + 0.5) * step_s


def of_people(every):
    video, mask, times_s = picture(8, 0.25, 64)
    eyes = EYES.expand(1, 8, 1, 4)
    return PeopleExpressions(every), (video, mask.unsqueeze(-1), times_s, eyes), every * 0.25


def of_steps(kind):
    """A stream of the joint transformer that reads step by step: (stream, its input, step in s)."""
    if kind == "faces":
        video, mask, times_s = picture(32, 0.15, 32)
        steps = split_frames_into_steps(video, mask, times_s[None], 8)
        return StepStream(FrameResNet((8, 8, 8)), "max", 16, False), video, steps, times_s, 0.6
    mel, mask, times_s = sound(256, 0.02)
    steps = split_mel_into_steps(mel, mask, times_s[None], 8)
    backbone = MelResNet((8, 8, 8, 8)) if kind == "mel" else SpectrogramResNet18()
    return StepStream(backbone, "mean", 16, False), mel, steps, times_s, 0.64


TOWERS = {  # backbone, input, seconds between two tokens
    "slim video": lambda: (FrameResNet((8, 8, 8)), picture(8, 0.3, 32), 0.3),
    "slim sound": lambda: (MelResNet((8, 8, 8, 8)), sound(256, 0.02), 0.16),
    "slim sound, pooled": lambda: (MelResNet((8, 8, 8, 8), 2), sound(256, 0.02), 0.32),
    "R(2+1)D": lambda: (R2Plus1D(), picture(32, 0.15), 1.2),
    "CNN14": lambda: (Cnn14(), sound(250, 0.01), 0.32),
    "people": lambda: of_people(1),
    "people, every second frame": lambda: of_people(2),
    "Whisper": lambda: (shipped_whisper(2), sound(500, 0.01, 80), 0.16),
    "mel CNN": lambda: (MelCnn(), sound(320, 0.02), 0.32),
    "CLIP": lambda: (FrameEncoder("clip_tiny"), picture(8, 0.3, 32), 0.3),
    "SigLIP 2": lambda: (FrameEncoder("siglip2_tiny"), picture(8, 0.3, 32), 0.3),
    "DINOv2": lambda: (FrameEncoder("dinov2_tiny"), picture(8, 0.3, 32), 0.3),
    "MViTv2": lambda: (film_encoder("mvit_tiny"), picture(8, 0.3, 32), 0.6),
    "Swin3D": lambda: (film_encoder("swin3d_tiny"), picture(12, 0.3, 32), 0.6),
}
WAVES = {"wavlm_tiny": 0.16, "hubert_tiny": 0.16, "ast_tiny": 0.1}  # seconds between two tokens


@pytest.mark.parametrize("even", [False, True], ids=["seen", "even"])
@pytest.mark.parametrize("tower", TOWERS)
def test_tokens_are_said_to_be_where_their_gradient_is(tower, even):
    """Spans always are; so is the time that the fusion is told, but for checkpoints of old."""
    torch.manual_seed(0)
    backbone, inputs, apart_s = TOWERS[tower]()
    backbone.even_times = even
    seen = backbone.eval()(inputs[0], inputs[1], inputs[2][None], *inputs[3:])
    found = seen_at(seen.values, inputs[0], inputs[2])
    inner = slice(1, -1)  # at the ends padding cuts the field
    told = [seen.spans.times_s[0]] + [seen.times_s[0]] * (not even)
    for times_s in told:
        off = (found - times_s.detach())[inner]
        assert float(off.abs().max()) < 0.5 * apart_s and float(off.mean().abs()) < 0.2 * apart_s
    first, end = seen.spans.frames[0].T
    inside = (first[inner] <= inputs[0].shape[1]) & (end[inner] > first[inner])
    assert bool(inside.all()) and bool((first.diff() >= 0).all())
    middle = inputs[2][((first + end - 1) / 2).round().long().clamp(0, len(inputs[2]) - 1)]
    assert float((found - middle)[inner].abs().max()) < 0.6 * apart_s


@pytest.mark.parametrize("name", WAVES)
def test_tokens_of_the_waveform_are_where_their_gradient_is_strongest(name):
    """Attention looks everywhere, but most at the token's own samples."""
    torch.manual_seed(0)
    hop, frames, apart_s = 320, 100, WAVES[name]
    wave = (torch.randn(1, frames * hop) * 0.1).requires_grad_()
    mask, times_s = torch.ones(1, frames, dtype=torch.bool), (torch.arange(frames) * 0.02)[None]
    seen = sound_encoder(name).eval()(wave, mask, times_s)
    torch.testing.assert_close(seen.times_s, seen.spans.times_s, atol=0.08, rtol=0)
    direction = torch.randn(seen.values.shape[2])  # a layer norm's sum is always the same
    for token in range(1, seen.values.shape[1] - 2):
        score = seen.values[0, token] @ direction
        (gradient,) = torch.autograd.grad(score, wave, retain_graph=True)
        energy = gradient[0].square().unflatten(0, (-1, 160)).sum(1)  # 10 ms each
        smooth = torch.nn.functional.avg_pool1d(energy[None], 17, 1, 8)[0]
        strongest_s = (float(smooth.argmax()) + 0.5) * 0.01
        assert abs(strongest_s - float(seen.spans.times_s[0, token])) < 1.2 * apart_s
        first, end = seen.spans.frames[0, token].tolist()
        middle_s = (first + end) / 2 * 0.02
        assert abs(middle_s - float(seen.spans.times_s[0, token])) < 0.02


def test_even_times_of_the_papers_towers_are_late():
    """What until 0.2 was said of all: the fault that the setting keeps for old checkpoints."""
    for tower, late_s in (("R(2+1)D", 0.4), ("CNN14", 0.05)):
        torch.manual_seed(0)
        backbone, inputs, _ = TOWERS[tower]()
        seen = backbone.eval()(inputs[0], inputs[1], inputs[2][None])
        found = seen_at(seen.values, inputs[0], inputs[2])
        assert float((seen.times_s[0] - found)[1:-1].mean()) > late_s


@pytest.mark.parametrize("kind", ["faces", "mel", "spectrogram"])
def test_steps_of_the_joint_transformer_look_at_their_middle(kind):
    torch.manual_seed(0)
    stream, inputs, steps, times_s, apart_s = of_steps(kind)
    tokens = stream.eval()(steps)
    off = seen_at(tokens.values, inputs, times_s) - tokens.spans.times_s[0]
    assert float(off.abs().max()) < 0.4 * apart_s and float(off.mean().abs()) < 0.15 * apart_s
    ends_s = steps.times_s[0, :, -1]  # an answer is of a step's end
    torch.testing.assert_close(tokens.times_s[0], ends_s)


@pytest.mark.parametrize("kind", ["people", "Whisper"])
def test_steps_of_an_encoder_look_at_their_middle(kind):
    torch.manual_seed(0)
    backbone, inputs, _ = TOWERS[kind]()
    stream = EncoderStepStream(backbone, 16, True).eval()
    seen = backbone(inputs[0], inputs[1], inputs[2][None], *inputs[3:])
    end_s = 2.0 if kind == "people" else 5.0
    ends_s = (torch.arange(4)[None] + 1) * end_s / 4
    tokens = stream(seen, ends_s)
    spread = to_frames(tokens.spans.frames[0], torch.ones(len(inputs[2])) > 0)  # (S, T)
    for step in range(4):  # attention looks everywhere, but most at the step itself
        (gradient,) = torch.autograd.grad(
            tokens.values[0, step].sum(), inputs[0], retain_graph=True
        )
        energy = spread @ gradient[0].flatten(1).square().sum(1)
        assert int(energy.argmax()) == step
        middle_s = float(spread[step] @ inputs[2])
        assert abs(middle_s - float(tokens.spans.times_s[0, step])) < 0.1 * end_s / 4
    first, end = tokens.spans.frames[0].T
    assert first[1:].tolist() == end[:-1].tolist()  # every frame is of one step


def test_a_chunk_of_mesm_reads_its_own_mel_frames():
    mel, mask, _ = sound(150, 0.02)
    pictures, where = chunk_pictures(mel, mask, "log")
    for chunk, (first, end) in enumerate(runs(where.shape[1], 32).tolist()):
        (gradient,) = torch.autograd.grad(pictures[chunk].square().sum(), mel, retain_graph=True)
        read = gradient[0].any(1).nonzero().flatten()
        assert read.min() == first and read.max() == min(end, 150) - 1


def test_the_fusion_is_told_what_the_tower_says():
    torch.manual_seed(0)
    backbone, inputs, _ = TOWERS["CNN14"]()
    backbone.even_times = False
    tower = Tower(backbone, 32, frozen=True)
    one = tower(inputs[0], inputs[1], inputs[2][None])
    torch.testing.assert_close(one.times_s, one.spans.times_s)
    both = join_towers([one, one])
    assert both.spans.times_s.shape == both.times_s.shape == (1, 14)


def test_a_token_is_real_where_what_it_saw_is():
    mask = torch.arange(20)[None] < 9
    times_s = torch.arange(20)[None].float()
    assert of_groups(mask, times_s, 8)[0].tolist() == [[True, True]]
    assert of_groups(mask, times_s, 8)[1].tolist() == [[3.5, 11.5]]
    real, at = at_strides(mask, times_s, 3, 8)  # around inputs 0, 8 and 16
    assert real.tolist() == [[True, True, False]] and at.tolist() == [[0.0, 8.0, 16.0]]
    assert at_strides(torch.arange(20)[None] < 5, times_s, 3, 8)[0].tolist() == [
        [True, True, False]
    ]
    assert evenly(mask, times_s, 2)[1].tolist() == [[4.5, 14.5]]


def test_shares_go_to_the_real_frames_of_a_token():
    real = torch.tensor([True, True, True, False, False, False, True, True])
    weights = to_frames(torch.tensor([[-2, 2], [2, 6], [3, 6], [6, 99]]), real)
    assert weights[0].tolist() == [0.5, 0.5, 0, 0, 0, 0, 0, 0]
    assert weights[1].tolist() == [0, 0, 1, 0, 0, 0, 0, 0]
    assert weights[2].nonzero().flatten().tolist() in ([2], [6])  # none of its own: the nearest
    assert weights[3].tolist() == [0, 0, 0, 0, 0, 0, 0.5, 0.5]
    assert not to_frames(runs(3, 2), real & False).any()
    assert runs(2, 8, -4, 14).tolist() == [[-4, 4], [4, 14]]


def test_spans_of_towers_are_joined_where_all_are_known():
    one = TokenSpans.of(torch.zeros(2, 3), runs(3, 4))
    assert one.frames.shape == (2, 3, 2)
    assert TokenSpans.joined([one, one]).frames.shape == (2, 6, 2)
    assert TokenSpans.joined([one, None]) is None


def test_older_checkpoints_keep_their_times_by_a_setting():
    assert small_group().audio.backbone.even_times is False
    assert small_group(token_times="even").audio.backbone.even_times is True
    with pytest.raises(ValueError, match="seen or even"):
        small_group(token_times="late")


def rows(count=4000):
    torch.manual_seed(0)
    return torch.randn(count, 3) * torch.tensor([1e-2, 1.0, 30.0]) + torch.tensor([5.0, 0.0, -7.0])


def test_after_training_every_feature_has_mean_zero_and_spread_one():
    values, norm = rows(), RunningNorm(3)
    for batch in values.split(100):
        norm.train()(batch, torch.ones(len(batch), dtype=torch.bool))
    normed = norm.eval()(values, torch.ones(len(values), dtype=torch.bool))
    assert float(normed.mean(0).abs().max()) < 0.05
    spread = normed.std(0)
    assert abs(float(spread[1]) - 1) < 0.05 and abs(float(spread[2]) - 1) < 0.05
    assert abs(float(spread[0]) - 1) < 0.1  # 1e-5 beside a variance of 1e-4


def test_the_first_batches_count_evenly_and_what_is_masked_not_at_all():
    values, norm = rows(30), RunningNorm(3).train()
    mask = torch.ones(3, 10, dtype=torch.bool)
    mask[:, 7:] = False
    shown = values.unflatten(0, (3, 10)).clone()
    shown[~mask] = 1e6
    for number in range(3):
        norm(shown[number : number + 1], mask[number : number + 1])
    real = values.unflatten(0, (3, 10))[mask]
    torch.testing.assert_close(norm.mean, real.mean(0))
    torch.testing.assert_close(norm.variance, real.var(0, correction=0))


def test_nothing_real_and_predicting_change_nothing():
    norm = RunningNorm(3)
    norm.train()(rows(5), torch.zeros(5, dtype=torch.bool))
    norm.eval()(rows(5), torch.ones(5, dtype=torch.bool))
    assert not norm.mean.any() and float(norm.batches) == 0
