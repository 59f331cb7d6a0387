"""A collage's sound: recordings laid over each other, then room and microphone."""

import numpy as np

from emo_core.synthetic.composed.scene import ComposedScene, ComposedSound, Room
from emo_core.synthetic.composed.sources import RATE, SourcePool, recording
from emo_core.synthetic.drawn.scene import DURATION_S

LENGTH = round(DURATION_S * RATE)
_PADDED = 98_304  # 3 * 2**15, fast to transform: room for the end of an echo
_HERTZ = np.fft.rfftfreq(_PADDED, 1 / RATE).astype(np.float32).clip(1)
_OCTAVES = np.log2(_HERTZ.clip(50) / 50) / np.log2(RATE / 2 / 50) - 0.5  # -0.5 to 0.5


def mix(scene: ComposedScene, sources: SourcePool) -> np.ndarray:
    """The sound of a scene at RATE: (S,) float32 in [-1, 1]."""
    rng = np.random.default_rng([*scene.key, 2])
    wave = np.zeros(LENGTH, np.float32)
    for sound in scene.sounds:
        _add(wave, sound, recording(sources.items[sound.item].path))
    wave = _through(wave, scene.room, rng)
    level = 10 ** (scene.room.level_db / 20)
    rms = np.sqrt(np.square(wave).mean())
    wave *= level / (rms + 1e-9) if scene.sounds else 0.0
    hiss = level * 10 ** (-scene.room.noise_db / 20)
    wave += hiss * rng.standard_normal(LENGTH, np.float32)
    if scene.room.clipped:
        peak = np.abs(wave).max() * (1 - scene.room.clipped)
        wave = wave.clip(-peak, peak)
    return wave.clip(-1, 1)


def _add(wave: np.ndarray, sound: ComposedSound, heard: np.ndarray) -> None:
    """Add one recording, in place; ambience and long recordings fill the clip."""
    spare = len(heard) - round(LENGTH * sound.speed) - 2
    if spare > 0:
        heard = heard[int(sound.skip * spare) :][: len(heard) - spare]
    heard = _at_speed(heard, sound.speed)
    if spare > 0:
        heard = heard[:LENGTH]
    elif sound.kind != "voice":
        heard = np.tile(heard, -(-LENGTH // len(heard)))[:LENGTH]
    first = 0 if len(heard) == LENGTH else round(sound.start_s * RATE)
    heard = heard[max(0, -first) :]
    first = max(0, first)
    heard = heard[: LENGTH - first]
    wave[first : first + len(heard)] += 10 ** (sound.gain_db / 20) * heard


def _at_speed(wave: np.ndarray, speed: float) -> np.ndarray:
    """Played faster, so higher, or slower: (S,) -> about (S / speed,)."""
    positions = np.arange(int((len(wave) - 1) / speed), dtype=np.float32) * np.float32(speed)
    before = positions.astype(np.int32)
    share = positions - before
    return wave[before] * (1 - share) + wave[before + 1] * share


def _through(wave: np.ndarray, room: Room, rng: np.random.Generator) -> np.ndarray:
    """Echo, band limits and a slope over frequency, in one pass through the spectrum."""
    spectrum = np.fft.rfft(wave, _PADDED)
    response = 10 ** (room.slope_db / 20 * _OCTAVES)
    response /= 1 + (_HERTZ / room.high_hz) ** 12 if room.high_hz < RATE / 2 else 1
    response /= 1 + (room.low_hz / _HERTZ) ** 6 if room.low_hz else 1
    if room.echo_s:
        t = np.arange(int(room.echo_s * RATE), dtype=np.float32) / RATE
        echo = rng.standard_normal(len(t), np.float32) * 10 ** (-3 * t / room.echo_s)
        echo /= np.sqrt(np.square(echo).sum())
        response = response * (1 + room.echo_share * np.fft.rfft(echo, _PADDED))
    return np.fft.irfft(spectrum * response, _PADDED)[:LENGTH].astype(np.float32)
