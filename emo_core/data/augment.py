"""Changes to a training window that must not change its label."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from emo_core.sample import Decoded


@dataclass(frozen=True)
class Augment:
    """How strongly; every part at zero leaves the window as it is (paper 1, A16, for pictures)."""

    flip: float = 0.5  # chance of a mirrored picture
    zoom: float = 0.2  # up to this share of each side is cut off, the same for all frames
    light: float = 0.25  # brightness and contrast, up to this factor
    gain_db: float = 6.0  # loudness, up or down
    drop: float = 0.0  # chance that picture, and as often that sound, is missing
    shorten: float = 0.0  # chance that the clip ends early
    thin: int = 1  # one frame, chosen at random, out of every `thin` is kept: training costs less


NONE = Augment(0, 0, 0, 0)


def augmented(decoded: Decoded, augment: Augment, rng: np.random.Generator) -> Decoded:
    """A changed copy; the same `rng` state gives the same change."""
    if augment.thin > 1:
        decoded = _thinned(decoded, augment.thin, rng)
    pixels, wave = decoded.pixels, decoded.wave
    if rng.random() < augment.flip:
        pixels = pixels[:, :, ::-1]
    if augment.zoom:
        pixels = _zoomed(pixels, augment.zoom, rng)
    if augment.light:
        pixels = _relit(pixels, augment.light, rng)
    if augment.gain_db:
        gain = 10 ** (rng.uniform(-augment.gain_db, augment.gain_db) / 20)
        wave = np.clip(wave * gain, -32767, 32767).astype(np.int16)
    changed = replace(decoded, pixels=pixels, wave=wave)
    return _with_less(changed, augment, rng)


def _thinned(decoded: Decoded, thin: int, rng: np.random.Generator) -> Decoded:
    starts = np.arange(0, len(decoded.pixels) - thin + 1, thin)
    kept = starts + rng.integers(0, thin, len(starts))
    times_s = decoded.pixel_times_s[kept]
    return replace(decoded, pixels=decoded.pixels[kept], pixel_times_s=times_s)


def _zoomed(pixels: np.ndarray, zoom: float, rng: np.random.Generator) -> np.ndarray:
    height, width = pixels.shape[1:3]
    keep = 1 - rng.uniform(0, zoom)
    h, w = round(height * keep), round(width * keep)
    top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    part = pixels[:, top : top + h, left : left + w]
    return np.stack([cv2.resize(frame, (width, height)) for frame in part])


def _relit(pixels: np.ndarray, light: float, rng: np.random.Generator) -> np.ndarray:
    contrast, bright = rng.uniform(1 - light, 1 + light), rng.uniform(-light, light) * 128
    table = np.clip((np.arange(256) - 128) * contrast + 128 + bright, 0, 255).astype(np.uint8)
    return cv2.LUT(np.ascontiguousarray(pixels).reshape(-1, 1), table).reshape(pixels.shape)


def _with_less(decoded: Decoded, augment: Augment, rng: np.random.Generator) -> Decoded:
    chance = rng.random()
    if chance < augment.drop and decoded.audio_s:
        return replace(decoded, video_s=0.0)
    if chance < 2 * augment.drop and decoded.video_s:
        return replace(decoded, audio_s=0.0)
    if rng.random() < augment.shorten:
        length_s = rng.uniform(0.4, 1.0) * max(decoded.video_s, decoded.audio_s)
        return replace(
            decoded,
            video_s=min(decoded.video_s, length_s),
            audio_s=min(decoded.audio_s, length_s),
        )
    return decoded
