"""The sound events of the drawn world: laughter, cheering, talk, crying, shouting, alarms.

Every maker takes a number of samples S at RATE, a voice and a random generator, and returns (S,)
float32 of any level. A voice is a band-limited pulse train through moving formants.
"""

from collections.abc import Callable

import numpy as np

from emo_core.synthetic.drawn.schema import SOUNDS, Voice

RATE = 16_000  # Hz
_WINDOW = 512
_HOP = _WINDOW // 2
_TAPER = np.sqrt(np.hanning(_WINDOW + 1)[:-1]).astype(np.float32)
_FREQUENCY = np.fft.rfftfreq(_WINDOW, 1 / RATE).astype(np.float32)  # (257,) Hz
_WIDTHS = np.array([110, 130, 190, 260], dtype=np.float32)  # Hz, of four formants
# Formants of vowels in Hz; after Peterson and Barney 1952, rounded means of men and women.
VOWELS = {
    "a": (800, 1200, 2600, 3600),
    "e": (560, 1950, 2650, 3600),
    "i": (300, 2450, 3050, 3700),
    "o": (500, 900, 2500, 3500),
    "u": (330, 900, 2350, 3400),
    "uh": (650, 1250, 2500, 3500),
}
Maker = Callable[[int, Voice, np.random.Generator], np.ndarray]


def seconds_axis(count: int) -> np.ndarray:
    """Sample times (S,) float32."""
    return np.arange(count, dtype=np.float32) / RATE


def noise(count: int, rng: np.random.Generator) -> np.ndarray:
    """White noise (S,) float32 of variance 1."""
    return rng.standard_normal(count, dtype=np.float32)


def pulses(pitch_hz: np.ndarray) -> np.ndarray:
    """Band-limited pulse train (S,) with the given fundamental (S,); no aliasing."""
    phase = np.cumsum(pitch_hz, dtype=np.float64) / RATE
    phase = (phase % 1.0).astype(np.float32)
    harmonics = 2 * int(0.45 * RATE / float(pitch_hz.max())) + 1
    low = np.sin(np.pi * phase)
    safe = np.abs(low) > 1e-4
    train = np.sin(np.float32(np.pi * harmonics) * phase) / np.where(safe, low, 1)
    return np.where(safe, train, harmonics).astype(np.float32) - 1


def through_formants(
    wave: np.ndarray, formants_hz: np.ndarray, tract: float, effort: float
) -> np.ndarray:
    """Filters (S,) through formants (4,) or, moving, (frames, 4).

    effort: 0 soft to 1 loud, which moves energy up, as a pressed voice does.
    """
    count = len(wave)
    frames = count // _HOP + 2
    padded = np.zeros((frames + 1) * _HOP, dtype=np.float32)
    padded[_HOP : _HOP + count] = wave
    pieces = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    centres = _stretch(np.atleast_2d(formants_hz), len(pieces)) * np.float32(tract)
    gains = np.array([1.0, 0.7 + 0.3 * effort, 0.3 + 0.4 * effort, 0.15 + 0.3 * effort])
    tilt = 1 / np.sqrt(1 + (_FREQUENCY / (350 + 1600 * effort)) ** 2)
    response = np.full((len(centres), len(_FREQUENCY)), 0.015, dtype=np.float32)
    for number in range(centres.shape[1]):
        offset = (_FREQUENCY - centres[:, number, None]) / (_WIDTHS[number] / 2)
        response += np.float32(gains[number]) / (1 + offset * offset)
    spectrum = np.fft.rfft(pieces * _TAPER, axis=1) * (response * tilt.astype(np.float32))
    shaped = np.fft.irfft(spectrum, _WINDOW, axis=1).astype(np.float32) * _TAPER
    out = np.zeros_like(padded)
    halves = shaped.reshape(len(shaped), 2, _HOP)
    blocks = out.reshape(-1, _HOP)
    blocks[: len(shaped)] += halves[:, 0]
    blocks[1 : len(shaped) + 1] += halves[:, 1]
    return out[_HOP : _HOP + count]


def _stretch(path: np.ndarray, frames: int) -> np.ndarray:
    """A path of K points per column, linearly stretched over the frames."""
    at = np.linspace(0, len(path) - 1, frames)
    low = np.minimum(at.astype(int), max(0, len(path) - 2))
    high = np.minimum(low + 1, len(path) - 1)
    share = (at - low)[:, None]
    return (path[low] * (1 - share) + path[high] * share).astype(np.float32)


def _wobble(count: int, rate_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth random path (S,) of about unit range that changes rate_hz times a second."""
    knots = rng.uniform(-1, 1, max(3, int(count / RATE * rate_hz) + 2))
    return np.interp(np.linspace(0, len(knots) - 1, count), np.arange(len(knots)), knots).astype(
        np.float32
    )


def _beats(count: int, rate_hz: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Number of the syllable and place within it, each (S,); the tempo drifts a little."""
    rate = rate_hz * (1 + 0.12 * _wobble(count, 2, rng))
    clock = np.cumsum(rate, dtype=np.float64) / RATE + rng.uniform(0, 0.3)
    number = np.floor(clock)
    return number.astype(int), (clock - number).astype(np.float32)


def laughter(count: int, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """Ha-ha-ha: 4-6 voiced bursts a second in bouts of falling pitch, two or three people."""
    total = np.zeros(count, dtype=np.float32)
    for person in range(rng.integers(2, 4)):
        beat, within = _beats(count, rng.uniform(4.3, 5.8) * voice.tempo, rng)
        bout = rng.integers(6, 9)
        step = (beat + rng.integers(bout)) % bout
        base = rng.uniform(200, 330) * voice.pitch
        pitch = base * (1.5 - 0.65 * step / bout) * (1.1 - 0.28 * within)
        burst = np.clip(within / 0.08, 0, 1) * np.exp(-3.2 * np.maximum(0, within - 0.12))
        burst *= np.where(within < 0.66, 1, 0.03) * (step < bout - 1)
        breath = np.where(within > 0.7, 0.5, 0.10) * (step < bout - 1) * noise(count, rng)
        formants = np.array(VOWELS[("a", "uh", "e")[person]], dtype=np.float32)
        source = pulses(pitch) * burst * 0.25 + 0.5 * breath
        total += through_formants(source, formants, voice.tract, 0.45) * rng.uniform(0.6, 1)
    return total


def cheering(count: int, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """Many rising "woo" and "yeah" voices, clapping, now and then a whistle."""
    time_s = seconds_axis(count)
    length = count / RATE
    groups = {"u": np.zeros(count, np.float32), "a": np.zeros(count, np.float32)}
    for _ in range(9):
        start, span = rng.uniform(-0.5, length - 0.3), rng.uniform(0.7, 1.3)
        place = (time_s - start) / span
        shape = np.clip(place / 0.15, 0, 1) * np.clip((1 - place) / 0.25, 0, 1)
        low = rng.uniform(230, 400) * voice.pitch
        glide = low * (1 + 0.75 * np.clip(place, 0, 1) ** 0.8)
        glide *= 1 + 0.02 * np.sin(2 * np.pi * 6 * time_s + rng.uniform(0, 6))
        groups[rng.choice(["u", "a"])] += pulses(glide) * shape * 0.2
    woo = through_formants(groups["u"], np.array(VOWELS["u"]), voice.tract, 0.5)
    yeah = through_formants(groups["a"], np.array([VOWELS["e"], VOWELS["a"]]), voice.tract, 0.6)
    roar = through_formants(noise(count, rng) * 0.25, np.array(VOWELS["a"]), voice.tract, 0.7)
    return woo + yeah + roar + _claps(count, rng) + _whistle(time_s, length, rng)


def _claps(count: int, rng: np.random.Generator) -> np.ndarray:
    """Some 25 claps a second of many hands: short bursts around 1-2.5 kHz."""
    hits = np.zeros(count, dtype=np.float32)
    number = int(25 * count / RATE)
    np.add.at(hits, rng.integers(0, count, number), rng.uniform(0.3, 1, number))
    time_s = seconds_axis(640)
    burst = noise(640, rng) * np.exp(-time_s / 0.006)
    burst += np.sin(2 * np.pi * rng.uniform(1100, 1700) * time_s) * np.exp(-time_s / 0.004)
    length = 1 << (count + 640 - 1).bit_length()
    return 1.3 * np.fft.irfft(np.fft.rfft(hits, length) * np.fft.rfft(burst, length), length)[
        :count
    ].astype(np.float32)


def _whistle(time_s: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    start, span = rng.uniform(0, max(0.1, length - 0.7)), rng.uniform(0.35, 0.6)
    place = np.clip((time_s - start) / span, 0, 1)
    tone = rng.uniform(1900, 2500) * (1 + 0.4 * np.sin(np.pi * place) ** 2)
    return 0.5 * np.sin(np.pi * place) * np.sin(2 * np.pi * np.cumsum(tone) / RATE)


def talk(count: int, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """Calm syllables, 3-5 a second, vowels gliding into each other, pitch slowly falling."""
    beat, within = _beats(count, rng.uniform(3.4, 4.6) * voice.tempo, rng)
    phrase = rng.integers(6, 9)
    step = (beat + rng.integers(phrase)) % phrase
    base = rng.uniform(115, 175) * voice.pitch
    pitch = base * (1.12 - 0.22 * step / phrase) * (1 + 0.07 * _wobble(count, 4, rng))
    loud = np.maximum(0, np.sin(np.pi * np.clip(within / 0.94, 0, 1))) ** 0.6
    loud *= np.where(step == phrase - 1, 0.1, 1)
    hiss = (within > 0.86) & ((beat * 7 + phrase) % 3 == 0) & (step < phrase - 2)
    names = rng.choice(list(VOWELS), int(1.9 * (beat[-1] + 2)))
    formants = np.array([VOWELS[name] for name in names], dtype=np.float32)
    voiced = through_formants(pulses(pitch) * loud * 0.25, formants, voice.tract, 0.2)
    rustle = np.diff(noise(count + 1, rng)) * hiss * 0.05
    return voiced + rustle


def crying(count: int, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """Long wails that fall and break, with trembling pitch, and sobbing breaths between."""
    time_s = seconds_axis(count)
    beat, within = _beats(count, rng.uniform(0.85, 1.15) * voice.tempo, rng)
    top = rng.uniform(390, 520) * voice.pitch * (1 + 0.08 * np.sin(2.4 * beat))
    rise = np.clip(within / 0.10, 0, 1)
    pitch = top * (0.72 + 0.38 * rise - 0.42 * np.maximum(0, within - 0.1) ** 1.2)
    pitch *= 1 + 0.035 * np.sin(2 * np.pi * rng.uniform(5.5, 7) * time_s)
    broken = (within > 0.5) & (within < 0.58)
    pitch = np.where(broken, 1.35 * pitch, pitch).astype(np.float32)
    wail = rise * np.clip((0.74 - within) / 0.12, 0, 1)
    sob_place = (within - 0.74) / 0.26
    sobs = np.where(sob_place > 0, np.abs(np.sin(2.5 * np.pi * sob_place)) ** 3, 0)
    quiver = 1 + 0.25 * np.sin(2 * np.pi * 6.3 * time_s)
    source = pulses(pitch) * (wail * quiver * 0.25 + 0.10 * sobs)
    source += noise(count, rng) * (0.35 * sobs + 0.03 * wail)
    formants = np.array([VOWELS["a"], VOWELS["e"]] * (beat[-1] + 1), dtype=np.float32)
    return through_formants(source.astype(np.float32), formants, voice.tract, 0.4)


def shouting(count: int, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """Pressed, rough, fast syllables with a high first formant, two people at once."""
    time_s = seconds_axis(count)
    total = np.zeros(count, dtype=np.float32)
    for _ in range(2):
        beat, within = _beats(count, rng.uniform(4.2, 5.4) * voice.tempo, rng)
        accent = 0.75 + 0.25 * np.sin(2.1 * beat + rng.uniform(0, 6))
        base = rng.uniform(235, 330) * voice.pitch
        pitch = base * (0.9 + 0.25 * accent + 0.2 * np.sin(np.pi * within))
        rough = 1 + 0.75 * np.sin(2 * np.pi * rng.uniform(42, 68) * time_s)
        pitch *= 1 + 0.05 * _wobble(count, 70, rng)
        loud = np.clip(within / 0.05, 0, 1) * np.clip((0.88 - within) / 0.1, 0, 1) * accent
        source = (pulses(pitch) * 0.25 * rough + 0.35 * noise(count, rng)) * loud
        vowels = rng.choice(["a", "a", "uh", "e"], beat[-1] + 2)
        formants = np.array([VOWELS[name] for name in vowels], dtype=np.float32)
        formants[:, 0] = 1.2 * np.maximum(formants[:, 0], 720)
        total += through_formants(source.astype(np.float32), formants, voice.tract, 1.0)
    return total


def alarm(count: int, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """A two-tone horn, a sweeping siren or a fast beeper, two horns a little out of tune."""
    time_s = seconds_axis(count)
    kind = rng.integers(3)
    base = rng.uniform(620, 900) * voice.pitch**0.5
    turn = rng.uniform(1.6, 2.4) * voice.tempo * time_s + rng.uniform(0, 1)
    within = turn % 1
    if kind == 0:
        pitch = base * np.where(within < 0.5, 1.0, 1.28)
        loud = np.clip((within % 0.5) / 0.03, 0, 1) * np.exp(-2.5 * (within % 0.5))
    elif kind == 1:
        pitch = base * (0.8 + 1.0 * within)
        loud = np.clip(within / 0.06, 0, 1) * np.clip((1 - within) / 0.75, 0.05, 1) ** 1.5
    else:
        base *= 1.7
        fast = (2.2 * turn) % 1
        pitch = base * np.ones_like(within)
        loud = np.clip(fast / 0.04, 0, 1) * np.clip((0.6 - fast) / 0.3, 0.02, 1)
    phase = 2 * np.pi * np.cumsum(pitch, dtype=np.float64) / RATE
    lag = rng.uniform(0, 6.283, 14)
    horns = [(k, detune) for k in range(1, 8) for detune in (1.0, 1.009)]
    tone = sum(
        0.8**k * np.sin(k * d * phase + lag[i]) * (k * pitch < 0.45 * RATE)
        for i, (k, d) in enumerate(horns)
    )
    return (tone * loud).astype(np.float32)


MAKERS: dict[str, Maker] = {
    "laughter": laughter,
    "cheering": cheering,
    "talk": talk,
    "crying": crying,
    "shouting": shouting,
    "alarm": alarm,
}
assert set(MAKERS) == {kind for kinds in SOUNDS.values() for kind in kinds}
