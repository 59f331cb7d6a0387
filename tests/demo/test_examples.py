"""Cards of the drawn examples: a picture and a story for each, in every language."""

import pytest

from demo.examples import FIRST, entry_document, example_names, example_path
from demo.i18n import Words, tables
from demo.upload_checks import EXAMPLES


@pytest.mark.parametrize("language", tables())
def test_every_example_has_a_card(language):
    shown = entry_document(Words(language), "cut.mjs")
    assert [card["name"] for card in shown["examples"]] == sorted(
        path.stem for path in EXAMPLES.glob("*.mp4")
    )
    for card in shown["examples"]:
        assert card["picture"].startswith("data:image/webp") and card["title"] and card["story"]
    assert shown["first"] == FIRST in example_names()
    assert sum(len(card["picture"]) for card in shown["examples"]) < 60_000


@pytest.mark.parametrize("name", ["../both_positive", "both_positive.mp4", "", "none"])
def test_no_other_file_is_an_example(name):
    assert example_path(name) is None
