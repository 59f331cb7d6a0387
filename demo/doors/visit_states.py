"""What gradio itself keeps of visits: no values of theirs, and nothing once they have left.

gradio keeps every figure it sent (for links into a page, which are closed here) of up to 10,000
visits for as long as it runs, and after each event works out statistics of the last 10,000.
"""

import sys
from pathlib import Path
from typing import Any

import gradio as gr
import gradio.routes
from gradio.data_classes import FileData
from gradio.state_holder import SessionState, StateHolder
from gradio.utils import NamedString
from gradio_client.utils import is_valid_file

from demo.doors.storage import AGENTS

MOST_VISITS = 1000  # of which is kept what their dropdowns offer; the longest idle go first
UNFIT = "this kind of file can't be used here; expected one of: {}."
NEVER = 1 << 60  # events between two summaries


class LeanState(SessionState):
    """What one visit's parts offer, without their values."""

    def __init__(self, blocks: gr.Blocks) -> None:
        super().__init__(blocks)
        self.config_values.clear()

    def __setitem__(self, key: int, value: Any) -> None:
        super().__setitem__(key, value)
        self.config_values.clear()

    def _update_config(self, key: int) -> None:
        """Keep nothing: links into a page are closed."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Keep nothing: links into a page are closed."""


class VisitStates(StateHolder):
    """The states of at most MOST_VISITS visits."""

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            while len(self.session_data) >= MOST_VISITS:
                self.forget(next(iter(self.session_data)))
            self.session_data[session_id] = LeanState(self.blocks)
        return super().__getitem__(session_id)

    def forget(self, session: str) -> None:
        """Drop what is kept of a visit, answers that it never read among it."""
        self.session_data.pop(session, None)
        self.time_last_used.pop(session, None)
        queue = self.blocks._queue
        queue.pending_event_ids_session.pop(session, None)
        unread = queue.pending_messages_per_session.get(session)
        while unread is not None and not unread.empty():
            unread.get_nowait()  # the queue itself stays: an event that still runs needs it


def forget_visit(demo: gr.Blocks, session: str) -> None:
    """Drop what gradio keeps of a visit that has left; nothing before the page is served."""
    states = getattr(demo, "state_holder", None)
    if isinstance(states, VisitStates):
        states.forget(session)


def keep_inside(folder: Path) -> None:
    """From now on gradio makes its own folders in the page's, which goes when the page ends.

    It reads GRADIO_TEMP_DIR as it is imported, when that folder is not there yet.
    """
    gradio.routes.DEFAULT_TEMP_DIR = str(folder)
    if tools := sys.modules.get("gradio.mcp"):  # where agents' data: URIs are unpacked
        tools.DEFAULT_TEMP_DIR = str(folder / AGENTS)  # type: ignore[attr-defined]


def keep_no_empty_files() -> None:
    """From now on a given file leaves no second one: gradio makes an empty one beside each."""
    gr.File._process_single_file = _path_of  # type: ignore[assignment,method-assign]


def _path_of(part: gr.File, file: FileData) -> NamedString:
    """What gr.File gives to an event, where it gives a path."""
    if part.file_types and not is_valid_file(file.path, part.file_types):
        raise gr.Error(UNFIT.format(", ".join(part.file_types)), print_exception=False)
    return NamedString(file.path)


def keep_no_statistics(demo: gr.Blocks) -> None:
    """Have no times of events kept or summarised, which only a closed route would show."""
    demo._queue.ANALYTICS_MAX_EVENTS = 1
    demo._queue.ANAYLTICS_CACHE_FREQUENCY = NEVER  # as gradio spells it
