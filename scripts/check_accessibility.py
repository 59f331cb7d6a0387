"""Checks every state of the page with axe-core, by day and by night, at a desk and on a phone.

python -m scripts.check_accessibility [--axe axe.min.js] [--url http://…] [--only phone-dark …]
axe-core comes from npm (`npm install axe-core`, MPL-2.0) and is not part of this repository.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.page_states import DEVICES, THEMES, page_at, visit_states
from tests.support.serving import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
FORBIDDEN = ("serious", "critical")
RUN = "axe.run(document, { resultTypes: ['violations'] }).then((found) => found.violations)"
SHOWN = 6  # elements of each violation


def describe(found: dict[str, Any]) -> Iterator[str]:
    """One violation, and the elements that have it."""
    yield f"  {found['impact']}: {found['id']}, {len(found['nodes'])} × ({found['help']})"
    for node in found["nodes"][:SHOWN]:
        yield f"      {node['target'][0]}: {node['failureSummary'].splitlines()[-1].strip()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--axe", type=Path, default=AXE)
    parser.add_argument("--url", help="of a page that runs; else one is started")
    parser.add_argument("--only", nargs="*", help="such as phone-dark; else all")
    args = parser.parse_args()
    if not args.axe.is_file():
        print(f"{args.axe} is not there. Run `npm install axe-core`, or name the file by --axe.")
        return 2
    script, worst = args.axe.read_text(encoding="utf-8"), 0
    with page_at(args.url) as url:
        for name in [f"{device}-{theme}" for device in DEVICES for theme in THEMES]:
            if args.only and name not in args.only:
                continue
            for state, page in visit_states(url, *name.split("-")):
                page.evaluate(script)
                found = page.evaluate(RUN)
                bad = [each for each in found if each["impact"] in FORBIDDEN]
                worst += len(bad)
                print(f"{name} {state.name}: {len(bad)} serious, {len(found) - len(bad)} lesser")
                for each in found:
                    print("\n".join(describe(each)), flush=True)
    print(f"{worst} serious or critical violations")
    return 1 if worst else 0


if __name__ == "__main__":
    sys.exit(main())
