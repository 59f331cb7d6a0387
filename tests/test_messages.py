"""Sentences: English as a str, and the same in another language."""

import copy
import json
import pickle

import pytest

from emo_core.errors import EmoError
from emo_core.messages import (
    Catalogue,
    Message,
    catalogue,
    in_language,
    languages,
    read_po,
    say,
    say_count,
    say_list,
    say_name,
)

GERMAN = """
msgid ""
msgstr ""
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"
"X-Numbers: 1.234,5\\n"

# a comment
#: somewhere.py
msgid "{name} takes "
"{seconds:.1f} s"
msgstr "{name} braucht \\"{seconds:.1f}\\" s"

msgid "one frame of {clip}"
msgid_plural "{count:,} frames of {clip}"
msgstr[0] "ein Bild von {clip}"
msgstr[1] "{count:,} Bilder von {clip}"

msgid "the clip"
msgstr "dem Clip"

#, fuzzy
msgid "guessed"
msgstr "geraten"

msgid "empty"
msgstr ""
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "xx.po").write_text(GERMAN, encoding="utf-8")
    return tmp_path


@pytest.fixture
def german(folder):
    return Catalogue([folder / "xx.po"])


def test_a_message_is_its_english_sentence():
    message = say("{name} has {size:.1f} MB", name="a.mp4", size=2.25)
    assert message == "a.mp4 has 2.2 MB" and isinstance(message, str)
    assert json.loads(json.dumps({"note": message})) == {"note": "a.mp4 has 2.2 MB"}
    assert {message: 1}["a.mp4 has 2.2 MB"] == 1


def test_a_message_passes_through_an_error_unharmed():
    message = say("{name} is no clip", name="x")
    error = pickle.loads(pickle.dumps(EmoError(message)))
    again = EmoError(str(error))  # as callers translate one error into another
    assert str(again) == "x is no clip" and str(again).template == "{name} is no clip"


@pytest.mark.parametrize(
    "through", [copy.deepcopy, copy.copy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_copy_can_still_be_said(german, through):
    message = through(say("{name} takes {seconds:.1f} s", name=say("the clip"), seconds=1.25))
    assert german.translate(message) == 'dem Clip braucht "1,2" s'


def test_numbers_get_the_sign_of_the_language_only_where_they_are_formatted(german):
    message = say("{a} {b:,} {c:+.2f} {d}", a=0.5, b=12345, c=-1.5, d="v0.5")
    assert message == "0.5 12,345 -1.50 v0.5"
    assert german.translate(message) == "0.5 12.345 -1,50 v0.5"


@pytest.mark.parametrize(
    ("count", "english", "other"),
    [
        (1, "one frame of the clip", "ein Bild von dem Clip"),
        (0, "0 frames of the clip", "0 Bilder von dem Clip"),
        (2500, "2,500 frames of the clip", "2.500 Bilder von dem Clip"),
    ],
)
def test_a_count_chooses_the_form(german, count, english, other):
    message = say_count(
        "one frame of {clip}", "{count:,} frames of {clip}", count, clip=say("the clip")
    )
    assert (message, german.translate(message)) == (english, other)


def test_what_is_not_in_the_catalogue_stays_english_around_what_is(german):
    message = say_list([say("the clip"), say("of {n:.1f} s", n=0.5), "{x}"], " and ")
    assert message == "the clip and of 0.5 s and {x}"
    assert german.translate(message) == "dem Clip and of 0,5 s and {x}"


def test_plain_text_and_names_with_braces_stay_as_they_are(german):
    assert german.translate("the clip") == "the clip"  # no message: a file may be called so
    assert german.translate(say_name("the clip")) == "dem Clip"
    assert german.translate(say_name("odd {label")) == "odd {label"
    assert say_list([]) == ""


def test_values_are_kept_as_other_processes_can_have_them(tmp_path):
    assert say("{path}", path=tmp_path).values == {"path": str(tmp_path)}


def test_a_language_is_said_within_lists_tuples_and_dicts(folder):
    found = {"notes": [say("the clip"), ("plain", 1.5, None)]}
    assert in_language(found, "xx", (folder,)) == {"notes": ["dem Clip", ("plain", 1.5, None)]}


def test_fuzzy_and_empty_entries_are_no_translations(folder):
    texts = read_po(folder / "xx.po")
    assert (
        "guessed" not in texts and "empty" not in texts and "{name} takes {seconds:.1f} s" in texts
    )


def test_english_is_always_there_and_needs_no_catalogue(folder):
    assert languages((folder,)) == ("en", "xx") and languages()[0] == "en"
    assert catalogue("en").translate(say("{n:.1f}", n=0.5)) == "0.5"


def test_a_message_is_its_own_str():
    message = say("the clip")
    assert str(message) is message and isinstance(f"{message}", str)
    assert not isinstance(f"{message}.", Message)  # a sentence put together otherwise has no key


def test_a_figure_is_shown_in_a_language_with_its_decimal_sign(monkeypatch, folder):
    import plotly.graph_objects as go

    from emo_core.viz import prediction

    monkeypatch.setattr(prediction, "catalogue", lambda language: Catalogue([folder / "xx.po"]))
    figure = prediction.styled(go.Figure(go.Bar(x=[1], y=[say("the clip")])), 100)
    figure.update_xaxes(title=say("the clip"))
    shown = prediction.figure_in(figure, "xx")
    assert shown.layout.xaxis.title.text == "dem Clip" and shown.data[0].y == ("dem Clip",)
    assert shown.layout.separators == ",." and figure.layout.xaxis.title.text == "the clip"
    assert prediction.figure_in(figure, "en") is figure
