"""Draws docs/architecture.svg: the way of the data, and what learns from it.

python scripts/draw_architecture.py
"""

from html import escape
from pathlib import Path

OUT = Path(__file__).resolve().parents[1] / "docs" / "architecture.svg"
WIDTH, HEIGHT, BOX, TALL = 800, 470, 150, 70
STYLE = """
.ground{fill:#f7f8fb}.box{fill:#fff;stroke:#3b4a9b;stroke-width:1.5}.side{fill:#eef1fa;stroke:#8a94c8}
.name{font:600 16px sans-serif;fill:#1b2030}.home{font:12px monospace;fill:#46506e}
.note{font:12px sans-serif;fill:#46506e}.line{stroke:#3b4a9b;stroke-width:1.6;fill:none}
.head{fill:#3b4a9b}
@media (prefers-color-scheme:dark){.ground{fill:#171a21}.box{fill:#222733;stroke:#9aa8f0}
.side{fill:#1d2130;stroke:#5f6aa8}.name{fill:#f0f2fa}.home,.note{fill:#b9c1dc}.line{stroke:#9aa8f0}
.head{fill:#9aa8f0}}
"""
COLUMNS = (20, 225, 430, 630)
BOXES = (  # what, where it is made, left, top, class
    ("file", "media/ opens it", COLUMNS[0], 95, "box"),
    ("Clip", "clip.py", COLUMNS[1], 95, "box"),
    ("Sample", "preprocess/sample.py", COLUMNS[2], 95, "box"),
    ("Batch", "preprocess/batch.py", COLUMNS[3], 95, "box"),
    ("Output", "models/, tasks/", COLUMNS[3], 225, "box"),
    ("Prediction", "inference/", COLUMNS[2], 225, "box"),
    ("Attribution", "attribution/", COLUMNS[1], 225, "box"),
    ("figure, film, report", "viz/", COLUMNS[0], 225, "box"),
    ("corpora", "data/, synthetic/", COLUMNS[0], 375, "side"),
    ("recipe", "training/recipes.py", COLUMNS[1], 375, "side"),
    ("Trainer", "training/trainer.py", COLUMNS[2], 375, "side"),
    ("checkpoint", "checkpoint.py", COLUMNS[3], 375, "side"),
)
ARROWS = (  # corner points of each line; the head stands at the last
    ((170, 130), (223, 130)),
    ((375, 130), (428, 130)),
    ((580, 130), (628, 130)),
    ((705, 165), (705, 223)),
    ((630, 260), (582, 260)),
    ((430, 260), (377, 260)),
    ((225, 260), (172, 260)),
    ((170, 410), (223, 410)),
    ((375, 410), (428, 410)),
    ((580, 410), (628, 410)),
    ((705, 375), (705, 297)),
)
NOTES = (
    ("cli/, demo/ and notebooks/ enter here …", COLUMNS[0], 48, "start"),
    ("the model: where float pixels and log-mel become scores", 780, 48, "end"),
    ("… and leave here", COLUMNS[0], 283, "start"),
    ("training: batches of labelled clips go in, a folder with a card comes out", 20, 328, "start"),
)


def arrow(points: tuple[tuple[int, int], ...]) -> str:
    """A line with a head that points where its last part goes."""
    (x0, y0), (x1, y1) = points[-2:]
    across, down = (x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0)
    back = (x1 - 8 * across, y1 - 8 * down)
    left = (back[0] - 5 * down, back[1] - 5 * across)
    right = (back[0] + 5 * down, back[1] + 5 * across)
    line = " ".join(f"{x},{y}" for x, y in (*points[:-1], back))
    head = " ".join(f"{x},{y}" for x, y in ((x1, y1), left, right))
    return f'<polyline class="line" points="{line}"/><polygon class="head" points="{head}"/>'


def box(name: str, home: str, left: int, top: int, kind: str) -> str:
    """A record with the place in the package where it is made."""
    middle = left + BOX / 2
    return (
        f'<rect class="{kind}" x="{left}" y="{top}" width="{BOX}" height="{TALL}" rx="8"/>'
        f'<text class="name" x="{middle}" y="{top + 30}" text-anchor="middle">{escape(name)}</text>'
        f'<text class="home" x="{middle}" y="{top + 52}" text-anchor="middle">{escape(home)}</text>'
    )


def draw() -> str:
    """The picture as SVG; its style follows the reader's light or dark setting."""
    parts = [box(*values) for values in BOXES] + [arrow(points) for points in ARROWS]
    parts += [
        f'<text class="note" x="{x}" y="{y + 30}" text-anchor="{end}">{escape(words)}</text>'
        for words, x, y, end in NOTES
    ]
    title = "A file becomes a Clip, Sample, Batch, Output, Prediction, Attribution and a figure"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        f"<title>{title}</title><style>{STYLE}</style>"
        f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="12"/>{"".join(parts)}</svg>\n'
    )


if __name__ == "__main__":
    OUT.write_text(draw(), encoding="utf-8")
