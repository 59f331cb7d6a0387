"""Formulas as MathML, which browsers draw themselves: no script, no network."""

import re
from typing import TYPE_CHECKING

from docutils import nodes
from docutils.utils.math import latex2mathml

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SIZES = re.compile(r"\\[bB]igg?[lr]?(?![a-zA-Z])")  # brackets of a given size: MathML's stretch
DOTS = re.compile(r"\\dots(?![a-zA-Z])")
SHORT_FRACTION = re.compile(r"\\([dt]?frac)\s*(\d)\s*(\w)")  # docutils reads \frac12 as 12 over …
MINUS_OF_SETS = ("\u29f5", "\u2216")  # the first is in few fonts
ACCENT = re.compile(  # of a letter with an index, which docutils puts below it
    r"<munderover>\s*(<mi>[^<]*</mi>)\s*(<(m\w+)>.*?</\3>)\s*"
    r'(<mo stretchy="false">[^<]*</mo>)\s*</munderover>',
    re.S,
)


def from_latex(formula: str, block: bool) -> str:
    """MathML of a formula written in LaTeX; docutils raises MathError on what it does not know."""
    known = DOTS.sub(r"\\ldots", SIZES.sub("", formula.strip()))
    known = SHORT_FRACTION.sub(r"\\\1{\2}{\3}", known)
    tree = latex2mathml.tex2mathml(known, as_block=block)
    drawn = tree if isinstance(tree, str) else tree.toprettyxml()
    drawn = drawn.replace(*MINUS_OF_SETS).replace('"false">|<', '"false" lspace="0" rspace="0">|<')
    if r"\left\{" not in known:  # braces of a set are as high as what they hold
        drawn = re.sub("<mo>([{}])</mo>", r'<mo stretchy="false">\1</mo>', drawn)
    return ACCENT.sub(r'<msub><mover accent="true">\1\4</mover>\2</msub>', drawn)


def visit_math(translator, node: nodes.Element) -> None:
    translator.body.append(from_latex(node.astext(), block=False))
    raise nodes.SkipNode


def visit_displaymath(translator, node: nodes.Element) -> None:
    formula = from_latex(node.astext(), block=True)
    translator.body.append(f'<div class="math">{formula}</div>\n')
    raise nodes.SkipNode


def setup(app: "Sphinx") -> dict:
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
