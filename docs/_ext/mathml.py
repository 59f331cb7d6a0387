"""Formulas as MathML, which browsers draw themselves: no script, no network."""

from docutils import nodes
from docutils.utils.math import latex2mathml
from sphinx.application import Sphinx


def mathml(node: nodes.Element, block: bool) -> str:
    """MathML of a formula written in LaTeX."""
    tree = latex2mathml.tex2mathml(node.astext(), as_block=block)
    return tree if isinstance(tree, str) else tree.toprettyxml()


def visit_math(translator, node: nodes.Element) -> None:
    translator.body.append(mathml(node, block=False))
    raise nodes.SkipNode


def visit_displaymath(translator, node: nodes.Element) -> None:
    translator.body.append(f'<div class="math">{mathml(node, block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
