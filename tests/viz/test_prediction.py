"""Figures of a prediction: bars, timeline, spectrogram and frames show what the model got."""

from dataclasses import replace

import numpy as np
import pytest

from emo_core.inference.prediction import Moment
from emo_core.preprocess.log_mel import PANNS, MelConfig
from emo_core.viz import prediction as view
from tests.support.predictions import TWO, made_prediction


def test_timeline_stacks_each_window_where_it_lies():
    figure = view.timeline(made_prediction(TWO))
    assert figure.layout.height == 320
    heights = np.sum([bar.y for bar in figure.data], axis=0)
    np.testing.assert_allclose(heights, 1)
    by_name = {bar.name: bar for bar in figure.data}
    assert set(by_name) == {"Positive", "Neutral", "Negative"}
    assert tuple(by_name["Negative"].y) == (0.1, 0.6)
    left = np.array(by_name["Neutral"].x) - np.array(by_name["Neutral"].width) / 2
    np.testing.assert_allclose(left, [0, 5])
    shapes = {bar.marker.pattern.shape for bar in figure.data}
    assert len(shapes) == 3, "labels must differ by more than colour"


def test_bars_show_every_label_and_its_value():
    bar = view.probability_bars(made_prediction(TWO[:1])).data[0]
    assert list(zip(bar.y, bar.x, bar.text, strict=True)) == [
        ("Positive", 0.7, "70 %"),
        ("Neutral", 0.2, "20 %"),
        ("Negative", 0.1, "10 %"),
    ]


def test_tone_is_brightest_at_its_own_frequency_over_all_of_its_time():
    config = MelConfig()
    figure = view.log_mel_figure(made_prediction(TWO), config)
    heat = figure.data[0]
    columns = np.asarray(heat.z).T
    assert figure.layout.height == 340 and np.isfinite(columns).all()
    assert len(columns) * heat.dx == pytest.approx(9.0, abs=0.03)
    loudest_hz = view.band_hz(config)[columns.mean(0).argmax()]
    assert loudest_hz == pytest.approx(1000, rel=0.05)
    ticks = dict(zip(figure.layout.yaxis.ticktext, figure.layout.yaxis.tickvals, strict=True))
    assert abs(ticks["1,000"] - columns.mean(0).argmax()) < 1


@pytest.mark.parametrize("config", [MelConfig(), PANNS])
def test_bands_are_centred_where_torchaudio_puts_them(config):
    from torchaudio.functional import melscale_fbanks

    filters = melscale_fbanks(
        8001, config.lowest_hz, config.highest_hz, config.bands, config.rate, "slaney", "slaney"
    )
    peaks_hz = filters.argmax(0).numpy() * config.rate / 2 / 8000
    np.testing.assert_allclose(view.band_hz(config), peaks_hz, atol=config.rate / 8000)


def test_time_that_was_not_read_stays_empty_in_the_spectrogram():
    prediction = made_prediction([(0.0, 5.0, TWO[0][2]), (15.0, 20.0, TWO[1][2])])
    columns, step_s = view.joined_mel(prediction)
    times_s = (np.arange(len(columns)) + 0.5) * step_s
    unread = np.isnan(columns).any(axis=1)
    assert unread[(times_s > 5.1) & (times_s < 14.9)].all()
    assert not unread[(times_s < 4.9) | (times_s > 15.1)].any()


def test_long_clip_sends_a_bounded_picture_of_its_sound():
    spans = [(5.0 * at, 5.0 * at + 5, TWO[0][2]) for at in range(24)]
    columns, step_s = view.joined_mel(made_prediction(spans))
    assert len(columns) == view.MOST_COLUMNS and np.isfinite(columns).all()
    assert len(columns) * step_s == pytest.approx(120, abs=0.05)


def test_frames_are_the_models_own_with_their_times():
    frames = view.frames_used(made_prediction(TWO), most=100)
    assert len(frames) == 16 + 13  # the second window has 4 of 5 s
    assert frames[1][1] == "0.31 s" and frames[16][1] == "5.00 s"
    assert frames[16][0].shape == (8, 12, 3) and (frames[16][0] == 1).all()
    few = view.frames_used(made_prediction(TWO), most=4)
    assert [few[0][1], few[-1][1]] == [frames[0][1], frames[-1][1]] and len(few) == 4


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0 %"), (0.001, "< 1 %"), (0.5, "50 %"), (0.994, "> 99 %"), (1.0, "100 %")],
)
def test_what_is_not_certain_is_never_said_to_be(value, said):
    assert view.percent(value).replace("\N{NO-BREAK SPACE}", " ") == said


def test_a_label_has_one_colour_and_no_two_share_one():
    labels = ("positive", "anger", "negative", "happy", "fear")
    colours = view.colour_of(labels)
    assert len(set(colours.values())) == len(labels)
    assert colours["negative"] == view.colour_of(("negative",))["negative"]


def test_valence_and_arousal_are_lines_over_their_moments():
    moments = tuple(Moment(t, t / 10, -t / 10) for t in (1.0, 2.0, 8.0))
    figure = view.timeline(replace(made_prediction(TWO), moments=moments))
    by_name = {line.name.lower(): line for line in figure.data}
    assert tuple(by_name["valence"].x) == (1.0, 2.0, 8.0)
    np.testing.assert_allclose(by_name["arousal"].y, [-0.1, -0.2, -0.8])


def test_without_sound_there_is_a_sentence_and_no_figure():
    silent = made_prediction(TWO)
    silent = replace(
        silent,
        samples=tuple(replace(s, mel_mask=s.mel_mask & False) for s in silent.samples),
    )
    figure = view.log_mel_figure(silent)
    assert not figure.data and "no sound" in figure.layout.annotations[0].text
