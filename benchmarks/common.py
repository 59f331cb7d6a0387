"""What the benchmarks share: made clips, shuffled timing, and the line that is the result."""

import json
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np


class FixedBatches:
    """Batches that lie in memory, the same in every epoch, in the place of a Loader."""

    def __init__(self, batches: Sequence[Any]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    @property
    def sizes(self) -> list[int]:
        """Clips of each batch."""
        return [len(batch) for batch in self.batches]

    def epoch(self, index: int) -> Iterator[Any]:
        """The batches of any epoch."""
        return iter(self.batches)


def shuffled_times(
    contenders: dict[str, Callable[[], object]],
    rounds: int,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of every contender, in a new random order each round, after one warm-up.

    clock: wall seconds, or `time.process_time` where other programs run.
    """
    for run in contenders.values():
        run()
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    order, rng = list(contenders), random.Random(seed)
    for _ in range(rounds):
        rng.shuffle(order)
        for name in order:
            started = clock()
            contenders[name]()
            spent[name].append(clock() - started)
    return spent


def median_ms(times: list[float]) -> float:
    """Median in milliseconds."""
    return round(1000 * statistics.median(times), 2)


def report(name: str, ratio: float, bound: float, at_most: bool, **facts: object) -> int:
    """Prints the last line; returns the exit code: 1 where the promise is broken."""
    passed = ratio <= bound if at_most else ratio >= bound
    result = {"name": name, "ratio": round(ratio, 3), "bound": bound, "passed": passed, **facts}
    print(json.dumps(result))
    return 0 if passed else 1


def make_clip(
    path: Path,
    seconds: float = 5.0,
    size: tuple[int, int] = (640, 360),
    fps: int = 25,
    static: bool = False,
) -> Path:
    """Writes a clip with moving noise-like texture (or one picture) and a tone, H.264 + AAC."""
    import av

    rng = np.random.default_rng(0)
    texture = rng.integers(0, 256, (size[1] // 4 + 64, size[0] // 4 + 64), dtype=np.uint8)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.options = {"preset": "veryfast", "crf": "23"}
        sound = out.add_stream("aac", rate=44_100, layout="stereo")
        for index in range(round(seconds * fps)):
            shift = 0 if static else index % 64
            part = texture[shift : shift + size[1] // 4, shift : shift + size[0] // 4]
            picture = np.kron(part, np.ones((4, 4), np.uint8))[..., None].repeat(3, 2)
            picture = np.ascontiguousarray(picture[: size[1], : size[0]])
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        for start in range(0, round(seconds * 44_100), 1024):
            count = min(1024, round(seconds * 44_100) - start)
            wave = 0.2 * np.sin(2 * np.pi * 440 * (start + np.arange(count)) / 44_100)
            frame = av.AudioFrame.from_ndarray(
                np.tile(wave, (2, 1)).astype(np.float32), "fltp", "stereo"
            )
            frame.sample_rate, frame.pts = 44_100, start
            out.mux(sound.encode(frame))
        out.mux(video.encode())
        out.mux(sound.encode())
    return path
