"""Decoded once: keyed by content and settings, safe against kills and other processes."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from emo_core.data.augment import NONE, Augment, augmented
from emo_core.data.cache import Cache, content_key
from emo_core.data.corpus import CorpusError
from emo_core.sample import Decoded, SampleConfig

CONFIG = SampleConfig(frames=2, width=8, height=6, window_s=1.0)


def window(value: int = 1) -> Decoded:
    return Decoded(
        np.full((2, 6, 8, 3), value, np.uint8), np.array([0.1, 0.6], np.float32),
        np.arange(16_000, dtype=np.int16), 1.0, 0.75, 3.5,
    )  # fmt: skip


def same(a: Decoded, b: Decoded) -> bool:
    pairs = [(getattr(a, name), getattr(b, name)) for name in vars(a)]
    return all(np.array_equal(x, y) for x, y in pairs)


def test_what_comes_back_is_what_went_in_and_is_made_once(tmp_path):
    cache, made = Cache(CONFIG, tmp_path), []
    for _ in range(3):
        found = cache.get("ab12", lambda: made.append(1) or window(7))
        assert same(found, window(7))
    assert made == [1] and not found.pixels.flags.owndata and not found.pixels.flags.writeable


def test_content_decides_not_the_name(tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"one")
    (tmp_path / "c").write_bytes(b"two")
    cache = Cache(CONFIG, tmp_path / "cache")
    assert cache.key(tmp_path / "a") == cache.key(tmp_path / "b") != cache.key(tmp_path / "c")
    (tmp_path / "a").write_bytes(b"other")
    assert cache.key(tmp_path / "a") == content_key(tmp_path / "a") != cache.key(tmp_path / "b")


def test_settings_decide_except_those_made_afterwards(tmp_path):
    base = Cache(CONFIG, tmp_path).folder
    for change in ({"frames": 3}, {"width": 9}, {"fit": "crop"}, {"window_s": 2.0}):
        assert Cache(replace(CONFIG, **change), tmp_path).folder != base
    rate = replace(CONFIG, mel=replace(CONFIG.mel, rate=8000))
    bands = replace(CONFIG, mel=replace(CONFIG.mel, bands=32))
    assert Cache(rate, tmp_path).folder != base == Cache(bands, tmp_path).folder


@pytest.mark.parametrize("damage", [b"", b"short"])
def test_a_damaged_record_is_made_again(tmp_path, damage):
    cache = Cache(CONFIG, tmp_path)
    cache.get("ab", window)
    path = next(tmp_path.rglob("*.window"))
    path.write_bytes(damage)
    assert same(Cache(CONFIG, tmp_path).get("ab", lambda: window(9)), window(9))


def test_many_writers_agree(tmp_path):
    cache = Cache(CONFIG, tmp_path)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: cache.get(f"{i % 4}x", lambda: window(i % 4)), range(64)))
    assert all(same(f, window(i % 4)) for i, f in enumerate(found))
    assert len(list(tmp_path.rglob("*.window"))) == 4 and not list(tmp_path.rglob("*.part"))


def test_a_killed_writer_leaves_no_record(tmp_path):
    code = (
        "import os, sys; from test_cache import *; from pathlib import Path\n"
        "cache = Cache(CONFIG, Path(sys.argv[1]))\n"
        "os.replace = lambda *a: os._exit(9)\n"
        "cache.get('ab', window)"
    )
    paths = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.returncode == 9 and not list(tmp_path.rglob("*.window"))
    assert same(Cache(CONFIG, tmp_path).get("ab", lambda: window(3)), window(3))


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("emo_core.data.cache.os.replace", full)
    with pytest.raises(CorpusError, match=r"No space left on device.*EMO_CACHE"):
        Cache(CONFIG, tmp_path).get("ab", window)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    shutil.rmtree(tmp_path)


def test_augmentation_follows_its_generator_and_none_changes_nothing():
    decoded = replace(window(), pixels=np.arange(288, dtype=np.uint8).reshape(2, 6, 8, 3) % 251)
    first, again, other = (
        augmented(decoded, Augment(), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert same(first, again) and not same(first, other)
    assert same(augmented(decoded, NONE, np.random.default_rng(1)), decoded)
    assert first.pixels.shape == decoded.pixels.shape and first.wave.dtype == np.int16


def test_augmentation_never_drops_both_modalities():
    rng = np.random.default_rng(0)
    spans = [augmented(window(), Augment(drop=0.5), rng) for _ in range(100)]
    assert {(d.video_s > 0, d.audio_s > 0) for d in spans} == {(True, False), (False, True)}
    mute = replace(window(), audio_s=0.0)
    assert all(augmented(mute, Augment(drop=0.5), rng).video_s > 0 for _ in range(100))


def test_thinning_keeps_one_frame_of_every_pair_with_its_time():
    times_s = np.arange(16, dtype=np.float32)
    pixels = np.broadcast_to(np.arange(16, dtype=np.uint8)[:, None, None, None], (16, 6, 8, 3))
    decoded = replace(window(), pixels=pixels, pixel_times_s=times_s)
    kept = augmented(decoded, Augment(0, 0, 0, 0, thin=2), np.random.default_rng(0))
    assert kept.pixels.shape[0] == 8
    np.testing.assert_array_equal(kept.pixels[:, 0, 0, 0], kept.pixel_times_s)
    np.testing.assert_array_equal(kept.pixel_times_s // 2, np.arange(8))
