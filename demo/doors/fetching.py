"""Close gradio's own roads to other machines: this page fetches nothing, except by io.download.

The gate turns requests for a fetch away before gradio sees them. Here the functions that would
fetch are taken out as well, so that a road that the gate does not know leads nowhere.
"""

from importlib import import_module
from typing import Any, NoReturn

import gradio as gr

from demo.doors.bodies import FETCHES_NOTHING

ROADS = (  # module and name of each function of gradio's that asks another machine
    ("gradio.processing_utils", "async_ssrf_protected_get"),
    ("gradio.processing_utils", "async_ssrf_protected_download"),
    ("gradio.processing_utils", "ssrf_protected_download"),
    ("gradio.processing_utils", "save_url_to_cache"),
    ("gradio.processing_utils", "unsafe_download"),
    ("gradio.route_utils", "secure_url_stream_response"),
    ("gradio.routes", "secure_url_stream_response"),
    ("safehttpx", "get"),
)


def fetch_nothing(*_: Any, **__: Any) -> NoReturn:
    """Refuse; takes the place of a function that would ask another machine."""
    raise gr.Error(FETCHES_NOTHING, print_exception=False)


def close_roads() -> None:
    """From now on gradio reaches no address by itself in this process."""
    for module, name in ROADS:
        setattr(import_module(module), name, fetch_nothing)
