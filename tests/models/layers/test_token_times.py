"""Tokens carry the time of what they saw: the gradient of a token lies around its time."""

import pytest
import torch

from emo_core.models.layers.backbones import (
    Cnn14,
    MelResNet,
    R2Plus1D,
    at_strides,
    evenly,
    of_groups,
)
from tests.conftest import small_group


def seen_at(values, inputs, times_s):
    """Where each token's gradient lies in time, (N,): its centroid over inputs (1, T, ...)."""
    places = []
    for token in range(values.shape[1]):
        (gradient,) = torch.autograd.grad(values[0, token].sum(), inputs, retain_graph=True)
        weight = gradient[0].flatten(1).square().sum(1)
        places.append(float((weight * times_s).sum() / weight.sum()))
    return torch.tensor(places)


def timed(backbone):
    torch.manual_seed(0)
    backbone.even_times = False
    return backbone.eval()


@pytest.mark.parametrize("pool", [1, 2])
def test_the_small_sound_backbone(pool):
    mel = (torch.randn(1, 256, 64) - 4).requires_grad_()
    times_s = torch.arange(256) * 0.02
    mask = torch.ones(1, 256, dtype=torch.bool)
    tokens = timed(MelResNet((8, 8, 8, 8), pool))(mel, mask, times_s[None])
    found = seen_at(tokens.values, mel, times_s)
    inner = slice(2, -2)  # at the ends padding cuts the field
    assert float((found - tokens.times_s[0])[inner].abs().max()) < 0.08
    assert float((found - tokens.times_s[0])[inner].mean().abs()) < 0.02 * pool


def test_cnn14_pools_groups_and_leaves_the_rest():
    mel = (torch.randn(1, 250, 64) - 4).requires_grad_()
    times_s = torch.arange(250) * 0.01
    tokens = timed(Cnn14())(mel, torch.ones(1, 250, dtype=torch.bool), times_s[None])
    assert tokens.values.shape[1] == tokens.times_s.shape[1] == 7
    torch.testing.assert_close(tokens.times_s[0], (torch.arange(7) * 32 + 15.5) * 0.01)
    found = seen_at(tokens.values, mel, times_s)
    off = (found - tokens.times_s[0])[1:-1].abs()
    assert float(off.mean()) < 0.08 and float(off[-1]) < 0.08  # evenly, the last was 0.2 late


def test_the_papers_video_tokens_are_centred_on_every_eighth_frame():
    video = torch.rand(1, 32, 3, 16, 16, requires_grad=True)
    times_s = torch.arange(32) * 0.15
    tokens = timed(R2Plus1D())(video, torch.ones(1, 32, dtype=torch.bool), times_s[None])
    assert tokens.times_s[0].tolist() == pytest.approx([0.0, 1.2, 2.4, 3.6])
    found = seen_at(tokens.values, video, times_s)
    assert float((found - tokens.times_s[0])[1:].abs().max()) < 0.3  # evenly: 0.5 late


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


def test_older_checkpoints_keep_their_times_by_a_setting():
    assert small_group().audio.backbone.even_times is False
    assert small_group(token_times="even").audio.backbone.even_times is True
    with pytest.raises(ValueError, match="seen or even"):
        small_group(token_times="late")
