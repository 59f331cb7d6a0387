"""Bodies: JSON that holds no address, and calls that give what their endpoint takes."""

import json

import pytest

from demo.doors.bodies import Parameter, check_body, check_call, check_event, is_address
from demo.doors.responses import Refusal

ENDPOINTS = {"predict": (Parameter("clip", "file"), Parameter("everyone_agreed", "boolean"))}


def file(path: str) -> dict:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize(
    "path",
    ["http://a/b.mp4", " HTTPS://a/b", "ftp://a/b", "data:video/mp4;base64,AAAA", "file:///etc"],
)
def test_an_address_is_refused_wherever_it_stands(path):
    for data in ([file(path)], [[{"deep": [file(path)]}]], {"clip": file(path)}):
        with pytest.raises(Refusal, match="fetches nothing") as refused:
            check_body(json.dumps({"data": data}).encode())
        assert refused.value.status == 403
    with pytest.raises(Refusal, match="fetches nothing"):
        check_body(json.dumps({"clip": file(path)}).encode())


def test_paths_are_no_addresses():
    assert not any(
        map(is_address, ["/tmp/emo-1/files/a:b.mp4", "clip.mp4", "", None, 7, ["http:"]])
    )
    body = {"data": [file("/tmp/a.mp4"), "http://a link to be typed"], "session_hash": "a1"}
    assert check_body(json.dumps(body).encode()) == body


def test_an_agents_argument_may_hold_a_clip_but_not_its_address():
    call = {"method": "tools/call", "params": {"arguments": {"clip": "data:video/mp4;base64,AA"}}}
    assert check_body(json.dumps(call).encode()) == call
    call["params"]["arguments"]["clip"] = "https://a/b.mp4"
    with pytest.raises(Refusal, match="data: URI"):
        check_body(json.dumps(call).encode())


@pytest.mark.parametrize(
    "body", [b"xx", b"", b"[1]", b"[" * 100_000, b'"' + b"x" * 10_000, b"\xff", b"9" * 9000]
)
def test_what_is_no_object_is_said_in_one_short_sentence(body):
    with pytest.raises(Refusal, match="expected") as refused:
        check_body(body)
    assert refused.value.status == 400 and len(str(refused.value)) < 301


@pytest.mark.parametrize("session", ["x" * 65, "a b", "../x", 7, ["a"], ""])
def test_a_visits_name_is_short_and_plain(session):
    with pytest.raises(Refusal, match="session_hash"):
        check_body(json.dumps({"data": [], "session_hash": session}).encode())


@pytest.mark.parametrize(
    ("name", "given", "by_name", "status", "words"),
    [
        ("nothing", {"data": []}, False, 404, "there are /predict"),
        ("predict", {"dat": []}, False, 422, "one value for each"),
        ("predict", {"data": [None]}, False, 422, "expected 2 values, got 1"),
        ("predict", {"data": [None, "yes"]}, False, 422, "expected true or false"),
        ("predict", {"data": ["clip.mp4", True]}, False, 422, "expected an uploaded file"),
        ("predict", {"clip": None}, True, 422, "everyone_agreed is missing"),
    ],
)
def test_calls_say_what_was_expected(name, given, by_name, status, words):
    with pytest.raises(Refusal, match=words) as refused:
        check_call(ENDPOINTS, name, given, by_name)
    assert refused.value.status == status


def test_a_right_call_passes():
    check_call(ENDPOINTS, "predict", {"data": [file("/a"), True]}, by_name=False)
    check_call(ENDPOINTS, "predict", {"clip": None, "everyone_agreed": False}, by_name=True)


EVENTS = {
    0: (Parameter("dataset", "place", 4),),
    3: (Parameter("video", "file"), Parameter("checkbox", "boolean")),
    5: (Parameter("slider", "number"), Parameter("dropdown", "choice")),
    7: (),
}


@pytest.mark.parametrize("number", [None, -1, 1, 99, 2**63, 10**40, True, 3.0, "3", [], {}, [3]])
def test_an_event_that_the_page_does_not_have_is_said(number):
    with pytest.raises(Refusal, match="no event with this fn_index; .* 0 to 7") as refused:
        check_event(EVENTS, {"data": [None, None], "fn_index": number})
    assert refused.value.status == 404 and len(str(refused.value)) < 301


@pytest.mark.parametrize(
    ("number", "data", "words"),
    [
        (3, None, "one value for each"),
        (3, {"0": None}, "one value for each"),
        (3, [], "event 3 takes video, checkbox"),
        (3, [None] * 3, "one value for each"),
        (7, [None], "takes nothing"),
        (0, [None], "place"),
        (0, [4], "place"),
        (0, [-1], "place"),
        (0, [True], "place"),
        (0, ["0"], "place"),
        (3, ["clip.mp4", True], "an uploaded file"),
        (3, [{}, True], "an uploaded file"),
        (3, [{"path": 7}, True], "an uploaded file"),
        (3, [[file("/a")], True], "an uploaded file"),
        (3, [None, 1], "true or false"),
        (5, ["2", "a"], "a number"),
        (5, [True, "a"], "a number"),
        (5, [1, {}], "one of its choices"),
        (5, [1, ["x" * 100_000]], "one of its choices"),
    ],
)
def test_an_event_is_given_what_it_takes(number, data, words):
    with pytest.raises(Refusal, match=words) as refused:
        check_event(EVENTS, {"data": data, "fn_index": number})
    assert refused.value.status == 422 and len(str(refused.value)) < 301


@pytest.mark.parametrize(
    ("number", "data"),
    [(0, [3]), (3, [None, None]), (3, [file("/a"), False]), (5, [-2, 7]), (5, [1.5, "a"]), (7, [])],
)
def test_a_right_event_passes(number, data):
    check_event(EVENTS, {"data": data, "fn_index": number})
