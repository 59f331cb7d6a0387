"""Sentences say what the figures show."""

from emo_core.viz import captions as sentences
from tests.support.predictions import TWO, made_prediction


def test_sentences_say_what_the_figures_show():
    prediction = made_prediction(TWO)
    runs = sentences.summarise_timeline(prediction)
    assert "positive 0.0 to 5.0 s" in runs and "negative 5.0 to 9.0 s" in runs
    assert "29 frames" in sentences.summarise_frames(prediction, 16)
    sure = sentences.summarise(made_prediction(TWO[:1]))
    assert "group positive: 70 %, then neutral 20 %, negative 10 %" in sure
    assert sentences.summarise(made_prediction(TWO[:1], abstains=True)).startswith("Not sure")
