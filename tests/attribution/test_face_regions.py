"""Faces that a what-if hides, freezes or moves are looked for again; others are held."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from emo_core.attribution import face_regions
from emo_core.attribution.counterfactuals import freeze, hide_faces, mute, what_if
from emo_core.attribution.face_regions import FaceRegions, refind_faces
from emo_core.attribution.forward_function import ForwardFunction, PassBudget, inputs_of
from emo_core.attribution.types import Target
from emo_core.checkpoint import Checkpoint
from emo_core.faces.tracking import link_detections
from emo_core.preprocess.batch import collate
from emo_core.schema import POLARITIES
from emo_core.tasks import SingleLabel
from emo_core.viz.attribution import summarise_what_if
from tests.models.test_group_people import SAMPLE, made, noise


@pytest.fixture(scope="module")
def checkpoint():
    model = made()
    return Checkpoint("made", model, "group", model.config, SAMPLE, SingleLabel(POLARITIES))


@pytest.fixture
def tracker(monkeypatch):
    """A detector that sees one face where a frame's middle is not grey."""

    def track(frames, times_s=None, every=1):
        row = np.array([[0.3, 0.3, 0.7, 0.8, 0.0, 0.4, 0.45, 0.6, 0.45]], np.float32)
        found = [row if frame[30, 40].std() > 0 else row[:0] for frame in frames]
        return link_detections(found)

    monkeypatch.setattr(face_regions, "track_faces", track)


def one_face(seed=0):
    sample = noise(seed)
    mask = torch.zeros_like(sample.face_mask)
    mask[:, 0] = True
    return replace(sample, face_mask=mask)


MIDDLE = FaceRegions(
    torch.tensor([0.2, 0.2, 0.8, 0.9]).expand(4, 1, 4), torch.ones(4, 1, dtype=torch.bool)
)


def test_faces_are_where_the_detector_sees_them_now(tracker):
    found = refind_faces(one_face())
    assert found.face_mask.tolist() == [[True, False]] * 4
    np.testing.assert_allclose(found.face_eyes[2, 0], [0.4, 0.45, 0.6, 0.45], rtol=1e-6)
    assert not found.face_eyes[:, 1].any()
    hidden = refind_faces(hide_faces(one_face(), MIDDLE))
    assert not hidden.face_mask.any() and not hidden.face_eyes.any()


def test_the_record_says_what_became_of_the_faces(checkpoint, tracker):
    sample = one_face()
    hidden = what_if(checkpoint, sample, "faces grey", lambda s: hide_faces(s, MIDDLE))
    assert hidden.faces == "faces found again: 0 over all frames, 4 before"
    silent = what_if(checkpoint, sample, "silent sound", lambda s: mute(s, SAMPLE.mel))
    assert silent.faces == "faces kept where they were"
    frozen = what_if(checkpoint, sample, "frozen", lambda s: freeze(s, 1))
    assert frozen.faces == "faces found again: 4 over all frames, 4 before"
    assert summarise_what_if(hidden, "neutral").endswith(f"({hidden.faces})")


def test_a_hidden_face_is_one_that_is_not_there(checkpoint, tracker):
    sample = one_face()
    hidden = what_if(checkpoint, sample, "", lambda s: hide_faces(s, MIDDLE)).after
    grey = hide_faces(sample, MIDDLE)
    gone = replace(grey, face_mask=torch.zeros_like(grey.face_mask))
    with torch.no_grad():
        scores = checkpoint.model(collate([gone])).logits
    expected = checkpoint.task.probabilities(scores, checkpoint.calibration.temperature)[0]
    assert list(hidden.values()) == pytest.approx(expected.tolist(), abs=1e-5)


def test_a_map_of_the_frames_holds_faces_and_says_so(checkpoint):
    assert inputs_of(checkpoint) == ("video", "mel")
    asked = ForwardFunction(checkpoint, one_face(), Target("positive", 0), "blur", PassBudget(9))
    assert "faces kept where they were" in asked.baseline_words
    faceless = replace(one_face(), face_mask=torch.zeros(4, 2, dtype=torch.bool))
    asked = ForwardFunction(checkpoint, faceless, Target("positive", 0), "blur", PassBudget(9))
    assert "held" not in asked.baseline_words
