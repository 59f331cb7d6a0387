"""Stripes of the log-mel are hidden as PANNs' training hid them, and only where asked for."""

from dataclasses import replace

import numpy as np
import torch

from emo_core.preprocess.augment import STRIPE_BANDS, STRIPE_S, Augment, hide_stripes
from emo_core.preprocess.sample import PAPER, blank_sample
from emo_core.training.recipes import group_vgaf


def noise():
    sample = blank_sample(replace(PAPER, frames=2))
    return replace(
        sample, mel=torch.randn(sample.mel.shape, generator=torch.Generator().manual_seed(0))
    )


def test_two_stripes_of_time_and_two_of_bands():
    sample, rng, hidden = noise(), np.random.default_rng(0), []
    for _ in range(200):
        found = hide_stripes(sample, 2, rng)
        changed = found.mel != sample.mel
        rows, columns = changed.all(1).sum(), changed.all(0).sum()
        assert rows <= 2 * round(STRIPE_S / 0.01) and columns <= 2 * STRIPE_BANDS
        assert (changed == (changed.all(1)[:, None] | changed.all(0)[None])).all()
        hidden.append([float(rows), float(columns)])
    assert np.mean(hidden, 0).round().tolist()[0] in range(45, 80)  # of 500 frames
    assert 3 < np.mean(hidden, 0)[1] < 8  # of 64 bands


def test_the_same_draw_hides_the_same_and_the_sample_itself_stays():
    sample = noise()
    before = sample.mel.clone()
    one, two = (hide_stripes(sample, 2, np.random.default_rng(7)).mel for _ in range(2))
    assert torch.equal(one, two) and torch.equal(sample.mel, before)
    assert hide_stripes(sample, 0, np.random.default_rng(7)) is sample
    silent = replace(sample, mel_mask=sample.mel_mask & False)
    assert hide_stripes(silent, 2, np.random.default_rng(7)) is silent


def test_only_the_papers_recipe_on_vgaf_hides_stripes():
    assert group_vgaf().augment.spec_stripes == 2 and Augment().spec_stripes == 0
