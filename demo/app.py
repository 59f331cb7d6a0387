"""The page: give it a clip of a group, see what the model says and what it went by.

This file wires and serves. layout.py draws, callbacks.py and explain_callbacks.py act, service.py
and explanations.py compute; theme.py names what the browser gets.
"""

import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent)  # `python demo/app.py` works without installing

from demo import temp_files  # noqa: E402
from demo.doors import start  # noqa: E402

if __name__ == "__main__":
    temp_files.end_at_once()  # imports take seconds, and nothing is to be cleared away yet
    cores = os.cpu_count() or 1  # one stays for the page itself: answers come sooner
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores - 1)))  # read as torch is imported
    start.check_or_exit()  # gradio reads the port, and its proxies, as it is imported
    start.set_aside()

import gradio as gr  # noqa: E402

from demo import (  # noqa: E402
    api,
    layout,
    service,
    settings,
    theme,
    upload_checks,
)
from demo.callbacks import AnswerCallbacks  # noqa: E402
from demo.doors.connections import bound_connections  # noqa: E402
from demo.doors.page_app import page_app  # noqa: E402
from demo.doors.visit_states import forget_visit, keep_inside  # noqa: E402
from demo.explain_callbacks import ExplainCallbacks  # noqa: E402
from demo.first_map import FirstMapCallbacks  # noqa: E402
from demo.sessions import Sessions  # noqa: E402

WAITS = {"concurrency_limit": None}  # for its turn in our own queue, which knows addresses
THREADS_BESIDE = 60  # for all that does not wait for its turn
PRIVATE = {"api_visibility": "private"}
GREY_OUT = """(...given) => {
  document.querySelectorAll('.player').forEach((player) => player.classList.add('stale'));
  return given;
}"""
AT_ONCE = {"queue": False, "show_progress": "hidden", **PRIVATE}


def build_demo(allowed: settings.Limits | None = None, folder: Path | None = None) -> gr.Blocks:
    """The page, not yet served. `folder` is where visitors' files are."""
    allowed = allowed or settings.read()
    folder = folder or Path(os.environ.get("GRADIO_TEMP_DIR", HERE))
    visits = Sessions(allowed, folder)
    cache = (allowed.sweep_s, allowed.keep_s)  # gone within the hour
    with gr.Blocks(
        title="emo", analytics_enabled=False, delete_cache=cache, fill_width=True
    ) as demo:
        page = layout.draw(allowed)
        answers, explains = AnswerCallbacks(page, visits), ExplainCallbacks(page, visits)
        first_maps = FirstMapCallbacks(page, visits)
        api.offer(visits, WAITS)  # first: names go to who asks first
        _answers(page, answers, first_maps, allowed)
        _explanations(page, answers, explains)
        demo.load(answers.greet, None, [page.status, page.entry], **AT_ONCE)
        demo.unload(answers.leave)
    visits.forget_elsewhere = partial(forget_visit, demo)
    demo.visits = visits
    return demo.queue(max_size=THREADS_BESIDE, api_open=False)


def _answers(
    page: layout.Page,
    answers: AnswerCallbacks,
    first_maps: FirstMapCallbacks,
    allowed: settings.Limits,
) -> None:
    """A clip comes in, by any road."""
    busy = {"show_progress": "hidden", "trigger_mode": "always_last", **PRIVATE, **WAITS}
    answer = [page.status, page.player, page.guesses, page.consent, page.details, *page.stops]
    quiet = {"show_progress": "hidden", **PRIVATE, **WAITS}
    roads = [
        page.entry.submit(answers.give, [page.entry, page.consent], answer, **busy),
        page.consent.change(answers.again, page.consent, answer, **busy),
    ]
    taken = [page.player, page.guesses, page.status, page.details]
    page.consent.input(answers.take_back, page.consent, taken, **AT_ONCE)
    if allowed.links:
        link = [page.link, page.link_from, page.link_to, page.consent]
        fetched = gr.on(
            [page.fetch.click, page.link.submit],
            answers.fetch,
            link,
            [page.status, page.consent, *page.stops],
            show_progress="hidden",
            **WAITS,
            **PRIVATE,
        )
        roads.append(fetched.success(answers.again, page.consent, answer, **busy))
    for answered in roads:
        answered.success(first_maps.first_map, None, page.results, **quiet)
        answered.success(answers.details, None, page.results, show_progress="hidden", **PRIVATE)
        answered.failure(answers.show_failure, None, page.status, **PRIVATE)


def _explanations(page: layout.Page, answers: AnswerCallbacks, explains: ExplainCallbacks) -> None:
    """Everything behind the first answer, each on demand."""
    asked = [page.method, page.preset, page.target, page.window]
    quiet = {"show_progress": "hidden", **PRIVATE, **WAITS}  # its own words tell how it goes
    priced = [page.method, page.preset]
    for choice in asked:  # another question: the map is not its answer
        choice.input(explains.price, priced, page.results, js=GREY_OUT, **quiet)
    for trigger, run in (
        (page.explain.click, explains.explain),
        (page.check.click, explains.check),
        (page.keep.click, explains.keep),
        (page.change.click, explains.change),
    ):
        ended = trigger(run, asked, page.results, **quiet)
        ended.failure(answers.show_failure, None, page.explain_status, **PRIVATE)
        ended.then(explains.finish, None, page.stops, **AT_ONCE)
    for button in page.stops:
        button.click(explains.stop, None, page.stops, **AT_ONCE)
    page.player.unplayable(explains.play, None, page.results, **quiet)
    where = [page.target, page.window]
    page.swap.input(explains.swap, [page.swap, *where], page.results, **quiet)
    for trigger in (page.ask.click, page.systems_drawer.expand, page.transcript.submit):
        trigger(explains.systems, page.transcript, page.results, **quiet)
    page.about_drawer.expand(explains.about, None, page.results, **quiet)


def _launch(demo: Any, allowed: settings.Limits) -> None:
    """Serve the page; returns once it is up."""
    name = start.server_name()
    bound_connections(allowed)
    _, url, _ = demo.launch(
        max_threads=allowed.waiting + THREADS_BESIDE,
        server_name=name,
        theme=theme.build_theme(),
        css_paths=theme.STYLES,
        head=theme.head_html(),
        max_file_size="50mb",
        i18n=layout.translations(),
        allowed_paths=[str(upload_checks.EXAMPLES), str(theme.CUTTING_FOLDER)],
        run_history=False,
        show_error=False,
        mcp_server=allowed.mcp,
        footer_links=["api"],
        favicon_path=str(theme.FAVICON),
        _app=page_app(demo, allowed, demo.visits.storage, name),
        share=False,
        enable_monitoring=False,
        ssr_mode=False,
        prevent_thread_lock=True,
        quiet=True,  # it would offer a public link, which this page does not have
    )
    print("The page is open:", " ".join(start.addresses(url)), flush=True)


def serve() -> None:
    """Serve the page on this computer until it is stopped; then every clip it got is deleted."""
    try:
        allowed = settings.read()
        api.check_tools(allowed)
    except settings.LimitError as error:
        start.end_with(error)
    temp_files.end_cleanly()
    with temp_files.own_folder() as folder:
        os.environ.setdefault("GRADIO_TEMP_DIR", str(folder))
        keep_inside(folder)
        demo = build_demo(allowed)
        visits = demo.visits  # type: ignore[attr-defined]  # gradio's class does not declare it
        _launch(demo, allowed)
        start.bring_back()
        visits.sweep_always(service.shared_files)
        service.preload_model()  # after the page is up: importing torch would hold it back
        try:
            demo.block_thread()
        finally:
            demo.visits.close()  # type: ignore[attr-defined]


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        serve()
    temp_files.leave()
