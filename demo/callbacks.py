"""What happens on the page: events in, parts of the page out. Knows gradio, and no torch."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from demo import components, service, theme
from demo.examples import entry_document, example_path
from demo.i18n import Words, words_for
from demo.job_queue import FIRST, Job, JobState, Stopped
from demo.layout import Page
from demo.player import document
from demo.service import ClipSession, UserError
from demo.sessions import Session, Sessions
from demo.settings import BusyError

Changes = dict[Any, Any]
UNHEARD = 60  # seconds: a slow line reads late, who never reads has gone
SOON_S = 0.4  # an answer that comes sooner needs no word that it is coming


def words_of(request: gr.Request) -> Words:
    """What speaks this visitor's language."""
    return words_for(request.headers.get("accept-language"), request.query_params, request.cookies)


def address_of(request: gr.Request) -> str:
    """Where a request comes from, as the gate found it."""
    return request.client.host if request.client else "unknown"


def enter_job(
    visits: Sessions,
    request: gr.Request,
    work: Callable[[Job], Any],
    lane: int = FIRST,
    heavy: bool = False,
) -> Job:
    """Queue work for the visitor, counted as a question; raises BusyError if they ask too often."""
    visits.of(request.session_hash).address = address_of(request)
    return visits.enter(work, request.session_hash, address_of(request), lane, heavy)


class Listener:
    """The client of the event that runs here, as gradio knows it; none outside of events."""

    def __init__(self) -> None:
        blocks, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
        self.queue = blocks._queue if blocks is not None else None
        known = self.queue.event_ids_to_events if self.queue is not None else {}
        self.event = known.get(event_id or "")
        self.unheard = 0

    def has_gone(self) -> bool:
        """Whether its stream ended, or words have waited for it at UNHEARD checks in a row."""
        if self.event is None or self.queue is None:
            return False
        words = self.queue.pending_messages_per_session.get(self.event.session_hash)
        self.unheard = self.unheard + 1 if words is not None and words.qsize() else 0
        return not self.event.alive or self.unheard >= UNHEARD


@dataclass(frozen=True)
class Meanwhile:
    """What a visitor is told while their job waits and runs; Stop can be pressed as long."""

    page: Page
    visits: Sessions
    request: gr.Request

    def states(self, job: Job, describe: Callable[[JobState], Changes], soon_s: float) -> Iterator:
        """Changes of the page until the job is done. A client that has gone stops the job."""
        listener = Listener()
        try:
            for state in job.states(soon_s):
                if listener.has_gone():
                    job.drop()
                yield {**describe(state), **self.stop_buttons()}
        finally:
            job.drop()  # unless it is done, the page closed this generator

    def stop_buttons(self) -> Changes:
        """Stop, enabled as long as anything of the visitor runs or waits.

        Beside the explanations, or under the words on an answer that is not there yet.
        """
        session = self.request.session_hash
        busy = self.visits.is_busy(session)
        only_answers = busy and self.visits.of(session).current is None
        return {
            self.page.cancel: gr.Button(interactive=busy),
            self.page.stop_answer: gr.Button(visible=only_answers),
        }


class AnswerCallbacks:
    """From a clip to its answer and its facts. Each returns what changes, by part of the page."""

    def __init__(self, page: Page, visits: Sessions) -> None:
        self.page, self.visits = page, visits

    def give(self, given: str | None, agreed: bool, request: gr.Request) -> Iterator[Changes]:
        """A clip from where clips come in: an upload, or a shipped example by its name."""
        visit, wish = self.visits.of(request.session_hash), read_wish(given)
        visit.wish = wish
        path = example_path(str(wish.get("example", "")))
        if path is None and "file" in wish:
            path = self.visits.uploaded(visit, str(wish["file"]))
        if path is None:
            words = words_of(request)
            box = components.state(words, "trouble", "trouble", words("entry_lost"))
            yield {self.page.status: box, self.page.details: gr.Column(visible=False)}
            return
        yield from self.show(str(path), agreed, request)

    def show(self, path: str, agreed: bool, request: gr.Request) -> Iterator[Changes]:
        """A clip's answer, before it that work is going on if it takes long; `details` follows."""
        page, words = self.page, words_of(request)
        hidden = {page.details: gr.Column(visible=False)}
        visit = self.visits.of(request.session_hash)
        visit.current = visit.waiting = visit.mapped = None
        visit.given = path
        example = service.is_example(Path(path))
        try:
            self.visits.claim(visit, Path(path), example)
        except BusyError as error:
            box = components.state(words, "trouble", "trouble", str(error))
            yield {page.status: box, **hidden}
            return
        asks = {page.consent: gr.Checkbox(visible=not example)}
        if not (agreed or example):
            ask = components.state(words, "unsure ask", "consent_first", words("consent_ask"))
            yield {page.status: ask, page.player: None, **hidden, **asks}
            return
        shown = document.preview(words, Path(path)) | visit.wish_of_player()
        yield {page.player: shown, page.guesses: None, **asks}
        yield from self._answer(path, visit, request, hidden)

    def _answer(
        self, path: str, visit: Session, request: gr.Request, hidden: Changes
    ) -> Iterator[Changes]:
        """The place in the queue, that work is going on, and the answer."""
        page, words, taken_back = self.page, words_of(request), visit.taken_back
        meanwhile = Meanwhile(page, self.visits, request)

        def work(job: Job) -> ClipSession:
            return service.open_case(path, visit, progress=job.report)

        def describe(state: JobState) -> Changes:
            said, title = words("busy_say"), "busy"
            if state.ahead is not None:
                said, title = components.queue_position(words, state.ahead), "queued"
            return {page.status: components.state(words, "busy", title, said), **hidden}

        try:
            job = enter_job(self.visits, request, work)
            yield from meanwhile.states(job, describe, SOON_S)
            case = job.result()
        except Stopped:
            box = components.state(words, "unsure ask", "stopped_title", words("stopped_answer"))
            yield {page.status: box, **hidden, **meanwhile.stop_buttons()}
            return
        except (UserError, BusyError) as error:
            box = components.state(words, "trouble", "trouble", str(error))
            yield {page.status: box, page.player: None, **hidden, **meanwhile.stop_buttons()}
            return
        if visit.taken_back != taken_back:
            visit.cases.clear()
            yield {
                page.status: components.empty_state(words),
                **hidden,
                **meanwhile.stop_buttons(),
            }
            return
        visit.current = visit.waiting = case
        self.visits.memory.note(case)
        answer = components.answer_html(words, case.prediction)
        shown = shown_clip(words, visit, case)
        shown["waiting"] = "" if case.prediction.nobody else words("player_waiting")
        yield {
            page.status: answer,
            page.player: shown,
            page.guesses: document.guess_document(words, case),
            **hidden,
            **meanwhile.stop_buttons(),
        }

    def greet(self, request: gr.Request) -> Changes:
        """What stands there until the first example comes, and where clips come in."""
        words = words_of(request)
        return {
            self.page.status: components.state(words, "busy", "busy", words("busy_say")),
            self.page.entry: entry_document(words, theme.CUTTING),
        }

    def again(self, agreed: bool, request: gr.Request) -> Iterator[Changes]:
        """The tick came after the clip, or a link has become one."""
        given = self.visits.of(request.session_hash).given
        if agreed and given and not service.is_example(Path(given)):
            yield from self.show(given, agreed, request)
        else:
            yield {self.page.status: gr.skip()}

    def take_back(self, agreed: bool, request: gr.Request) -> Changes:
        """The tick is taken away: what runs stops, and a clip of the visitor's own is deleted."""
        given = self.visits.of(request.session_hash).given
        if agreed or given is None or service.is_example(Path(given)):
            return {self.page.details: gr.skip()}
        self.visits.take_back(request.session_hash)
        page, words = self.page, words_of(request)
        return {
            page.player: None,
            page.guesses: None,
            page.status: components.state(
                words, "quiet ask", "taken_back", words("taken_back_say")
            ),
            page.details: gr.Column(visible=False),
        }

    def details(self, request: gr.Request) -> Changes:
        """All the rest after a new answer.

        An event of its own: the answer does not wait for it.
        """
        visit = self.visits.of(request.session_hash)
        case, visit.waiting = visit.waiting, None
        if case is None:
            return {self.page.explain_status: gr.skip()}
        if case.prediction.nobody:  # no answer, so nothing to ask about
            return {self.page.details: gr.Column(visible=False)}
        buttons = Meanwhile(self.page, self.visits, request).stop_buttons()
        return self._details(words_of(request), case, visit.wish) | buttons

    def _details(self, words: Words, case: ClipSession, wish: dict[str, Any]) -> Changes:
        from demo import explanations

        page, prediction = self.page, case.prediction
        spans = [
            (words("span", start=s.start_s, end=s.end_s), n)
            for n, s in enumerate(prediction.timeline)
        ]
        labels = [(words.name_of("label", label), label) for label in prediction.labels]
        methods = [(words.name_of("method", name), name) for name in explanations.methods.METHODS]
        asked = explanations.wished_request(case, wish, explanations.ExplainRequest())
        usual = explanations.resolve(case, asked)
        return {
            page.details: gr.Column(visible=True),
            page.target: gr.Dropdown(labels, value=usual.target),
            page.window: gr.Dropdown(spans, value=usual.window, visible=len(spans) > 1),
            page.method: gr.Dropdown(methods, value=usual.method),
            page.preset: preset_radio(words, case, usual.method, usual.preset),
            page.facts: components.fact_table(words, components.facts(prediction)),
            page.json: service.document(prediction.as_dict()),
            **self._no_map(words),
        }

    def _no_map(self, words: Words) -> Changes:
        """Nothing explained yet, or something else was chosen."""
        page = self.page
        plots = [
            "sound_map",
            "share_plot",
            "attention_plot",
            "trust_plot",
            "path_plot",
            "confusion",
        ]
        texts = [
            "explain_status",
            "frames_map",
            "sound_map_text",
            "share_text",
            "attention_text",
            "whatif",
            "own",
            "group",
            "mesm",
            "jmt",
            "path_text",
        ]
        return {
            page.trust: components.hint(words("check_say")),
            page.faders: None,
            page.film: gr.Video(None, visible=False),
            page.files: gr.Files(None, visible=False),
            **{getattr(page, name): "" for name in texts},
            **{getattr(page, name): gr.Plot(None, visible=False) for name in plots},
        }

    def show_failure(self, request: gr.Request) -> str:
        """The app itself failed."""
        words = words_of(request)
        return components.state(words, "trouble", "trouble", words("broken"))

    def fetch(
        self, link: str, start_s: float, end_s: float, agreed: bool, request: gr.Request
    ) -> Iterator[Changes]:
        """A clip by its address, into the player; the answer follows by itself."""
        page, words = self.page, words_of(request)
        if not agreed:
            ask = components.state(words, "unsure ask", "consent_first", words("consent_ask"))
            yield {page.status: ask, page.consent: gr.Checkbox(visible=True)}
            return
        meanwhile, visit = (
            Meanwhile(page, self.visits, request),
            self.visits.of(request.session_hash),
        )

        def work(job: Job) -> Path:
            folder = self.visits.new_folder(visit)
            return service.download_clip(link, start_s, end_s, folder, job.pause)

        def describe(state: JobState) -> Changes:
            said = "" if state.ahead is None else components.queue_position(words, state.ahead)
            return {page.status: components.state(words, "busy", "fetching", said)}

        try:
            visit.address = address_of(request)
            job = self.visits.fetch(work, request.session_hash, visit.address)
            yield from meanwhile.states(job, describe, SOON_S)
            visit.given = str(job.result())
            changes: Changes = {}
        except Stopped:
            said = words("stopped_answer")
            changes = {page.status: components.state(words, "unsure ask", "stopped_title", said)}
        except (UserError, BusyError) as error:
            changes = {page.status: components.state(words, "trouble", "trouble", str(error))}
        yield changes | meanwhile.stop_buttons()

    def leave(self, request: gr.Request) -> None:
        """The visitor has gone: nothing of theirs stays."""
        if request.session_hash:
            self.visits.leave(request.session_hash)


def shown_clip(words: Words, visit: Session, case: ClipSession) -> dict[str, Any]:
    """What the player shows of the visitor's clip, before there is a map."""
    return document.clip_document(words, case, visit.film_of(case)) | visit.wish_of_player()


def read_wish(given: str | None) -> dict[str, Any]:
    """What the place where clips come in asks for: {"file" or "example", "at_s", "muted", ...}."""
    with suppress(ValueError, TypeError):
        found = json.loads(given or "")
        if isinstance(found, dict):
            return found
    return {}


def preset_radio(words: Words, case: ClipSession, method: str, preset: str) -> gr.Radio:
    """The presets, each with what it costs by this method."""
    from demo import explanations

    costs = explanations.costs(case, method)
    choices = [
        (
            words(
                "cost" if len(costs) > 1 else "cost_of_all",
                preset=words(f"preset_{name}"),
                passes=cost.passes,
                seconds=format_seconds(cost.seconds),
            ),
            name,
        )
        for name, cost in costs.items()
    ]
    return gr.Radio(choices, value=preset if preset in costs else next(iter(costs)))


def format_seconds(value: float) -> str:
    """About how long, for people."""
    return "< 1 s" if value < 1 else f"≈ {value:.0f} s" if value < 90 else f"≈ {value / 60:.0f} min"
