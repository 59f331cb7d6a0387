"""Ground truth of a drawn scene: targets of three tasks, and face boxes.

What is drawn does not depend on it (`dataset.generator_version`).
"""

import numpy as np

from emo_core.faces.tracking import Tracks
from emo_core.schema import EMOTIONS, POLARITIES
from emo_core.synthetic.drawn import scene as staged_scene
from emo_core.synthetic.drawn.motion import affect, pose_of

ACTED_AS = {  # emotion -> the drawn world's own word
    "anger": "angry",
    "disgust": "disgusted",
    "fear": "afraid",
    "happy": "happy",
    "sad": "sad",
    "surprise": "surprised",
}
CORPUS_LABELS = {
    "staged": POLARITIES,
    "staged-emotions": EMOTIONS,
    "staged-affect": ("valence", "arousal"),
}
# Tokens of a JMT window (docs/papers/jmt.md#tokens); a moment is the end of one of as many equal
# parts of a clip.
MOMENTS = 16
_LAST_S = staged_scene.DURATION_S - 1 / staged_scene.FPS  # when the last frame is shown
MOMENTS_S = np.minimum((np.arange(MOMENTS) + 1) * staged_scene.DURATION_S / MOMENTS, _LAST_S)
# YuNet's box of a drawn face, in radii of the head: its centre to the right and below the head's,
# its width and height (means of 660).
FACE = (0.02, 0.18, 1.75, 2.0)


def target_of(scene: staged_scene.Scene, corpus: str) -> int | np.ndarray:
    """Class index, six emotions (6,) of 0 and 1, or valence and arousal (MOMENTS, 2)."""
    if corpus == "staged-emotions":
        return np.array([ours in scene.emotions for ours in ACTED_AS.values()], np.float32)
    if corpus == "staged-affect":
        return affect(scene, MOMENTS_S).astype(np.float32)
    return POLARITIES.index(scene.label)


def drawn_faces(scene: staged_scene.Scene, times_s: np.ndarray) -> Tracks:
    """Boxes of the people facing the camera, as YuNet's, in the order of the scene.

    As Aff-Wild2 comes with its crops. Of 681 drawn faces YuNet finds 98.5 % but the Haar cascade
    44.5 %, and a corpus must not depend on which of them a machine has.
    """
    front = [n for n, person in enumerate(scene.people) if person.facing == "front"]
    boxes = np.zeros((len(times_s), len(front), 4), np.float32)
    angles = np.zeros((len(times_s), len(front)), np.float32)
    for slot, number in enumerate(front):
        radius, pose = scene.people[number].radius, pose_of(scene, number, times_s)
        turned = np.stack([np.cos(pose.tilt), np.sin(pose.tilt)], axis=-1)  # (T, 2)
        across, down, width, height = (radius * share for share in FACE)
        centre = pose.centre + across * turned + down * turned[:, ::-1] * (-1, 1)
        half = np.array([width / 2, height / 2])
        boxes[:, slot] = np.concatenate([centre - half, centre + half], axis=-1)
        angles[:, slot] = pose.tilt
    size = (staged_scene.WIDTH, staged_scene.HEIGHT)
    return Tracks(boxes / (*size, *size), angles, np.ones(angles.shape, bool))
