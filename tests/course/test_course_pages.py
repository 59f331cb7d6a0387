"""Glossary, capstone and notes for teachers: complete, and as the site needs them."""

import json
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest

from emo_core import metrics

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "lessons"
COMMON = """learning rate, positional encoding, embedding, kernel, filter, feature map, residual,
self-attention, multi-head attention, cross-attention, pretrained, transfer learning, fine-tuning,
overfitting, regularisation, DataLoader, weight decay, mixed precision, domain shift,
distribution shift, baseline (of IG), linear probe, model-randomisation test, CCC, UAR, ECE,
Shapley value, optimiser, gradient clipping, early stopping, data leakage, ablation, calibration,
logit, softmax, dropout, confidence interval"""  # words that a reader must be able to look up
ROW = re.compile(r"^\| (\*\*.+?) \| (.+?) \| (.+?) \| (\d+|–) \|$", re.M)


@pytest.fixture(autouse=True)
def extension(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))


def terms() -> list[tuple[str, str, str, str]]:
    """Rows of the glossary: term, plain words, meaning, lesson."""
    return ROW.findall((PAGES / "glossary.md").read_text(encoding="utf-8"))


def test_the_glossary_has_the_words_of_the_field_once_each():
    rows = terms()
    written = (PAGES / "glossary.md").read_text(encoding="utf-8").count("\n| **")
    assert len(rows) >= 80 and written - len(rows) == 3  # the three of UA, WA are no terms
    names = [row[0] for row in rows]
    assert len(names) == len(set(names))
    missing = {
        word for word in re.split(r",\s+", COMMON) if not any(word in name for name in names)
    }
    assert missing == set()


def test_a_term_has_plain_words_and_a_lesson_that_is_there():
    for term, plain, meaning, lesson in terms():
        assert lesson == "–" or 0 <= int(lesson) <= 11, term
        assert plain.strip("*").lower() != term.strip("*").lower(), term
        assert meaning.endswith((".", "?", ".)")), term
        assert len(meaning) < 240, term


def folded(text: str) -> str:
    """Text in which spellings, hyphens and marks of a term make no difference."""
    text = re.sub(r"[*_`]", "", text).lower().replace("-", " ")
    return " ".join(re.sub(r"is(?=ation|e|er|ed|ing)", "iz", text).split())


def test_a_term_stands_in_the_lesson_that_the_glossary_names():
    texts = {}
    for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        words = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        texts[int(path.name[:2])] = folded(words)
    for term, _, _, lesson in terms():
        names = [folded(part).rstrip("s") for part in re.split(r", | and |[()]", term.strip("*"))]
        named = {n for n, text in texts.items() if any(name in text for name in names if name)}
        assert lesson == "–" or int(lesson) in named, (term, sorted(named))


def test_the_three_accuracies_of_saying_no_are_those_of_the_glossary():
    target = np.array([0] * 8 + [1] * 2)
    said = np.zeros(10, dtype=int)
    assert metrics.accuracy(target, said) == pytest.approx(0.8)  # the share of the class
    assert metrics.uar(metrics.confusion(target, said, 2)) == pytest.approx(0.5)  # 1 / classes
    counts = metrics.outcomes(target[:, None] > 0, said[:, None] > 0).sum(0)
    assert float(metrics.binary_scores(counts)["weighted_accuracy"].item()) == pytest.approx(0.5)


def test_the_rubric_gives_a_hundred_points():
    text = (PAGES / "capstone.md").read_text(encoding="utf-8")
    points = [int(n) for n in re.findall(r"^\| [A-Z].*\| (\d+) \|$", text, re.M)]
    (together,) = re.findall(r"^\| \*\*together\*\* .*\*\*(\d+)\*\* \|$", text, re.M)
    assert len(points) == 9 and sum(points) == int(together) == 100


def test_the_marked_example_adds_up_and_its_code_is_code():
    text = (PAGES / "capstone.md").read_text(encoding="utf-8")
    marks = [
        (int(a), int(b)) for a, b in re.findall(r"^\| [A-Z].*?\| (\d+) of (\d+) \|", text, re.M)
    ]
    assert sum(b for _, b in marks) == 100 and all(a <= b for a, b in marks)
    assert f"**{sum(a for a, _ in marks)} of 100**" in text
    for block in re.findall(r"```python\n(.*?)```", text, re.S):
        compile(block, "capstone.md", "exec")
    rows = re.findall(r"^\| \d \| (0\.\d+) \| (0\.\d+) \| \+(\d+\.\d) ", text, re.M)
    for ours, late, points in rows:  # rounded scores of 160 clips
        assert abs(100 * (float(ours) - float(late)) - float(points)) < 0.15
    (mean,) = re.findall(r"^\| mean.*? \+(\d+\.\d) \(", text, re.M)
    assert abs(sum(float(points) for *_, points in rows) / len(rows) - float(mean)) < 0.05


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.md")), ids=lambda path: path.name)
def test_links_of_a_page_lead_somewhere(path):
    if path.name == "index.md":  # written by the site
        pytest.skip("the site checks it")
    for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_wrong_answers_stand_in_the_notes_for_teachers():
    import course_pages

    table = course_pages.wrong_answers_page(ROOT / "tests" / "course")
    files = sorted((ROOT / "tests" / "course").glob("wrong_answers_*.py"))
    assert table.count(":::{dropdown}") == len(files)
    assert course_pages.PLACE in (PAGES / "teach.md").read_text(encoding="utf-8")
    for path in files:
        answers = course_pages.wrong_answers(path)
        assert answers and all(found for found in answers.values())
    assert "| `attend` | `(keys @ q).softmax(0) @ values` |" in table


def test_a_table_of_wrong_answers_keeps_its_columns(tmp_path):
    import course_pages

    path = tmp_path / "wrong_answers_01.py"
    path.write_text("WRONG = {'x': [(lambda a: a | 1, 'one | two'), (0.5, f'{1}')]}\n")
    assert course_pages.wrong_answers(path) == {"x": [("a | 1", "one | two"), ("0.5", "f'{1}'")]}
    assert "| `x` | `a \\| 1` | one \\| two |" in course_pages.wrong_answers_page(tmp_path)
    path.write_text("WRONG = {'x': [*((f(k), v[:9]) for k, v in ITEMS), some]}\n")
    found = [("f(k) for each of ITEMS", "v[:9]"), ("some", "")]
    assert course_pages.wrong_answers(path) == {"x": found}
    path.write_text("RIGHT = {}\n")
    with pytest.raises(ValueError, match="has no WRONG"):
        course_pages.wrong_answers(path)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("_fit(_no_patience)", "*no patience*"),
        ("_NoSecondResidual", "*no second residual*"),
        ("_drawn_anew(rows)", "*drawn anew*"),
        ("_mean_of(lambda old, new: new.copy_(old))", "`new.copy_(old)`"),
        ("_late(wrap=True)", "`_late(wrap=True)`"),
        ("(keys @ q).softmax(0) @ values", "`(keys @ q).softmax(0) @ values`"),
        ("_path(_mid, x[: …", "`_path(_mid, x[: …`"),
    ],
)
def test_a_helper_named_after_a_mistake_is_told_in_words(code, shown):
    import course_pages

    assert course_pages.told(code) == shown


def test_alt_texts_reach_the_site():
    import course_pages

    words = "a line rises to 0.9<!-- peak --> of <!-- pe"  # cut within the name of a number
    figure = {"data": {"image/png": ""}, "metadata": {"image/png": {"alt": words}}}
    cell = {"metadata": {}, "outputs": [{"text": "1"}, figure]}
    course_pages.keep_alt_texts(cell)
    assert cell["metadata"] == {"mystnb": {"image": {"alt": "a line rises to 0.9 of"}}}
    plain = {"metadata": {}, "outputs": [{"text": "1"}]}
    course_pages.keep_alt_texts(plain)
    assert plain["metadata"] == {}


def test_drawn_clips_play_on_the_site():
    import course_pages

    html = ['<video src="../assets/examples/', 'both_positive.mp4">']
    cell = {"metadata": {}, "outputs": [{"data": {"text/html": html}}, {"text": "1"}]}
    course_pages.keep_clips(cell)
    assert cell["outputs"][0]["data"]["text/html"] == '<video src="../_static/both_positive.mp4">'
    assert "../assets/examples" in (ROOT / "docs" / "conf.py").read_text(encoding="utf-8")


def test_the_cell_that_looks_for_the_project_is_folded_on_the_site():
    import course_pages

    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for cell in cells:
            course_pages.fold_first_cell(cell)
        assert [n for n, cell in enumerate(cells) if "tags" in cell["metadata"]] == [1]


@pytest.mark.parametrize("head", ["", "%%mymodel\n"])
def test_code_has_colours_on_the_site_also_where_the_reader_writes_the_model(head):
    import course_pages
    from pygments.token import Keyword

    tokens = list(course_pages.LessonLexer().get_tokens(head + "class Stream(nn.Module):\n    1\n"))
    assert (Keyword, "class") in tokens


def test_a_figure_that_hovers_keeps_its_still_picture_and_alt_text():
    import course_pages

    data = {"image/png": "iVBO", course_pages.HOVER: {"data": [{"name": "</script>"}]}}
    output = {"data": data, "metadata": {"image/png": {"alt": 'a "line"<!-- x -->'}}}
    plain = {"data": {"image/png": "iVBO"}, "metadata": {}}
    course_pages.keep_hovering({"outputs": [{"text": "1"}, output, plain]})
    (page,) = output["data"].values()
    assert 'alt="a &quot;line&quot;"' in page and 'src="data:image/png;base64,iVBO"' in page
    assert page.count("</script>") == 1 and plain["data"] == {"image/png": "iVBO"}
    script = (ROOT / "docs" / "_static" / "hover.js").read_text(encoding="utf-8")
    assert 'new URL("plotly.min.js", folder)' in script and "https://" not in script
