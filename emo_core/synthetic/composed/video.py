"""A collage's picture at any size: backdrop, people, then what the camera does."""

from functools import cache, lru_cache
from pathlib import Path

import cv2
import numpy as np

from emo_core.synthetic.composed.scene import BACKDROPS, Camera, ComposedPerson, ComposedScene
from emo_core.synthetic.composed.sources import SIDE, SourcePool, photograph
from emo_core.synthetic.drawn.scene import DURATION_S

SIDES = (16, 32, 64, SIDE)  # pixels, of the copies that faces are taken from
SOFT = 0.06  # of a photograph's side: how far its edge fades
BACKDROP = 128  # pixels, height and width of the backdrop


def compose_frames(
    scene: ComposedScene, sources: SourcePool, times_s: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """The picture at these moments: (T, height, width, 3) uint8 for size (width, height).

    The same scene looks the same at any size, but for noise and compression.
    """
    behind = _backdrop(scene.backdrop)
    faces = [_render_face(scene, person, sources, size[1]) for person in scene.people]
    rng, drifting = _drifting(scene)
    frames = []
    for t in times_s:
        view = _view(scene.camera, float(t), size, drifting)  # picture heights -> pixels
        frame = _behind(behind, view, size)
        for person, face in zip(scene.people, faces, strict=True):
            _draw_person(frame, person, face, view, float(t))
        frames.append(frame)
    return _apply_camera(frames, scene, rng)


def stances(scene: ComposedScene, times_s: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Place of each person's photograph in a frame of size (width, height) at these moments.

    Returns (T, P, 4): its middle from the left and the top, its side, all in pixels; its lean,
    radians clockwise.
    """
    _, drifting = _drifting(scene)
    placed = np.zeros((len(times_s), len(scene.people), 4))
    for step, t in enumerate(times_s):
        view = _view(scene.camera, float(t), size, drifting)
        for number, person in enumerate(scene.people):
            placed[step, number] = _stance(person, view, float(t))
    return placed


def _drifting(scene: ComposedScene) -> tuple[np.random.Generator, np.ndarray]:
    """The random numbers of a picture, and the first of them: how its camera drifts."""
    rng = np.random.default_rng([*scene.key, 1])
    return rng, rng.uniform(0, 2 * np.pi, (2, 2))


def _phase(person: ComposedPerson, t: float) -> float:
    _, often, begins = person.sway
    return 2 * np.pi * often * t + begins


def _stance(
    person: ComposedPerson, view: tuple[float, float, float], t: float
) -> tuple[float, float, float, float]:
    """(x, y, side, lean) of a photograph at t; see `stances`."""
    scale, right, down = view
    far, phase = person.sway[0], _phase(person, t)
    x = right + scale * (person.x + far * person.size * np.sin(phase))
    y = down + scale * (person.y + far / 2 * person.size * np.sin(1.7 * phase))
    return x, y, scale * person.size, person.tilt + far * np.sin(0.8 * phase)


def _view(
    camera: Camera, t: float, size: tuple[int, int], drifting: np.ndarray
) -> tuple[float, float, float]:
    """(pixels a height, right, down) at t: where the camera looks."""
    width, height = size
    share = t / DURATION_S
    scale = height * (camera.zoom[0] + (camera.zoom[1] - camera.zoom[0]) * share)
    shaken = camera.shake * np.sin(2 * np.pi * t * np.array([1.7, 2.3]) + drifting[0])
    right, down = (camera.pan[i] * (share - 0.5) + shaken[i] for i in (0, 1))
    return scale, width / 2 - scale * (2 / 3 + right), height / 2 - scale * (0.5 + down)


@lru_cache(maxsize=BACKDROPS)
def _backdrop(seed: int) -> np.ndarray:
    """Walls, skies, crowds of blots: (BACKDROP, BACKDROP, 3) uint8 of no meaning."""
    rng = np.random.default_rng(seed)
    top, bottom = rng.uniform(20, 235, (2, 3))
    if rng.random() < 0.3:
        bottom = top
    rows = np.linspace(0, 1, BACKDROP, dtype=np.float32)[:, None, None]
    top, bottom = np.float32(top), np.float32(bottom)
    image = np.broadcast_to(top + (bottom - top) * rows, (BACKDROP, BACKDROP, 3)).copy()
    for cells in rng.choice((2, 4, 8, 16, 32), rng.integers(0, 4), replace=False):
        blots: np.ndarray = rng.standard_normal((cells, cells, rng.choice((1, 1, 3))), np.float32)
        blots = cv2.resize(blots, (BACKDROP, BACKDROP), interpolation=cv2.INTER_CUBIC)
        image += rng.uniform(3, 26) * blots.reshape(BACKDROP, BACKDROP, -1)
    for _ in range(rng.integers(0, 6)):  # furniture
        corner, far = rng.integers(0, BACKDROP, (2, 2)).tolist()
        colour = rng.uniform(10, 245, 3).tolist()
        if rng.random() < 0.7:
            cv2.rectangle(image, corner, far, colour, int(rng.choice((-1, 1, 3))))
        else:
            cv2.circle(image, corner, int(rng.integers(2, 30)), colour, -1)
    return image.clip(0, 255).astype(np.uint8)


def _behind(backdrop: np.ndarray, view: tuple[float, float, float], size: tuple[int, int]):
    scale, right, down = view
    stretch = scale * 1.6 / BACKDROP  # larger than the picture: the camera may move
    matrix = np.array([[stretch, 0, right - 0.13 * scale], [0, stretch, down - 0.3 * scale]])
    return cv2.warpAffine(backdrop, matrix, size, borderMode=cv2.BORDER_REFLECT)


def _render_face(
    scene: ComposedScene, person: ComposedPerson, sources: SourcePool, height: int
) -> np.ndarray:
    """A face with its edge, just large enough for a picture of `height`: (side, side, 4) uint8."""
    wanted = person.size * max(scene.camera.zoom) * height
    side = next((s for s in SIDES if s >= wanted), SIDE)
    if scene.hidden == "away":
        grey = _back_of_head(person, side)
    else:
        grey = _copies(sources.items[person.item].path)[side]
    contrast, gamma = person.light
    tone = (np.arange(256, dtype=np.float32) / 255) ** gamma
    tone = ((tone - 0.45) * contrast + 0.45) * 255
    if scene.hidden == "dark":
        tone *= 0.12
    if scene.hidden == "blurred":
        coarse = cv2.resize(grey, (4, 4), interpolation=cv2.INTER_AREA)
        grey = cv2.resize(coarse, (side, side))
    table = (tone[:, None] * person.skin).clip(0, 255).astype(np.uint8)  # (256, 3)
    face = np.empty((side, side, 4), np.uint8)
    face[..., :3], face[..., 3] = table[grey], _edge(person.oval, side)
    return np.ascontiguousarray(face[:, ::-1]) if person.mirrored else face


@cache
def _copies(path: Path) -> dict[int, np.ndarray]:
    """A photograph at every size of SIDES, grey."""
    whole = photograph(path)
    return {
        side: whole
        if side == SIDE
        else cv2.resize(whole, (side, side), interpolation=cv2.INTER_AREA)
        for side in SIDES
    }


def _back_of_head(person: ComposedPerson, side: int) -> np.ndarray:
    rng = np.random.default_rng(person.item)
    hair = rng.normal(rng.uniform(15, 170), 14, (8, SIDES[0]))  # strands
    return cv2.resize(hair, (side, side)).clip(0, 255).astype(np.uint8)


@lru_cache(maxsize=2 * 4)
def _edge(oval: bool, side: int) -> np.ndarray:
    """How much of a photograph is there at each place: (side, side) uint8."""
    y, x = np.mgrid[:side, :side] / (side - 1) * 2 - 1
    inside = 1 - np.hypot(x / 0.86, y) if oval else 1 - np.maximum(np.abs(x), np.abs(y))
    return (inside / SOFT / 2 * 255).clip(0, 255).astype(np.uint8)


def _draw_person(
    frame: np.ndarray,
    person: ComposedPerson,
    face: np.ndarray,
    view: tuple[float, float, float],
    t: float,
) -> None:
    """Put one person into the frame, in place: clothes, then the face."""
    x, y, side, tilt = _stance(person, view, t)
    body = (int(x), int(y + 1.02 * side)), (int(0.8 * side), int(0.72 * side))
    cv2.ellipse(frame, *body, 0, 0, 360, person.clothes, -1, cv2.LINE_AA)
    turn = (
        side / len(face) * np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    )
    turn[1] *= 1 + person.sway[0] * np.sin(2.3 * _phase(person, t))  # nodding
    reach = side * (abs(np.cos(tilt)) + abs(np.sin(tilt))) * 0.53 + 1
    height, width = frame.shape[:2]
    left, right_end = max(0, int(x - reach)), min(width, int(x + reach) + 1)
    top, bottom = max(0, int(y - reach)), min(height, int(y + reach) + 1)
    if left >= right_end or top >= bottom:
        return
    middle = np.full(2, len(face) / 2)
    matrix = np.column_stack([turn, (x - left, y - top) - turn @ middle])
    pasted = cv2.warpAffine(face, matrix, (right_end - left, bottom - top))
    part = frame[top:bottom, left:right_end]
    share = pasted[..., 3:].astype(np.uint16)
    part[:] = (pasted[..., :3] * share + part * (255 - share)) // 255


def _apply_camera(
    frames: list[np.ndarray], scene: ComposedScene, rng: np.random.Generator
) -> np.ndarray:
    """What the camera makes of T frames (H, W, 3): light, colour, blur, noise, compression."""
    camera, (height, width) = scene.camera, frames[0].shape[:2]
    direction, strength = camera.lamp
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    lamp = 1 + strength * (np.cos(direction) * x + np.sin(direction) * y)
    brightness, contrast = camera.light
    brightness -= 60 * (scene.hidden == "dark")
    tint = np.asarray(camera.tint, np.float32)
    gain = contrast * lamp[..., None] * (tint.mean() if camera.grey else tint)
    gain = np.broadcast_to(gain, (height, width, 3)).astype(np.float32)
    shift = np.float32((128 + brightness) / contrast - 128)
    seen = np.empty((len(frames), height, width, 3), np.uint8)
    for number, frame in enumerate(frames):
        if camera.grey:
            frame = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        lit: np.ndarray = frame + shift
        lit *= gain
        if camera.blur:
            lit = cv2.GaussianBlur(lit, (0, 0), camera.blur * height)
        if camera.noise:
            lit += camera.noise * rng.standard_normal((height, width, 1), np.float32)
        seen[number] = np.clip(lit, 0, 255, out=lit)
        if camera.quality:
            settings = (cv2.IMWRITE_JPEG_QUALITY, camera.quality)
            packed = cv2.imencode(".jpg", seen[number], settings)[1]
            unpacked = cv2.imdecode(packed, cv2.IMREAD_COLOR)
            assert unpacked is not None  # it has just been packed
            seen[number] = unpacked
    return seen
