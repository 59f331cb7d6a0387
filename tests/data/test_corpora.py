"""The registry of corpora: names, what the command makes of it, and what it must not load."""

import subprocess
import sys

import pytest

from emo_core.cli.commands import UsageError
from emo_core.cli.main import build_parser
from emo_core.corpora import CORPORA, find_reader, read_corpus
from emo_core.data.corpus import CorpusError
from emo_core.training.recipes import RECIPES


@pytest.mark.parametrize("name", CORPORA)
def test_the_command_makes_exactly_what_the_registry_can_make(name):
    words = ["data", "make", name, "out"]
    if find_reader(name).make is None:
        with pytest.raises(UsageError, match="invalid choice"):
            build_parser().parse_args(words)
    else:
        assert build_parser().parse_args(words).corpus == name


def test_every_recipe_trains_on_a_corpus_of_the_registry():
    recipes = [make() for make in RECIPES.values()]
    assert {recipe.corpus for recipe in recipes} <= CORPORA.keys()
    able = {name for name, reader in CORPORA.items() if reader.compose}
    asked = {r.corpus for r in recipes if r.samples_on_the_fly and r.init_scope != "model"}
    assert asked == able  # a recipe for own clips, which starts from a model, composes nothing


def test_a_corpus_carries_what_its_entry_says(drawn):
    staged, vgaf = (read_corpus(name, drawn) for name in ("staged", "vgaf"))
    assert staged.windows is find_reader("staged").windows is not None
    assert vgaf.windows is None and vgaf.open_item is None


def test_an_unknown_name_is_a_sentence_that_names_the_nearest(tmp_path):
    nearest = (
        "There is no corpus 'vgf'; expected one such as vgaf; `emo list corpora` lists all 20."
    )
    with pytest.raises(CorpusError) as caught:
        read_corpus("vgf", tmp_path)
    assert str(caught.value) == nearest


@pytest.mark.parametrize("package", ["drawn", "composed"])
def test_processes_that_make_clips_load_no_torch(package):
    code = f"import sys, emo_core.synthetic.{package}.writer; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
