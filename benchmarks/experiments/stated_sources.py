"""The recordings beside the checkout, with the statement on them that `docs/training` keeps."""

from pathlib import Path

from emo_core.data.statement import STATEMENT

STATEMENTS = Path(__file__).parents[2] / "docs" / "training"


def stated_sources(data: Path, out: Path, corpus: str = "collage") -> Path:
    """`out`, filled with links to what lies in `data` and the DATA.md of a corpus.

    Who is held out for test stands in that file, so splits are those of the shipped checkpoints.
    """
    out.mkdir(parents=True, exist_ok=True)
    for path in data.iterdir():
        if path.name != STATEMENT and not (out / path.name).exists():
            (out / path.name).symlink_to(path.resolve())
    text = (STATEMENTS / corpus / STATEMENT).read_text(encoding="utf-8")
    (out / STATEMENT).write_text(text, encoding="utf-8")
    return out
