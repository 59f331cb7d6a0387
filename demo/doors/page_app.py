"""gradio's app behind the gate: what `launch` serves."""

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Any, TypeVar

import gradio as gr
from fastapi.exceptions import RequestValidationError
from gradio.routes import App, ORJSONResponse
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from demo import theme
from demo.doors.bodies import Endpoints, Events, endpoints_of, events_of
from demo.doors.fetching import close_roads
from demo.doors.gate import Gate
from demo.doors.responses import (
    InlineScripts,
    Refusal,
    SecurityHeaders,
    refusal_response,
    script_hash,
    shorten,
)
from demo.doors.routes import API
from demo.doors.shared_head import PICTURE, send_picture, with_own_head
from demo.doors.storage import Storage
from demo.doors.uploads import Uploads
from demo.doors.visit_states import VisitStates, keep_no_empty_files, keep_no_statistics
from demo.settings import Limits

R = TypeVar("R")
UNREADABLE = (
    "what was given can't be used: a file that is not here any more, or a value that the page does "
    "not offer; give it again."
)
POLL_S = 0.01  # between two polls of an empty queue; gradio's 0.001 costs 2 % of a processor


class PageApp(App):
    """gradio's app with the gate outside of all of its own layers."""

    def __init__(
        self,
        limits: Limits,
        endpoints: Endpoints,
        events: Events,
        storage: Storage,
        server_name: str,
    ) -> None:
        self.limits, self.endpoints, self.events = limits, endpoints, events
        self.storage, self.server_name = storage, server_name
        super().__init__(
            default_response_class=ORJSONResponse,
            openapi_url=None,
            middleware=[
                Middleware(
                    InlineScripts,
                    first=theme.language_script(),
                    change=partial(with_own_head, behind_proxy=limits.behind_proxy),
                )
            ],
            exception_handlers={RequestValidationError: _answer_invalid, Exception: _answer_broken},
            routes=[
                Route(f"{API}/upload", Uploads(storage).take, methods=["POST"]),
                Route(PICTURE, send_picture),
            ],
        )
        self.state_holder = VisitStates()

    def build_middleware_stack(self) -> ASGIApp:
        """The layers of gradio inside the gate; starlette asks for them once."""
        own = [script_hash(text.encode()) for text in theme.scripts()]
        security = SecurityHeaders(self.limits.framed_by, own)
        inner = super().build_middleware_stack()
        known = self.endpoints, self.events
        return Gate(inner, self.limits, *known, security, self.storage, self.server_name)


async def _answer_invalid(request: Request, error: Exception) -> Response:
    """A body that gradio can't read: where and what was expected, without what was sent."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    parts = [f"{'.'.join(map(str, part['loc']))[:60]}: {part['msg'][:120]}" for part in found[:2]]
    return refusal_response(
        Refusal(422, "the request can't be read: {parts}.", parts="; ".join(parts)), request.scope
    )


async def _answer_broken(request: Request, error: Exception) -> Response:
    """Something failed inside; nothing of it is told."""
    refusal = Refusal(500, "this page failed at that; change the request.")
    return refusal_response(refusal, request.scope)


def page_app(demo: gr.Blocks, limits: Limits, storage: Storage, server_name: str) -> PageApp:
    """The app to serve a page with. From now on gradio fetches nothing in this process."""
    close_roads()
    poll_less_often(demo)
    keep_no_statistics(demo)
    keep_no_empty_files()
    demo.preprocess_data = with_sentences(demo.preprocess_data)  # type: ignore[method-assign,assignment]
    endpoints = endpoints_of(demo.get_api_info())
    return PageApp(limits, endpoints, events_of(demo), storage, server_name)


def with_sentences(preprocess: Callable[..., Awaitable[R]]) -> Callable[..., Awaitable[R]]:
    """gradio's reader of what an event is given: values it can't use end in one short sentence."""

    @wraps(preprocess)
    async def read(*args: Any, **more: Any) -> R:
        try:
            return await preprocess(*args, **more)
        except Exception as error:
            said = str(error.message) if isinstance(error, gr.Error) else UNREADABLE
            raise gr.Error(shorten(said), print_exception=False) from None

    return read


def poll_less_often(demo: gr.Blocks) -> None:
    """Have gradio rest between two polls of its queue of events."""
    demo._queue.sleep_when_free = POLL_S
