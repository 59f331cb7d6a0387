"""Every shipped checkpoint is small and its card says what it was made of and may be used for."""

from dataclasses import asdict, replace

import pytest

from emo_core.checkpoint import CARD, SHIPPED, WEIGHTS, load_checkpoint, shipped_checkpoints
from emo_core.data.statement import STATEMENT, parse_statement
from emo_core.training.model_card import model_card

LARGEST = 8_000_000  # bytes
PARTS = (
    "Scores on held-out sources",
    "Calibration",
    "Sources",
    "Labels",
    "Licence",
    "Known failures",
    "Intended and forbidden use",
)


@pytest.mark.parametrize("name", shipped_checkpoints())
def test_a_shipped_checkpoint_is_small_and_has_a_whole_card(name):
    folder = SHIPPED / name
    assert sum(path.stat().st_size for path in folder.iterdir()) <= LARGEST
    text = (folder / CARD).read_text(encoding="utf-8")
    for part in PARTS:
        assert f"## {part}\n" in text, part
    checkpoint = load_checkpoint(name)
    assert checkpoint.data_warning in text
    stated = parse_statement((folder / STATEMENT).read_text(encoding="utf-8"))
    assert stated and asdict(stated) == checkpoint.training["data_statement"]
    for part in (stated.sources, stated.label_mapping, stated.licence, stated.failures):
        assert part in text
    assert "annotator" not in text.lower(), "labels follow from what was acted or drawn"
    assert "never what a person feels" in text and (folder / WEIGHTS).is_file()


def test_what_real_recordings_taught_is_for_research_and_teaching_only():
    for name in shipped_checkpoints():
        text = (SHIPPED / name / CARD).read_text(encoding="utf-8")
        real = load_checkpoint(name).training["corpus"] in (
            "collage",
            "utterances",
            "utterances-affect",
        )
        assert ("CC BY-NC-SA 4.0" in text and "research and teaching only" in text) == real
        assert ("RAVDESS" in text and "EMO-DB" in text and "ESC-10" in text) == real


def told(**changes):
    """A shipped checkpoint whose record of training is changed."""
    checkpoint = load_checkpoint("group-staged")
    return replace(checkpoint, training={**checkpoint.training, **changes})


def test_a_card_tells_the_scores_class_by_class():
    part = {"recall": 0.5, "f1": None, "n": 7}
    scores = {**told().training["held_out"], "per_class": {"positive": part}}
    card = model_card(told(held_out=scores))
    assert "| class | recall | f1 | n |\n|---|---|---|---|\n| positive | 0.500 | - | 7 |\n" in card
    assert told().task.summary(scores) in card and told().task.choice(told().calibration) in card


def test_a_card_says_what_was_not_stated_and_leaves_out_what_is_not_known():
    card = model_card(told(data_statement=None, synthetic_scenes=0))
    assert "What the label means was not stated; it is never what a person feels" in card
    assert "## Sources" not in card and "rendered scenes" not in card
    assert "corpus `x` and 12 rendered scenes." in model_card(told(corpus="x", synthetic_scenes=12))
    sitting = {"minutes": 61.7, "command": "emo train x", "machine": "a laptop"}
    assert "`emo train x` took 62 minutes (a laptop)." in model_card(told(**sitting))
    assert "took less than a minute (" in model_card(told(**sitting | {"minutes": 0.4}))


def test_a_label_that_was_stated_as_a_sentence_ends_none():
    stated = told().training["data_statement"] | {"label": "what three raters saw."}
    assert "The label is what three raters saw; never" in model_card(told(data_statement=stated))
