"""Write a checkpoint in the format of this version: settings, names of weights, SHA-256, DATA.md.

    python scripts/rewrite_checkpoint.py FOLDER [--statement DATA.md] [--edited]

--edited: config.json was changed on purpose, so what it says of SHA-256 is written anew. Numbers
and card stay as they are, byte for byte. Old names are those of emo_core/old_names.py; a statement
replaces the one sentence on the training data that version 0.1 wrote.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import load_file, save

from emo_core.checkpoint import CONFIG, DIGESTS, WEIGHTS, load_checkpoint, with_digests
from emo_core.data.statement import STATEMENT, parse_statement
from emo_core.errors import EmoError
from emo_core.io.atomic import atomic_path
from emo_core.old_names import current_names, current_training, current_weights


def rewrite_config(config: dict, statement: str) -> dict:
    """The same settings under the names of this version, with the statement on the data."""
    training = current_training(config.get("training", {}))
    stated = parse_statement(statement)
    if stated:
        training["data_statement"] = asdict(stated)
    settings = current_names("settings", config["settings"])
    sample = current_names("sample", config["sample"])
    return {**config, "settings": settings, "sample": sample, "training": training}


def rewrite(folder: Path, statement: str = "", edited: bool = False) -> None:
    """Rewrite one folder; what it loads to stays the same. Raises EmoError where it can't load."""
    if edited:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        config.pop(DIGESTS, None)
        with atomic_path(folder / CONFIG) as part:
            part.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    load_checkpoint(folder)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    weights = save(current_weights(load_file(folder / WEIGHTS)), {"model": config["model"]})
    config = with_digests(rewrite_config(config, statement), weights)
    texts = {CONFIG: json.dumps(config, indent=1) + "\n"}
    if statement:
        texts[STATEMENT] = statement
    content = {**{name: text.encode() for name, text in texts.items()}, WEIGHTS: weights}
    for name, written in content.items():
        with atomic_path(folder / name) as part:
            part.write_bytes(written)
    load_checkpoint(folder)


def main(argv: list[str] | None = None) -> int:
    """Rewrite the folder that the command line names; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--statement", type=Path, help="a DATA.md to put beside the weights")
    parser.add_argument("--edited", action="store_true", help="settings were changed on purpose")
    args = parser.parse_args(argv)
    try:
        text = args.statement.read_text(encoding="utf-8") if args.statement else ""
        rewrite(args.folder, text, args.edited)
    except (EmoError, OSError, UnicodeDecodeError) as error:
        print(f"rewrite_checkpoint: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
