"""Callbacks of a page whose parts are their own names, and a clip for it."""

import shutil
from dataclasses import fields
from pathlib import Path

import pytest

from demo import service
from demo.callbacks import AnswerCallbacks
from demo.explain_callbacks import ExplainCallbacks
from demo.first_map import FirstMapCallbacks
from demo.layout import Page
from demo.sessions import Sessions
from demo.settings import Limits
from emo_core.checkpoint import save_checkpoint
from tests.support.explained import checkpoint_of
from tests.support.predictions import write_people_clip


@pytest.fixture
def events(tmp_path, monkeypatch):
    """The callbacks of a clip's answer; the page's parts are their own names."""
    monkeypatch.setattr(service, "_PUBLIC", {})
    folder = tmp_path / "page"
    folder.mkdir()
    page = Page(**{field.name: field.name for field in fields(Page)})
    return AnswerCallbacks(page, Sessions(Limits(), folder))


@pytest.fixture
def explains(events):
    """The callbacks behind the answer, of the same page and visitors."""
    return ExplainCallbacks(events.page, events.visits)


@pytest.fixture
def first_maps(events):
    """What follows the answer by itself, of the same page and visitors."""
    return FirstMapCallbacks(events.page, events.visits)


@pytest.fixture(scope="session")
def people_clip(tmp_path_factory):
    return write_people_clip(tmp_path_factory.mktemp("clip") / "mine.mp4", 2.0)


@pytest.fixture
def clip(tmp_path, people_clip):
    """A clip of two seconds that is no shipped example."""
    return Path(shutil.copy(people_clip, tmp_path / "mine.mp4"))


@pytest.fixture
def predictions(monkeypatch):
    """Counts how often something is predicted."""
    made, real = [], service.predict_on_gpu

    def counted(*args, **more):
        made.append(args)
        return real(*args, **more)

    monkeypatch.setattr(service, "predict_on_gpu", counted)
    return made


@pytest.fixture
def systems(tmp_path, monkeypatch):
    """Untrained fe2e, mesm and jmt, as checkpoints."""
    for name, kind in (("mesm", "mesm-structured"), ("jmt", "jmt")):
        checkpoint, _ = checkpoint_of(kind)
        save_checkpoint(tmp_path / kind, checkpoint, f"# {kind}\n")
        monkeypatch.setenv(f"EMO_{name.upper()}", str(tmp_path / kind))
