"""Sounds without a voice, made by formulas: music, noises, machines, signals.

FITTED are kinds that the voice detector learns from; UNSEEN are other kinds, for its false alarms.
Every function takes a generator and seconds, and gives mono sound at RATE, (S,) float64.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

RATE = 16_000  # Hz
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11, 12), (0, 2, 3, 5, 7, 8, 10, 12)
CHORDS = ((0, 4, 7), (0, 3, 7), (0, 5, 9), (2, 5, 9))
Rng = np.random.Generator


def _time(seconds: float) -> np.ndarray:
    return np.arange(int(seconds * RATE)) / RATE


def _decay(t: np.ndarray, attack_s: float, decay_s: float) -> np.ndarray:
    return np.minimum(t / attack_s, 1) * np.exp(-t / decay_s)


def _held(t: np.ndarray, edge_s: float) -> np.ndarray:
    return np.minimum(1, np.minimum(t / edge_s, (t[-1] - t) / edge_s))


def _saw(phase: np.ndarray) -> np.ndarray:
    return 2 * (phase % 1) - 1


def _partials(t: np.ndarray, hz: float, shares: dict[int, float]) -> np.ndarray:
    return sum(
        (share * np.sin(2 * np.pi * hz * k * t) for k, share in shares.items()), np.zeros(len(t))
    )


def _pluck(rng: Rng, hz: float, seconds: float) -> np.ndarray:
    """Karplus and Strong 1983."""
    period = max(2, int(RATE / hz))
    string, wave = rng.uniform(-1, 1, period), []
    for _ in range(int(seconds * RATE) // period + 1):
        wave.append(string)
        string = 0.498 * (string + np.roll(string, 1))
    return np.concatenate(wave)[: int(seconds * RATE)]


def _lead(rng: Rng, hz: float, seconds: float) -> np.ndarray:
    t = _time(seconds)
    vibrato = 1 + 0.006 * np.sin(2 * np.pi * rng.uniform(4, 7) * t) * (rng.random() < 0.5)
    wave = _saw(np.cumsum(hz * vibrato) / RATE)
    return np.convolve(wave, np.ones(6) / 6, "same") * _held(t, 0.04)


def _strings(rng: Rng, hz: float, seconds: float) -> np.ndarray:
    t = _time(seconds)
    wave = sum((_saw(hz * d * t + rng.random()) for d in (0.995, 1, 1.004)), np.zeros(len(t)))
    return np.convolve(wave, np.ones(10) / 10, "same") * _held(t, 0.2)


def _bell(rng: Rng, hz: float, seconds: float) -> np.ndarray:
    t = _time(seconds)
    side = np.exp(-t) * np.sin(2 * np.pi * hz * rng.choice([1.4, 2.76, 3.5]) * t)
    return np.sin(2 * np.pi * hz * t + rng.uniform(1, 6) * side) * _decay(t, 0.002, seconds)


def _flute(rng: Rng, hz: float, seconds: float) -> np.ndarray:
    t = _time(seconds)
    phase = np.cumsum(hz * (1 + 0.008 * np.sin(2 * np.pi * 5 * t))) / RATE
    wave = _partials(phase, 1.0, {1: 1.0, 2: 0.3, 3: 0.1}) + 0.05 * rng.standard_normal(len(t))
    return wave * _held(t, 0.06)


def _electric_piano(rng: Rng, hz: float, seconds: float) -> np.ndarray:
    t = _time(seconds)
    side = 1.5 * np.exp(-4 * t) * np.sin(2 * np.pi * 14 * hz * t)
    return np.sin(2 * np.pi * hz * t + side) * _decay(t, 0.003, 0.8 * seconds)


def _sine(rng: Rng, hz: float, seconds: float) -> np.ndarray:
    t = _time(seconds)
    return _partials(t, hz, {1: 1, 2: 0.5, 3: 0.25}) * _decay(t, 0.01, seconds)


def _organ(rng: Rng, hz: float, seconds: float) -> np.ndarray:
    t = _time(seconds)
    return _partials(t, hz, {k: 1 / k for k in (1, 2, 3, 4, 6, 8)}) * _held(t, 0.03)


def _square(rng: Rng, hz: float, seconds: float) -> np.ndarray:
    t = _time(seconds)
    return np.sign(np.sin(2 * np.pi * hz * t)) * 0.5 * _decay(t, 0.005, 2 * seconds)


Note = Callable[[Rng, float, float], np.ndarray]
INSTRUMENTS: dict[str, Note] = {
    "sine": _sine,
    "organ": _organ,
    "pluck": _pluck,
    "bell": _bell,
    "lead": _lead,
    "strings": _strings,
}
UNSEEN_INSTRUMENTS: dict[str, Note] = {
    "square": _square,
    "electric piano": _electric_piano,
    "flute": _flute,
}


def _add(wave: np.ndarray, part: np.ndarray, at_s: float) -> None:
    first = int(at_s * RATE)
    part = part[: len(wave) - first]
    wave[first : first + len(part)] += part


def drums(rng: Rng, seconds: float) -> np.ndarray:
    """Kick, snare and hat in turn."""
    wave, step_s = np.zeros(int(seconds * RATE)), float(rng.choice([0.2, 0.25, 0.3]))
    for number, at_s in enumerate(np.arange(0, seconds - 0.3, step_s)):
        t = _time(0.25)
        if number % 4 == 0:
            part = np.sin(2 * np.pi * (50 * t + 3 * (1 - np.exp(-30 * t)))) * np.exp(-12 * t)
        elif number % 4 == 2:
            part = 0.6 * rng.standard_normal(len(t)) + 0.5 * np.sin(2 * np.pi * 190 * t)
            part *= np.exp(-20 * t)
        else:
            part = 0.4 * np.diff(rng.standard_normal(len(t) + 1)) * np.exp(-60 * t)
        _add(wave, part, at_s)
    return wave


def music(rng: Rng, seconds: float, instruments: dict[str, Note]) -> np.ndarray:
    """A melody or chords of one instrument, sometimes with a bass and drums."""
    wave, root = np.zeros(int(seconds * RATE)), rng.uniform(80, 400)
    names, melody = list(instruments), rng.random() < 0.6
    note = instruments[names[rng.integers(len(names))]]
    scale = (MAJOR, MINOR)[rng.integers(2)]
    step_s = float(rng.choice([0.2, 0.25, 0.4, 0.5, 1.0])) if melody else 1.0
    for at_s in np.arange(0, seconds, step_s):
        steps = (scale[rng.integers(8)],) if melody else CHORDS[rng.integers(4)]
        length_s = min(rng.uniform(0.8, 2) * max(step_s, 0.3), seconds)
        for step in steps:
            _add(wave, note(rng, root * 2 ** (step / 12), length_s), at_s)
    if rng.random() < 0.4:
        for at_s in np.arange(0, seconds, 1.0):
            _add(wave, 0.6 * note(rng, root / 2, 1.0), at_s)
    if rng.random() < 0.4:
        wave = wave / (np.abs(wave).max() + 1e-9) + rng.uniform(0.3, 1) * drums(rng, seconds)
    return wave


def band_of_many(rng: Rng, seconds: float) -> np.ndarray:
    """Two kinds of music at once, with drums."""
    every = INSTRUMENTS | UNSEEN_INSTRUMENTS
    parts = (music(rng, seconds, every), music(rng, seconds, every), drums(rng, seconds))
    return sum((part / (np.abs(part).max() + 1e-9) for part in parts), np.zeros(1))


def colored_noise(rng: Rng, seconds: float, power: float) -> np.ndarray:
    """Noise whose amplitude falls with frequency to this power: 0 white, 0.5 pink, 1 brown."""
    hz = np.fft.rfftfreq(int(seconds * RATE), 1 / RATE)
    values = rng.standard_normal(len(hz)) + 1j * rng.standard_normal(len(hz))
    wave = np.fft.irfft(values / np.maximum(hz, 20) ** power, int(seconds * RATE))
    return wave / wave.std()


def band_noise(rng: Rng, seconds: float, low_hz: float, high_hz: float) -> np.ndarray:
    """Noise between two frequencies."""
    hz = np.fft.rfftfreq(int(seconds * RATE), 1 / RATE)
    values = rng.standard_normal(len(hz)) + 1j * rng.standard_normal(len(hz))
    wave = np.fft.irfft(values * ((hz > low_hz) & (hz < high_hz)), int(seconds * RATE))
    return wave / (wave.std() + 1e-12)


def _some_band(rng: Rng, seconds: float) -> np.ndarray:
    low_hz = rng.uniform(50, 3000)
    return band_noise(rng, seconds, low_hz, low_hz * rng.uniform(1.2, 4))


def _pulsing(rng: Rng, seconds: float) -> np.ndarray:
    t = _time(seconds)
    swell = 1 + np.sin(2 * np.pi * rng.uniform(0.2, 12) * t)
    return band_noise(rng, seconds, 100, rng.uniform(500, 6000)) * swell


def _hum(rng: Rng, seconds: float) -> np.ndarray:
    hz = float(rng.choice([50, 60]))
    return _partials(_time(seconds), hz, {k: rng.random() / k for k in range(1, 12)})


def _sweep(rng: Rng, seconds: float) -> np.ndarray:
    low, high, count = rng.uniform(50, 500), rng.uniform(800, 7000), int(seconds * RATE)
    hz = np.geomspace(low, high, count)
    return np.sin(2 * np.pi * np.cumsum(hz if rng.random() < 0.5 else hz[::-1]) / RATE)


def _clicks(rng: Rng, seconds: float) -> np.ndarray:
    at = (rng.random(int(seconds * RATE)) < rng.uniform(1, 20) / RATE).astype(float)
    click = rng.standard_normal(200) * np.exp(-np.arange(200) / 30)
    return np.convolve(at, click, "same") + 1e-4 * rng.standard_normal(len(at))


def _beeps(rng: Rng, seconds: float) -> np.ndarray:
    t = _time(seconds)
    on = (t * rng.uniform(0.5, 4)) % 1 < rng.uniform(0.1, 0.7)
    return np.sin(2 * np.pi * rng.uniform(300, 3000) * t) * on + 1e-4 * rng.standard_normal(len(t))


def _tone(rng: Rng, seconds: float) -> np.ndarray:
    t = _time(seconds)
    tremolo = 1 + 0.3 * np.sin(2 * np.pi * rng.uniform(0.1, 8) * t)
    hum = 1e-4 * rng.standard_normal(len(t))
    return np.sin(2 * np.pi * rng.uniform(60, 5000) * t) * tremolo + hum


def _wail(rng: Rng, seconds: float) -> np.ndarray:
    """A siren: frequency goes up and down."""
    t = _time(seconds)
    turn = np.sin(2 * np.pi * rng.uniform(0.1, 3) * t)
    phase = np.cumsum(rng.uniform(600, 1200) * (1 + rng.uniform(0.1, 0.4) * turn)) / RATE
    return _partials(phase, 1.0, {k: rng.random() / k for k in range(1, 6)})


def _crackle(rng: Rng, seconds: float) -> np.ndarray:
    count = int(seconds * RATE)
    sparks = (rng.random(count) < 0.002) * rng.standard_normal(count) * rng.exponential(1, count)
    return sparks + 0.02 * colored_noise(rng, seconds, 0.5)


def _keys(rng: Rng, seconds: float) -> np.ndarray:
    """Dialled numbers: two tones at a time."""
    wave, t = np.zeros(int(seconds * RATE)), _time(0.15)
    for at_s in np.arange(0, seconds - 0.2, 0.25):
        low, high = rng.choice([697, 770, 852, 941]), rng.choice([1209, 1336, 1477])
        _add(wave, np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t), at_s)
    return wave + 1e-4 * rng.standard_normal(len(wave))


def _wind(rng: Rng, seconds: float) -> np.ndarray:
    t = _time(seconds)
    gusts = np.interp(t, np.linspace(0, seconds, 12), rng.uniform(0.1, 1, 12))
    howl = band_noise(rng, seconds, 300, 600)
    return gusts * (colored_noise(rng, seconds, 1.0) + 0.3 * howl)


def _motor(rng: Rng, seconds: float) -> np.ndarray:
    t, hz = _time(seconds), rng.uniform(20, 90)
    wave = _partials(t, hz, {k: float(np.exp(-k / 8)) for k in range(1, 30)})
    return wave + 0.1 * rng.standard_normal(len(t))


def _rain(rng: Rng, seconds: float) -> np.ndarray:
    count = int(seconds * RATE)
    drops = (rng.random(count) < 0.01) * rng.standard_normal(count) * 2
    return 0.3 * np.diff(rng.standard_normal(count + 1)) + drops


def _room(rng: Rng, seconds: float) -> np.ndarray:
    """An empty room: faint noise and mains."""
    t = _time(seconds)
    return colored_noise(rng, seconds, 0.7) + 0.1 * np.sin(2 * np.pi * 100 * t)


def _alarm(rng: Rng, seconds: float) -> np.ndarray:
    """Two tones in turn, as square waves."""
    t = _time(seconds)
    hz = np.where((t * rng.uniform(1, 3)) % 1 < 0.5, rng.uniform(600, 900), rng.uniform(1000, 1500))
    return np.sign(np.sin(2 * np.pi * np.cumsum(hz) / RATE))


Sound = Callable[[Rng, float], np.ndarray]


def _music_of_each(instruments: dict[str, Note]) -> dict[str, Sound]:
    return {f"music, {n}": partial(music, instruments={n: f}) for n, f in instruments.items()}


FITTED: dict[str, Sound] = {
    "white noise": partial(colored_noise, power=0.0),
    "pink noise": partial(colored_noise, power=0.5),
    "brown noise": partial(colored_noise, power=1.0),
    "band of noise": _some_band,
    "pulsing noise": _pulsing,
    "hum": _hum,
    "sweep": _sweep,
    "clicks": _clicks,
    "beeps": _beeps,
    "tone": _tone,
    "wailing siren": _wail,
    "crackle": _crackle,
    "drums": drums,
    **_music_of_each(INSTRUMENTS),
}
UNSEEN: dict[str, Sound] = {
    "dialled numbers": _keys,
    "wind": _wind,
    "motor": _motor,
    "rain": _rain,
    "empty room": _room,
    "two-tone alarm": _alarm,
    "music of many": band_of_many,
    **_music_of_each(UNSEEN_INSTRUMENTS),
}
