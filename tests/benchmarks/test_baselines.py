"""Plainer methods see what is planted, and are scored on nobody they learned from."""

import json
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from emo_core.schema import POLARITIES
from emo_core.synthetic.composed.sources import read_sources
from tests.synthetic.test_composed import make_sources, write_sound, write_table

ROOT = Path(__file__).parents[2]


@pytest.fixture
def baselines(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from benchmarks.experiments import baselines

    monkeypatch.setattr(baselines, "BATCH", 6)
    ticks = count()
    monkeypatch.setattr(baselines.time, "process_time", lambda: 2.0 * next(ticks))
    return baselines  # thirty steps are a minute


def make_planted(root: Path) -> Path:
    """Stripes lie, lean or stand and voices hum low, higher or high, as the polarity says."""
    rng, rows = np.random.default_rng(0), []
    (root / "faces").mkdir(parents=True)
    down, right = np.mgrid[:64, :64]
    for number in range(36):
        turn, name = number % 3 * np.pi / 4, f"{number}.png"
        stripes = np.sin((down * np.cos(turn) + right * np.sin(turn)) / 2 + rng.uniform(0, 6))
        noise = rng.normal(0, 20, stripes.shape)
        pixels = (128 + 80 * stripes + noise).clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(root / "faces" / name), pixels)
        rows.append(
            f"{name},{POLARITIES[number % 3]},p{number},{('news', 'film')[number // 3 % 2]}"
        )
    write_table(root / "faces" / "labels.csv", "file,polarity,person,source", rows)
    rows, t = [], np.arange(16_000) / 16_000
    for speaker in range(8):
        for number, label in enumerate(POLARITIES):
            hum = 0.2 * np.sin(2 * np.pi * (300, 1200, 3000)[number] * t)
            hum += rng.normal(0, 0.02, len(t))
            write_sound(root / f"voices/made/{speaker}_{label}.wav", hum)
            rows.append(f"{speaker}_{label}.wav,{label},{speaker}")
    write_table(root / "voices" / "made" / "labels.csv", "file,polarity,speaker", rows)
    return root


def test_a_network_reads_what_is_planted(baselines, tmp_path):
    sources = read_sources(make_planted(tmp_path))
    for kind in baselines.KINDS:
        train, test = sources.items_of(kind, "train"), sources.items_of(kind, "test")
        logits = baselines.network(train, test, 1, seed=0)
        assert logits.shape == (len(test), 3)
        assert baselines.scores(logits, test)[""] == 1.0


def test_the_table_is_of_people_nobody_learned_from(baselines, tmp_path, monkeypatch, capsys):
    """Noise has nothing to read: what is above chance would have been learnt by heart."""
    seen = []
    network = baselines.network

    def apart(train, test, *rest):
        seen.append({p.group for p in train} & {p.group for p in test})
        return network(train, test, *rest)

    monkeypatch.setattr(baselines, "network", apart)
    words = ["--sources", str(make_sources(tmp_path)), "--minutes", "0.1", "--seeds", "0", "1"]
    monkeypatch.setattr("sys.argv", ["baselines.py", *words, "--out", str(tmp_path / "b.md")])
    assert baselines.main() == 0 and seen == [set()] * 4
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(told["scores"]) == {
        "faces",
        "faces: film",
        "faces: news",
        "voices",
        "voices: made",
    }
    assert all(len(row) == 2 for row in told["scores"].values())
    assert (tmp_path / "b.md").read_text().count("|") > 15


def test_a_network_of_one_seed_is_one_network(baselines, tmp_path):
    sources = read_sources(make_planted(tmp_path))
    parts = sources.items_of("voice", "train"), sources.items_of("voice", "test")
    one = baselines.network(*parts, 0.2, seed=0)
    assert torch.equal(one, baselines.network(*parts, 0.2, seed=0))
    assert not torch.equal(one, baselines.network(*parts, 0.2, seed=1))


def test_without_photographs_it_says_so(baselines, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["baselines.py", "--sources", str(tmp_path / "none")])
    assert baselines.main() == 2 and "is not here" in capsys.readouterr().err
