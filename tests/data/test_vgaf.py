"""The official tree, byte for byte, and every fault it may have."""

from pathlib import Path

import pytest

from emo_core.corpora import read_corpus
from emo_core.data.corpus import CorpusError, Item, corpus_summary, hold_out, refuse_leaks
from emo_core.data.vgaf import label_revision, read_vgaf_labels, source_of

COUNTS = {"Train": (802, 923, 936), "Val": (302, 280, 184)}


def labels_text(names: list[str], codes: list[int]) -> bytes:
    lines = [f"{name} {code}" for name, code in zip(names, codes, strict=True)]
    return "\n".join(["Vid_name Label", *lines]).encode()


def make_tree(root: Path, clips: dict[str, dict[str, int]]) -> Path:
    """A tree with empty files: the reader looks at names only."""
    for folder, labels in clips.items():
        (root / folder).mkdir(parents=True)
        for name in labels:
            (root / folder / f"{name}.mp4").write_bytes(b"x")
        (root / f"{folder}_labels.txt").write_bytes(
            labels_text(list(labels), list(labels.values()))
        )
    return root


@pytest.fixture
def tree(tmp_path):
    clips = {"Train": {"2_2": 1, "2_3": 2, "101_10": 3}, "Val": {"289_55": 2, "289_1": 1}}
    return make_tree(tmp_path / "VGAF", clips)


def test_a_clean_tree_is_read_without_a_word(tree):
    corpus = refuse_leaks(read_corpus("vgaf", tree))
    assert corpus.problems == () and len(corpus.items) == 5
    first = next(i for i in corpus.items if i.name == "Train/101_10")
    assert (first.label, first.group, first.split) == ("negative", "101", "train")
    assert corpus_summary(corpus)["splits"]["val"] == {
        "clips": 2,
        "labels": {"positive": 1, "neutral": 1, "negative": 0},
        "groups": 1,
    }


def test_the_published_counts_are_recognised(tmp_path):
    items = [
        Item(f"{folder}/{i}_{j}", Path(), folder.lower(), label, str(i))
        for folder, counts in COUNTS.items()
        for i, (label, n) in enumerate(
            zip(("positive", "neutral", "negative"), counts, strict=True)
        )
        for j in range(n)
    ]
    assert label_revision(items) == "current"
    older = {"train": (806, 923, 932), "val": (299, 281, 186)}
    items = [
        Item("x", Path(), split, label, "0")
        for split, counts in older.items()
        for label, n in zip(("positive", "neutral", "negative"), counts, strict=True)
        for _ in range(n)
    ]
    assert label_revision(items) == "older"
    assert label_revision(items[:-1]) is None


def test_official_file_sizes_follow_from_the_format():
    names = [f"{i}_{i}" for i in range(10)]
    assert len(labels_text(names, [1] * 10)) == 14 + sum(len(n) + 3 for n in names)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r\n\r\n", b"\n  \n"])
def test_line_ends_do_not_matter(tree, ending):
    path = tree / "Train_labels.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", ending.split(b" ")[0] or b"\n") + ending)
    corpus = read_corpus("vgaf", tree)
    assert corpus.problems == () and len(corpus.split("train")) == 3


@pytest.mark.parametrize(
    "line,words",
    [
        ("2_3 4", ["2_3", "'4'", "1, 2 or 3"]),
        ("2_3 positive", ["2_3", "positive"]),
        ("2_3", ["line 3", "a clip name and a class"]),
        ("2_3 1 extra", ["line 3"]),
        ("../../etc/2_3 1", ["path"]),
        ("77_1 2", ["77_1.mp4 is missing"]),
    ],
)
def test_one_bad_line_costs_one_clip_and_is_named(tree, line, words):
    path = tree / "Train_labels.txt"
    path.write_text(path.read_text().replace("2_3 2", line))
    corpus = read_corpus("vgaf", tree)
    assert len(corpus.split("train")) == 2
    assert any(all(word in problem for word in words) for problem in corpus.problems)
    assert all(p.endswith(".") and "\n" not in p for p in corpus.problems)


@pytest.mark.parametrize("more", ["\n2_2 3", "\n2_2 3\n2_2 1", "\n2_2 3\n2_2 2\n2_2 2"])
def test_a_clip_labelled_twice_differently_is_left_out(tree, more):
    with (tree / "Train_labels.txt").open("a") as file:
        file.write(more)
    corpus = read_corpus("vgaf", tree)
    assert "Train/2_2" not in {i.name for i in corpus.items}
    assert sum("two different classes" in p for p in corpus.problems) == len(corpus.problems) == 1


def test_files_that_macos_leaves_are_no_clips(tree):
    (tree / "Test").mkdir()
    for path in ("Train/._2_2.mp4", "Val/._289_1.mp4", "Test/._Test_1.mp4", "Test/Test_1.mp4"):
        (tree / path).write_bytes(b"\x00\x05\x16\x07")
    corpus = read_corpus("vgaf", tree)
    assert corpus.problems == ()
    assert [i.name for i in corpus.items if i.split == "test"] == ["Test/Test_1"]


def test_a_bad_header_spoils_its_split_only(tree):
    path = tree / "Train_labels.txt"
    path.write_text(path.read_text().replace("Vid_name Label", "name,label"))
    corpus = read_corpus("vgaf", tree)
    assert any("Train_labels.txt starts with 'name,label'" in p for p in corpus.problems)
    assert len(corpus.split("val")) == 2
    with pytest.raises(CorpusError, match="no labelled clips in the split 'train'"):
        corpus.split("train")


def test_a_binary_label_file_is_one_sentence(tree):
    (tree / "Val_labels.txt").write_bytes(bytes(range(128, 256)))
    with pytest.raises(CorpusError, match=r"Val_labels.txt is not a text file"):
        read_vgaf_labels(tree / "Val_labels.txt")


def test_an_unlabelled_file_is_named(tree):
    (tree / "Val" / "300_1.mp4").write_bytes(b"x")
    assert any("Val/300_1.mp4 is not named in" in p for p in read_corpus("vgaf", tree).problems)


def test_a_source_in_two_splits_is_refused(tmp_path):
    tree = make_tree(tmp_path / "V", {"Train": {"2_2": 1, "3_1": 1}, "Val": {"2_9": 2}})
    with pytest.raises(CorpusError, match="source 2 is in train and val"):
        refuse_leaks(read_corpus("vgaf", tree))


@pytest.mark.parametrize("name,root", [("vgaf", "missing"), ("vgaf", "."), ("nonsense", ".")])
def test_wrong_places_are_one_sentence(tmp_path, name, root):
    with pytest.raises(CorpusError, match=r"expected"):
        read_corpus(name, tmp_path / root)


def test_holding_out_takes_whole_sources_and_depends_on_the_seed():
    items = [
        Item(f"{g}_{i}", Path(), "train", "neutral", str(g)) for g in range(20) for i in range(5)
    ]
    rest, held = hold_out(items, 0.2, seed=0)
    assert len(rest) + len(held) == 100 and 20 <= len(held) <= 25
    assert not {i.group for i in rest} & {i.group for i in held}
    assert hold_out(items, 0.2, seed=0) == (rest, held) != hold_out(items, 0.2, seed=1)
    with pytest.raises(CorpusError, match="one source"):
        hold_out(items[:5], 0.2, seed=0)


def test_sources_are_what_stands_before_the_clip_number():
    assert [source_of(n) for n in ("101_10", "2_2", "a_b_3", "x")] == ["101", "2", "a_b", "x"]


@pytest.mark.parametrize("codes", ["0 1 2", "-1 0 1"])
def test_classes_counted_from_0_are_refused_as_each_would_be_another(tree, codes):
    lines = zip(("2_2", "2_3", "101_10"), codes.split(), strict=True)
    text = "\n".join(["Vid_name Label", *map(" ".join, lines)])
    (tree / "Train_labels.txt").write_text(text)
    corpus = read_corpus("vgaf", tree)
    assert {item.split for item in corpus.items} == {"val"}
    assert any("counted from 0" in problem for problem in corpus.problems)


def test_one_slip_beside_classes_from_1_costs_its_clip_only(tree):
    path = tree / "Train_labels.txt"
    path.write_text(path.read_text().replace("2_3 2", "2_3 0"))
    assert len(read_corpus("vgaf", tree).split("train")) == 2


def test_a_clip_is_told_unlabelled_though_its_name_ends_another(tree):
    (tree / "Train/12_2.mp4").write_bytes(b"x")
    (tree / "Train_labels.txt").write_text("Vid_name Label\n12_2 9\n2_3 2\n101_10 3")
    problems = read_corpus("vgaf", tree).problems
    assert any(p.startswith("Train/2_2.mp4 is not named") for p in problems)
    assert not any("12_2.mp4 is not named" in p for p in problems)


def test_capitals_of_folders_and_endings_and_names_with_an_ending(tree):
    (tree / "Train").rename(tree / "train")
    for path in (tree / "train").iterdir():
        path.rename(path.with_suffix(".MP4"))
    labels = tree / "Train_labels.txt"
    labels.write_text(labels.read_text().replace("2_3 2", "2_3.mp4 2"))
    corpus = read_corpus("vgaf", tree)
    assert corpus.problems == ()
    assert {i.name: i.path.name for i in corpus.split("train")} == {
        f"Train/{name}": f"{name}.MP4" for name in ("2_2", "2_3", "101_10")
    }


def test_of_thousands_of_missing_clips_twenty_are_named(tree):
    names = [f"{n}_1" for n in range(1000, 4000)]
    (tree / "Train_labels.txt").write_bytes(labels_text(names, [1] * 3000))
    problems = read_corpus("vgaf", tree).problems
    assert len(problems) == 20 + 3 + 1 and problems[-1].startswith("And 2980 more problems")


def test_a_tree_that_lies_deeper_is_named(tmp_path, tree):
    with pytest.raises(CorpusError, match=f"give {tree}"):
        read_corpus("vgaf", tmp_path)
