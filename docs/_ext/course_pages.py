"""What the site adds to the course: alt texts, clips, hovering, and wrong answers to expect."""

import ast
import html
import json
import re
from pathlib import Path
from typing import ClassVar

from IPython.lib.lexers import IPython3Lexer
from pygments.lexer import bygroups, using
from pygments.lexers import Python3Lexer
from pygments.token import Keyword, Text

PLACE = "<!-- wrong answers -->"  # in docs/lessons/teach.md
LONGEST = 90  # letters of an answer's code
EACH = " for each of "  # between the code of several answers and what they are made from
CLIPS = "../assets/examples/"  # as a lesson names a drawn clip; the site keeps them in _static
FIRST_CELL = "# Finds the project"
HOVER = "application/vnd.plotly.v1+json"  # a figure whose numbers appear under the pointer
COMMENT = re.compile(r"\s?<!--.*?(?:-->|$)", re.S)  # names a number for the audit; may be cut


class LessonLexer(IPython3Lexer):
    """Colours of a lesson's code: what stands below %%mymodel is Python as well."""

    name = "Lesson"
    aliases: ClassVar = ["lesson"]
    tokens: ClassVar = {
        **IPython3Lexer.tokens,
        "root": [
            (r"(?s)(%%mymodel)(\n)(.*)", bygroups(Keyword, Text, using(Python3Lexer))),
            *IPython3Lexer.tokens["root"],
        ],
    }


def keep_alt_texts(cell: dict) -> None:
    """Hand the alt text that `make notebooks` stored with a figure on to myst-nb, in place.

    myst-nb reads a cell's setting, not an output's metadata: without it the site says the file's
    name to whoever cannot see the figure.
    """
    for output in cell.get("outputs", []):
        alt = output.get("metadata", {}).get("image/png", {}).get("alt")
        if alt:
            cell["metadata"].setdefault("mystnb", {})["image"] = {"alt": COMMENT.sub("", alt)}
            return


def fold_first_cell(cell: dict) -> None:
    """Fold the cell that looks for the project, in place: who reads the site runs nothing."""
    if "".join(cell["source"]).startswith(FIRST_CELL):
        cell["metadata"]["tags"] = ["hide-input"]


def keep_clips(cell: dict) -> None:
    """Let players of drawn clips find them on the site, in place."""
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "text/html" in data:
            text = "".join(data["text/html"])
            data["text/html"] = text.replace(f'src="{CLIPS}', 'src="../_static/')


def keep_hovering(cell: dict) -> None:
    """Make a place where hover.js can draw, in place; its still picture stays until then."""
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if HOVER in data:
            form = json.dumps(data.pop(HOVER)).replace("</", "<\\/")
            alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            data["text/html"] = (
                '<div class="hover-figure" tabindex="0">'
                f'<img alt="{html.escape(COMMENT.sub("", alt))}" '
                f'src="data:image/png;base64,{"".join(data.pop("image/png")).strip()}">'
                f'<script type="application/json">{form}</script></div>'
            )


def wrong_answers(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Wrong answers of a lesson's tests: (code, what the explanation speaks of) by exercise.

    The file is read, not run: answers stand in the table as their code. Raises ValueError where it
    has no dictionary WRONG.
    """
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "WRONG":
            assert isinstance(node.value, ast.Dict)
            return {
                ast.literal_eval(name): [_pair(one) for one in getattr(answers, "elts", [])]
                for name, answers in zip(node.value.keys, node.value.values, strict=True)
                if name is not None
            }
    raise ValueError(f"{path.name} has no WRONG = {{…}}")


def _pair(node: ast.expr) -> tuple[str, str]:
    """An answer's code and the words that its explanation must contain.

    Answers that a comprehension makes stand there once, with what it goes through.
    """
    over = ""
    if isinstance(node, ast.Starred) and isinstance(node.value, ast.GeneratorExp):
        over = f"{EACH}{ast.unparse(node.value.generators[0].iter)}"
        node = node.value.elt
    if not isinstance(node, ast.Tuple):
        return ast.unparse(node)[:LONGEST], ""
    answer, words = node.elts
    code = re.sub(r"^lambda [^:]*: ", "", ast.unparse(answer)) + over
    code = code if len(code) <= LONGEST else f"{code[:LONGEST]} …"
    spoken = str(words.value) if isinstance(words, ast.Constant) else ast.unparse(words)
    return code, spoken


def wrong_answers_page(folder: Path) -> str:
    """Markdown: for each lesson of tests/course a box that opens, with a table of its answers."""
    parts = []
    for path in sorted(folder.glob("wrong_answers_[0-9][0-9].py")):
        rows = [
            f"| `{name}` | {told(code)} | {'what each forgot' if EACH in code else _cell(words)} |"
            for name, answers in wrong_answers(path).items()
            for code, words in answers
        ]
        head = "| exercise | wrong answer | the explanation speaks of |\n|---|---|---|\n"
        title = f"Lesson {int(path.stem[-2:])}: {len(rows)} wrong answers"
        parts.append(f":::{{dropdown}} {title}\n{head}" + "\n".join(rows) + "\n:::")
    return "\n\n".join(parts)


def told(code: str) -> str:
    """A wrong answer in Markdown: its code, or words where a helper is named after the mistake."""
    try:
        node = ast.parse(code, mode="eval").body
    except SyntaxError:  # cut, or one for each of several
        return _code(code)
    helper = ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        names = [one.id for one in node.args if isinstance(one, ast.Name)]
        if len(node.args) == 1 and isinstance(node.args[0], ast.Lambda):
            return _code(ast.unparse(node.args[0].body))
        if names and len(names) == len(node.args):
            helper = next((n for n in names if n.startswith("_")), node.func.id)
    elif isinstance(node, ast.Name):
        helper = node.id
    if not helper.startswith("_"):
        return _code(code)
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", helper)
    return f"*{words.strip().lower()}*"


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{_cell(text)}{fence}"


def _cell(text: str) -> str:
    """Text that cannot end a table's cell."""
    return text.replace("|", "\\|").replace("\n", " ")
