"""A small MELD in the published format, and the faults it may have."""

import csv
import io
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from emo_core.corpora import read_corpus
from emo_core.data.cache import Cache
from emo_core.data.checks import check_corpus
from emo_core.data.corpus import CorpusError, refuse_leaks
from emo_core.data.dataset import corpus_windows, file_windows
from emo_core.data.meld import PUBLISHED, seconds_of
from emo_core.preprocess.sample import SampleConfig
from emo_core.tasks import MultiLabel
from tests.support import media_files as media

HEADER = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,"
    "EndTime"
)
ROWS = {
    "train": [
        (
            0,
            0,
            "also I was the point person on my company’s “transition”",
            "neutral",
            "00:16:16,059",
            "00:16:21,731",
        ),
        (0, 1, "You must’ve had your hands full.", "joy", "0:16:21,940", "0:16:23,442"),
        (1, 0, 'Oh, he said: "No!"', "anger", "00:16:23,442", "00:17:00,000"),
        (125, 3, "Hey.", "fear", "00:01:00,000", "00:01:01,000"),
    ],
    "dev": [
        (0, 0, "Oh my God, he’s lost it.", "sadness", "00:20:57,256", "00:21:00,049"),
        (110, 7, "Gone.", "disgust", "00:00:01,000", "00:00:02,000"),
    ],
    "test": [
        (0, 0, "Why?", "surprise", "00:10:44,769", "00:10:48,146"),
        (38, 4, "Long.", "neutral", "00:10:00,000", "00:10:01,000"),
    ],
}
FOLDERS = {
    "train": "train_splits",
    "dev": "dev_splits_complete",
    "test": "output_repeated_splits_test",
}


def make_tree(root: Path, end: str = "\n", mark: bytes = b"", table: str = "data/MELD") -> Path:
    shade = 0
    (root / table).mkdir(parents=True)
    for split, rows in ROWS.items():
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator=end)
        (root / FOLDERS[split]).mkdir()
        for number, (dialogue, turn, words, emotion, start, stop) in enumerate(rows, start=1):
            writer.writerow(
                (number, words, "Chandler", emotion, "neutral", dialogue, turn, 8, 21, start, stop)
            )
            if (dialogue, turn) != (110, 7):
                shade += 1
                times_s = media.regular(110, 5) if dialogue == 1 else media.regular(25 + shade)
                media.write(
                    root / FOLDERS[split] / f"dia{dialogue}_utt{turn}.mp4",
                    media.Picture(times_s),
                    media.Sound(seconds=1.0, tone_hz=400.0),
                )
        data = mark + (HEADER + end + text.getvalue()).encode()
        (root / table / f"{split}_sent_emo.csv").write_bytes(data)
    (root / FOLDERS["test"] / "final_videos_testdia0_utt1.mp4").write_bytes(b"x")
    (root / FOLDERS["test"] / "._dia0_utt0.mp4").write_bytes(b"x")
    return root


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return make_tree(tmp_path_factory.mktemp("corpora") / "MELD")


@pytest.fixture
def tree(tmp_path, made) -> Path:
    return Path(shutil.copytree(made, tmp_path / made.name))


def test_the_tables_are_read_and_neutral_is_nothing_present(made):
    corpus = refuse_leaks(read_corpus("meld", made))
    assert corpus.problems == ()
    assert {(i.name, i.split, i.label, i.group) for i in corpus.items} == {
        ("train/dia0_utt0", "train", (), "train/dia0"),
        ("train/dia0_utt1", "train", ("happy",), "train/dia0"),
        ("train/dia1_utt0", "train", ("anger",), "train/dia1"),
        ("val/dia0_utt0", "val", ("sad",), "val/dia0"),
        ("test/dia0_utt0", "test", ("surprise",), "test/dia0"),
    }
    texts = {item.name: item.text for item in corpus.items}
    assert texts["train/dia1_utt0"] == 'Oh, he said: "No!"'
    assert texts["train/dia0_utt0"].endswith("company’s “transition”")


def test_known_bad_and_unannotated_clips_are_named_and_left_out(made):
    notes = " ".join(read_corpus("meld", made).notes)
    for words in (
        "train: clips that are known to be damaged are left out: train/dia125_utt3 (corrupt)",
        "val: clips that are known to be damaged are left out: val/dia110_utt7",
        "test: clips that are known to be damaged are left out: test/dia38_utt4",
        "test: clips in no row of the table are left out: test/final_videos_testdia0_utt1",
        "train has 4 rows (1 neutral, 1 joy, 0 surprise, 1 anger, 0 sadness, 0 disgust, 1 fear); "
        "the published table has 9989",
    ):
        assert words in notes
    assert [sum(counts) for counts in PUBLISHED.values()] == [9_989, 1_109, 2_610]


def swap_long_and_short(tree: Path) -> None:
    """The row of 37 s gets the clip of a second, a row of two seconds that of 22 s."""
    clips = tree / "train_splits"
    long, short = clips / "dia1_utt0.mp4", clips / "dia0_utt1.mp4"
    long.rename(clips / "kept"), short.rename(long), (clips / "kept").rename(short)


def test_a_subtitle_claims_nothing_about_its_file(tree):
    swap_long_and_short(tree)
    corpus = read_corpus("meld", tree)
    assert {(item.span_s, item.longest_s) for item in corpus.items} == {(None, 20.0)}
    assert check_corpus(corpus)["problems"] == []
    items = {item.name: item for item in corpus.items}
    windows = file_windows([items["train/dia1_utt0"], items["train/dia0_utt1"]], list)
    config = SampleConfig(window_s=25.0, frames=25)
    assert [round(window.decode(config).video_s) for window in windows] == [1, 20]


def test_what_is_beyond_a_window_changes_no_key(made):
    (window,) = file_windows(read_corpus("meld", made).items[:1], list)
    endless = replace(window, longest_s=math.inf)
    for seconds, same in ((5.0, True), (25.0, False)):
        cache = Cache(SampleConfig(window_s=seconds))
        assert (window.key(cache) == endless.key(cache)) == same


def test_the_checkup_of_a_clean_tree_counts_several_labels(made):
    corpus = read_corpus("meld", made)
    report = check_corpus(corpus)
    assert report["problems"] == report["silent"] == report["no_sound"] == []
    assert report["splits"]["train"]["none_present"] == 1
    assert report["splits"]["train"]["labels"]["happy"] == 1
    windows = corpus_windows(corpus, corpus.items, MultiLabel(corpus.labels).target)
    assert [w.target.sum() for w in windows] == [0, 1, 1, 1, 1]
    assert [w.text for w in windows] == [item.text for item in corpus.items]


@pytest.mark.parametrize("end,mark,table", [("\r\n", b"\xef\xbb\xbf", "."), ("\n", b"", ".")])
def test_crlf_marks_and_another_place_read_the_same(tmp_path, made, end, mark, table):
    other = read_corpus("meld", make_tree(tmp_path / "other", end, mark, table))
    assert other.problems == ()
    assert [(i.name, i.label, i.text) for i in other.items] == [
        (i.name, i.label, i.text) for i in read_corpus("meld", made).items
    ]


def test_the_published_archive_is_read_as_it_unpacks(tmp_path, tree):
    """MELD.Raw.tar.gz: clips by split, the table of train within its archive, two beside it."""
    raw = tmp_path / "unpacked" / "MELD.Raw"
    for split, folder in FOLDERS.items():
        inside = "output_repeated_splits_test" if split == "test" else f"{split}/{folder}"
        shutil.move(tree / folder, raw / inside)
        table = raw / ("train" if split == "train" else ".") / f"{split}_sent_emo.csv"
        shutil.move(tree / "data" / "MELD" / table.name, table)
    for root in (raw.parent, raw):
        corpus = read_corpus("meld", root)
        assert corpus.problems == () and len(corpus.items) == 5


@pytest.mark.parametrize(
    "clock,seconds",
    [
        ("00:16:16,059", 976.059),
        ("0:12:43,012", 763.012),
        ("1:00:00.5", 3600.005),
        ("12:43", None),
        ("", None),
        ("00:00:0a,000", None),
    ],
)
def test_times_of_subtitles(clock, seconds):
    assert seconds_of(clock) == (None if seconds is None else pytest.approx(seconds))


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


TABLE = "data/MELD/train_sent_emo.csv"
CLIP = "train_splits/dia0_utt1.mp4"
FAULTS = {
    "header": lambda t: changed(t / TABLE, "Dialogue_ID", "Dialogue"),
    "emotion": lambda t: changed(t / TABLE, "joy", "bored"),
    "time": lambda t: changed(t / TABLE, "0:16:21,940", "soon"),
    "number": lambda t: changed(t / TABLE, "neutral,0,1,8", "neutral,x,1,8"),
    "twice": lambda t: changed(t / TABLE, "neutral,0,1,8", "neutral,0,0,8"),
    "clip": lambda t: (t / CLIP).unlink(),
    "cut": lambda t: (t / CLIP).write_bytes((t / CLIP).read_bytes()[:300]),
    "table": lambda t: (t / TABLE).unlink(),
    "folder": lambda t: shutil.rmtree(t / "train_splits"),
}


@pytest.mark.parametrize(
    "what,words,left",
    [
        ("header", ["train_sent_emo.csv starts with", "Dialogue_ID"], 2),
        ("emotion", ["line 3", "train/dia0_utt1", "'bored'", "neutral, joy"], 4),
        ("time", ["line 3", "train/dia0_utt1", "hh:mm:ss,ms"], 4),
        ("number", ["line 3", "not both numbers"], 4),
        ("twice", ["line 3", "train/dia0_utt0", "is in two rows"], 4),
        ("clip", ["names train/dia0_utt1.mp4, which is missing"], 4),
        ("cut", ["train/dia0_utt1", "dia0_utt1.mp4"], 5),
        ("table", ["train_sent_emo.csv is missing"], 2),
        ("folder", ["train_splits is missing"], 2),
    ],
)
def test_each_fault_is_named_and_costs_no_more_than_it_must(tree, what, words, left):
    FAULTS[what](tree)
    corpus = read_corpus("meld", tree)
    assert len(corpus.items) == left
    report = check_corpus(corpus)
    assert any(all(word in problem for word in words) for problem in report["problems"])
    assert all(p.endswith(".") and "\n" not in p for p in report["problems"])


def test_an_empty_folder_is_one_sentence(tmp_path):
    with pytest.raises(CorpusError, match="train_sent_emo.csv beside train_splits"):
        read_corpus("meld", tmp_path)
