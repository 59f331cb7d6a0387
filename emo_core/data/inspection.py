"""What a file holds: it is opened once for all the parts of it that a corpus names."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from emo_core.clip import SILENCE, ClipError, DecodedFrames, Recording, load_clip, video_size
from emo_core.data.corpus import Item
from emo_core.data.dataset import resolve_span
from emo_core.data.image_sequence import load_image_sequence
from emo_core.faces.tracking import track_faces

LISTEN_S = 10.0  # how much of a part's sound is looked at
LISTEN_RATE = 8_000  # Hz, enough to tell silence
BLOCK_S = 60.0  # of sound that are read at once, at most
GAP_S = 10.0  # of sound between two parts that are cheaper to read than to open the file again
SLACK_S = 0.5  # seconds a part may reach past the end of its file: transcripts are not exact
FOLDER_FPS = 30.0  # of pictures in a folder; any rate would do to see whether they can be read
SMALL = (64, 64)  # pixels of a picture that only has to be readable
FACE_SIDE = 480  # pixels of the longer side where faces are looked for, as in training
FACE_SEARCH_AT = (0.1, 0.5, 0.9)  # of a part's length, where faces are looked for


class Inspectable(Recording, Protocol):
    """A recording whose picture can be read in one go."""

    def read_in_turn(
        self, stretches: Iterable[Iterable[float]], size: tuple[int, int] | None = None
    ) -> Iterator[DecodedFrames]: ...


class Inspection(NamedTuple):
    """What one part of a file holds."""

    problem: str = ""  # why it can't be used
    sound: str = ""  # "sound", "silent" or "no sound"; "" = not known
    seconds: float = 0.0
    has_video: bool = False
    has_face: bool | None = None  # None = not looked for


def open_clip(item: Item) -> Inspectable:
    """The file of an item, or its folder of pictures."""
    if item.path.is_dir():
        return load_image_sequence(item.path, FOLDER_FPS)
    return load_clip(item.path)


@dataclass(eq=False)
class _Stretch:
    """One item while its file is read."""

    index: int  # among the items
    start_s: float
    end_s: float  # at most the file's own
    needs_faces: bool  # whether faces are looked for
    frames: list[np.ndarray] = field(default_factory=list)  # (H, W, 3) each, of those only
    problem: str = ""
    peak: float = 0.0

    @property
    def times_s(self) -> list[float]:
        """When its picture is read: at its start and its middle, or where faces are looked for."""
        places = FACE_SEARCH_AT if self.needs_faces else (0.5,)
        return [self.start_s + (self.end_s - self.start_s) * place for place in (0.0, *places)]

    @property
    def heard_s(self) -> tuple[float, float]:
        """What of its sound is looked at."""
        return self.start_s, min(self.start_s + LISTEN_S, self.end_s)


def inspect_file(
    items: Sequence[Item],
    opened: Callable[[Item], Inspectable] = open_clip,
    needs_video: bool = True,
    face_search: Collection[int] = (),
) -> Iterator[tuple[int, Inspection]]:
    """What each of several parts of one file holds: (its index, inspection) as it is known.

    opened: called once, with the first item. face_search: indices of the items in which faces are
    looked for.
    """
    try:
        clip = opened(items[0])
        if not clip.has_video and needs_video:
            raise ClipError("it has no picture; expected a video.")
    except (ClipError, OSError) as error:
        yield from ((i, _failed(item, error)) for i, item in enumerate(items))
        return
    parts = []
    for i, item in enumerate(items):
        try:
            start_s, end_s = resolve_span(clip.duration_s, item.span_s, item.path, SLACK_S)
            end_s = min(end_s, clip.duration_s, start_s + item.longest_s)
            parts.append(_Stretch(i, start_s, end_s, clip.has_video and i in face_search))
        except ClipError as error:
            yield i, _failed(item, error)
    if clip.has_audio:
        _listen(clip, parts)
    for part in _with_pictures(clip, parts):
        i = part.index
        yield i, _failed(items[i], part.problem) if part.problem else _inspection(clip, part)


def _failed(item: Item, why: object) -> Inspection:
    return Inspection(f"{item.name}: {why}")


def _inspection(clip: Inspectable, part: _Stretch) -> Inspection:
    sound = "sound" if part.peak > SILENCE else "silent"
    found = bool(track_faces(np.stack(part.frames[1:])).mask.any()) if part.frames else None
    part.frames.clear()
    seconds = part.end_s - part.start_s
    return Inspection("", sound if clip.has_audio else "no sound", seconds, clip.has_video, found)


def _listen(clip: Inspectable, parts: Sequence[_Stretch]) -> None:
    """The peak of each part's sound, or why it can't be read."""
    for block in _blocks(parts):
        start_s, end_s = block[0].heard_s[0], max(part.heard_s[1] for part in block)
        try:
            wave = np.abs(clip.audio(LISTEN_RATE, start_s, end_s))
        except (ClipError, OSError) as error:
            if len(block) == 1:
                block[0].problem = str(error)
            else:  # some of them may be readable
                for part in block:
                    _listen(clip, [part])
            continue
        for part in block:
            first, last = (round((time_s - start_s) * LISTEN_RATE) for time_s in part.heard_s)
            part.peak = float(wave[first:last].max(initial=0.0))


def _blocks(parts: Sequence[_Stretch]) -> Iterator[list[_Stretch]]:
    """Parts whose sound is read at once: they follow each other closely in BLOCK_S."""
    block: list[_Stretch] = []
    until_s = 0.0
    for part in sorted(parts, key=lambda part: part.heard_s):
        start_s, end_s = part.heard_s
        if block and (start_s > until_s + GAP_S or end_s > block[0].start_s + BLOCK_S):
            yield block
            block = []
        until_s = max(until_s, end_s) if block else end_s
        block.append(part)
    if block:
        yield block


def _with_pictures(clip: Inspectable, parts: Sequence[_Stretch]) -> Iterator[_Stretch]:
    """Parts as their picture has been read, or could not be; those of sound alone as they are."""
    readable = [part for part in parts if clip.has_video and not part.problem]
    yield from (part for part in parts if part.problem or not clip.has_video)
    for needs_faces in (True, False):
        if chosen := [part for part in readable if part.needs_faces == needs_faces]:
            yield from _read_pictures(clip, chosen, _face_size(clip) if needs_faces else SMALL)


def _face_size(clip: Inspectable) -> tuple[int, int]:
    width, height = video_size(clip)
    scale = min(1.0, FACE_SIDE / max(width, height))
    return max(int(width * scale), 2), max(int(height * scale), 2)


def _read_pictures(
    clip: Inspectable, parts: Sequence[_Stretch], size: tuple[int, int]
) -> Iterator[_Stretch]:
    """Parts as the last of their frames is read; after a frame that can't be, goes on behind it."""
    left = sorted((time_s, n) for n, part in enumerate(parts) for time_s in part.times_s)
    missing = Counter(n for _, n in left)
    while left:
        done = 0
        shown = clip.read_in_turn([[time_s] for time_s, _ in left], size)
        try:
            for (_, n), frames in zip(left, shown, strict=True):
                done += 1
                missing[n] -= 1
                parts[n].frames += [frames.pixels[0]] if parts[n].needs_faces else []
                if not missing[n]:
                    yield parts[n]
            return
        except (ClipError, OSError) as error:
            broken = left[done][1]
            parts[broken].problem = str(error)
            yield parts[broken]
            left = [moment for moment in left[done + 1 :] if moment[1] != broken]
