"""The pen of the drawn world: polygons over time, palettes and a few shapes.

Shapes: T times, K points of a polygon. Head coordinates are in face radii, y down, chin at +1.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

SHIFT = 4  # polygons are in sixteenths of a pixel, which keeps slow motion smooth
Colour = tuple[int, int, int]

SKIN = (
    (255, 224, 196),
    (250, 208, 170),
    (240, 190, 148),
    (226, 170, 122),
    (206, 146, 100),
    (178, 118, 78),
    (150, 94, 60),
    (122, 76, 50),
    (98, 62, 44),
)
HAIR = (
    (38, 30, 34),
    (58, 40, 34),
    (88, 56, 38),
    (124, 78, 46),
    (170, 112, 58),
    (214, 168, 92),
    (232, 206, 148),
    (158, 66, 40),
    (150, 148, 152),
    (226, 226, 228),
)
CLOTH = (
    (232, 93, 84),
    (244, 154, 84),
    (246, 201, 96),
    (146, 190, 104),
    (78, 162, 128),
    (72, 152, 176),
    (84, 122, 190),
    (116, 98, 178),
    (170, 104, 168),
    (214, 112, 146),
    (128, 92, 76),
    (92, 104, 120),
    (216, 206, 190),
    (60, 70, 96),
    (178, 70, 76),
    (122, 178, 190),
)
LINE = (62, 38, 42)


class Stroke(NamedTuple):
    """One polygon over time."""

    points: np.ndarray  # (T, K, 2) int32, sixteenths of a pixel
    colour: Colour
    thickness: int = 0  # 0 fills the polygon; otherwise the width of its line in pixels
    closed: bool = True
    show: np.ndarray | None = None  # (T,) bool; None shows always


def blend_colours(colour: Colour, other: Colour, share: float) -> Colour:
    """The colour with `share` of the other mixed in."""
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(colour, other, strict=True))
    return red, green, blue


@dataclass(frozen=True)
class Pen:
    """Turns points in face radii into strokes in the frame."""

    centre: np.ndarray  # (T, 2) pixels
    radius: float
    tilt: np.ndarray | None  # (T,) radians
    light: tuple[float, float, float]
    rim: Colour | None = None  # what outlines are drawn in, where only they catch light

    def fill(self, points: np.ndarray, colour: Colour, show: np.ndarray | None = None) -> Stroke:
        return Stroke(self._place(points), self._shade(colour), show=show)

    def line(
        self,
        points: np.ndarray,
        colour: Colour,
        width: float,
        closed: bool = False,
        show: np.ndarray | None = None,
    ) -> Stroke:
        thickness = max(1, round(width * self.radius))
        return Stroke(self._place(points), self._shade(colour), thickness, closed, show)

    def edge(self, points: np.ndarray, colour: Colour, width: float, closed: bool = True) -> Stroke:
        """An outline."""
        stroke = self.line(points, colour, width, closed)
        return stroke if self.rim is None else stroke._replace(colour=self.rim)

    def _shade(self, colour: Colour) -> Colour:
        red, green, blue = (min(255, round(c * f)) for c, f in zip(colour, self.light, strict=True))
        return red, green, blue

    def _place(self, points: np.ndarray) -> np.ndarray:
        points = np.asarray(points, dtype=float)
        if self.tilt is not None:
            cos, sin = np.cos(self.tilt)[:, None], np.sin(self.tilt)[:, None]
            x, y = points[..., 0], points[..., 1]
            points = np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)
        placed = self.centre[:, None, :] + self.radius * points
        return np.round(placed * (1 << SHIFT)).astype(np.int32)


_ANGLES = np.linspace(0, 2 * np.pi, 28, endpoint=False)
CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=-1)
SMALL = CIRCLE[::2]


def oval(x: float, y: float, width: float, height: float, unit: np.ndarray = SMALL) -> np.ndarray:
    return unit * (width, height) + (x, y)


def arc(width: float, height: float, start: float, stop: float, bumps: float = 0) -> np.ndarray:
    """Arc around the head; angles in turns, 0.5 = left ear, 0.75 = crown, 1 = right ear."""
    angle = 2 * np.pi * np.linspace(start, stop, 26 if bumps else 16)
    grow = 1 + 0.09 * np.abs(np.sin(bumps * angle)) if bumps else 1.0
    return np.stack([grow * width * np.cos(angle), grow * height * np.sin(angle)], axis=-1)


def mirror(points: np.ndarray) -> np.ndarray:
    return points * (-1, 1)
