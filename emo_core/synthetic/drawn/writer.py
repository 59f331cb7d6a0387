"""The drawn corpus on disk: `emo data make staged`."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from emo_core.schema import SPLITS
from emo_core.synthetic import corpus_io as clip_tree
from emo_core.synthetic.corpus_io import FOLDERS, Progress, Tree, make_tree
from emo_core.synthetic.drawn.motion import affect, face_box
from emo_core.synthetic.drawn.render import draw_frames
from emo_core.synthetic.drawn.scene import (
    ACTED_EMOTIONS,
    DURATION_S,
    FPS,
    Scene,
    make_drawn_scene,
)
from emo_core.synthetic.drawn.sound_effects import RATE
from emo_core.synthetic.drawn.soundtrack import synthesise

FRAME_COUNT = round(DURATION_S * FPS)
_BOXES_HZ = 5


STATEMENT = """# Training data

## Warning

This model has only ever seen drawings: on a real clip its answer means nothing yet.

## Label

what the drawn scene was made to show

## Sources

Groups drawn by this project with synthesised sound; no real person is in them.

## Labels

Drawn with the scene, as is the evidence for them.

## Licence

MIT, as the code.

## Known failures

Anything that is not one of these drawings.
"""  # DATA.md of every drawn corpus


def make_staged(
    out: Path,
    train: int,
    val: int,
    test: int,
    seed: int,
    workers: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Makes the clips, labels and truth, as `make_tree` says. Raises MakeError."""
    counts = {"train": train, "val": val, "test": test}
    scenes = partial(_scenes, counts, seed)
    readme = _readme(counts, seed)
    tree = Tree(Path(out), counts, readme, scenes, write_drawn_clip, drawn_truth, STATEMENT)
    make_tree(tree, workers, progress)


def write_drawn_clip(path: Path, scene: Scene) -> None:
    """Draws, sounds and encodes one clip."""
    frames = draw_frames(scene, np.arange(FRAME_COUNT) / FPS)
    clip_tree.write_clip(path, frames, FPS, synthesise(scene), RATE)


def drawn_truth(scene: Scene) -> dict:
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
        "emotions": {emotion: int(emotion in scene.emotions) for emotion in ACTED_EMOTIONS},
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


def _readme(counts: Mapping[str, int], seed: int) -> str:
    arguments = " ".join(f"--{split} {count}" for split, count in counts.items())
    return (
        "A drawn stand-in for the VGAF corpus: same tree, same label files, no real people.\n"
        "Labels: 1 positive, 2 neutral, 3 negative. Clips are 5 s, 320x240, 25 frames/s.\n"
        "truth.jsonl tells for every clip, test included, what was planted where.\n"
        f"Made by: emo data make staged OUT {arguments} --seed {seed}\n"
    )


def _scenes(counts: Mapping[str, int], seed: int) -> Iterator[Scene]:
    for split in SPLITS:
        for index in range(counts[split]):
            yield make_drawn_scene(seed, split, index)
