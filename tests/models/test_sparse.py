"""Selection and sparse convolutions against slow, explicit oracles."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from emo_core.models.layers.sparse import (
    AdditiveAttention,
    Sites,
    SparseVgg,
    SubmanifoldConv,
    ThumbnailAttention,
    grouped_softmax,
    max_pool,
    rule_book,
    scatter_rows,
    top_k_mask,
    top_p_mask,
)


def some_where(groups=7, size=40, share=0.6, seed=0):
    """Candidates: some in most groups, all in one, none in another."""
    where = torch.rand(groups, size, generator=torch.Generator().manual_seed(seed)) < share
    where[0], where[1] = True, False
    return where


def some_weights(where, seed=0):
    scores = torch.randn(int(where.sum()), generator=torch.Generator().manual_seed(seed)) * 2
    return grouped_softmax(scores, where)


def some_sites(channels=5, size=(3, 8, 6), share=0.5, seed=0):
    """Random active sites with their dense maps, zero elsewhere, and the mask."""
    g = torch.Generator().manual_seed(seed)
    maps = torch.randn(size[0], channels, *size[1:], generator=g)
    mask = torch.rand(size, generator=g) < share
    return Sites.from_dense(maps).select(mask.flatten(1)), maps * mask.unsqueeze(1), mask


def test_additive_attention_is_its_formula():
    torch.manual_seed(0)
    layer, values, query = AdditiveAttention(4, 3), torch.randn(6, 4), torch.randn(2, 3)
    owner = torch.tensor([0, 0, 1, 0, 1, 1])
    scores = layer(values, query, owner)
    for row in range(6):
        hidden = layer.content.weight @ values[row] + layer.content.bias
        hidden = torch.tanh(hidden + layer.query.weight @ query[owner[row]])
        wanted = layer.energy.weight[0] @ hidden + layer.energy.bias[0]
        torch.testing.assert_close(scores[row], wanted)


def test_each_group_has_a_softmax_of_its_own():
    where = some_where()
    scores = torch.randn(int(where.sum())) * 5
    weights, start = grouped_softmax(scores, where), 0
    for group, row in enumerate(where):
        count = int(row.sum())
        wanted = torch.zeros(len(row))
        if count:
            part = (scores[start : start + count] - scores[start : start + count].max()).exp()
            wanted[row] = part / part.sum()
        torch.testing.assert_close(weights[group], wanted)
        start += count


def slow_nucleus(weights, where, mass):
    kept, total = set(), 0.0
    for place in sorted(range(len(weights)), key=lambda i: -weights[i]):
        if where[place] and (not kept or total < mass or mass >= 1):
            kept.add(place)
            total += weights[place]
    return kept


@pytest.mark.parametrize("mass", [0.0, 0.1, 0.5, 0.7, 0.95, 1.0])
def test_nucleus_is_the_smallest_set_of_that_mass(mass):
    where = some_where()
    weights = some_weights(where)
    kept = top_p_mask(weights, where, mass)
    for row in range(len(where)):
        wanted = slow_nucleus(weights[row].double().tolist(), where[row].tolist(), mass)
        assert set(kept[row].nonzero().flatten().tolist()) == wanted


def test_nucleus_keeps_everything_at_one_and_the_strongest_at_zero():
    weights = torch.tensor([[0.7, 0.3, 0.0, 0.0], [0.1, 0.2, 0.3, 0.4]])
    where = torch.tensor([[True, True, True, False], [True] * 4])
    assert torch.equal(top_p_mask(weights, where, 1.0), where)
    assert top_p_mask(weights, where, 0.0).tolist() == [[True] + [False] * 3, [False] * 3 + [True]]
    even = torch.full((1, 1000), 0.001)  # adds up to a little more or less than one
    everything = torch.ones(1, 1000, dtype=torch.bool)
    assert top_p_mask(even, everything, 1.0).all()
    assert top_p_mask(even, everything, 0.5).sum() in (500, 501)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_strongest_keeps_a_fixed_count_of_the_largest(share):
    where = some_where()
    weights = some_weights(where)
    kept = top_k_mask(weights, where, share)
    for row in range(len(where)):
        real = where[row].nonzero().flatten().tolist()
        count = min(len(real), max(1, -(-round(share * len(real) * 100) // 100)))  # rounded up
        wanted = sorted(real, key=lambda i: -weights[row, i])[:count]
        assert set(kept[row].nonzero().flatten().tolist()) == set(wanted)


def test_strongest_does_not_count_what_is_masked():
    weights, where = torch.tensor([[0.1, 0.6, 0.3]]), torch.tensor([[True, True, True]])
    longer = functional.pad(weights, (0, 5)), functional.pad(where, (0, 5))
    assert torch.equal(top_k_mask(*longer, 0.5)[:, :3], top_k_mask(weights, where, 0.5))
    assert top_k_mask(*longer, 0.5).sum() == 2


def test_selection_passes_no_gradient_and_attention_weights_do():
    where = some_where()
    scores = torch.randn(int(where.sum()), requires_grad=True)
    weights = grouped_softmax(scores, where)
    assert not top_p_mask(weights, where, 0.5).requires_grad
    (weights * torch.randn_like(weights)).sum().backward()
    assert scores.grad.abs().sum() > 0


def test_rows_are_scattered_to_where_they_belong():
    where, rows = torch.tensor([[False, True], [True, True]]), torch.tensor([[1.0], [2.0], [3.0]])
    assert scatter_rows(rows, where).squeeze(-1).tolist() == [[0.0, 1.0], [2.0, 3.0]]


def test_a_glance_does_not_mix_utterances_and_follows_the_text():
    torch.manual_seed(0)
    layer, pictures = ThumbnailAttention(1, 3), torch.rand(5, 1, 16, 16)
    where = torch.tensor([[True, True, True], [True, False, True]])
    query = torch.randn(2, 3)
    weights = layer(pictures, where, query)
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    assert weights[1, 1] == 0
    other = torch.cat([pictures[:3], torch.rand(2, 1, 16, 16)])
    changed = layer(other, where, torch.stack([query[0], -query[1]]))
    torch.testing.assert_close(changed[0], weights[0])
    assert not torch.allclose(changed[1], weights[1])


def test_sites_keep_values_and_places_together():
    sites, dense, mask = some_sites()
    assert len(sites.values) == mask.sum()
    torch.testing.assert_close(sites.to_dense(), dense)
    assert torch.equal(sites.active.view(mask.shape), mask)
    fewer = mask & (torch.rand(mask.shape) < 0.5)
    torch.testing.assert_close(
        sites.select(fewer.flatten(1)).to_dense(), dense * fewer.unsqueeze(1)
    )


def test_submanifold_convolution_is_a_sum_over_active_neighbours():
    sites, dense, mask = some_sites()
    layer = SubmanifoldConv(5, 4)
    outputs = layer(sites.values, rule_book(sites))
    for row, (picture, y, x) in enumerate(mask.nonzero().tolist()):
        wanted = torch.zeros(4)
        for offset in range(9):
            near_y, near_x = y + offset // 3 - 1, x + offset % 3 - 1
            inside = 0 <= near_y < mask.shape[1] and 0 <= near_x < mask.shape[2]
            if inside and mask[picture, near_y, near_x]:
                wanted += dense[picture, :, near_y, near_x] @ layer.weight[offset, 0]
        torch.testing.assert_close(outputs[row], wanted, rtol=1e-4, atol=1e-5)


def as_dense(layer):
    """The weight of a submanifold convolution in torch's order."""
    return layer.weight.unflatten(0, (3, 3)).squeeze(2).permute(3, 2, 0, 1)


@pytest.mark.parametrize("share", [0.4, 1.1])
def test_submanifold_convolution_and_its_gradients_equal_torchs_at_the_sites(share):
    sites, dense, mask = some_sites(share=share)
    layer, values = SubmanifoldConv(5, 4), sites.values.clone().requires_grad_()
    outputs = layer(values, rule_book(sites))
    maps = dense.clone().requires_grad_()
    wanted = functional.conv2d(maps, as_dense(layer), padding=1).permute(0, 2, 3, 1)[mask]
    torch.testing.assert_close(outputs, wanted, rtol=1e-4, atol=1e-5)
    ours = torch.autograd.grad(outputs.square().sum(), (values, layer.weight), retain_graph=True)
    theirs = torch.autograd.grad(wanted.square().sum(), (maps, layer.weight))
    torch.testing.assert_close(ours[0], theirs[0].permute(0, 2, 3, 1)[mask], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours[1], theirs[1], rtol=1e-4, atol=1e-3)


def test_submanifold_weights_start_as_in_sparseconvnet():
    torch.manual_seed(0)
    weight = SubmanifoldConv(64, 128).weight
    assert weight.shape == (9, 1, 64, 128)
    assert weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)


def test_pooling_keeps_a_site_where_any_child_is_active():
    sites, dense, mask = some_sites(share=0.2)
    positive = Sites(sites.values.abs(), sites.positions, sites.shape)
    pooled = max_pool(positive)
    torch.testing.assert_close(pooled.to_dense(), functional.max_pool2d(dense.abs(), 2) * 1.0)
    for (picture, y, x), active in [
        (place, pooled.active.view(3, 4, 3)[tuple(place)])
        for place in torch.ones(3, 4, 3).nonzero().tolist()
    ]:
        assert active == mask[picture, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].any()


def dense_twin(block):
    """The same two convolutions, zero-padded and dense, then max-pool."""
    parts = []
    for layer, norm in ((block.first, block.first_norm), (block.second, block.second_norm)):
        inputs, outputs = layer.weight.shape[2:]
        convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        convolution.weight.data = as_dense(layer).detach().clone()
        twin = nn.BatchNorm2d(outputs, eps=norm.eps, momentum=norm.momentum)
        twin.load_state_dict(norm.state_dict())
        parts += [convolution, twin, nn.ReLU()]
    return nn.Sequential(*parts, nn.MaxPool2d(2))


def test_the_sparse_block_equals_the_dense_one_where_all_sites_are_active():
    torch.manual_seed(0)
    block, maps = SparseVgg(4, 6).train(), torch.randn(3, 4, 8, 6)
    twin = dense_twin(block).train()
    outputs = block(Sites.from_dense(maps))
    torch.testing.assert_close(outputs.to_dense(), twin(maps), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(block.second_norm.running_var, twin[4].running_var)
    assert (block.first_norm.eps, block.first_norm.momentum) == (1e-4, 0.01)


def test_batch_norm_counts_active_sites_only():
    torch.manual_seed(0)
    sites, _, _ = some_sites(channels=4, share=0.3)
    block = SparseVgg(4, 6).train()
    block(sites)
    mean = block.first(sites.values, rule_book(sites)).mean(0)
    torch.testing.assert_close(block.first_norm.running_mean, 0.01 * mean)
