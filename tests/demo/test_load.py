"""Thirty visitors at once: nobody's answer is lost, and nothing of it stays."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio_client
import psutil
import pytest

from tests.support.predictions import write_people_clip
from tests.support.serving import patient_client, served

CLIENTS, EACH = 30, 10
PATIENCE_S = 900
MORE_BYTES = 200 << 20  # allocators give back late; 300 clips of three tensors each would be more


def ask(url: str, folder: Path, clip: bytes, number: int) -> list[float]:
    """One client's requests, each with a clip of its own; seconds of each."""
    client = patient_client(url)
    spent = []
    for request in range(EACH):
        path = folder / f"clip-{number}-{request}.mp4"
        path.write_bytes(clip + f"{number}-{request}".encode())
        started = time.monotonic()
        answer = client.predict(gradio_client.handle_file(str(path)), api_name="/predict")
        spent.append(time.monotonic() - started)
        assert answer["errors"] == [] and answer["results"][0]["clip"] == path.name
    client.close()
    return spent


def uploads(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("clip-*.mp4") if path.is_file()]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_thirty_clients_and_three_hundred_requests(tmp_path):
    sent, home = tmp_path / "sent", tmp_path / "home"
    sent.mkdir(), home.mkdir()
    clip = write_people_clip(tmp_path / "clip.mp4", 2.0).read_bytes()
    with served(home) as (url, process):
        ask(url, sent, clip, 999)  # the model is loaded, and every library warm
        app = psutil.Process(process.pid)
        before = app.memory_info().rss
        started = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            work = [pool.submit(ask, url, sent, clip, number) for number in range(CLIENTS)]
            spent = sorted(s for job in work for s in job.result(timeout=PATIENCE_S))
        wall_s = time.monotonic() - started
        most = app.memory_info().rss
        deadline = time.monotonic() + PATIENCE_S
        while uploads(home) and time.monotonic() < deadline:
            time.sleep(1)
        after, left = app.memory_info().rss, len(uploads(home))
    print(
        json.dumps(
            {
                "requests": len(spent),
                "wall_s": round(wall_s, 1),
                "p50_s": round(spent[len(spent) // 2], 2),
                "most_s": round(spent[-1], 2),
                "mb_before": before >> 20,
                "mb_busy": most >> 20,
                "mb_after": after >> 20,
                "files_left": left,
            }
        )
    )
    assert len(spent) == CLIENTS * EACH
    assert left == 0 and not list(home.glob("emo-*"))
    assert after - before < MORE_BYTES
