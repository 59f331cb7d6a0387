"""Promise `cache`: an epoch read from the cache against decoding it."""

import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.common import make_clip, median_ms, report, shuffled_times
from emo_core.clip import load_clip
from emo_core.data.cache import Cache
from emo_core.preprocess.sample import SampleConfig, decode_window

BOUND, CLIPS = 200.0, 12


def main() -> int:
    config = SampleConfig(width=112, height=112)
    with tempfile.TemporaryDirectory() as folder:
        first = make_clip(Path(folder) / "0.mp4")
        paths = [first]
        for index in range(1, CLIPS):  # other bytes, same picture: a key of its own
            paths.append(first.with_name(f"{index}.mp4"))
            paths[-1].write_bytes(first.read_bytes() + bytes([index]))
        cache = Cache(config, Path(folder) / "cache")

        def decode(path: Path) -> object:
            clip = load_clip(path)
            return decode_window(clip, config, 0, clip.duration_s)

        buffer = np.empty((config.frames, config.height, config.width, 3), np.uint8)

        def read() -> None:
            for path in paths:
                window = cache.get(cache.key(path), partial(decode, path))
                np.copyto(buffer, window.pixels)  # every byte is really read
                window.wave.copy()

        started = time.perf_counter()
        read()
        filled_s = time.perf_counter() - started
        spent = shuffled_times({"cache": read, "decode": lambda: [decode(p) for p in paths]}, 5)
    read_ms, decode_ms = (median_ms(spent[name]) / CLIPS for name in ("cache", "decode"))
    return report(
        "cache",
        decode_ms / read_ms,
        BOUND,
        False,
        read_ms_per_clip=round(read_ms, 3),
        decode_ms_per_clip=round(decode_ms, 2),
        filled_s=round(filled_s, 2),
        clips=CLIPS,
    )


if __name__ == "__main__":
    sys.exit(main())
