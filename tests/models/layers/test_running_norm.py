"""Statistics that training gathers against those of all rows at once."""

import torch

from emo_core.models.layers.running_norm import RunningNorm


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
