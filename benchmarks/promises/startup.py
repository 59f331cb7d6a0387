"""Promise: `import emo_core` and `emo --help` take at most half a second."""

import subprocess
import sys

from benchmarks.common import report, shuffled_times

BOUND = 0.5


def main() -> int:
    def run(*words: str) -> None:
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)

    spent = shuffled_times(
        {
            "help": lambda: run("-m", "emo_core", "--help"),
            "import": lambda: run("-c", "import emo_core"),
        },
        rounds=7,
    )
    best = {name: round(min(times), 3) for name, times in spent.items()}
    return report("startup", max(best.values()), BOUND, True, seconds=best)


if __name__ == "__main__":
    sys.exit(main())
