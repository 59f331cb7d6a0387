"""Which of gradio's routes are open; every other one, also one that a new gradio brings, is 404."""

import re

from gradio.routes import API_PREFIX as API

GET, POST = "GET", "POST"
_TEXT = r"[^/]+"
OPEN = {  # method -> full patterns of paths
    GET: (
        r"/",
        r"/config/?",
        r"/theme\.css",
        r"/favicon\.ico",
        r"/robots\.txt",
        r"/manifest\.json",
        r"/preview/\w+\.jpg",
        r"/(?:static|assets|svelte)/.+",
        rf"{API}/info/?",
        rf"{API}/theme\.css",
        rf"{API}/startup-events",
        rf"{API}/heartbeat/[\w-]{{1,64}}",
        rf"{API}/queue/(?:data|status)",
        rf"{API}/upload_progress",
        rf"{API}/call/(?:v2/)?{_TEXT}/{_TEXT}",
        rf"{API}/file=.+",
    ),
    POST: (
        rf"{API}/upload",
        rf"{API}/queue/join",
        rf"{API}/run/{_TEXT}/?",
        rf"{API}/call/(?:v2/)?{_TEXT}/?",
        rf"{API}/(?:cancel|reset)/?",
    ),
}
TOOLS = rf"{API}/mcp(?:/.*)?"  # for agents, where they are switched on
TRIMMER = re.compile(r"/static/ffmpeg/.+")  # 31.7 MB for a button that the page hides
EVENT = re.compile(rf"{API}/(?:queue/join|run/{_TEXT}/?)")  # of the page's own, by fn_index
CALL = re.compile(rf"{API}/call/(v2/)?({_TEXT})/?")
_OPEN = {method: re.compile("|".join(paths)) for method, paths in OPEN.items()}
_TOOLS = re.compile(TOOLS)


def is_open(method: str, path: str, tools: bool) -> bool:
    """Whether the page answers at this path; HEAD is open where GET is."""
    if tools and _TOOLS.fullmatch(path):
        return True
    if TRIMMER.fullmatch(path):
        return False
    known = _OPEN.get(GET if method == "HEAD" else method)
    return known is not None and known.fullmatch(path) is not None
