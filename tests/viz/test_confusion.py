"""What a model takes for what, as a figure and in words."""

from dataclasses import replace

import numpy as np

from emo_core.viz import confusion as scores
from tests.support.explained import planted


def test_the_commonest_mistake_is_named():
    checkpoint = planted()
    assert "no confusion" in scores.summarise_confusion(checkpoint)
    held_out = {"confusion": [[8, 2], [1, 9]], "calibration_error": 0.125}
    checkpoint = replace(checkpoint, training={"held_out": held_out})
    said = scores.summarise_confusion(checkpoint)
    assert "17 of 20" in said and "red was mistaken for green (2)" in said
    assert "annotators" not in said.lower(), "labels of collages follow from what was acted"
    (heat,) = scores.confusion_figure(checkpoint).data
    np.testing.assert_allclose(heat.z, [[0.8, 0.2], [0.1, 0.9]])
    assert "12.5 %" in scores.summarise_calibration(checkpoint)
