"""The map that comes with an answer, drawn window by window as it is made."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from demo import components, service
from demo.callbacks import Changes, Meanwhile, address_of, shown_clip, words_of
from demo.i18n import Words
from demo.job_queue import FIRST, LONGER, Job, JobState, Stopped
from demo.layout import Page
from demo.player import document
from demo.service import ClipSession, UserError
from demo.sessions import Session, Sessions
from demo.settings import BusyError

if TYPE_CHECKING:
    from emo_core.attribution.types import Attribution, ExplainRequest

QUICK_EVERY_S = 0.3  # between two looks for another window of the map


class FirstMapCallbacks:
    """What follows an answer by itself. Each returns what changes, by part of the page."""

    def __init__(self, page: Page, visits: Sessions) -> None:
        self.page, self.visits = page, visits

    def first_map(self, request: gr.Request) -> Iterator[Changes]:
        """The map that comes with an answer, in the lane of first answers."""
        from demo import explanations

        visit = self.visits.of(request.session_hash)
        case = visit.current
        if case is None or case.prediction.nobody or not visit.take_first_map():
            if case is not None:
                self.visits.settle(case, service.is_shared(case))
            yield {self.page.explain_status: gr.skip()}
            return
        asked = [
            explanations.quick_request(case, window, visit.wish)
            for window in range(len(case.prediction.samples))
        ]
        yield from self._drawn(request, case, asked)
        if not service.is_shared(case):
            case.forget()  # what was drawn is small, and its maps are not

    def _drawn(
        self, request: gr.Request, case: ClipSession, asked: "Sequence[ExplainRequest]"
    ) -> Iterator[Changes]:
        """Maps of windows as they come; a closer look, or a clip, of meanwhile stays."""
        made: list[Attribution] = []
        visit, drawn = self.visits.of(request.session_hash), 0
        before, meanwhile = visit.shown, Meanwhile(self.page, self.visits, request)

        def work(job: Job) -> None:
            from demo import explanations

            for one in asked:
                made.append(explanations.map_of(case, one, job.report, job.clock))

        def describe(_: JobState) -> Changes:
            nonlocal drawn
            new, drawn = len(made) > drawn and visit.current is case, len(made)
            shown = self._document(request, case, asked, list(made)) if new else None
            return {self.page.player: shown} if shown else {}

        address = address_of(request)
        lane = FIRST if visit.wish.get("preset") in (None, "fast") else LONGER
        job = self.visits.model_jobs.join(work, address, request.session_hash or address, lane)
        try:
            yield from meanwhile.states(job, describe, QUICK_EVERY_S)
            job.result()
        except Stopped:
            pass  # what there is of it is drawn
        except (UserError, BusyError) as error:
            trouble = components.state(words_of(request), "trouble", "trouble", str(error))
            yield {self.page.explain_status: trouble}
        if visit.shown is not before or visit.current is not case:
            yield meanwhile.stop_buttons()
            return
        shown = self._document(request, case, asked, made)
        visit.shown = (case, shown)
        yield {self.page.player: shown, **meanwhile.stop_buttons()}

    def _document(
        self,
        request: gr.Request,
        case: ClipSession,
        asked: "Sequence[ExplainRequest]",
        made: "Sequence[Attribution]",
    ) -> dict[str, Any]:
        words, visit = words_of(request), self.visits.of(request.session_hash)
        if not made:
            return shown_clip(words, visit, case)
        return mapped_clip(words, visit, case, asked[0], made, self.visits.limits.embeds)


def mapped_clip(
    words: Words,
    visit: Session,
    case: ClipSession,
    request: "ExplainRequest",
    found: "Sequence[Attribution]",
    embeds: bool,
) -> dict[str, Any]:
    """What the player shows of a clip with maps of its windows.

    With it the address of the map, and whether other pages may show it; nothing of an own clip's.
    """
    from demo import explanations

    label, duration_s = found[0].target.label, case.prediction.media.duration_s
    of = document.heading(words, request, label, found, duration_s)
    asked = explanations.resolve(case, request)
    quick = explanations.resolve(case, explanations.quick_request(case, 0, {}))
    return (
        shown_clip(words, visit, case)
        | document.map_document(words, case, found, of)
        | document.link_of(case, asked, quick, embeds)
    )
