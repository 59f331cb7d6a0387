"""Solutions of lesson 4."""

import torch


def ceiling(share, best):
    """Best possible accuracy: how often a regime comes times how often it can be right."""
    return sum(share[regime] * best[regime] for regime in share)


harder_world = 0.2 * 1 + 0.2 * 1 + 0.2 / 3 + 0.4 / 2


def frame_token(maps):
    """(C, h, w) -> (2C,): means, then peaks."""
    return torch.cat([maps.mean((1, 2)), maps.amax((1, 2))])


def real_mean(values, mask):
    """Mean over the real tokens, zeros where none is real."""
    return (values * mask[:, None]).sum(0) / mask.sum().clamp(min=1)
