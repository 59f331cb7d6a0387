"""Halves of collages: pictures without sound, sounds without a picture, to be paired at will.

Of a scene, picture and sound depend on each other only through what is asked of both, so halves of
different scenes that ask the same make a new one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from emo_core.faces.tracking import track_faces
from emo_core.preprocess.sample import (
    DecodedWindow,
    Sample,
    SampleConfig,
    face_fields,
    frame_times,
    pad_or_crop,
    resize_frames,
    resize_size,
    to_sample,
)
from emo_core.synthetic.composed.scene import REGIMES, ComposedScene
from emo_core.synthetic.composed.soundtrack import mix
from emo_core.synthetic.composed.sources import SourcePool
from emo_core.synthetic.composed.utterances import acted_intensities
from emo_core.synthetic.composed.video import compose_frames
from emo_core.synthetic.drawn.scene import DURATION_S, HEIGHT, WIDTH

SILENT = {"video": "heard", "audio": "seen"}  # the regime in which that half says nothing


@dataclass(frozen=True)
class SceneHalves:
    """`count` pictures or sounds of scenes of train people, as a data set."""

    make: Callable[[SourcePool, int, str, int], ComposedScene]  # seed, split, index
    sources: SourcePool
    stream: str  # "video" or "audio"
    count: int
    config: SampleConfig
    seed: int

    def __len__(self) -> int:
        return self.count

    def scene(self, index: int) -> ComposedScene:
        """Scene `index` of the people of train."""
        return self.make(self.sources, self.seed, "train", index)

    def label(self, index: int) -> str:
        """Label of a half; "" = none."""
        scene = self.scene(index)
        return "" if scene.regime == SILENT[self.stream] else scene.label

    def intensities(self, index: int) -> tuple[str, ...]:
        """As acted, of the people who are seen or heard in a half; "" = not stated."""
        scene = self.scene(index)
        half = replace(scene, sounds=()) if self.stream == "video" else replace(scene, people=())
        return acted_intensities(half, self.sources)

    @property
    def key(self) -> tuple[object, ...]:
        """Everything that decides what halves show, but for their number."""
        made = self.make.__name__
        return "halves", made, self.sources.fingerprint(), self.seed, self.config.as_dict()

    def __getitem__(self, position: tuple[int, int]) -> tuple[Sample, str]:
        scene = self.scene(position[1])
        half = self._video(scene) if self.stream == "video" else self._audio(scene)
        return half, self.label(position[1])

    def _video(self, scene: ComposedScene) -> Sample:
        config, times_s = self.config, frame_times(self.config)
        frames = compose_frames(scene, self.sources, times_s, (WIDTH, HEIGHT))
        shown = np.ones(len(times_s), bool)

        def follow(frames: np.ndarray, _: np.ndarray):
            return track_faces(frames, every=config.face_every)

        return to_sample(
            DecodedWindow(
                pad_or_crop(
                    resize_frames(frames, resize_size((WIDTH, HEIGHT), config), config.resize_mode),
                    config,
                ),
                times_s.astype(np.float32),
                np.zeros(round(config.window_s * config.mel.rate), np.int16),
                DURATION_S,
                0.0,
                **face_fields(frames, times_s, shown, config, follow),
            ),
            config,
        )

    def _audio(self, scene: ComposedScene) -> Sample:
        wave = np.round(mix(scene, self.sources) * 32767).astype(np.int16)
        config = replace(self.config, frames=1, width=2, height=2, people=0)
        pixels, times_s = np.zeros((1, 2, 2, 3), np.uint8), np.zeros(1, np.float32)
        return to_sample(DecodedWindow(pixels, times_s, wave, 0.0, DURATION_S), config)


def draw_pair(rng: np.random.Generator, label: str) -> tuple[str, str]:
    """Labels of picture and sound for a new scene of a label, in the shares of REGIMES."""
    regime = str(rng.choice(list(REGIMES), p=list(REGIMES.values())))
    return "" if regime == "heard" else label, "" if regime == "seen" else label
