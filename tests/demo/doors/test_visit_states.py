"""What gradio keeps of visits, and how much of it is left once they are gone."""

import asyncio

import gradio as gr
import pytest
from gradio.queueing import AsyncQueue
from gradio.state_holder import StateHolder

from demo.doors import visit_states
from demo.doors.visit_states import (
    VisitStates,
    forget_visit,
    keep_no_empty_files,
    keep_no_statistics,
)

LONG = "x" * 100_000


async def build() -> gr.Blocks:
    """Blocks with one event, and states that know them."""
    with gr.Blocks() as blocks:
        said = gr.Textbox()
        gr.Button().click(lambda: gr.Textbox(LONG, label="answer"), None, said)
    blocks.queue()
    VisitStates().set_blocks(blocks)
    return blocks


@pytest.fixture
def page():
    return asyncio.run(build())  # where no loop runs, gradio leaves one of its own open


def answer(page: gr.Blocks, states: StateHolder, session: str):
    """Has the event's answer sent to a visit; returns its state."""
    (event,) = page.fns.values()
    changes = gr.update(value=LONG, label="answer")
    asyncio.run(page.postprocess_data(event, changes, states[session]))
    return states[session]


def test_values_are_not_kept_and_what_a_part_offers_is(page):
    usual = StateHolder()
    usual.set_blocks(page)
    assert LONG in repr(answer(page, usual, "a").config_values)  # gradio's own way
    lean = VisitStates()
    lean.set_blocks(page)
    kept = answer(page, lean, "a")
    (said,) = next(iter(page.fns.values())).outputs
    assert not kept.config_values and kept[said._id].label == "answer"


def test_a_visit_that_has_left_leaves_nothing(page):
    page.state_holder["a"]
    unread = page._queue.pending_messages_per_session["a"] = AsyncQueue()
    unread.put_nowait(LONG)
    page._queue.pending_event_ids_session["a"] = {"event"}
    forget_visit(page, "a")
    assert "a" not in page.state_holder and not page.state_holder.time_last_used
    assert unread.empty() and not page._queue.pending_event_ids_session
    forget_visit(page, "a")  # a second time, or one that was never here


def test_before_the_page_is_served_there_is_nothing_to_forget(page):
    del page.state_holder
    forget_visit(page, "a")


def test_of_too_many_visits_the_longest_idle_go_with_all_that_is_theirs(page, monkeypatch):
    monkeypatch.setattr(visit_states, "MOST_VISITS", 2)
    states = page.state_holder
    for session in ("a", "b"):
        page._queue.pending_event_ids_session[session] = {"event"}
        states[session]
    states["a"]
    states["c"]
    assert list(states.session_data) == ["a", "c"]
    assert list(page._queue.pending_event_ids_session) == ["a"]


def test_no_statistics_are_kept(page):
    keep_no_statistics(page)
    queue = page._queue
    queue.events_recorded = 10**6
    assert queue.compute_analytics_summary([{"function": "a"}]) == {"functions": {}}
    assert queue.ANALYTICS_MAX_EVENTS == 1


def test_a_given_file_leaves_no_second_one(page, tmp_path, monkeypatch):
    given = gr.data_classes.FileData(path=str(tmp_path / "clip.mp4"))
    monkeypatch.setattr(gr.File, "_process_single_file", gr.File._process_single_file)
    keep_no_empty_files()
    (tmp_path / "cache").mkdir()
    part = gr.File(render=False)
    part.GRADIO_CACHE = str(tmp_path / "cache")
    assert part.preprocess(given) == given.path
    assert list((tmp_path / "cache").iterdir()) == []
    with pytest.raises(gr.Error, match="expected one of: .wav"):
        gr.File(file_types=[".wav"], render=False).preprocess(given)
