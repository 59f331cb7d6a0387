"""Damaged files of every container either play or are refused in one sentence."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from emo_core.clip import ClipError, load_clip
from tests.support import media_files as media
from tests.support.media_files import Picture, Sound, regular

BFRAMES = Picture(regular(30), options=media.BFRAMES | {"g": "10"}, tick=Fraction(1, 25))
MP3, AAC = Sound("libmp3lame", 44_100, seconds=1.2), Sound(rate=44_100, seconds=1.2)
EVERY = 12  # mutations of each file


def copied(path: Path) -> Path:
    """What was copied out of an AVI."""
    source = media.write(path.with_name("source.avi"), BFRAMES, MP3)
    return media.copied_as_avi(source, path)


FILES = {
    "mov.mp4": lambda path: media.write(path, BFRAMES, AAC),
    "mkv.mkv": lambda path: media.write(path, BFRAMES, Sound("alac", seconds=1.2)),
    "avi.avi": lambda path: media.write(path, BFRAMES, MP3),
    "ts.ts": lambda path: media.write(path, BFRAMES, AAC),
    "flv.flv": lambda path: media.write(path, BFRAMES, AAC),
    "mpg.mpg": lambda path: media.write(path, BFRAMES, Sound("mp2", seconds=1.2)),
    "copied.mp4": copied,
    "copied.nut": copied,
    "wav.wav": lambda path: media.write(path, None, Sound("pcm_f32le", gains=(1, -1))),
    "ogg.ogg": lambda path: media.write(path, None, Sound("libopus", seconds=1.2)),
    "moving.png": lambda path: media.write(
        path, Picture(regular(6), "apng", pix_fmt="rgb24"), container_format="apng"
    ),
}


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Bytes changed, overwritten, left out, repeated, put in, or all of the end cut off."""
    size = len(data)
    near = rng.integers(3)  # anywhere, in the header, in the index at the end
    at = int(rng.integers((0, 0, max(size - 4096, 0))[near], (size, min(size, 2048), size)[near]))
    length = int(rng.choice([1, 4, 16, 300]))
    noise = rng.bytes(length)
    extreme = (b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff")[rng.integers(3)]
    return (
        data[:at] + noise + data[at + length :],
        data[:at] + extreme + data[at + 4 :],
        data[:at] + data[at + length :],
        data[:at] + data[at : at + length] * 2 + data[at + length :],
        data[:at] + noise + data[at:],
        data[: at + 1],
    )[rng.integers(6)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", FILES)
def test_damage_ends_in_a_clip_or_a_sentence(name: str, tmp_path: Path) -> None:
    data = FILES[name](tmp_path / name).read_bytes()
    rng = np.random.default_rng(sorted(FILES).index(name))
    for _ in range(EVERY):
        path = tmp_path / f"damaged{Path(name).suffix}"
        path.write_bytes(mutated(data, rng))
        try:
            clip = load_clip(path)
            if clip.has_video:
                times = np.minimum([0.0, 0.3, clip.duration_s / 2, clip.duration_s], 3600)
                assert np.isfinite(clip.read_frames(times, size=(16, 12)).times_s).all()
            assert np.isfinite(clip.audio(8000, 0, min(clip.duration_s, 3))).all()
        except ClipError as error:
            assert "\n" not in str(error) and str(error).count(";") == 2
