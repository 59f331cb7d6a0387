"""The utterances corpus on disk: `emo data make utterances`, a real face and a real voice each."""

from functools import partial

import numpy as np

from emo_core.synthetic.composed import writer as collage
from emo_core.synthetic.composed.scene import ComposedScene
from emo_core.synthetic.composed.sources import SourcePool
from emo_core.synthetic.composed.utterances import (
    CLASSES,
    composed_faces,
    make_utterance,
    read_speakers,
    text_of,
)
from emo_core.synthetic.composed.writer import TIMES_S, Composer, make_composed

POLARITY = dict.fromkeys(CLASSES, "negative") | {
    "happy": "positive",
    "neutral": "neutral",
    "surprise": "",
}


def utterance_truth(sources: SourcePool, scene: ComposedScene) -> dict:
    """A collage's line of truth.jsonl, with emotion, words, speaker and where the face is.

    A clip belongs to its speaker, and to the person in the picture where there is no speech.
    """
    voices = [sound.item for sound in scene.sounds if sound.kind == "voice"]
    owner = voices[0] if voices else scene.people[0].item
    return {
        **collage.composed_truth(sources, scene),
        "label": POLARITY[scene.label],
        "emotion": scene.label,
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
