"""Many clips: lists, folders and patterns of names; a line each as it is done, also failures."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from emo_core.cli.clip_names import NamesError, clip_names
from emo_core.cli.main import main
from emo_core.clip import ClipError
from tests.conftest import ROOT

EXAMPLES = ROOT / "assets" / "examples"
NAMES = ("both_positive", "heard_positive")
MODEL = ("--model", "group-staged")


@pytest.fixture
def clips(tmp_path) -> Path:
    """Two clips, one of them in a folder below, and files that are none."""
    (tmp_path / "clips" / "more").mkdir(parents=True)
    (tmp_path / "clips" / "more" / "none").mkdir()
    for name, folder in zip(NAMES, (".", "more"), strict=True):
        shutil.copy(EXAMPLES / f"{name}.mp4", tmp_path / "clips" / folder)
    (tmp_path / "clips" / "notes.txt").write_text("no clip")
    (tmp_path / "clips" / ".hidden.mp4").write_text("no clip")
    (tmp_path / "empty").mkdir()
    return tmp_path


def names(*given: str | Path, names_file: str | None = None) -> list[str]:
    """The clips that are meant, relative to the first folder above them."""
    found = list(clip_names([str(one) for one in given], names_file))
    assert not any(one.error for one in found), found
    return [one.name for one in found]


def test_folders_and_patterns_are_what_they_hold(clips):
    first, second = (clips / "clips" / f"{n}.mp4" for n in (NAMES[0], f"more/{NAMES[1]}"))
    assert names(clips / "clips") == [str(first), str(second)]
    assert names(clips / "*" / "*.mp4") == [str(first)]
    assert names(clips / "**" / "*.mp4") == [str(first), str(second)]
    assert names(clips / "clips" / "**") == [str(first), str(second)]
    assert names(clips / "cl?ps") == [str(first), str(second)]  # a pattern may mean a folder
    assert names(second, first, second) == [str(second), str(first), str(second)]


def test_a_file_whose_name_is_like_a_pattern_is_that_file(tmp_path):
    odd = tmp_path / "a[1]*.mp4"
    odd.write_bytes(b"")
    (tmp_path / "a1.mp4").write_bytes(b"")
    assert names(odd) == [str(odd)]
    assert names(tmp_path / "a[1].mp4") == [str(tmp_path / "a1.mp4")]


def test_what_means_no_clip_is_named(clips):
    for given in (clips / "empty", clips / "none*.mp4"):
        ((name, error),) = clip_names([str(given)], None)
        assert name == str(given) and error.startswith(name) and error.count(";") == 2


def test_a_list_has_a_name_a_line(clips, monkeypatch):
    content = "\ufeffa.mp4\r\n\n b c.mp4 \n".encode() + b"\xff.mp4\n" + b"last"
    expected = ["a.mp4", " b c.mp4 ", os.fsdecode(b"\xff.mp4"), "last"]
    (clips / "names.txt").write_bytes(content)
    assert names(names_file=str(clips / "names.txt")) == expected
    monkeypatch.setattr("sys.stdin", stdin_of(content))
    assert names("first", names_file="-") == ["first", *expected]
    with pytest.raises(NamesError, match="can't be read .*No such file"):
        names(names_file=str(clips / "gone.txt"))
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(NamesError, match="- can't be read .closed"):
        names(names_file="-")


def stdin_of(content: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)))


@pytest.mark.parametrize("order", ["le", "be"])
def test_a_list_of_windows_shells_is_read(clips, monkeypatch, order):
    content = "\ufeffa.mp4\r\nü 日本.mp4\r\n".encode(f"utf-16-{order}")
    (clips / "names.txt").write_bytes(content)
    assert names(names_file=str(clips / "names.txt")) == ["a.mp4", "ü 日本.mp4"]
    monkeypatch.setattr("sys.stdin", stdin_of(content))
    assert names(names_file="-") == ["a.mp4", "ü 日本.mp4"]
    half = "\udc00.mp4\n".encode(f"utf-16-{order}", "surrogatepass")  # half a letter
    (clips / "names.txt").write_bytes(content + half)
    with pytest.raises(NamesError, match="can't be read .illegal encoding"):
        names(names_file=str(clips / "names.txt"))


def predicted(capsys, *words: str | Path) -> tuple[int, list[dict], str]:
    code = main(["predict", *map(str, words), *MODEL])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def test_a_line_a_clip_says_what_json_says(capsys, clips):
    asked = [clips / "clips", clips / "gone.mp4", clips / "empty"]
    code, lines, _ = predicted(capsys, *asked, "--jsonl")
    code_of_json, (whole,), _ = predicted(capsys, *asked, "--json")
    assert code == code_of_json == 1
    for row in (*lines, *whole["results"]):
        row.pop("seconds", None)
    assert {row.pop("schema_version") for row in lines} == {1}
    assert lines == [*whole["results"], *whole["errors"]]
    assert predicted(capsys, clips / "empty", "--jsonl")[0] == 2
    assert predicted(capsys, clips / "clips", "--jsonl")[0] == 0


def test_a_line_comes_as_its_clip_is_done(clips):
    """The second name is written once the first answer is read."""
    words = [sys.executable, "-m", "emo_core", "predict", "--names", "-", "--jsonl", *MODEL]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "cwd": ROOT, "text": True}
    with subprocess.Popen(words, **pipes) as process:
        for name in (EXAMPLES / "both_positive.mp4", clips / "gone.mp4"):
            process.stdin.write(f"{name}\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["clip"] == str(name)
        process.stdin.close()
        assert process.stdout.read() == ""
    assert process.returncode == 1


@pytest.mark.parametrize("form", ["--json", "--jsonl"])
def test_an_unexpected_exception_is_that_clips_error(capsys, clips, monkeypatch, form):
    from emo_core.inference import predict

    whole = predict.predict_clip

    def odd(clip, *rest):
        if clip.path.stem == NAMES[0]:
            raise ZeroDivisionError("division\nby zero")
        return whole(clip, *rest)

    monkeypatch.setattr(predict, "predict_clip", odd)
    code, lines, err = predicted(capsys, clips / "clips", form)
    rows = lines if form == "--jsonl" else [*lines[0]["errors"], *lines[0]["results"]]
    assert code == 1 and len(rows) == 2 and "Traceback" not in err
    assert rows[0]["error"].startswith("this should not happen (ZeroDivisionError: division by ")
    assert Path(rows[1]["clip"]).stem == NAMES[1]
    with pytest.raises(ZeroDivisionError):
        main(["predict", str(clips / "clips"), *MODEL, "--debug"])
    monkeypatch.setattr(predict, "predict_clip", lambda *_: _raise(ClipError("a; b; c.")))
    assert predicted(capsys, clips / "clips", form)[0] == 2


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no clip is named; "),
        (["--names", "EMPTY"], "no clip is named; "),
        (["a.mp4", "--json", "--jsonl"], "--json and --jsonl are both given"),
        (["CLIPS", "--text", "hi"], "--text is of one clip, but there are 2; give one."),
    ],
)
def test_words_that_mean_no_batch_are_one_line_and_exit_2(capsys, clips, words, said):
    (clips / "list.txt").write_text("\n\n")
    given = {"EMPTY": clips / "list.txt", "CLIPS": clips / "clips"}
    code, lines, err = predicted(capsys, *(given.get(word, word) for word in words))
    assert code == 2 and lines == [] and err.startswith(f"emo: {said}")
    assert len(err.splitlines()) == 1
