"""Utterances composed while training: new ones in every epoch."""

from dataclasses import replace

import numpy as np
import torch

from emo_core.data.collage_fresh import FreshDataset
from emo_core.data.collage_picture import compose_frames
from emo_core.data.collage_scene import Scene
from emo_core.data.collage_sound import mix
from emo_core.data.collage_sources import Sources
from emo_core.data.mel_changes import varied
from emo_core.data.staged_scene import DURATION_S, HEIGHT, WIDTH
from emo_core.data.utterance_scene import known_faces, make_utterance, text_of
from emo_core.data.utterance_sources import CLASSES, EMOTIONS
from emo_core.faces import Tracks
from emo_core.sample import Decoded, Sample, SampleConfig, fitted, place, scaled, seen_faces

SIZE = (240, 180)  # pixels, width and height at which faces are cut out
CARELESS = 4  # of a scene's random numbers


class FreshUtterances(FreshDataset):
    """`count` utterances of people of train, other ones in every epoch.

    Sounds are varied and faces cut out carelessly: else it learns the few people by heart.
    """

    def expected(self, index: int) -> np.ndarray:
        return _target(CLASSES[index % len(CLASSES)])

    def scene(self, number: int) -> tuple[Scene, np.ndarray]:
        scene = make_utterance(self.sources, self.seed, "train", number)
        return scene, _target(scene.label)

    def composed(self, scene: Scene, times_s: np.ndarray) -> Decoded:
        rng = np.random.default_rng([*scene.key, CARELESS])
        return decoded_utterance(scene, self.sources, self.cache.config, times_s, rng)

    def __getitem__(self, place: tuple[int, int]) -> tuple[Sample, np.ndarray]:
        sample, target = super().__getitem__(place)
        rng = np.random.default_rng([self.seed, place[0] * len(self) + place[1], 2])
        return replace(sample, mel=torch.from_numpy(varied(sample.mel.numpy(), rng))), target


def _target(label: str) -> np.ndarray:
    return np.array([label == name for name in EMOTIONS], np.float32)


def decoded_utterance(
    scene: Scene, sources: Sources, config: SampleConfig, times_s: np.ndarray,
    rng: np.random.Generator | None = None,
) -> Decoded:  # fmt: skip
    """An utterance as it would be read from a file, at times_s (T,), but for the codec's losses.

    rng: with it, the face's box is moved, scaled and turned a little, the same in all frames.
    """
    frames = compose_frames(scene, sources, times_s, SIZE)
    shown, faces = np.ones(len(times_s), bool), known_faces(scene, times_s)
    if rng is not None:
        faces = _careless(faces, rng)
    return Decoded(
        place(scaled(frames, fitted((WIDTH, HEIGHT), config)), config),
        times_s.astype(np.float32),
        np.round(mix(scene, sources) * 32767).astype(np.int16),
        DURATION_S,
        DURATION_S,
        **seen_faces(frames, times_s, shown, config, lambda *_: faces),
        text=text_of(scene, sources) if config.text_length else "",
    )


def _careless(tracks: Tracks, rng: np.random.Generator) -> Tracks:
    first, last = tracks.boxes[..., :2], tracks.boxes[..., 2:]
    middle = (first + last) / 2 + rng.normal(0, 0.06, 2) * (last - first)
    half = np.exp(rng.normal(0, 0.12)) * (last - first) / 2
    boxes = np.concatenate([middle - half, middle + half], -1).astype(np.float32)
    return replace(tracks, boxes=boxes, angles=tracks.angles + np.float32(rng.normal(0, 0.12)))
