"""What happens behind the first answer: maps, checks, what-ifs, the other systems, the model."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from demo import components, service, upload_checks
from demo.callbacks import Changes, Events, format_seconds, new_folder, words_of
from demo.i18n import Words
from demo.service import ClipSession, UserError
from demo.sessions import BusyError, Session
from emo_core.clip import load_clip

if TYPE_CHECKING:
    from demo.explanations import SettledRequest

OTHERS = {"mesm": "mesm-staged", "jmt": "jmt-staged"}  # part of the page -> checkpoint
REAL = {"mesm": "fe2e-utterances"}  # in its place for clips that are no shipped drawing
PEAKS = 4
ROOT = Path(__file__).resolve().parents[1]


Work = Callable[["Deeper", ClipSession, "SettledRequest", Callable, gr.Request], Changes]


def asked(work: Work) -> Callable:
    """Turns work on a map into an event: it tells how far it is and ends where they say Stop."""

    def event(
        self: "Deeper",
        method: str,
        preset: str,
        target: str,
        window: int,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  # gradio looks for it there
    ) -> Changes:
        from demo import explanations

        page, words = self.page, words_of(request)
        try:
            visit = self.visit(request)
            case = current(visit, words)

            def tell(done: int, total: int) -> bool:
                progress((done, total), desc=words("working"), unit="passes")
                return not visit.stop.is_set()

            ask = explanations.MapRequest(method, preset, target, window).settled(case)
            return {page.explain_status: "", **work(self, case, ask, tell, request)}
        except explanations.Cancelled:
            return {page.explain_status: components.hint(words("stopped"))}
        except (UserError, BusyError) as error:
            return {page.explain_status: components.state(words, "trouble", "trouble", str(error))}

    event.__name__, event.__doc__ = work.__name__, work.__doc__
    return event


class Deeper(Events):
    """Events that explain the answer on the page."""

    @asked
    def explain(
        self, case: ClipSession, ask: "SettledRequest", tell: Callable, request: gr.Request
    ) -> Changes:
        """The map, in every tab that shows it."""
        return self._mapped(words_of(request), case, ask, tell)

    @asked
    def check(
        self, case: ClipSession, ask: "SettledRequest", tell: Callable, request: gr.Request
    ) -> Changes:
        """The checks of the map, which is made where it is not there yet."""
        words = words_of(request)
        return {**self._mapped(words, case, ask, tell), **self._checked(words, case, ask, tell)}

    @asked
    def keep(
        self, case: ClipSession, ask: "SettledRequest", tell: Callable, request: gr.Request
    ) -> Changes:
        """Film, report and arrays of the map, to watch and to take along."""
        from demo import explanations

        words = words_of(request)
        shown = self._mapped(words, case, ask, tell)
        visit = self.visits.of(request.session_hash)
        files = explanations.files_of(case, ask, new_folder(visit, self.visits))
        film = next((str(path) for path in files if path.suffix == ".mp4"), None)
        start = f'<span data-film-start="{explanations.sample_of(case, ask).start_s:.3f}"></span>'
        shown[self.page.clock_peaks] += start
        return {
            **shown,
            self.page.film: gr.Video(film, label=words("film"), visible=film is not None),
            self.page.files: gr.Files(
                [str(path) for path in files], label=words("report"), visible=True
            ),
        }

    @asked
    def change(
        self, case: ClipSession, ask: "SettledRequest", tell: Callable, request: gr.Request
    ) -> Changes:
        """The standard what-ifs."""
        from demo import explanations

        changes = explanations.changes_of(case, ask)
        return {self.page.whatif: self._changes(words_of(request), ask, changes)}

    def shift(self, frames: float, target: str, window: int, request: gr.Request) -> Changes:
        """One what-if: the sound earlier or later."""

        def shifted(explanations, case, ask):
            return explanations.shifted(case, ask, frames)

        return self._own(target, window, request, shifted)

    def swap(self, name: str | None, target: str, window: int, request: gr.Request) -> Changes:
        """One what-if: the sound of a shipped example."""
        known = {path.name: path for path in upload_checks.EXAMPLES.glob("*.mp4")}
        if name not in known:
            return {self.page.own: ""}
        other = load_clip(known[name])

        def swapped(explanations, case, ask):
            return explanations.swapped(case, ask, other)

        return self._own(target, window, request, swapped)

    def systems(self, text: str, request: gr.Request) -> Changes:
        """The same clip, read by each of the three systems; one that is not here says so."""
        from emo_core.viz import valence_arousal as affect

        page, words = self.page, words_of(request)
        try:
            visit = self.visit(request)
            case = current(visit, words)
            found = {name: self._system(visit, case, name, text) for name in OTHERS}
        except (UserError, BusyError) as error:
            return {page.group: components.state(words, "trouble", "trouble", str(error))}
        said = {name: other.prediction if other else None for name, other in found.items()}
        path = said["jmt"]
        text = (
            components.section(words("system_jmt"), affect.summarise_affect(path)) if path else ""
        )
        return {
            page.group: components.system(words, "group", case.prediction, case.checkpoint.name),
            page.mesm: components.system(
                words, "mesm", said["mesm"], shown_name(found, case, "mesm")
            ),
            page.jmt: components.system(words, "jmt", said["jmt"], shown_name(found, case, "jmt")),
            page.path_text: text,
            page.path_plot: gr.Plot(affect.affect_path(path) if path else None, visible=bool(path)),
        }

    def _system(
        self, visit: Session, case: ClipSession, name: str, text: str
    ) -> ClipSession | None:
        """The clip's case with another system; None where that is not shipped here."""
        model = names(case.clip.path)[name]
        if not service.is_here(model):
            return None
        if not case.clip.path.is_file():
            raise UserError("the clip is no longer here; give it again.")
        return service.open_case(case.clip.path, visit, model, text if name == "mesm" else None)

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
            components.section(words("about_head"), f"{checkpoint.name}: {warning}"),
            components.section(words("calibration"), scores.summarise_calibration(checkpoint)),
            components.section(words("limits"), words("limits_say"), english=False),
        )
        return {
            page.about: "".join(parts),
            page.confusion_text: components.section(
                words("confusion"), scores.summarise_confusion(checkpoint)
            ),
            page.confusion: gr.Plot(scores.confusion_figure(checkpoint), visible=True),
            page.model_card: service.card_text(model),
        }

    def _mapped(
        self, words: Words, case: ClipSession, ask: "SettledRequest", tell: Callable
    ) -> Changes:
        from demo import explanations
        from emo_core.viz import attribution as figures
        from emo_core.viz.overlay import overlay_frames

        page = self.page
        known = explanations.has_map(case, ask)
        found = explanations.map_of(case, ask, tell)
        sample, config = explanations.sample_of(case, ask), case.checkpoint.sample.mel
        told = words(
            "ready",
            seconds=format_seconds(found.seconds),
            passes=found.forward_passes,
            method=words.named("method", found.method),
        )
        shown = overlay_frames(found, sample)
        grid = components.scale(words, found.signed) + components.frame_gallery(shown)
        matrix = explanations.attention_of(case, ask)
        return {
            page.explain_status: components.hint(words("cached") if known else told),
            page.frames_map: components.section(
                words("frames_map"), words("frames_map_say"), grid, english=False
            )
            if shown
            else components.hint(words("no_picture_map")),
            page.sound_map_text: components.section(
                words("sound_map"), words("sound_map_say"), english=False
            ),
            page.sound_map: gr.Plot(figures.mel_overlay(found, sample, config), visible=True),
            page.clock_text: components.section(
                words("clock_head"),
                figures.summarise_clock(found),
                components.hint(words("clock_say")),
            ),
            page.clock_plot: gr.Plot(figures.joint_timeline(found, case.prediction), visible=True),
            page.clock_peaks: components.peak_list(words, explanations.find_peaks(found, PEAKS)),
            page.attention_text: components.section(
                "Attention", figures.summarise_attention(matrix)
            ),
            page.attention_plot: gr.Plot(
                figures.attention_matrix(matrix) if matrix else None, visible=matrix is not None
            ),
            page.trust: components.hint(
                words("trust_say", passes=explanations.check_cost(case, ask).passes)
            ),
            page.trust_plot: gr.Plot(None, visible=False),
        }

    def _checked(
        self, words: Words, case: ClipSession, ask: "SettledRequest", tell: Callable
    ) -> Changes:
        from demo import explanations
        from emo_core.viz import attribution as figures

        trust = explanations.trust_of(case, ask, tell)
        table = components.trust(words, trust.verdict, figures.trust_rows(trust))
        head = components.section(words("trust_head"), "", table)
        return {
            self.page.trust: head + components.hint(words("trust_read")),
            self.page.trust_plot: gr.Plot(figures.trust_curves(trust), visible=True),
        }

    def _changes(self, words: Words, ask: "SettledRequest", found: tuple) -> str:
        from emo_core.viz.attribution import summarise_what_if

        label = words.named("label", ask.target)
        rows = [(change, summarise_what_if(change, ask.target)) for change in found]
        return components.section(
            words("whatif_head"),
            words("whatif_say", label=label),
            components.counterfactual_list(words, rows, ask.target),
            english=False,
        )

    def _own(self, target: str, window: int, request: gr.Request, make: Callable) -> Changes:
        from demo import explanations

        words = words_of(request)
        try:
            case = current(self.visit(request), words)
            ask = explanations.MapRequest(target=target, window=window).settled(case)
            with explanations.as_user_error():
                found = make(explanations, case, ask)
        except (UserError, BusyError) as error:
            return {self.page.own: components.state(words, "trouble", "trouble", str(error))}
        from emo_core.viz.attribution import summarise_what_if

        rows = [(found, summarise_what_if(found, ask.target))]
        return {self.page.own: components.counterfactual_list(words, rows, ask.target)}


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
