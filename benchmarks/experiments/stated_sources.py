"""The recordings beside the checkout, with what `docs/training` states about them.

    python -m benchmarks.experiments.stated_sources DATA OUT [--corpus NAME]

OUT gets links to the files in DATA, the corpus's DATA.md, and the sentences that voices say. Clips
made with `--sources OUT` have the splits of the shipped checkpoints.
"""

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emo_core.data.statement import STATEMENT

STATEMENTS = Path(__file__).parents[2] / "docs" / "training"
CORPORA = ("collage", "utterances", "emotions", "affect")
TABLE = "labels.csv"
REAL = Path(__file__).parents[3] / "shared" / "data"


def stated_sources(data: Path, out: Path, corpus: str = "collage") -> Path:
    """Fill `out` with links to what lies in `data`, the DATA.md of a corpus and transcripts.

    The speakers held out for test stand in that DATA.md.
    """
    _link(data, out, leave=(STATEMENT, "voices"))
    text = (STATEMENTS / corpus / STATEMENT).read_text(encoding="utf-8")
    (out / STATEMENT).write_text(text, encoding="utf-8")
    for folder in sorted((data / "voices").iterdir()):
        _link(folder, out / "voices" / folder.name, leave=(TABLE,))
        _add_transcripts(folder / TABLE, out / "voices" / folder.name / TABLE)
    return out


@contextmanager
def with_statement(data: Path) -> Iterator[Path]:
    """Sources as they are, but those beside the checkout with this repository's statement."""
    if data != REAL:
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="sources-") as folder:
        yield stated_sources(data, Path(folder))


def _link(source: Path, out: Path, leave: tuple[str, ...]) -> None:
    """A link in `out` to each entry of `source` but those to leave."""
    out.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        if path.name not in leave and not (out / path.name).exists():
            (out / path.name).symlink_to(path.resolve())


def _add_transcripts(table: Path, out: Path) -> None:
    """The table with a column `text`: what the sentence with the row's code is."""
    name = table.parent.name
    with (STATEMENTS / "sentences.csv").open(encoding="utf-8", newline="") as file:
        texts = {
            (row["column"], row["code"]): row["text"]
            for row in csv.DictReader(file)
            if row["voices"] == name
        }
    with table.open(encoding="utf-8", newline="") as file:
        rows = [
            {**row, "text": next((texts[cell] for cell in row.items() if cell in texts), "")}
            for row in csv.DictReader(file)
        ]
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def main() -> int:
    """Fill the folder that the command line names; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--corpus", choices=CORPORA, default=CORPORA[0])
    args = parser.parse_args()
    try:
        stated_sources(args.data, args.out, args.corpus)
    except OSError as error:
        print(f"stated_sources: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
