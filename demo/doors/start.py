"""What is looked at before the page starts: port, name, folder, model; and no proxy for localhost.

Imports nothing of gradio, which reads the port from the environment as it is imported.
"""

import errno
import os
import socket
import sys
import tempfile
from collections.abc import Mapping, MutableMapping
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from demo.settings import LimitError
from emo_core.messages import say

PORT, NAME, FOLDER = "GRADIO_SERVER_PORT", "GRADIO_SERVER_NAME", "GRADIO_TEMP_DIR"
MODELS = "EMO_MODEL", "EMO_MESM", "EMO_JMT"
RUNTIMES, PACKAGES = ("torch", "onnx"), ("onnx", "onnxruntime", "onnxscript")
HERE = ("localhost", "127.0.0.1", "::1")
PROXIES = {"http_proxy", "https_proxy", "all_proxy"}
_ASIDE: dict[str, str] = {}  # name -> value of what is hidden now
BINDING = {
    errno.EADDRINUSE: "is taken by another program",
    errno.EACCES: "may not be used by this user",
    errno.EADDRNOTAVAIL: "is at an address that this computer does not have",
}


def check_start(settings: Mapping[str, str] = os.environ) -> None:
    """Raise LimitError, one sentence, for what the page can't start with."""
    _check_port(settings.get(PORT), settings.get(NAME))
    _check_folder(settings)
    for name in MODELS:
        _check_model(name, settings.get(name))
    _check_runtime(settings.get("EMO_RUNTIME") or RUNTIMES[0])


def check_or_exit() -> None:
    """End the program with one sentence where the page can't start."""
    try:
        check_start()
    except LimitError as error:
        end_with(error)


def end_with(error: LimitError) -> NoReturn:
    """End the program with one sentence and 2, as the command ends."""
    print(f"emo: {error}", file=sys.stderr)
    sys.exit(2)


def server_name(settings: Mapping[str, str] = os.environ) -> str:
    """The name to serve under; an address of IPv6 in the brackets that addresses of pages need."""
    said = _ASIDE.get(NAME) or settings.get(NAME) or HERE[1]
    return f"[{said}]" if ":" in said and not said.startswith("[") else said


def addresses(url: str, settings: Mapping[str, str] = os.environ) -> list[str]:
    """Where the page opens: at url, and where it is served to all, at this computer's address."""
    everywhere = {"0.0.0.0": (socket.AF_INET, "192.0.2.1"), "::": (socket.AF_INET6, "2001:db8::1")}
    said = server_name(settings).strip("[]")
    if said not in everywhere:
        return [url]
    family, elsewhere = everywhere[said]
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, 9))  # sends nothing; chooses the address that others see
            own = probe.getsockname()[0]
    except OSError:  # no network
        return [url]
    return [url, f"http://{f'[{own}]' if ':' in own else own}:{urlsplit(url).port}/"]


def _check_port(port: str | None, name: str | None) -> None:
    if port is not None and not (port.isdecimal() and 0 < int(port) < 65536):
        raise LimitError(
            "{name} is {port!r}; expected a whole number from 1 to 65535.",
            name=PORT,
            port=port[:40],
        )
    host = (name or HERE[1]).strip("[]")
    try:
        found = socket.getaddrinfo(host, int(port or 0), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise LimitError(
            "{name} is {host!r}, which is no name of this computer; expected such as 127.0.0.1, "
            "0.0.0.0 or ::1.",
            name=NAME,
            host=host[:60],
        ) from None
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            why = BINDING.get(error.errno or 0, error.strerror)
            raise LimitError(
                "port {port} of {host} {why}; set {name} to another.",
                port=port or say("any"),
                host=host,
                why=why,
                name=PORT,
            ) from None


def _check_folder(settings: Mapping[str, str]) -> None:
    for name in (FOLDER, "TMPDIR"):
        if said := settings.get(name):
            try:
                if name == FOLDER:
                    Path(said).mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=said).close()
            except OSError as error:
                raise LimitError(
                    "{name} is {said!r}, where nothing can be written ({reason}); expected a "
                    "folder that is.",
                    name=name,
                    said=said[:120],
                    reason=error.strerror,
                ) from None


def _check_model(setting: str, name: str | None) -> None:
    """Raise LimitError for a checkpoint that was chosen and can't be loaded; it is kept loaded."""
    if not name:
        return
    from emo_core.checkpoint import CheckpointError
    from emo_core.inference.predict import load_cached

    try:
        load_cached(name)
    except CheckpointError as error:
        raise LimitError("{setting}: {error}", setting=setting, error=error) from None


def _check_runtime(name: str) -> None:
    """Raise LimitError for a way to compute answers that is none, or not installed."""
    if name not in RUNTIMES:
        raise LimitError("EMO_RUNTIME is {name!r}; expected torch or onnx.", name=name[:40])
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if name != RUNTIMES[0] and missing:
        raise LimitError(
            "EMO_RUNTIME is onnx, but the package {name} is not installed; expected the extra "
            'export; run pip install "emo_core[export]".',
            name=missing[0],
        )


def set_aside(settings: MutableMapping[str, str] = os.environ) -> None:
    """Hide from gradio, until the page is up, what it would trip over.

    Its import fails for a proxy of a kind that httpx does not know, it asks its own page through a
    proxy whether it is up, and looks for a free port by IPv4 only, whatever the name.
    """
    for name in list(settings):
        if name.lower() in PROXIES or (name == NAME and ":" in settings[name]):
            _ASIDE[name] = settings.pop(name)


def bring_back(settings: MutableMapping[str, str] = os.environ) -> None:
    """Give the environment its proxies again; none of them is for this computer."""
    settings.update(_ASIDE)
    _ASIDE.clear()
    for name in ("NO_PROXY", "no_proxy"):
        settings[name] = ",".join(filter(None, [settings.get(name), *HERE]))
