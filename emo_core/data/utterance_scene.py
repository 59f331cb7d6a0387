"""One person says one sentence: what such a clip shows and plays, and where its face is."""

import numpy as np

from emo_core.data.collage_picture import stances
from emo_core.data.collage_scene import BACKDROPS, HIDDEN, REGIMES, Draw, Person, Scene, Sound
from emo_core.data.collage_sources import Sources
from emo_core.data.staged_scene import HEIGHT, SPLITS, WIDTH
from emo_core.data.utterance_sources import CLASSES
from emo_core.faces import Tracks

STREAM = 3  # of a seed's random numbers: no collage takes them
# YuNet's box of a photograph, in its sides: its centre below the photograph's middle, its width
# and height (medians of 197).
FACE = (0.04, 0.81, 1.04)


def make_utterance(sources: Sources, seed: int, split: str, index: int) -> Scene:
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
    return Scene(
        seed, split, index, label, regime, hidden,
        people=() if hidden == "nobody" else _people(draw, "" if hidden else label),
        camera=draw.camera(),
        sounds=_sounds(draw, "" if regime == "seen" else label),
        room=draw.room(),
        backdrop=int(rng.integers(BACKDROPS)) + BACKDROPS * SPLITS.index(split),
    )  # fmt: skip


def _people(draw: Draw, label: str) -> tuple[Person, ...]:
    """One person who shows the label; anything that the split has where there is none."""
    shown = [name for name in CLASSES if draw.sources.has("face", draw.split, name)]
    label = label or shown[draw.rng.integers(len(shown))]
    (place,) = draw.places(np.array([draw.alone()]))
    return (draw.person(label, place),)


def _sounds(draw: Draw, label: str) -> tuple[Sound, ...]:
    """One voice, often over ambience; without a label ambience alone."""
    sounds = [draw.sound("voice", label)] if label else []
    if not label or draw.rng.random() < 0.6:
        loudness = draw.between(-26, -4) if label else 0.0
        sounds.append(draw.sound("ambience", "", loudness))
    return tuple(sound for sound in sounds if sound)


def text_of(scene: Scene, sources: Sources) -> str:
    """What is said; "" where nobody speaks or nobody wrote it down."""
    voices = [sources.parts[sound.part] for sound in scene.sounds if sound.kind == "voice"]
    return voices[0].text if voices else ""


def known_faces(scene: Scene, times_s: np.ndarray) -> Tracks:
    """Everybody who can be seen, boxed as YuNet would; nobody where the scene hides the face.

    A corpus must not depend on the detector that a machine has.
    """
    people = 0 if scene.hidden else len(scene.people)
    x, y, side, lean = np.moveaxis(stances(scene, times_s, (WIDTH, HEIGHT))[:, :people], -1, 0)
    below, width, height = (share * side for share in FACE)  # (T, P) each
    x, y = x - below * np.sin(lean), y + below * np.cos(lean)
    boxes = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], -1)
    boxes = (boxes / (WIDTH, HEIGHT, WIDTH, HEIGHT)).astype(np.float32)
    return Tracks(boxes, lean.astype(np.float32), np.ones(lean.shape, bool))
