"""Presentation times of decoded frames, also where the container holds none or wrong ones."""

from typing import Any, Literal, Protocol

DTS_ONLY = {"avi"}  # containers of decoding times alone; FFmpeg makes up what it calls pts of them

JITTER = 5  # steps by which a stray time may be off among frames without any

Timing = Literal["pts", "either", "dts"]  # whose word counts; "either": `FaultCount` decides


class TimedTrack(Protocol):
    """What a clock needs to know of a picture track; times in ticks."""

    @property
    def timing(self) -> Timing: ...
    @property
    def by_dts(self) -> bool: ...
    @property
    def step(self) -> int: ...


class FaultCount:
    """How often the two times of decoded frames step back, frames counted as they come.

    FFmpeg's own rule, `guess_correct_pts` in libavcodec/decode.c.
    """

    def __init__(self) -> None:
        self.pts = self.dts = 0
        self.last_pts: int | None = None
        self.last_dts: int | None = None

    def add(self, frame: Any) -> None:
        """Count a frame: anything with `pts` and `dts`, in ticks or None."""
        pts, dts = frame.pts, frame.dts
        if None not in (pts, self.last_pts):
            self.pts += pts <= self.last_pts
        if None not in (dts, self.last_dts):
            self.dts += dts <= self.last_dts
        if (pts, dts) != (None, None):
            self.last_pts = dts if pts is None else pts
            self.last_dts = pts if dts is None else dts

    @property
    def dts_are_truer(self) -> bool:
        """Whether decoding times step back less often; where equally, pts are believed."""
        return self.pts > self.dts


class FrameClock:
    """Gives decoded frames their presentation times, in the order in which they come out.

    A frame without any time, or with one that steps back, comes one step after the frame before.
    Where frames lack times, FFmpeg's parser also gives the few there are to the wrong ones: a time
    close to the step is then taken for it.
    """

    def __init__(self, track: TimedTrack) -> None:
        self.track = track
        self.faults = FaultCount() if track.timing == "either" else None
        self.latest: int | None = None
        self.counts = False  # whether frames without a time were met

    def restart(self) -> None:
        """Forget the frames so far: decoding goes on elsewhere."""
        self.faults, self.latest = None, None

    def stamp(self, frame: Any) -> int | None:
        """Set a frame's `pts` and return it; None where no time is known yet."""
        if self.faults is not None:
            self.faults.add(frame)
        by_dts = self.track.by_dts if self.faults is None else self.faults.dts_are_truer
        tick = frame.dts if by_dts or frame.pts is None else frame.pts
        if self.latest is not None:
            tick = self._after(self.latest, tick)
        tick = frame.pts if tick is None else tick
        if tick is not None:
            self.latest = frame.pts = tick
        return tick

    def _after(self, latest: int, tick: int | None) -> int:
        """The time of a frame said to be shown at `tick`, after one at `latest`."""
        due = latest + self.track.step
        if tick is None:
            self.counts = True
            return due
        if self.track.timing != "pts" and tick < latest:
            return due
        return due if self.counts and abs(tick - due) <= JITTER * self.track.step else tick
