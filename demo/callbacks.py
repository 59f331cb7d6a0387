"""What happens on the page: events in, parts of the page out. Knows gradio, and no torch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from demo import components, service
from demo.i18n import Words, words_for
from demo.job_queue import FIRST, Job, JobState, Stopped
from demo.layout import Page
from demo.service import ClipSession, UserError
from demo.sessions import Session, Sessions
from demo.settings import BusyError
from emo_core.clip import ClipError

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

    def show(self, path: str | None, agreed: bool, request: gr.Request) -> Iterator[Changes]:
        """A clip's answer, before it that work is going on if it takes long; `details` follows."""
        page, words = self.page, words_of(request)
        hidden = {page.details: gr.Column(visible=False)}
        visit = self.visits.of(request.session_hash)
        visit.current = visit.waiting = None
        if path is None:
            said = gr.skip() if visit.keeps_status else components.empty_state(words)
            yield {page.status: said, **hidden}
            return
        visit.given, visit.keeps_status = path, False
        example = service.is_example(Path(path))
        try:
            self.visits.claim(visit, Path(path), example)
        except BusyError as error:
            box = components.state(words, "trouble", "trouble", str(error))
            yield {page.status: box, **hidden}
            return
        if not (agreed or example):
            ask = components.state(words, "unsure ask", "consent_first", words("consent_ask"))
            yield {page.status: ask, **hidden}
            return
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
            yield {page.status: box, **hidden, **meanwhile.stop_buttons()}
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
        yield {page.status: answer, **hidden, **meanwhile.stop_buttons()}

    def greet(self, request: gr.Request) -> str:
        """The empty page in the visitor's language."""
        return components.empty_state(words_of(request))

    def again(
        self, video: str | None, other: str | None, agreed: bool, request: gr.Request
    ) -> Iterator[Changes]:
        """The tick came after the clip; of two clips the later one is meant."""
        last = self.visits.of(request.session_hash).given
        given = last if last in (video, other) else video or other
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
            page.video: gr.Video(None),
            page.other: gr.File(None),
            page.status: components.state(words, "quiet", "taken_back", words("taken_back_say")),
            page.details: gr.Column(visible=False),
        }

    def details(self, request: gr.Request) -> Changes:
        """All the rest after a new answer.

        An event of its own: drawing the figures at once would hold the answer back.
        """
        visit = self.visits.of(request.session_hash)
        case, visit.waiting = visit.waiting, None
        if case is None:
            return {self.page.explain_status: gr.skip()}
        if case.prediction.nobody:  # no answer, so nothing to ask about
            return {self.page.details: gr.Column(visible=False)}
        try:
            drawn: Changes = self._details(words_of(request), case, service.view_of(case))
        except ClipError:  # deleted meanwhile: the tick was taken away
            return {self.page.details: gr.Column(visible=False)}
        self.visits.settle(case, service.is_shared(case))
        return drawn | Meanwhile(self.page, self.visits, request).stop_buttons()

    def _details(self, words: Words, case: ClipSession, result: service.PredictionView) -> Changes:
        from demo import explanations
        from emo_core.viz import waveform as wave
        from emo_core.viz.attribution import share_bars, summarise_share

        page, prediction = self.page, case.prediction
        long = result.timeline is not None
        target = prediction.label or prediction.labels[0]
        share = prediction.modality_shares[target]
        spans = [
            (f"{s.start_s:.1f} – {s.end_s:.1f} s", n) for n, s in enumerate(prediction.timeline)
        ]
        labels = [(words.name_of("label", label), label) for label in prediction.labels]
        methods = [(words.name_of("method", name), name) for name in explanations.methods.METHODS]
        usual = explanations.resolve(case, explanations.ExplainRequest())
        return {
            page.details: gr.Column(visible=True),
            page.over_text: gr.HTML(
                components.section(words("over_time"), words.say(result.timeline_text)),
                visible=long,
            ),
            page.over_plot: gr.Plot(result.timeline and words.show(result.timeline), visible=long),
            page.target: gr.Dropdown(labels, value=target),
            page.window: gr.Dropdown(spans, value=usual.window, visible=len(spans) > 1),
            page.method: gr.Dropdown(methods, value=usual.method),
            page.preset: preset_radio(words, case, usual.method, usual.preset),
            page.tabs: gr.Tabs(selected="saw"),
            page.frames: components.section(
                words("frames"),
                words.say(result.frames_text),
                components.frame_gallery(words, result.frames),
            ),
            page.sound_text: components.section(words("sound"), words.say(result.log_mel_text)),
            page.sound_plot: words.show(result.log_mel),
            page.wave_text: components.section(
                words("waveform"), words.say(wave.summarise_waveform(case.clip))
            ),
            page.wave_plot: words.show(wave.waveform(case.clip)),
            page.share_text: components.section(
                words("share"),
                words.say(summarise_share(share)),
                components.hint(words("share_say", label=words.name_of("label", target))),
            ),
            page.share_plot: words.show(share_bars(share)),
            page.facts: components.fact_table(words, result.facts),
            page.json: service.document(prediction.as_dict()),
            **self._no_map(words),
        }

    def _no_map(self, words: Words) -> Changes:
        """Nothing explained yet, or something else was chosen."""
        page, hint = self.page, components.hint(words("no_map"))
        hidden = (
            "sound_map",
            "clock_plot",
            "attention_plot",
            "trust_plot",
            "path_plot",
            "confusion",
        )
        return {
            page.explain_status: "",
            page.frames_map: hint,
            page.sound_map_text: hint,
            page.clock_text: hint,
            page.clock_peaks: "",
            page.attention_text: "",
            page.trust: hint,
            page.whatif: "",
            page.own: "",
            page.group: "",
            page.mesm: "",
            page.jmt: "",
            page.path_text: "",
            page.film: gr.Video(None, visible=False),
            page.files: gr.Files(None, visible=False),
            **{getattr(page, name): gr.Plot(None, visible=False) for name in hidden},
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
            yield {page.status: ask}
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
            changes: Changes = {page.video: gr.Video(str(job.result()))}
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
