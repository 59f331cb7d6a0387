"""Write a checkpoint's card.md again, from DATA.md, config.json and MEASURED.md beside it.

    python scripts/write_card.py NAME|DIR [NAME|DIR…]

What is edited is data: DATA.md (sources, licence, known failures; copied into config.json, beside
every answer) and MEASURED.md, if it is there: what was measured after the training, as it stands.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from emo_core.checkpoint import CARD, CONFIG, MEASURED, find_checkpoint, load_checkpoint  # noqa: E402
from emo_core.data.statement import STATEMENT, parse_statement, statement_text  # noqa: E402
from emo_core.errors import EmoError  # noqa: E402
from emo_core.io.atomic import atomic_path  # noqa: E402
from emo_core.training.model_card import model_card  # noqa: E402


def whole_card(folder: Path) -> str:
    """The card of a checkpoint folder and what was measured afterwards."""
    card, measured = model_card(load_checkpoint(folder)), folder / MEASURED
    return f"{card}\n{measured.read_text(encoding='utf-8')}" if measured.is_file() else card


def write_card(folder: Path) -> None:
    """Copy DATA.md into config.json and write card.md; raises CorpusError, CheckpointError."""
    stated = parse_statement(statement_text(folder), f"{folder.name}/{STATEMENT}")
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    config["training"]["data_statement"] = asdict(stated) if stated else None
    with atomic_path(folder / CONFIG) as part:
        part.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    text = whole_card(folder)
    with atomic_path(folder / CARD) as part:
        part.write_text(text, encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Write the card of each folder; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint", nargs="+", metavar="NAME|DIR")
    try:
        for name in parser.parse_args(argv).checkpoint:
            write_card(find_checkpoint(name))
    except EmoError as error:
        print(f"write_card: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
