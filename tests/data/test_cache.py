"""Decoded once: keyed by content and settings, safe against kills and other processes."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from emo_core.data import cache as cache_module
from emo_core.data.cache import Cache, content_key, file_identity, same_content
from emo_core.data.corpus import CorpusError
from emo_core.preprocess.augment import NONE, Augment, augment_window
from emo_core.preprocess.sample import DecodedWindow, SampleConfig

CONFIG = SampleConfig(frames=2, width=8, height=6, window_s=1.0)


def window(value: int = 1) -> DecodedWindow:
    return DecodedWindow(
        np.full((2, 6, 8, 3), value, np.uint8),
        np.array([0.1, 0.6], np.float32),
        np.arange(16_000, dtype=np.int16),
        1.0,
        0.75,
        3.5,
    )


def same(a: DecodedWindow, b: DecodedWindow) -> bool:
    pairs = [(getattr(a, name), getattr(b, name)) for name in vars(a)]
    assert [type(x) for x, _ in pairs] == [type(y) for _, y in pairs]
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
    for change in ({"frames": 3}, {"width": 9}, {"resize_mode": "crop"}, {"window_s": 2.0}):
        assert Cache(replace(CONFIG, **change), tmp_path).folder != base
    rate = replace(CONFIG, mel=replace(CONFIG.mel, rate=8000))
    bands = replace(CONFIG, mel=replace(CONFIG.mel, bands=32))
    assert Cache(rate, tmp_path).folder != base == Cache(bands, tmp_path).folder


def test_a_cache_stays_valid_where_faces_and_text_are_not_used(tmp_path):
    """The digests of version 2; sizes as before there were faces and text."""
    from emo_core.preprocess.sample import PAPER

    assert Cache(SampleConfig(), tmp_path).folder.name == "0bb95a9a5800a840"
    assert Cache(PAPER, tmp_path).folder.name == "3d7ecdc90c8e4113"
    cache = Cache(CONFIG, tmp_path)
    cache.get("ab", window)
    wanted = 2 * 4 + 3 * 4 + 16_000 * 2 + 2 * 6 * 8 * 3
    assert next(tmp_path.rglob("*.window")).stat().st_size == wanted
    for change in ({"people": 1}, {"text_length": 4}):
        assert Cache(replace(CONFIG, **change), tmp_path).folder != cache.folder
    for change in ({"face_size": 9}, {"tokenizer": "other"}):  # not used, or made afterwards
        assert Cache(replace(CONFIG, **change), tmp_path).folder == cache.folder


RICH = replace(CONFIG, people=2, face_size=4, text_length=3)


def rich_window(text: str = "grüß dich") -> DecodedWindow:
    rng = np.random.default_rng(0)
    mask = np.array([[True, False], [True, True]])
    boxes = rng.random((2, 2, 4), np.float32) * mask[..., None]
    pictures = rng.integers(1, 256, (2, 2, 4, 4, 3)).astype(np.uint8)
    return replace(
        window(),
        faces=pictures * mask[..., None, None, None],
        face_mask=mask,
        face_boxes=boxes,
        text=text,
    )


def test_faces_and_text_come_back(tmp_path):
    found = Cache(RICH, tmp_path).get("ab", rich_window)
    assert same(found, rich_window()) and found.text == "grüß dich"
    assert found.face_mask.dtype == bool and found.face_boxes.dtype == np.float32


def test_a_long_text_is_cut_at_a_whole_character_and_nobody_is_zeros(tmp_path):
    found = Cache(RICH, tmp_path).get("ab", lambda: replace(window(), text="x" + "ü" * 40))
    assert found.text == "x" + "ü" * 11  # 24 bytes: 8 a token
    assert found.faces.shape == (2, 2, 4, 4, 3) and not found.face_mask.any()


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

    monkeypatch.setattr("emo_core.io.atomic.os.replace", full)
    with pytest.raises(CorpusError, match=r"No space left on device.*EMO_CACHE"):
        Cache(CONFIG, tmp_path).get("ab", window)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    shutil.rmtree(tmp_path)


def test_augmentation_follows_its_generator_and_none_changes_nothing():
    decoded = replace(window(), pixels=np.arange(288, dtype=np.uint8).reshape(2, 6, 8, 3) % 251)
    first, again, other = (
        augment_window(decoded, Augment(), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert same(first, again) and not same(first, other)
    assert same(augment_window(decoded, NONE, np.random.default_rng(1)), decoded)
    assert first.pixels.shape == decoded.pixels.shape and first.wave.dtype == np.int16


def test_augmentation_never_drops_both_modalities():
    rng = np.random.default_rng(0)
    spans = [augment_window(window(), Augment(modality_dropout=0.5), rng) for _ in range(100)]
    assert {(d.video_s > 0, d.audio_s > 0) for d in spans} == {(True, False), (False, True)}
    mute = replace(window(), audio_s=0.0)
    assert all(
        augment_window(mute, Augment(modality_dropout=0.5), rng).video_s > 0 for _ in range(100)
    )


def test_thinning_keeps_one_frame_of_every_pair_with_its_time():
    times_s = np.arange(16, dtype=np.float32)
    pixels = np.broadcast_to(np.arange(16, dtype=np.uint8)[:, None, None, None], (16, 6, 8, 3))
    decoded = replace(window(), pixels=pixels, pixel_times_s=times_s)
    kept = augment_window(decoded, Augment(0, 0, 0, 0, frame_subsample=2), np.random.default_rng(0))
    assert kept.pixels.shape[0] == 8
    np.testing.assert_array_equal(kept.pixels[:, 0, 0, 0], kept.pixel_times_s)
    np.testing.assert_array_equal(kept.pixel_times_s // 2, np.arange(8))


def test_a_flip_turns_faces_and_boxes_round():
    flipped = augment_window(rich_window(), Augment(1, 0, 0, 0), np.random.default_rng(0))
    before = rich_window()
    np.testing.assert_array_equal(flipped.faces, before.faces[:, :, :, ::-1])
    np.testing.assert_array_equal(flipped.pixels, before.pixels[:, :, ::-1])
    left, top, right, bottom = before.face_boxes[1, 1]
    np.testing.assert_allclose(flipped.face_boxes[1, 1], [1 - right, top, 1 - left, bottom])
    assert not flipped.face_boxes[0, 1].any()  # nobody is there
    np.testing.assert_array_equal(flipped.face_mask, before.face_mask)


def test_light_falls_on_faces_as_on_frames_and_nobody_stays_black():
    decoded = rich_window()
    decoded = replace(decoded, pixels=np.full_like(decoded.pixels, decoded.faces[0, 0, 0, 0, 0]))
    relit = augment_window(decoded, Augment(0, 0, 0.5, 0), np.random.default_rng(3))
    assert relit.faces[0, 0, 0, 0, 0] == relit.pixels[0, 0, 0, 0] != decoded.pixels[0, 0, 0, 0]
    assert not relit.faces[0, 1].any()


def test_thinning_keeps_the_faces_of_the_frames_it_keeps():
    rng = np.random.default_rng(0)
    for _ in range(8):
        kept = augment_window(rich_window(), Augment(0, 0, 0, 0, frame_subsample=2), rng)
        at = [np.array_equal(kept.faces[0], face) for face in rich_window().faces].index(True)
        np.testing.assert_array_equal(kept.face_mask[0], rich_window().face_mask[at])
        np.testing.assert_array_equal(kept.face_boxes[0], rich_window().face_boxes[at])
        assert kept.pixel_times_s[0] == rich_window().pixel_times_s[at]


def test_a_dropped_or_shortened_picture_takes_its_faces_along():
    from emo_core.preprocess.sample import to_sample

    assert to_sample(rich_window(), RICH).face_mask.tolist() == [[True, False], [True, True]]
    assert not to_sample(replace(rich_window(), video_s=0.0), RICH).face_mask.any()
    short = to_sample(replace(rich_window(), video_s=0.5), RICH)
    assert short.face_mask.tolist() == [[True, False], [False, False]]


def test_text_is_dropped_as_often_as_the_others():
    rng = np.random.default_rng(0)
    changed = [
        augment_window(rich_window(), Augment(0, 0, 0, 0, modality_dropout=0.2), rng)
        for _ in range(600)
    ]
    missing = np.array([(d.video_s == 0, d.audio_s == 0, d.text == "") for d in changed])
    assert missing.sum(1).max() == 1
    np.testing.assert_allclose(missing.mean(0), 0.2, atol=0.05)


def test_eyes_come_back_where_faces_are_not_cut_out(tmp_path):
    config = SampleConfig(frames=2, people=1, face_size=0, width=8, height=6, window_s=0.1)
    eyes = np.arange(8, dtype=np.float32).reshape(2, 1, 4) / 8
    decoded = DecodedWindow(
        np.zeros((2, 6, 8, 3), np.uint8),
        np.zeros(2, np.float32),
        np.zeros(1600, np.int16),
        0.1,
        0.1,
        face_mask=np.array([[True], [False]]),
        face_boxes=np.ones((2, 1, 4), np.float32),
        face_eyes=eyes,
    )
    cache = Cache(config, tmp_path)
    cache.get("k" * 8, lambda: decoded)
    found = cache.get("k" * 8, lambda: None)
    np.testing.assert_array_equal(found.face_eyes, eyes)
    assert found.faces is None and found.face_mask.tolist() == [[True], [False]]
    assert Cache(SampleConfig(people=1), tmp_path).folder != cache.folder


def test_equal_files_are_found_by_content_and_links_without_reading(tmp_path, monkeypatch):
    texts = {"a": "one", "b": "one", "c": "two", "d": "alone", "empty": "", "nothing": ""}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    for name, target in {"a2": "a", "d2": "d", "d3": "d"}.items():
        os.link(tmp_path / target, tmp_path / name)
    read = []
    monkeypatch.setattr(
        cache_module, "content_key", lambda path: read.append(path.name) or content_key(path)
    )
    paths = [tmp_path / name for name in ("a", "b", "c", "d", "empty", "nothing", "a2", "d2", "d3")]
    found = {path.name: first.name for path, first in same_content(paths).items()}
    assert found == {"b": "a", "a2": "a", "d2": "d", "d3": "d"}
    assert read == ["a", "b", "c"]
    assert file_identity(tmp_path / "a") == file_identity(tmp_path / "a2")
    assert file_identity(tmp_path / "a") != file_identity(tmp_path / "b")
    assert file_identity(tmp_path / "gone") == tmp_path / "gone"
