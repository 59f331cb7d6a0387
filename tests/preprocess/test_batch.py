"""A batch is cut and put in order by rows; what it has not, stays away."""

from dataclasses import replace

import torch

from tests.conftest import random_batch


def test_some_samples_of_a_batch_in_any_order():
    batch = random_batch(4)
    assert torch.equal(batch[1:3].mel, batch.mel[1:3]) and len(batch[1:3]) == 2
    assert torch.equal(batch[[3, 0]].target, batch.target[[3, 0]])
    chosen = replace(batch, target=None)[torch.tensor([2])]
    assert chosen.target is None and torch.equal(chosen.tokens, batch.tokens[2:3])
