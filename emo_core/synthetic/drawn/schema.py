"""The vocabulary and the records of the drawn world; nothing here is random."""

from dataclasses import dataclass

REGIMES = ("both", "seen", "heard", "synced")
ACTED_EMOTIONS = ("happy", "sad", "angry", "surprised", "disgusted", "afraid")
DURATION_S = 5.0
FPS = 25
WIDTH, HEIGHT = 320, 240
MIN_FACE_RADIUS = 21.5  # pixels; a face of 43 pixels is 13 wide when a model sees it at 96x72

PLACES = (
    "park",
    "beach",
    "street",
    "stadium",
    "stage",
    "living room",
    "classroom",
    "night market",
    "winter",
    "cafe",
)
AMBIENCES = ("room", "wind", "traffic", "rain", "crowd", "hum")
MOVES = ("cheer", "hop", "wave", "sway")
SOUNDS = {
    "positive": ("laughter", "cheering"),
    "neutral": ("talk",),
    "negative": ("crying", "shouting", "alarm"),
}


@dataclass(frozen=True)
class Appearance:
    """How one member of a cast is drawn; indices point into the palettes of the drawing."""

    skin: int
    hair: str
    hair_colour: int
    clothes: str
    colours: tuple[int, int]
    hat: str
    glasses: int  # 0 none, 1 round, 2 square
    beard: int  # 0 none, 1 moustache, 2 full
    face_width: float  # of the radius
    jaw: float  # 0 round to 1 narrow chin
    eye_size: float
    rosy: float


@dataclass(frozen=True)
class Person:
    """One person: where the head rests, in pixels, and what it does over the clip."""

    look: Appearance
    x: float
    y: float
    radius: float
    facing: str  # front, away or dark
    felt: str  # an emotion or "neutral"; where the regime hides or calms faces, only heard
    emotion: str  # what the face shows during shown_s; "neutral" when nothing
    shown_s: tuple[float, float] | None
    strength: float
    talks_s: tuple[tuple[float, float], ...]
    blinks_s: tuple[float, ...]
    turn: float  # -1 left to 1 right
    phase: float  # of the idle sway, radians
    tempo: float  # of the idle sway and of talking, about 1
    move: str


@dataclass(frozen=True)
class Sound:
    """One sound event over the ambience."""

    kind: str
    polarity: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Movement:
    """The visible movement: who moves, and when."""

    start_s: float
    end_s: float
    people: tuple[int, ...]


@dataclass(frozen=True)
class Evidence:
    """What carries the label: seconds, indices of people, indices of sounds."""

    seconds: tuple[tuple[float, float], ...]
    faces: tuple[int, ...]
    sounds: tuple[int, ...]


@dataclass(frozen=True)
class Voice:
    """What the clips of one source share in sound."""

    pitch: float  # factor on every fundamental
    tract: float  # factor on every formant
    tempo: float  # factor on every rhythm


@dataclass(frozen=True)
class Style:
    """What the clips of one source share: place, palette, cast and voice."""

    place: str
    variant: int  # seeds the details of the place
    ambience: str
    cast: tuple[Appearance, ...]
    voice: Voice


@dataclass(frozen=True)
class Scene:
    """A whole clip; the drawing and the sound are functions of this record alone."""

    seed: int
    split: str
    index: int
    source: int
    clip: int  # number of the clip within its source, from 1
    label: str
    regime: str
    style: Style
    people: tuple[Person, ...]
    sounds: tuple[Sound, ...]
    movement: Movement
    evidence: Evidence
    emotions: tuple[str, ...]
    text: str
    pan: float  # -1 to 1, of the background
    snr_db: float  # of the sound events over the ambience
    level_db: float  # of the sound events, relative to full scale
    noise_seed: int

    @property
    def name(self) -> str:
        """The file name without its ending, as in the official VGAF tree."""
        if self.split == "test":
            return f"Test_{self.index + 1}"
        return f"{self.source}_{self.clip}"
