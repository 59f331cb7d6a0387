"""How paper 3 cuts an Aff-Wild2 video: windows of 16 tokens, each of 32 frames and 8 images.

Frames are numbered from 1, as their files are. Source: papers/3, section 3.1.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

TOKENS = 16  # of a window
SPAN = 32  # frames of a token
IMAGES = 8  # of a token
BLOCK = TOKENS * SPAN  # frames that 32 windows predict together, each another phase


@dataclass(frozen=True)
class Token:
    """A stretch of video; its label and prediction belong to its last frame."""

    frames: range  # those of its 32 that the video has
    predicts: int | None  # frame number; None where the video is over


@dataclass(frozen=True)
class Window:
    """One input of the model."""

    tokens: tuple[Token, ...]

    def trains(self, labelled: Collection[int]) -> bool:
        """Whether the authors train on it: it ends in the video, every token has a labelled frame.

        labelled: numbers of the frames with a valid label; a set answers fastest.
        """
        if self.tokens[-1].predicts is None:
            return False
        return all(any(frame in labelled for frame in token.frames) for token in self.tokens)


def token_windows(frames: int) -> Iterator[Window]:
    """The windows of a video of that many frames: every frame is predicted exactly once.

    A block of 512 frames is read in 32 phases. The tokens of phase p end at its frames 1 + p,
    33 + p, ...; the first token of a video starts before it, with frames that do not exist.
    """
    for block in range(0, frames, BLOCK):
        for first in range(block + 1, min(block + SPAN, frames) + 1):
            yield Window(tuple(_token(first + SPAN * i, frames) for i in range(TOKENS)))


def _token(last: int, frames: int) -> Token:
    here = range(max(last - SPAN, 0) + 1, min(last, frames) + 1)
    return Token(here, last if last <= frames else None)


def pick_images(labelled: Sequence[int]) -> list[int]:
    """The 8 frames that show a token, of its labelled frames in order; [] where there are none.

    Of n < 8 the last is repeated; else every (n // 8)-th, counted back from the last.
    """
    if not labelled:
        return []
    if len(labelled) < IMAGES:
        return [*labelled, *[labelled[-1]] * (IMAGES - len(labelled))]
    step = len(labelled) // IMAGES
    return list(labelled[::-1][: IMAGES * step : step][::-1])
