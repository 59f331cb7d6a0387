"""Names of parts, equal files, and what is thin."""

from emo_core.data.folder.assembly import folder_windows
from tests.support.clip_folders import read_own


def test_names_are_unique_also_where_stems_are_not(tmp_path):
    corpus = read_own(
        tmp_path, "file,label\na.mp4,x\na.avi,y\nb.mp4,y\n", "a.mp4", "a.avi", "b.mp4"
    )
    assert [item.name for item in corpus.items] == ["a.mp4", "a.avi", "b"]


def test_labels_of_one_source_and_splits_without_one_are_noted(tmp_path):
    clips = [f"p{p}_{i}.mp4" for p in range(5) for i in range(2)]
    table = "file,label\n" + "".join(f"{c},{'xy'[i % 2]}\n" for i, c in enumerate(clips[:-1]))
    corpus = read_own(tmp_path, table + f"{clips[-1]},rare\n", *clips)
    notes = "\n".join(corpus.notes)
    assert (
        "Labels that occur in one source only: 'rare'" in notes
        and "Labels without a clip in the split" in notes
    )


def test_windows_take_the_label_as_target(tmp_path):
    corpus = read_own(tmp_path, "file,label\na.mp4,x\nb.mp4,y\n", "a.mp4", "b.mp4")
    windows = folder_windows(corpus, corpus.items, corpus.labels.index)
    assert [window.target for window in windows] == [0, 1]
