"""Each measure of scripts/measure_structure.py sees a planted fault, and no other."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path[:0] = [] if str(SCRIPTS) in sys.path else [str(SCRIPTS)]

import measure_structure as ms  # noqa: E402
import structure_probes as probes  # noqa: E402

README = "word " * ms.MAX_README_WORDS
CLEAN = {
    "emo_core/__init__.py": '"""Package."""\n',
    "emo_core/media/__init__.py": "",
    "emo_core/media/probe.py": "def duration_s(path: str) -> float:\n    return float(len(path))\n",
    "demo/__init__.py": "",
    "demo/app.py": 'GREETING = "hello"\n',
    "tests/test_all.py": "import demo.app\nfrom emo_core.media import probe\n",
    "README.md": README,
}


@pytest.fixture
def plant(tmp_path):
    """Writes files into a small clean repository; returns its root."""

    def write(changes: dict[str, str] | None = None) -> Path:
        for name, text in {**CLEAN, **(changes or {})}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write


STATIC = [name for name, row in ms.ROWS.items() if row.static]


@pytest.mark.parametrize("name", [name for name in STATIC if name != "types"])
def test_a_clean_repository_breaks_no_limit(name, plant):
    result = ms.ROWS[name].measure(plant())
    assert not result.broken and not result.places


def test_a_folder_of_seventeen_files_is_over_the_limit_and_sixteen_are_not(plant):
    names = [f"emo_core/media/m{n}.py" for n in range(14)]  # with __init__ and probe, 16
    assert not ms.measure_files(plant(dict.fromkeys(names, ""))).broken
    result = ms.measure_files(plant({"emo_core/media/m14.py": ""}))
    assert result.broken and result.places == ("emo_core/media/: 17 files",)
    assert result.text.startswith("18 files; at most 17")


def test_a_public_name_of_two_modules_is_found_across_packages_and_a_private_one_is_none(plant):
    text = "def duration_s(): ...\ndef _own(): ...\nLIMIT = 1\n"
    result = ms.measure_twice(plant({"demo/sessions.py": text, "demo/theme.py": "LIMIT = 2\n"}))
    assert result.text == "0 in emo_core; 1 with demo"
    assert result.places == ("duration_s: demo.sessions, emo_core.media.probe",)


MISUSED = [
    ("warm", "emo_core/training/pretrain.py", "def warm_up(): ..."),
    ("warm", "demo/service.py", "def warm(): ..."),
    ("look", "emo_core/faces.py", "LOOK = 640"),
    ("look", "demo/look.py", ""),
    ("world", "emo_core/distributed.py", "def world(): ..."),
    ("alone", "emo_core/models/group.py", "class A:\n    alone: bool = False"),
    ("share", "emo_core/distributed.py", "def share(rows): ..."),
    ("place", "emo_core/preprocess/sample.py", "def place(rows): ..."),
    ("part", "emo_core/models/mesm.py", "class PartReader: ..."),
    ("score", "emo_core/scores.py", ""),
    ("score", "emo_core/models/joint.py", "def f(self):\n    self.score = 1"),
    ("card", "demo/components.py", "def card(title): ..."),
    ("story", "emo_core/attribution/explain.py", "def f(tell): ..."),
    ("story", "demo/callbacks.py", "def f():\n    told = 1"),
]


@pytest.mark.parametrize(("word", "path", "text"), MISUSED)
def test_a_word_in_another_sense_than_its_own_is_found(word, path, text, plant):
    result = ms.measure_words(plant({path: text + "\n"}))
    assert result.text == f"1 of {len(ms.WORDS)} words ({word})"
    module = path.removesuffix(".py").replace("/", ".")
    assert len(result.places) == 1 and module in result.places[0]


def test_a_second_class_called_window_is_a_second_meaning(plant):
    one = {"emo_core/data/dataset.py": "class Window: ...\nclass FileWindow: ...\n"}
    assert not ms.measure_words(plant(one)).broken
    result = ms.measure_words(plant({"emo_core/media/audio.py": "class Window: ...\n"}))
    assert len(result.places) == 2 and "class emo_core.media.audio.Window" in result.places[1]


def test_every_word_is_misused_by_a_test():
    assert {word for word, _, _ in MISUSED} | {"window"} == set(ms.WORDS)


KEPT = {
    "emo_core/training/trainer.py": "class TrainConfig:\n    warmup_fraction: float = 0.1\n",
    "emo_core/synthetic/scene.py": "class Look: ...\ndef paint_place(place): ...\n",
    "emo_core/distributed.py": "def world_size(): ...\ndef f(rate):\n    share = rate / 2\n",
    "emo_core/metrics.py": "def f1_scores(rows):\n    scores = rows\n    return scores\n",
    "emo_core/training/model_card.py": "def model_card(): ...\n",
    "emo_core/audio.py": "def storyteller(towards, department, lookup, swarm): ...\n",
}


def test_words_in_their_own_sense_and_words_that_contain_them_are_no_fault(plant):
    assert ms.measure_words(plant(KEPT)).places == ()


def test_mypy_counts_a_wrong_type_and_an_ignore_without_need(plant):
    text = "def f() -> int:\n    return 'a'\n\n\nx: int = 1  # type: ignore\n"
    result = ms.measure_types(plant({"emo_core/wrong.py": text}))
    assert result.text == "2 in emo_core; 2 in all" and result.broken


def test_mypy_that_does_not_run_is_said_and_is_not_zero_errors(plant, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "No module named mypy")
    monkeypatch.setattr(ms.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ms.MeasureError, match="No module named mypy"):
        ms.measure_types(plant())


def test_formatter_comments_are_counted_and_strings_are_not(plant):
    skips = "x = 1  # fmt: skip\n" * 20
    assert not ms.measure_fmt(plant({"benchmarks/a.py": skips})).broken
    result = ms.measure_fmt(plant({"demo/b.py": 's = "# fmt: skip"\n# fmt: off\n'}))
    assert result.broken and result.text == "21" and "demo/b.py:2" in result.places


@pytest.mark.parametrize(
    ("path", "line", "found"),
    [
        ("emo_core/a.py", "# section 2.7 of our notes", "notes: emo_core/a.py:1"),
        ("benchmarks/a.py", "# papers/3, section 1", "notes: benchmarks/a.py:1"),
        ("emo_core/a.py", "x = 1  # paper 1, A13", "code: emo_core/a.py:1"),
        ("emo_core/a.py", "# A2, A3", "code: emo_core/a.py:1"),
        ("demo/a.py", "# D1", "code: demo/a.py:1"),
        ("docs/architecture.md", "see ../shared/papers", "../shared: docs/architecture.md:1"),
        ("emo_core/a.py", 'ROOT = HERE / "shared" / "data"', "../shared: emo_core/a.py:1"),
    ],
)
def test_a_reference_that_a_reader_cannot_follow_is_found(path, line, found, plant):
    result = ms.measure_outside(plant({path: line + "\n"}))
    assert result.broken and result.places == (found,)


def test_a_link_into_the_repository_and_the_training_docs_are_no_fault(plant):
    linked = "# Dropout as assumed, docs/papers/group.md#a11\n# (A11), D-dimensional, 2D, A20\n"
    allowed = {
        "emo_core/a.py": linked,
        "docs/train.md": "--sources ../shared/data\n",
        "tests/conftest.py": 'REAL = "../shared/data"\n',
        "benchmarks/b.py": 'REAL = "../shared/data"\n',
    }
    assert ms.measure_outside(plant(allowed)).places == ()


def test_files_that_git_ignores_are_not_landed(plant):
    root = plant({".gitignore": "runs/\n", "runs/a.md": "../shared\n", "docs/a.md": "../shared\n"})
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    assert ms.measure_outside(root).places == ("../shared: docs/a.md:1",)


def test_a_readme_one_word_over_the_limit_is_too_long(plant):
    result = ms.measure_readme(plant({"README.md": README + "more"}))
    assert result.broken and result.text == f"{ms.MAX_README_WORDS + 1} words"


def test_a_module_that_only_another_module_imports_counts_as_untested(plant):
    changes = {
        "emo_core/media/probe.py": "from emo_core.media import limits\n",
        "emo_core/media/limits.py": "BYTES = 1\n",
    }
    result = ms.measure_untested(plant(changes))
    assert result.places == ("emo_core.media.limits",)


@pytest.fixture
def other_packages(monkeypatch):
    """Imports of emo_core and demo find a planted tree, and the real one again afterwards."""
    real = dict(sys.modules)
    for name in [n for n in sys.modules if n.split(".")[0] in ("emo_core", "demo")]:
        del sys.modules[name]
    yield monkeypatch
    sys.modules.clear()
    sys.modules.update(real)


def test_the_files_of_a_trip_are_those_whose_functions_run(plant, other_packages):
    changes = {
        "emo_core/entered.py": "from demo.called import inner\ndef go():\n    return inner()\n",
        "demo/called.py": "def inner():\n    return 1\ndef other():\n    return 2\n",
        "emo_core/imported.py": "def idle():\n    return 0\n",
    }
    root = plant(changes)
    other_packages.syspath_prepend(str(root))
    from emo_core import entered, imported

    assert imported.idle() == 0
    assert probes.entered(root, entered.go) == {"emo_core/entered.py", "demo/called.py"}


def test_a_chain_of_calls_leaves_out_comprehensions_and_what_stands_outside_the_package(plant):
    source = (
        "def main(probe):\n    return run(probe)\n"
        "def run(probe):\n    return [list(steps(probe)) for _ in 'a'][0][0]\n"
        "def steps(probe):\n    yield probe()\n"
    )
    root = plant({"emo_core/chain.py": source})
    scope: dict = {}
    exec(compile(source, str(root / "emo_core" / "chain.py"), "exec"), scope)
    chain = scope["main"](lambda: probes.call_chain(sys._getframe(), root))
    assert chain == ["run", "steps"]


@pytest.mark.parametrize(("chain", "broken"), [(["a", "b", "c"], False), (["a"] * 4, True)])
def test_the_limits_of_the_rows_that_run_are_held(chain, broken, plant, monkeypatch):
    monkeypatch.setattr(ms, "probe", lambda root, name: chain)
    assert ms.measure_hops(plant()).broken is broken
    files = {"clip": ["f"] * 22, "page": ["f"] * (30 + broken)}
    monkeypatch.setattr(ms, "probe", lambda root, name: files[name])
    assert ms.measure_clip(plant()).broken is broken


def test_a_wheel_is_judged_by_the_exit_code_of_its_check(plant):
    bad = plant({"scripts/check_wheel.py": "raise SystemExit('no checkpoint')\n"})
    result = ms.measure_wheel(bad)
    assert result.broken and result.text == "no" and result.places == ("no checkpoint",)
    good = plant({"scripts/check_wheel.py": "print('answered')\n"})
    assert ms.measure_wheel(good).text == "yes"


def test_the_command_prints_the_row_and_its_places_and_fails(plant, capsys):
    root = plant({"README.md": README, "demo/look.py": ""})
    assert ms.main(["--root", str(root), "--row", "readme"]) == 0
    assert "| README | 900 words | at most 900 words |" in capsys.readouterr().out
    assert ms.main(["--root", str(root), "--row", "words"]) == 1
    printed = capsys.readouterr().out
    assert "(look) **broken**" in printed and "  look: module demo.look" in printed


def test_a_row_that_cannot_be_measured_ends_with_a_sentence_and_code_2(plant, capsys):
    assert ms.main(["--root", str(plant()), "--row", "clip"]) == 2
    assert "measure_structure: the probe 'clip' failed:" in capsys.readouterr().err
