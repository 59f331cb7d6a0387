"""Shipped weights are there whole, and a damaged file is a sentence."""

import hashlib

import pytest
import torch
from safetensors.torch import save

from emo_core.io import shipped_weights as module
from emo_core.io.shipped_weights import (
    SHIPPED_WEIGHTS,
    ShippedWeights,
    WeightsError,
    shipped_state,
    shipped_weights,
)


@pytest.mark.parametrize("name", SHIPPED_WEIGHTS)
def test_shipped_weights_are_small_and_have_a_notice(name, request):
    path = shipped_weights(name)
    assert path.stat().st_size <= 10 * 10**6
    notices = (request.config.rootpath / "THIRD_PARTY_NOTICES").read_text(encoding="utf-8")
    assert path.name in notices


def test_whole_numbers_are_scaled_by_row_or_by_tensor(tmp_path, monkeypatch):
    stored = {
        "a.weight": torch.tensor([[1, -2], [3, 4]], dtype=torch.int8),
        "a.weight.scale": torch.tensor([0.5, 2.0]),
        "b.weight": torch.tensor([[0, 255]], dtype=torch.uint8),
        "b.weight.scale": torch.tensor([0.1]),
        "b.weight.zero": torch.tensor([-1.0]),
        "b.bias": torch.tensor([3.0], dtype=torch.float16),
    }
    _store(tmp_path, monkeypatch, save(stored))
    state = shipped_state("made")
    assert state["a.weight"].tolist() == [[0.5, -1.0], [6.0, 8.0]]
    torch.testing.assert_close(state["b.weight"], torch.tensor([[-1.0, 24.5]]))
    assert set(state) == {"a.weight", "b.weight", "b.bias"}
    assert all(value.dtype == torch.float32 for value in state.values())


@pytest.mark.parametrize("damage", [b"", b"other bytes", None])
def test_other_bytes_are_refused(tmp_path, monkeypatch, damage):
    _store(tmp_path, monkeypatch, b"the bytes")
    assert shipped_weights("made").read_bytes() == b"the bytes"
    shipped_weights.cache_clear()
    (tmp_path / "made").unlink() if damage is None else (tmp_path / "made").write_bytes(damage)
    with pytest.raises(WeightsError, match="install the package again"):
        shipped_weights("made")


def _store(folder, monkeypatch, content):
    (folder / "made").write_bytes(content)
    made = ShippedWeights("made", hashlib.sha256(content).hexdigest(), "MIT", "a test")
    monkeypatch.setattr(module, "FOLDER", folder)
    monkeypatch.setitem(SHIPPED_WEIGHTS, "made", made)
    shipped_weights.cache_clear()
