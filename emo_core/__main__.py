"""`python -m emo_core`: the `emo` command."""

import sys

from emo_core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
