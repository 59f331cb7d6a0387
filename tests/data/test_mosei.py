"""A small CMU-MOSEI in the published format, raw and flattened, and the faults it may have."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from emo_core.clip import ClipError
from emo_core.corpora import read_corpus
from emo_core.data.checks import check_corpus
from emo_core.data.corpus import CorpusError, corpus_summary, refuse_leaks
from emo_core.data.dataset import corpus_windows
from emo_core.data.mosei import (
    csd_labels,
    read_transcripts,
)
from emo_core.preprocess.sample import SampleConfig
from emo_core.schema import EMOTIONS
from emo_core.tasks import MultiLabel
from tests.support import media_files as media

HEADER = (
    "HITId,Input.VIDEO_ID,Input.CLIP,Answer.anger,Answer.disgust,Answer.fear,Answer.happiness,"
    "Answer.sadness,Answer.surprise,Answer.sentiment"
)
SEGMENTS = {  # id -> (split, start, end, text, three raters' anger disgust fear happiness sad surp)
    "aa_0": ("train", 0.0, 1.5, "Hello there.", ("000100", "000200", "000000")),
    "aa_1": ("train", 1.5, 3.0, "So, it is: bad.", ("100010", "000000", "000010")),
    "b_b_0": ("train", 0.2, 2.2, "Nothing at all.", ("000000", "000000", "000000")),
    "cc_3": ("valid", 0.5, 2.5, "Boo!", ("001000", "000001", "001003")),
    "dd_10": ("test", 1.0, 2.0, "Yuck.", ("010000", "010000", "030000")),
}
TRUTH = {
    "aa_0": ("happy",),
    "aa_1": ("anger", "sad"),
    "b_b_0": (),
    "cc_3": ("fear", "surprise"),
    "dd_10": ("disgust",),
}


def make_tree(root: Path, flat: bool = False, end: str = "\n", mark: bytes = b"") -> Path:
    base = root if flat else root / "Raw"
    texts = base / ("Transcript/Combined" if flat else "Transcript/Segmented/Combined")
    videos = base / "Videos/Full/Combined"
    for folder in (texts, videos, base / "Labels", root / "MOSEI_SPLIT"):
        folder.mkdir(parents=True)
    rows, lines, splits = [], {}, {"train": [], "valid": [], "test": []}
    for name, (split, start_s, end_s, text, raters) in SEGMENTS.items():
        video, _, clip = name.rpartition("_")
        lines.setdefault(video, []).append(f"{video}___{clip}___{start_s}___{end_s}___{text}")
        rows += [f"3X,mosei/full/{video},{clip},{','.join(marks)},1" for marks in raters]
        splits[split].append(name)
    for index, (video, said) in enumerate(lines.items()):
        (texts / f"{video}.txt").write_bytes(mark + (end.join(said) + end).encode())
        media.write(
            videos / f"{video}.mp4",
            media.Picture(media.regular(76 + index)),
            media.Sound(seconds=3.0, tone_hz=300.0 + index),
        )
    half = len(rows) // 2  # the labels come in several tables
    for name, part in (("Batch_1.csv", rows[:half]), ("Batch_2.csv", rows[half:])):
        (base / "Labels" / name).write_bytes(mark + end.join([HEADER, *part, ""]).encode())
    for split, names in splits.items():
        (root / "MOSEI_SPLIT" / f"{split}_split.txt").write_bytes(mark + end.join(names).encode())
    return root


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return make_tree(tmp_path_factory.mktemp("corpora") / "CMU_MOSEI")


@pytest.fixture
def tree(tmp_path, made) -> Path:
    return Path(shutil.copytree(made, tmp_path / made.name))


def labels_of(root: Path) -> dict:
    return {item.name: item.label for item in read_corpus("mosei", root).items}


def test_the_raw_tree_is_read_with_labels_parts_and_text(made):
    corpus = refuse_leaks(read_corpus("mosei", made))
    assert corpus.problems == () and corpus.labels == EMOTIONS
    assert {item.name: item.label for item in corpus.items} == TRUTH
    for item in corpus.items:
        split, start_s, end_s, text, _ = SEGMENTS[item.name]
        assert (item.span_s, item.text) == ((start_s, end_s), text)
        assert item.split == {"valid": "val"}.get(split, split)
        assert item.group == item.name.rpartition("_")[0] == item.path.stem
    assert any("train has 3 usable clips; the published set has 14524" in n for n in corpus.notes)


def test_several_labels_a_clip_are_counted_and_so_are_clips_without_one(made):
    report = check_corpus(read_corpus("mosei", made))
    assert report["problems"] == report["silent"] == report["no_sound"] == []
    assert report["splits"]["train"] == {
        "clips": 3,
        "groups": 2,
        "none_present": 1,
        "labels": {"anger": 1, "disgust": 0, "fear": 0, "happy": 1, "sad": 1, "surprise": 0},
    }
    assert sum(report["splits"]["val"]["labels"].values()) == 2


@pytest.mark.parametrize("flat,end,mark", [(True, "\n", b""), (False, "\r\n", b"\xef\xbb\xbf")])
def test_the_flattened_tree_crlf_and_marks_read_the_same(tmp_path, flat, end, mark):
    corpus = read_corpus("mosei", make_tree(tmp_path / "other", flat, end, mark))
    assert corpus.problems == () and {i.name: i.label for i in corpus.items} == TRUTH
    assert {i.text for i in corpus.items} == {row[3] for row in SEGMENTS.values()}


def test_a_window_is_the_part_of_the_video_that_is_meant(made):
    corpus = read_corpus("mosei", made)
    windows = corpus_windows(corpus, corpus.items, MultiLabel(corpus.labels).target)
    window = next(w for w in windows if w.name == "aa_1")
    assert window.target.dtype == np.float32 and window.target.tolist() == [1, 0, 0, 0, 1, 0]
    decoded = window.decode(
        SampleConfig(frames=3, width=64, height=48, window_s=1.5, text_length=20)
    )
    shown = [media.read_code(image) for image in decoded.pixels]
    assert shown == [round(25 * (1.5 + t) - 0.5) for t in (0.25, 0.75, 1.25)]
    assert decoded.text == "So, it is: bad." and decoded.audio_s == pytest.approx(1.5)


@pytest.mark.parametrize("times", ["50___60", "1.5___inf"])
def test_a_part_that_its_video_does_not_have_is_never_decoded(tree, times):
    changed(tree / WORDS, "1.5___3.0", times)
    corpus = read_corpus("mosei", tree)
    (item,) = [item for item in corpus.items if item.name == "aa_1"]
    (window,) = corpus_windows(corpus, [item], MultiLabel(corpus.labels).target)
    with pytest.raises(ClipError, match=r"but aa.mp4 ends at 3.0 s; expected a part of it"):
        window.decode(SampleConfig(frames=3, width=64, height=48, window_s=1.5))


def test_columns_of_the_csd_stand_in_another_order(made):
    segments, _ = read_transcripts(made / "Raw/Transcript/Segmented/Combined")
    order = ("sentiment", "happy", "sad", "anger", "surprise", "disgust", "fear")
    data = {}
    for name in reversed(SEGMENTS):
        video = data.setdefault(segments[name][0], {"features": [], "intervals": []})
        video["features"].append([-3.0, *(0.33 * (label in TRUTH[name]) for label in order[1:])])
        video["intervals"].append(segments[name][1:3])
    data = {v: {k: np.array(x) for k, x in parts.items()} for v, parts in data.items()}
    assert csd_labels(data, segments) == TRUTH
    data["aa"]["intervals"] += 0.4
    assert set(csd_labels(data, segments)) == {"b_b_0", "cc_3", "dd_10"}


def test_a_csd_file_is_read_or_its_missing_library_is_named(tree):
    shutil.rmtree(tree / "Raw/Labels")
    path = tree / "CMU_MOSEI_Labels.csd"
    path.write_bytes(b"\x89HDF\r\n\x1a\nnot really")
    with pytest.raises(CorpusError, match=r"CMU_MOSEI_Labels\.csd (is an HDF5|can't be read)"):
        read_corpus("mosei", tree)
    h5py = pytest.importorskip("h5py")
    segments, _ = read_transcripts(tree / "Raw/Transcript/Segmented/Combined")
    with h5py.File(path, "w") as file:
        for name, (video, start_s, end_s, _) in segments.items():
            if video in ("cc", "dd"):
                group = file.create_group(f"All Labels/data/{video}")
                group["intervals"] = [[start_s, end_s]]
                order = ("happy", "sad", "anger", "surprise", "disgust", "fear")
                group["features"] = [[0.0, *(float(e in TRUTH[name]) for e in order)]]
    assert labels_of(tree) == {"cc_3": ("fear", "surprise"), "dd_10": ("disgust",)}


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


TABLE = "Raw/Labels/Batch_1.csv"
WORDS = "Raw/Transcript/Segmented/Combined/aa.txt"
CLIP = "Raw/Videos/Full/Combined/aa.mp4"
FAULTS = {
    "header": lambda t: changed(t / TABLE, "Answer.fear", "fear"),
    "answer": lambda t: changed(t / TABLE, "0,0,0,2,0,0", "0,0,0,much,0,0"),
    "quote": lambda t: (t / TABLE).write_text(f'{HEADER}\n"{"0," * 70_000}'),
    "nan": lambda t: changed(t / TABLE, "0,0,0,2,0,0", "0,0,0,nan,0,0"),
    "inf": lambda t: changed(t / TABLE, "0,0,0,2,0,0", "0,0,0,inf,0,0"),
    "minus": lambda t: changed(t / TABLE, "0,0,0,2,0,0", "0,0,0,-1,0,0"),
    "four": lambda t: changed(t / TABLE, "0,0,0,2,0,0", "0,0,0,4,0,0"),
    "again": lambda t: changed(t / WORDS, "aa___1___", "aa___0___0.5___1.0___No.\naa___1___"),
    "line": lambda t: changed(t / WORDS, "1.5___3.0", "3.0___1.5"),
    "text": lambda t: (t / WORDS).write_bytes(bytes(range(128, 256))),
    "video": lambda t: (t / CLIP).unlink(),
    "cut": lambda t: (t / CLIP).write_bytes((t / CLIP).read_bytes()[:400]),
    "end": lambda t: changed(t / WORDS, "1.5___3.0", "9.5___11.0"),
    "split": lambda t: changed(t / "MOSEI_SPLIT/train_split.txt", "aa_0", "zz_0"),
    "twice": lambda t: (t / "MOSEI_SPLIT/test_split.txt").write_text("dd_10\naa_0\n"),
}


@pytest.mark.parametrize(
    "what,words,left",
    [
        ("header", ["Batch_1.csv", "Answer.fear"], 3),
        ("answer", ["Batch_1.csv line 3", "aa_0", "expected a number from 0 to 3"], 5),
        ("quote", ["Batch_1.csv", "every quotation mark closed"], 3),
        ("nan", ["Batch_1.csv line 3", "aa_0", "'nan'", "0 to 3"], 5),
        ("inf", ["Batch_1.csv line 3", "aa_0", "'inf'", "0 to 3"], 5),
        ("minus", ["Batch_1.csv line 3", "aa_0", "'-1'", "0 to 3"], 5),
        ("four", ["Batch_1.csv line 3", "aa_0", "'4'", "0 to 3"], 5),
        ("again", ["aa.txt line 2", "aa_0 has a line already"], 5),
        ("line", ["aa.txt line 2", "vid___clip___start___end___text"], 4),
        ("text", ["aa.txt", "not a text file"], 3),
        ("video", ["aa.mp4 is missing", "left out (2)"], 3),
        ("cut", ["aa_0", "aa.mp4"], 5),
        ("end", ["aa_1", "9.5 to 11.0 s"], 5),
        ("split", ["zz_0", "no line in the transcripts"], 4),
        ("twice", ["aa_0", "train and test"], 5),
    ],
)
def test_each_fault_is_named_and_costs_no_more_than_it_must(tree, what, words, left):
    FAULTS[what](tree)
    corpus = read_corpus("mosei", tree)
    assert len(corpus.items) == left
    report = check_corpus(corpus)
    assert any(all(word in problem for word in words) for problem in report["problems"])
    assert all(p.endswith(".") and "\n" not in p for p in report["problems"])


def test_a_video_in_two_splits_is_refused_and_named(tree):
    (tree / "MOSEI_SPLIT/train_split.txt").write_text("aa_0\nb_b_0\n")
    (tree / "MOSEI_SPLIT/test_split.txt").write_text("aa_1\ndd_10\n")
    corpus = read_corpus("mosei", tree)
    with pytest.raises(CorpusError, match="source aa is in test and train"):
        refuse_leaks(corpus)
    assert any("source aa is in test and train" in p for p in check_corpus(corpus)["problems"])


def test_a_clip_with_other_than_three_raters_is_noted(tree):
    path = tree / TABLE
    path.write_text("\n".join(path.read_text().split("\n")[:3]) + "\n")
    assert any(
        "fewer than 3 raters" in note and "aa_0" in note
        for note in read_corpus("mosei", tree).notes
    )


@pytest.mark.parametrize("missing", ["Raw/Videos", "Raw/Transcript", "MOSEI_SPLIT", "Raw/Labels"])
def test_a_missing_folder_is_one_sentence(tree, missing):
    shutil.rmtree(tree / missing)
    with pytest.raises(
        CorpusError, match=rf"There (is|are) no .*expected .*{missing.rpartition('/')[2]}"
    ):
        read_corpus("mosei", tree)


def test_two_labels_a_clip_are_one_line_of_the_summary(made):
    assert corpus_summary(read_corpus("mosei", made))["splits"]["test"]["labels"]["disgust"] == 1


@pytest.mark.parametrize("video", ["aa_", "_aa", "a__a", "aa__", "-a"])
def test_underscores_in_the_id_of_a_video_are_its_own(tree, video):
    text = (tree / WORDS).read_text().replace("aa___", f"{video}___")
    (tree / WORDS).unlink()
    (tree / WORDS).with_name(f"{video}.txt").write_text(text)
    (tree / CLIP).rename((tree / CLIP).with_name(f"{video}.mp4"))
    for path in (tree / "Raw/Labels").iterdir():
        path.write_text(path.read_text().replace("full/aa,", f"full/{video},"))
    changed(tree / "MOSEI_SPLIT/train_split.txt", "aa_", f"{video}_")
    corpus = read_corpus("mosei", tree)
    assert corpus.problems == () and len(corpus.items) == 5
    assert [(i.name, i.group, i.path.name, i.text) for i in corpus.items if i.group == video] == [
        (f"{video}_0", video, f"{video}.mp4", "Hello there."),
        (f"{video}_1", video, f"{video}.mp4", "So, it is: bad."),
    ]


def test_a_row_of_the_csd_without_numbers_is_no_label():
    segments = {"aa_0": ("aa", 0.0, 1.5, ""), "aa_1": ("aa", 1.5, 3.0, "")}
    intervals = np.array([[0.0, 1.5], [1.5, 3.0]])
    rows = np.array([[0.0, *[np.nan] * 6], [0.0, 1.0, *[0.0] * 5]])
    data = {"aa": {"intervals": intervals, "features": rows}}
    assert csd_labels(data, segments) == {"aa_1": ("happy",)}
    data["aa"]["features"] = rows[:, :6]
    with pytest.raises(CorpusError, match="has 6 numbers for a segment; expected 7"):
        csd_labels(data, segments)


def test_capitals_of_endings_do_not_matter(tree):
    for name in (TABLE, WORDS, CLIP):
        (tree / name).rename((tree / name).with_suffix((tree / name).suffix.upper()))
    corpus = read_corpus("mosei", tree)
    assert corpus.problems == () and len(corpus.items) == 5
