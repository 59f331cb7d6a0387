"""Heads fitted to kept features, against scikit-learn on the same numbers."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from emo_core.models.layers.fusion import PooledHead
from emo_core.models.layers.towers import Tokens, Tower
from emo_core.tasks import SingleLabel
from emo_core.training.feature_data import FeatureDataset, knows_its_labels, said_by_streams
from emo_core.training.feature_heads import fit_head, fit_heads
from emo_core.training.recipes import RecipeError, find_recipe

CLASSES, CHANNELS = 3, 4


def planted(count=300):
    """Tokens whose first feature leans to the class, with another scale each."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(CLASSES + 1, size=count)
    values = rng.normal(size=(count, 5, CHANNELS))
    values[..., 0] += numbers[:, None]
    values *= np.array([0.01, 1.0, 10.0, 100.0])
    mask = np.ones((count, 5), bool)
    mask[:, 3:] = rng.random((count, 2)) < 0.5
    rows = [
        {"speech": Tokens(torch.tensor(v).float(), torch.tensor(m), torch.zeros(5))}
        for v, m in zip(values, mask, strict=True)
    ]
    return rows, numbers.tolist()


class Towers(torch.nn.Module):
    def __init__(self):
        super().__init__()
        backbone = torch.nn.Identity()
        backbone.channels, backbone.from_scratch = CHANNELS, False
        self.speech = Tower(backbone, 8, True, PooledHead(CHANNELS, CLASSES))

    def towers_of(self, stream):
        return ("speech",) if stream == "audio" else ()


def test_a_fitted_head_is_scikit_learns():
    rows, numbers = planted()
    model = Towers()
    fit_heads(model, {"audio": (rows, numbers)}, 0.33)
    head = model.speech.unimodal_head
    stacked = Tokens(*(torch.stack([getattr(r["speech"], n) for r in rows]) for n in FIELDS))
    pooled = head.pool(stacked)
    normed = ((pooled - pooled.mean(0)) / (pooled.var(0, correction=0) + 1e-5).sqrt()).numpy()
    plain = LogisticRegression(C=1 / (0.33 * len(rows)), tol=1e-8, max_iter=1000)
    expected = plain.fit(normed, numbers).predict_proba(normed)
    found = head(stacked).softmax(-1).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert (found.argmax(1) == numbers).mean() > 0.6


FIELDS = ("values", "mask", "times_s")


def test_fitted_heads_stay_as_they_are():
    rows, numbers = planted(40)
    model = Towers()
    fit_heads(model, {"audio": (rows, numbers)}, 0.33)
    model.train()
    head = model.speech.unimodal_head
    assert not head.training and not any(p.requires_grad for p in head.parameters())


def test_more_l2_means_smaller_weights():
    norms = []
    for l2 in (0.01, 1.0):
        head, (rows, numbers) = PooledHead(CHANNELS, CLASSES), planted(80)
        pooled = torch.stack([row["speech"].values.mean(0).repeat(3) for row in rows])
        fit_head(head, pooled, torch.tensor(numbers), l2)
        norms.append(float(head.classifier.weight.detach().norm()))
    assert norms[1] < 0.5 * norms[0]


def test_a_stream_without_rows_is_a_sentence():
    with pytest.raises(RecipeError, match="no window of the training data has audio"):
        fit_heads(Towers(), {"audio": ([], [])}, 0.33)


def test_a_stream_that_a_clip_has_not_teaches_no_head():
    there, silent = (
        Tokens(torch.ones(2, 1), torch.full((2,), real), torch.zeros(2)) for real in (True, False)
    )
    clips = [SimpleNamespace(target=2, group="a"), SimpleNamespace(target=0, group="b")]
    rows = [{"video": there, "audio": there}, {"video": there, "audio": silent}]
    part = FeatureDataset(clips, rows)
    said = said_by_streams([part], {"video": ("video",), "audio": ("audio",)})
    assert said["video"] == (rows, [2, 0]) and said["audio"] == (rows[:1], [2])


def test_heads_are_fitted_anew_only_where_labels_are_others():
    own = find_recipe("people")
    assert knows_its_labels(replace(own, task=SingleLabel()))
    assert not knows_its_labels(replace(own, task=SingleLabel(labels=("calm", "loud"))))
    assert not knows_its_labels(find_recipe("group-people"))
