"""The ten places behind the drawn people: flat shapes in a few depths, slightly out of focus."""

import random
from collections.abc import Callable

import cv2
import numpy as np

from emo_core.synthetic.drawn.schema import HEIGHT, PLACES, WIDTH, Scene

Colour = tuple[int, int, int]
Light = tuple[float, float, float]

_SHIFT = 3
_NIGHT = (0.36, 0.40, 0.52)  # share of red, green and blue that is left of a place in the dark
_GLOW = (20, 26, 46)  # and what the sky adds, so that silhouettes stand out from any place


class _Canvas:
    """A picture with a camera that pans: nearer things move further."""

    def __init__(self, pan: float, variant: int) -> None:
        self.image = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
        self.pan = pan
        self.rng = random.Random(variant)

    def gradient(self, top: Colour, bottom: Colour, start: float, stop: float) -> None:
        """Fills the rows from start to stop with a vertical gradient."""
        start, stop = int(start), int(stop)
        share = np.linspace(0, 1, stop - start)[:, None]
        rows = np.array(top) * (1 - share) + np.array(bottom) * share
        self.image[start:stop] = rows[:, None].round().astype(np.uint8)

    def polygon(self, points: list[tuple[float, float]], colour: Colour, depth: float = 0) -> None:
        moved = np.array(points) + (14 * self.pan * depth, 0)
        fixed = np.round(moved * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(self.image, [fixed], colour, cv2.LINE_AA, _SHIFT)

    def box(
        self, x: float, y: float, width: float, height: float, colour: Colour, depth: float = 0
    ) -> None:
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        self.polygon(corners, colour, depth)

    def oval(
        self, x: float, y: float, width: float, height: float, colour: Colour, depth: float = 0
    ) -> None:
        turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
        ring = np.stack([x + width * np.cos(turn), y + height * np.sin(turn)], axis=-1)
        self.polygon(ring.tolist(), colour, depth)

    def tint(self, *colours: Colour) -> Colour:
        """One of the colours, slightly changed."""
        red, green, blue = (
            int(min(255, max(0, c + self.rng.uniform(-14, 14)))) for c in self.rng.choice(colours)
        )
        return red, green, blue


def _scale_colour(colour: Colour, factor: float, more: int = 0) -> Colour:
    """The colour, darker or lighter, at most white."""
    red, green, blue = (min(255, int(factor * c) + more) for c in colour)
    return red, green, blue


def paint_place(scene: Scene, dark: bool) -> tuple[np.ndarray, Light]:
    """The background, (H, W, 3) uint8 RGB, and the light it throws on people."""
    canvas = _Canvas(scene.pan, scene.style.variant)
    light = _PAINTERS[scene.style.place](canvas)
    image = cv2.GaussianBlur(canvas.image, (0, 0), 1.1)
    if dark:
        image = (image * np.array(_NIGHT) + np.array(_GLOW)).astype(np.uint8)
    return image, light


def _cloud(canvas: _Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    for dx, dy, grow in ((-0.9, 0.15, 0.6), (0, 0, 0.9), (0.9, 0.2, 0.65), (0.3, 0.25, 0.7)):
        canvas.oval(x + dx * size, y + dy * size, grow * size, 0.55 * grow * size, colour, 0.2)


def _tree(canvas: _Canvas, x: float, ground: float, size: float, leaf: Colour) -> None:
    canvas.box(x - 0.09 * size, ground - 0.7 * size, 0.18 * size, 0.7 * size, (112, 82, 62), 0.7)
    darker = _scale_colour(leaf, 0.86)
    canvas.oval(x, ground - 1.0 * size, 0.52 * size, 0.5 * size, darker, 0.7)
    canvas.oval(x - 0.08 * size, ground - 1.1 * size, 0.4 * size, 0.38 * size, leaf, 0.7)


def _park(canvas: _Canvas) -> Light:
    rng = canvas.rng
    horizon = rng.uniform(112, 142)
    sky = canvas.tint((150, 206, 240), (176, 216, 236), (246, 206, 178))
    canvas.gradient(sky, (236, 242, 236), 0, horizon)
    for _ in range(3):
        white = (248, 250, 250)
        _cloud(canvas, rng.uniform(0, WIDTH), rng.uniform(15, 60), rng.uniform(14, 24), white)
    grass = canvas.tint((136, 190, 110), (160, 196, 104), (118, 178, 122))
    far = _scale_colour(grass, 0.8, 40)
    canvas.oval(rng.uniform(40, 140), horizon + 14, 150, 40, far, 0.3)
    canvas.oval(rng.uniform(190, 300), horizon + 18, 140, 46, far, 0.3)
    canvas.gradient(grass, _scale_colour(grass, 0.82), horizon + 6, HEIGHT)
    for _ in range(5):
        leaf = canvas.tint((92, 156, 92), (122, 168, 84), (76, 142, 104))
        _tree(
            canvas, rng.uniform(-10, 330), horizon + rng.uniform(8, 22), rng.uniform(40, 72), leaf
        )
    path = rng.uniform(110, 210)
    canvas.polygon(
        [
            (path - 8, horizon + 8),
            (path + 8, horizon + 8),
            (path + 80, HEIGHT),
            (path - 60, HEIGHT),
        ],
        (222, 206, 172),
        0.8,
    )
    return 1.0, 1.0, 1.0


def _beach(canvas: _Canvas) -> Light:
    rng = canvas.rng
    horizon = rng.uniform(92, 118)
    sky = canvas.tint((120, 200, 240), (250, 190, 150), (170, 200, 236))
    canvas.gradient(sky, (250, 236, 214), 0, horizon)
    canvas.oval(rng.uniform(30, 290), rng.uniform(30, 70), 16, 16, (255, 246, 214), 0.1)
    sea = canvas.tint((58, 146, 184), (74, 170, 178), (70, 124, 176))
    canvas.gradient(sea, _scale_colour(sea, 1, 46), horizon, horizon + 46)
    for _ in range(7):
        x, y = rng.uniform(0, 300), horizon + rng.uniform(6, 40)
        canvas.box(x, y, rng.uniform(16, 46), 1.6, (226, 244, 244), 0.4)
    canvas.gradient((240, 220, 174), (222, 196, 148), horizon + 46, HEIGHT)
    for _ in range(2):
        x, y = rng.uniform(20, 300), horizon + rng.uniform(62, 84)
        shade = canvas.tint((232, 92, 88), (86, 150, 204), (246, 190, 92))
        canvas.box(x - 1.5, y - 44, 3, 48, (236, 232, 224), 0.7)
        canvas.polygon([(x - 30, y - 34), (x, y - 58), (x + 30, y - 34)], shade, 0.7)
        canvas.polygon([(x - 10, y - 34), (x, y - 58), (x + 10, y - 34)], (248, 244, 236), 0.7)
    return 1.0, 0.99, 0.96


def _street(canvas: _Canvas) -> Light:
    rng = canvas.rng
    canvas.gradient(canvas.tint((176, 204, 226), (214, 200, 206)), (236, 232, 226), 0, 150)
    x = -20.0
    while x < WIDTH + 20:
        width, top = rng.uniform(48, 84), rng.uniform(6, 60)
        wall = canvas.tint((206, 142, 112), (222, 190, 146), (164, 156, 164), (146, 170, 178))
        canvas.box(x, top, width - 2, 170 - top, wall, 0.5)
        glass = canvas.tint((246, 230, 168), (120, 150, 176))
        for column in range(3):
            for row in range(4):
                pane = (x + 7 + column * (width - 10) / 3, top + 10 + 28 * row)
                canvas.box(*pane, (width - 34) / 3 + 3, 16, glass, 0.5)
        x += width
    canvas.gradient((190, 186, 182), (176, 172, 170), 166, 196)
    canvas.gradient((116, 116, 126), (98, 98, 110), 196, HEIGHT)
    for number in range(5):
        canvas.box(number * 76 - 10, 214, 40, 5, (234, 226, 190), 1)
    return 0.99, 0.98, 0.98


def _stadium(canvas: _Canvas) -> Light:
    canvas.gradient(canvas.tint((58, 78, 124), (120, 176, 220)), (186, 206, 226), 0, 50)
    first = canvas.tint((86, 96, 132), (122, 92, 110), (92, 112, 120))
    for row in range(8):
        y = 34 + 15 * row
        canvas.box(-20, y, 360, 15, _scale_colour(first, 0.86 + 0.03 * row), 0.3)
        for seat in range(26):
            fan = canvas.tint((228, 196, 168), (196, 150, 116), (132, 98, 80), first)
            canvas.oval(seat * 13 + (row % 2) * 6 - 6, y + 6, 3.6, 4.2, fan, 0.3)
    canvas.box(-20, 150, 360, 16, canvas.tint((236, 232, 226), (214, 92, 84), (70, 110, 170)), 0.6)
    grass = canvas.tint((96, 168, 92), (118, 178, 88))
    canvas.gradient(grass, _scale_colour(grass, 0.86), 164, HEIGHT)
    for stripe in range(4):
        lighter = _scale_colour(grass, 1.09)
        left = 40 + 80 * stripe
        canvas.polygon(
            [(left, 165), (left + 36, 165), (left + 60, 240), (left - 4, 240)], lighter, 0.9
        )
    return 1.0, 1.0, 1.0


def _stage(canvas: _Canvas) -> Light:
    rng = canvas.rng
    back = canvas.tint((78, 58, 110), (52, 76, 118), (110, 60, 88))
    canvas.gradient(back, _scale_colour(back, 1.35), 0, 176)
    curtain = canvas.tint((176, 56, 70), (150, 60, 120), (60, 110, 120))
    for side in (0, 1):
        for fold in range(5):
            x = fold * 13 - 6 if side == 0 else WIDTH - fold * 13 - 8
            shade = _scale_colour(curtain, 0.82 + 0.2 * (fold % 2))
            canvas.box(x, 0, 14, 190, shade, 0.6)
    for _ in range(4):
        lamp_x, floor_x = rng.uniform(70, 250), rng.uniform(90, 250)
        beam = _scale_colour(back, 1.18, 16)
        ends: list[tuple[float, float]]
        ends = [(lamp_x - 5, 0), (lamp_x + 5, 0), (floor_x + 28, 176), (floor_x - 28, 176)]
        canvas.polygon(ends, beam, 0.4)
    canvas.gradient((158, 112, 82), (122, 84, 64), 176, HEIGHT)
    for board in range(5):
        canvas.box(-20, 184 + 12 * board, 360, 1.4, (108, 74, 58), 0.9)
    for lamp in range(6):
        canvas.oval(36 + 50 * lamp, 6, 9, 9, (255, 236, 190), 0.5)
    return 0.99, 0.96, 0.98


def _living_room(canvas: _Canvas) -> Light:
    rng = canvas.rng
    wall = canvas.tint((226, 208, 186), (176, 198, 196), (214, 186, 190), (196, 200, 168))
    canvas.gradient(wall, _scale_colour(wall, 0.93), 0, 180)
    canvas.gradient((176, 134, 98), (150, 110, 80), 180, HEIGHT)
    x = rng.uniform(10, 200)
    canvas.box(x, 24, 86, 78, (246, 242, 234), 0.4)
    canvas.box(x + 5, 29, 36, 68, canvas.tint((166, 208, 236), (88, 100, 150)), 0.4)
    canvas.box(x + 45, 29, 36, 68, canvas.tint((166, 208, 236), (88, 100, 150)), 0.4)
    for _ in range(3):
        px, py = rng.uniform(-10, 290), rng.uniform(18, 60)
        canvas.box(px, py, 40, 32, (110, 80, 62), 0.5)
        inside = canvas.tint((236, 170, 120), (120, 170, 190), (200, 120, 130))
        canvas.box(px + 4, py + 4, 32, 24, inside, 0.5)
    sofa = canvas.tint((190, 98, 88), (92, 128, 150), (120, 140, 100), (206, 164, 92))
    darker = _scale_colour(sofa, 0.84)
    canvas.box(30, 118, 260, 60, darker, 0.7)
    canvas.box(16, 140, 288, 58, sofa, 0.8)
    lamp = rng.choice((14, 306))
    canvas.box(lamp - 1.5, 70, 3, 130, (90, 76, 70), 0.7)
    canvas.polygon(
        [(lamp - 18, 76), (lamp - 10, 46), (lamp + 10, 46), (lamp + 18, 76)], (252, 232, 178), 0.7
    )
    return 1.0, 0.98, 0.95


def _classroom(canvas: _Canvas) -> Light:
    rng = canvas.rng
    wall = canvas.tint((232, 224, 200), (206, 218, 214), (222, 206, 214))
    canvas.gradient(wall, _scale_colour(wall, 0.94), 0, 190)
    canvas.gradient((186, 166, 142), (160, 140, 120), 190, HEIGHT)
    x = rng.uniform(20, 70)
    board = canvas.tint((58, 100, 84), (70, 80, 96), (238, 242, 244))
    canvas.box(x - 5, 19, 200, 98, (150, 112, 78), 0.4)
    canvas.box(x, 24, 190, 88, board, 0.4)
    chalk = (206, 214, 208) if sum(board) < 500 else (90, 110, 160)
    for line in range(4):
        canvas.box(x + 14, 36 + 18 * line, rng.uniform(50, 150), 3, chalk, 0.4)
    for shelf in range(2):
        left = x + 206
        canvas.box(left, 40 + 52 * shelf, 60, 5, (140, 104, 76), 0.5)
        for book in range(7):
            tall = rng.uniform(20, 34)
            spine = canvas.tint((200, 90, 84), (84, 130, 176), (226, 180, 90), (110, 150, 110))
            canvas.box(left + 2 + 8 * book, 40 + 52 * shelf - tall, 7, tall, spine, 0.5)
    return 1.0, 1.0, 0.98


def _night_market(canvas: _Canvas) -> Light:
    rng = canvas.rng
    canvas.gradient(canvas.tint((30, 34, 70), (44, 30, 66)), (96, 66, 96), 0, 150)
    canvas.gradient((92, 72, 84), (70, 56, 70), 150, HEIGHT)
    for stall in range(4):
        x = stall * 88 - 20 + rng.uniform(-8, 8)
        canvas.box(x + 4, 92, 74, 84, canvas.tint((196, 132, 86), (172, 104, 84)), 0.6)
        canvas.box(x + 10, 100, 62, 34, (252, 222, 152), 0.6)
        awning = canvas.tint((206, 74, 70), (66, 136, 140), (226, 160, 76), (150, 84, 150))
        for fold in range(6):
            shade = awning if fold % 2 else (244, 236, 222)
            left = x + 13.6 * fold
            canvas.polygon(
                [(left + 4, 66), (left + 15, 66), (left + 13.6, 94), (left, 94)], shade, 0.6
            )
    for lamp in range(13):
        x, y = lamp * 27 - 4, 34 + 12 * np.sin(1.1 * lamp)
        glow = canvas.tint((255, 214, 130), (255, 170, 120), (255, 236, 180))
        canvas.oval(x, y, 6.5, 7.5, glow, 0.5)
    return 0.95, 0.88, 0.84


def _winter(canvas: _Canvas) -> Light:
    rng = canvas.rng
    horizon = rng.uniform(116, 140)
    canvas.gradient(canvas.tint((150, 174, 210), (196, 190, 214)), (232, 236, 244), 0, horizon)
    for peak in range(4):
        x, top = peak * 96 + rng.uniform(-20, 20), rng.uniform(30, 74)
        rock = canvas.tint((128, 142, 172), (150, 150, 182))
        canvas.polygon([(x - 80, horizon + 10), (x, top), (x + 84, horizon + 10)], rock, 0.3)
        snow = [
            (x - 20, top + 22),
            (x, top),
            (x + 21, top + 22),
            (x + 6, top + 16),
            (x - 6, top + 25),
        ]
        canvas.polygon(snow, (246, 248, 252), 0.3)
    canvas.gradient((238, 242, 248), (212, 222, 236), horizon, HEIGHT)
    for _ in range(6):
        x, y, size = rng.uniform(0, 320), horizon + rng.uniform(6, 26), rng.uniform(20, 36)
        leaf = canvas.tint((70, 116, 104), (84, 128, 100))
        for tier in range(3):
            wide, level = size * (0.32 + 0.14 * tier), y - size * (1.3 - 0.42 * tier)
            canvas.polygon(
                [
                    (x - wide, level + 0.5 * size),
                    (x, level - 0.3 * size),
                    (x + wide, level + 0.5 * size),
                ],
                leaf,
                0.7,
            )
    for _ in range(34):
        canvas.oval(rng.uniform(-10, 330), rng.uniform(0, 240), 1.5, 1.5, (255, 255, 255), 1.2)
    return 0.98, 0.99, 1.0


def _cafe(canvas: _Canvas) -> Light:
    rng = canvas.rng
    wall = canvas.tint((150, 106, 84), (108, 120, 112), (186, 150, 116))
    canvas.gradient(wall, _scale_colour(wall, 0.85), 0, 170)
    canvas.gradient((112, 84, 72), (90, 68, 60), 170, HEIGHT)
    for shelf in range(2):
        y = 52 + 40 * shelf
        canvas.box(24, y, 150, 4, (84, 60, 48), 0.5)
        for cup in range(9):
            pot = canvas.tint((238, 226, 206), (200, 110, 84), (110, 150, 150), (230, 186, 100))
            high = rng.uniform(10, 24)
            canvas.box(28 + 16 * cup, y - high, 10, high, pot, 0.5)
    canvas.box(200, 22, 96, 96, (232, 214, 180), 0.4)
    canvas.box(206, 28, 84, 84, canvas.tint((176, 210, 220), (242, 206, 160), (90, 96, 140)), 0.4)
    canvas.box(-20, 132, 360, 44, canvas.tint((170, 122, 86), (132, 92, 74)), 0.8)
    canvas.box(-20, 128, 360, 6, (222, 186, 142), 0.8)
    for lamp in range(4):
        x = 46 + 76 * lamp
        canvas.box(x - 0.8, 0, 1.6, 22, (60, 50, 48), 0.6)
        canvas.oval(x, 27, 11, 8, (255, 228, 166), 0.6)
    return 0.99, 0.95, 0.90


_PAINTERS: dict[str, Callable[[_Canvas], Light]] = {
    "park": _park,
    "beach": _beach,
    "street": _street,
    "stadium": _stadium,
    "stage": _stage,
    "living room": _living_room,
    "classroom": _classroom,
    "night market": _night_market,
    "winter": _winter,
    "cafe": _cafe,
}
assert set(_PAINTERS) == set(PLACES)
