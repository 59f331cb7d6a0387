"""The page without a browser: requests, and what is shown one after the other."""

import types
from collections.abc import Iterable
from pathlib import Path

EXAMPLES = sorted((Path(__file__).parents[2] / "assets" / "examples").glob("*.mp4"))
FAST = ("grad_cam", "fast", None, None)


def asked_by(session: str = "one", language: str = "en"):
    headers = {"accept-language": language}
    client = types.SimpleNamespace(host="1.2.3.4")
    return types.SimpleNamespace(
        session_hash=session, headers=headers, client=client, query_params={}, cookies={}
    )


def last_of(steps: Iterable[dict]) -> dict:
    """What the page shows when an event is over; parts that were told before stay as told."""
    return [*steps][-1]


def shown(events, path, agreed=True, request=None) -> list[dict]:
    """What the page shows one after the other: answer, then details, as the page asks for them."""
    request = request or asked_by()
    steps = list(events.show(str(path), agreed, request))
    details = events.details(request)
    return [*steps, details] if "json" in details else steps
