"""Work is bounded before it starts: pixels × packets, seconds of decoding, bytes by headers."""

import struct
import time
from pathlib import Path

import numpy as np
import pytest

from demo import service, upload_checks
from demo.job_queue import JobQueue, Stopped
from demo.settings import Limits
from demo.upload_checks import UserError, check_upload
from emo_core.clip import load_clip
from tests.support.predictions import write_clip
from tests.support.serving import PATIENCE_S

CASE = Path(__file__).parents[3] / "shared" / "cases" / "page" / "4k_skip_frames_1200.mp4"


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi", "ts"])
def test_pictures_are_counted_in_every_container(tmp_path, ending):
    clip = load_clip(write_clip(tmp_path / f"clip.{ending}", 4.0))
    assert 40 <= clip.picture_packets <= 44, "10 a second"


def test_pixels_times_packets_are_bounded_at_admission(tmp_path, monkeypatch):
    path = write_clip(tmp_path / "clip.mp4", 4.0)
    monkeypatch.setattr(upload_checks, "MOST_CODED", 64 * 48 * 45)
    check_upload(path, None)
    monkeypatch.setattr(upload_checks, "MOST_CODED", 64 * 48 * 39)
    monkeypatch.setattr(service, "predict_on_gpu", lambda *_, **__: pytest.fail("it was decoded"))
    with pytest.raises(UserError, match="frames of 64 × 48, which take too long"):
        service.open_case(path)


def test_sound_alone_has_no_pictures_to_count(tmp_path):
    path = write_clip(tmp_path / "voice.wav", 2.0, picture=False)
    assert check_upload(path, None).picture_packets == 0


def test_decoding_has_a_budget_that_ends_in_a_sentence(tmp_path, monkeypatch):
    path = write_clip(tmp_path / "clip.mp4", 4.0)
    service.open_case(path)
    monkeypatch.setattr(upload_checks, "MOST_DECODE_S", 0.001)
    with pytest.raises(UserError, match="clip.mp4 takes more than 0 s of computing to read"):
        service.open_case(path)


@pytest.mark.skipif(not CASE.is_file(), reason="the page's cases are not here")
def test_a_file_of_56_bytes_and_5_ms_a_frame_is_bounded(monkeypatch):
    """It lies within every limit of size; a longer one of its kind takes 90 minutes."""
    monkeypatch.setattr(upload_checks, "MOST_DECODE_S", 1.0)
    service.load_model(service.default_model())
    before_s = time.thread_time()
    with pytest.raises(UserError, match="takes more than 1 s of computing to read"):
        service.open_case(CASE)
    assert time.thread_time() - before_s < 2.5
    monkeypatch.setattr(upload_checks, "MOST_CODED", 5e9)
    with pytest.raises(UserError, match="1,200 frames of 4096 × 2304"):
        check_upload(CASE, None)


def test_reading_a_clip_can_be_stopped(tmp_path):
    """Between packets a job gives way and ends."""
    path, queue = write_clip(tmp_path / "clip.mp4", 4.0), JobQueue(Limits())
    told = []

    def work(job):
        def report(done, total):
            told.append((done, total))
            job.drop()
            job.report(done, total)

        return service.open_case(path, progress=report)

    with pytest.raises(Stopped):
        queue.join(work, "a", "a").future.result(PATIENCE_S)
    assert told == [(0, 0)]


def wav(says: int, body: bytes) -> bytes:
    """A WAV of 8 kHz, mono, 16 bits, whose header speaks of so many bytes."""
    kind = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    head = b"RIFF" + struct.pack("<I", 36 + says) + b"WAVEfmt " + kind
    return head + b"data" + struct.pack("<I", says) + body


def test_a_sound_files_bytes_are_held_against_its_header(tmp_path):
    tone = (np.sin(np.arange(16000) * 0.3) * 8000).astype("<i2").tobytes()
    honest, liar = tmp_path / "honest.wav", tmp_path / "liar.wav"
    honest.write_bytes(wav(len(tone), tone))
    liar.write_bytes(wav(len(tone), tone + bytes(12 << 20)))
    assert check_upload(honest, None).duration_s == pytest.approx(2.0)
    with pytest.raises(UserError, match=r"12 MB, but its header speaks of 2.0 s of sound"):
        check_upload(liar, None)
