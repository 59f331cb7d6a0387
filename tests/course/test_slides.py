"""Decks hold what is tagged, ask no network, and keep alt texts, formulas and notes."""

import re

import make_slides
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

PIXEL = "iVBORw0KGgo="  # where a picture begins
LESSONS = sorted(make_slides.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
LOADED = re.compile(r"""(?:src|href)=["'](?!data:|reveal/|#)([^"']+)["']""")


def cell(make, source, kind=None, **fields):
    made = make(source, **fields)
    if kind:
        made.metadata["slideshow"] = {"slide_type": kind}
    return made


def figure(words="a rising line"):
    return new_output("display_data", {"image/png": PIXEL}, metadata={"image/png": {"alt": words}})


def lesson(kinds=("slide", "subslide", "fragment", "notes", None)):
    title, below, part, notes, left_out = kinds
    return new_notebook(
        cells=[
            cell(new_markdown_cell, "# Title <&>\n\nAbout $x^2$, `$HOME` and $5.", title),
            cell(new_code_cell, "rising = 1", below, outputs=[figure('"high" & low')]),
            cell(new_markdown_cell, "One more [file](03_data.ipynb).", part),
            cell(new_markdown_cell, "Ask the class.", notes),
            cell(new_markdown_cell, "## Left out", left_out),
        ]
    )


@pytest.fixture(scope="module")
def deck():
    return make_slides.deck(lesson())


def test_a_deck_has_the_tagged_cells_in_columns(deck):
    assert deck.count("<section><section>") == 1 and deck.count("<section>") == 3
    assert '<div class="fragment">' in deck and '<aside class="notes">' in deck
    assert "Left out" not in deck


def test_a_slide_without_a_heading_has_the_lessons(deck):
    assert deck.count("Title &lt;&amp;&gt;</h1>") == 2  # the figure's slide, too
    notebook = lesson()
    notebook.cells.insert(1, new_markdown_cell("text\n\n## Skipped heading"))
    assert "Skipped heading</h2>" in make_slides.deck(notebook)


def test_a_long_text_is_cut_at_its_headings():
    notebook = lesson()
    notebook.cells[0].source = "# Title\n\nWhat it is.\n\n## First\n\none\n\n## Second\n\ntwo"
    deck = make_slides.deck(notebook)
    assert deck.count("<section><section>") == 3 and deck.count("First</h2>") == 1
    assert deck.index("What it is") < deck.index("<p>one</p>") < deck.index("Second</h2>")
    notebook.cells[2].source = "It reads the figure.\n\n## Third\n\nthree"
    deck = make_slides.deck(notebook)
    assert deck.count("Third</h2>") == 1 and deck.index("reads the figure") < deck.index("Third</")


def test_a_figure_stands_without_its_code_and_a_number_with_it(deck):
    assert "rising" not in deck and "<img " in deck
    notebook = lesson()
    notebook.cells[1].outputs = [new_output("stream", text="1 < 2\n")]
    deck = make_slides.deck(notebook)
    assert "rising" in deck and "<pre>1 &lt; 2</pre>" in deck


def test_lines_that_are_printed_in_a_row_stand_in_one_box():
    notebook = lesson()
    texts = ("one\n", "two\n", "\n")
    notebook.cells[1].outputs = [new_output("stream", text=text) for text in texts]
    notebook.cells[1].outputs += [figure(), new_output("stream", text="\n")]
    made = make_slides.outputs_html(notebook.cells[1])
    assert made[0] == "<pre>one\ntwo</pre>" and "<img " in made[1] and len(made) == 2


def test_a_deck_loads_only_what_lies_beside_it(deck):
    assert LOADED.findall(deck) == []
    assert "03_data.ipynb" not in deck and "One more file." in deck


def test_alt_texts_and_formulas_survive(deck):
    assert 'alt="&quot;high&quot; &amp; low"' in deck
    assert "<math" in deck and "<msup>" in deck and "$x^2$" not in deck
    assert "$HOME" in deck and "$5" in deck  # code and money are no formulas


def test_a_drawn_clip_plays_from_beside_the_deck(tmp_path):
    player = '<video controls src="../assets/examples/both_positive.mp4"></video>'
    notebook = lesson()
    notebook.cells[1].outputs = [new_output("display_data", {"text/html": player})]
    assert 'src="clips/both_positive.mp4"' in make_slides.deck(notebook)
    make_slides.write_decks([], tmp_path)
    assert (tmp_path / "clips" / "both_positive.mp4").is_file()


def test_a_lesson_without_slide_types_gives_title_and_figures():
    plain = lesson((None,) * 5)
    plain.cells[2].source = "It rises. Look at its end! And more."
    deck = make_slides.deck(plain)
    assert deck.count("<section><section>") == 2 and "Look at its end!" in deck
    assert "And more" not in deck and "rising" not in deck


def formulas(path):
    """Formulas in a lesson's text, outside code."""
    for one in nbformat.read(path, as_version=4).cells:
        if one.cell_type == "markdown":
            for piece in make_slides.CODE.split(one.source)[::2]:
                yield from make_slides.MATH.finditer(piece)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_formula_can_be_drawn(path):
    for match in formulas(path):
        assert "<math" in make_slides.formula(match), match[0]


def test_sizes_of_brackets_and_dots_are_drawn_too():
    made = make_slides.text_html(r"$x_1, \dots, \big(x_n\Bigr)$ and $\bigcup$")
    assert "…" in made and "(" in made and made.count("<math") == 2


def test_short_fractions_and_the_difference_of_sets_are_drawn():
    made = make_slides.text_html(r"$\tfrac12 \big[x\big]$, $\frac1n$ and $N \setminus M$")
    assert re.search(r"<mn>1</mn>\s*<mn>2</mn>\s*</mfrac>\s*<mo stretchy=\"false\">\[", made)
    assert re.search(r"<mn>1</mn>\s*<mi>n</mi>\s*</mfrac>", made)
    assert "<mo>\u2216</mo>" in made


def test_a_set_does_not_tower_over_its_formula_and_bars_stand_close():
    made = make_slides.text_html(r"$\frac{|S|}n v(S \cup \{i\})$ and $\left\{\frac{1}{n}\right\}$")
    assert '<mo stretchy="false">{</mo>' in made and "<mo>{</mo>" in made  # the second grows
    assert made.count('lspace="0" rspace="0">|</mo>') == 2


def test_the_index_of_a_letter_with_an_accent_stands_beside_it():
    hat = '<mo stretchy="false">ˆ</mo>'
    made = make_slides.text_html(r"$\hat m_t$ and $$\sum_{i=1}^n x_i$$")
    assert f'<msub><mover accent="true"><mi>m</mi>{hat}</mover><mi>t</mi></msub>' in made
    assert made.count("<munderover>") == 1  # the sum's own


def test_every_lesson_has_a_deck(tmp_path):
    make_slides.write_decks(LESSONS, tmp_path)
    for path in LESSONS:
        text = (tmp_path / f"{path.stem}.html").read_text(encoding="utf-8")
        assert text.count("<section>") > 4, path.name
        loaded = [name for name in LOADED.findall(text) if not name.startswith("clips/")]
        assert [x for x in loaded if not re.search(rf'<a [^>]*href="{re.escape(x)}"', text)] == []
        assert f'href="{path.stem}.html"' in (tmp_path / "index.html").read_text()


def test_without_npm_one_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="install Node.js"):
        make_slides.fetch_reveal(tmp_path)
    with pytest.raises(SystemExit, match="no lesson is called 99_x"):
        make_slides.main(["99_x"])


def test_an_old_copy_of_reveal_is_kept(tmp_path, monkeypatch):
    (tmp_path / "reveal" / "dist").mkdir(parents=True)
    (tmp_path / "reveal" / "dist" / "reveal.js").touch()
    monkeypatch.setenv("PATH", "")
    make_slides.fetch_reveal(tmp_path)  # asks nobody
