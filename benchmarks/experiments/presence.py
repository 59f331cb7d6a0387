"""What every shipped checkpoint answers to real clips, and to clips with nobody in them.

    python -m benchmarks presence [--sources DIR] [--model NAME]…

DIR, or EMO_DATA, holds clips/. Clips without people are made here: test pictures, noise, silence,
music, machines, and two pieces of real footage in which no person is seen. Every clip is a file.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from benchmarks.experiments.made_sounds import RATE, UNSEEN, colored_noise
from emo_core import load_clip, predict
from emo_core.checkpoint import shipped_checkpoints
from emo_core.cli.console import short_answer
from emo_core.clip import Clip, video_size
from emo_core.inference.prediction import Prediction
from emo_core.synthetic.corpus_io import write_clip

FPS, WIDTH, HEIGHT, SECONDS = 25, 640, 360, 5.0
STREET, ABOVE_PEOPLE = "facenet_street_crowd.mp4", 0.4  # of the height
TITLE, TITLE_FROM_S = "pyfeat_face_noface.mov", 2.5  # after which a title is shown
ENDINGS = {".mp4", ".mov", ".mpg", ".flv"}
Picture = Callable[[float], np.ndarray]  # seconds -> (HEIGHT, WIDTH, 3) uint8


def bars(at_s: float) -> np.ndarray:
    """Eight colour bars."""
    colors = 191 * np.array([[n >> 2 & 1, n >> 1 & 1, n & 1] for n in range(7, -1, -1)])
    row = colors[np.arange(WIDTH) * 8 // WIDTH].astype(np.uint8)
    return np.broadcast_to(row, (HEIGHT, WIDTH, 3))


def snow(at_s: float) -> np.ndarray:
    """Another noise in every frame."""
    rng = np.random.default_rng(round(1000 * at_s))
    return rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def black(at_s: float) -> np.ndarray:
    """Nothing."""
    return np.zeros((HEIGHT, WIDTH, 3), np.uint8)


def waves(at_s: float) -> np.ndarray:
    """Colours that move slowly, as a music player shows."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] / 80
    parts = [np.sin(x + at_s), np.sin(y + 0.7 * at_s), np.sin(x + y + 1.3 * at_s)]
    return (127 + 127 * np.stack(parts, -1)).astype(np.uint8)


def room(at_s: float) -> np.ndarray:
    """A wall, a floor, a window, a picture and a lamp, with a little grain."""
    image = np.full((HEIGHT, WIDTH, 3), (186, 178, 160), np.float32)
    image[240:] = (120, 92, 70)
    image[60:180, 80:200] = (200, 220, 240)
    image[118:122, 80:200] = image[60:180, 138:142] = (90, 70, 50)
    image[80:170, 320:420] = (90, 60, 50)
    image[88:162, 328:412] = (150, 140, 90)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    image[(x - 540) ** 2 + (y - 130) ** 2 < 900] = (250, 240, 200)
    image[160:300, 536:544] = (60, 60, 60)
    image *= 1 - 0.25 * (x[..., None] / WIDTH)
    grain = np.random.default_rng(round(1000 * at_s)).normal(0, 3, image.shape)
    return (image + grain).clip(0, 255).astype(np.uint8)


def silence() -> np.ndarray:
    """Five seconds of it."""
    return np.zeros(round(SECONDS * RATE))


def made(kind: str, number: int = 1000) -> np.ndarray:
    """A sound of a kind that the voice detector was not fitted to."""
    wave = UNSEEN[kind](np.random.default_rng(number), SECONDS)
    return 0.3 * wave / np.abs(wave).max()


def without_people() -> Iterator[tuple[str, Picture, np.ndarray]]:
    """Names, pictures and sounds of made clips."""
    tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(round(SECONDS * RATE)) / RATE)
    noise = 0.1 * colored_noise(np.random.default_rng(0), SECONDS, 0.0)
    yield "colour bars, tone of 1 kHz", bars, tone
    yield "noise in picture and sound", snow, noise.clip(-1, 1)
    yield "black, silence", black, silence()
    yield "colour bars, silence", bars, silence()
    for number, kind in enumerate(kind for kind in UNSEEN if kind.startswith("music")):
        yield f"moving colours, {kind}", waves, made(kind, number)
    yield "a drawn empty room, its hum", room, 0.02 * made("empty room")
    yield "a drawn empty room, rain outside", room, made("rain")
    yield "a drawn empty room, a motor", room, made("motor")
    yield "a drawn empty room, wind", room, made("wind")


def upper_part(clip: Clip, first_s: float, top: float, at_s: float) -> np.ndarray:
    """The upper part of a frame, HEIGHT pixels high."""
    width, height = video_size(clip)
    whole = round(HEIGHT / top)
    return clip.read_frames([first_s + at_s], (width * whole // height, whole)).pixels[0, :HEIGHT]


def real_without_people(data: Path) -> Iterator[tuple[str, Picture, np.ndarray]]:
    """Pieces of real footage in which no person is seen, each with its own sound."""
    for title, file, first_s, top in (
        ("a street, above its people", STREET, 0.0, ABOVE_PEOPLE),
        ("a title over a sky", TITLE, TITLE_FROM_S, 1.0),
    ):
        path = data / "clips" / file
        if not path.is_file():
            continue
        clip = load_clip(path)
        picture = partial(upper_part, clip, first_s, top)
        yield title, picture, clip.audio(RATE, first_s, min(first_s + SECONDS, clip.duration_s))


def written(
    folder: Path, clips: Iterable[tuple[str, Picture, np.ndarray]]
) -> Iterator[tuple[str, Path]]:
    """Clips as files: H.264 with AAC."""
    for number, (title, picture, wave) in enumerate(clips):
        path = folder / f"{number}.mp4"
        times_s = np.arange(round(len(wave) / RATE * FPS)) / FPS
        frames = np.stack([picture(float(at_s)) for at_s in times_s])
        frames = frames[:, :, : frames.shape[2] // 2 * 2]
        write_clip(path, frames, FPS, wave.astype(np.float32), RATE)
        yield title, path


def real_clips(data: Path) -> list[tuple[str, Path]]:
    """Every real clip."""
    paths = sorted(p for p in (data / "clips").rglob("*") if p.suffix.lower() in ENDINGS)
    return [(f"{path.parent.name}/{path.name}", path) for path in paths]


def cell(answer: Prediction) -> str:
    """An answer in a few words."""
    if answer.nobody:
        return "nobody to read"
    sure_of_none = answer.present == () and not answer.abstains
    return "none of six" if sure_of_none else short_answer(answer)


def table(clips: list[tuple[str, Path]], models: list[str]) -> tuple[str, dict[str, int]]:
    """Markdown, and how many clips each model refused."""
    lines = [f"| clip | faces | voice | {' | '.join(f'`{name}`' for name in models)} |"]
    lines.append("|" + "---|" * (3 + len(models)))
    refused = dict.fromkeys(models, 0)
    for title, path in clips:
        answers = [predict(path, name) for name in models]
        for name, answer in zip(models, answers, strict=True):
            refused[name] += answer.nobody is not None
        most = max(answer.presence.most_faces for answer in answers)
        voice_s = answers[0].presence.voice_s
        heard = "not listened for" if voice_s is None else f"{voice_s:.1f} s"
        lines.append(f"| {title} | {most} | {heard} | {' | '.join(map(cell, answers))} |")
    return "\n".join(lines), refused


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sources", type=Path, default=os.environ.get("EMO_DATA"))
    parser.add_argument("--model", action="append")
    args = parser.parse_args()
    if args.sources is None:
        print("presence: no clips; give --sources DIR or set EMO_DATA.", file=sys.stderr)
        return 2
    data, models = Path(args.sources), args.model or sorted(shipped_checkpoints())
    with tempfile.TemporaryDirectory() as folder:
        made_clips = list(written(Path(folder), chain(without_people(), real_without_people(data))))
        real = real_clips(data)
        for title, clips in (("Real clips", real), ("Clips without people", made_clips)):
            text, refused = table(clips, models)
            print(f"{title}\n\n{text}\n")
            print(f"Nobody to read, of {len(clips)}: {refused}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
