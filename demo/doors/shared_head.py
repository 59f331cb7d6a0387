"""What the page says of itself where its address is shared: title, sentence, picture."""

import re
from functools import lru_cache
from html import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from demo.examples import FIRST, example_names, example_path
from demo.i18n import Words, words_for

PICTURE = "/preview/{name}.jpg"  # of an example
SIZE = (1200, 630)  # pixels, as pages that show links crop them
AT_S = 2.0
QUALITY = 85
_OF_GRADIO = re.compile(rb"\s*<meta\s+(?:property|name)=\"(?:og|twitter):[^>]*>")


def with_own_head(body: bytes, scope: Scope, behind_proxy: bool) -> bytes:
    """A page with its own description in place of gradio's."""
    head = shared_head(Request(scope), behind_proxy).encode()
    return _OF_GRADIO.sub(b"", body).replace(b"<head>", b"<head>" + head, 1)


def shared_head(request: Request, behind_proxy: bool) -> str:
    """Tags of the Open Graph protocol (ogp.me): of the page, or of the example in its address."""
    words = words_for(request.headers.get("accept-language"), request.query_params, request.cookies)
    asked = request.query_params.get("clip", "")
    name = asked if asked in example_names() else ""
    base = own_address(request, behind_proxy)
    query = f"/?clip={name}" if name else "/"
    tags = {
        "og:type": "website",
        "og:site_name": words("title"),
        "og:title": _title(words, name),
        "og:description": words(f"example_{name}_say") if name else words("shared_say"),
        "og:url": base + query,
        "og:image": base + PICTURE.format(name=name or FIRST),
        "og:image:width": str(SIZE[0]),
        "og:image:height": str(SIZE[1]),
        "og:locale": words.language,
    }
    listed = [f'<meta property="{key}" content="{escape(text)}">' for key, text in tags.items()]
    return "".join([*listed, '<meta name="twitter:card" content="summary_large_image">'])


def _title(words: Words, name: str) -> str:
    return words("shared_title", title=words(f"example_{name}") if name else words("shared_head"))


def own_address(request: Request, behind_proxy: bool) -> str:
    """Scheme, host and path of this page, as a visitor's browser knows them."""
    scheme, host = request.url.scheme, request.headers.get("host", "")
    if behind_proxy:  # the nearest one's word, as for addresses
        said = request.headers.get
        scheme = said("x-forwarded-proto", scheme).split(",")[-1].strip()
        host = said("x-forwarded-host", host).split(",")[-1].strip()
    path = request.scope.get("root_path", "").rstrip("/")
    return f"{'https' if scheme == 'https' else 'http'}://{host}{path}"


async def send_picture(request: Request) -> Response:
    """A moment of an example as large as pages show it; 404 for a name that none has."""
    name = request.path_params["name"]
    if example_path(name) is None:
        return Response(status_code=404)
    headers = {"Cache-Control": "public, max-age=86400"}
    return Response(large_picture(name), media_type="image/jpeg", headers=headers)


@lru_cache(maxsize=8)
def large_picture(name: str) -> bytes:
    """JPEG of SIZE; what does not fit is cut off above and below, or left and right."""
    import cv2

    from emo_core.clip import load_clip

    path = example_path(name)
    assert path is not None
    clip = load_clip(path)
    assert clip.size is not None  # every example has a picture
    scale = max(SIZE[0] / clip.size[0], SIZE[1] / clip.size[1])
    size = round(clip.size[0] * scale), round(clip.size[1] * scale)
    frame = clip.read_frames([AT_S], size).pixels[0]
    left, top = (size[0] - SIZE[0]) // 2, (size[1] - SIZE[1]) // 2
    cut = frame[top : top + SIZE[1], left : left + SIZE[0]]
    _, data = cv2.imencode(".jpg", cut[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()
