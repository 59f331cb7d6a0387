"""gradio's app behind the gate: answers of its own stay short and say nothing of the inside."""

import asyncio
import json

import gradio as gr
import httpx
import pytest
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request

from demo.doors import page_app
from tests.support.serving import PATIENCE_S, served


def test_what_can_not_be_read_is_told_by_place_and_not_repeated():
    part = {"loc": ("body", "data"), "msg": "Field required", "input": "x" * 1_000_000}
    asked = Request({"type": "http", "headers": [], "query_string": b""})
    answer = asyncio.run(page_app._answer_invalid(asked, RequestValidationError([part])))
    assert answer.status_code == 422 and len(answer.body) < 400
    assert "body.data: Field required" in json.loads(answer.body)["detail"]
    broken = asyncio.run(page_app._answer_broken(asked, ValueError("/root/secret")))
    assert broken.status_code == 500 and b"secret" not in broken.body


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (gr.Error("Value: " + "x" * 1_000_000), "Value: x"),
        (TypeError("list indices must be integers"), "value that the page does not offer"),
        (FileNotFoundError("/root/secret"), "not here any more"),
    ],
)
def test_values_that_gradio_can_not_use_end_in_a_short_sentence(error, words):
    async def preprocess(value):
        raise error

    with pytest.raises(gr.Error, match=words) as refused:
        asyncio.run(page_app.with_sentences(preprocess)(7))
    assert len(refused.value.message) < 301 and "secret" not in refused.value.message
    assert refused.value.print_exception is False


ODD = [None, True, -1, 99, 2**63, 1.5, "", "x", "0", "x" * 5000, [], [[]], [None] * 50, {}]
FIELDS = ("data", "fn_index", "session_hash", "trigger_id", "event_data", "event_id", "batched")


def odd_bodies(events: int) -> list[dict]:
    """Bodies of which one field is odd or missing, and events with odd values."""
    usual = {"data": [], "fn_index": 0, "session_hash": "ab1", "trigger_id": None}
    found = [{**usual, field: value} for field in FIELDS for value in ODD]
    found += [{name: it for name, it in usual.items() if name != field} for field in usual]
    for number in range(events + 1):
        values = ([], [None] * 2, [{}] * 3, ["x"] * 4, [5], ["x", "y"], [7, "x", "x"])
        found += [{**usual, "data": list(it), "fn_index": number} for it in values]
    return found


def test_no_body_makes_the_page_fail(tmp_path):
    """Every road that takes JSON: never a 5xx, a cut connection or a traceback in the log."""
    with served(tmp_path) as (url, _), httpx.Client(base_url=url, timeout=PATIENCE_S) as http:
        bodies = odd_bodies(len(http.get("/config").json()["dependencies"]))
        roads = ("queue/join", "run/predict", "run/x", "call/predict", "call/v2/predict", "cancel")
        for road in (*roads, "reset"):
            for body in bodies:
                sent = http.post(f"/gradio_api/{road}", json=body)
                assert sent.status_code < 500, (road, body, sent.text)
                assert sent.status_code == 200 or len(sent.text) < 2000, "not short"
                assert "x" * 400 not in sent.text, "what was sent came back"
        for session in ("unknown", "", "x" * 5000, "%00"):
            with http.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as lines:
                assert lines.status_code < 500 and "not" in lines.read().decode().lower()
    said = (tmp_path / "app.log").read_text()
    assert "Traceback" not in said, said[:3000]
