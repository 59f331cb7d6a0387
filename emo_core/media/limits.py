"""What one clip may cost at most, and the error that refuses a file."""

from pathlib import Path

MAX_PIXELS = 8192 * 8192  # per frame: 8K (7680x4320) fits twice; one frame is then 200 MB of RGB
MAX_DURATION_S = 48 * 3600  # seconds; a longer declared clip is a damaged clock, not a recording
MAX_OUTPUT_BYTES = 8 << 30  # bytes of pixels or sound one call may return


class ClipError(Exception):
    """A file that cannot be used: one sentence of what was found, what was expected, what to do."""


def printable_name(path: Path) -> str:
    """A file's name as it can stand in a sentence."""
    name = path.name or str(path)
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def check_pixels(name: str, width: int, height: int) -> None:
    """Refuses frames beyond MAX_PIXELS, and the size 0x0 to which FFmpeg resets such a size."""
    if 0 < width * height <= MAX_PIXELS:
        return
    found = f"frames of {width}x{height} pixels" if width else "frames of a huge or unknown size"
    raise ClipError(
        f"{name}: {found}; expected at most {MAX_PIXELS:,} pixels per frame; scale the video down."
    )


def check_output(name: str, bytes_wanted: int, pixels: int = 1) -> None:
    """Refuses a call that would return more than MAX_OUTPUT_BYTES, or frames beyond MAX_PIXELS."""
    if bytes_wanted > MAX_OUTPUT_BYTES or pixels > MAX_PIXELS:
        raise ClipError(
            f"{name}: {bytes_wanted / 2**30:.0f} GiB of output asked for at once; expected at most "
            f"{MAX_OUTPUT_BYTES >> 30}; ask for fewer or smaller frames, or a shorter window."
        )


def check_duration(name: str, seconds: float) -> None:
    """Refuses a clock that runs longer than MAX_DURATION_S."""
    if seconds > MAX_DURATION_S:
        raise ClipError(
            f"{name}: its clock runs over {seconds / 3600:.0f} hours; expected at most "
            f"{MAX_DURATION_S // 3600}; cut it into shorter pieces or repair its time stamps."
        )
