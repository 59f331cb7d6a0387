"""What a collage shows and plays, drawn from a seed: plain values, no pixels and no samples."""

from dataclasses import dataclass

import numpy as np

from emo_core.schema import POLARITIES, SPLITS
from emo_core.synthetic.composed.sources import SourcePool
from emo_core.synthetic.drawn.scene import (
    DURATION_S,
)

REGIMES = {"both": 0.5, "seen": 0.25, "heard": 0.25}
HIDDEN = ("nobody", "dark", "blurred", "away")  # why nothing can be seen in `heard`
SHOWING = 0.7  # at least this share of the people shows the label; the others are neutral
BACKDROPS = 400  # different ones in each split
CROWD = (0.35, 0.75)  # of clips: up to here one person, up to here two or three, else four to eight


@dataclass(frozen=True)
class ComposedPerson:
    """One face in the picture. Lengths are in heights of the picture."""

    item: int  # place in Sources.items
    polarity: str
    x: float  # of the middle, from the left
    y: float  # from the top
    size: float  # height of the photograph
    tilt: float  # radians
    mirrored: bool
    oval: bool  # cut out; else the photograph's own surroundings stay
    sway: tuple[float, float, float]  # how far, how often a second, where it begins
    light: tuple[float, float]  # contrast, gamma
    skin: tuple[float, float, float]  # red, green, blue of a white pixel
    clothes: tuple[int, int, int]


@dataclass(frozen=True)
class Camera:
    """How the picture moves and what it loses."""

    zoom: tuple[float, float]  # at the start, at the end
    pan: tuple[float, float]  # how far to the right and down during the clip
    shake: float
    light: tuple[float, float]  # brightness added, contrast
    lamp: tuple[float, float]  # a brighter side: direction in radians, how much
    tint: tuple[float, float, float]
    grey: bool
    blur: float  # standard deviation, share of the height
    noise: float  # grey levels
    quality: int  # of a JPEG; 0 = not compressed


@dataclass(frozen=True)
class ComposedSound:
    """One voice, crowd or ambience. Loudness is relative to the other sounds of a scene."""

    item: int  # place in Sources.items
    kind: str
    polarity: str
    start_s: float
    skip: float  # share of a long recording that is left out at its beginning
    speed: float  # also moves the pitch
    gain_db: float


@dataclass(frozen=True)
class Room:
    """What microphone and room do to all sounds together."""

    level_db: float  # RMS of the mix
    echo_s: float  # time in which an echo loses 60 dB; 0 = none
    echo_share: float
    low_hz: float
    high_hz: float
    slope_db: float  # from the lowest to the highest frequency
    clipped: float  # share of the peak that is cut off
    noise_db: float  # of the microphone, below the mix


@dataclass(frozen=True)
class ComposedScene:
    """Everything that decides one clip."""

    seed: int
    split: str
    index: int
    label: str
    regime: str
    hidden: str  # of HIDDEN, "" = the faces can be seen
    people: tuple[ComposedPerson, ...]
    camera: Camera
    sounds: tuple[ComposedSound, ...]
    room: Room
    backdrop: int  # seed of the background

    @property
    def name(self) -> str:
        return f"{self.index // 10}_{self.index % 10}"

    @property
    def key(self) -> tuple[int, int, int]:
        """What random numbers of this scene start from."""
        return self.seed, SPLITS.index(self.split), self.index

    @property
    def source(self) -> str:
        """Clips of a split share people: what must not cross splits is the split itself."""
        return f"{self.seed}/{self.split}/{self.index}"


def make_scene(sources: SourcePool, seed: int, split: str, index: int) -> ComposedScene:
    """Scene `index` of a split; the same arguments give the same scene."""
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    label = POLARITIES[rng.integers(len(POLARITIES))]
    regime = str(rng.choice(list(REGIMES), p=list(REGIMES.values())))
    hidden = str(rng.choice(HIDDEN)) if regime == "heard" else ""
    draw = Draw(sources, split, rng)
    acted = "" if regime == "heard" else label
    return ComposedScene(
        seed,
        split,
        index,
        label,
        regime,
        hidden,
        people=() if hidden == "nobody" else draw.people(acted),
        camera=draw.camera(),
        sounds=draw.sounds("" if regime == "seen" else label),
        room=draw.room(),
        backdrop=int(rng.integers(BACKDROPS)) + BACKDROPS * SPLITS.index(split),
    )


def _mix(label: str, count: int, rng: np.random.Generator) -> list[str]:
    """What each of `count` people shows: the label, and of large groups some are neutral."""
    if not label:
        return [POLARITIES[i] for i in rng.integers(len(POLARITIES), size=count)]
    showing = int(rng.integers(int(np.ceil(SHOWING * count)), count + 1))
    shown = [label] * showing + ["neutral"] * (count - showing)
    return [shown[i] for i in rng.permutation(count)]


def _three(values: np.ndarray) -> tuple[int, int, int]:
    first, second, third = values.tolist()
    return first, second, third


@dataclass(frozen=True)
class Draw:
    """Parts of a scene of one split, drawn from one stream of random numbers."""

    sources: SourcePool
    split: str
    rng: np.random.Generator

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def people(self, label: str) -> tuple[ComposedPerson, ...]:
        """One large face to eight small ones; those behind come first."""
        chance, rng = self.rng.random(), self.rng
        count = 1 if chance < CROWD[0] else int(rng.integers(2, 4))
        if chance >= CROWD[1]:
            count = int(rng.integers(4, 9))
        if count == 1:
            sizes = np.array([self.single_size()])
        else:
            largest = min(0.8, 1.6 / count**0.55)
            sizes = np.exp(rng.uniform(np.log(max(0.22, largest / 1.7)), np.log(largest), count))
        shown = _mix(label, count, rng)
        places = self.places(np.sort(sizes))
        return tuple(
            self.person(polarity, place) for polarity, place in zip(shown, places, strict=True)
        )

    def single_size(self) -> float:  # size of the only person in a scene
        return np.exp(self.between(np.log(0.4), np.log(1.25)))

    def places(self, sizes: np.ndarray) -> list[tuple[float, float, float]]:
        """(x, y, size) of each face: side by side in random order, larger ones lower."""
        width, count = 4 / 3, len(sizes)
        column = self.rng.permutation(count)
        places = []
        for number, size in enumerate(sizes):
            half = size / 2
            x = (column[number] + self.between(0.2, 0.8)) * width / count
            low, high = min(half * 0.9, 0.5), max(1 - half * 1.1, 0.5)
            y = self.between(low, high) * 0.6 + 0.4 * (low + (high - low) * number / count)
            x = float(np.clip(x, min(half * 0.8, width / 2), max(width - half * 0.8, width / 2)))
            places.append((x, float(y), float(size)))
        return places

    def person(self, polarity: str, position: tuple[float, float, float]) -> ComposedPerson:
        rng, hue = self.rng, self.between(0, 1)
        skin = np.array([1.0, 1 - 0.28 * hue, 1 - 0.5 * hue]) * self.between(0.75, 1.1)
        photo = self.sources.draw(rng, "face", self.split, polarity)
        return ComposedPerson(
            photo,
            polarity,
            *position,
            tilt=float(rng.normal(0, 0.1)),
            mirrored=bool(rng.random() < 0.5),
            oval=bool(rng.random() < 0.6),
            sway=(self.between(0, 0.06), self.between(0.1, 0.8), self.between(0, 6.3)),
            light=(self.between(0.85, 1.3), float(np.exp(rng.normal(0, 0.2)))),
            skin=tuple(skin.tolist()),
            clothes=_three(rng.integers(10, 230, 3)),
        )

    def camera(self) -> Camera:
        rng = self.rng
        still = rng.random() < 0.4
        move = 0.0 if still else 1.0
        rare = rng.random(4) < (0.3, 0.35, 0.5, 0.35)
        return Camera(
            zoom=(1 + move * self.between(0, 0.15), 1 + move * self.between(0, 0.15)),
            pan=(move * self.between(-0.08, 0.08), move * self.between(-0.05, 0.05)),
            shake=move * self.between(0, 0.012),
            light=(self.between(-25, 20), self.between(0.8, 1.15)),
            lamp=(self.between(0, 6.3), self.between(0, 0.35)),
            tint=tuple(rng.uniform(0.85, 1.15, 3).tolist()),
            grey=bool(rng.random() < 0.2),
            blur=self.between(0.002, 0.007) if rare[1] else 0.0,
            noise=self.between(1, 6) if rare[2] else 0.0,
            quality=int(rng.integers(30, 85)) if rare[3] else 0,
        )

    def sounds(self, label: str) -> tuple[ComposedSound, ...]:
        """Voices, a crowd or both, if a label is to be heard, often over ambience."""
        rng, sounds = self.rng, []
        chance, several = rng.random(2)
        if label:
            if chance < 0.8:
                count = 1 if several < 0.45 else int(rng.integers(2, 6))
                sounds += [self.sound("voice", polarity) for polarity in _mix(label, count, rng)]
            if chance > 0.6:
                sounds.append(self.sound("crowd", label))
            if not any(sounds):  # this split has no such crowd
                sounds = [self.sound("voice", label)]
        if not label or rng.random() < 0.6:
            loudness = self.between(-26, -4) if label else 0.0
            sounds.append(self.sound("ambience", "", loudness))
        return tuple(sound for sound in sounds if sound)

    def sound(self, kind: str, polarity: str, gain_db: float | None = None) -> ComposedSound | None:
        rng = self.rng
        part = self.sources.draw(rng, kind, self.split, polarity)
        gain_db = self.between(-6, 3) if gain_db is None else gain_db
        start_s = self.between(-0.5, DURATION_S - 3.2)
        skip, speed = self.between(0, 1), float(np.exp(rng.normal(0, 0.06)))
        if part < 0:
            return None
        start_s = 0.0 if kind == "ambience" else start_s
        return ComposedSound(part, kind, polarity, start_s, skip, speed, gain_db)

    def room(self) -> Room:
        rare = self.rng.random(4) < (0.4, 0.35, 0.35, 0.1)
        return Room(
            level_db=self.between(-36, -14),
            echo_s=self.between(0.15, 0.9) if rare[0] else 0.0,
            echo_share=self.between(0.1, 0.6),
            low_hz=self.between(60, 350) if rare[1] else 0.0,
            high_hz=self.between(2800, 7000) if rare[2] else 8000.0,
            slope_db=float(self.rng.normal(0, 5)),
            clipped=self.between(0.1, 0.6) if rare[3] else 0.0,
            noise_db=self.between(18, 60),
        )
