"""What may stand in the body of a request: small JSON without an address to fetch."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from demo.doors.responses import Refusal

MOST_BYTES = 256 << 10  # of a JSON body; the page's own have less than 10 KB
FETCHES_NOTHING = (
    "this page fetches nothing from an address; upload the file (POST /gradio_api/upload) and give "
    "the path that comes back; an agent's tool takes a data: URI."
)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)
_SESSION = re.compile(r"[\w-]{1,64}", re.A)
_KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "boolean": (bool, "true or false"),
    "string": (str, "a text"),
    "number": ((int, float), "a number"),
    "choice": ((str, int, float), "one of its choices"),
    "place": (int, "the place of one of those that are shown"),
}
_FILE = (dict, 'an uploaded file, {"path": "…", "meta": …}')


@dataclass(frozen=True)
class Parameter:
    """One argument of an endpoint or event.

    `kind` as in JSON Schema, or "file" for an uploaded file, "choice" for one of several values,
    "place" for a number below `most`.
    """

    name: str
    kind: str
    most: int = 0


Endpoints = Mapping[str, tuple[Parameter, ...]]
Events = Mapping[int, tuple[Parameter, ...]]  # by fn_index


def endpoints_of(api_info: Mapping[str, Any]) -> dict[str, tuple[Parameter, ...]]:
    """The arguments of each named endpoint, from gradio's description of the page."""
    return {
        name.strip("/"): tuple(
            Parameter(given["parameter_name"], (given["type"] or {}).get("type", "file"))
            for given in endpoint["parameters"]
        )
        for name, endpoint in api_info["named_endpoints"].items()
    }


def events_of(demo: Any) -> dict[int, tuple[Parameter, ...]]:
    """The arguments of each event of a page (gr.Blocks), the endpoints' among them."""
    return {index: tuple(map(_parameter_of, event.inputs)) for index, event in demo.fns.items()}


def _parameter_of(part: Any) -> Parameter:
    """What one part of the page gives to an event."""
    name = part.get_block_name()
    if name == "dataset":
        return Parameter(name, "place", len(part.samples))
    if hasattr(part, "choices"):
        return Parameter(name, "choice")
    kind = part.api_info().get("type")
    return Parameter(name, kind if kind in _KINDS else "file")


def is_address(path: object) -> bool:
    """Whether a file's path is an address (http:, data:, file: …) and not a path."""
    return isinstance(path, str) and _ADDRESS.match(path.strip()[:40]) is not None


def _arguments(call: dict) -> list[object]:
    """What an agent gives to a tool (JSON-RPC)."""
    given = call.get("arguments")
    return list(given.values()) if isinstance(given, dict) else []


def _is_link(value: object) -> bool:
    """Whether an agent's argument is an address; a data: URI holds the clip itself."""
    return is_address(value) and not str(value).strip().startswith("data:")


def check_session(session: object) -> None:
    """Raise Refusal unless a visit's name is short and plain."""
    if session is not None and not (isinstance(session, str) and _SESSION.fullmatch(session)):
        raise Refusal(400, "session_hash is not plain; expected up to 64 letters, digits, - or _.")


def check_body(body: bytes) -> dict[str, Any]:
    """The object of a body; raises Refusal for what is no object, or asks for a fetch."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(
            400, 'the body is not JSON; expected an object such as {"data": [...]}.'
        ) from None
    if not isinstance(found, dict):
        raise Refusal(400, 'the body is no object; expected one such as {"data": [...]}.')
    for file in _objects(found):
        if is_address(file.get("path")) or any(map(_is_link, _arguments(file))):
            raise Refusal(403, FETCHES_NOTHING)
    check_session(found.get("session_hash"))
    return found


def file_paths(found: dict[str, Any]) -> Iterator[str]:
    """Every file that a body names."""
    for file in _objects(found):
        if isinstance(path := file.get("path"), str):
            yield path


def _objects(found: object) -> Iterator[dict]:
    """Every JSON object inside, the outermost too."""
    left = [found]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            yield item
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)


def check_call(endpoints: Endpoints, name: str, given: dict[str, Any], by_name: bool) -> None:
    """Raise Refusal unless a call names an endpoint and gives each of its arguments."""
    if name not in endpoints:
        known = " and ".join(f"/{known}" for known in endpoints)
        raise Refusal(
            404, "there is no endpoint /{name}; there are {known}.", name=name, known=known
        )
    parameters = endpoints[name]
    takes = f"/{name} takes {', '.join(parameter.name for parameter in parameters)}"
    if by_name:
        missing = [p.name for p in parameters if p.name not in given]
        if missing:
            raise Refusal(
                422, "{takes}; {missing} is missing.", takes=takes, missing=", ".join(missing)
            )
        values = [given[parameter.name] for parameter in parameters]
    else:
        listed = given.get("data")
        if not isinstance(listed, list):
            raise Refusal(
                422, '{takes}; expected {{"data": [...]}} with one value for each.', takes=takes
            )
        values = listed
        if len(values) != len(parameters):
            raise Refusal(
                422,
                "{takes}; expected {count} values, got {found}.",
                takes=takes,
                count=len(parameters),
                found=len(values),
            )
    for parameter, value in zip(parameters, values, strict=True):
        _check_value(takes, parameter, value)


def check_event(events: Events, given: dict[str, Any]) -> None:
    """Raise Refusal unless a body is of an event of the page and gives each of its arguments."""
    number = given.get("fn_index")
    if not isinstance(number, int) or isinstance(number, bool) or number not in events:
        raise Refusal(
            404,
            "there is no event with this fn_index; expected 0 to {events}, as in /config.",
            events=max(events),
        )
    parameters, listed = events[number], given.get("data")
    takes = f"event {number} takes {', '.join(p.name for p in parameters) or 'nothing'}"
    if not isinstance(listed, list) or len(listed) != len(parameters):
        raise Refusal(
            422, '{takes}; expected {{"data": [...]}} with one value for each.', takes=takes
        )
    for parameter, value in zip(parameters, listed, strict=True):
        _check_value(takes, parameter, value)


def _check_value(takes: str, parameter: Parameter, value: object) -> None:
    """Raise Refusal for a value of another kind; None is what an empty part of the page gives."""
    kind, said = _KINDS.get(parameter.kind, _FILE)
    if value is None and parameter.kind != "place":
        return
    fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if fits and parameter.kind == "place":
        fits = 0 <= value < parameter.most  # type: ignore[operator]  # a whole number
    if fits and isinstance(value, dict):
        fits = isinstance(value.get("path"), str)
    if not fits:
        raise Refusal(
            422,
            "{takes}; {name} is a {kind}; expected {said}.",
            takes=takes,
            name=parameter.name,
            kind=type(value).__name__,
            said=said,
        )
