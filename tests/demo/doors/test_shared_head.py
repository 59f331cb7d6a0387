"""Tags for shared addresses name this page as a visitor's browser knows it."""

import pytest
from starlette.requests import Request

from demo.doors.shared_head import own_address, shared_head, with_own_head

PROXY = {"x-forwarded-proto": "https", "x-forwarded-host": "emo.school.example"}


def asked(query: str = "", root_path: str = "", **headers: str) -> Request:
    given = {"host": "localhost:7860", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return Request(
        {
            "type": "http",
            "scheme": "http",
            "server": ("127.0.0.1", 7860),
            "path": "/",
            "root_path": root_path,
            "query_string": query.encode(),
            "headers": [(k.encode(), v.encode()) for k, v in given.items()],
        }
    )


@pytest.mark.parametrize(
    ("request_", "proxied", "address"),
    [
        (asked(), False, "http://localhost:7860"),
        (asked(**PROXY), True, "https://emo.school.example"),
        (asked(**PROXY), False, "http://localhost:7860"),
        (asked(x_forwarded_proto="http, https"), True, "https://localhost:7860"),
        (asked(x_forwarded_proto="javascript"), True, "http://localhost:7860"),
        (asked(root_path="/emo/"), False, "http://localhost:7860/emo"),
    ],
)
def test_the_address_is_the_visitor_s(request_, proxied, address):
    assert own_address(request_, proxied) == address


def test_a_name_that_no_example_has_is_no_part_of_the_page():
    head = shared_head(asked('clip="><script>alert(1)</script>'), False)
    assert "<script" not in head and "/preview/seen_negative.jpg" in head
    assert "&lt;img" in shared_head(asked(host='"<img'), False)


def test_gradio_s_tags_go_and_nothing_else():
    page = (
        b'<!doctype html><html><head><meta charset="utf-8" />\n'
        b'<meta property="og:title" content="Gradio" />\n'
        b'<meta\n property="og:image"\n content="https://elsewhere.example/x.jpg"\n/>'
        b'<meta name="twitter:card" content="x" /><title>emo</title></head>'
    )
    scope = asked("lang=de").scope
    found = with_own_head(page, scope, False)
    assert b"Gradio" not in found and b"elsewhere" not in found
    assert b'<meta charset="utf-8" />' in found and b"<title>emo</title>" in found
    assert 'content="emo · Wie wirkt eine Gruppe'.encode() in found
