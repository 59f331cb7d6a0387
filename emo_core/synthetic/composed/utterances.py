"""Faces and voices sorted into six emotions and neutral, transcripts, and scenes made of them.

The tables are those of `composed.sources`, with one more column: `emotion`. Sentences do not tell
the emotion, since each is spoken in all that its language has. But German ones only come in four:
who hears German knows that it is none of disgust, fear and surprise.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from emo_core.data.corpus import CorpusError
from emo_core.faces.tracking import Tracks
from emo_core.schema import SPLITS
from emo_core.synthetic.composed.scene import (
    BACKDROPS,
    HIDDEN,
    REGIMES,
    ComposedPerson,
    ComposedScene,
    ComposedSound,
    Draw,
)
from emo_core.synthetic.composed.sources import (
    SourceItem,
    SourcePool,
    assign_splits,
    people_of,
    pools,
    read_held_out,
    read_more_faces,
    read_sources,
)
from emo_core.synthetic.composed.video import stances
from emo_core.synthetic.drawn.scene import HEIGHT, WIDTH

EMOTION_WORDS = {  # of CMU-MOSEI, in its order -> the words of the tables
    "anger": ("anger", "angry"),
    "disgust": ("disgust",),
    "fear": ("fear", "fearful"),
    "happy": ("happiness", "happy"),
    "sad": ("sadness", "sad"),
    "surprise": ("surprise", "surprised"),
}
NEUTRAL = "neutral"  # none of the six
CLASSES = (*EMOTION_WORDS, NEUTRAL)
_CLASS_OF = {word: name for name, words in EMOTION_WORDS.items() for word in words}
_CLASS_OF |= dict.fromkeys((NEUTRAL, "calm"), NEUTRAL)


@lru_cache(maxsize=4)
def read_speakers(root: Path) -> SourcePool:
    """Faces and voices by CLASSES (`SourceItem.polarity`), and ambience; contempt is left out.

    Who has a split in `read_sources` keeps it; people of whom there are only surprised photographs
    are dealt among themselves. Raises CorpusError where a split lacks a class altogether.
    """
    known = read_sources(root).items
    where = {f"{part.kind}/{part.group}": part.split for part in known}
    parts = assign_splits(people_of(root, _class_of, transcript_of_row), where, read_held_out(root))
    parts = [replace(part, emotion=part.polarity) for part in parts]  # one word for each
    _check(root, parts)
    parts += [part for part in known if part.kind == "ambience"]
    return SourcePool(root, tuple(parts), pools(parts), CLASSES)


def read_more_emotion_faces(folder: Path) -> SourcePool:
    """Photographs of unknown people by CLASSES, for training only; see `read_more_faces`."""
    return read_more_faces(folder, _class_of, CLASSES)


def _class_of(row: Mapping[str, str]) -> str:
    return _CLASS_OF.get(row.get("emotion", "").casefold(), "")


def transcript_of_row(row: Mapping[str, str]) -> str:
    """Transcript of a voice, from its row of the table; "" where there is none."""
    return row.get("text", "")


def _check(root: Path, parts: list[SourceItem]) -> None:
    found = defaultdict(set)
    for part in parts:
        found[part.split].add(part.polarity)
    for split in SPLITS:
        for name in CLASSES:
            if name not in found[split]:
                words = " or ".join(EMOTION_WORDS.get(name, (NEUTRAL, "calm")))
                raise CorpusError(
                    "{name} has no face and no voice of {emotion} for {split}; expected rows with "
                    "the emotion {words} of at least three people; add some.",
                    name=root.name,
                    emotion=name,
                    split=split,
                    words=words,
                )


STREAM = 3  # of a seed's random numbers: no collage takes them
# YuNet's box of a photograph, in its sides: its centre below the photograph's middle, its width
# and height (medians of 197).
FACE = (0.04, 0.81, 1.04)


def make_utterance(sources: SourcePool, seed: int, split: str, index: int) -> ComposedScene:
    """Utterance `index` of a split; the same arguments give the same one.

    sources: of `read_speakers`. Where the split has no face of the class, it can only be heard;
    where it has no voice, only seen.
    """
    rng = np.random.default_rng([seed, SPLITS.index(split), index, STREAM])
    label = CLASSES[rng.integers(len(CLASSES))]
    regime = str(rng.choice(list(REGIMES), p=list(REGIMES.values())))
    if not sources.has("face", split, label):
        regime = "heard"
    elif not sources.has("voice", split, label):
        regime = "seen"
    hidden = str(rng.choice(HIDDEN)) if regime == "heard" else ""
    draw = Draw(sources, split, rng)
    return ComposedScene(
        seed,
        split,
        index,
        label,
        regime,
        hidden,
        people=() if hidden == "nobody" else _people(draw, "" if hidden else label),
        camera=draw.camera(),
        sounds=_sounds(draw, "" if regime == "seen" else label),
        room=draw.room(),
        backdrop=int(rng.integers(BACKDROPS)) + BACKDROPS * SPLITS.index(split),
    )


def _people(draw: Draw, label: str) -> tuple[ComposedPerson, ...]:
    """One person who shows the label; anything that the split has where there is none."""
    shown = [name for name in CLASSES if draw.sources.has("face", draw.split, name)]
    label = label or shown[draw.rng.integers(len(shown))]
    (place,) = draw.places(np.array([draw.single_size()]))
    return (draw.person(label, place),)


def _sounds(draw: Draw, label: str) -> tuple[ComposedSound, ...]:
    """One voice, often over ambience; without a label ambience alone."""
    sounds = [draw.sound("voice", label)] if label else []
    if not label or draw.rng.random() < 0.6:
        loudness = draw.between(-26, -4) if label else 0.0
        sounds.append(draw.sound("ambience", "", loudness))
    return tuple(sound for sound in sounds if sound)


def text_of(scene: ComposedScene, sources: SourcePool) -> str:
    """Transcript of a scene; "" without speech or without transcript."""
    voices = [sources.items[sound.item] for sound in scene.sounds if sound.kind == "voice"]
    return voices[0].text if voices else ""


def acted_intensities(scene: ComposedScene, sources: SourcePool) -> tuple[str, ...]:
    """As acted, of each face and voice that shows a scene's label; "" = not stated."""
    shown = [person.item for person in scene.people if not scene.hidden]
    spoken = [sound.item for sound in scene.sounds if sound.kind == "voice"]
    return tuple(sources.items[item].intensity for item in (*shown, *spoken))


def composed_faces(scene: ComposedScene, times_s: np.ndarray) -> Tracks:
    """Boxes of the visible people, as YuNet's; none where the scene hides the face.

    A corpus must not depend on the detector that a machine has.
    """
    people = 0 if scene.hidden else len(scene.people)
    x, y, side, lean = np.moveaxis(stances(scene, times_s, (WIDTH, HEIGHT))[:, :people], -1, 0)
    below, width, height = (share * side for share in FACE)  # (T, P) each
    x, y = x - below * np.sin(lean), y + below * np.cos(lean)
    boxes = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], -1)
    boxes = (boxes / (WIDTH, HEIGHT, WIDTH, HEIGHT)).astype(np.float32)
    return Tracks(boxes, lean.astype(np.float32), np.ones(lean.shape, bool))
