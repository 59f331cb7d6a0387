"""Heads of single towers and the mixture of streams, against probabilities by hand."""

import pytest
import torch

from emo_core.models.layers.fusion import PooledHead, make_fusion, mix_streams, start_from_nothing
from emo_core.models.layers.towers import Tokens

SHARES = torch.tensor([0.5, 0.25, 0.25]).log()
THERE = torch.tensor([[True]])


def log(*probabilities):
    return torch.tensor([probabilities]).log()


def test_a_mixture_is_bayes_rule_by_hand():
    video, audio = log(0.5, 0.2, 0.3), log(0.1, 0.6, 0.3)  # last: says nothing
    first = 0.5 * 0.5 * 0.1 + 0.25 * 0.5 * 0.3 + 0.25 * 0.3 * 0.1
    second = 0.5 * 0.2 * 0.6 + 0.25 * 0.2 * 0.3 + 0.25 * 0.3 * 0.6
    mixed = mix_streams(video, audio, THERE, THERE, SHARES).exp()
    expected = torch.tensor([[first, second]]) / (first + second)
    torch.testing.assert_close(mixed, expected)


def test_a_stream_that_is_not_there_leaves_the_other_one_alone():
    video, audio = log(0.5, 0.2, 0.3), log(0.01, 0.98, 0.01)
    alone = mix_streams(video, audio, THERE, ~THERE, SHARES).exp()
    torch.testing.assert_close(alone, torch.tensor([[5 / 7, 2 / 7]]), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(mix_streams(video, audio, ~THERE, ~THERE, SHARES), log(0.5, 0.5))


def test_sound_that_says_nothing_does_not_mislead():
    video = log(0.8, 0.1, 0.1)
    misled = mix_streams(video, log(0.02, 0.98, 1e-9), THERE, THERE, SHARES).exp()
    kept = mix_streams(video, log(0.001, 0.009, 0.99), THERE, THERE, SHARES).exp()
    assert float(misled[0, 0]) < 0.3 and float(kept[0, 0]) > 0.85


def test_a_head_reads_mean_spread_and_peak_of_what_is_real():
    values = torch.tensor([[[1.0], [3.0], [99.0]], [[5.0], [5.0], [5.0]]])
    mask = torch.tensor([[True, True, False], [False, False, False]])
    pooled = PooledHead(1, 3).pool(Tokens(values, mask, torch.zeros(2, 3)))
    torch.testing.assert_close(pooled, torch.tensor([[2.0, 1.0, 3.0], [0.0, 0.0, 0.0]]))


@pytest.mark.parametrize("kind", ["two_way", "concat", "late", "audio"])
def test_a_fusion_that_starts_from_nothing_scores_zero_and_can_learn(kind):
    torch.manual_seed(0)
    fusion = make_fusion(kind, 8, 2, 1, 3, 0.0, 0.0)
    start_from_nothing(fusion)
    tokens = Tokens(torch.randn(2, 4, 8), torch.ones(2, 4, dtype=torch.bool), torch.zeros(2, 4))
    logits, _ = fusion(tokens, tokens)
    assert not logits.any()
    logits[:, 0].sum().backward()
    assert any(p.grad is not None and bool(p.grad.any()) for p in fusion.parameters())
