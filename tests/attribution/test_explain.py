"""One request, one door: what is left open is chosen, what is wrong is refused in a sentence."""

from dataclasses import replace

import pytest
import torch

import emo_core
from emo_core.attribution.explain import (
    choose_subject,
    explain,
    make_target,
    modality_share,
    resolve_request,
)
from emo_core.attribution.methods import explain_window
from emo_core.attribution.types import AttributionError, Cancelled, ExplainRequest, Target
from emo_core.inference.predict import predict_clip
from tests.conftest import ROOT
from tests.support.explained import planted, planted_sample
from tests.support.predictions import write_clip

CLIP = ROOT / "assets" / "examples" / "both_positive.mp4"
FAST = ExplainRequest("grad_cam", "fast")


@pytest.fixture(scope="module")
def checkpoint():
    return emo_core.load_model("group-staged")


@pytest.fixture(scope="module")
def prediction(checkpoint, tmp_path_factory):
    """Of a clip of three windows."""
    path = write_clip(tmp_path_factory.mktemp("long") / "long.mp4", 12.0)
    return predict_clip(emo_core.load_clip(path), checkpoint)


def test_the_public_door_explains_the_predicted_label_where_it_is_strongest(checkpoint, prediction):
    found = emo_core.explain(checkpoint, prediction, FAST)
    spans = [span.probabilities[prediction.label] for span in prediction.timeline]
    strongest = prediction.samples[spans.index(max(spans))]
    assert (found.method, found.preset, found.target.label) == (
        "grad_cam",
        "fast",
        prediction.label,
    )
    assert found.span.start_s == strongest.start_s
    target = make_target(checkpoint, strongest, prediction.label)
    by_hand = explain_window(checkpoint, strongest, target, "grad_cam", "fast")
    for name, values in by_hand.maps.items():
        assert torch.equal(values, found.maps[name]), name


def test_every_field_of_a_request_reaches_the_map(checkpoint, prediction):
    other = next(label for label in prediction.labels if label != prediction.label)
    asked = ExplainRequest("shapley", "fast", other, window=1, baseline="mean", seed=5)
    found = explain(checkpoint, prediction, asked)
    assert (found.target.label, found.method) == (other, "shapley")
    assert found.span.start_s == prediction.samples[1].start_s
    assert "mean colour" in found.baseline
    reseeded = explain(checkpoint, prediction, replace(asked, seed=6))
    assert not torch.equal(found.maps["mel"], reseeded.maps["mel"])


def test_a_moment_chooses_the_window_around_it(checkpoint, prediction):
    span = prediction.timeline[2]
    asked = replace(FAST, at_s=span.end_s - 0.1)
    assert choose_subject(checkpoint, prediction, asked) == (prediction.label, 2)


def test_a_resolved_request_is_complete_and_stays_as_it_is(checkpoint, prediction):
    filled = resolve_request(checkpoint, prediction, FAST)
    assert filled.target == prediction.label and filled.window in range(len(prediction.samples))
    assert replace(filled, target=None, window=None) == FAST
    assert resolve_request(checkpoint, prediction, filled) == filled


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"method": "magic"}, "method 'magic' is not one of grad_cam"),
        ({"preset": "slow"}, "preset 'slow' is not one of fast"),
        ({"target": "joy"}, "does not know 'joy'; expected one of positive"),
        ({"window": 3}, "there is no window 3; expected 0 to 2"),
        ({"window": -1}, "there is no window -1; expected 0 to 2"),
        ({"at_s": 99.0}, "no window was read at 99 s"),
        ({"baseline": "black"}, "baseline 'black' is not known"),
    ],
)
def test_a_wrong_request_is_refused_in_a_sentence(checkpoint, prediction, wrong, words):
    with pytest.raises(AttributionError, match=words):
        explain(checkpoint, prediction, replace(FAST, **wrong))


def test_the_call_of_the_first_version_is_answered_with_the_new_one():
    with pytest.raises(AttributionError, match=r"call explain\(load_model\(name\)"):
        explain(str(CLIP), "group-staged")


def test_progress_counts_and_stops(checkpoint, prediction):
    steps = []
    explain(checkpoint, prediction, FAST, lambda done, total: steps.append((done, total)))
    assert steps == sorted(steps) and steps[-1][0] <= steps[-1][1]
    with pytest.raises(Cancelled):
        explain(checkpoint, prediction, FAST, lambda done, total: False)


def test_shares_of_modalities_are_named_and_what_is_planted():
    share = modality_share(planted(), planted_sample(), Target("red", 0))
    assert set(share) == {"video", "audio"} and share["video"] > 0 and share["audio"] > 0
