"""Boxes, arrows and labels as SVG in the course's one style.

Text stays text, colours are Okabe and Ito's, and the ground is white, so that a diagram is
readable on a light and on a dark page. A drawing is 960 units wide; no text is smaller than 14.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 960, 540
SMALLEST = 14  # of text, at a width of 960
LINE = 1.3  # distance of two lines of text, as a share of their size
INK, MUTED = "#1b2030", "#4a5263"
COLOURS = {  # kind of thing -> line, fill; Okabe and Ito, and tints of them
    "video": ("#0072B2", "#e3f0f8"),
    "audio": ("#B87A00", "#fdf1d8"),
    "text": ("#7A4E8C", "#f3e8f5"),
    "both": ("#00795A", "#dff3ec"),
    "warn": ("#B84A00", "#fbe7dc"),
    "plain": ("#5b6472", "#ffffff"),
    "soft": ("#9aa3b0", "#f1f3f6"),
}
STRONG = {"video": "#0072B2", "audio": "#E69F00", "both": "#009E73", "warn": "#D55E00"}
Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """Where a box lies, and the middles of its sides, from which arrows start."""

    x: float
    y: float
    w: float
    h: float

    @property
    def left(self) -> Point:
        return self.x, self.y + self.h / 2

    @property
    def right(self) -> Point:
        return self.x + self.w, self.y + self.h / 2

    @property
    def top(self) -> Point:
        return self.x + self.w / 2, self.y

    @property
    def bottom(self) -> Point:
        return self.x + self.w / 2, self.y + self.h


class Drawing:
    """One diagram; its methods add a part each."""

    def __init__(self, title: str, description: str) -> None:
        self.title, self.description = title, description
        self.parts: list[str] = []
        self.label(40, 46, title, size=24, weight=700, anchor="start")

    def label(
        self,
        x: float,
        y: float,
        words: str,
        size: float = 16,
        anchor: str = "middle",
        weight: int = 400,
        colour: str = INK,
    ) -> None:
        """Words on the base line y; several lines where they hold line ends."""
        style = f'font-size="{size:g}" font-weight="{weight}" fill="{colour}"'
        for number, line in enumerate(words.split("\n")):
            at = f'x="{x:g}" y="{y + number * size * LINE:g}" text-anchor="{anchor}"'
            self.parts.append(f"<text {at} {style}>{escape(line)}</text>")

    def box(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        name: str = "",
        note: str = "",
        kind: str = "plain",
        dashed: bool = False,
    ) -> Box:
        """A rounded box with a bold name, and a note below it, in its middle."""
        line, fill = COLOURS[kind]
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="8" fill="{fill}" '
            f'stroke="{line}" stroke-width="1.8"{dash}/>'
        )
        rows = [(text, 16, 600, INK) for text in name.split("\n") if text]
        rows += [(text, SMALLEST, 400, MUTED) for text in note.split("\n") if text]
        tall = sum(size * LINE for _, size, _, _ in rows)
        base = y + h / 2 - tall / 2
        for text, size, weight, colour in rows:
            self.label(x + w / 2, base + size * 1.02, text, size, weight=weight, colour=colour)
            base += size * LINE
        return Box(x, y, w, h)

    def arrow(self, *points: Point, kind: str = "plain", dashed: bool = False) -> None:
        """A line through corner points whose head stands at the last one."""
        (x0, y0), (x1, y1) = points[-2:]
        long = max(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5, 1e-9)
        across, down = (x1 - x0) / long, (y1 - y0) / long
        back = (x1 - 10 * across, y1 - 10 * down)
        left = (back[0] - 5.5 * down, back[1] + 5.5 * across)
        right = (back[0] + 5.5 * down, back[1] - 5.5 * across)
        self.line(*points[:-1], back, kind=kind, dashed=dashed)
        self.shape([(x1, y1), left, right], COLOURS[kind][0])

    def line(
        self, *points: Point, kind: str = "plain", dashed: bool = False, width: float = 2
    ) -> None:
        """A line through points."""
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        self.parts.append(
            f'<polyline points="{_joined(points)}" fill="none" stroke="{COLOURS[kind][0]}" '
            f'stroke-width="{width:g}" stroke-linejoin="round"{dash}/>'
        )

    def shape(self, points: Sequence[Point], fill: str, opacity: float = 1) -> None:
        """A filled polygon."""
        self.parts.append(
            f'<polygon points="{_joined(points)}" fill="{fill}" fill-opacity="{opacity:g}"/>'
        )

    def cell(self, x: float, y: float, w: float, h: float, fill: str, edge: str = "") -> None:
        """A small filled rectangle: with an edge a frame or a token, without one a pixel."""
        style = f' rx="2" stroke="{edge}"' if edge else ""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" fill="{fill}"{style}/>'
        )

    def dot(self, x: float, y: float, radius: float, kind: str) -> None:
        """A filled circle."""
        self.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{STRONG[kind]}"/>')

    def plus(self, x: float, y: float, sign: str = "+") -> Box:
        """A round node in which arrows meet."""
        self.parts.append(
            f'<circle cx="{x:g}" cy="{y:g}" r="14" fill="#fff" stroke="{COLOURS["plain"][0]}" '
            'stroke-width="1.8"/>'
        )
        self.label(x, y + 6, sign, 18, weight=700)
        return Box(x - 14, y - 14, 28, 28)

    def svg(self) -> str:
        """The file's text."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-labelledby="title desc" '
            'font-family="Helvetica,Arial,Liberation Sans,sans-serif">\n'
            f'<title id="title">{escape(self.title)}</title>\n'
            f'<desc id="desc">{escape(self.description)}</desc>\n'
            f'<rect x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}" rx="16" fill="#fff" '
            f'stroke="#d5dae1"/>\n' + "\n".join(self.parts) + "\n</svg>\n"
        )


def _joined(points: Sequence[Point]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)
