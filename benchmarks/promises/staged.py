"""Promise: 1,000 drawn clips are made in at most five minutes on two cores."""

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import report
from emo_core.synthetic.drawn.writer import make_staged

BOUND, CLIPS, WORKERS = 300.0, 120, 2


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        make_staged(Path(folder) / "staged", CLIPS, 0, 0, 0, WORKERS)
        spent = time.perf_counter() - started
        size = sum(p.stat().st_size for p in Path(folder).rglob("*.mp4"))
    return report(
        "staged",
        spent * 1000 / CLIPS,
        BOUND,
        True,
        unit="seconds for 1,000 clips",
        made=CLIPS,
        seconds=round(spent, 1),
        workers=WORKERS,
        kb_per_clip=size // CLIPS // 1000,
    )


if __name__ == "__main__":
    sys.exit(main())
