"""What a file holds: its two tracks, where its clock starts and how long it runs."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from emo_core.media.head import Head
from emo_core.media.limits import ClipError, check_duration, printable_name
from emo_core.media.opening import opened
from emo_core.media.picture import PictureTrack
from emo_core.media.sound import SoundTrack
from emo_core.media.timing import frame_rate, frame_steps, last_end, rate_varies
from emo_core.media.tracks import Tracks


@dataclass(frozen=True)
class Survey:
    """The facts of one file. Its clock starts with the earlier of its two tracks."""

    container: str
    picture: PictureTrack | None
    sound: SoundTrack | None
    origin_s: Fraction  # the clip's zero on the container's clock
    duration_s: float  # at least one frame
    fps: float | None
    variable_rate: bool
    restarts: bool  # whether its clock jumps back somewhere; large files are not read through

    @classmethod
    def of(cls, path: Path) -> "Survey":
        """Opens a file and finds out; raises ClipError for anything but a readable clip."""
        name = printable_name(path)
        with opened(path) as container:
            tracks = Tracks.choose(container, name)
            head = Head.read(tracks)
            head.refuse_encrypted(tracks, name)
            picture = PictureTrack.survey(tracks, head, name)
            sound = SoundTrack.survey(tracks, head, name)
            starts = _starts(picture, sound, name)
            end = last_end(path, tracks, head)
            steps_s = frame_steps(tracks.video, head) if picture else []
            fps = frame_rate(tracks.video, steps_s) if picture else None
            varies = rate_varies(steps_s, float(picture.tick)) if picture else False
            seconds = float(max([*starts] if end is None else [*starts, end]) - min(starts))
            check_duration(name, seconds)
            seconds = max(seconds, 1 / fps if fps else 0.0)
            kind = container.format.name
            restarts = head.ends.restarts
        return cls(kind, picture, sound, min(starts), seconds, fps, varies, restarts)


def _starts(picture: PictureTrack | None, sound: SoundTrack | None, name: str) -> list[Fraction]:
    """When each track starts, in seconds on the container's clock."""
    starts = [picture.first * picture.tick] if picture else []
    starts += [sound.start_s] if sound else []
    if not starts:
        raise ClipError(
            f"{name}: neither picture nor sound in this file; expected a video or a "
            "sound recording; check that the right file was chosen."
        )
    return starts
