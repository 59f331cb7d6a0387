"""A DATA.md: read, refused where it says too little, carried from sources to cards and answers."""

import json
import shutil

import pytest

from emo_core.checkpoint import (
    CONFIG,
    SHIPPED,
    WEIGHTS,
    CheckpointError,
    load_checkpoint,
    save_checkpoint,
)
from emo_core.cli.main import main
from emo_core.corpora import read_corpus
from emo_core.data.corpus import CorpusError
from emo_core.data.statement import (
    HEADINGS,
    NOT_STATED,
    STATEMENT,
    held_out_groups,
    parse_statement,
    statement_text,
)
from emo_core.synthetic.composed.sources import read_sources
from emo_core.synthetic.composed.utterances import read_speakers
from emo_core.synthetic.composed.writer import make_collage
from tests.support.clip_folders import folder_of
from tests.synthetic.test_composed import make_sources

FULL = "# Data\n\n" + "".join(f"## {heading}\n\nthe {heading}.\n\n" for heading in HEADINGS)


def test_a_template_asks_and_a_question_is_no_answer(tmp_path, capsys):
    root = folder_of(tmp_path, "file,label\na.mp4,x\nb.mp4,y\n", "a.mp4", "b.mp4")
    assert main(["data", "template", str(root)]) == 0
    text = statement_text(root)
    assert "2 clips of 2 sources; labels: x, y." in text and text.count("<!--") == len(HEADINGS)
    with pytest.raises(CorpusError, match="says nothing under Warning, Label, Sources"):
        parse_statement(text)
    for number in range(len(HEADINGS)):
        text = text.replace("<!--", f"Answer {number}. <!--", 1).replace("<!-- ", "<! ", 1)
    assert parse_statement(text.replace("<! ", "<!-- ")).licence == "Answer 4."
    assert main(["data", "template", str(root)]) == 2
    assert "exists already; expected to write a new one" in capsys.readouterr().err


def test_every_heading_is_a_field():
    found = parse_statement(FULL)
    assert found is not None and found.warning == "the Warning." and found.sources == "the Sources."
    assert parse_statement(" \n") is None


@pytest.mark.parametrize("heading", HEADINGS)
def test_a_missing_or_empty_heading_is_named(heading):
    for text in (
        FULL.replace(f"## {heading}\n", "## Something\n"),
        FULL.replace(f"the {heading}.\n", ""),
    ):
        with pytest.raises(CorpusError, match=f"mine/DATA.md says nothing under {heading};"):
            parse_statement(text, "mine/DATA.md")


def test_a_warning_is_one_line():
    with pytest.raises(CorpusError, match="several lines"):
        parse_statement(FULL.replace("the Warning.", "One.\n\nTwo."))


def test_a_folder_without_one_says_nothing_and_bytes_are_refused(tmp_path):
    assert statement_text(tmp_path) == ""
    (tmp_path / STATEMENT).write_bytes(b"\xff\xfe\x00pictures")
    with pytest.raises(CorpusError, match=f"{STATEMENT} can't be read as text"):
        statement_text(tmp_path)
    (tmp_path / STATEMENT).write_bytes(FULL.removeprefix("# Data\n\n").encode("utf-8-sig"))
    assert parse_statement(statement_text(tmp_path))  # an editor's byte-order mark is no text
    (tmp_path / STATEMENT).unlink()
    (tmp_path / STATEMENT).mkdir()
    with pytest.raises(CorpusError, match="can't be read as text"):
        statement_text(tmp_path)


def test_speakers_named_in_it_are_kept_for_test_and_others_are_not(tmp_path):
    root = make_sources(tmp_path / "sources").resolve()
    before = {part.group: part.split for part in read_sources(root).items}
    learnt = [f"made/{n}" for n in range(8) if before[f"made/{n}"] == "train"][:2]
    lines = "".join(f"- {name}\n" for name in learnt)
    (root / STATEMENT).write_text(f"{FULL}## Held out for test\n\n{lines}", encoding="utf-8")
    assert held_out_groups(statement_text(root)) == set(learnt)
    read_sources.cache_clear()
    now = {part.group: part.split for part in read_sources(root).items}
    assert all(now[name] == "test" for name in learnt)
    read_sources.cache_clear()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("- made/99", "DATA.md holds out made/99, of whom"),
        ("- made/ 1", "DATA.md holds out made/ 1, of whom"),
        ("made/1", "has the line 'made/1' under '## Held out for test'"),
    ],
)
def test_a_speaker_who_cannot_be_held_out_is_named(line, message, tmp_path, capsys):
    root = make_sources(tmp_path / "sources")
    (root / STATEMENT).write_text(f"{FULL}## Held out for test\n\n{line}\n", encoding="utf-8")
    out = tmp_path / "out"
    words = ["--sources", str(root), "--train", "0", "--val", "1", "--test", "0"]
    assert main(["data", "make", "collage", str(out), *words]) == 2
    said = capsys.readouterr().err.strip()
    assert message in said and "\n" not in said and not out.exists()


def test_a_bad_one_of_the_sources_stops_before_a_clip_is_made(tmp_path, capsys):
    root = make_sources(tmp_path / "sources")
    (root / STATEMENT).write_text("## Warning\n\nBeware.\n", encoding="utf-8")
    assert main(["data", "make", "collage", str(tmp_path / "out"), "--sources", str(root)]) == 2
    assert "sources/DATA.md says nothing under Label" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_that_is_written_again_keeps_no_statement_of_other_data(tmp_path):
    checkpoint = load_checkpoint("group-staged")
    save_checkpoint(tmp_path, checkpoint, "card", FULL)
    assert (tmp_path / STATEMENT).read_text(encoding="utf-8") == FULL
    save_checkpoint(tmp_path, checkpoint, "card")
    assert not (tmp_path / STATEMENT).exists()


@pytest.mark.real_data
def test_recordings_beside_the_checkout_get_a_statement_and_sentences(real_sources):
    text = statement_text(real_sources)
    assert parse_statement(text) and held_out_groups(text) == {
        "ravdess/1",
        "ravdess/6",
        "ravdess/14",
    }
    said = {part.text for part in read_speakers(real_sources).items if part.kind == "voice"}
    assert len(said) == 12 and "Dogs are sitting by the door." in said and "" not in said


def test_it_lies_with_the_clips_that_are_made_of_the_sources(tmp_path, drawn):
    root = make_sources(tmp_path / "sources")
    make_collage(tmp_path / "plain", root, 0, 1, 0, seed=0, workers=1)
    assert not (tmp_path / "plain" / STATEMENT).exists()
    (root / STATEMENT).write_text(FULL, encoding="utf-8")
    make_collage(tmp_path / "stated", root, 0, 1, 0, seed=0, workers=1)
    assert (tmp_path / "stated" / STATEMENT).read_text(encoding="utf-8") == FULL
    read_corpus("collage", tmp_path / "stated")
    assert "only ever seen drawings" in (drawn / STATEMENT).read_text(encoding="utf-8")


def test_a_bad_one_stops_a_training_before_anything_is_decoded(tmp_path, drawn, capsys):
    data = tmp_path / "data"
    shutil.copytree(drawn, data)
    (data / STATEMENT).write_text("## Warning\n\nBeware.\n", encoding="utf-8")
    words = ["--data", str(data), "--out", str(tmp_path / "run"), "--set", "synthetic_scenes=0"]
    assert main(["train", "group-vgaf-pocket", *words]) == 2
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0 and "data/DATA.md says nothing under Label" in said
    assert not (tmp_path / "run").exists(), "nothing was learnt: the folder is given back"


@pytest.mark.parametrize("corpus", ["collage", "utterances"])
def test_no_folder_of_ours_is_a_default(corpus, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("EMO_DATA", raising=False)
    assert main(["data", "make", corpus, str(tmp_path / "out")]) == 2
    assert "give --sources DIR, or set EMO_DATA." in capsys.readouterr().err
    monkeypatch.setenv("EMO_DATA", str(tmp_path / "nowhere"))
    assert main(["data", "make", corpus, str(tmp_path / "out")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_checkpoint_whose_statement_has_no_warning_is_refused(tmp_path):
    shutil.copytree(SHIPPED / "group-staged", tmp_path / "mine")
    path = tmp_path / "mine" / CONFIG
    config = json.loads(path.read_text(encoding="utf-8"))
    assert (tmp_path / "mine" / WEIGHTS).is_file()
    for stated, refused in ((None, False), ([1], True), ({"label": "x"}, True)):
        config["training"]["data_statement"] = stated
        path.write_text(json.dumps(config), encoding="utf-8")
        if refused:
            with pytest.raises(CheckpointError, match="data_statement has no warning"):
                load_checkpoint(tmp_path / "mine")
        else:
            assert load_checkpoint(tmp_path / "mine").data_warning == NOT_STATED
