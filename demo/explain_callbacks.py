"""What happens behind the first answer: maps, checks, what-ifs, the other systems, the model."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from demo import components, service, upload_checks
from demo.callbacks import (
    Changes,
    Meanwhile,
    enter_job,
    format_seconds,
    preset_radio,
    shown_clip,
    words_of,
)
from demo.first_map import mapped_clip
from demo.i18n import Words
from demo.job_queue import FIRST, LONGER, Job, JobState, Stopped
from demo.layout import Page
from demo.player import document
from demo.service import ClipSession, UserError
from demo.sessions import Session, Sessions
from demo.settings import BusyError
from emo_core.clip import load_clip
from emo_core.schema import DEFAULT_METHOD, DEFAULT_PRESET

if TYPE_CHECKING:
    from emo_core.attribution.counterfactuals import WhatIf
    from emo_core.attribution.types import ExplainRequest

OTHERS = {"mesm": "mesm-staged", "jmt": "jmt-staged"}  # part of the page -> checkpoint
REAL = {"mesm": "fe2e-utterances"}  # in its place for clips that are no shipped drawing
AT_ONCE_S = 0.05  # what takes longer is said to be going on
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class MapJob:
    """A visitor's request about the clip on their page."""

    words: Words
    session: Session
    case: ClipSession
    request: "ExplainRequest"  # its label and window filled in
    ticket: Job  # its place in the queue


Work = Callable[["ExplainCallbacks", MapJob], Changes]


def map_event(work: Work) -> Callable:
    """Turn work on a map into an event that tells its place and progress and ends at Stop."""

    def event(
        self: "ExplainCallbacks",
        method: str,
        preset: str,
        target: str | None,
        window: int | None,
        request: gr.Request,
    ) -> Iterator[Changes]:
        def run(job: Job) -> Changes:
            asked = self._job(request, job, method, preset, target, window)
            return {self._status_component(work.__name__): "", **work(self, asked)}

        heavy = preset == "thorough"
        yield from self._in_turn(request, self._status_component(work.__name__), run, LONGER, heavy)

    event.__name__, event.__doc__ = work.__name__, work.__doc__
    return event


class ExplainCallbacks:
    """Everything behind the answer. Each returns what changes, by part of the page."""

    def __init__(self, page: Page, visits: Sessions) -> None:
        self.page, self.visits = page, visits

    def _status_component(self, kind: str) -> Any:
        """The part of the page that will be filled, which meanwhile tells how it goes."""
        places = {"check": self.page.trust, "change": self.page.whatif}
        return places.get(kind, self.page.explain_status)

    def price(self, method: str, preset: str, request: gr.Request) -> Changes:
        """What each preset of another method costs."""
        case = self.visits.of(request.session_hash).current
        if case is None:
            return {self.page.explain_status: gr.skip()}
        return {self.page.preset: preset_radio(words_of(request), case, method, preset)}

    def stop(self, request: gr.Request) -> Changes:
        """Stop all that runs or waits for this visitor."""
        self.visits.stop(request.session_hash)
        return self.finish(request)

    def finish(self, request: gr.Request) -> Changes:
        """Something has ended; Stop stays as long as anything else of the visitor's goes on."""
        return Meanwhile(self.page, self.visits, request).stop_buttons()

    def play(self, request: gr.Request) -> Iterator[Changes]:
        """A clip that this browser can't play, or plays on another clock, as a film that it can."""
        visit, words = self.visits.of(request.session_hash), words_of(request)

        def run(job: Job) -> Changes:
            from emo_core.viz.film import write_film

            case = current(visit, words)
            film = self.visits.new_folder(visit) / "clip.webm"
            write_film(film, case.clip, job.pause)
            visit.film = (case, document.file_url(film))
            drawn = visit.shown[1] if visit.shown and visit.shown[0] is case else {}
            shown = shown_clip(words, visit, case)
            of_film = {name: shown[name] for name in ("url", "note", "other_clock")}
            return {self.page.player: shown | drawn | of_film}

        yield from self._in_turn(request, self.page.explain_status, run, FIRST)

    def _job(
        self,
        request: gr.Request,
        job: Job,
        method: str = DEFAULT_METHOD,
        preset: str = DEFAULT_PRESET,
        target: str | None = None,
        window: int | None = None,
    ) -> MapJob:
        """The visitor's question about the clip on their page. Raises UserError without a clip."""
        from demo import explanations

        words, session = words_of(request), self.visits.of(request.session_hash)
        case = current(session, words)
        asked = explanations.ExplainRequest(
            method=method, preset=preset, target=target, window=window
        )
        return MapJob(words, session, case, explanations.resolve(case, asked), job)

    def _in_turn(
        self,
        request: gr.Request,
        part: Any,
        work: Callable[[Job], Changes],
        lane: int = LONGER,
        heavy: bool = False,
    ) -> Iterator[Changes]:
        """Queue work on the visitor's clip; say in one part of the page how it goes, and what came.

        Nothing is shown of a clip that is no longer on the page.
        """
        words, meanwhile = words_of(request), Meanwhile(self.page, self.visits, request)
        visit = self.visits.of(request.session_hash)
        asked_of = visit.current

        def describe(state: JobState) -> Changes:
            return {part: components.waiting(words, state)}

        try:
            job = enter_job(self.visits, request, work, lane, heavy)
            yield from meanwhile.states(job, describe, AT_ONCE_S)
            found = job.result()
            changes = found if visit.current is asked_of else {part: ""}
        except Stopped:
            changes = {part: components.hint(words("stopped"))}
        except (UserError, BusyError) as error:
            changes = {part: components.state(words, "trouble", "trouble", str(error))}
        if case := visit.current:
            self.visits.settle(case, service.is_shared(case))
        yield changes | meanwhile.stop_buttons()

    @map_event
    def explain(self, job: MapJob) -> Changes:
        """The map, in every tab that shows it."""
        return self._show_map(job)

    @map_event
    def check(self, job: MapJob) -> Changes:
        """The checks of the map, which is made where it is not there yet."""
        return {**self._show_map(job), **self._show_checks(job)}

    @map_event
    def keep(self, job: MapJob) -> Changes:
        """Film, report, arrays, table, captions and a player of the map, to take along."""
        from demo import explanations
        from demo.player.files import write_files

        shown, words, case = self._show_map(job), job.words, job.case
        folder = self.visits.new_folder(job.session)
        files = explanations.files_of(case, job.request, folder, job.ticket.report, words.language)
        with explanations.as_user_error():
            files += write_files(
                folder,
                shown[self.page.player],
                case,
                [explanations.map_of(case, job.request)],
                words.language,
                job.ticket.pause,
            )
        film = next((str(path) for path in files if path.suffix == ".mp4"), None)
        return {
            **shown,
            self.page.film: gr.Video(film, label=words("film"), visible=film is not None),
            self.page.files: gr.Files(
                [str(path) for path in files], label=words("report"), visible=True
            ),
        }

    @map_event
    def change(self, job: MapJob) -> Changes:
        """Every what-if of the window, and the sound at every place beside the picture."""
        from demo import explanations

        found = explanations.faders_of(job.case, job.request, job.ticket.report)
        return {self.page.faders: document.faders_document(job.words, found)}

    def swap(
        self, name: str | None, target: str | None, window: int | None, request: gr.Request
    ) -> Iterator[Changes]:
        """One what-if: the sound of a shipped example."""
        from demo.explanations import swap_of

        known = {path.name: path for path in upload_checks.EXAMPLES.glob("*.mp4")}
        if name not in known:
            yield {self.page.own: ""}
            return
        other = known[name]
        yield from self._own(
            target,
            window,
            request,
            lambda job: swap_of(job.case, job.request, load_clip(other)),
        )

    def _own(
        self,
        target: str | None,
        window: int | None,
        request: gr.Request,
        make: Callable[[MapJob], "WhatIf"],
    ) -> Iterator[Changes]:
        def run(job: Job) -> Changes:
            from demo import explanations

            asked = self._job(request, job, target=target, window=window)
            label = explanations.label_of(asked.case, asked.request)
            with explanations.as_user_error():
                found = make(asked)
            return {self.page.own: _counterfactual_rows(asked.words, label, found)}

        return self._in_turn(request, self.page.own, run)

    def systems(self, text: str, request: gr.Request) -> Iterator[Changes]:
        """The same clip, read by each of the three systems; a missing one is named."""

        def run(job: Job) -> Changes:
            visit = self.visits.of(request.session_hash)
            case = current(visit, words_of(request))
            found = {name: self._system(visit, case, name, text, job) for name in OTHERS}
            return self._side_by_side(words_of(request), case, found)

        yield from self._in_turn(request, self.page.group, run)

    def _side_by_side(
        self, words: Words, case: ClipSession, found: dict[str, ClipSession | None]
    ) -> Changes:
        """The answers of the three systems."""
        from emo_core.viz import valence_arousal as affect

        page = self.page
        said = {name: other.prediction if other else None for name, other in found.items()}
        path = said["jmt"]
        text = (
            components.section(words("system_jmt"), words.say(affect.summarise_affect(path)))
            if path
            else ""
        )
        return {
            page.group: components.system(words, "group", case.prediction, case.checkpoint.name),
            page.mesm: components.system(
                words, "mesm", said["mesm"], shown_name(found, case, "mesm")
            ),
            page.jmt: components.system(words, "jmt", said["jmt"], shown_name(found, case, "jmt")),
            page.path_text: text,
            page.path_plot: gr.Plot(
                words.show(affect.affect_path(path)) if path else None, visible=bool(path)
            ),
        }

    def _system(
        self, visit: Session, case: ClipSession, name: str, text: str, job: Job
    ) -> ClipSession | None:
        """The clip's case with another system; None where that is not shipped here."""
        model = names(case.clip.path)[name]
        if not service.is_here(model):
            return None
        if not case.clip.path.is_file():
            raise UserError("the clip is no longer here; give it again.")
        said = text if name == "mesm" else None
        return service.open_case(case.clip.path, visit, model, said, progress=job.report)

    def about(self, request: gr.Request) -> Changes:
        """The card of the model that answered, what it got wrong, and its limits."""
        from emo_core.viz import confusion as scores

        page, words = self.page, words_of(request)
        case = self.visits.of(request.session_hash).current
        model = case.model if case else service.default_model()
        try:
            checkpoint = service.load_model(model)
        except UserError as error:
            return {page.about: components.state(words, "trouble", "trouble", str(error))}
        warning = checkpoint.data_warning
        parts = (
            components.section(words("about_head"), f"{checkpoint.name}: {words.say(warning)}"),
            components.section(words("licence"), service.licence_of(checkpoint)),
            components.section(
                words("calibration"), words.say(scores.summarise_calibration(checkpoint))
            ),
            components.section(words("limits"), words("limits_say")),
        )
        return {
            page.about: "".join(parts),
            page.confusion_text: components.section(
                words("confusion"), words.say(scores.summarise_confusion(checkpoint))
            ),
            page.confusion: gr.Plot(words.show(scores.confusion_figure(checkpoint)), visible=True),
            page.model_card: f'<div lang="en">\n\n{service.card_text(model)}\n\n</div>',
        }

    def _show_map(self, job: MapJob) -> Changes:
        from demo import explanations
        from emo_core.viz import attribution as figures
        from emo_core.viz.overlay import overlay_frames

        words, case, request = job.words, job.case, job.request
        page = self.page
        known = explanations.has_map(case, request)
        found = explanations.map_of(case, request, job.ticket.report, job.ticket.clock)
        sample, config = explanations.sample_of(case, request), case.checkpoint.sample.mel
        done = words(
            "ready",
            seconds=format_seconds(found.seconds),
            passes=found.forward_passes,
            method=words.name_of("method", found.method),
        )
        shown = overlay_frames(found, sample)
        grid = components.scale(words, found.signed) + components.frame_gallery(words, shown)
        matrix = explanations.attention_of(case, request)
        share = explanations.share_of(case, request)
        embeds = self.visits.limits.embeds
        drawn = mapped_clip(words, job.session, case, request, [found], embeds)
        if job.session.current is case:
            job.session.shown = (case, drawn)
        return {
            page.player: drawn,
            page.explain_status: components.hint(words("cached") if known else done),
            page.share_text: components.section(
                words("share"),
                words.say(figures.summarise_share(share)),
                components.hint(
                    words("share_say", label=words.name_of("label", found.target.label))
                ),
            ),
            page.share_plot: gr.Plot(words.show(figures.share_bars(share)), visible=True),
            page.frames_map: components.section(words("frames_map"), words("frames_map_say"), grid)
            if shown
            else components.hint(words("no_picture_map")),
            page.sound_map_text: components.section(
                words("sound_map"),
                words("sound_map_say" if found.signed else "sound_map_strength"),
            ),
            page.sound_map: gr.Plot(
                words.show(figures.mel_overlay(found, sample, config)), visible=True
            ),
            page.attention_text: components.section(
                "Attention", words.say(figures.summarise_attention(matrix))
            ),
            page.attention_plot: gr.Plot(
                words.show(figures.attention_matrix(matrix)) if matrix else None,
                visible=matrix is not None,
            ),
            page.trust: components.hint(
                words("trust_say", passes=explanations.check_cost(case, request).passes)
            ),
            page.trust_plot: gr.Plot(None, visible=False),
            page.preset: preset_radio(words, case, request.method, request.preset),
        }

    def _show_checks(self, job: MapJob) -> Changes:
        from demo import explanations
        from emo_core.viz import attribution as figures

        words = job.words
        trust = explanations.checks_of(job.case, job.request, job.ticket.report, job.ticket.clock)
        table = components.trust(words, trust.verdict, figures.trust_rows(trust))
        return {
            self.page.trust: table + components.hint(words("trust_read")),
            self.page.trust_plot: gr.Plot(words.show(figures.trust_curves(trust)), visible=True),
        }


def _counterfactual_rows(words: Words, label: str, *found: "WhatIf") -> str:
    from emo_core.viz.attribution import summarise_what_if

    rows = [(change, summarise_what_if(change, label)) for change in found]
    return components.counterfactual_list(words, rows, label)


def current(visit: Session, words: Words) -> ClipSession:
    """The case on the page. Raises UserError where there is none."""
    if visit.current is None:
        raise UserError(words("none_before"))
    return visit.current


def shown_name(found: dict[str, ClipSession | None], case: ClipSession, name: str) -> str:
    """The checkpoint's own name, or the one it would have."""
    other = found[name]
    return other.checkpoint.name if other else names(case.clip.path)[name]


def names(path: Path) -> dict[str, str]:
    """Checkpoints of the other two systems for this clip: names, or folders."""
    known = OTHERS if service.is_example(path) else OTHERS | REAL
    return {name: os.environ.get(f"EMO_{name.upper()}", model) for name, model in known.items()}
