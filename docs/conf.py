"""The documentation site: `make docs` builds it offline into docs/_build/html."""

import sys
import tomllib
from pathlib import Path

import plotly

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(DOCS / "_ext"), str(ROOT)]

import course_pages  # noqa: E402  (the line above makes both importable)
import site_sources  # noqa: E402

project = "emo"
author = "The emo authors"
copyright = "The emo authors"
release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
version = release

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "sphinx_design",
    "mathml",
]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "_templates", "_ext", "archive", "training"]
suppress_warnings = [
    "myst.header",  # lessons and generated pages may skip a level of headings
    "ref.python",  # a record that a package passes on has two addresses
]

nb_execution_mode = "off"  # `make notebooks` executes; the site shows what was stored
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_block"]
myst_heading_anchors = 3
html_math_renderer = "mathml"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True

html_theme = "pydata_sphinx_theme"
html_title = "emo"
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"  # one for all pages
html_static_path = ["_static", "../assets/examples", str(PLOTLY)]  # drawn clips, lessons play them
html_css_files = ["site.css"]
html_js_files = [("hover.js", {"defer": "defer"})]
html_show_sourcelink = False
html_sidebars = {"index": [], "architecture": [], "results": [], "claims": [], "evidence": []}
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": "emo"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
if site_sources.repository_url():
    html_theme_options["github_url"] = site_sources.repository_url()

site_sources.write_sources()


def rewrite_links(app, docname: str, content: list[str]) -> None:
    """Links of pages of docs/ to files that the site does not show (event source-read)."""
    source = Path(app.env.doc2path(docname))
    written = {f"lessons/{page}" for page in site_sources.COURSE_PAGES}
    generated = docname.partition("/")[0] in ("lessons", "project", "api")
    generated = generated and docname not in written
    if source.suffix == ".md" and not generated:
        content[0] = site_sources.site_links(content[0], source, source)
        if course_pages.PLACE in content[0]:
            table = course_pages.wrong_answers_page(ROOT / "tests" / "course")
            content[0] = content[0].replace(course_pages.PLACE, table)
    if docname.endswith("/index") and "{toctree}" not in content[0] and source.suffix == ".md":
        content[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n*\n```\n"


def rewrite_docstring(app, what, name, thing, options, lines: list[str]) -> None:
    """Docstrings are plain text; nothing in them is markup by accident."""
    lines[:] = site_sources.plain_docstring(lines)


def setup(app) -> None:
    app.add_lexer("lesson", course_pages.LessonLexer)
    app.connect("source-read", rewrite_links)
    app.connect("autodoc-process-docstring", rewrite_docstring)
