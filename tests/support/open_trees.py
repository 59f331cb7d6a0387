"""Small trees of the open corpora in the layouts their publishers print, with tiny clips."""

from pathlib import Path

from tests.support import media_files as media

CREMAD_ACTORS = ("1001", "1002", "1003", "1006", "1004", "1009", "1005", "1010")
CREMAD_CODES = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
DEMOGRAPHICS = '"ActorID","Age","Sex","Race","Ethnicity"'
VOTES_HEADER = (
    '"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote","meanEmoResp",'
    '"meanAngerResp","meanDisgustResp","meanFearResp","meanHappyResp","meanNeutralResp",'
    '"meanSadResp","medianEmoResp","meanEmoRespNorm","meanAngerRespNorm","meanDisgustRespNorm",'
    '"meanFearRespNorm","meanHappyRespNorm","meanNeutralRespNorm","meanSadRespNorm",'
    '"medianEmoRespNorm"'
)
NAMED = {"1": 4, "2": 6, "3": 8}  # of ten raters, by condition: voice, face, both
RESPONSES_HEADER = (
    '"","localid","pos","ans","ttr","queryType","numTries","clipNum","questNum","subType",'
    '"clipName","sessionNums","respEmo","respLevel","dispEmo","dispVal","dispLevel"'
)


def clip(path: Path, number: int, seconds: float = 0.6, sound: bool = True) -> Path:
    """A clip with sound, unlike those of another number: it is in its length and its tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flash = path.suffix == ".flv"
    times_s = media.regular(round(25 * seconds) + number % 7)
    tone = media.Sound(
        "libmp3lame" if flash else "aac", rate=44_100, seconds=seconds, tone_hz=300.0 + 5 * number
    )
    picture = media.Picture(times_s, codec="flv" if flash else "libx264")
    return media.write(path, picture, tone if sound else None)


def cremad_names() -> list[str]:
    """Clips of the small tree: one sentence, six emotions, eight actors."""
    return [f"{actor}_DFA_{code}_XX" for actor in CREMAD_ACTORS for code in CREMAD_CODES]


def cremad_votes(names: list[str]) -> str:
    """A tabulatedVotes.csv: ten raters a clip and condition, NAMED of whom name what was acted."""
    rows = [VOTES_HEADER]
    for condition, named in NAMED.items():
        for place, name in enumerate(names, start=1):
            acted = CREMAD_CODES.index(name.split("_")[2])
            counts = [0] * 6
            counts[acted], counts[(acted + 1) % 6] = named, 10 - named
            cells = [f'"{condition}{place:05}"', *map(str, counts), f'"{name}"', "10"]
            rows.append(",".join([*cells, "0.5", '"A"', *["-1"] * 16]))
    return "\n".join(rows) + "\n"


def make_cremad(root: Path) -> Path:
    """CREMA-D's repository, with flash video of eight actors."""
    names = cremad_names()
    for number, name in enumerate(names):
        clip(root / "VideoFlash" / f"{name}.flv", number)
    rows = [f'{actor},{20 + n},"Male","Asian","Hispanic"' for n, actor in enumerate(CREMAD_ACTORS)]
    (root / "VideoDemographics.csv").write_text("\n".join([DEMOGRAPHICS, *rows]) + "\n")
    (root / "processedResults").mkdir()
    (root / "processedResults" / "tabulatedVotes.csv").write_text(cremad_votes(names))
    return root


def ravdess_name(
    actor: int, emotion: int, channel: int = 1, modality: int = 1, statement: int = 1
) -> str:
    """A seven-part name: normal intensity, first repetition."""
    numbers = (modality, channel, emotion, 1, statement, 1, actor)
    return "-".join(f"{number:02}" for number in numbers)


def make_ravdess(root: Path, actors: tuple[int, ...] = (1, 2, 3, 15, 16, 19, 20)) -> Path:
    """RAVDESS as its archives unpack: speech of every actor in eight emotions, a song of the first
    two, one video-only file beside each.
    """
    for actor in actors:
        folder = root / f"Video_Speech_Actor_{actor:02}" / f"Actor_{actor:02}"
        for emotion in range(1, 9):
            clip(folder / f"{ravdess_name(actor, emotion)}.mp4", 8 * actor + emotion)
        clip(folder / f"{ravdess_name(actor, 1, modality=2)}.mp4", 1, sound=False)
    for actor in actors[:2]:
        folder = root / f"Video_Song_Actor_{actor:02}" / f"Actor_{actor:02}"
        clip(folder / f"{ravdess_name(actor, 3, channel=2)}.mp4", 200 + actor)
    return root


def make_gavid(root: Path, folders: tuple[str, ...] = ("Train",), sources: int = 12) -> Path:
    """Clips of groups in folders of splits, and a table that labels them."""
    rows = ["Video_Name,Valence,Emotion,Intensity"]
    for folder in folders:
        for source in range(sources):
            for part in range(2):
                name = f"{folder.lower()}{source:02}_{part}"
                clip(root / folder / f"{name}.mp4", len(rows))
                polarity = ("Positive", "Negative", "Neutral")[source % 3]
                rows.append(f"{name}.mp4,{polarity},Happy,High")
    (root / "annotations.csv").write_text("\n".join(rows) + "\n")
    return root
