"""The collage corpus on disk: `emo data make collage`, real faces and real voices."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from emo_core.data.statement import STATEMENT, parse_statement, statement_text
from emo_core.schema import SPLITS
from emo_core.synthetic import corpus_io as clip_tree
from emo_core.synthetic.composed.scene import ComposedScene, make_scene
from emo_core.synthetic.composed.soundtrack import mix
from emo_core.synthetic.composed.sources import RATE, SourcePool, read_sources, relative_name
from emo_core.synthetic.composed.utterances import (
    CLASSES,
    acted_intensities,
    composed_faces,
    make_utterance,
    read_speakers,
    text_of,
)
from emo_core.synthetic.composed.video import compose_frames
from emo_core.synthetic.corpus_io import FOLDERS, Progress, Tree, make_tree
from emo_core.synthetic.drawn.scene import DURATION_S, FPS, HEIGHT, WIDTH

SOURCES, MARK = "Sources: ", "Mark of the sources: "  # lines of the folder's README
TIMES_S = np.arange(round(DURATION_S * FPS)) / FPS


@dataclass(frozen=True)
class Composer:
    """One corpus of composed clips; its functions go to worker processes."""

    name: str  # as `emo data make` knows it
    about: str  # what its clips and labels are, in lines
    read: Callable[[Path], SourcePool]
    make: Callable[[SourcePool, int, str, int], ComposedScene]  # seed, split, index
    truth: Callable[[SourcePool, ComposedScene], dict]


def make_composed(
    composer: Composer,
    out: Path,
    sources: Path,
    train: int,
    val: int,
    test: int,
    seed: int,
    workers: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Make the clips, labels and truth of a composed corpus, as `make_tree` says.

    Raises CorpusError where `sources` can't be used and MakeError where `out` can't be written.
    """
    counts = {"train": train, "val": val, "test": test}
    parts = composer.read(Path(sources).resolve())
    statement = statement_text(parts.root)
    parse_statement(statement, f"{parts.root.name}/{STATEMENT}")  # refused before a clip is made
    tree = Tree(
        Path(out),
        counts,
        _readme(composer, counts, seed, parts),
        partial(_scenes, composer, parts, counts, seed),
        partial(write_composed_clip, read=composer.read, root=parts.root),
        partial(composer.truth, parts),
        statement,
    )
    make_tree(tree, workers, progress)


def write_composed_clip(
    path: Path, scene: ComposedScene, read: Callable[[Path], SourcePool], root: Path
) -> None:
    """Compose and encode one clip from the sources in `root`."""
    cv2.setNumThreads(1)
    sources = read(root)
    frames = compose_frames(scene, sources, TIMES_S, (WIDTH, HEIGHT))
    clip_tree.write_clip(path, frames, FPS, mix(scene, sources), RATE)


def composed_truth(sources: SourcePool, scene: ComposedScene) -> dict:
    """Everything there is to know about a clip: one line of truth.jsonl."""
    parts, root = sources.items, sources.root
    return {
        "clip": f"{FOLDERS[scene.split]}/{scene.name}",
        "scene": {"seed": scene.seed, "index": scene.index},  # with the split: composes it again
        "split": scene.split,
        "label": scene.label,
        "regime": scene.regime,
        "hidden": scene.hidden,
        "source": scene.source,
        "duration_s": DURATION_S,
        "people": [
            {
                "file": relative_name(root, parts[person.item].path),
                "person": parts[person.item].group,
                "polarity": person.polarity,
                "box": [round(v, 4) for v in (person.x, person.y, person.size)],
            }
            for person in scene.people
        ],
        "sounds": [
            {
                "file": relative_name(root, parts[sound.item].path),
                "speaker": parts[sound.item].group,
                "kind": sound.kind,
                "polarity": sound.polarity,
                "start_s": round(sound.start_s, 3),
            }
            for sound in scene.sounds
        ],
    }


COLLAGE = Composer(
    "collage",
    "Groups composed of real face photographs and recordings, in the tree of VGAF.\n"
    "Labels: 1 positive, 2 neutral, 3 negative: a mapping from the emotions that single\n"
    "people acted or posed, not a judgement of groups. Clips are 5 s, 320x240, 25 frames/s.\n",
    read_sources,
    make_scene,
    composed_truth,
)
make_collage = partial(make_composed, COLLAGE)


def _readme(composer: Composer, counts: Mapping[str, int], seed: int, sources: SourcePool) -> str:
    arguments = " ".join(f"--{split} {count}" for split, count in counts.items())
    return (
        f"{composer.about}"
        "No person, speaker or source recording is in two splits. As free as its sources are.\n"
        f"{SOURCES}{sources.root}\n"
        f"{MARK}{sources.fingerprint()}\n"
        f"Made by: emo data make {composer.name} OUT --sources SOURCES {arguments} --seed {seed}\n"
    )


def _scenes(
    composer: Composer, sources: SourcePool, counts: Mapping[str, int], seed: int
) -> Iterator[ComposedScene]:
    for split in SPLITS:
        for index in range(counts[split]):
            yield composer.make(sources, seed, split, index)


POLARITY = dict.fromkeys(CLASSES, "negative") | {
    "happy": "positive",
    "neutral": "neutral",
    "surprise": "",
}


def utterance_truth(sources: SourcePool, scene: ComposedScene) -> dict:
    """A collage's line of truth.jsonl, with emotion, intensities, words, speaker and face.

    A clip belongs to its speaker, and to the person in the picture where there is no speech.
    """
    voices = [sound.item for sound in scene.sounds if sound.kind == "voice"]
    owner = voices[0] if voices else scene.people[0].item
    return {
        **composed_truth(sources, scene),
        "label": POLARITY[scene.label],
        "emotion": scene.label,
        "intensities": acted_intensities(scene, sources),
        "text": text_of(scene, sources),
        "group": sources.items[owner].group,
        "face": _track(scene),
    }


def _track(scene: ComposedScene) -> list[list[float]]:
    """Left, top, right, bottom (shares) and lean (radians) in every frame; [] = no face."""
    tracks = composed_faces(scene, TIMES_S)
    if not tracks.mask.any():
        return []
    rows = np.column_stack([tracks.boxes[:, 0], tracks.angles[:, 0]])  # (T, 5)
    return rows.astype(float).round(4).tolist()


UTTERANCES = Composer(
    "utterances",
    "One person says one sentence: real face photographs and recordings, in the tree of VGAF.\n"
    "truth.jsonl names one of six emotions or neutral, as single people acted or posed it.\n"
    "Labels: 1 positive, 2 neutral, 3 negative are mapped from it; surprise has none.\n"
    "Face and voice are of different people. Clips are 5 s, 320x240, 25 frames/s.\n",
    read_speakers,
    make_utterance,
    utterance_truth,
)
make_utterances = partial(make_composed, UTTERANCES)
