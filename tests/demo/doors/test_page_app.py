"""gradio's app behind the gate: answers of its own stay short and say nothing of the inside."""

import asyncio
import json

from fastapi.exceptions import RequestValidationError

from demo.doors import page_app


def test_what_can_not_be_read_is_told_by_place_and_not_repeated():
    part = {"loc": ("body", "data"), "msg": "Field required", "input": "x" * 1_000_000}
    answer = asyncio.run(page_app._answer_invalid(None, RequestValidationError([part])))
    assert answer.status_code == 422 and len(answer.body) < 400
    assert "body.data: Field required" in json.loads(answer.body)["detail"]
    broken = asyncio.run(page_app._answer_broken(None, ValueError("/root/secret")))
    assert broken.status_code == 500 and b"secret" not in broken.body
