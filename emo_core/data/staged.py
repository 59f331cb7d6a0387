"""Writes drawn clips to disk in the tree of the official VGAF corpus, with the truth beside it."""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import av
import cv2
import numpy as np

from emo_core.data.staged_draw import draw_frames
from emo_core.data.staged_motion import affect, face_box
from emo_core.data.staged_scene import (
    DURATION_S,
    EMOTIONS,
    FPS,
    HEIGHT,
    LABELS,
    SPLITS,
    WIDTH,
    Scene,
    make_scene,
)
from emo_core.data.staged_sound import synthesise
from emo_core.data.staged_voices import RATE

FOLDERS = {"train": "Train", "val": "Val", "test": "Test"}
FRAME_COUNT = round(DURATION_S * FPS)
_BOXES_HZ = 5
_README = "VGAF_readme.txt"
_TRUTH = "truth.jsonl"
# Without cpu-independent the same pixels gave other bytes in up to half of 30 repeats; with it in
# none of 150, and they are the bytes that x264 writes without assembler.
_X264 = {"preset": "veryfast", "crf": "23", "threads": "1", "x264-params": "cpu-independent=1"}
Progress = Callable[[int, int], None]


class StagedError(Exception):
    """Drawn clips that can't be made; the message says what was found and what to do."""


def make_staged(
    out: Path,
    train: int,
    val: int,
    test: int,
    seed: int,
    workers: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Makes the clips, labels and truth; where some exist already, only what is missing.

    progress is called with clips done and clips in all. Raises StagedError for counts that make
    no sense and for a folder that holds anything but an earlier run with the same arguments.
    """
    counts = {"train": train, "val": val, "test": test}
    _check_counts(counts, workers)
    out = Path(out)
    try:
        _claim(out, _readme(counts, seed))
        missing = [s for s in _scenes(counts, seed) if not clip_path(out, s).exists()]
        done = sum(counts.values()) - len(missing)
        for _ in _written(out, missing, workers):
            done += 1
            if progress is not None:
                progress(done, sum(counts.values()))
        _write_labels(out, counts, seed)
    except (OSError, av.FFmpegError) as error:
        raise StagedError(
            f"{error.filename or out} can't be written ({error.strerror}); free some space or "
            "choose another folder, then run the same command again: it goes on where it stopped."
        ) from error
    except BrokenProcessPool as error:
        raise StagedError(
            f"a process that was drawing clips for {out} was ended from outside (often for want of "
            "memory); run the same command again, with fewer workers: it goes on where it stopped."
        ) from error


def clip_path(out: Path, scene: Scene) -> Path:
    """Where the mp4 of a scene lies."""
    return out / FOLDERS[scene.split] / f"{scene.name}.mp4"


def truth(scene: Scene) -> dict:
    """Everything there is to know about a clip: one line of truth.jsonl."""
    paths = affect(scene, np.arange(FRAME_COUNT) / FPS).round(3)
    movement = scene.movement
    return {
        "clip": f"{FOLDERS[scene.split]}/{scene.name}",
        "scene": {"seed": scene.seed, "index": scene.index},  # with the split: draws it again
        "split": scene.split,
        "label": scene.label,
        "regime": scene.regime,
        "source": str(scene.source),
        "duration_s": DURATION_S,
        "emotions": {emotion: int(emotion in scene.emotions) for emotion in EMOTIONS},
        "valence": paths[:, 0].tolist(),
        "arousal": paths[:, 1].tolist(),
        "text": scene.text,
        "evidence": {
            "seconds": [list(span) for span in scene.evidence.seconds],
            "faces": list(scene.evidence.faces),
            "sounds": list(scene.evidence.sounds),
        },
        "sounds": [vars(sound) for sound in scene.sounds],
        "movement": {
            "start_s": movement.start_s,
            "end_s": movement.end_s,
            "people": list(movement.people),
        },
        "people": [_person_truth(scene, number) for number in range(len(scene.people))],
    }


def _person_truth(scene: Scene, number: int) -> dict:
    times_s = np.arange(round(DURATION_S * _BOXES_HZ)) / _BOXES_HZ
    boxes = face_box(scene, number, times_s).round(1)
    person = scene.people[number]
    return {
        "box": np.column_stack([times_s, boxes]).tolist(),
        "facing": person.facing,
        "emotion": person.emotion,
    }


def _check_counts(counts: dict[str, int], workers: int | None) -> None:
    for split, count in counts.items():
        if count < 0:
            raise StagedError(f"{count} {split} clips were asked for; give 0 or more.")
    if sum(counts.values()) == 0:
        raise StagedError("0 clips were asked for; give at least one for train, val or test.")
    if workers is not None and workers < 1:
        raise StagedError(f"{workers} workers were asked for; give at least 1.")


def _claim(out: Path, readme: str) -> None:
    """Makes the folder, or accepts one that an earlier run with the same arguments began."""
    if out.exists() and not out.is_dir():
        raise StagedError(f"{out} is a file; name a new folder for the clips.")
    mark = out / _README
    if mark.is_file() and mark.read_bytes() != readme.encode():
        raise StagedError(
            f"{out} holds clips made with other counts or another seed; choose a new folder, "
            "or repeat the arguments that its VGAF_readme.txt names."
        )
    if not mark.is_file() and out.exists() and any(p != _part(mark) for p in out.iterdir()):
        raise StagedError(f"{out} already holds something else; choose a new or an empty folder.")
    out.mkdir(parents=True, exist_ok=True)
    if not mark.is_file():
        _write_text(mark, readme)
    for folder in FOLDERS.values():
        (out / folder).mkdir(exist_ok=True)


def _readme(counts: dict[str, int], seed: int) -> str:
    arguments = " ".join(f"--{split} {count}" for split, count in counts.items())
    return (
        "A drawn stand-in for the VGAF corpus: same tree, same label files, no real people.\n"
        "Labels: 1 positive, 2 neutral, 3 negative. Clips are 5 s, 320x240, 25 frames/s.\n"
        "truth.jsonl tells for every clip, test included, what was planted where.\n"
        f"Made by: emo data make staged OUT {arguments} --seed {seed}\n"
    )


def _scenes(counts: dict[str, int], seed: int) -> Iterator[Scene]:
    for split in SPLITS:
        for index in range(counts[split]):
            yield make_scene(seed, split, index)


def _written(out: Path, scenes: list[Scene], workers: int | None) -> Iterator[None]:
    """Writes the clips, in processes where that pays, and yields once per clip."""
    workers = min(workers or os.cpu_count() or 1, len(scenes))
    if workers <= 1:
        for scene in scenes:
            yield write_clip(clip_path(out, scene), scene)
        return
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)
    )
    try:
        jobs = [pool.submit(write_clip, clip_path(out, scene), scene) for scene in scenes]
        for job in as_completed(jobs):
            yield job.result()
    finally:
        pool.shutdown(cancel_futures=True)


def write_clip(path: Path, scene: Scene) -> None:
    """Draws, sounds and encodes one clip; the file appears under its name only when complete."""
    part = _part(path)
    frames = draw_frames(scene, np.arange(FRAME_COUNT) / FPS)
    with av.open(str(part), "w", format="mp4") as container:
        picture = container.add_stream("libx264", rate=FPS)
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        picture.options = _X264
        picture.codec_context.thread_count = 1  # more threads would change the bytes
        sound = container.add_stream("aac", rate=RATE, layout="mono")
        sound.bit_rate = 64_000
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        _mux_sound(container, sound, synthesise(scene))
    part.replace(path)


def _mux_sound(
    container: av.container.OutputContainer, stream: av.AudioStream, wave: np.ndarray
) -> None:
    block = 1024  # samples of one AAC frame
    for start in range(0, len(wave), block):
        piece = np.ascontiguousarray(wave[None, start : start + block])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _write_labels(out: Path, counts: dict[str, int], seed: int) -> None:
    rows = {"train": ["Vid_name Label"], "val": ["Vid_name Label"]}
    lines = []
    for scene in _scenes(counts, seed):
        if scene.split in rows:
            rows[scene.split].append(f"{scene.name} {LABELS.index(scene.label) + 1}")
        lines.append(json.dumps(truth(scene), separators=(",", ":")))
    for split, names in rows.items():
        _write_text(out / f"{FOLDERS[split]}_labels.txt", "\n".join(names))
    _write_text(out / _TRUTH, "\n".join(lines) + "\n")


def _write_text(path: Path, text: str) -> None:
    _part(path).write_bytes(text.encode())
    _part(path).replace(path)


def _part(path: Path) -> Path:
    """The name of a file while it is being written."""
    return path.with_name(f"{path.name}.part")
