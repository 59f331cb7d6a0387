"""The lessons run small and keep what the course promises, and the audit sees faults."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import audit_notebooks
import lesson
import nbformat
import pytest
import run_notebooks
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from emo_core.io.atomic import sole_writer

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"

LESSONS = run_notebooks.lessons()
PICTURE = {"image/png": "iVBORw0KGgo="}
TWENTY = "The line rises, " * 10


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_small_from_top_to_bottom(path, monkeypatch, capsys):
    before = path.read_bytes()
    monkeypatch.setattr(sys, "argv", ["run_notebooks.py", "--small", path.stem])
    code = run_notebooks.main()
    printed, said = capsys.readouterr()
    assert code == 0 and printed.startswith(f"{path.stem} seconds "), said[-3000:]
    assert path.read_bytes() == before


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_keeps_its_promises(path):
    assert audit_notebooks.count(path).faults == ()


def test_the_lessons_together_keep_theirs():
    assert (
        audit_notebooks.together(LESSONS, [audit_notebooks.count(path) for path in LESSONS]) == []
    )


def test_every_development_requirement_is_pinned_and_installed_so():
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()[1:]
    for line in lines:
        name, pinned = line.split("==")
        assert version(name) == pinned, line
    assert {"jupyterlab", "nbclient", "nbformat", "ipykernel"} <= {x.split("==")[0] for x in lines}


def good_lesson(path: Path) -> nbformat.NotebookNode:
    """A notebook without a fault, executed on paper."""
    link = f"[c](https://example.org/notebooks/{path.name})"
    head = f"# T\n<!-- publish:badges -->\n{link}\n<!-- /publish -->\n\n"
    head += "|Time|1|\n|Memory|1|\n|Data|1|\n|You will be able to|x|\n\n" + TWENTY
    cells = [new_markdown_cell(head)]
    for name in ("sixteen_frames", "samples_per_frame", "sound_delay"):
        cells += [new_code_cell(f"check.{name}(...)"), new_markdown_cell(TWENTY)]
    cells += [new_markdown_cell("What it gets wrong, and what it does not prove. " + TWENTY)]
    for number, cell in enumerate(c for c in cells if c.cell_type == "code"):
        cell.execution_count = number + 1
        cell.outputs = [new_output("display_data", dict(PICTURE))]
    notebook = new_notebook(cells=cells)
    notebook.metadata["emo"] = {
        "source": run_notebooks.source_digest(notebook),
        "seconds": 1,
        "run": "a",
    }
    return notebook


def faults_of(path: Path, notebook: nbformat.NotebookNode, executed: bool = True) -> str:
    if executed:
        notebook.metadata["emo"]["source"] = run_notebooks.source_digest(notebook)
    nbformat.write(notebook, path)
    return "; ".join(audit_notebooks.count(path).faults)


def cut(number):
    return lambda n: n.cells.pop(number)


def edit(number, text):
    return lambda n: n.cells[number].update(source=text)


def show(number, **data):
    return lambda n: n.cells[number].outputs.append(
        new_output("display_data", {k.replace("_", "/"): v for k, v in data.items()})
    )


def add_code(n):
    n.cells[2:2] = [new_code_cell("1", execution_count=9) for _ in range(4)]


def recorded(**facts):
    return lambda n: n.metadata["emo"].update(facts)


def both(*changes):
    return lambda n: [change(n) for change in changes]


PLANTED = {
    "figure": (
        recorded(figures=[{"titles": 0, "colour_bars": 0, "faults": ["no title"]}]),
        "figure 1: no title",
    ),
    "false number": (
        both(edit(2, f"It is **0.36**<!-- share --> {TWENTY}"), recorded(facts={"share": 0.35})),
        "the run says 0.35",
    ),
    "unknown number": (edit(2, f"It is 0.36<!-- zebra --> {TWENTY}"), "which no cell recorded"),
    "silent number": (recorded(facts={"share": 0.35}), "no text names the recorded share"),
    "long part": (edit(1, "%%mymodel\ncheck.sixteen_frames(...)\n" + "x\n" * 50), "has 52 lines"),
    "no introduction": (edit(2, "## Heading only"), "2 of 3 code cells introduced"),
    "figure not read": (edit(4, "The line rises as the text says here."), "2 of 3 figures read"),
    "too much code": (add_code, "5 code cells in a row"),
    "out of order": (lambda n: n.cells[1].update(execution_count=7), "in order"),
    "exercise gone": (edit(1, "1"), "2 exercises"),
    "unknown exercise": (edit(1, "check.zebra(1)"), "check.zebra is no exercise"),
    "no memory": (lambda n: edit(0, n.cells[0].source.replace("Memory", ""))(n), "memory"),
    "badge": (lambda n: edit(0, n.cells[0].source.replace("publish:", ""))(n), "badge"),
    "no ending": (cut(-1), "gets wrong"),
    "formula in a paragraph": (
        edit(2, f"So it is:\n$$a = b$$\n\n{TWENTY}"),
        "cell 2: no empty line before or after the formula '$$a = b$$'",
    ),
    "formula before its sentence": (edit(2, f"$$a = b$$\n{TWENTY}"), "no empty line"),
    "dead link": (edit(2, f"[here](nowhere.ipynb) {TWENTY}"), "dead link nowhere.ipynb"),
    "odd address": (edit(2, f"[here](http:/x) {TWENTY}"), "dead link http:/x"),
    "long cell": (edit(1, "check.sixteen_frames(...)\n" * 16), "16 lines"),
    "script": (show(1, text_html="<script>x</script>"), "stores script"),
    "no still picture": (
        show(1, **{"application_vnd.plotly.v1+json": {}}),
        "has no still picture for where none moves",
    ),
    "many numbers": (
        show(1, image_png="AAAA", **{"application_vnd.plotly.v1+json": {"data": "1" * 50_000}}),
        "tells too much under the pointer",
    ),
    "address": (show(1, text_plain="<Tick at 0x7fa6931ac390>"), "address"),
    "large picture": (show(1, image_png="A" * 250_000), "picture of 187 kB"),
    "large file": (show(1, text_plain="A" * 550_000), "kB"),
    "slow": (lambda n: n.metadata["emo"].update(cpu_seconds=200), "200 s of processor"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_the_audit_sees_a_planted_fault(tmp_path, fault):
    path = tmp_path / "lesson.ipynb"
    assert faults_of(path, good_lesson(path)) == ""
    spoilt = good_lesson(path)
    plant, words = PLANTED[fault]
    plant(spoilt)
    assert words in faults_of(path, spoilt)


def test_the_audit_sees_outputs_of_other_code_and_of_several_runs(tmp_path):
    paths = [tmp_path / "a.ipynb", tmp_path / "b.ipynb"]
    for path, stamp in zip(paths, "ab", strict=True):
        notebook = good_lesson(path)
        notebook.metadata["emo"]["run"] = stamp
        faults_of(path, notebook)
    found = audit_notebooks.together(paths, [audit_notebooks.count(path) for path in paths])
    assert any("2 runs" in fault for fault in found)
    notebook.cells[1].source += "  # changed after the run"
    assert "other code" in faults_of(paths[1], notebook, executed=False)


def test_readers_are_told_in_one_sentence_and_a_failing_lesson_is_not_stored(tmp_path):
    told = {
        "wave + 1": "'wave' is not there yet: run the cells above first (Run All Above).",
        "from emo_core import load_clip\nload_clip('x.mp4')": "x.mp4",
        "1 / 0": "ZeroDivisionError",
    }
    cells = [new_code_cell("import lesson\nlesson.start()"), *map(new_code_cell, told)]
    for cell in cells[1:-1]:
        cell.metadata["tags"] = ["raises-exception"]
    notebook = new_notebook(cells=cells)
    with pytest.raises(run_notebooks.CellExecutionError, match="ZeroDivisionError"):
        run_notebooks.execute(notebook, small=True)
    said = ["\n".join(cell.outputs[0].traceback) for cell in notebook.cells[1:4]]
    for words, output in zip(told.values(), said, strict=True):
        assert words in output
    assert ["Traceback" in output for output in said] == [False, False, True]
    assert "\n" not in said[0] + said[1]


def test_a_wrong_path_of_the_readers_is_said_and_the_drawn_clip_taken(capsys, tmp_path):
    drawn = lesson.example("both_positive")
    assert lesson.path_of(None, drawn) == drawn and not capsys.readouterr().out
    for wrong in ("no/such.mp4", 5, "", "\0"):
        assert lesson.path_of(wrong, drawn) == drawn
        assert "going on with the drawn data" in capsys.readouterr().out
    assert lesson.path_of(tmp_path, drawn) == tmp_path


@pytest.mark.parametrize(("failures", "message"), [(1, ""), (2, "Kernel died before replying")])
def test_a_kernel_whose_port_was_taken_is_started_once_more(failures, message):
    class Client:
        starts = 0

        def execute(self):
            self.starts += 1
            if self.starts <= failures:
                raise RuntimeError("Kernel died before replying to kernel_info")

    client = Client()
    if message:
        with pytest.raises(RuntimeError, match=message):
            run_notebooks._execute(client)
    else:
        run_notebooks._execute(client)
    assert client.starts == 2


SCRATCH = 'import lesson\nlesson.scratch("a").write_text("a")\nlesson.scratch("b").write_text("b")'


@pytest.mark.parametrize("end", ["", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_lesson_leaves_nothing_in_the_temporary_folder(tmp_path, monkeypatch, end):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    notebook = new_notebook(cells=[new_code_cell(SCRATCH), new_code_cell(end)])
    with suppress(DeadKernelError):
        run_notebooks.execute(notebook, small=True)
    left = list(tmp_path.glob("emo-lesson-*"))
    assert len(left) == bool(end)
    if left:  # a killed kernel can clear nothing away: the next one does
        run_notebooks.execute(new_notebook(cells=[new_code_cell(SCRATCH)]), small=True)
        assert not list(tmp_path.glob("emo-lesson-*"))


def test_two_lessons_that_draw_the_same_corpus_wait_for_each_other(tmp_path, monkeypatch):
    monkeypatch.setenv("EMO_CACHE", str(tmp_path))
    out = tmp_path / "lessons" / "staged-1-0-0-7"
    out.mkdir(parents=True)
    with ThreadPoolExecutor(1) as pool:
        with sole_writer(out):
            drawn = pool.submit(lesson.drawn_corpus, 1, 0, 0)
            with pytest.raises(TimeoutError):
                drawn.result(timeout=1)
        assert drawn.result() == out and len(list(out.rglob("*.mp4"))) == 1


FACTS = [
    ("0.35<!-- a -->", {"a": 0.354}, True),
    ("0.35<!-- a -->", {"a": 0.356}, False),
    ("**−0.35**<!-- a -->", {"a": -0.35}, True),
    ("12 %<!-- a -->", {"a": 12.4}, True),
    ("1,104,067 <!-- a -->", {"a": 1104067}, True),
    ("3<!-- a -->", {"a": 3.6}, False),
]


@pytest.mark.parametrize(("text", "facts", "true"), FACTS)
def test_numbers_of_the_text_are_held_to_the_digits_they_have(text, facts, true):
    faults = audit_notebooks.fact_faults([new_markdown_cell(text)], {"facts": facts})
    assert (not faults) is true, faults


def test_an_alt_text_is_whole_sentences_of_the_paragraph_below():
    linked = "As [said](../docs/a.md), `mel_mask` is *0.35*<!-- share -->."
    reading = f"## Next\n\n{linked}" + " More words." * 40 + "\n\n**Exercise 1.** Write it."
    alt = run_notebooks.alt_text(reading)
    assert alt.startswith("As said, mel_mask is 0.35. More words.") and alt.endswith(" words.")
    assert 250 < len(alt) <= run_notebooks.ALT
    assert run_notebooks.alt_text(f"{linked}\n\nMore.") == "As said, mel_mask is 0.35."
    assert run_notebooks.alt_text("word " * 100).endswith("word …")


def test_what_lessons_teach_is_counted():
    cells = [
        new_markdown_cell(
            "A **feature map** ($x^2$) by [He](https://arxiv.org/abs/1512.03385) and $$y$$"
        ),
        new_code_cell("%%mymodel\nclass A(nn.Module):\n    x = 1\n\n\nclass B:\n    y = 2"),
        new_code_cell("batch.to(device)\nprint(1)\ntorch.cuda.synchronize()"),
        new_code_cell('lesson.diagram("block")'),
    ]
    facts = {"figures": [{"titles": 2, "colour_bars": 1, "faults": []}] * 2}
    assert audit_notebooks.taught(cells, facts) == {
        "model classes written": 1, "equations": 2, "papers linked": 1, "diagrams": 1,
        "terms in bold": 1, "device lines": 2, "colour_bars": 2, "titles": 4,
    }  # fmt: skip


FIRST = nbformat.read(LESSONS[0], as_version=4).cells[1].source
PIP = '    %pip install -q -r "{project}/requirements-course.txt"\n'
SHELL = "from IPython.core.interactiveshell import InteractiveShell as S; S().run_cell({!r})"


def test_all_lessons_begin_alike():
    assert {nbformat.read(path, as_version=4).cells[1].source for path in LESSONS} == {FIRST}
    assert "!pip" not in FIRST and PIP in FIRST


def first_cell(folder: Path, before: str = "", address: str | Path = "") -> str:
    """What a notebook's shell shows of the first cell and of `project`, with nothing installed."""
    code = FIRST.replace(PIP, "")
    if address:
        code = code.replace("https://github.com/OWNER/emo", str(address))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, "-c", SHELL.format(f"{before}\n{code}\nprint(project)")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    return (done.stdout + done.stderr).strip()


def stub(folder: Path) -> Path:
    """A project of which only what the first cell looks for is there."""
    (folder / "notebooks").mkdir(parents=True)
    (folder / "notebooks" / "lesson.py").write_text("fetched = True\n")
    return folder


def repository(folder: Path) -> Path:
    """Such a project, to be cloned."""
    subprocess.run(["git", "init", "-q", stub(folder)], check=True)
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", folder, "add", "-A"], check=True)
    subprocess.run(["git", "-C", folder, *author, "commit", "-qm", "a"], check=True)
    return folder


@pytest.mark.parametrize("folder", ["", "notebooks/exercises"])
def test_the_first_cell_finds_the_project_from_any_folder_of_it(folder):
    assert first_cell(ROOT / folder) == str(ROOT)


def test_the_first_cell_prefers_the_project_around_the_notebook_that_vs_code_names(tmp_path):
    own, other = stub(tmp_path / "own project"), stub(tmp_path / "workspace")
    named = f"__vsc_ipynb_file__ = {str(own / 'notebooks' / '01_clip.ipynb')!r}"
    assert first_cell(other, named) == str(own)
    assert first_cell(tmp_path, named) == str(own)
    assert first_cell(other) == str(other)


def test_the_first_cell_stops_with_one_sentence_where_no_project_is(tmp_path):
    said = first_cell(tmp_path)
    assert said == "The project is not above this notebook; open it inside the project's folder."
    assert not list(tmp_path.iterdir())


def test_the_first_cell_fetches_the_project_from_its_published_address(tmp_path):
    copy = repository(tmp_path / "copy")
    (tmp_path / "colab").mkdir()
    found = first_cell(tmp_path / "colab", address=copy)
    assert found == str(tmp_path / "colab" / "emo")


def test_on_colab_the_first_cell_asks_for_the_readers_own_address(tmp_path):
    copy = repository(tmp_path / "copy")
    colab = f"import sys; sys.modules['google.colab'] = sys; input = lambda ask: {f' {copy} '!r}"
    (tmp_path / "colab").mkdir()
    assert first_cell(tmp_path / "colab", colab) == str(tmp_path / "colab" / "emo")


def test_the_first_cell_says_in_one_sentence_what_could_not_be_fetched(tmp_path):
    nowhere = tmp_path / "nowhere"
    said = first_cell(tmp_path, address=nowhere)
    assert said == f"{str(nowhere)!r} could not be fetched; correct REPOSITORY and run again."
