"""What every response carries, and what is sent in place of what is refused.

https://www.w3.org/TR/CSP3/ names the directives. gradio's template holds inline scripts, which are
allowed by their hashes, never by 'unsafe-inline'. Two exceptions: its gr.HTML makes a function of
its template ('unsafe-eval' for scripts), and its styles are inline everywhere.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable

from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.i18n import words_for
from emo_core.errors import EmoError

HASHES = "emo.scripts"  # key of the scope: hashes of the inline scripts of this response
LONGEST_SENTENCE = 300  # letters of a refusal; what a visitor sent never comes back whole
_INLINE = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.S | re.I)


class Refusal(EmoError):
    """A request that is not answered: its status, and one sentence."""

    def __init__(self, status: int, sentence: str, /, **values: object) -> None:
        super().__init__(sentence, **values)
        if len(str(self)) > LONGEST_SENTENCE:
            super().__init__(shorten(str(self)))
        self.status = status


def shorten(sentence: str, most: int = LONGEST_SENTENCE) -> str:
    """A sentence of at most `most` letters; the middle of a longer one is left out."""
    if len(sentence) <= most:
        return sentence
    return f"{sentence[: most // 2 - 1]} … {sentence[-(most // 2 - 2) :]}"


def refusal_response(refusal: Refusal, scope: Scope, plain: bool = False) -> Response:
    """The sentence as gradio's own clients read it: JSON, or plain text for uploads.

    scope: of the request, whose headers tell its language; English where they tell none.
    """
    asked = Request(scope)
    words = words_for(asked.headers.get("accept-language"), asked.query_params, asked.cookies)
    said = words.say(str(refusal))
    if plain:
        return PlainTextResponse(said, refusal.status)
    return JSONResponse({"detail": said}, refusal.status)


def script_hash(text: bytes) -> str:
    """The source of a policy that allows one inline script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"


def policy(framed_by: str, scripts: Iterable[str]) -> str:
    """The Content-Security-Policy of one response."""
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(["'self'", "'unsafe-eval'", *scripts]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "worker-src": "'self' blob:",
        "manifest-src": "'self'",
        "connect-src": "'self' blob:",
        "form-action": "'self'",
        "frame-ancestors": framed_by,
        "frame-src": "'none'",
        "object-src": "'none'",
        "base-uri": "'self'",  # gradio's template begins with <base href="./">
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


class SecurityHeaders:
    """Put on each response what browsers need to keep the page to itself."""

    def __init__(self, framed_by: str, own_scripts: Iterable[str]) -> None:
        self.framed_by, self.own_scripts = framed_by, tuple(own_scripts)

    def wrap(self, scope: Scope, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                scripts = (*scope.get(HASHES, ()), *self.own_scripts)
                headers["Content-Security-Policy"] = policy(self.framed_by, scripts)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
            await send(message)

        return sent


class InlineScripts:
    """Note the hashes of a page's inline scripts in the scope, before its headers are sent.

    first: a script that runs before gradio's, which are injected once its own code has run.
    change: what else is done to the page of a request, (body, scope) -> body.
    """

    def __init__(
        self,
        app: ASGIApp,
        first: str = "",
        change: Callable[[bytes, Scope], bytes] = lambda body, scope: body,
    ) -> None:
        self.app, self.first, self.change = app, first.encode(), change

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/":
            await self.app(scope, receive, send)
            return
        start: list[Message] = []
        body = b""

        async def hold(message: Message) -> None:
            nonlocal body
            if message["type"] == "http.response.start":
                start.append(message)
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                body = self.change(body, scope)
                if self.first:
                    body = body.replace(b"<head>", b"<head><script>%b</script>" % self.first, 1)
                MutableHeaders(scope=start[0])["Content-Length"] = str(len(body))
                scope[HASHES] = [script_hash(text) for text in _INLINE.findall(body)]
                await send(start[0])
                await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, hold)
