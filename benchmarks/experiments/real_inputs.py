"""Inputs of `real.py`: held-out people one at a time, collages, real clips, and changed clips.

Every input is read like a clip (`emo_core.clip.Recording`), so models get all of them by one road.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from emo_core import load_clip
from emo_core.clip import DecodedFrames, Recording, video_size
from emo_core.corpora import read_corpus
from emo_core.models.layers.backbones import LUMINANCE
from emo_core.preprocess.sample import resize_frames
from emo_core.synthetic.composed.scene import make_scene
from emo_core.synthetic.composed.soundtrack import LENGTH, mix
from emo_core.synthetic.composed.sources import (
    RATE,
    SIDE,
    SourceItem,
    SourcePool,
    photograph,
    recording,
)
from emo_core.synthetic.composed.video import compose_frames
from emo_core.synthetic.corpus_io import write_clip
from emo_core.synthetic.drawn.scene import DURATION_S, HEIGHT, WIDTH

Picture = Callable[[np.ndarray, tuple[int, int]], np.ndarray]
CREMAD = {
    "HAP": "positive",
    "happy": "positive",
    "NEU": "neutral",
    **dict.fromkeys(("ANG", "DIS", "FEA", "SAD", "angry"), "negative"),
}
RAVDESS = {"01": "neutral", "02": "neutral", "03": "positive"}  # third number; else negative
LANGUAGES = {"ravdess": "English", "emodb": "German", "nemo": "Polish"}
UNLABELLED = (
    "facenet_street_crowd.mp4",
    "vidor_4405327307_stage.mp4",
    "pyfeat_single_face.mp4",
    "pyfeat_face_noface.mov",
)
LEVEL = 0.1  # RMS of the louder half of a voice
FPS = 25  # of clips that are written again
LATER_S = 1.0


@dataclass(frozen=True)
class Case:
    """One input and what is known of it."""

    name: str
    recording: Recording
    truth: str = ""  # polarity; "" = not labelled
    group: str = ""  # person, speaker or clip: what intervals are drawn over
    kind: str = ""  # source, regime or set
    carries: tuple[str, ...] = ()  # modalities that show the truth, where that is known


@dataclass(frozen=True)
class Made:
    """A recording that is computed; what is None is missing."""

    picture: Picture | None = None  # times (T,) in s, (width, height) -> (T, height, width, 3)
    size: tuple[int, int] | None = None
    sound: Callable[[], np.ndarray] | None = None  # -> (S,) float32 at RATE
    length_s: float | None = DURATION_S  # None = that of the sound
    text: str | None = None

    @property
    def duration_s(self) -> float:
        return len(self.wave) / RATE if self.length_s is None else self.length_s

    @property
    def wave(self) -> np.ndarray:
        return self.sound() if self.sound else np.zeros(0, np.float32)

    @property
    def has_video(self) -> bool:
        return self.picture is not None

    @property
    def has_audio(self) -> bool:
        return self.sound is not None

    def read_frames(
        self, times_s: Iterable[float], size: tuple[int, int] | None = None
    ) -> DecodedFrames:
        times = np.asarray(list(times_s), np.float64)
        assert self.picture is not None
        return DecodedFrames(self.picture(times, size or video_size(self)), times)

    def audio(self, rate: int, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        """As `Clip.audio`, at RATE only."""
        if rate != RATE:
            raise ValueError(f"a made recording has {RATE} Hz, not {rate}")
        first, end = round(start_s * RATE), round((end_s or self.duration_s) * RATE)
        piece = self.wave[first:end]
        return np.pad(piece, (0, end - first - len(piece)))


def still(path: Path) -> Made:
    """A photograph shown for as long as a collage, without sound."""

    def shown(times_s: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        face = np.repeat(photograph(path)[None, ..., None], 3, -1)
        return resize_frames(face, size).repeat(len(times_s), 0)

    return Made(shown, (SIDE, SIDE))


def voice(path: Path) -> Made:
    """A recording without a picture; of a longer one its beginning."""
    return Made(sound=lambda: (LEVEL * recording(path)[:LENGTH]).clip(-1, 1), length_s=None)


def people(sources: SourcePool, kind: str, split: str) -> list[Case]:
    """Every photograph ("face") or voice of people of a split."""
    make, carried = {"face": (still, "video"), "voice": (voice, "audio")}[kind]
    return [_single(item, make(item.path), carried) for item in sources.items_of(kind, split)]


def _single(item: SourceItem, made: Made, carried: str) -> Case:
    return Case(item.path.name, made, item.polarity, item.group, item.source, (carried,))


def nemo_voices(data: Path) -> list[Case]:
    """nEMO's voices in DATA/voices_nemo, [] where they are not; no corpus is composed of them."""
    table = data / "voices_nemo" / "labels.csv"
    if not table.is_file():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["polarity"]]
    return [
        Case(
            row["file"],
            voice(table.parent / row["file"]),
            row["polarity"],
            f"nemo/{row['speaker']}",
            "nemo",
            ("audio",),
        )
        for row in rows
    ]


def collages(root: Path, split: str) -> list[Case]:
    """The clips of a split of a corpus that `emo data make collage` made."""
    corpus = read_corpus("collage", root)
    return [
        Case(item.name, load_clip(item.path), item.label, item.group, item.regime or "")
        for item in corpus.split(split)
    ]


def scenes(sources: SourcePool, count: int, seed: int = 0) -> list[Case]:
    """Collages of people of train, composed when they are read."""
    carries = {"both": ("video", "audio"), "seen": ("video",), "heard": ("audio",)}
    cases = []
    for index in range(count):
        scene = make_scene(sources, seed, "train", index)
        made = Made(
            partial(compose_frames, scene, sources),
            (WIDTH, HEIGHT),
            partial(mix, scene, sources),
        )
        cases.append(
            Case(scene.name, made, scene.label, scene.source, scene.regime, carries[scene.regime])
        )
    return cases


def labelled_clips(data: Path) -> list[Case]:
    """Real clips whose polarity is known by what was acted; [] where DATA/clips is not."""
    return [
        Case(f"{kind}/{path.name}", load_clip(path), truth, path.name, kind)
        for kind, path, truth in _labelled(data / "clips")
    ]


def _labelled(clips: Path) -> Iterator[tuple[str, Path, str]]:
    for path in sorted((clips / "cremad").glob("*.*")):
        yield "CREMA-D", path, CREMAD[next(word for word in CREMAD if word in path.name)]
    for path in sorted((clips / "ravdess_faces").glob("*.mp4")):
        yield "RAVDESS", path, RAVDESS.get(path.name.split("-")[2], "negative")
    for path in sorted((clips / "grid").glob("*.mpg")):
        yield "GRID", path, "neutral"


def unlabelled(data: Path) -> list[Case]:
    """Real clips without a label, then colour bars and noise, which have none."""
    paths = [data / "clips" / name for name in UNLABELLED]
    real = [Case(path.name, load_clip(path)) for path in paths if path.is_file()]
    return [*real, Case("colour bars, 1 kHz", colour_bars()), Case("noise", noise())]


def colour_bars() -> Made:
    """Eight bars and a tone of 1 kHz."""
    bars = np.array([[1, 1, 1], [1, 1, 0], [0, 1, 1], [0, 1, 0]] + [[1, 0, 1], [1, 0, 0]])
    bars = np.concatenate([bars, [[0, 0, 1], [0, 0, 0]]]).astype(np.uint8) * 191

    def shown(times_s: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        row = bars[np.arange(size[0]) * len(bars) // size[0]]  # (width, 3)
        return np.broadcast_to(row, (len(times_s), size[1], size[0], 3)).copy()

    t = np.arange(LENGTH) / RATE
    tone = (0.1 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)
    return Made(shown, (WIDTH, HEIGHT), lambda: tone)


def noise() -> Made:
    """Another noise in every frame, and white noise."""

    def shown(times_s: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        frames = [np.random.default_rng(round(1000 * t)) for t in times_s]
        whole = [rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8) for rng in frames]
        return resize_frames(np.stack(whole), size)

    wave = 0.1 * np.random.default_rng(0).standard_normal(LENGTH, np.float32)
    return Made(shown, (WIDTH, HEIGHT), lambda: wave.clip(-1, 1))


@dataclass(frozen=True)
class Recolored:
    """A recording whose pixels are changed before anything is looked for in them."""

    of: Recording
    change: Callable[[np.ndarray], np.ndarray]  # (T, H, W, 3) uint8 -> the same

    def __getattr__(self, name: str) -> Any:
        return getattr(self.of, name)

    def read_frames(
        self, times_s: Iterable[float], size: tuple[int, int] | None = None
    ) -> DecodedFrames:
        found = self.of.read_frames(times_s, size)
        return replace(found, pixels=self.change(found.pixels))


@dataclass(frozen=True)
class Later:
    """A recording that begins later: its first frame is held, in silence."""

    of: Recording
    by_s: float = LATER_S

    def __getattr__(self, name: str) -> Any:
        return getattr(self.of, name)

    @property
    def duration_s(self) -> float:
        return self.of.duration_s + self.by_s

    def read_frames(
        self, times_s: Iterable[float], size: tuple[int, int] | None = None
    ) -> DecodedFrames:
        times = np.asarray(list(times_s), np.float64)
        found = self.of.read_frames((times - self.by_s).clip(0), size)
        return replace(found, times_s=np.where(times < self.by_s, times, found.times_s + self.by_s))

    def audio(self, rate: int, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        end_s = self.duration_s if end_s is None else end_s
        count = round((end_s - start_s) * rate)
        first, last = max(0.0, start_s - self.by_s), max(0.0, end_s - self.by_s)
        heard = self.of.audio(rate, first, last)[:count]
        return np.pad(heard, (count - len(heard), 0))


def colored(pixels: np.ndarray, color: float, gains: tuple[float, ...]) -> np.ndarray:
    """Pixels with less colour, then each channel times its gain. (T, H, W, 3) uint8."""
    grey = (pixels @ np.float32(LUMINANCE))[..., None]  # (T, H, W, 1)
    mixed = (np.float32(color) * pixels + np.float32(1 - color) * grey) * np.float32(gains)
    return mixed.clip(0, 255).astype(np.uint8)


CHANGES = {
    "mirrored": lambda pixels: np.ascontiguousarray(pixels[:, :, ::-1]),
    "grey": partial(colored, color=0.0, gains=(1, 1, 1)),
    "warm tint": partial(colored, color=1.0, gains=(1.15, 1.0, 0.8)),
    "cold tint": partial(colored, color=1.0, gains=(0.8, 1.0, 1.2)),
}


def encoded_again(clip: Recording, path: Path) -> Recording:
    """The clip as H.264 at 25 frames/s with mono AAC of 16 kHz, written to `path`."""
    times_s = np.arange(round(clip.duration_s * FPS)) / FPS
    width, height = (n // 2 * 2 for n in video_size(clip))
    write_clip(path, clip.read_frames(times_s, (width, height)).pixels, FPS, clip.audio(RATE), RATE)
    return load_clip(path)


def versions(case: Case, folder: Path) -> dict[str, Case]:
    """A clip as it is and changed in ways that leave its answer as it was."""
    made: dict[str, Recording] = {"as it is": case.recording}
    made |= {name: Recolored(case.recording, change) for name, change in CHANGES.items()}
    made["encoded again"] = encoded_again(case.recording, folder / f"{case.group}.mp4")
    made["a second later"] = Later(case.recording)
    return {name: replace(case, recording=recording) for name, recording in made.items()}
