"""Who is here, how often they may ask, what is left when they go; switches, words, lent cards."""

import os
import pickle
import sys
import time
import types
from pathlib import Path
from string import Formatter
from threading import Event

import pytest

from demo import (
    i18n,
    settings,
    zero_gpu,
)
from demo.sessions import MOST_CASES, Rate, Sessions
from demo.settings import BusyError, LimitError, Limits
from tests.support.serving import PATIENCE_S

ROOT = Path(__file__).parents[2]


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_one_too_many_in_a_minute_is_refused_and_a_minute_later_is_not():
    clock = Clock()
    rate = Rate(3, clock)
    for clock.now_s in (0.0, 10.0, 20.0):
        rate.take("a")
    with pytest.raises(BusyError, match="more than 3 .* again in 40 s"):
        rate.take("a")
    rate.take("b")  # somebody else
    clock.now_s = 60.5
    rate.take("a")
    with pytest.raises(BusyError):
        rate.take("a")
    clock.now_s = 200.0
    rate.forget()
    assert not rate.times, "who has gone is not remembered"


def test_many_sessions_of_one_address_are_bounded_together(tmp_path):
    visits = Sessions(Limits(jobs_a_minute=2, jobs_of_address=5), tmp_path)
    for session in ("a", "b"):
        visits.count(session, "1.2.3.4"), visits.count(session, "1.2.3.4")
    with pytest.raises(BusyError):
        visits.count("a", "1.2.3.4")
    with pytest.raises(BusyError):
        visits.count("new", "1.2.3.4")
    visits.count("new", "5.6.7.8")


def given(folder: Path, name: str) -> Path:
    path = folder / name / "clip.mp4"
    path.parent.mkdir()
    path.write_bytes(b"x")
    return path


def test_leaving_deletes_what_was_given_and_stops_what_runs(tmp_path):
    visits = Sessions(Limits(), tmp_path)
    mine, shared, other = (given(tmp_path, name) for name in ("mine", "shared", "other"))
    one, two = visits.of("one"), visits.of("two")
    one.files |= {mine, shared}
    two.files |= {shared, other}
    go_on = Event()
    jobs = [visits.enter(lambda job: go_on.wait(PATIENCE_S), s, "1.2.3.4") for s in ("one", "two")]
    visits.leave("one")
    assert visits.is_busy("two") and not visits.is_busy("one")
    assert jobs[0].dropped and not jobs[1].dropped
    go_on.set()
    assert not mine.exists() and not mine.parent.exists()
    assert shared.exists() and other.exists(), "another visitor gave the same clip"
    visits.leave("two")
    assert list(tmp_path.iterdir()) == [] and visits.sessions == {}
    visits.leave("two")  # a second goodbye changes nothing


def test_nothing_outside_the_pages_folder_is_ever_deleted(tmp_path):
    folder = tmp_path / "page"
    folder.mkdir()
    outside = tmp_path / "outside.mp4"
    outside.write_bytes(b"x")
    (folder / "link.mp4").symlink_to(outside)
    visits = Sessions(Limits(), folder)
    for path in (outside, folder / ".." / "outside.mp4", folder, folder / "link.mp4"):
        visits.of("a").files = {path}
        visits.leave("a")
        assert outside.exists() and folder.is_dir()


def test_the_sweep_takes_old_files_and_quiet_visitors_only(tmp_path):
    limits = Limits(keep_s=100)
    visits = Sessions(limits, tmp_path)
    old, new, example = (given(tmp_path, name) for name in ("old", "new", "example"))

    for path in (old, example):
        os.utime(path, (time.time() - 101, time.time() - 101))
    visits.of("quiet").seen_s -= 101
    visits.of("here")
    visits.sweep(frozenset({example}))
    assert not old.exists() and new.exists() and example.exists()
    assert set(visits.sessions) == {"here"}
    assert limits.keep_s + limits.sweep_s < 3600 and Limits().keep_s + Limits().sweep_s <= 3600


def test_a_visitor_keeps_few_cases_and_one_without_a_session_none(tmp_path):
    visits = Sessions(Limits(), tmp_path)
    visit = visits.of("a")
    for number in range(MOST_CASES + 3):
        visit.keep((number,), object())
    assert list(visit.cases) == [(3,), (4,), (5,)]
    assert visits.of("a") is visit and visits.of(None) is not visits.of(None)
    assert set(visits.sessions) == {"a"}


def test_links_are_off_on_a_space_unless_switched_on():
    assert settings.read({}).links and not settings.read({"SPACE_ID": "a/b"}).links
    assert settings.read({"SPACE_ID": "a/b", "EMO_LINKS": "1"}).links
    assert not settings.read({"EMO_LINKS": "off"}).links
    assert not settings.read({}).mcp and settings.read({"EMO_MCP": "1"}).mcp
    assert settings.read({"SPACE_ID": "a/b"}).behind_proxy and not settings.read({}).behind_proxy
    assert settings.read({"EMO_JOBS_A_MINUTE": "7"}).jobs_a_minute == 7


@pytest.mark.parametrize(
    "setting",
    [
        {"EMO_LINKS": "maybe"},
        {"EMO_MCP": "2"},
        {"EMO_JOBS_A_MINUTE": "0"},
        {"EMO_JOBS_OF_ADDRESS": "many"},
    ],
)
def test_a_switch_that_cannot_be_read_is_said(setting):
    with pytest.raises(LimitError, match=next(iter(setting))):
        settings.read(setting)


def test_every_language_has_every_text_with_the_same_places():
    tables = i18n.tables()
    assert {"en", "de"} <= set(tables)
    names = set(tables["en"])
    spare = {name for name in names if name.startswith("method_")}  # proper names stay English
    for language, table in tables.items():
        assert set(table) <= names and names - set(table) <= spare, language
        for name, text in table.items():
            places = [
                {p for _, p, _, _ in Formatter().parse(t) if p} for t in (text, tables["en"][name])
            ]
            assert places[0] == places[1] and text.strip(), (language, name)


@pytest.mark.parametrize(
    "accepted,language",
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("fr-FR,fr;q=0.9,de;q=0.5", "de"),
        ("en-GB", "en"),
        (None, "en"),
        ("", "en"),
        ("../../etc,xx", "en"),
    ],
)
def test_the_first_language_that_the_page_speaks_is_chosen(accepted, language):
    assert i18n.words_for(accepted).language == language


@pytest.mark.parametrize(
    "query,cookies,language",
    [
        ({"lang": "en"}, {"emo_lang": "de"}, "en"),
        ({}, {"emo_lang": "en"}, "en"),
        ({"lang": "xx"}, {"emo_lang": "../en"}, "de"),
        (None, None, "de"),
    ],
)
def test_what_was_chosen_on_the_page_comes_first(query, cookies, language):
    assert i18n.words_for("de", query, cookies).language == language


def test_names_without_a_text_are_said_as_they_are():
    assert i18n.Words("de").name_of("label", "positive") == "Positiv"
    assert i18n.Words("de").name_of("method", "rollout") == "Attention rollout"
    assert i18n.Words("de").name_of("label", "very_bored") == "Very bored"


def test_elsewhere_a_lent_card_changes_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "spaces", None)

    def work(a, *, progress=None):
        return a, progress

    assert zero_gpu.on_gpu(lambda a: 9)(work) is work


def test_on_zerogpu_the_cost_is_the_duration_and_all_that_crosses_can(monkeypatch):
    asked = []

    def card(duration):
        def decorate(work):
            def call(*args, **more):
                pickle.dumps((args, more))
                asked.append(duration(*args, **more))
                return work(*args, **more)

            return call

        return decorate

    monkeypatch.setitem(sys.modules, "spaces", types.SimpleNamespace(GPU=card))
    lent = zero_gpu.on_gpu(lambda passes: passes)(
        lambda passes, *, progress=None: (passes, progress)
    )
    assert lent(30, progress=lambda done, total: None) == (30, None)
    lent(1), lent(10_000)
    assert asked == [30, zero_gpu.LEAST_S, zero_gpu.MOST_S]
