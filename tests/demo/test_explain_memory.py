"""Forty-five explanations leave the server's memory where it was."""

import json
from pathlib import Path

import gradio_client
import psutil
import pytest

from emo_core.schema import METHOD_NAMES
from tests.support.predictions import write_people_clip
from tests.support.serving import patient_client, served

CLIENTS, EACH = 9, 5
MORE_BYTES = 60 << 20  # 45 kept maps with their windows would be 45 × 5 MB


def explain_all(url: str, folder: Path, clip: bytes, name: str) -> None:
    """EACH explanations of one client's own clip, each by another method; then it leaves."""
    path = folder / f"{name}.mp4"
    path.write_bytes(clip + name.encode())  # its own content: nothing is known of it yet
    client = patient_client(url)
    for method in METHOD_NAMES[:EACH]:
        given = (
            gradio_client.handle_file(str(path)),
            True,
            method,
            "fast",
            "",
            False,
            "group-staged",
        )
        answer = client.predict(*given, api_name="/explain")
        assert answer["method"] == method
    client.close()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_forty_five_explanations_leave_memory_where_it_was(tmp_path):
    home, sent = tmp_path / "home", tmp_path / "sent"
    home.mkdir(), sent.mkdir()
    clip = write_people_clip(tmp_path / "clip.mp4", 5.0).read_bytes()
    with served(home) as (url, process):
        app = psutil.Process(process.pid)
        explain_all(url, sent, clip, "warm")  # models and libraries are loaded, allocators grown
        rss = [app.memory_info().rss]
        for number in range(CLIENTS):
            explain_all(url, sent, clip, f"client-{number}")
            rss.append(app.memory_info().rss)
    print(json.dumps({"explanations": CLIENTS * EACH, "mb": [size >> 20 for size in rss]}))
    assert rss[-1] - rss[0] < MORE_BYTES
