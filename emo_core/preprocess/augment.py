"""Changes to a training window that must not change its label."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from emo_core.preprocess.sample import DecodedWindow, Sample
from emo_core.ranges import Amount, Count, CountOrNone, Half, OpenShare, Share


@dataclass(frozen=True)
class Augment:
    """Strength of each change; all at zero leaves the window as it is.

    Source of the defaults: docs/papers/group.md#a16, for video.
    """

    flip: Share = 0.5  # chance of a mirrored picture
    zoom: OpenShare = 0.2  # up to this share of each side is cut off, the same for all frames
    color_jitter: Share = 0.25  # brightness and contrast, up to this factor
    gain_db: Amount = 6.0  # loudness, up or down
    modality_dropout: Half = 0.0  # chance of each modality to be missing
    random_truncate: Share = 0.0  # chance that the clip ends early
    frame_subsample: Count = 1  # one random frame out of so many is kept, which saves time
    spec_stripes: CountOrNone = 0  # stripes hidden in time, and as many in the bands


NONE = Augment(0, 0, 0, 0)


def augment_window(
    decoded: DecodedWindow, augment: Augment, rng: np.random.Generator
) -> DecodedWindow:
    """A changed copy; the same `rng` state gives the same change. Faces change as frames do.

    A zoom leaves the faces alone: they are cut out of the whole frame, and boxes refer to it; eyes
    refer to what is left.
    """
    if augment.frame_subsample > 1:
        decoded = _subsample_frames(decoded, augment.frame_subsample, rng)
    if rng.random() < augment.flip:
        decoded = _flip(decoded)
    if augment.zoom:
        decoded = _zoom(decoded, augment.zoom, rng)
    if augment.color_jitter:
        decoded = _jitter_color(decoded, augment.color_jitter, rng)
    if augment.gain_db:
        gain = 10 ** (rng.uniform(-augment.gain_db, augment.gain_db) / 20)
        wave = np.clip(decoded.wave * gain, -32767, 32767).astype(np.int16)
        decoded = replace(decoded, wave=wave)
    return _drop_modality(decoded, augment, rng)


STRIPE_S, STRIPE_BANDS = 0.64, 8  # the widest, exclusive: as PANNs was trained


def hide_stripes(sample: Sample, stripes: int, rng: np.random.Generator) -> Sample:
    """Stripes of time and of bands at the mean of the log-mel (SpecAugment, Park et al. 2019).

    Widths as in PANNs' training: up to 0.64 s and 8 bands each.
    """
    if not stripes or not bool(sample.mel_mask.any()):
        return sample
    mel, (frames, bands) = sample.mel.clone(), sample.mel.shape
    hop_s = float(sample.mel_times_s[1] - sample.mel_times_s[0]) if frames > 1 else STRIPE_S
    mean = mel[sample.mel_mask].mean()
    for _ in range(stripes):
        for axis, size, most in ((0, frames, round(STRIPE_S / hop_s)), (1, bands, STRIPE_BANDS)):
            width = int(rng.integers(0, max(1, min(most, size))))
            mel.narrow(axis, int(rng.integers(0, size - width + 1)), width).fill_(mean)
    return replace(sample, mel=mel)


def _subsample_frames(
    decoded: DecodedWindow, every: int, rng: np.random.Generator
) -> DecodedWindow:
    starts = np.arange(0, len(decoded.pixels) - every + 1, every)
    kept = starts + rng.integers(0, every, len(starts))
    names = ("pixels", "pixel_times_s", "faces", "face_mask", "face_boxes", "face_eyes")
    found = {name: getattr(decoded, name) for name in names}
    return replace(decoded, **{k: v[kept] for k, v in found.items() if v is not None})


def _flip(decoded: DecodedWindow) -> DecodedWindow:
    decoded = replace(decoded, pixels=decoded.pixels[:, :, ::-1])
    if decoded.face_boxes is None or decoded.face_mask is None:
        return decoded  # both are there, or none is
    faces = None if decoded.faces is None else decoded.faces[:, :, :, ::-1]
    left, top, right, bottom = np.moveaxis(decoded.face_boxes, -1, 0)
    boxes = np.stack([1 - right, top, 1 - left, bottom], -1) * decoded.face_mask[..., None]
    eyes = decoded.face_eyes
    if eyes is not None:  # the one on the left becomes the one on the right
        mirrored = np.concatenate([1 - eyes[..., 2:3], eyes[..., 3:], 1 - eyes[..., :1]], -1)
        eyes = np.concatenate([mirrored, eyes[..., 1:2]], -1) * decoded.face_mask[..., None]
    return replace(decoded, faces=faces, face_boxes=boxes, face_eyes=eyes)


def _zoom(decoded: DecodedWindow, zoom: float, rng: np.random.Generator) -> DecodedWindow:
    height, width = decoded.pixels.shape[1:3]
    keep = 1 - rng.uniform(0, zoom)
    h, w = round(height * keep), round(width * keep)
    top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    part = decoded.pixels[:, top : top + h, left : left + w]
    pixels, eyes = np.stack([cv2.resize(frame, (width, height)) for frame in part]), None
    if decoded.face_eyes is not None:
        corner, size = (left, top) * 2, (w, h) * 2
        eyes = (decoded.face_eyes * ((width, height) * 2) - corner) / size
        eyes = eyes.astype(np.float32)
    return replace(decoded, pixels=pixels, face_eyes=eyes)


def _jitter_color(decoded: DecodedWindow, light: float, rng: np.random.Generator) -> DecodedWindow:
    contrast, bright = rng.uniform(1 - light, 1 + light), rng.uniform(-light, light) * 128
    table = np.clip((np.arange(256) - 128) * contrast + 128 + bright, 0, 255).astype(np.uint8)

    def jitter(pixels: np.ndarray) -> np.ndarray:
        return cv2.LUT(np.ascontiguousarray(pixels).reshape(-1, 1), table).reshape(pixels.shape)

    faces = None
    if decoded.faces is not None and decoded.face_mask is not None:
        found = decoded.face_mask[..., None, None, None]
        faces = jitter(decoded.faces) * found  # without a face: stays black
    return replace(decoded, pixels=jitter(decoded.pixels), faces=faces)


def _drop_modality(
    decoded: DecodedWindow, augment: Augment, rng: np.random.Generator
) -> DecodedWindow:
    chance = rng.random()
    if chance < augment.modality_dropout and decoded.audio_s:
        return replace(decoded, video_s=0.0)
    if chance < 2 * augment.modality_dropout and decoded.video_s:
        return replace(decoded, audio_s=0.0)
    if chance < 3 * augment.modality_dropout and decoded.text:
        return replace(decoded, text="")
    if rng.random() < augment.random_truncate:
        length_s = rng.uniform(0.4, 1.0) * max(decoded.video_s, decoded.audio_s)
        return replace(
            decoded,
            video_s=min(decoded.video_s, length_s),
            audio_s=min(decoded.audio_s, length_s),
        )
    return decoded


def augment_mel(mel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Imitate another speaker and hide parts of the log-mel: (F, M) -> (F, M).

    Without it the audio backbone memorises the few people of train: mixes of others were
    right in 0.66 instead of 0.71 (docs/experiments/0062).
    """
    other = filter_augment(stretch_and_shift(mel, 1.0, rng), 1.0, rng)
    missing = max(0, len(mel) - len(other))
    other = np.pad(other, ((0, missing), (0, 0)), constant_values=mel.min())[: len(mel)]
    spec_augment(other, 1.0, rng)
    return other


def stretch_and_shift(mel: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Slower or faster, and higher or lower."""
    length = round(len(mel) * np.exp(strength * rng.normal(0, 0.1)))
    pitch = strength * rng.normal(0, 1.5)  # bands
    height = mel.shape[1]
    matrix = np.array([[1, 0, pitch], [0, length / len(mel), 0]])
    return cv2.warpAffine(mel, matrix, (height, length), borderMode=cv2.BORDER_REPLICATE)


def filter_augment(mel: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Some bands louder, others softer, as another throat or room has it (Nam et al. 2022).

    Straight lines between three to six bands, 3.5 dB of spread each. Voices of held-out speakers:
    from 0.71 to 0.75 and from 0.69 to 0.71 on two folds (docs/experiments/0068).
    """
    count, highest = int(rng.integers(3, 7)), mel.shape[1] - 1
    bands = np.sort(rng.uniform(0, highest, count))
    bands[0], bands[-1] = 0, highest
    gains = strength * 0.8 * rng.normal(0, 1, count)  # natural log of power
    return mel + np.interp(np.arange(mel.shape[1]), bands, gains).astype(np.float32)


def spec_augment(mel: np.ndarray, strength: float, rng: np.random.Generator) -> None:
    """Some bands and some moments missing, in place (Park et al. 2019)."""
    for axis, widest in ((1, 12), (1, 12), (0, 30)):
        if rng.random() < 0.6 * strength:
            width = rng.integers(1, widest)
            first = rng.integers(0, mel.shape[axis] - width)
            rows = (slice(None), slice(first, first + width))
            mel[rows if axis else rows[::-1]] = mel.mean()
