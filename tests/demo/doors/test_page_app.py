"""gradio's app behind the gate: answers of its own stay short and say nothing of the inside."""

import asyncio
import json

import gradio as gr
import pytest
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request

from demo.doors import page_app


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


def test_an_idle_page_rests_between_two_polls_of_its_queue(monkeypatch):
    rests = []

    async def idle():
        with gr.Blocks() as blocks:
            gr.Button().click(lambda: None)
        page_app.poll_less_often(blocks)

        async def sleep(seconds):
            rests.append(seconds)
            blocks._queue.stopped = len(rests) == 3

        monkeypatch.setattr("gradio.queueing.asyncio.sleep", sleep)
        await blocks._queue.start_processing()

    asyncio.run(idle())
    assert rests == [page_app.POLL_S] * 3
