"""A small Aff-Wild2 in the published format, its windows, its output file and its faults."""

import os
import shutil
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from emo_core.corpora import read_corpus
from emo_core.data.affwild2 import image_numbers, read_annotation
from emo_core.data.affwild2_windows import video_frame_times
from emo_core.data.cache import Cache
from emo_core.data.checks import check_corpus
from emo_core.data.corpus import CorpusError, corpus_summary, refuse_leaks
from emo_core.data.dataset import corpus_windows
from emo_core.preprocess.sample import SampleConfig, to_sample
from tests.support import media_files as media

FPS = 30
LENGTHS = {
    "train": {"1-30-320x240": 600, "7_left": 520, "7_right": 520, "9-30-64x48": 100},
    "val": {"4-30-320x240": 40},
    "test": {"313": 33},
}  # frames
CONFIG = SampleConfig(
    window_s=512 / 30, frames=128, width=8, height=8, people=1, face_size=112, resize_mode="crop"
)


def label_of(number: int) -> tuple[float, float]:
    """Valence and arousal of a frame, in the steps of the annotations."""
    return round(number / 1000, 3), round(-number / 1000, 3)


def annotation(frames: int, invalid: set[int], end: str = "\n", minus: str = "-5") -> bytes:
    rows = [
        f"{minus},{minus}" if k in invalid else "{:g},{:g}".format(*label_of(k))
        for k in range(1, frames + 1)
    ]
    return (end.join(["valence,arousal", *rows]) + end).encode()


def face(number: int) -> np.ndarray:
    """(112, 112, 3) uint8: twelve bars spell the frame number."""
    bits = [(number >> (11 - x * 12 // 112)) & 1 for x in range(112)]
    row = np.where(bits, media.LIGHT, media.DARK).astype(np.uint8)
    return np.broadcast_to(row[None, :, None], (112, 112, 3)).copy()


@lru_cache(maxsize=1024)
def jpeg(number: int) -> bytes:
    return cv2.imencode(".jpg", face(number))[1].tobytes()


def number_of(image: np.ndarray) -> int:
    """The frame number that a picture spells."""
    middles = [round((bar + 0.5) * 112 / 12) for bar in range(12)]
    return int("".join(str(int(image[56, x].mean() > 128)) for x in middles), 2)


GAPS = {"1-30-320x240": {5, 6, 100}, "4-30-320x240": {40}}  # frames without a picture
INVALID = {"1-30-320x240": {50, 599, 600}, "4-30-320x240": {3}}


def write_annotations(root: Path, old: bool = False, end: str = "\n") -> None:
    """Of ABAW 6 to 10; old: the names of the challenges before them."""
    top = root / "5th_ABAW_Annotations" / ("VA_Set" if old else "VA_Estimation_Challenge")
    names = {"train": "Train_Set", "val": "Val_Set" if old else "Validation_Set"}
    for split, folder in names.items():
        (top / folder).mkdir(parents=True)
        for name, frames in LENGTHS[split].items():
            data = annotation(frames, INVALID.get(name, set()), end, "-5.0" if old else "-5")
            data = data.replace(b"valence,arousal", b"Valence,Arousal") if old else data
            (top / folder / f"{name}.txt").write_bytes(data)
    lists = root / "names_of_videos_in_each_test_set"
    lists.mkdir(exist_ok=True)
    path = lists / "Valence_Arousal_Estimation_Challenge_test_set_release.txt"
    path.write_bytes(("313" + end).encode())


def make_tree(root: Path) -> Path:
    for videos in LENGTHS.values():
        for name, frames in videos.items():
            folder = root / "cropped_aligned" / name
            folder.mkdir(parents=True)
            for k in set(range(1, frames + 1)) - GAPS.get(name, set()):
                (folder / f"{k:05d}.jpg").write_bytes(jpeg(k))
    lengths = {
        name.removesuffix("_left").removesuffix("_right"): frames
        for videos in LENGTHS.values()
        for name, frames in videos.items()
    }
    for index, (name, frames) in enumerate(lengths.items()):
        folder = root / f"batch{index % 2 + 1}"
        folder.mkdir(exist_ok=True)
        media.write(
            folder / f"{name}.mp4",
            media.Picture(media.regular(frames, FPS), size=(64, 48)),
            media.Sound(seconds=frames / FPS, beeps_s=(0.5, 10.0 + index)),
        )
    write_annotations(root)
    return root


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return make_tree(tmp_path_factory.mktemp("corpora") / "Aff-Wild2")


@pytest.fixture
def tree(tmp_path, made) -> Path:
    def copy(source: str, target: str) -> None:
        (os.link if source.endswith(".jpg") else shutil.copy)(source, target)

    return Path(shutil.copytree(made, tmp_path / made.name, copy_function=copy))


def face_windows(root: Path, *names: str) -> list:
    corpus = read_corpus("affwild2", root)
    return corpus_windows(corpus, [i for i in corpus.items if i.name in names], None)


def test_the_tree_is_read_and_both_faces_of_a_video_are_one_source(made):
    corpus = refuse_leaks(read_corpus("affwild2", made))
    assert corpus.problems == () and corpus.labels == ("valence", "arousal")
    found = {(i.name, i.split, i.group, i.path.name) for i in corpus.items}
    assert found == {
        ("1-30-320x240", "train", "1-30-320x240", "1-30-320x240.mp4"),
        ("7_left", "train", "7", "7.mp4"),
        ("7_right", "train", "7", "7.mp4"),
        ("9-30-64x48", "train", "9-30-64x48", "9-30-64x48.mp4"),
        ("4-30-320x240", "val", "4-30-320x240", "4-30-320x240.mp4"),
        ("313", "test", "313", "313.mp4"),
    }
    report = check_corpus(corpus)
    assert report["problems"] == report["undecodable"] == []
    assert report["frames"]["train"] == {
        "rows": 1740,
        "invalid": 3,
        "rows_without_picture": 3,
        "pictures_without_row": 0,
    }
    notes = " ".join(report["notes"])
    assert (
        "train: 3 rows have no picture" in notes and "val: 1 rows are marked invalid (-5)" in notes
    )
    assert "Faces that share a video with another face: 7_left, 7_right" in notes
    assert "train has 4 faces; the published set has 356" in notes
    assert corpus_summary(corpus)["splits"]["test"]["labels"] == {"valence": 0, "arousal": 0}


def test_older_names_crlf_and_other_minus_fives_read_the_same(made, tree):
    shutil.rmtree(tree / "5th_ABAW_Annotations")
    write_annotations(tree, old=True, end="\r\n")
    plain, older = (read_corpus("affwild2", root) for root in (made, tree))
    assert older.problems == () and older.details == plain.details
    assert [(i.name, i.split) for i in older.items] == [(i.name, i.split) for i in plain.items]


def test_rows_pictures_and_predictions_meet_by_frame_number(made):
    for window in face_windows(made, "1-30-320x240")[::7]:
        decoded = window.decode(CONFIG)
        shown = [number_of(image) for image in decoded.faces[:, 0]]
        assert shown == window.picks.reshape(-1).tolist()
        assert not {5, 6, 50, 100, 599, 600} & set(shown)  # no picture, or not valid
        for token in range(16):
            end, (*target, number) = int(window.ends[token]), window.target[token]
            assert number == end
            if end in INVALID["1-30-320x240"]:
                assert np.isnan(target).all()
            else:
                assert tuple(target) == pytest.approx(label_of(end))
            assert end - 32 < window.picks[token].min() <= window.picks[token].max() <= end
        assert decoded.face_mask.all() and decoded.faces.shape == (128, 1, 112, 112, 3)


def test_training_windows_are_those_that_the_authors_train_on(made):
    assert len(face_windows(made, "1-30-320x240")) == 32  # the second block is not whole
    assert len(face_windows(made, "7_left")) == 32
    assert face_windows(made, "9-30-64x48") == []  # shorter than 481 frames


def test_validation_predicts_every_frame_once_and_masks_what_is_not_there(made):
    windows = face_windows(made, "4-30-320x240")
    ends = np.concatenate([window.ends for window in windows])
    assert sorted(ends[ends > 0].tolist()) == list(range(1, 41))
    targets = np.concatenate([window.target for window in windows])
    assert np.isnan(targets[ends > 0]).any(1).sum() == 1
    assert (np.isnan(targets[:, 2]) == (ends == 0)).all()
    sample = to_sample(windows[0].decode(CONFIG), CONFIG)
    seen = (windows[0].picks > 0).reshape(-1)
    assert sample.face_mask[:, 0].tolist() == seen.tolist() and 0 < seen.sum() < 128
    assert sample.video_mask[1:].tolist() == seen[1:].tolist()
    (held_back,) = [w for w in windows if 40 in w.ends]  # frame 40 has no picture
    assert held_back.picks[list(held_back.ends).index(40)].max() == 39


def test_test_windows_have_no_target(made):
    windows = face_windows(made, "313")
    assert all(np.isnan(window.target[:, :2]).all() for window in windows)
    ends = np.concatenate([window.ends for window in windows])
    assert sorted(ends[ends > 0].tolist()) == list(range(1, 34))


def test_sound_meets_the_pictures_in_time(made):
    """The beep at 10 s is heard where the picture of frame 301 is seen."""
    window = next(w for w in face_windows(made, "1-30-320x240") if 320 in w.ends)
    decoded = window.decode(CONFIG)
    times_s = decoded.pixel_times_s
    assert (np.diff(times_s) > 0).all() and times_s[-1] < CONFIG.window_s
    shown_s = (window.picks.reshape(-1) - 1) / FPS
    offset_s = np.median(shown_s - times_s)
    assert np.abs(shown_s - times_s - offset_s).max() < 0.005  # at 30 fps: one clock
    after = decoded.wave[round(2 * 16_000) :]
    beep_s = media.beep_at(after / 32767, 16_000) + 2
    assert beep_s + offset_s == pytest.approx(10.0, abs=0.01)


def test_at_thirty_frames_a_second_the_sound_has_no_gaps(tmp_path, made):
    path = tmp_path / "tone.mp4"
    tone = media.Sound(seconds=18, tone_hz=500.0)
    media.write(path, media.Picture(media.regular(520, 30)), tone)
    window = next(w for w in face_windows(made, "7_left") if 512 in w.ends)
    wave = replace(window, raw=path).decode(CONFIG).wave.astype(float)
    loudness = wave[: len(wave) // 160 * 160].reshape(-1, 160).std(1)  # every 10 ms
    assert loudness[5:-5].min() > 8_000


def test_at_another_rate_a_token_hears_its_own_end(tmp_path, made):
    """At 15 frames a second a token lasts 2.1 s; its sixteenth holds the last second of them."""
    path = tmp_path / "slow.mp4"
    media.write(
        path, media.Picture(media.regular(520, 15)), media.Sound(seconds=35, beeps_s=(20.0,))
    )
    window = next(w for w in face_windows(made, "7_left") if 310 in w.ends)
    decoded = replace(window, raw=path).decode(CONFIG)
    token = list(window.ends).index(310)  # shown at 20.6 s
    share = len(decoded.wave) // 16
    heard = np.abs(decoded.wave.astype(float)) > 3_000
    assert heard[token * share : (token + 1) * share].any()
    assert not heard[: token * share].any() and not heard[(token + 1) * share :].any()
    first = (np.argmax(heard) - token * share) / 16_000
    assert first == pytest.approx(share / 16_000 - 0.6, abs=0.08)


def test_frames_are_timed_by_the_container_at_any_rate(tmp_path):
    path = tmp_path / "uneven.mp4"
    times_s = np.cumsum(np.tile([0.04, 0.1, 0.02], 20))
    media.write(path, media.Picture(times_s), media.Sound(start_s=0.0, seconds=4.0))
    assert video_frame_times(path) == pytest.approx(times_s, abs=0.003)


def test_fewer_frames_a_window_keep_the_last_of_each_token(made):
    window = face_windows(made, "7_left")[3]
    for count in (16, 32, 64):
        decoded = window.decode(replace(CONFIG, frames=count))
        shown = [number_of(image) for image in decoded.faces[:, 0]]
        every = window.picks[:, :: -(128 // count)][:, ::-1]
        assert shown == every.reshape(-1).tolist() and shown[-1] == window.picks[-1, -1]


def test_a_changed_folder_is_decoded_again(tree, tmp_path):
    cache = Cache(CONFIG, tmp_path / "cache")
    first, second = (w.key(cache) for w in face_windows(tree, "7_left")[:2])
    (tree / "cropped_aligned/7_left/00521.jpg").write_bytes(b"x")
    third = face_windows(tree, "7_left")[0].key(cache)
    assert len({first, second, third}) == 3


def test_a_changed_picture_is_decoded_again(tree, tmp_path):
    cache = Cache(CONFIG, tmp_path / "cache")
    path = tree / "cropped_aligned/7_left/00100.jpg"
    shutil.copy(path, path.with_suffix(".old"))
    os.replace(path.with_suffix(".old"), path)  # no longer a link to the picture of all tests
    folder, before = path.parent.stat(), path.stat()
    first = face_windows(tree, "7_left")[0].key(cache)
    assert face_windows(tree, "7_left")[0].key(cache) == first
    path.write_bytes(path.read_bytes()[::-1])  # of the same size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.parent.stat().st_mtime_ns == folder.st_mtime_ns
    assert face_windows(tree, "7_left")[0].key(cache) != first


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


VA = "5th_ABAW_Annotations/VA_Estimation_Challenge"
LIST = "names_of_videos_in_each_test_set"
SHEET = f"{VA}/Train_Set/1-30-320x240.txt"
LISTED = f"{LIST}/Valence_Arousal_Estimation_Challenge_test_set_release.txt"
FAULTS = {
    "header": lambda t: changed(t / SHEET, "valence,arousal", "v,a"),
    "value": lambda t: changed(t / SHEET, "\n0.2,-0.2\n", "\n0.2,-2\n"),
    "row": lambda t: changed(t / SHEET, "\n0.2,-0.2\n", "\n0.2\n"),
    "half": lambda t: changed(t / SHEET, "\n0.2,-0.2\n", "\n0.2,nan\n"),
    "val": lambda t: shutil.copy(t / SHEET, t / VA / "Validation_Set/1-30-320x240_left.txt"),
    "test": lambda t: (t / LISTED).write_text("313\n7_left\n"),
    "skipped": lambda t: shutil.copy(t / SHEET, t / VA / "Train_Set/171.txt"),
    "pictures": lambda t: shutil.rmtree(t / "cropped_aligned/7_right"),
    "raw": lambda t: (t / "batch2/7.mp4").unlink(),
    "cut": lambda t: (t / "batch2/7.mp4").write_bytes((t / "batch2/7.mp4").read_bytes()[:300]),
    "absent": lambda t: (t / LISTED).write_text("313\n999\n"),
    "set": lambda t: shutil.rmtree(t / VA / "Validation_Set"),
}


@pytest.mark.parametrize(
    "what,words,train",
    [
        ("header", ["1-30-320x240.txt starts with 'v,a'", "valence,arousal"], 3),
        ("value", ["1-30-320x240.txt line 201", "'0.2,-2'"], 4),
        ("row", ["1-30-320x240.txt line 201", "'0.2'"], 4),
        ("half", ["1-30-320x240.txt line 201", "'0.2,nan'"], 4),
        ("val", ["video 1-30-320x240 is in train and in val"], 3),
        ("test", ["video 7_right is in train and in test"], 2),
        ("skipped", ["video 171 is in train and in test", "ten"], 4),
        ("pictures", ["There is no picture in cropped_aligned/7_right"], 3),
        ("raw", ["The video of 7", "is missing in batch1", "without sound"], 4),
        ("cut", ["7_left", "7.mp4"], 4),
        ("absent", ["cropped_aligned/999 is missing", "test list"], 4),
        ("set", ["no annotations for val", "Validation_Set"], 4),
    ],
)
def test_each_fault_is_named_and_costs_no_more_than_it_must(tree, what, words, train):
    FAULTS[what](tree)
    corpus = read_corpus("affwild2", tree)
    assert len(corpus.split("train")) == train
    report = check_corpus(corpus)
    assert any(all(word in problem for word in words) for problem in report["problems"])
    assert all(p.endswith(".") and "\n" not in p for p in report["problems"])
    if what in ("val", "test"):
        refuse_leaks(corpus)  # guarded, not just reported


def test_rows_beyond_the_pictures_and_pictures_without_rows_are_counted(tree):
    for k in (601, 602):
        (tree / f"cropped_aligned/1-30-320x240/{k:05d}.jpg").write_bytes(jpeg(k))
    (tree / "cropped_aligned/7_left/00520.jpg").unlink()
    frames = read_corpus("affwild2", tree).details["frames"]["train"]
    assert (frames["pictures_without_row"], frames["rows_without_picture"]) == (2, 4)
    shown = {n for w in face_windows(tree, "1-30-320x240") for n in w.picks.flat}
    assert max(shown) <= 600


def test_without_raw_video_faces_are_seen_and_nothing_is_heard(tree):
    shutil.rmtree(tree / "batch2")
    decoded = face_windows(tree, "7_left")[0].decode(CONFIG)
    assert decoded.audio_s == 0 and not decoded.wave.any() and decoded.face_mask.all()
    assert (np.diff(decoded.pixel_times_s) >= 0).all() and decoded.pixel_times_s[-1] > 16.9


def test_one_of_two_minus_fives_makes_the_frame_invalid(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("valence,arousal\n-5,0.5\n1,-1\n-5.0,-5\n")
    values, problems = read_annotation(path)
    assert np.isnan(values).any(1).tolist() == [True, False, True] and problems == ()


@pytest.mark.parametrize("missing", ["cropped_aligned", "5th_ABAW_Annotations"])
def test_a_missing_folder_is_one_sentence(tree, missing):
    shutil.rmtree(tree / missing)
    with pytest.raises(CorpusError, match="expected .*unpack"):
        read_corpus("affwild2", tree)


def test_marks_are_counted_apart_from_damaged_rows(tree):
    changed(tree / SHEET, "\n0.2,-0.2\n", "\n0,2,-0,2\n")
    assert read_corpus("affwild2", tree).details["frames"]["train"]["invalid"] == 3


def test_a_file_of_damaged_rows_is_twenty_sentences_and_a_count(tree):
    changed(tree / SHEET, ".", ";")
    problems = read_corpus("affwild2", tree).problems
    assert len(problems) == 21 and problems[-1].startswith("And 577 more problems such as: 1-30")


@pytest.mark.parametrize("odd", ["²", "1", "000001", "00001 (1)", "٠٠٠٠١"])
def test_only_pictures_that_can_be_found_by_number_count(tree, odd):
    folder = tree / "cropped_aligned/9-30-64x48"
    (folder / "00001.jpg").rename(folder / f"{odd}.jpg")
    assert image_numbers(folder) == set(range(2, 101))


def test_numbers_beyond_five_digits_count(tmp_path):
    for name in ("00001.jpg", "99999.jpg", "100000.jpg"):
        (tmp_path / name).write_bytes(b"")
    assert image_numbers(tmp_path) == {1, 99_999, 100_000}


def test_archives_unpacked_into_their_own_names_and_other_capitals_read_the_same(tree):
    before = read_corpus("affwild2", tree)
    (tree / "cropped_aligned").rename(tree / "inner")
    (tree / "cropped_aligned").mkdir()
    (tree / "inner").rename(tree / "cropped_aligned/cropped_aligned")
    (tree / "batch1").rename(tree / "Batch1")
    after = read_corpus("affwild2", tree)
    assert (after.problems, after.notes) == (before.problems, before.notes)
    assert face_windows(tree, "7_left")[0].decode(CONFIG).face_mask.all()
