"""Kept features: computed once, in order, whole files only; pairs that say what they should."""

from math import inf

import numpy as np
import pytest
import torch
from torch import nn

from emo_core.models.interface import FeatureBatch
from emo_core.models.layers.towers import Tokens
from emo_core.models.layers.whisper import LOUD_DB, shipped_whisper
from emo_core.schema import POLARITIES
from emo_core.synthetic.composed.halves import draw_pair
from emo_core.training import feature_cache
from emo_core.training.feature_cache import (
    FeatureCacheError,
    cached_features,
    chunk_files,
    tower_digest,
)
from emo_core.training.feature_data import FeatureDataset, Half, PairDataset, without_stream
from tests.conftest import small_group
from tests.models.test_group_people import noise

STREAMS = {"video": ("video",), "audio": ("audio",)}


class Windows:
    """Five windows of noise; counts how often one is made."""

    def __init__(self, count=5):
        self.count, self.made = count, []

    def __len__(self):
        return self.count

    def __getitem__(self, position):
        self.made.append(position[1])
        return noise(position[1]), 0


@pytest.fixture
def model():
    return small_group().eval()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EMO_CACHE", str(tmp_path))
    monkeypatch.setattr(feature_cache, "CHUNK", 2)
    monkeypatch.setattr(feature_cache, "AT_ONCE", 3)
    return tmp_path


def test_each_window_is_read_once_and_comes_back_in_order(cache, model):
    windows = Windows()
    first = cached_features(model, windows, ["key"], ["video", "audio"])
    assert windows.made == [0, 1, 2, 3, 4] and len(first) == 5
    again = cached_features(model, windows, ["key"], ["video", "audio"])
    assert len(windows.made) == 5
    for row, other in zip(first, again, strict=True):
        torch.testing.assert_close(row["video"].values, other["video"].values)
    with torch.no_grad():
        seen = model.video.backbone(
            *(x.unsqueeze(0) for x in (noise(3).video, noise(3).video_mask, noise(3).video_times_s))
        )
    torch.testing.assert_close(first[3]["video"].values, seen.values[0].half())


def test_a_killed_run_goes_on_with_what_is_missing(cache, model):
    cached_features(model, Windows(), ["key"], ["audio"])
    second = sorted(cache.rglob("*.safetensors"))[1]
    second.unlink()
    windows = Windows()
    rows = cached_features(model, windows, ["key"], ["audio"])
    assert windows.made == [2, 3] and len(rows) == 5


def test_more_windows_keep_the_whole_chunks(cache, model):
    cached_features(model, Windows(5), ["key"], ["audio"])
    windows = Windows(6)
    cached_features(model, windows, ["key"], ["audio"])
    assert windows.made == [4, 5]


def test_other_weights_or_windows_are_other_features(cache, model):
    cached_features(model, Windows(), ["key"], ["audio"])
    windows = Windows()
    cached_features(model, windows, ["other"], ["audio"])
    with torch.no_grad():
        next(model.audio.backbone.parameters()).add_(1)
    cached_features(model, windows, ["key"], ["audio"])
    assert len(windows.made) == 10
    with torch.no_grad():
        next(model.video.backbone.parameters()).add_(1)
    cached_features(model, windows, ["key"], ["audio"])
    assert len(windows.made) == 10, "the towers of this stream are the same"


def test_a_damaged_file_is_a_sentence(cache, model):
    cached_features(model, Windows(), ["key"], ["audio"])
    next(cache.rglob("*.safetensors")).write_bytes(b"half")
    with pytest.raises(FeatureCacheError, match="delete"):
        cached_features(model, Windows(), ["key"], ["audio"])


def test_a_name_says_how_many_windows_a_file_holds(tmp_path):
    names = [path.name for path in chunk_files(tmp_path, 130)]
    assert names == ["00000-64.safetensors", "00001-64.safetensors", "00002-2.safetensors"]


def half(value, count=1):
    return Tokens(
        torch.full((count, 2), float(value)),
        torch.ones(count, dtype=torch.bool),
        torch.zeros(count),
    )


def pairs(count=300, dropout=0.0):
    said = [*POLARITIES, ""]
    halves = {
        name: [Half({name: half(i)}, label) for i, label in enumerate(said)]
        for name in ("video", "audio")
    }
    return PairDataset(halves, POLARITIES, number_of, count, dropout, STREAMS, seed=0)


def number_of(label, intensities):
    return POLARITIES.index(label)


def test_a_pair_says_its_target_in_the_shares_of_the_regimes():
    data, kinds = pairs(), []
    for index in range(len(data)):
        row, target = data[0, index]
        video, audio = (int(row[name].values[0, 0]) for name in ("video", "audio"))
        assert {video, audio} <= {target, 3} and (video, audio) != (3, 3)
        kinds.append("both" if video == audio else "heard" if video == 3 else "seen")
    shares = [kinds.count(kind) / len(kinds) for kind in ("both", "seen", "heard")]
    assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.08)
    assert data[0, 7][1] == data[0, 7][1] == 7 % 3


def test_what_a_stream_has_none_of_it_does_not_say():
    """A label without voices is only seen, one without faces only heard."""
    said = {"video": ["sad", ""], "audio": ["happy", ""]}
    halves = {
        name: [Half({name: half(i)}, label) for i, label in enumerate(own)]
        for name, own in said.items()
    }
    numbers = {"sad": 0, "happy": 1}
    data = PairDataset(halves, tuple(numbers), lambda x, _: numbers[x], 40, 0.0, STREAMS, seed=0)
    for index in range(40):
        row, target = data[0, index]
        found = [int(row[name].values[0, 0]) for name in ("video", "audio")]
        assert found == ([0, 1] if target == 0 else [1, 0])


def test_a_target_follows_from_how_the_drawn_halves_are_acted():
    """Of those that say the label only: a half that says nothing may be acted as it likes."""
    halves = {
        "video": [
            Half({"video": half(0)}, "sad", ("normal",)),
            Half({"video": half(1)}, "", ("x",)),
        ],
        "audio": [
            Half({"audio": half(0)}, "sad", ("strong",)),
            Half({"audio": half(1)}, "", ("y",)),
        ],
    }
    data = PairDataset(halves, ("sad",), lambda _, acted: acted, 60, 0.0, STREAMS, seed=0)
    expected = {(0, 0): ["normal", "strong"], (0, 1): ["normal"], (1, 0): ["strong"]}
    found = set()
    for index in range(60):
        row, target = data[0, index]
        shown = tuple(int(row[name].values[0, 0]) for name in ("video", "audio"))
        assert target == expected[shown]
        found.add(shown)
    assert found == set(expected)


def test_an_encoder_that_masks_other_tokens_has_other_features():
    heard = [shipped_whisper(1, loud_db=db) for db in (LOUD_DB, LOUD_DB, inf)]
    models = [nn.ModuleDict({"audio": nn.ModuleDict({"backbone": own})}) for own in heard]
    for model in models:
        model.kept_towers = lambda stream: (stream,)
    first, same, other = (tower_digest(model, ["audio"]) for model in models)
    assert first == same != other


def test_other_epochs_have_other_pairs():
    data = pairs()
    first, second = (
        [int(data[epoch, i][0]["video"].values[0, 0]) for i in range(60)] for epoch in (0, 1)
    )
    assert first != second


def test_a_stream_is_missing_as_often_as_it_shall_be():
    row = {"video": half(1), "audio": half(2)}
    rng = np.random.default_rng(0)
    seen = [without_stream(row, STREAMS, 0.2, rng) for _ in range(1000)]
    for name in STREAMS:
        missing = np.mean([not bool(one[name].mask.any()) for one in seen])
        assert missing == pytest.approx(0.2, abs=0.04)
    assert all(one["video"].mask.any() or one["audio"].mask.any() for one in seen)


def test_rows_become_a_batch():
    class Window:
        target, group, regime = 1, "g", None

    data = FeatureDataset([Window(), Window()], [{"video": half(1)}, {"video": half(2)}])
    batch = data.collate([data[0, 0], data[0, 1]])
    assert isinstance(batch, FeatureBatch) and len(batch) == 2
    assert batch.features["video"].values.dtype == torch.float32
    assert batch.target.tolist() == [1, 1] and data.groups.tolist() == ["g", "g"]


def test_draws_never_ask_for_nothing():
    rng = np.random.default_rng(0)
    assert all(any(draw_pair(rng, "neutral")) for _ in range(200))
