"""Nothing but the evidence may tell the label of a drawn clip, and the evidence must tell it.

Probes are cross-validated; a probe on what must not matter has to stay at the majority share.
The slow version, with 1,500 clips and file sizes, prints the table that the documents quote.
"""

import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emo_core.schema import POLARITIES
from emo_core.synthetic.drawn.motion import face_box
from emo_core.synthetic.drawn.render import draw_frames
from emo_core.synthetic.drawn.scene import (
    REGIMES,
    Scene,
    make_drawn_scene,
)
from emo_core.synthetic.drawn.schema import MOVES
from emo_core.synthetic.drawn.sound_effects import RATE
from emo_core.synthetic.drawn.soundtrack import synthesise
from emo_core.synthetic.drawn.writer import write_drawn_clip

SEED = 20
FAST, LARGE = 240, 1500
STRIDE = 7  # prime to 30 and 60, so that many sources and every cell are visited evenly


def scene_at(number: int) -> Scene:
    return make_drawn_scene(SEED, "train", number * STRIDE)


def scenes(count: int) -> list[Scene]:
    return [scene_at(number) for number in range(count)]


def colour_statistics(frame: np.ndarray) -> list[float]:
    """Mean, standard deviation and 8-bin histogram of each channel: 30 numbers."""
    numbers = []
    for channel in np.moveaxis(frame, -1, 0):
        histogram = np.histogram(channel, bins=8, range=(0, 256))[0] / channel.size
        numbers += [channel.mean(), channel.std(), *histogram]
    return numbers


def loudness(wave: np.ndarray) -> list[float]:
    size = np.abs(wave)
    heights = np.percentile(size, (25, 50, 75, 90, 95, 99))
    return [*np.log10([np.sqrt((wave**2).mean()), size.max(), *heights] + np.float64(1e-6))]


def layout(scene: Scene) -> list[float]:
    x, y, radius = np.array([(p.x, p.y, p.radius) for p in scene.people]).T
    places = [v for a in (x, y, radius) for v in (a.mean(), a.std(), a.min(), a.max())]
    looks = [np.mean([getattr(p.look, name) for p in scene.people]) for name in LOOKS]
    return [len(x), *places, *looks, scene.pan, scene.source % 1000]


LOOKS = ("skin", "hair_colour", "glasses", "beard", "face_width", "jaw", "eye_size", "rosy")


def timing(scene: Scene) -> list[float]:
    movement = scene.movement
    kinds = Counter(scene.people[i].move for i in movement.people)
    return [
        movement.start_s,
        movement.end_s - movement.start_s,
        len(movement.people) / len(scene.people),
        *(kinds[move] for move in MOVES),
        np.mean([p.blinks_s for p in scene.people]),
    ]


def statistics(number: int, with_file: bool = False) -> dict[str, list[float]]:
    """Everything about one clip that must not tell its label."""
    scene = scene_at(number)
    times_s = np.arange(8) * 0.625 + 0.01 * (number % 60)
    frames = draw_frames(scene, times_s, (96, 72))
    colours = np.array([colour_statistics(frame) for frame in frames])
    found = {
        "one frame's colours": colours[number % 8].tolist(),
        "mean of 8 frames' colours": colours.mean(0).tolist(),
        "loudness": loudness(synthesise(scene)),
        "layout": layout(scene),
        "timing": timing(scene),
    }
    if with_file:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "clip.mp4"
            write_drawn_clip(path, scene)
            found["file size"] = [path.stat().st_size, duration_s(path)]
    return found


def duration_s(path: Path) -> float:
    capture = cv2.VideoCapture(str(path))
    return capture.get(cv2.CAP_PROP_FRAME_COUNT) / capture.get(cv2.CAP_PROP_FPS)


@lru_cache(maxsize=1)
def small_table() -> list[dict[str, list[float]]]:
    return [statistics(number) for number in range(FAST)]


def accuracy(features: np.ndarray, target: np.ndarray, folds: int = 5) -> float:
    """The better of a linear and a forest probe, cross-validated."""
    split = StratifiedKFold(folds, shuffle=True, random_state=0)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=3000))
    forest = RandomForestClassifier(120, min_samples_leaf=4, random_state=0)
    return max(
        cross_val_score(probe, features, target, cv=split).mean() for probe in (linear, forest)
    )


def ceiling(target: np.ndarray) -> float:
    """Share of the commonest class plus three standard errors of the better of two probes."""
    share = np.bincount(target).max() / len(target)
    return share + 3.0 * np.sqrt(share * (1 - share) / len(target))


def targets(count: int) -> np.ndarray:
    return np.array([POLARITIES.index(scene.label) for scene in scenes(count)])


def regimes(count: int) -> np.ndarray:
    return np.array([REGIMES.index(scene.regime) for scene in scenes(count)])


@pytest.mark.parametrize(
    "name", ["one frame's colours", "mean of 8 frames' colours", "loudness", "layout", "timing"]
)
def test_a_nuisance_tells_nothing_even_to_one_who_knows_the_regime(name):
    features = np.array([row[name] for row in small_table()])
    target, regime = targets(FAST), np.eye(len(REGIMES))[regimes(FAST)]
    assert accuracy(features, target) <= ceiling(target)
    assert accuracy(np.hstack([features, regime]), target) <= ceiling(target)


def test_movement_is_drawn_alike_for_every_label_and_regime():
    many = scenes(6000)
    for group in (lambda s: s.label, lambda s: s.regime):
        starts, lengths, kinds = {}, {}, {}
        for scene in many:
            key, movement = group(scene), scene.movement
            starts.setdefault(key, []).append(movement.start_s)
            lengths.setdefault(key, []).append(movement.end_s - movement.start_s)
            kinds.setdefault(key, Counter()).update(p.move for p in scene.people)
        for values in (starts, lengths):
            spread = np.std(np.concatenate(list(values.values())))
            means = [np.mean(v) for v in values.values()]
            assert np.ptp(means) < 5 * spread / np.sqrt(min(map(len, values.values())))
        shares = [[c[m] / c.total() for m in MOVES] for c in kinds.values()]
        assert np.ptp(shares, axis=0).max() < 0.03


def test_in_synced_clips_the_order_of_the_sounds_says_nothing():
    synced = [scene for scene in scenes(9000) if scene.regime == "synced"]
    first = Counter((s.label, s.sounds[0].polarity) for s in synced)
    assert len(first) == 4
    assert max(first.values()) - min(first.values()) < 5 * np.sqrt(len(synced) / 4)
    assert {s.sounds[0].polarity == s.label for s in synced} == {True, False}


def mouth_crops(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Mouth regions (N, 12 * 20) of evidence faces in the middle of the evidence, and polarity."""
    crops, labels = [], []
    number = 0
    while len(crops) < count:
        scene = scene_at(number)
        number += 1
        if scene.regime not in ("both", "seen"):
            continue
        when = np.array([np.mean(scene.evidence.seconds[0])])
        frame = draw_frames(scene, when)[0]
        for face in scene.evidence.faces[:2]:
            x0, y0, x1, y1 = face_box(scene, face, when)[0].astype(int)
            mouth = frame[(y0 + 2 * y1) // 3 - 3 : y1, x0 + (x1 - x0) // 5 : x1 - (x1 - x0) // 5]
            grey = cv2.cvtColor(cv2.resize(mouth, (20, 12)), cv2.COLOR_RGB2GRAY).astype(float)
            crops.append(((grey - grey.mean()) / (grey.std() + 1)).ravel())
            labels.append(POLARITIES.index(scene.label))
    return np.array(crops), np.array(labels)


def test_the_mouths_tell_the_label():
    crops, labels = mouth_crops(360)
    assert accuracy(crops, labels) > 0.8


def log_mel_means(wave: np.ndarray) -> np.ndarray:
    """Mean and deviation over time of 32 log bands, without overall level: (64,)."""
    pieces = np.lib.stride_tricks.sliding_window_view(wave, 512)[::256] * np.hanning(512)
    power = np.abs(np.fft.rfft(pieces)) ** 2
    edges = np.unique(np.geomspace(2, 257, 33).astype(int))
    bands = np.log(np.add.reduceat(power, edges[:-1], axis=1) + 1e-7)
    bands -= bands.mean()
    return np.concatenate([bands.mean(0), bands.std(0)])


def test_the_sounds_tell_their_polarity():
    rows, labels = [], []
    for scene in scenes(300):
        wave = synthesise(scene)
        for sound in scene.sounds:
            piece = wave[int(sound.start_s * RATE) : int(sound.end_s * RATE)]
            rows.append(log_mel_means(piece))
            labels.append(POLARITIES.index(sound.polarity))
    assert accuracy(np.array(rows), np.array(labels)) > 0.75


@pytest.mark.slow
def test_no_nuisance_tells_the_label_in_many_clips():
    workers = os.cpu_count() or 1
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        table = list(pool.map(statistics, range(LARGE), [True] * LARGE, chunksize=25))
    target, regime = targets(LARGE), regimes(LARGE)
    report, leaks = [], []
    for name in table[0]:
        features = np.array([row[name] for row in table])
        for group in ("all", *REGIMES):
            chosen = np.ones(LARGE, bool) if group == "all" else regime == REGIMES.index(group)
            found, most = accuracy(features[chosen], target[chosen]), ceiling(target[chosen])
            report.append(f"{name:28}{group:8}{found:.3f}  (bound {most:.3f})")
            if found > most:
                leaks.append(report[-1])
    print("\n".join(report))
    assert not leaks
