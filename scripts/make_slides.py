"""Slides of the lessons, shown without a network: `make slides`, or names of some lessons.

    python scripts/make_slides.py [05_cross_modal_attention ...]

A deck is made of the cells that have a slide type (metadata `slideshow`). A lesson without any
gives its headings, figures and what reads them. reveal.js comes from npm and lies beside the decks.
"""

import argparse
import html
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbconvert.filters import highlight, markdown
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "docs" / "_ext")]

import mathml  # noqa: E402  (the site's, which the line above makes importable)

NOTEBOOKS = ROOT / "notebooks"
OUT = ROOT / "build" / "slides"
REVEAL = "reveal.js@5.2.1"
CLIPS = "../assets/examples/"  # as a lesson names a drawn clip
SHOWN = ("slide", "subslide", "fragment", "-", "notes")  # slide types that are in a deck
MATH = re.compile(r"\$\$(.+?)\$\$|(?<![\\$\w])\$([^$\n]+?)\$(?!\w)", re.S)
CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.S)
BADGES = re.compile(r"<!-- publish:badges.*?<!-- /publish -->\n?", re.S)
NEAR_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?![a-z]+:)[^)]*\)")  # to a file: words alone
STYLE = """
.reveal { font: 40px/1.35 Helvetica, Arial, sans-serif; color: #1b2030; }
.reveal .slides { text-align: left; }
.reveal h1 { font-size: 84px; } .reveal h2 { font-size: 60px; } .reveal h3 { font-size: 44px; }
.reveal h1, .reveal h2, .reveal h3 { text-transform: none; line-height: 1.15; margin: 0 0 24px; }
.reveal p, .reveal ul, .reveal ol { margin: 0 0 20px; display: block; }
.reveal img { display: block; margin: 8px auto; max-width: 1760px; max-height: 800px;
  width: auto; height: auto; min-width: 1720px; object-fit: contain; }
.reveal pre, .reveal pre code { font: 26px/1.35 ui-monospace, Menlo, Consolas, monospace; }
.reveal code { font: 0.85em ui-monospace, Menlo, Consolas, monospace; }
.reveal pre { background: #f4f5f8; padding: 16px 22px; margin: 8px 0; width: auto;
  box-shadow: none; overflow: hidden; white-space: pre-wrap; }
.reveal table { font-size: 32px; margin: 0 0 24px; } .reveal a { color: #0072B2; }
.reveal math { font-size: 1.1em; font-family: "STIX Two Math", "Cambria Math", "Latin Modern Math",
  "DejaVu Math TeX Gyre", math, serif; }
.reveal video { display: block; height: 620px; width: auto; max-width: 1760px; margin: 8px auto; }
"""
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="reveal/dist/reset.css">
<link rel="stylesheet" href="reveal/dist/reveal.css">
<link rel="stylesheet" href="reveal/dist/theme/white.css">
<style>{style}{code}</style></head>
<body><div class="reveal"><div class="slides">
{slides}
</div></div>
<script src="reveal/dist/reveal.js"></script><script src="reveal/plugin/notes/notes.js"></script>
<script>
function fit(slide) {{
  let size = 1.05;
  do slide.style.zoom = size -= 0.05;  // lines grow longer as letters shrink
  while (slide.scrollHeight * size > 1080 && size > 0.3);
}}
const fitShown = () => fit(Reveal.getCurrentSlide());  // a hidden slide has no height
Reveal.on("slidechanged", fitShown);
Reveal.on("pdf-ready", () => document.querySelectorAll(".slides section").forEach(fit));
document.addEventListener("load", fitShown, true);  // of pictures
Reveal.initialize({{width: 1920, height: 1080, margin: 0.05, center: false, hash: true,
  slideNumber: true, transition: "none", plugins: [RevealNotes]}}).then(fitShown);
</script>
</body></html>
"""
INDEX = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>Slides</title><h1>Slides</h1><ul>{rows}</ul></html>
"""


@dataclass
class Slide:
    """One slide: HTML of its parts, and whether it stands below the one before."""

    parts: list[str] = field(default_factory=list)
    below: bool = False


def formula(match: re.Match) -> str:
    """MathML of a formula in LaTeX, which browsers draw themselves."""
    return mathml.from_latex(match[1] or match[2], block=match[1] is not None)


def text_html(text: str) -> str:
    """Markdown as HTML; formulas outside code become MathML, links to files become words."""
    kept: list[str] = []

    def keep(match: re.Match) -> str:
        kept.append(formula(match))
        return f"FORMULA{len(kept) - 1}END"

    pieces = CODE.split(BADGES.sub("", text))
    pieces[::2] = [NEAR_LINK.sub(r"\1", MATH.sub(keep, piece)) for piece in pieces[::2]]
    made = markdown.markdown2html("".join(pieces))
    made = re.sub(r'<a class="anchor-link".*?</a>', "", made)
    return re.sub(r"FORMULA(\d+)END", lambda match: kept[int(match[1])], made)


def figure_html(output: NotebookNode) -> str:
    """A stored picture with its alt text."""
    data, kind = output["data"], "image/png"
    alt = output.get("metadata", {}).get(kind, {}).get("alt", "a figure of the lesson")
    alt = re.sub(r"\s?<!--.*?(?:-->|$)", "", alt, flags=re.S)  # the name of a number
    return f'<img alt="{html.escape(alt)}" src="data:{kind};base64,{data[kind].strip()}">'


def outputs_html(cell: NotebookNode) -> list[str]:
    """What a cell printed and drew, without scripts; what it printed in a row stands together."""
    parts: list[str] = []
    printed = ""
    for output in [*cell.get("outputs", []), {}]:
        data = output.get("data", {})
        drawn = "image/png" in data or "<" in data.get("text/html", "")
        words = "" if drawn else output.get("text") or data.get("text/plain", "")
        if printed.strip() and not words:
            parts.append(f"<pre>{html.escape(printed.strip(chr(10)).rstrip())}</pre>")
        printed = printed + words if words else ""
        if "image/png" in data:
            parts.append(figure_html(output))
        elif drawn and "<script" not in data["text/html"]:
            parts.append(data["text/html"].replace(f'src="{CLIPS}', 'src="clips/'))
    return parts


def cell_html(cell: NotebookNode) -> str:
    """A cell as it stands on a slide: its text, or what it shows, else its code and outputs."""
    if cell.cell_type != "code":
        return text_html(cell.source)
    shown = outputs_html(cell)
    seen = [part for part in shown if "<img " in part or "<video " in part]
    if seen:  # the code of a figure is in the lesson
        return "\n".join(seen)
    code = highlight.Highlight2HTML()(cell.source, language="python")
    return "\n".join([code, *shown])


def slide_type(cell: NotebookNode) -> str:
    return cell.metadata.get("slideshow", {}).get("slide_type", "")


def headings(cell: NotebookNode) -> list[str]:
    """Headings of the first two levels in a cell."""
    is_text = cell.cell_type == "markdown"
    return re.findall(r"^#{1,2} .+$", cell.source, re.M) if is_text else []


def sections(cell: NotebookNode) -> list[NotebookNode]:
    """A text cell cut before its headings: where it is shown, each of them begins a slide."""
    if cell.cell_type != "markdown" or slide_type(cell) not in ("slide", "fragment", "-"):
        return [cell]
    pieces = [piece for piece in re.split(r"(?m)^(?=## )", cell.source) if piece.strip()]
    begun = NotebookNode({"slideshow": {"slide_type": "slide"}})
    parts = [NotebookNode({**cell, "source": piece}) for piece in pieces]
    return [parts[0], *(NotebookNode({**part, "metadata": begun}) for part in parts[1:])]


def tagged_slides(cells: list[NotebookNode]) -> list[Slide]:
    """Slides of the cells that have a slide type, each under the heading it has in the lesson."""
    slides: list[Slide] = []
    heading = ""
    for cell in (part for whole in cells for part in sections(whole)):
        kind, own = slide_type(cell), headings(cell)
        heading = own[-1] if own else heading
        if kind not in SHOWN:
            continue
        part = cell_html(cell)
        if kind == "notes":
            part = f'<aside class="notes">{part}</aside>'
        elif kind == "fragment":
            part = f'<div class="fragment">{part}</div>'
        if kind in ("slide", "subslide") or not slides:
            above = [] if own or not heading else [text_html(heading)]
            slides.append(Slide(above, below=kind == "subslide"))
        slides[-1].parts.append(part)
    return slides


def plain_slides(cells: list[NotebookNode]) -> list[Slide]:
    """Slides of a lesson without slide types: its title, then each figure and what reads it."""
    slides, heading = [], ""
    for number, cell in enumerate(cells):
        if cell.cell_type == "markdown":
            found = headings(cell)
            heading = found[-1] if found else heading
            if found and heading.startswith("# "):
                slides.append(Slide([text_html(heading)]))
            continue
        figures = [out for out in cell.outputs if "image/png" in out.get("data", {})]
        for output in figures[:1]:
            after = cells[number + 1].source if number + 1 < len(cells) else ""
            words = " ".join(re.split(r"(?<=[.!?])\s", after.strip())[:2])
            slides.append(Slide([text_html(heading), figure_html(output), text_html(words)]))
    return slides


def deck(notebook: NotebookNode) -> str:
    """The HTML of a lesson's deck; it loads nothing but what lies beside it."""
    tagged = any(slide_type(cell) for cell in notebook.cells)
    slides = (tagged_slides if tagged else plain_slides)(notebook.cells)
    columns: list[list[Slide]] = []
    for slide in slides:
        if slide.below and columns:
            columns[-1].append(slide)
        else:
            columns.append([slide])
    made = "\n".join(
        "<section>"
        + "".join(f"<section>{''.join(s.parts)}</section>" for s in column)
        + "</section>"
        for column in columns
    )
    title = re.sub(r"^#+ ", "", notebook.cells[0].source.splitlines()[0])
    return PAGE.format(title=html.escape(title), style=STYLE, code=code_style(), slides=made)


def code_style() -> str:
    """Colours of code with enough contrast, light only."""
    from pygments.formatters import HtmlFormatter

    return HtmlFormatter(style="xcode").get_style_defs(".highlight")


def fetch_reveal(out: Path) -> None:
    """Put reveal.js beside the decks, by npm, where it is not yet. Raises SystemExit without it."""
    if (out / "reveal" / "dist" / "reveal.js").is_file():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit(f"slides need {REVEAL}, which npm brings; install Node.js and try again.")
    store = out / "npm"
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--no-save"]
    done = subprocess.run(
        [*command, "--prefix", str(store), REVEAL], capture_output=True, text=True
    )
    package = store / "node_modules" / "reveal.js"
    if done.returncode or not (package / "dist" / "reveal.js").is_file():
        raise SystemExit(f"npm could not fetch {REVEAL}; with a network, try again. {done.stderr}")
    for name in ("dist", "plugin/notes"):
        shutil.copytree(package / name, out / "reveal" / name, dirs_exist_ok=True)
    shutil.copy(package / "LICENSE", out / "reveal" / "LICENSE")
    shutil.rmtree(store)


def write_decks(paths: list[Path], out: Path) -> None:
    """A deck a lesson, drawn clips, and a page that lists the decks."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.copytree(NOTEBOOKS / CLIPS, out / "clips", dirs_exist_ok=True)
    rows = []
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        (out / f"{path.stem}.html").write_text(deck(notebook), encoding="utf-8")
        title = re.sub(r"^#+ ", "", notebook.cells[0].source.splitlines()[0])
        rows.append(f'<li><a href="{path.stem}.html">{html.escape(title)}</a></li>')
    (out / "index.html").write_text(INDEX.format(rows="".join(rows)), encoding="utf-8")


def main(names: list[str]) -> None:
    found = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    wanted = [path for path in found if not names or path.stem in names]
    unknown = set(names) - {path.stem for path in found}
    if unknown:
        raise SystemExit(f"no lesson is called {', '.join(sorted(unknown))}.")
    fetch_reveal(OUT)
    write_decks(wanted, OUT)
    print(json.dumps({"decks": len(wanted), "folder": str(OUT.relative_to(ROOT))}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", help="lessons, as 01_clip; without: all")
    main(parser.parse_args(sys.argv[1:]).names)
