"""Nothing that visitors gave outlives the page, by whatever road it came and however it ends."""

from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from serving import served

FORM = (
    b'--x\r\nContent-Disposition: form-data; name="video"; filename="clip.mp4"\r\n'
    b"Content-Type: video/mp4\r\n\r\n%s\r\n--x--\r\n" % (b"a visitor" * 1000)
)


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.name != "app.log"}


def test_the_screen_recorder_of_gradio_is_not_offered(tmp_path):
    with served(tmp_path) as (url, _):
        before = files(tmp_path)
        sent = {"Content-Type": "multipart/form-data; boundary=x"}
        with pytest.raises(HTTPError) as refused:
            urlopen(Request(f"{url}/gradio_api/process_recording", FORM, sent), timeout=60)
        assert refused.value.code == 404 and files(tmp_path) <= before
        refused.value.close()
        with urlopen(f"{url}/config", timeout=60) as answer:
            assert b'"footer_links":["api"]' in answer.read().replace(b": ", b":")
