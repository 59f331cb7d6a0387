"""The page: give it a clip of a group, see what the model says and what it looked at.

Layout only: what happens to a clip is in handlers.py.
"""

import base64
import os
import signal
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]  # `python demo/app.py` works without installing

import gradio as gr  # noqa: E402
import handlers  # noqa: E402

EXAMPLES = HERE.parent / "assets" / "examples"
EVERY_S, AGE_S = 900, 2400  # looks every 15 minutes for files older than 40: all gone in an hour
MODEL = {"concurrency_limit": 1, "concurrency_id": "model"}
FILE_TYPES = ["video", "audio", ".mkv", ".mov", ".mpg", ".avi", ".webm", ".opus", ".flac", ".m4a"]
TITLE = """
# emo <small>the mood of a group, as onlookers would call it</small>
Give it a short clip of people together. A small model watches and listens, answers
**positive**, **neutral** or **negative**, and shows what it looked at.
"""
NOTICE = """
<p><strong>What this is not.</strong> The answer guesses which word onlookers would choose for a
group. It never knows what anyone feels.</p>
<p>Not for use at work, nor in class on classmates. Only give clips whose people agree. Clips are
deleted within the hour and used for nothing else.</p>
"""
EMPTY = """<section class="card quiet"><h2>No clip yet</h2>
<p>Upload one or record one with the camera. The answer appears here.</p></section>"""
BUSY = """<section class="card busy"><h2>Watching and listening …</h2>
<div class="stripe"></div><p>The first clip takes a few seconds more, while the model loads.</p>
</section>"""
# gr.Video calls a film that this browser can't play an error, although the model reads it well.
HEAD = """<script>
new MutationObserver(() => {
  for (const toast of document.querySelectorAll(".toast-body.error"))
    if (toast.textContent.includes("Video not playable")) toast.style.display = "none";
}).observe(document, {childList: true, subtree: true});
</script>"""
BROKEN = """<section class="card trouble" role="alert"><h2>No answer</h2>
<p>Something in the app itself went wrong, not in your clip; reload the page and try again.</p>
</section>"""


def error_card(sentence: str) -> str:
    """A clip without an answer, and why."""
    text = escape(sentence)
    return f'<section class="card trouble" role="alert"><h2>No answer</h2><p>{text}</p></section>'


def answer_card(result: handlers.View) -> str:
    """The answer with its probabilities and notes."""
    kind = "unsure" if result.abstains else result.label
    rows = "".join(
        f'<div class="row {escape(label)}"><span class="name">{escape(label.capitalize())}</span>'
        f'<span class="track"><span class="fill" style="width:{100 * value:.1f}%"></span></span>'
        f'<span class="value">{escape(handlers.view.percent(value))}</span></div>'
        for label, value in result.probabilities.items()
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in result.notes)
    return (
        f'<section class="card {escape(kind)}" aria-live="polite">'
        f'<p class="kicker">{escape(result.clip)}</p><h2>{escape(result.headline)}</h2>'
        f'<p>{escape(result.summary)}</p><div class="bars">{rows}</div>'
        + (f'<ul class="notes">{notes}</ul>' if notes else "")
        + "</section>"
    )


def frame_grid(result: handlers.View) -> str:
    """Pictures inside the page itself: nothing of the clip is written to disk for them."""
    figures = "".join(
        f'<figure><img src="{_data_url(image)}" alt="Frame at {escape(caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for image, caption in result.frames
    )
    return _section("Frames used", result.frames_text, f'<div class="frames">{figures}</div>')


def _data_url(image: object) -> str:
    import cv2

    _, png = cv2.imencode(".png", image[..., ::-1])
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _section(title: str, sentence: str, content: str = "") -> str:
    return f'<div class="part"><h3>{title}</h3><p>{escape(sentence)}</p>{content}</div>'


def fact_table(result: handlers.View) -> str:
    """What the file is, as rows."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in result.facts
    )
    return f'<div class="part"><h3>The clip</h3><table class="facts">{rows}</table></div>'


def show(path: str | None) -> Iterator[list]:
    """What the page shows for a clip: first that work is going on, then all of the answer."""
    nothing = [gr.skip()] * 7
    if path is None:
        yield [EMPTY, gr.Column(visible=False), *nothing]
        return
    yield [BUSY, gr.Column(visible=False), *nothing]
    try:
        result = handlers.answer(path)
    except handlers.HandlerError as error:
        yield [error_card(str(error)), gr.Column(visible=False), *nothing]
        return
    long = result.timeline is not None
    yield [
        answer_card(result),
        gr.Column(visible=True),
        gr.HTML(_section("Over time", result.timeline_text), visible=long),
        gr.Plot(result.timeline, visible=long),
        frame_grid(result),
        _section("The sound the model heard", result.log_mel_text),
        result.log_mel,
        fact_table(result),
        result.json,
    ]


def predict(clip: str | None) -> dict:
    """Answers one video or sound file as JSON: schema_version, results, errors."""
    if clip is None:
        return handlers.document(errors=({"clip": "", "error": "no file given; give a clip."},))
    return handlers.answer_json(clip)


def build_demo() -> gr.Blocks:
    """The page, not yet served."""
    with gr.Blocks(title="emo", analytics_enabled=False, delete_cache=(EVERY_S, AGE_S)) as demo:
        gr.Markdown(TITLE, elem_id="title")
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=320):
                inputs = _inputs()
            with gr.Column(scale=6, min_width=320):
                status = gr.HTML(EMPTY, elem_id="answer")
                gr.HTML(NOTICE, elem_id="notice")
        outputs = [status, *_details()]
        for given in inputs:
            event = given.change(
                show, given, outputs, show_progress="minimal", show_progress_on=status,
                api_visibility="private", trigger_mode="always_last", **MODEL,
            )  # fmt: skip
            event.failure(lambda: BROKEN, None, status, api_visibility="private")
        clip, result = gr.File(visible=False, label="Clip"), gr.JSON(visible=False, label="Answer")
        gr.Button(visible=False).click(predict, clip, result, api_name="predict", **MODEL)
    return demo.queue(max_size=16)


def _inputs() -> list[gr.components.Component]:
    with gr.Tabs():
        with gr.Tab("Video"):
            video = gr.Video(
                sources=["upload", "webcam"], include_audio=True, height=380,
                label="Clip with picture and sound", elem_id="video",
            )  # fmt: skip
        with gr.Tab("Sound or other"):
            other = gr.File(
                file_types=FILE_TYPES, height=320, label="Sound file, or a video this browser "
                "can't play", elem_id="file",
            )  # fmt: skip
    examples = sorted(EXAMPLES.glob("*.mp4"))
    if examples:
        gr.Examples(
            [[str(path)] for path in examples], video, label="Drawn examples", cache_examples=False,
            api_visibility="private",
        )  # fmt: skip
    return [video, other]


def _details() -> list[gr.blocks.Block]:
    with gr.Column(visible=False) as details:
        time_text = gr.HTML()
        time_plot = gr.Plot(show_label=False, label="Over time", container=False)
        frames = gr.HTML()
        sound_text = gr.HTML()
        sound_plot = gr.Plot(show_label=False, label="Log-mel", container=False)
        facts = gr.HTML()
        with gr.Accordion("The answer as JSON", open=False):
            answer = gr.JSON(show_label=False, label="Answer")
    return [details, time_text, time_plot, frames, sound_text, sound_plot, facts, answer]


def main() -> None:
    """Serves the page on this computer until it is stopped; then every clip it got is deleted."""
    theme = gr.themes.Default(
        primary_hue="emerald", neutral_hue="slate", text_size="lg", radius_size="lg",
        font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"],
    )  # fmt: skip
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stopped either way, it cleans up
    with TemporaryDirectory(prefix="emo-") as folder:
        os.environ.setdefault("GRADIO_TEMP_DIR", folder)
        demo = build_demo()
        demo.launch(
            theme=theme, css_paths=[HERE / "style.css"], head=HEAD, max_file_size="50mb",
            allowed_paths=[str(EXAMPLES)], run_history=False, show_error=False, mcp_server=False,
            footer_links=["api", "settings"], share=False, ssr_mode=False, prevent_thread_lock=True,
        )  # fmt: skip
        handlers.warm()  # after the page is up: importing torch would hold it back
        demo.block_thread()


if __name__ == "__main__":
    main()
