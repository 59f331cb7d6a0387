"""Single faces, cut out as of clips, changed more and more: what warm-up shows paper 2's model."""

from emo_core.data.collage_warm import Photographs, single
from emo_core.data.utterance_scene import FACE
from emo_core.faces import MARGIN
from emo_core.sample import Sample

SHARE = 1 / ((1 + 2 * MARGIN) * max(FACE[1:]))  # of the square around YuNet's box


class Faces(Photographs):
    """Photographs in squares of `SampleConfig.face_size`, of the size that faces of clips have."""

    def __getitem__(self, place: tuple[int, int]) -> tuple[Sample, list[int]]:
        face, target = self.picture(place, self.config.face_size, SHARE)
        return single(None, None, self.config, face), [target]
