"""Where faces are in one picture: YuNet, which comes with the package.

On one thread 7 to 10 ms for a picture of up to 640 pixels; OpenCV's Haar cascade takes 25 to 65 ms
and finds few faces of a crowd (docs/experiments/0027).
"""

import threading
from pathlib import Path

import cv2
import numpy as np

from emo_core.io.shipped_weights import shipped_weights

YUNET = "yunet-2026may"  # of emo_core.io.shipped_weights
SCORE = 0.6  # least, of a YuNet face; drawn and real faces score above, nothing else did
LARGE = 320  # pixels; YuNet was made for faces of 10 to 300, so a picture without any is reduced
SMALLEST = 16  # pixels; in less there is no face
# OpenCV's YuNet sees faces of no or endless size, of score 1, in blank pictures of up to 32 pixels:
# its coarsest map has one row or column then. Such pictures get a black margin.
WHOLE = 33  # pixels, of either side
EMPTY = np.zeros((0, 9), np.float32)
# Medians of 889 photographs: YuNet's eyes in its box, in its widths and heights from its middle.
EYES_BELOW, EYES_APART = -0.138, 0.492


class YuNet:
    """Boxes and landmarks; not for two threads at once. Source: Wu, Peng and Yu 2023."""

    name = YUNET

    def __init__(self, path: Path) -> None:
        self.net = cv2.FaceDetectorYN.create(str(path), "", (LARGE, LARGE), SCORE, 0.3, 50)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB -> (N, 9), largest face first: left, top, right and bottom as shares
        of the picture, radians clockwise by which the face leans, then x and y of the eye on the
        left and of the one on the right, shares as well.

        Of 15 degrees it sees 16 on faces of 220 pixels, 10 on 128, 5 on 80 (medians of 40
        photographs): small faces are turned upright in part.
        """
        if min(image.shape[:2]) < SMALLEST:
            return EMPTY
        found = self._detect(image)
        if not len(found) and max(image.shape[:2]) > LARGE:
            found = self._detect(_shrink(image, LARGE))
        return found

    def _detect(self, image: np.ndarray) -> np.ndarray:
        size = image.shape[1], image.shape[0]
        missing = [max(0, WHOLE - side) for side in image.shape[:2]]
        if any(missing):
            image = cv2.copyMakeBorder(image, 0, missing[0], 0, missing[1], cv2.BORDER_CONSTANT)
        self.net.setInputSize((image.shape[1], image.shape[0]))
        _, rows = self.net.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        if rows is None:
            return EMPTY
        marks = rows[:, 4:14].reshape(-1, 5, 2)  # two eyes, nose, two corners of the mouth
        down = marks[:, 3:].mean(1) - marks[:, :2].mean(1)  # steadier than the line of the eyes
        angles = np.arctan2(-down[:, 0], down[:, 1])
        return _sort_by_size(rows[:, :4], angles, rows[:, 4:8], size)


def _shrink(image: np.ndarray, side: int) -> np.ndarray:
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _sort_by_size(
    boxes: np.ndarray, angles: np.ndarray, eyes: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Left, top, width, height and eyes in pixels -> the form of a detector's answer."""
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    whole = (*size, *size)
    rows = np.column_stack([corners / whole, angles, eyes / whole]).astype(np.float32)
    order = np.lexsort((rows[:, 1], rows[:, 0], -boxes[:, 2] * boxes[:, 3]))
    return rows[order]


_own = threading.local()  # OpenCV's detectors hold state: one a thread


def face_detector() -> YuNet:
    """This thread's YuNet. Raises WeightsError where its file is missing or damaged."""
    if not hasattr(_own, "detector"):
        _own.detector = YuNet(shipped_weights(YUNET))
    return _own.detector
