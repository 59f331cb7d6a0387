"""`python -m benchmarks NAME`: measure one promise, or repeat one experiment."""

import runpy
import sys
from pathlib import Path

FOLDERS = ("promises", "experiments")


def known() -> dict[str, str]:
    """Names that can be run -> module; an experiment's helpers are no benchmarks."""
    here = Path(__file__).resolve().parent
    return {
        path.stem: f"benchmarks.{folder}.{path.stem}"
        for folder in FOLDERS
        for path in sorted((here / folder).glob("[!_]*.py"))
        if "def main(" in path.read_text(encoding="utf-8")
    }


def main() -> int:
    """Run the benchmark named first on the command line; returns its exit code."""
    names = known()
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in names:
        print(
            f"benchmarks: there is no benchmark {name!r}; expected one of {', '.join(names)}.",
            file=sys.stderr,
        )
        return 2
    sys.argv = sys.argv[1:]
    return int(runpy.run_module(names[name])["main"]() or 0)


if __name__ == "__main__":
    sys.exit(main())
