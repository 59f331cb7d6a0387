"""Promise `memory`: peak memory of predicting a 60-minute 1080p file against a 1-minute one."""

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import make_clip, report

BOUND = 1.2
CODE = """
import re, sys
from pathlib import Path
from emo_core import predict
answer = predict(sys.argv[1])
status = Path("/proc/self/status").read_text()  # ru_maxrss would start at the parent's peak
print(re.search(r"VmHWM:\\s+(\\d+)", status)[1], len(answer.timeline),
      round(sum(answer.seconds.values()), 2))
"""


def repeat(source: Path, target: Path, times: int) -> None:
    """Joins a clip to itself without encoding it again."""
    import av

    with av.open(str(source)) as probe, av.open(str(target), "w") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in probe.streams}
        length_s = max(float(s.duration * s.time_base) for s in probe.streams)
        length_s += 0.5  # B-frames and AAC's lead-in start before zero; times must not overlap
        for turn in range(times):
            with av.open(str(source)) as again:
                for packet in again.demux():
                    if packet.dts is None:
                        continue
                    shift = round(turn * length_s / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = streams[packet.stream.index]
                    out.mux(packet)


def peak(path: Path) -> tuple[int, int, float]:
    """(kB, windows, seconds) of one prediction in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(path)], capture_output=True, text=True, check=True
    )
    memory, windows, seconds = done.stdout.split()
    return int(memory), int(windows), float(seconds)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        minute = Path(folder) / "minute.mp4"
        make_clip(Path(folder) / "part.mp4", 10.0, (1920, 1080), static=True)
        repeat(Path(folder) / "part.mp4", minute, 6)
        hour = Path(folder) / "hour.mp4"
        repeat(Path(folder) / "part.mp4", hour, 360)
        short, long = peak(minute), peak(hour)
    return report(
        "memory",
        long[0] / short[0],
        BOUND,
        True,
        minute_mb=short[0] // 1024,
        hour_mb=long[0] // 1024,
        minute_windows=short[1],
        hour_windows=long[1],
        minute_s=short[2],
        hour_s=long[2],
    )


if __name__ == "__main__":
    sys.exit(main())
