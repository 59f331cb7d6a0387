"""Sentences say what the figures show, and of how many people."""

from dataclasses import replace

import pytest

from emo_core.inference.presence import FoundFaces, Presence
from emo_core.viz import captions as sentences
from tests.support.predictions import TWO, made_prediction

FACE = (0.1, 0.1, 0.2, 0.2)


def test_sentences_say_what_the_figures_show():
    prediction = made_prediction(TWO)
    runs = sentences.summarise_timeline(prediction)
    assert "positive 0.0 to 5.0 s" in runs and "negative 5.0 to 9.0 s" in runs
    assert runs.startswith("Most probable in each of 2 windows: ")
    assert sentences.summarise_timeline(made_prediction(TWO[:1])).startswith("Most probable: ")
    assert "29 frames" in sentences.summarise_frames(prediction, 16)
    sure = sentences.summarise(made_prediction(TWO[:1]))
    assert sure.endswith(": positive 70 %, then neutral 20 %, negative 10 %.")
    unsure = sentences.summarise(made_prediction(TWO[:1], abstains=True))
    assert unsure == "Not sure: positive comes closest with 70 %, then neutral 20 %, negative 10 %."


@pytest.mark.parametrize(
    "presence,subject",
    [
        (Presence((FoundFaces(0.0, (FACE, FACE)), FoundFaces(1.0, (FACE,)))), "this group"),
        (Presence((FoundFaces(0.0, (FACE,)),)), "this person"),
        (Presence((FoundFaces(0.0, ()),), voice_s=2.0, heard=True), "what is heard"),
        (Presence(), "this clip"),
    ],
)
def test_a_sentence_speaks_of_as_many_people_as_were_found(presence, subject):
    single = replace(made_prediction(TWO[:1]), presence=presence)
    said = sentences.summarise(single)
    assert said.startswith(f"The word onlookers would likely choose for {subject}: positive 70 %")
    several = replace(single, present=("neutral",))
    assert sentences.summarise(several) == (
        f"What onlookers would likely say of {subject}: neutral 20 %. "
        "Below their thresholds: positive 70 %, negative 10 %."
    )
    none = sentences.summarise(replace(single, present=()))
    assert none.startswith(f"Onlookers would likely choose none of these for {subject}: ")
    unsure = sentences.summarise(replace(several, abstains=True))
    assert unsure == (
        "Not sure whether any of these words fits: neutral 20 %, positive 70 %, negative 10 %."
    )


def test_values_say_what_their_ends_mean():
    affect = replace(made_prediction(TWO[:1]), values={"valence": 0.25, "arousal": -1.0})
    assert sentences.summarise(affect) == (
        "On average over 0 moments: valence +0.25 (-1 unpleasant, 1 pleasant), "
        "arousal -1.00 (-1 calm, 1 excited)."
    )
