"""Promise `decode`: sampling T frames by time, against the fastest other way on the same clips.

    python -m benchmarks.promises.decode [--seconds S]

Every contender opens the file, returns the same T frames (the ones on display at given times) as
112x112 RGB, and uses one decoder thread, since clips are decoded one per thread. Contenders take
turns in shuffled order; the best of each counts. What counts is processor time, which for one
thread is wall time on a quiet machine and stays comparable on a busy one; `wall_ratio` is the same
figure from the clock. Contenders that are not installed are named in `absent`. The last line is
JSON: ratio = fastest other contender's time / ours, the geometric mean over clips and T; `ratios`
has every cell and `worst` the smallest.
"""

import argparse
import importlib
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from emo_core.clip import load_clip

SIDE = 112  # pixels, width and height of the sampled frames
COUNTS = (16, 32)  # frames per clip
BOUND = 1.0  # the promised ratio
POOL = 8  # pixels averaged before frames are compared: resizing filters differ in fine detail

Sampler = Callable[[Path, np.ndarray, float], np.ndarray]  # path, times, fps -> (T, 112, 112, 3)


@dataclass(frozen=True)
class Recipe:
    """A synthetic clip."""

    name: str
    codec: str
    size: tuple[int, int]
    fps: int
    seconds: int
    options: dict[str, str]


RECIPES = (
    Recipe(
        "h264_360p.mp4",
        "libx264",
        (640, 360),
        25,
        5,
        {"preset": "veryfast", "crf": "23", "g": "250"},
    ),
    Recipe(
        "h264_720p.mp4",
        "libx264",
        (1280, 720),
        30,
        10,
        {"preset": "veryfast", "crf": "26", "g": "250"},
    ),
    Recipe(
        "hevc_360p.mp4",
        "libx265",
        (640, 360),
        25,
        5,
        {"preset": "veryfast", "x265-params": "log-level=none"},
    ),
    Recipe(
        "vp9_360p.webm",
        "libvpx-vp9",
        (640, 360),
        30,
        5,
        {"deadline": "realtime", "cpu-used": "8", "b": "1M"},
    ),
)


def write_clip(path: Path, recipe: Recipe) -> None:
    """A hand-held scene in which six textured figures sway, with sensor noise and a quiet tone."""
    import av

    width, height = recipe.size
    scene = _texture(height + 16, width + 16)
    noise = np.random.default_rng(1).normal(0, 1.5, (8, height, width, 1)).astype(np.int16)
    opus = path.suffix == ".webm"
    with av.open(str(path), "w") as container:
        video = container.add_stream(recipe.codec, rate=recipe.fps, options=recipe.options)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = container.add_stream(
            "libopus" if opus else "aac", rate=48_000 if opus else 44_100, layout="stereo"
        )
        for index in range(recipe.fps * recipe.seconds):
            clock = index / recipe.fps
            down, right = (int(8 + 7 * math.sin(clock * pace)) for pace in (1.1, 0.7))
            image = scene[down : down + height, right : right + width].copy()
            for figure in range(6):
                left = int(width * (figure + 0.5 + 0.3 * math.sin(clock * 2 + figure)) / 6.5)
                top = int(height * (0.3 + 0.05 * math.sin(clock * 3 + 2 * figure)))
                body = scene[: height // 2, figure * 40 : figure * 40 + width // 12][:, ::-1]
                image[top : top + height // 2, left : left + width // 12] = body
            image = np.clip(image + noise[index % 8], 0, 255).astype(np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode(None))
        tone = np.sin(np.arange(audio.rate * recipe.seconds) * 0.06).astype(np.float32) / 4
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None], "flt", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = audio.rate, 0, Fraction(1, audio.rate)
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))


def _texture(height: int, width: int) -> np.ndarray:
    """(H, W, 3) uint8 noise, smoothed over a few pixels so that it resembles a scene."""
    noise = np.random.default_rng(0).normal(size=(height, width, 3))
    for axis in (0, 1):
        for _ in range(3):
            noise = sum(np.roll(noise, shift, axis) for shift in range(-3, 4)) / 7
    return np.clip(128 + 60 * noise / noise.std(), 0, 255).astype(np.uint8)


def ours(path: Path, times_s: np.ndarray, _: float) -> np.ndarray:
    return load_clip(path).read_frames(times_s, size=(SIDE, SIDE)).pixels


def pyav(path: Path, times_s: np.ndarray, _: float) -> np.ndarray:
    """The usual loop: decode on, keep the frame before the first one past each time."""
    import av

    taken: list[np.ndarray] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        shown = None
        for frame in container.decode(stream):
            while len(taken) < len(times_s) and frame.time > times_s[len(taken)]:
                taken.append(_small(shown or frame))
            if len(taken) == len(times_s):
                break
            shown = frame
    taken += [_small(shown)] * (len(times_s) - len(taken))
    return np.stack(taken)


def _small(frame: object) -> np.ndarray:
    return frame.reformat(SIDE, SIDE, "rgb24", interpolation="AREA", threads=1).to_ndarray()


def torchcodec(path: Path, times_s: np.ndarray, _: float, mode: str = "exact") -> np.ndarray:
    from torch.nn.functional import interpolate
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(str(path), num_ffmpeg_threads=1, seek_mode=mode)
    data = decoder.get_frames_played_at(times_s.tolist()).data
    small = interpolate(data.float(), (SIDE, SIDE), mode="area")
    return small.round().byte().permute(0, 2, 3, 1).numpy()


def torchcodec_in_decoder(path: Path, times_s: np.ndarray, _: float) -> np.ndarray:
    from torchcodec.decoders import VideoDecoder
    from torchcodec.transforms import Resize

    decoder = VideoDecoder(
        str(path), num_ffmpeg_threads=1, seek_mode="approximate", transforms=[Resize((SIDE, SIDE))]
    )
    return decoder.get_frames_played_at(times_s.tolist()).data.permute(0, 2, 3, 1).numpy()


def opencv(path: Path, times_s: np.ndarray, fps: float) -> np.ndarray:
    """Grabs on and retrieves only the wanted frames; these clips have a constant rate."""
    import cv2

    reader = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    wanted, position, taken = [int(time_s * fps) for time_s in times_s], -1, []
    for index in wanted:
        while position < index:
            reader.grab()
            position += 1
        image = cv2.resize(reader.retrieve()[1], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        taken.append(image[..., ::-1])
    reader.release()
    return np.stack(taken)


def ffmpeg(path: Path, times_s: np.ndarray, fps: float) -> np.ndarray:
    wanted = sorted({int(time_s * fps) for time_s in times_s})
    chosen = "+".join(f"eq(n\\,{index})" for index in wanted)
    filters = f"select='{chosen}',scale={SIDE}:{SIDE}:flags=area"
    command = ["ffmpeg", "-v", "error", "-threads", "1", "-i", str(path), "-an", "-vf", filters]
    command += ["-filter_threads", "1", "-frames:v", str(len(wanted)), "-fps_mode", "passthrough"]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    run = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(run.stdout, np.uint8).reshape(-1, SIDE, SIDE, 3)


def contenders(probe: Path) -> tuple[dict[str, Sampler], dict[str, str]]:
    """The samplers that work here, and the others with the reason."""
    every: dict[str, Sampler] = {
        "ours": ours,
        "pyav": pyav,
        "torchcodec_exact": torchcodec,
        "torchcodec_approximate": lambda *args: torchcodec(*args, mode="approximate"),
        "torchcodec_in_decoder": torchcodec_in_decoder,
        "opencv": opencv,
        "ffmpeg": ffmpeg,
    }
    absent = {} if shutil.which("ffmpeg") else {"ffmpeg": "not on PATH"}
    for name in [name for name in every if name not in absent]:
        try:
            every[name](probe, np.array([0.1]), 25.0)
        except Exception as error:  # whatever an optional package does when it is incomplete
            absent[name] = str(error).strip().split("\n")[0][:100] or type(error).__name__
    return {name: run for name, run in every.items() if name not in absent}, absent


@dataclass
class Best:
    """The shortest times of one contender so far, in seconds."""

    busy: float = math.inf  # processor time, child processes included
    wall: float = math.inf


def race(
    runs: dict[str, Sampler], path: Path, recipe: Recipe, count: int, seconds: float
) -> dict[str, Best]:
    """The best times of each contender, in shuffled turns, at least two each."""
    times_s = (np.arange(count) + 0.5) * recipe.seconds / count
    times_s = (np.floor(times_s * recipe.fps) + 0.5) / recipe.fps  # mid-frame: no ties to argue
    check_same_frames(runs, path, times_s, recipe.fps)
    best = {name: Best() for name in runs}
    started, turn = time.perf_counter(), 0
    while turn < 2 or time.perf_counter() - started < seconds:
        order = list(runs)
        random.Random(turn).shuffle(order)
        for name in order:
            busy, wall = _busy(), time.perf_counter()
            runs[name](path, times_s, recipe.fps)
            best[name].wall = min(best[name].wall, time.perf_counter() - wall)
            best[name].busy = min(best[name].busy, _busy() - busy)
        turn += 1
    return best


def _busy() -> float:
    """Processor seconds of this process and its finished children."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def check_same_frames(
    runs: dict[str, Sampler], path: Path, times_s: np.ndarray, fps: float
) -> None:
    """Stops unless every contender's frames are nearer to ours than to ours one frame off."""
    before, ours_, after = (_pooled(ours(path, times_s + off / fps, fps)) for off in (-1, 0, 1))
    for name, run in runs.items():
        frames = _pooled(run(path, times_s, fps))
        here, early, late = (
            np.abs(frames - other).mean((1, 2, 3)) for other in (ours_, before, after)
        )
        if not ((here < early) & (here < late)).all():
            raise SystemExit(f"{name} returned other frames than ours on {path.name}")


def _pooled(frames: np.ndarray) -> np.ndarray:
    blocks = frames.reshape(len(frames), SIDE // POOL, POOL, SIDE // POOL, POOL, 3)
    return blocks.astype(float).mean((2, 4))


def one_thread_each() -> None:
    """Keeps resizing in TorchCodec's and OpenCV's company on one thread too."""
    for module in ("torch", "cv2"):
        try:
            library = importlib.import_module(module)
        except ImportError:
            continue
        (library.set_num_threads if module == "torch" else library.setNumThreads)(1)


def cell_of(best: dict[str, Best]) -> dict[str, object]:
    """One clip and T: who came second and by how much."""
    others = [name for name in best if name != "ours"]
    fastest = min(others, key=lambda name: best[name].busy)
    quickest = min(best[name].wall for name in others)
    return {
        "ratio": round(best[fastest].busy / best["ours"].busy, 3),
        "wall_ratio": round(quickest / best["ours"].wall, 3),
        "fastest_other": fastest,
        "ms": {name: round(1e3 * it.busy, 1) for name, it in best.items()},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="per clip and T")
    seconds = parser.parse_args().seconds
    one_thread_each()
    cells: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as folder:
        for recipe in RECIPES:
            write_clip(Path(folder) / recipe.name, recipe)
        runs, absent = contenders(Path(folder) / RECIPES[0].name)
        for recipe in RECIPES:
            for count in COUNTS:
                best = race(runs, Path(folder) / recipe.name, recipe, count, seconds)
                cells[f"{recipe.name} T={count}"] = cell = cell_of(best)
                print(f"{recipe.name} T={count}: {cell}")
    ratio = _mean([cell["ratio"] for cell in cells.values()])
    report = {
        "name": "decode",
        "ratio": ratio,
        "bound": BOUND,
        "passed": ratio >= BOUND,
        "worst": min(cell["ratio"] for cell in cells.values()),
        "wall_ratio": _mean([cell["wall_ratio"] for cell in cells.values()]),
        "made_of": "geometric mean over clips and T of the fastest other's processor time / ours",
        "threads": 1,
        "absent": absent,
        "cells": cells,
    }
    print(json.dumps(report))
    return 0 if report["passed"] else 1


def _mean(ratios: list[float]) -> float:
    return round(math.exp(sum(map(math.log, ratios)) / len(ratios)), 3)


if __name__ == "__main__":
    sys.exit(main())
