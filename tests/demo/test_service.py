"""The app without a browser: what it says of odd clips, and what it keeps private."""

import ast
import asyncio
import json
from inspect import isgeneratorfunction
from pathlib import Path

import pytest
import torch

from demo import (
    components,
    service,
    upload_checks,
)
from demo.i18n import Words
from demo.sessions import Session
from emo_core.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, shipped_checkpoints
from emo_core.models.group import POCKET, Group
from emo_core.preprocess.sample import SampleConfig
from emo_core.schema import DEFAULT_MODEL
from emo_core.tasks import SingleLabel
from emo_core.viz import frames_used, timeline
from tests.support.page import EXAMPLES
from tests.support.predictions import LABELS, write_clip

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def model(tmp_path_factory):
    """The shipped checkpoint where there is one, else weights that were never trained."""
    name = DEFAULT_MODEL
    if DEFAULT_MODEL not in shipped_checkpoints():
        name = str(tmp_path_factory.mktemp("model") / "untrained")
        torch.manual_seed(0)
        untrained = Checkpoint(
            "untrained", Group(POCKET), "group", POCKET, SampleConfig(), SingleLabel()
        )
        save_checkpoint(Path(name), untrained, "# untrained\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMO_MODEL", name)
        yield name


def imports(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module for node in nodes if isinstance(node, ast.ImportFrom)}


PAGE = sorted((ROOT / "demo").glob("*.py"))
DRAWING = ("app", "layout", "callbacks", "first_map", "explain_callbacks", "api", "theme")


def test_layout_knows_no_torch_and_the_rest_no_gradio():
    for path in PAGE:
        names = {name.split(".")[0] for name in imports(path)}
        assert not names & {"torch", "torchaudio", "torchvision"}, path.name
        if path.stem not in DRAWING:
            assert not any(name.startswith("gradio") for name in names), path.name


@pytest.mark.parametrize(
    "path", [p for p in PAGE if p.stem != "explanations"], ids=lambda p: p.stem
)
def test_torch_is_loaded_only_when_asked(path):
    """The page is up before torch is imported, which takes seconds."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_top = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    at_top |= {a.name for node in tree.body if isinstance(node, ast.Import) for a in node.names}
    allowed = {
        "emo_core",
        "emo_core.clip",
        "emo_core.errors",
        "emo_core.schema",
        "emo_core.viz",
    }
    allowed |= {"emo_core.media.demux", "emo_core.messages"}
    own = {name for name in at_top if name and name.startswith("emo_core")}
    assert own <= allowed and "demo.explanations" not in at_top


def test_one_window_gives_an_answer_without_timeline(tmp_path):
    result = service.open_case(write_clip(tmp_path / "short.mp4", 2.0))
    assert len(result.prediction.timeline) == 1 and result.prediction.clip == "short.mp4"
    assert sum(result.prediction.probabilities.values()) == pytest.approx(1, abs=1e-5)
    chances = result.prediction.probabilities
    assert result.prediction.label == max(chances, key=chances.get)
    for image, caption in frames_used(
        result.prediction
    ):  # frame n is shown from n / 10 s and as grey as 4 n
        expected = 4 * round(10 * float(caption.removesuffix(" s")))
        assert abs(image.mean() - expected) < 6, caption
    assert dict(components.facts(result.prediction))["Picture"].startswith("64 × 48, 10 frames/s")
    assert dict(components.facts(result.prediction))["Sound"] == "mono, 16 kHz, aac"


def test_longer_clip_has_a_timeline_that_covers_it(tmp_path):
    result = service.open_case(write_clip(tmp_path / "long.mp4", 11.0))
    bar = timeline(result.prediction).data[0]
    assert sum(bar.width) == pytest.approx(11.0, abs=0.15)
    assert len(frames_used(result.prediction)) == 16


@pytest.mark.parametrize(("name", "picture"), [("silent.mp4", True), ("voice.wav", False)])
def test_what_a_clip_lacks_is_said_kindly(tmp_path, name, picture):
    result = service.open_case(write_clip(tmp_path / name, 2.0, picture, not picture))
    assert "there is no " in result.prediction.nobody.lower()


def test_json_is_that_of_the_command(tmp_path):
    document = service.answer_json(write_clip(tmp_path / "a.mp4", 2.0))
    assert list(document) == ["schema_version", "results", "errors"]
    assert document["schema_version"] == 1 and document["errors"] == []
    assert document["results"][0]["labels"] == list(LABELS)
    assert str(tmp_path) not in json.dumps(document, allow_nan=False)


def test_a_clip_that_gets_no_answer_gets_one_sentence(tmp_path, monkeypatch):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\x00" * 2000)
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    for path in (broken, empty, tmp_path / "missing.mp4", tmp_path):
        with pytest.raises(service.UserError) as caught:
            service.open_case(path)
        sentence = str(caught.value)
        assert "\n" not in sentence and str(tmp_path) not in sentence.removeprefix(str(path))
        assert path.name in sentence
        assert service.answer_json(path)["errors"] == [{"clip": path.name, "error": sentence}]


def test_too_large_and_too_long_are_refused_before_decoding(tmp_path, monkeypatch):
    monkeypatch.setattr(service, "predict_on_gpu", lambda *_: pytest.fail("decoding was reached"))
    huge = tmp_path / "huge.mp4"
    with huge.open("wb") as file:
        file.truncate(60 << 20)  # sparse: takes no room
    with pytest.raises(service.UserError, match=r"huge.mp4 has 60 MB; .* up to 50 MB"):
        service.open_case(huge)
    clip = write_clip(tmp_path / "clip.mp4", 2.0)
    monkeypatch.setattr(upload_checks, "MOST_PIXELS", 64 * 48 - 1)
    with pytest.raises(service.UserError, match="frames of 64 × 48"):
        service.open_case(clip)
    monkeypatch.setattr(upload_checks, "MOST_MINUTES", 0.01)
    with pytest.raises(service.UserError, match="minutes long"):
        service.open_case(clip)


def test_a_missing_model_is_said_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("EMO_MODEL", "no-such-model")
    service.preload_model().join(300)  # must not raise in its thread
    with pytest.raises(service.UserError, match="no-such-model"):
        service.open_case(write_clip(tmp_path / "a.mp4", 1.0))


def test_an_empty_choice_of_model_is_the_default(monkeypatch):
    example = next(upload_checks.EXAMPLES.glob("*.mp4"))
    monkeypatch.setenv("EMO_MODEL", "")
    assert service.default_model() == DEFAULT_MODEL
    assert service.model_for(example) == service.DRAWN_MODEL


def test_a_checkpoint_without_a_card_says_so(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert "has no readable card.md" in service.card_text(str(tmp_path))
    (tmp_path / "card.md").write_bytes(b"\xff")
    assert "has no readable card.md" in service.card_text(str(tmp_path))
    (tmp_path / "card.md").write_text("# Name\nWhat it is.")
    assert service.card_text(str(tmp_path)) == "What it is."


@pytest.fixture(scope="module")
def app():
    made, make = [], asyncio.new_event_loop

    def recorded():
        made.append(make())
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "new_event_loop", recorded)
        from demo import app

        yield app
    asyncio.set_event_loop(None)
    for loop in made:  # gradio leaves each of them open, which is a warning, thus an error
        loop.close()


def test_page_is_built_with_two_public_endpoints_and_no_statistics(app):
    demo = app.build_demo()
    assert not demo.analytics_enabled
    assert sum(demo.delete_cache) <= 3600, "clips must be gone within the hour, as the page says"
    public = [fn.api_name for fn in demo.fns.values() if fn.api_visibility == "public"]
    assert public == ["predict", "explain"]


def test_gradio_holds_nothing_back_that_waits_for_its_turn(app):
    """Turns are our own queue's; gradio's would hold up to one job of each kind before it."""
    demo = app.build_demo()
    works = {"give", "again", "explain", "check", "keep", "change", "first_map", "play", "swap"}
    works |= {"predict", "fetch", "systems"}
    found = [fn for fn in demo.fns.values() if getattr(fn.fn, "__name__", "") in works]
    assert {fn.fn.__name__ for fn in found} == works
    assert {fn.concurrency_limit for fn in found} == {None} and all(fn.queue for fn in found)
    say = [fn.fn for fn in found if fn.api_visibility != "public"]
    assert all(isgeneratorfunction(it) for it in say), "gradio would wait for the last word"
    assert demo._queue.max_size and not demo.api_open


def test_what_a_visitor_wrote_is_never_markup(tmp_path):
    result = service.open_case(write_clip(tmp_path / "<b>.mp4", 2.0))
    words = Words("en")
    for shown in (
        components.answer_html(words, result.prediction),
        components.fact_table(words, components.facts(result.prediction)),
    ):
        assert "&lt;b&gt;.mp4" in shown and "<b>" not in shown
    assert "&lt;i&gt;" in components.state(words, "trouble", "trouble", "<i>")
    frames = frames_used(result.prediction)
    grid = components.frame_gallery(words, frames)
    assert grid.count("<img") == grid.count("data-seek=") == len(frames) >= 3


def test_what_a_visitor_wrote_about_an_example_is_theirs_alone(monkeypatch):
    monkeypatch.setattr(service, "_PUBLIC", {})
    monkeypatch.setattr(service, "_new_clip_session", lambda clip, *_: clip)
    visit, most = Session(), service.MOST_LETTERS
    for text in (None, "my secret", "x" * (most + 1), "x" * (most + 2)):
        clip = service.open_case(EXAMPLES[0], visit, text=text)
        assert clip.text == (text and text[:most])
    assert [key[2] for key in service._PUBLIC] == [None]
    assert [key[2] for key in visit.cases] == ["my secret", "x" * most]


def test_the_default_model_learned_from_real_people():
    assert load_checkpoint(DEFAULT_MODEL).training["corpus"] == "collage"


def test_the_page_says_how_many_faces_were_found_and_where_nobody_is(tmp_path):
    (example,) = [path for path in EXAMPLES if Path(path).stem == "both_positive"]
    said = dict(components.facts(service.open_case(example).prediction))["Faces"]
    assert said.endswith("at most, in one of 4 frames") and int(said.split(",")[0]) >= 2
    nobody = service.open_case(write_clip(tmp_path / "grey.mp4", 2.0))  # grey, with a tone
    assert dict(components.facts(nobody.prediction))["Faces"].startswith("none in ")
    card = components.answer_html(Words("de"), nobody.prediction)
    assert "Niemand zu erkennen" in card and 'class="bars"' not in card and "kein Gesicht" in card
    heard = service.open_case(write_clip(tmp_path / "tone.mp4", 2.0, picture=False))
    assert dict(components.facts(heard.prediction))["Faces"] == "none"
