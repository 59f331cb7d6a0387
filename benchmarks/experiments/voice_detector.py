"""Fit the two voice detectors, and count their misses and false alarms.

    python -m benchmarks voice_detector [--sources DIR] [--out DIR]

DIR, or EMO_DATA, holds voices/, voices_nemo/ and sounds/ (see `emo_core.synthetic.composed.
sources`). Fitted to train people of EMO-DB, recordings of sounds/ whose licence lets anybody use
them, and made sounds (`made_sounds.FITTED`); the limits are chosen on people and recordings of val.
RAVDESS and nEMO, the kinds of `made_sounds.UNSEEN` and everything of test are only counted.
The second detector is for models of drawn clips: it hears what drawn people do and their alarms.
--out: emo_core/weights; prints each file's SHA-256, which `shipped_weights` states.
"""

import argparse
import csv
import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from sklearn.linear_model import LogisticRegression

from benchmarks.experiments.made_sounds import FITTED, RATE, UNSEEN
from emo_core.clip import load_clip
from emo_core.inference.presence import (
    DRAWN_DETECTOR,
    LEAST_SEGMENTS,
    PIECE_S,
    SEGMENT,
    STEP,
    TOKEN_S,
    VOICE_DETECTOR,
    VoiceDetector,
    voice_segments,
)
from emo_core.io.shipped_weights import SHIPPED_WEIGHTS
from emo_core.synthetic.composed.sources import SourceItem, read_sources
from emo_core.synthetic.drawn.scene import make_drawn_scene
from emo_core.synthetic.drawn.soundtrack import synthesise

LENGTH = round(PIECE_S * RATE)
VOICED_DB = 15.0  # below its loudest token, down to which a voice counts as heard
C = 3e-4  # of the logistic regression, weighted so that kinds count by the root of their number
DIMENSIONS = 32  # of the voices' subspace
PASS = 0.99  # of val clips with a voice, by the least score
NEAR = 0.999  # of val segments with a voice, by the distance from the subspace
SCENES = {"train": 300, "val": 80, "test": 160}  # drawn
MADE_FITTED, MADE_UNSEEN = 40, 30  # of each kind; every fourth of the first is in val
CLAPS = ("applause", "clap", "enthusiastic")


@dataclass(frozen=True)
class Example:
    """Segments of one clip of 5 s."""

    features: np.ndarray  # (n, C)
    voiced: np.ndarray  # (n,) bool
    kind: str
    split: str  # train, val, test; "" = only counted
    has_voice: bool | None  # None = neither: a sneeze, applause


def seed_of(*names: object) -> np.random.Generator:
    """The same generator for the same names on any machine."""
    digest = hashlib.blake2b(repr(names).encode(), digest_size=4).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def crop(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """LENGTH samples of a longer wave; a shorter one anywhere in silence."""
    if len(wave) > LENGTH:
        first = rng.integers(len(wave) - LENGTH + 1)
        return wave[first : first + LENGTH]
    out = np.zeros(LENGTH)
    first = rng.integers(LENGTH - len(wave) + 1)
    out[first : first + len(wave)] = wave
    return out


def loud_segments(wave: np.ndarray) -> np.ndarray:
    """Which segments of a clean voice hold at least three loud tokens: (n,) bool."""
    size = round(TOKEN_S * RATE)
    power = np.square(wave[: len(wave) // size * size]).reshape(-1, size).mean(1)
    loud = power >= power.max() * 10 ** (-VOICED_DB / 10)
    tokens = -(-len(wave) // size)
    loud = np.pad(loud, (0, tokens - len(loud)))
    starts = range(0, tokens - SEGMENT + 1, STEP)
    return np.array([loud[first : first + SEGMENT].sum() >= 3 for first in starts])


def example(
    wave: np.ndarray,
    rng: np.random.Generator,
    kind: str,
    split: str,
    voiced: np.ndarray | None = None,
    has_voice: bool | None = False,
) -> Example:
    """A clip at a random level."""
    level = 10 ** rng.uniform(-1.7, -0.05) / (np.abs(wave).max() + 1e-9)
    features = voice_segments((wave * level).astype(np.float32)).numpy()
    voiced = np.zeros(len(features), bool) if voiced is None else voiced[: len(features)]
    return Example(features, voiced, kind, split, has_voice)


def mixed(wave: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A voice with another sound 0 to 20 dB below it."""
    ratio = 10 ** (-rng.uniform(0, 20) / 20)
    return wave + other * ratio * wave.std() / (other.std() + 1e-12)


def kind_of(item: SourceItem, events: dict[str, tuple[str, str]]) -> tuple[str, bool | None, bool]:
    """Kind, whether it is a voice, and whether the detector may be fitted to it."""
    if item.kind == "voice":
        return item.source, True, item.source == "emodb"
    if item.path.parent.parent.name == "esc10":
        name = item.path.parent.name[6:]
        return name, {"Baby cry": True, "Person sneeze": None}.get(name, False), True
    event, licence = events[f"{item.path.parent.name}/{item.path.name}"]
    free = licence.startswith(("CC0", "CC BY")) and "NC" not in licence
    if "siren" in event:
        return "siren", False, free
    claps = any(word in event for word in CLAPS) and "cheer" not in event
    return ("applause", None, free) if claps else (f"group: {event}", True, free)


def recordings(data: Path) -> Iterator[Example]:
    """Clips of every recording; voices also with another sound below them."""
    with (data / "sounds" / "groups" / "labels.csv").open(encoding="utf-8", newline="") as file:
        events = {row["file"]: (row["event"], row["licence"]) for row in csv.DictReader(file)}
    items = [item for item in read_sources(data).items if item.kind != "face"]
    kinds = {item.path: kind_of(item, events) for item in items}
    others: dict[str, list[Path]] = {}
    for item in items:
        if kinds[item.path][1] is False:
            others.setdefault(item.split, []).append(item.path)
    for item in items:
        kind, has_voice, free = kinds[item.path]
        rng, wave = seed_of(item.path.name), load_clip(item.path).audio(RATE)
        split = item.split if free or item.split == "test" else ""
        for _ in range(1 if item.kind == "voice" else 4):
            piece = crop(wave, rng)
            if has_voice is not True:
                yield example(piece, rng, kind, split, has_voice=has_voice)
                continue
            loud = loud_segments(piece)
            yield example(piece, rng, kind, split, loud, True)
            below = background(others.get(item.split, []), item.split, rng)
            yield example(mixed(piece, below, rng), rng, f"{kind}, mixed", split, loud, True)


def background(others: list[Path], split: str, rng: np.random.Generator) -> np.ndarray:
    """A made sound, or a recording of the same split."""
    if others and rng.random() < 0.5:
        return crop(load_clip(others[rng.integers(len(others))]).audio(RATE), rng)
    makers = list((UNSEEN if split == "test" else FITTED).values())
    return makers[rng.integers(len(makers))](rng, PIECE_S)


def nemo(data: Path) -> Iterator[Example]:
    """Voices of another language, only counted; none where they are not."""
    for path in sorted((data / "voices_nemo").rglob("*.o*")):
        rng = seed_of(path.name)
        piece = crop(load_clip(path).audio(RATE), rng)
        yield example(piece, rng, "nemo", "", loud_segments(piece), True)


def made() -> Iterator[Example]:
    """Sounds of formulas."""
    for makers, count in ((FITTED, MADE_FITTED), (UNSEEN, MADE_UNSEEN)):
        for kind, make in makers.items():
            for number in range(count):
                rng = seed_of(kind, number)
                split = "val" if number % 4 == 3 else "train"
                split = "test" if makers is UNSEEN else split
                yield example(make(rng, PIECE_S), rng, kind, split)


def drawn() -> Iterator[Example]:
    """Soundtracks of drawn scenes."""
    for split, count in SCENES.items():
        for index in range(count):
            scene = make_drawn_scene(0, split, index)
            wave, kinds = synthesise(scene, RATE), sorted({s.kind for s in scene.sounds})
            starts = np.arange(0, round(PIECE_S / TOKEN_S) - SEGMENT + 1, STEP) * TOKEN_S
            ends = starts + SEGMENT * TOKEN_S
            inside = [
                np.minimum(ends, sound.end_s) - np.maximum(starts, sound.start_s)
                for sound in scene.sounds
            ]
            heard = np.clip(inside, 0, None).sum(0) > 0.5 if inside else np.zeros(len(starts), bool)
            kind = f"drawn: {', '.join(kinds) or 'ambience'}"
            yield example(wave, seed_of(split, index), kind, split, heard, bool(kinds))


def fit(examples: list[Example]) -> VoiceDetector:
    """Logistic regression and subspace on train, limits on val."""
    train = [e for e in examples if e.split == "train" and e.has_voice is not None]
    features = np.concatenate([e.features for e in train])
    voiced = np.concatenate([e.voiced for e in train])
    kinds = np.concatenate([[e.kind.removesuffix(", mixed")] * len(e.features) for e in train])
    known = voiced | ~np.concatenate([[bool(e.has_voice)] * len(e.features) for e in train])
    features, voiced, kinds = features[known], voiced[known], kinds[known]
    mean, spread = features.mean(0), features.std(0) + 1e-6
    values = (features - mean) / spread
    weights = np.ones(len(values))
    for side in (True, False):
        for kind in set(kinds[voiced == side]):
            chosen = (voiced == side) & (kinds == kind)
            weights[chosen] = chosen.sum() ** -0.5
        weights[voiced == side] *= len(values) / 2 / weights[voiced == side].sum()
    found = LogisticRegression(C=C, max_iter=1000).fit(values, voiced, sample_weight=weights)
    voices = values[voiced]
    center = voices.mean(0)
    _, directions = np.linalg.eigh(np.cov((voices - center).T))
    arrays = (mean, spread, found.coef_[0], found.intercept_, center, directions[:, -DIMENSIONS:])
    tensors = [torch.from_numpy(np.ascontiguousarray(a, np.float32)) for a in arrays]
    free = VoiceDetector(*tensors, torch.tensor([-np.inf, np.inf]))
    return with_limits(free, [e for e in examples if e.split == "val" and e.has_voice])


def with_limits(free: VoiceDetector, voices: list[Example]) -> VoiceDetector:
    """The limits that let PASS of clips with a voice and NEAR of their segments through."""
    score, outside = free.measures(torch.from_numpy(np.concatenate([e.features for e in voices])))
    voiced = np.concatenate([e.voiced for e in voices])
    farthest = float(np.quantile(outside.numpy()[voiced], NEAR))
    ends = np.cumsum([len(e.features) for e in voices])[:-1]
    best = [np.sort(row)[-min(LEAST_SEGMENTS, len(row))] for row in np.split(score.numpy(), ends)]
    least = float(np.quantile(best, 1 - PASS))
    return VoiceDetector(**{**vars(free), "limits": torch.tensor([least, farthest])})


def table(detector: VoiceDetector, examples: list[Example]) -> str:
    """Share of clips with a voice heard, by kind and split."""
    heard: dict[tuple[str, str, str], list[bool]] = {}
    for e in examples:
        there = detector(torch.from_numpy(e.features))
        side = {True: "voice", False: "no voice", None: "neither"}[e.has_voice]
        split = {"": "only counted"}.get(e.split, e.split)
        found = bool(len(there)) and int(there.sum()) >= min(LEAST_SEGMENTS, len(there))
        heard.setdefault((side, split, e.kind), []).append(found)
    rows = [
        f"| {side} | {split} | {kind} | {sum(found)} of {len(found)} |"
        for (side, split, kind), found in sorted(heard.items())
        if split != "train"
    ]
    return "\n".join(["| | split | kind | voice heard |", "|---|---|---|---|", *rows])


def main() -> int:
    """Fit, print the table, and write the file if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sources", type=Path, default=os.environ.get("EMO_DATA"))
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.sources is None:
        print("voice_detector: no sources; give --sources DIR or set EMO_DATA.", file=sys.stderr)
        return 2
    data = Path(args.sources)
    without, scenes = list(made()), list(drawn())
    of_people = [*recordings(data), *nemo(data), *without]
    quiet = [one for one in of_people if one.has_voice is False]
    for name, examples in ((VOICE_DETECTOR, of_people), (DRAWN_DETECTOR, [*scenes, *quiet])):
        detector = fit(examples)
        print(f"{name}\n\n{table(detector, examples)}\n")
        print("limits:", ", ".join(f"{value:.3f}" for value in detector.limits.tolist()))
        if args.out:
            stored = {key: value.contiguous() for key, value in asdict(detector).items()}
            stored["basis"] = stored["basis"].half()
            content = save(stored)
            path = args.out / SHIPPED_WEIGHTS[name].file
            path.write_bytes(content)
            print(f"{path.name} {len(content):,} bytes {hashlib.sha256(content).hexdigest()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
