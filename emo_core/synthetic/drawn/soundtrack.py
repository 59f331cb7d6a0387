"""The sound of a scene: its events, all equally loud, over an ambience."""

import math
from collections.abc import Callable

import numpy as np

from emo_core.synthetic.drawn.schema import AMBIENCES, DURATION_S, Scene, Sound
from emo_core.synthetic.drawn.sound_effects import MAKERS, RATE, noise, seconds_axis

_FADE_S = 0.03
_SAMPLES = round(DURATION_S * RATE)


def synthesise(scene: Scene, rate: int = RATE) -> np.ndarray:
    """The whole soundtrack, (round(5 * rate),) float32 in [-1, 1]."""
    rng = np.random.default_rng(scene.noise_seed)
    level = 10 ** (scene.level_db / 20)
    quiet = level * 10 ** (-scene.snr_db / 20)
    mixture = quiet * ambience(scene.style.ambience, rng)
    for sound in scene.sounds:
        start, event = _event(scene, sound, rng)
        mixture[start : start + len(event)] += level * event
    mixture = np.tanh(mixture)  # keeps the rare peak inside full scale without a click
    return mixture if rate == RATE else _resample(mixture, rate)


def _event(scene: Scene, sound: Sound, rng: np.random.Generator) -> tuple[int, np.ndarray]:
    """First sample and waveform of one event, with the loudness that every kind has."""
    start, stop = round(sound.start_s * RATE), round(sound.end_s * RATE)
    peaky = rng.uniform(0.76, 0.86)
    wave = MAKERS[sound.kind](stop - start, scene.style.voice, rng).astype(np.float32)
    ramp = np.minimum(1, np.arange(len(wave), dtype=np.float32) / (_FADE_S * RATE))
    return start, equalize_loudness(wave, peaky) * ramp * ramp[::-1]


# Where the distribution of |sample| is set: dense in the tail, which makes the peaks.
_SHARES = np.concatenate([np.linspace(0, 0.96, 25), [0.98, 0.99, 0.995, 0.998, 0.9995, 1.0]])
_CEILING = 3.4  # no sample is larger, in RMS


def equalize_loudness(wave: np.ndarray, peaky: float) -> np.ndarray:
    """The wave with RMS about 1 and one distribution of loudness, so that no kind is known by it.

    The sizes of the samples follow a Weibull distribution of shape `peaky` (speech is near 0.8).
    First the envelope is compressed or expanded until mean and RMS agree with it; what is left
    to do by bending the waveform is then small.
    """
    sizes = (-np.log(1 - np.minimum(_SHARES, 0.9999))) ** (1 / peaky)
    shape = np.sqrt(math.gamma(1 + 2 / peaky))
    wave = _flatten_envelope(wave, math.gamma(1 + 1 / peaky) / shape)
    sizes = _CEILING * np.tanh(sizes / shape / _CEILING)
    found = np.quantile(np.abs(wave[::3]), _SHARES)
    found += np.arange(len(found)) * 1e-7  # strictly rising, whatever the pauses hold
    found[-1] = max(found[-1], np.abs(wave).max())
    return np.copysign(np.interp(np.abs(wave), found, sizes), wave).astype(np.float32)


def _flatten_envelope(wave: np.ndarray, flatness: float) -> np.ndarray:
    """RMS 1 and mean absolute value `flatness`, by a power of the 10-ms envelope."""
    block = RATE // 100
    blocks = -(-len(wave) // block)
    padded = np.zeros(blocks * block, dtype=np.float32)
    padded[: len(wave)] = wave
    power = np.sqrt((padded.reshape(blocks, block) ** 2).mean(axis=1))
    power = np.convolve(power, np.array([0.25, 0.5, 0.25]), mode="same")
    power = np.maximum(power / power.max(), 0.02)
    envelope = np.interp(np.arange(len(wave)), (np.arange(blocks) + 0.5) * block, power)
    envelope = envelope.astype(np.float32)
    thin, thin_envelope = wave[::5], np.log(envelope[::5])
    low, high = -1.0, 2.5  # the power by which the envelope is multiplied
    for _ in range(9):
        middle = (low + high) / 2
        trial = thin * np.exp(middle * thin_envelope)
        flat = np.abs(trial).mean() / np.sqrt((trial * trial).mean())
        low, high = (middle, high) if flat > flatness else (low, middle)
    wave = wave * envelope ** np.float32((low + high) / 2)
    return wave / np.sqrt((wave * wave).mean())


def ambience(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Background sound of RMS 1, (S,) float32."""
    wave = _AMBIENCES[kind](rng)
    return wave / np.sqrt((wave * wave).mean())


def _colour_noise(rng: np.random.Generator, gain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Noise with the spectrum that `gain` gives for frequencies in Hz."""
    spectrum = np.fft.rfft(noise(_SAMPLES, rng))
    frequency = np.fft.rfftfreq(_SAMPLES, 1 / RATE).astype(np.float32)
    return np.fft.irfft(spectrum * gain(frequency), _SAMPLES).astype(np.float32)


def _swell(rng: np.random.Generator, rate_hz: float, low: float) -> np.ndarray:
    """Slow random loudness between low and 1."""
    knots = rng.uniform(low, 1, max(4, int(DURATION_S * rate_hz) + 2))
    at = np.linspace(0, len(knots) - 1, _SAMPLES)
    return np.interp(at, np.arange(len(knots)), knots).astype(np.float32)


def _room(rng: np.random.Generator) -> np.ndarray:
    return _colour_noise(rng, lambda f: 1 / (1 + (f / 180) ** 1.1))


def _wind(rng: np.random.Generator) -> np.ndarray:
    howl = rng.uniform(280, 480)
    wave = _colour_noise(
        rng, lambda f: 1 / (1 + (f / 120) ** 1.6) + 0.12 * np.exp(-(((f - howl) / 60) ** 2))
    )
    return wave * _swell(rng, 1.2, 0.25)


def _traffic(rng: np.random.Generator) -> np.ndarray:
    rumble = _colour_noise(rng, lambda f: 1 / (1 + (f / 140) ** 2) + 0.03 / (1 + (f / 1500) ** 2))
    passing = np.exp(-(((seconds_axis(_SAMPLES) - rng.uniform(0, 5)) / 0.9) ** 2))
    tyres = _colour_noise(rng, lambda f: np.exp(-(((f - 800) / 500) ** 2)))
    return rumble * _swell(rng, 0.8, 0.5) + 0.5 * tyres * passing


def _rain(rng: np.random.Generator) -> np.ndarray:
    drops = noise(_SAMPLES, rng) * (rng.random(_SAMPLES, dtype=np.float32) > 0.985) * 5
    drops = np.convolve(drops, np.exp(-np.arange(24, dtype=np.float32) / 6), mode="same")
    return 0.8 * _colour_noise(rng, lambda f: f / (f + 900) / (1 + (f / 5200) ** 2)) + drops


def _crowd(rng: np.random.Generator) -> np.ndarray:
    """A murmur behind walls: no single voice can be made out, no mood either."""
    murmur = _colour_noise(
        rng, lambda f: np.exp(-(((f - 380) / 260) ** 2)) + 0.1 * np.exp(-f / 900)
    )
    return murmur * _swell(rng, 5, 0.55)


def _hum(rng: np.random.Generator) -> np.ndarray:
    mains = rng.choice([50.0, 60.0])
    phase = 2 * np.pi * mains * seconds_axis(_SAMPLES)
    tones = sum(
        weight * np.sin(number * phase + rng.uniform(0, 6))
        for number, weight in ((1, 0.3), (2, 1.0), (3, 0.2), (4, 0.5), (6, 0.25))
    )
    return (tones + 1.2 * _colour_noise(rng, lambda f: 1 / (1 + (f / 700) ** 1.5))).astype(
        np.float32
    )


def _resample(wave: np.ndarray, rate: int) -> np.ndarray:
    count = round(DURATION_S * rate)
    spectrum = np.fft.rfft(wave)
    kept = np.zeros(count // 2 + 1, dtype=spectrum.dtype)
    both = min(len(kept), len(spectrum))
    kept[:both] = spectrum[:both]
    out = np.fft.irfft(kept, count) * (count / len(wave))
    return np.clip(out, -1, 1).astype(np.float32)


_AMBIENCES = {
    "room": _room,
    "wind": _wind,
    "traffic": _traffic,
    "rain": _rain,
    "crowd": _crowd,
    "hum": _hum,
}
assert set(_AMBIENCES) == set(AMBIENCES)
