"""A small IEMOCAP in the published format, both layouts, and the faults it may have."""

import json
import shutil
import wave
from pathlib import Path

import cv2
import numpy as np
import pytest

from emo_core.clip import ClipError
from emo_core.corpora import read_corpus
from emo_core.data.cache import Cache
from emo_core.data.checks import check_corpus
from emo_core.data.corpus import CorpusError, corpus_summary, refuse_leaks
from emo_core.data.dataset import corpus_windows
from emo_core.data.iemocap import read_transcription
from emo_core.data.iemocap_split_screen import read_channel, side_of
from emo_core.preprocess.sample import SampleConfig
from tests.support import media_files as media

RED, BLUE = (200, 40, 40), (50, 60, 200)
CONFIG = SampleConfig(frames=2, width=36, height=48, window_s=2.0, text_length=20)


def halves(_: int, width: int, height: int) -> np.ndarray:
    """The left actor is red, the right one is blue."""
    image = np.empty((height, width, 3), np.uint8)
    image[:, : width // 2], image[:, width // 2 :] = RED, BLUE
    return image


def write_stereo(path: Path, seconds: float, left_hz: float, right_hz: float) -> None:
    clock = np.arange(round(seconds * 16_000)) / 16_000
    tones = np.stack([np.sin(2 * np.pi * hz * clock) for hz in (left_hz, right_hz)], 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((tones * 16_000).astype("<i2").tobytes())


def evaluation(rows: list[tuple[float, float, str, str]], end: str = "\n") -> bytes:
    """An EmoEvaluation file: a head, and for every utterance its line and its raters' lines."""
    lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
    for start_s, end_s, name, label in rows:
        lines += [
            f"[{start_s:.4f} - {end_s:.4f}]\t{name}\t{label}\t[2.5000, 2.5000, 2.5000]",
            "C-E2:\tNeutral;\t()",
            "A-E3:\tval 3; act 2; dom  2;\t()",
            "",
        ]
    return end.join(lines).encode()


TRUTH = {  # session -> dialogue -> utterances
    1: {"Ses01F_impro01": [("F000", "neu", "Excuse me."), ("M000", "fru", "He said: no: never.")]},
    2: {"Ses02M_script01_1": [("F000", "ang", "What?"), ("M000", "xxx", "Hm.")]},
    3: {"Ses03F_impro02": [("F001", "hap", "Ha.")]},
    4: {"Ses04M_impro03": [("M000", "exc", "Yes!")]},
    5: {"Ses05F_impro04": [("F000", "sad", "Oh."), ("M000", "neu", "Well.")]},
}


def make_release(root: Path, end: str = "\n") -> Path:
    """Five sessions of one dialogue of 4 s; utterances of 1 s each."""
    for session, dialogues in TRUTH.items():
        for dialogue, turns in dialogues.items():
            folder = root / f"Session{session}" / "dialog"
            for name in ("EmoEvaluation", "transcriptions", "avi/DivX"):
                (folder / name).mkdir(parents=True)
            rows = [
                (i, i + 1, f"{dialogue}_{turn}", label) for i, (turn, label, _) in enumerate(turns)
            ]
            (folder / "EmoEvaluation" / f"{dialogue}.txt").write_bytes(evaluation(rows, end))
            (folder / "EmoEvaluation" / f"._{dialogue}.txt").write_bytes(b"\x00\x05\x16\x07\xff")
            said = [
                f"{dialogue}_{turn} [{i:08.4f}-{i + 1:08.4f}]: {text}"
                for i, (turn, _, text) in enumerate(turns)
            ]
            said += ["M: [BREATHING]", f"{dialogue}_MXX0 [003.0000-003.5000]: Mhm."]
            (folder / "transcriptions" / f"{dialogue}.txt").write_bytes(end.join(said).encode())
            media.write(
                folder / "avi" / "DivX" / f"{dialogue}.avi",
                media.Picture(
                    media.regular(100 + session), codec="mpeg4", size=(144, 96), draw=halves
                ),
                container_format="avi",
            )
            write_stereo(folder / "wav" / f"{dialogue}.wav", 4.0, 440.0, 1760.0)
    return root


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return make_release(tmp_path_factory.mktemp("corpora") / "IEMOCAP_full_release")


@pytest.fixture
def tree(tmp_path, made) -> Path:
    return Path(shutil.copytree(made, tmp_path / made.name))


def utterance(corpus, name):
    return next(item for item in corpus.items if item.name == name)


def test_the_release_is_read_by_session_with_its_transcripts(made):
    corpus = refuse_leaks(read_corpus("iemocap", made))
    assert corpus.problems == ()
    report = corpus_summary(corpus)["splits"]
    assert {s: (p["clips"], p["groups"]) for s, p in report.items()} == {
        "train": (4, 3),
        "val": (1, 1),
        "test": (2, 1),
    }
    assert report["train"]["labels"] == {
        "ang": 1,
        "exc": 0,
        "fru": 1,
        "hap": 1,
        "neu": 1,
        "sad": 0,
    }
    item = utterance(corpus, "Ses01F_impro01_M000")
    assert (item.label, item.text, item.span_s) == ("fru", "He said: no: never.", (1.0, 2.0))
    assert any("1 xxx" in note for note in corpus.notes)
    assert any("ang has 1 utterances; the published set has 1103" in n for n in corpus.notes)


def test_windows_and_dotfiles_do_not_matter(tmp_path, made):
    other = make_release(tmp_path / "crlf", end="\r\n")
    path = other / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    plain, crlf = (read_corpus("iemocap", root) for root in (made, other))
    assert crlf.problems == ()
    assert [(i.name, i.label, i.text, i.span_s) for i in plain.items] == [
        (i.name, i.label, i.text, i.span_s) for i in crlf.items
    ]


def test_the_checkup_of_a_clean_tree_finds_nothing(made):
    report = check_corpus(read_corpus("iemocap", made))
    assert report["problems"] == report["undecodable"] == []
    assert report["silent"] == report["no_sound"] == []  # the videos are mute, the wavs are not


def test_an_actor_without_a_sound_is_silent_whatever_the_other_says(tree):
    sound = tree / "Session1/dialog/wav/Ses01F_impro01.wav"
    with wave.open(str(sound), "wb") as file:
        file.setparams((2, 2, 16_000, 0, "NONE", ""))
        file.writeframes(np.tile(np.array([9_000, 0, -9_000, 0], "<i2"), 32_000).tobytes())
    report = check_corpus(read_corpus("iemocap", tree))
    assert report["silent"] == ["Ses01F_impro01_M000"]


@pytest.mark.parametrize(
    "name,side",
    [
        ("Ses01F_impro05_F019", 0),
        ("Ses01F_impro05_M019", 1),
        ("Ses02M_script01_1_M003", 0),
        ("Ses02M_script01_1b_F000", 1),
    ],
)
def test_left_is_the_actor_whom_the_dialogue_is_named_for(name, side):
    assert side_of(name) == side


def strongest_hz(sound: np.ndarray, rate: int) -> float:
    return float(np.abs(np.fft.rfft(sound)).argmax() * rate / len(sound))


@pytest.mark.parametrize(
    "name,colour,tone_hz",
    [
        ("Ses01F_impro01_F000", RED, 440),
        ("Ses01F_impro01_M000", BLUE, 1760),
        ("Ses02M_script01_1_F000", BLUE, 1760),
    ],
)
def test_a_window_holds_the_speakers_half_and_channel(made, tmp_path, name, colour, tone_hz):
    corpus = read_corpus("iemocap", made)
    (window,) = corpus_windows(corpus, [utterance(corpus, name)], corpus.labels.index)
    decoded = window.decode(CONFIG)
    assert np.abs(decoded.pixels[0].reshape(-1, 3).mean(0) - colour).max() < 25
    heard = decoded.wave[: round(decoded.audio_s * 16_000)]
    assert decoded.audio_s == pytest.approx(1.0) and heard.std() > 5_000
    assert abs(strongest_hz(heard, 16_000) - tone_hz) < 5
    assert decoded.text == utterance(corpus, name).text
    assert window.target == corpus.labels.index(utterance(corpus, name).label)
    others = {
        w.key(Cache(CONFIG, tmp_path))
        for w in corpus_windows(corpus, corpus.items, corpus.labels.index)
    }
    assert len(others) == 7 and window.key(Cache(CONFIG, tmp_path)) in others


def test_a_channel_is_resampled_placed_and_ends_in_silence(tmp_path):
    write_stereo(tmp_path / "a.wav", 2.0, 440.0, 1760.0)
    sound = read_channel(tmp_path / "a.wav", 1, 32_000, 1.5, 3.0)
    assert len(sound) == 48_000 and np.abs(sound[16_200:]).max() == 0
    assert abs(strongest_hz(sound[:16_000], 32_000) - 1760) < 5
    clock = 1.5 + np.arange(16_000) / 32_000
    expected = 16_000 / 32_768 * np.sin(2 * np.pi * 1760 * clock)
    assert np.abs(sound[200:15_000] - expected[200:15_000]).max() < 0.01


def test_a_recording_cut_off_before_an_utterance_is_silent(tree):
    sound = tree / "Session1/dialog/wav/Ses01F_impro01.wav"
    write_stereo(sound, 0.5, 440.0, 1760.0)
    report = check_corpus(read_corpus("iemocap", tree))
    assert report["silent"] == ["Ses01F_impro01_M000"]
    assert not read_channel(sound, 0, 8_000, 1.0, 2.0).any()


def test_a_colon_in_the_transcript_stays(made):
    folder = made / "Session1/dialog/transcriptions"
    assert read_transcription(folder / "Ses01F_impro01.txt") == {
        "Ses01F_impro01_F000": "Excuse me.",
        "Ses01F_impro01_M000": "He said: no: never.",
        "Ses01F_impro01_MXX0": "Mhm.",
    }


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


DIALOG = "Session1/dialog"
SHEET = f"{DIALOG}/EmoEvaluation/Ses01F_impro01.txt"
VIDEO = f"{DIALOG}/avi/DivX/Ses01F_impro01.avi"
LINE = "[1.0000 - 2.0000]\tSes01F_impro01_M000\tfru\t[2.5000, 2.5000, 2.5000]"
FAULTS = {
    "label": lambda tree: changed(tree / SHEET, "\tfru\t", "\tjoy\t"),
    "line": lambda tree: changed(tree / SHEET, "[1.0000 - 2.0000]\t", "[1.0000 - 2.0000] "),
    "backwards": lambda tree: changed(tree / SHEET, "[1.0000 - 2.0000]", "[2.0000 - 1.0000]"),
    "moment": lambda tree: changed(tree / SHEET, "[1.0000 - 2.0000]", "[1.0000 - 1.0000]"),
    "name": lambda tree: changed(tree / SHEET, "impro01_M000", "impro01_"),
    "again": lambda tree: changed(tree / SHEET, LINE, f"{LINE}\n{LINE.replace('fru', 'sad')}"),
    "binary": lambda tree: (tree / SHEET).write_bytes(bytes(range(128, 256))),
    "session": lambda tree: shutil.rmtree(tree / "Session3"),
    "video": lambda tree: (tree / VIDEO).unlink(),
    "cut": lambda tree: (tree / VIDEO).write_bytes((tree / VIDEO).read_bytes()[:300]),
    "end": lambda tree: changed(tree / SHEET, "[1.0000 - 2.0000]", "[61.0000 - 62.0000]"),
    "words": lambda tree: (tree / DIALOG / "transcriptions/Ses01F_impro01.txt").unlink(),
}


@pytest.mark.parametrize(
    "what,words,left",
    [
        ("label", ["line 7", "Ses01F_impro01_M000", "'joy'", "ang, exc"], 6),
        ("line", ["line 7", "between tabs"], 6),
        ("backwards", ["line 7", "Ses01F_impro01_M000", "from 2.0000 to 1.0000 s"], 6),
        ("moment", ["line 7", "Ses01F_impro01_M000", "from 1.0000 to 1.0000 s"], 6),
        ("name", ["line 7", "'Ses01F_impro01_'", "who speaks"], 6),
        ("again", ["line 8", "Ses01F_impro01_M000 has two lines that differ"], 6),
        ("binary", ["Session1", "Ses01F_impro01.txt", "not a text file"], 5),
        ("session", ["Session3 is missing", "train"], 6),
        ("video", ["Ses01F_impro01.avi is missing", "left out (2)"], 5),
        ("cut", ["Ses01F_impro01_F000", "Ses01F_impro01.avi"], 7),
        ("end", ["Ses01F_impro01_M000", "61.0 to 62.0 s", "ends at 4.0 s"], 7),
        ("words", ["Ses01F_impro01.txt is missing", "transcriptions"], 7),
    ],
)
def test_each_fault_is_named_and_costs_no_more_than_it_must(tree, what, words, left):
    FAULTS[what](tree)
    corpus = read_corpus("iemocap", tree)
    assert len(corpus.items) == left
    report = check_corpus(corpus)
    assert any(all(word in problem for word in words) for problem in report["problems"])
    assert all(p.endswith(".") and "\n" not in p for p in report["problems"])


def test_an_utterance_after_the_end_of_its_dialogue_is_never_decoded(tree):
    FAULTS["end"](tree)
    corpus = read_corpus("iemocap", tree)
    item = utterance(corpus, "Ses01F_impro01_M000")
    (window,) = corpus_windows(corpus, [item], corpus.labels.index)
    with pytest.raises(ClipError, match=r"from 61.0 to 62.0 s, but Ses01F_impro01.avi ends"):
        window.decode(CONFIG)


def test_without_its_wav_a_dialogue_is_heard_as_the_mono_mix_and_says_so(tree):
    (tree / "Session1/dialog/wav/Ses01F_impro01.wav").unlink()
    notes = read_corpus("iemocap", tree).notes
    assert any("Dialogues without a stereo wav file (Ses01F_impro01)" in note for note in notes)


def write_published(root: Path, splits: dict[str, list[str]]) -> None:
    (root / "IEMOCAP_SPLIT").mkdir()
    for name, ids in splits.items():
        (root / "IEMOCAP_SPLIT" / f"{name}_split.txt").write_text("\n".join(ids))


def test_the_published_split_is_read_and_its_leak_is_named(tree):
    write_published(
        tree,
        {
            "train": ["Ses01F_impro01_F000", "Ses05F_impro04_F000", "Ses03F_impro02_F001"],
            "valid": ["Ses04M_impro03_M000"],
            "test": ["Ses01F_impro01_M000", "Ses05F_impro04_M000", "Ses09F_none_F000"],
        },
    )
    corpus = refuse_leaks(read_corpus("iemocap-published", tree))  # let through, but said
    assert {i.name: i.split for i in corpus.items}["Ses05F_impro04_F000"] == "train"
    assert any("2 of 4 dialogues" in note and "too good" in note for note in corpus.notes)
    assert any("Ses09F_none_F000" in problem for problem in corpus.problems)
    assert not any("expected every source" in p for p in check_corpus(corpus)["problems"])


def test_an_id_in_two_published_splits_is_named(tree):
    twice = "Ses01F_impro01_F000"
    write_published(tree, {"train": [twice], "valid": ["Ses04M_impro03_M000"], "test": [twice]})
    corpus = read_corpus("iemocap-published", tree)
    assert any(twice in p and "train and test" in p for p in corpus.problems)
    assert [i.split for i in corpus.items if i.name == twice] == ["train"]


def make_processed(root: Path) -> Path:
    """The layout of the official loader: 30 pictures and the sounds of one utterance each."""
    folder = root / "IEMOCAP_RAW_PROCESSED"
    meta = {}
    for name, label in (("Ses01F_impro01_M000", "fru"), ("Ses05F_impro04_F000", "sad")):
        place = folder / "_".join(name.split("_")[:2]) / name
        place.mkdir(parents=True)
        for side, colour in (("L", RED), ("R", BLUE)):
            for i in range(30):
                image = np.full((224, 224, 3), colour[::-1], np.uint8)
                image[:, : 7 * i] = 255
                cv2.imwrite(str(place / f"image_{side}_{i}.jpg"), image)
            write_stereo(place / f"audio_{side}.wav", 1.0, 440.0, 440.0)
        write_stereo(place / "audio.wav", 1.0, 440.0, 1760.0)
        meta[name] = {
            "start_time": 1.0,
            "end_time": 2.0,
            "label": label,
            "text": "So: yes.",
            "sr": 16_000,
            "fps": 29.97,
        }
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def test_the_processed_layout_is_read_from_json(tmp_path):
    folder = make_processed(tmp_path)
    for root in (folder, tmp_path):
        corpus = refuse_leaks(read_corpus("iemocap", root))
        assert [(i.name, i.label, i.split, i.text) for i in corpus.items] == [
            ("Ses01F_impro01_M000", "fru", "train", "So: yes."),
            ("Ses05F_impro04_F000", "sad", "test", "So: yes."),
        ]
    report = check_corpus(corpus)
    assert report["problems"] == [] and report["no_sound"] == []
    (window,) = corpus_windows(corpus, corpus.items[:1], corpus.labels.index)
    decoded = window.decode(SampleConfig(frames=4, width=56, height=56, window_s=1.0))
    colours = decoded.pixels[:, :, -5:].mean((1, 2))
    assert np.abs(colours - BLUE).max() < 25  # the right actor
    white = (decoded.pixels[:, 28].min(-1) > 220).sum(-1)  # grows by 7 of 224 a picture
    assert np.abs(white - np.array([3, 11, 18, 26]) * 7 * 56 / 224).max() <= 2


def test_a_processed_name_that_does_not_say_who_speaks_is_named(tmp_path):
    folder = make_processed(tmp_path)
    meta = json.loads((folder / "meta.json").read_text())
    meta["Ses01F_impro01_"] = meta["Ses01F_impro01_M000"]
    (folder / "meta.json").write_text(json.dumps(meta))
    (folder / "Ses01F_impro01/Ses01F_impro01_").mkdir()
    corpus = read_corpus("iemocap", folder)
    assert len(corpus.items) == 2
    assert any("'Ses01F_impro01_'" in p and "who speaks" in p for p in corpus.problems)


def test_a_pickle_is_never_opened(tmp_path):
    folder = make_processed(tmp_path)
    (folder / "meta.json").unlink()
    (folder / "meta.pkl").write_bytes(b"cos\nsystem\n(S'touch opened'\ntR.")
    with pytest.raises(CorpusError, match=r"pickle.*meta\.json"):
        read_corpus("iemocap", folder)
    assert not Path("opened").exists()


@pytest.mark.parametrize("name", ["iemocap", "iemocap-published"])
def test_a_folder_without_sessions_is_one_sentence(tmp_path, name):
    with pytest.raises(CorpusError, match="Session1 to Session5"):
        read_corpus(name, tmp_path)


def test_the_speakers_of_another_session_never_get_into_this_one(tree):
    shutil.rmtree(tree / "Session1")
    shutil.copytree(tree / "Session5", tree / "Session1")
    corpus = read_corpus("iemocap", tree)
    assert {(i.split, i.group) for i in corpus.items if i.name.startswith("Ses05")} == {
        ("test", "Session5")
    }
    (problem,) = corpus.problems
    assert problem.startswith("Session1 holds Ses05F_impro04.txt; expected names") and (
        "Ses01" in problem
    )


def test_a_copy_of_a_dialogue_counts_no_utterance_twice(tree):
    folder = tree / "Session1/dialog"
    for path in [p for p in folder.rglob("Ses01F_impro01.*") if p.is_file()]:
        shutil.copy(path, path.with_stem(f"{path.stem} (1)"))
    corpus = read_corpus("iemocap", tree)
    names = [item.name for item in corpus.items]
    assert len(names) == len(set(names)) == 7
    assert sum("is of another dialogue" in problem for problem in corpus.problems) == 2


def test_a_session_without_labels_is_named(tree):
    shutil.rmtree(tree / "Session3/dialog/EmoEvaluation")
    (problem,) = read_corpus("iemocap", tree).problems
    assert problem.startswith("Session3 has no labels; expected dialog/EmoEvaluation/Ses03F")


def test_capitals_of_sessions_and_endings_do_not_matter(tree):
    folder = tree / "Session1/dialog"
    for path in (folder / "avi/DivX/Ses01F_impro01.avi", folder / "wav/Ses01F_impro01.wav"):
        path.rename(path.with_suffix(path.suffix.upper()))
    (tree / "Session1").rename(tree / "session1")
    corpus = read_corpus("iemocap", tree)
    assert corpus.problems == () and len(corpus.items) == 7
    assert not any("stereo wav" in note for note in corpus.notes)
    item = utterance(corpus, "Ses01F_impro01_M000")
    (window,) = corpus_windows(corpus, [item], corpus.labels.index)
    assert item.group == "Session1" and window.decode(CONFIG).audio_s > 0.9


@pytest.mark.parametrize("label", [["fru"], 3, float("nan")])
def test_what_is_no_label_in_meta_json_is_named(tmp_path, label):
    folder = make_processed(tmp_path)
    meta = json.loads((folder / "meta.json").read_text())
    meta["Ses01F_impro01_M000"] |= {"label": label}
    meta["Ses05F_impro04_F000"] |= {"text": float("nan")}
    (folder / "meta.json").write_text(json.dumps(meta))
    corpus = read_corpus("iemocap", folder)
    assert [(i.name, i.text) for i in corpus.items] == [("Ses05F_impro04_F000", "")]
    assert "Ses01F_impro01_M000 has the unknown label" in corpus.problems[0]
