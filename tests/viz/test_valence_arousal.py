"""The path of valence and arousal."""

import math
from dataclasses import replace

import numpy as np

from emo_core.inference.predict import predict
from emo_core.inference.prediction import Moment
from emo_core.viz import valence_arousal as affect
from tests.support.predictions import write_clip


def test_the_path_goes_through_every_moment_in_order(tmp_path):
    plain = predict(write_clip(tmp_path / "a.mp4", 1.0))
    assert "no valence" in affect.summarise_affect(plain) and not affect.affect_path(plain).data
    moments = tuple(Moment(t, math.cos(t), math.sin(t)) for t in (0.5, 1.0, 1.5))
    moving = replace(plain, moments=moments)
    (line,) = affect.affect_path(moving).data
    np.testing.assert_allclose(line.x, [m.valence for m in moments])
    np.testing.assert_allclose(line.y, [m.arousal for m in moments])
    np.testing.assert_allclose(line.marker.color, [0.5, 1.0, 1.5])
    assert line.marker.symbol[0] != line.marker.symbol[1], "the start can be told"
    assert "+0.88, arousal +0.48 at 0.5 s" in affect.summarise_affect(moving)
