"""Decoded frames as displayed RGB: converted, resized, turned."""

from typing import Any

import numpy as np

from emo_core.media.hdr import HLG, PQ, to_bt709
from emo_core.media.picture import PictureTrack


class Painter:
    """Turns decoded frames into displayed RGB of one size, whatever size they come in."""

    def __init__(self, picture: PictureTrack, size: tuple[int, int]) -> None:
        from av.video.reformatter import VideoReformatter

        self.picture = picture
        self.stored = size[::-1] if picture.transposed else size
        self.reformatter = VideoReformatter()

    def paint(self, frame: Any) -> np.ndarray:
        """One frame as (H, W, 3) uint8 RGB."""
        from av.video.reformatter import Interpolation

        width, height = self.stored
        wide = frame.color_trc in (HLG, PQ)
        shrinks = width < frame.width or height < frame.height
        rgb = self.reformatter.reformat(
            frame,
            width,
            height,
            "rgb48le" if wide else "rgb24",
            interpolation=Interpolation.AREA if shrinks else Interpolation.BILINEAR,
            threads=1,
        )
        levels = np.frombuffer(rgb.planes[0], np.dtype("<u2") if wide else np.uint8)
        image = levels.reshape(height, -1)[:, : width * 3].reshape(height, width, 3)
        return self._turned(to_bt709(image, frame.color_trc) if wide else image)

    def _turned(self, image: np.ndarray) -> np.ndarray:
        """An image as stored, (H, W, 3), turned and mirrored as the display matrix says."""
        a, b, c, d = self.picture.matrix
        if self.picture.transposed:
            image = image.swapaxes(0, 1)
        if a + c < 0:
            image = image[:, ::-1]
        if b + d < 0:
            image = image[::-1]
        return image
