"""What stands where on the page; nothing of what it does."""

from dataclasses import dataclass, fields
from typing import Any

import gradio as gr

from demo import components, upload_checks
from demo.i18n import CHOICE, FALLBACK, NAMES, Words, tables
from demo.settings import Limits

FILE_TYPES = ["video", "audio", ".mkv", ".mov", ".mpg", ".avi", ".webm", ".opus", ".flac", ".m4a"]
PLOT: dict[str, Any] = {"show_label": False, "container": False}
MOST_SHIFT = 8  # frames of the model, to either side


@dataclass
class Page:
    """Every part that an event reads or writes."""

    video: Any = None
    other: Any = None
    link: Any = None
    link_from: Any = None
    link_to: Any = None
    fetch: Any = None
    consent: Any = None
    status: Any = None
    stop_answer: Any = None
    details: Any = None
    over_text: Any = None
    over_plot: Any = None
    target: Any = None
    window: Any = None
    method: Any = None
    preset: Any = None
    explain: Any = None
    cancel: Any = None
    explain_status: Any = None
    tabs: Any = None
    frames: Any = None
    frames_map: Any = None
    sound_text: Any = None
    sound_plot: Any = None
    sound_map_text: Any = None
    sound_map: Any = None
    wave_text: Any = None
    wave_plot: Any = None
    share_text: Any = None
    share_plot: Any = None
    clock_tab: Any = None
    clock_text: Any = None
    clock_plot: Any = None
    clock_peaks: Any = None
    attention_text: Any = None
    attention_plot: Any = None
    keep: Any = None
    film: Any = None
    files: Any = None
    trust_tab: Any = None
    trust: Any = None
    trust_plot: Any = None
    whatif_tab: Any = None
    whatif: Any = None
    shift: Any = None
    swap: Any = None
    own: Any = None
    systems_tab: Any = None
    transcript: Any = None
    ask: Any = None
    group: Any = None
    mesm: Any = None
    jmt: Any = None
    path_text: Any = None
    path_plot: Any = None
    about_tab: Any = None
    about: Any = None
    confusion_text: Any = None
    confusion: Any = None
    model_card: Any = None
    facts: Any = None
    json: Any = None

    @property
    def stops(self) -> list[Any]:
        """The buttons that stop all of a visitor's: beside the explanations, and of an answer."""
        return [self.cancel, self.stop_answer]

    @property
    def results(self) -> list[Any]:
        """Parts that an event may write: all but those only read or pressed."""
        asked = {
            "link",
            "link_from",
            "link_to",
            "fetch",
            "consent",
            "explain",
            "ask",
            "keep",
            "video",
            "other",
            "transcript",
            "clock_tab",
            "trust_tab",
            "whatif_tab",
            "systems_tab",
            "about_tab",
        }
        return [getattr(self, f.name) for f in fields(self) if f.name not in asked]


def translations() -> gr.I18n:
    """The words of every language, for what stands on the page from the start."""
    return gr.I18n(**tables())


def draw(limits: Limits) -> Page:
    """Draw the page into the Blocks that is open."""
    say, page = translations(), Page()
    gr.HTML(_title(), elem_id="title")
    with gr.Row(equal_height=False, elem_id="stage"):
        with gr.Column(scale=4, min_width=320, elem_id="give"):
            _inputs(page, say, limits)
        with gr.Column(scale=9, min_width=320, elem_id="get"):
            page.status = gr.HTML(components.empty_state(Words(FALLBACK)), elem_id="answer")
            page.stop_answer = gr.Button(
                say("cancel"), variant="stop", visible=False, elem_id="stop-answer"
            )
            with gr.Column(visible=False, elem_id="details") as page.details:
                _details(page, say)
    gr.Markdown(say("notice_more"), elem_classes="notice")
    return page


def _title() -> str:
    words = Words(FALLBACK)
    return (
        '<header><svg viewBox="0 0 64 40" aria-hidden="true" class="logo">'
        '<circle cx="22" cy="20" r="15"/><path d="M34 20h4l3-11 5 22 4-15 3 4h9"/></svg>'
        f"<h1>{words('title')}</h1>{language_links()}</header>"
    )


def language_links() -> str:
    """The switch between the page's languages; language.js keeps the choice."""
    links = "".join(
        f'<a href="?{CHOICE}={name}" hreflang="{name}" lang="{name}">{NAMES[name]}</a>'
        for name in sorted(tables(), key=lambda name: name != FALLBACK)
    )
    return f'<nav class="languages" aria-label="Language, Sprache">{links}</nav>'


def _inputs(page: Page, say: gr.I18n, limits: Limits) -> None:
    gr.Markdown(say("lead"), elem_id="lead")
    page.consent = gr.Checkbox(label=say("consent"), value=False, elem_id="consent")
    with gr.Tabs(elem_id="sources"):
        with gr.Tab(say("tab_video")):
            page.video = gr.Video(
                sources=["upload", "webcam"],
                include_audio=True,
                height=360,
                elem_id="video",
                label="Clip",  # a translated label shows as "[object Object]" in gradio 6.31
            )
        with gr.Tab(say("tab_file")):
            page.other = gr.File(  # its tab says what it is, in the page's language
                file_types=FILE_TYPES, height=200, label="File", show_label=False, elem_id="file"
            )
        with gr.Tab(say("tab_link"), visible=limits.links):
            page.link = gr.Textbox(
                label=say("link"),
                info=say("link_info"),
                max_lines=1,
                max_length=300,
                placeholder="https://",
                elem_id="link",
            )
            with gr.Row():
                page.link_from = gr.Number(0, label=say("link_from"), minimum=0, precision=1)
                page.link_to = gr.Number(10, label=say("link_to"), minimum=0, precision=1)
            page.fetch = gr.Button(say("link_fetch"), variant="primary", elem_id="fetch")
    examples = sorted(upload_checks.EXAMPLES.glob("*.mp4"))
    if examples:
        gr.Examples(
            [[str(path)] for path in examples],
            page.video,
            label=say("examples"),
            cache_examples=False,
            api_visibility="private",
            example_labels=[path.stem.replace("_", " ") for path in examples],
        )
    gr.Markdown(say("notice"), elem_classes="notice")


def _details(page: Page, say: gr.I18n) -> None:
    page.over_text = gr.HTML()
    page.over_plot = gr.Plot(label=say("over_time"), elem_classes="on-clock", **PLOT)
    with gr.Column(elem_id="why"):
        gr.Markdown(say("why"), elem_classes="head")
        gr.Markdown(say("why_say"), elem_classes="quiet")
        with gr.Row():
            page.target = gr.Dropdown([], label=say("target"), min_width=150)
            page.method = gr.Dropdown([], label=say("method"), min_width=190, elem_id="method")
            page.window = gr.Dropdown([], label=say("window"), min_width=130, visible=False)
        page.preset = gr.Radio([], label=say("preset"), elem_id="preset")
        with gr.Row():
            page.explain = gr.Button(say("explain"), variant="primary", elem_id="explain")
            page.cancel = gr.Button(
                say("cancel"), variant="stop", interactive=False, elem_id="cancel"
            )
        page.explain_status = gr.HTML(elem_id="explain-status", min_height=34)
    with gr.Tabs(selected="saw", elem_id="tabs") as page.tabs:
        _explanations(page, say)
        _questions(page, say)
        _around(page, say)
    with gr.Accordion(say("facts"), open=False):
        page.facts = gr.HTML()
    with gr.Accordion(say("json"), open=False):
        page.json = gr.JSON(show_label=False, label=say("json"))


def _explanations(page: Page, say: gr.I18n) -> None:
    with gr.Tab(say("saw"), id="saw"):
        page.frames_map, page.frames = gr.HTML(elem_id="frames-map"), gr.HTML(elem_id="frames")
    with gr.Tab(say("heard"), id="heard"):
        page.sound_map_text = gr.HTML()
        page.sound_map = gr.Plot(
            label=say("sound_map"), visible=False, elem_classes="on-clock", **PLOT
        )
        page.sound_text = gr.HTML()
        page.sound_plot = gr.Plot(label=say("sound"), elem_classes="on-clock", **PLOT)
        page.wave_text = gr.HTML()
        page.wave_plot = gr.Plot(label=say("waveform"), elem_classes="on-clock", **PLOT)
    with gr.Tab(say("mattered"), id="mattered"):
        page.share_text = gr.HTML()
        page.share_plot = gr.Plot(label=say("share"), **PLOT)
    with gr.Tab(say("clock"), id="clock") as page.clock_tab:
        page.clock_text = gr.HTML()
        page.clock_plot = gr.Plot(
            label=say("clock_head"), visible=False, elem_classes="on-clock", elem_id="clock", **PLOT
        )
        page.clock_peaks = gr.HTML()
        page.attention_text = gr.HTML()
        page.attention_plot = gr.Plot(label="Attention", visible=False, **PLOT)
        page.keep = gr.Button(say("film_make"), elem_id="keep")
        page.film = gr.Video(visible=False, interactive=False, elem_id="film", height=380)
        page.files = gr.Files(visible=False, interactive=False, elem_id="files")


def _questions(page: Page, say: gr.I18n) -> None:
    with gr.Tab(say("trust"), id="trust") as page.trust_tab:
        page.trust = gr.HTML(elem_id="trust")
        page.trust_plot = gr.Plot(label=say("trust_head"), visible=False, **PLOT)
    with gr.Tab(say("whatif"), id="whatif") as page.whatif_tab:
        page.whatif = gr.HTML(elem_id="whatif")
        with gr.Row():
            page.shift = gr.Slider(
                -MOST_SHIFT, MOST_SHIFT, 0, step=1, label=say("shift"), elem_id="shift"
            )
            page.swap = gr.Dropdown(
                [
                    (path.stem.replace("_", " "), path.name)
                    for path in sorted(upload_checks.EXAMPLES.glob("*.mp4"))
                ],
                value=None,
                label=say("swap"),
                elem_id="swap",
            )
        page.own = gr.HTML(elem_id="own")


def _around(page: Page, say: gr.I18n) -> None:
    with gr.Tab(say("systems"), id="systems") as page.systems_tab:
        gr.Markdown(say("systems_say"), elem_classes="quiet")
        page.transcript = gr.Textbox(
            label=say("transcript"),
            placeholder=say("transcript_hint"),
            max_length=2000,
            elem_id="transcript",
        )
        page.ask = gr.Button(say("ask_systems"), variant="primary", elem_id="ask")
        with gr.Row(equal_height=True, elem_id="three"):
            page.group, page.mesm, page.jmt = gr.HTML(), gr.HTML(), gr.HTML()
        page.path_text = gr.HTML()
        page.path_plot = gr.Plot(label=say("system_jmt"), visible=False, **PLOT)
    with gr.Tab(say("about"), id="about") as page.about_tab:
        page.about = gr.HTML(elem_id="about")
        page.confusion_text = gr.HTML()
        page.confusion = gr.Plot(label=say("confusion"), visible=False, **PLOT)
        with gr.Accordion(say("card"), open=False):
            page.model_card = gr.Markdown()
