"""Where faces are in one picture: YuNet, which comes with the package; else OpenCV's Haar cascade.

Measured on one thread, pictures of up to 640 pixels (docs/experiments/0027): YuNet 7 to 10 ms and
every face of one-person clips; Haar 25 to 65 ms, 0.84 to 0.96 of close faces, few of a crowd.
"""

import logging
import threading
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from emo_core.io.shipped_weights import WeightsError, shipped_weights

YUNET = "yunet-2026may"  # of emo_core.io.shipped_weights
SCORE = 0.6  # least, of a YuNet face; drawn and real faces score above, nothing else did
LARGE = 320  # pixels; YuNet was made for faces of 10 to 300, so a picture without any is reduced
HAAR_SIDE = 480  # pixels; the cascade's time grows with the area, 640 would double it
SMALLEST = 16  # pixels; in less there is no face, and YuNet finds some in a single row
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
        self.net.setInputSize(size)
        _, rows = self.net.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        if rows is None:
            return EMPTY
        marks = rows[:, 4:14].reshape(-1, 5, 2)  # two eyes, nose, two corners of the mouth
        down = marks[:, 3:].mean(1) - marks[:, :2].mean(1)  # steadier than the line of the eyes
        angles = np.arctan2(-down[:, 0], down[:, 1])
        return _sort_by_size(rows[:, :4], angles, rows[:, 4:8], size)


class Haar:
    """Boxes only, so faces stay as they lean; 0.93 as long as YuNet's (343 photographs).

    Eyes are where YuNet has them in such a box.
    """

    name = "haar"

    def __init__(self) -> None:
        from cv2.data import haarcascades

        self.cascade = cv2.CascadeClassifier(haarcascades + "haarcascade_frontalface_alt2.xml")

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """As YuNet's, with angles of zero."""
        grey = cv2.equalizeHist(cv2.cvtColor(_shrink(image, HAAR_SIDE), cv2.COLOR_RGB2GRAY))
        found = self.cascade.detectMultiScale(grey, 1.1, 4, minSize=(SMALLEST, SMALLEST))
        rows = np.asarray(found, np.float32).reshape(-1, 4)
        height, width = grey.shape
        left, top, wide, high = rows.T
        x, y, apart = left + wide / 2, top + high * (0.5 + EYES_BELOW), wide * EYES_APART / 2
        eyes = np.stack([x - apart, y, x + apart, y], axis=1)
        return _sort_by_size(rows, np.zeros(len(rows)), eyes, (width, height))


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


Detector = YuNet | Haar
_ASKING = threading.Lock()
_own = threading.local()  # OpenCV's detectors hold state: one a thread


@lru_cache(maxsize=1)
def _yunet_file() -> Path | None:
    try:
        return shipped_weights(YUNET)
    except WeightsError as error:
        logging.getLogger(__name__).info("faces are looked for by the Haar cascade: %s", error)
        return None


def best_detector() -> Detector:
    """YuNet; the Haar cascade where YuNet's file is missing or damaged."""
    if not hasattr(_own, "detector"):
        with _ASKING:
            path = _yunet_file()
        _own.detector = Haar() if path is None else YuNet(path)
    return _own.detector
