"""Tools for agents, asked by the protocol's own client as an agent asks them."""

import ast
import asyncio
import base64
from pathlib import Path

import pytest

from emo_core.schema import METHOD_NAMES, PRESET_NAMES
from tests.support.serving import served

mcp = pytest.importorskip("mcp", reason="the package mcp is not installed")
EXAMPLE = Path(__file__).parents[2] / "assets" / "examples" / "both_positive.mp4"
AS_DATA = f"data:video/mp4;base64,{base64.b64encode(EXAMPLE.read_bytes()).decode()}"


USUAL = {
    "clip": AS_DATA,
    "everyone_agreed": True,
    "method": "grad_cam",
    "preset": "fast",
    "target": "",
    "checks": False,
    "model": "",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with served(tmp_path_factory.mktemp("app"), EMO_MCP="1") as (url, _):
        yield url


def ask(app, *calls: tuple[str, dict]):
    """What the tools are, by name, and what each call gets."""
    from mcp.client.streamable_http import streamable_http_client

    async def visit():
        async with (
            streamable_http_client(f"{app}/gradio_api/mcp/") as (read, write, _),
            mcp.ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            return tools, [await session.call_tool(*call) for call in calls]

    return asyncio.run(visit())


def said(result) -> dict:
    """The object of an answer, which gradio writes as Python does."""
    return ast.literal_eval(result.content[0].text)


def test_tools_say_what_they_take(app):
    tools, _ = ask(app)
    assert sorted(tools) == ["explain", "predict"]
    (predict,), (explain,) = (
        [t for name, t in tools.items() if w in name] for w in ("pred", "expl")
    )
    given = explain.inputSchema["properties"]
    assert given["method"]["enum"] == list(METHOD_NAMES)
    assert given["preset"]["enum"] == list(PRESET_NAMES)
    assert {"", "positive", "anger", "valence"} <= set(given["target"]["enum"])
    for tool in (predict, explain):
        assert {"", "group-people"} <= set(tool.inputSchema["properties"]["model"]["enum"])
        assert (
            "an uploaded file, or a data: URI"
            in tool.inputSchema["properties"]["clip"]["description"]
        )
        assert "everyone_agreed" in tool.inputSchema["required"]


def test_a_clip_as_data_is_answered_and_explained(app):
    _, (answer, map_) = ask(
        app,
        ("predict", {"clip": AS_DATA, "everyone_agreed": True, "model": "group-staged"}),
        ("explain", {**USUAL, "method": "shapley", "target": "neutral"}),
    )
    (found,) = said(answer)["results"]
    assert found["label"] == "positive" and found["model"] == "group-staged"
    assert said(map_)["method"] == "shapley" and "neutral" in said(map_)["target"]


BROKEN = "data:video/mp4;base64,AAAA"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"everyone_agreed": False, "clip": BROKEN}, "everyone_agreed is not true"),
        ({"target": "anger"}, "expected one of positive, neutral"),
        ({"clip": BROKEN}, "expected a video"),
    ],
)
def test_errors_of_the_library_come_word_for_word(app, changed, words):
    _, (answer,) = ask(app, ("explain", {**USUAL, **changed}))
    (error,) = said(answer)["errors"]
    assert words in error["error"]


@pytest.mark.parametrize("changed", [{"method": "tea_leaves"}, {"model": "/etc"}, {"target": "x"}])
def test_a_value_that_is_none_of_the_enumeration_is_told_which_there_are(app, changed):
    _, (answer,) = ask(app, ("explain", {**USUAL, **changed}))
    ((name, value),) = changed.items()
    text = answer.content[0].text
    assert answer.isError and f"{value!r} is not one of" in text
    assert {"method": "shapley", "model": "group-people", "target": "positive"}[name] in text
