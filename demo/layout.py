"""What stands where on the page; nothing of what it does."""

from dataclasses import dataclass, fields
from html import escape
from typing import Any

import gradio as gr

from demo import components
from demo.examples import example_names
from demo.i18n import CHOICE, FALLBACK, NAMES, Words, tables
from demo.settings import Limits

# What each part of ours does in the browser, once it is there: theme.SCRIPTS define the functions.
PLAYER = """
const player = mountPlayer(element, { unplayable: () => trigger('unplayable') });
document.addEventListener('click', (event) => {
  const frame = event.target.closest('[data-seek]');
  if (frame) player.seek(Number(frame.dataset.seek));
});
const draw = () => { if (props.value) player.update(props.value); else player.clear(); };
watch('value', draw);
draw();
"""
ENTRY = """
const entry = mountEntry(element, (given) => {
  props.value = JSON.stringify(given);
  trigger('submit');
});
const draw = () => { if (props.value && typeof props.value === 'object') {
  const first = !entry.show; entry.draw(props.value); if (first) entry.begin(); } };
watch('value', draw);
draw();
"""
GUESSES = """
const draw = () => mountGuesses(element).update(props.value);
watch('value', draw);
draw();
"""
FADERS = """
const draw = () => mountFaders(element).update(props.value);
watch('value', draw);
draw();
"""
PLOT: dict[str, Any] = {"show_label": False, "container": False}


@dataclass
class Page:
    """Every part that an event reads or writes."""

    player: Any = None
    guesses: Any = None
    entry: Any = None
    link: Any = None
    link_from: Any = None
    link_to: Any = None
    fetch: Any = None
    consent: Any = None
    status: Any = None
    stop_answer: Any = None
    details: Any = None
    target: Any = None
    window: Any = None
    method: Any = None
    preset: Any = None
    explain: Any = None
    cancel: Any = None
    explain_status: Any = None
    frames_map: Any = None
    sound_map_text: Any = None
    sound_map: Any = None
    share_text: Any = None
    share_plot: Any = None
    attention_text: Any = None
    attention_plot: Any = None
    keep: Any = None
    film: Any = None
    files: Any = None
    check: Any = None
    trust: Any = None
    trust_plot: Any = None
    change: Any = None
    whatif: Any = None
    faders: Any = None
    swap: Any = None
    own: Any = None
    systems_drawer: Any = None
    transcript: Any = None
    ask: Any = None
    group: Any = None
    mesm: Any = None
    jmt: Any = None
    path_text: Any = None
    path_plot: Any = None
    about_drawer: Any = None
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
            "entry",
            "link",
            "link_from",
            "link_to",
            "fetch",
            "consent",
            "explain",
            "ask",
            "keep",
            "change",
            "transcript",
            "systems_drawer",
            "about_drawer",
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
        with gr.Column(scale=8, min_width=320, elem_id="show"):
            page.player = gr.HTML(
                None, html_template="", js_on_load=PLAYER, elem_id="player", apply_default_css=False
            )
        with gr.Column(scale=5, min_width=320, elem_id="said"):
            page.status = gr.HTML(
                components.state(Words(FALLBACK), "busy", "busy"), elem_id="answer"
            )
            page.stop_answer = gr.Button(
                say("cancel"), variant="stop", visible=False, elem_id="stop-answer"
            )
            page.guesses = gr.HTML(
                None,
                html_template="",
                js_on_load=GUESSES,
                elem_id="guesses",
                apply_default_css=False,
            )
            page.consent = gr.Checkbox(
                label=say("consent"), value=False, visible=False, elem_id="consent"
            )
            _inputs(page, say, limits)
    with gr.Column(visible=False, elem_id="details") as page.details:
        _details(page, say)
    gr.Markdown(say("notice"), elem_classes="notice")
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
        f'<a href="?{CHOICE}={name}" hreflang="{name}" lang="{name}" '
        f'data-ask="{escape(Words(name)("language_ask"))}">{NAMES[name]}</a>'
        for name in sorted(tables(), key=lambda name: name != FALLBACK)
    )
    return f'<nav class="languages" aria-label="Language, Sprache">{links}</nav>'


def _inputs(page: Page, say: gr.I18n, limits: Limits) -> None:
    page.entry = gr.HTML(
        None, html_template="", js_on_load=ENTRY, elem_id="entry", apply_default_css=False
    )
    with gr.Accordion(say("more_ways"), open=False, visible=limits.links, elem_id="more-ways"):
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


def _details(page: Page, say: gr.I18n) -> None:
    with gr.Column(elem_id="went-by", elem_classes="place"):
        _went_by(page, say)
    with gr.Column(elem_id="believe", elem_classes="place"):
        gr.Markdown(say("believe"), elem_classes="head")
        page.trust = gr.HTML(elem_id="trust")
        page.check = gr.Button(say("check_map"), elem_id="check")
        page.trust_plot = gr.Plot(label=say("trust_head"), visible=False, **PLOT)
    with gr.Column(elem_id="what-if", elem_classes="place"):
        _what_if(page, say)
    _drawers(page, say)


def _went_by(page: Page, say: gr.I18n) -> None:
    gr.Markdown(say("went_by"), elem_classes="head")
    gr.Markdown(say("why_say"), elem_classes="quiet")
    with gr.Row():
        page.target = gr.Dropdown([], label=say("target"), min_width=150, elem_id="target")
        page.method = gr.Dropdown([], label=say("method"), min_width=190, elem_id="method")
        page.window = gr.Dropdown([], label=say("window"), min_width=130, visible=False)
    page.preset = gr.Radio([], label=say("preset"), elem_id="preset")
    with gr.Row():
        page.explain = gr.Button(say("explain"), variant="primary", elem_id="explain")
        page.cancel = gr.Button(say("cancel"), variant="stop", interactive=False, elem_id="cancel")
        page.keep = gr.Button(say("film_make"), elem_id="keep")
    page.explain_status = gr.HTML(elem_id="explain-status", min_height=34)
    page.film = gr.Video(visible=False, interactive=False, elem_id="film", height=380)
    page.files = gr.Files(visible=False, interactive=False, elem_id="files")
    page.frames_map = gr.HTML(elem_id="frames-map")
    page.sound_map_text = gr.HTML()
    page.sound_map = gr.Plot(label=say("sound_map"), visible=False, **PLOT)
    page.share_text = gr.HTML()
    page.share_plot = gr.Plot(label=say("share"), visible=False, **PLOT)
    page.attention_text = gr.HTML()
    page.attention_plot = gr.Plot(label="Attention", visible=False, **PLOT)


def _what_if(page: Page, say: gr.I18n) -> None:
    gr.Markdown(say("whatif"), elem_classes="head")
    page.faders = gr.HTML(
        None, html_template="", js_on_load=FADERS, elem_id="faders", apply_default_css=False
    )
    page.change = gr.Button(say("whatif_ask"), elem_id="change")
    page.whatif = gr.HTML(elem_id="whatif")
    page.swap = gr.Dropdown(
        [(name.replace("_", " "), f"{name}.mp4") for name in sorted(example_names())],
        value=None,
        label=say("swap"),
        elem_id="swap",
    )
    page.own = gr.HTML(elem_id="own")


def _drawers(page: Page, say: gr.I18n) -> None:
    with gr.Accordion(say("systems"), open=False, elem_id="systems") as page.systems_drawer:
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
    with gr.Accordion(say("about"), open=False, elem_id="about-drawer") as page.about_drawer:
        page.about = gr.HTML(elem_id="about")
        page.confusion_text = gr.HTML()
        page.confusion = gr.Plot(label=say("confusion"), visible=False, **PLOT)
        with gr.Accordion(say("card"), open=False):
            page.model_card = gr.Markdown()
    with gr.Accordion(say("facts"), open=False):
        page.facts = gr.HTML()
    with gr.Accordion(say("json"), open=False):
        page.json = gr.JSON(show_label=False, label=say("json"))
