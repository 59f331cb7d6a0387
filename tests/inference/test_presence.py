"""Whether there is anybody to read: faces, voices, and what is said where there is neither."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.experiments.made_sounds import FITTED, UNSEEN
from benchmarks.experiments.presence import bars, room, snow
from emo_core import predict
from emo_core.checkpoint import shipped_checkpoints
from emo_core.clip import load_clip
from emo_core.faces import tracking
from emo_core.faces.tracking import overlaps
from emo_core.inference import presence
from emo_core.inference.predict import load_cached
from emo_core.inference.presence import (
    LEAST_SEGMENTS,
    FoundFaces,
    Presence,
    VoiceDetector,
    shipped_voice_detector,
    voice_segments,
)
from emo_core.synthetic.corpus_io import write_clip
from emo_core.synthetic.drawn.dataset import drawn_faces
from emo_core.synthetic.drawn.render import draw_frames
from emo_core.synthetic.drawn.scene import make_drawn_scene
from tests.support.predictions import write_people_clip
from tests.support.serving import ROOT

EXAMPLES = ROOT / "assets" / "examples"
RATE = 16_000
DRAWN = ("group-staged", "mesm-staged", "jmt-staged")


def is_heard(wave: np.ndarray) -> bool:
    heard = shipped_voice_detector()(voice_segments(wave.astype(np.float32)))
    return int(heard.sum()) >= min(LEAST_SEGMENTS, max(len(heard), 1))


def clip_of(path, picture, wave, size=(640, 360)):
    frames = np.stack([picture(n / 10) for n in range(round(len(wave) / RATE * 10))])
    write_clip(path, np.ascontiguousarray(frames), 10, wave.astype(np.float32), RATE)
    return path


def test_a_segment_is_a_voice_above_the_least_score_and_near_the_subspace():
    zeros, ones = torch.zeros(3), torch.ones(3)
    basis = torch.tensor([[1.0], [0.0], [0.0]])
    weight, limits = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.5, 4.0])
    detector = VoiceDetector(zeros, ones, weight, torch.zeros(1), zeros, basis, limits)
    segments = torch.tensor([[0.4, 0, 0], [0.6, 0, 0], [9.0, 1.9, 0], [9.0, 1.5, 1.5]])
    assert detector(segments).tolist() == [False, True, True, False]


@pytest.mark.parametrize("kind", [*UNSEEN, *FITTED])
def test_made_sounds_hold_no_voice(kind):
    make = UNSEEN.get(kind) or FITTED[kind]
    waves = [make(np.random.default_rng(seed), 5.0) for seed in (901, 902)]
    assert not any(is_heard(0.3 * wave / np.abs(wave).max()) for wave in waves)


@pytest.mark.parametrize("wave", [np.zeros(80_000), 5e-4 * np.ones(80_000), np.zeros(0)])
def test_silence_has_no_segments(wave):
    assert voice_segments(wave.astype(np.float32)).shape == (0, 768)


def test_a_voice_does_not_depend_on_loudness():
    wave = load_clip(EXAMPLES / "both_positive.mp4").audio(RATE)
    loud, quiet = (voice_segments((gain * wave).astype(np.float32)) for gain in (1.0, 0.05))
    torch.testing.assert_close(loud, quiet, atol=0.05, rtol=0.05)


@pytest.mark.real_data
@pytest.mark.parametrize("folder", ["voices_nemo", "voices/ravdess", "voices/emodb"])
def test_real_voices_are_heard_at_any_rate_and_beside_music(real_data, folder):
    endings = (".flac", ".opus", ".ogg")
    files = sorted(p for p in (real_data / folder).rglob("*") if p.suffix in endings)
    files = files[:: len(files) // 12][:12]
    assert len(files) == 12
    music = UNSEEN["music, flute"](np.random.default_rng(5), 5.0)
    for path in files:
        wave = load_clip(path).audio(RATE)[:80_000]
        assert is_heard(wave), path.name
        below = music[: len(wave)] * wave.std() / music.std() * 0.2
        assert is_heard(0.5 * wave + below), f"{path.name} with music"


@pytest.mark.parametrize("model", sorted(shipped_checkpoints()))
@pytest.mark.parametrize("picture", [bars, snow, room])
def test_without_people_there_is_no_answer(tmp_path, model, picture):
    rng = np.random.default_rng(3)
    wave = UNSEEN["music, square"](rng, 3.0) if picture is bars else UNSEEN["wind"](rng, 3.0)
    found = predict(clip_of(tmp_path / "a.mp4", picture, 0.2 * wave / np.abs(wave).max()), model)
    assert found.abstains and found.nobody.startswith("No face was found in ")
    assert "no voice was heard in 3.0 s of sound" in found.nobody
    said = json.loads(json.dumps(found.as_dict()))
    assert said["nobody"] == found.nobody and said["faces"]["most"] == 0 and not said["timeline"]
    assert said["label"] is None and not said["probabilities"] and not said.get("values")
    assert not said.get("present") and not said.get("moments") and said["voice_s"] < 1.5
    assert not any("answer" in note for note in found.notes)


@pytest.mark.parametrize("model", DRAWN)
@pytest.mark.parametrize("split", ["val", "test"])
def test_drawn_people_are_somebody_to_models_of_drawn_people(tmp_path, model, split):
    """Also where they turn their backs and only their sounds say something."""
    from emo_core.synthetic.drawn.soundtrack import synthesise

    for index in range(4):
        scene = make_drawn_scene(17, split, index)
        frames = draw_frames(scene, np.arange(0, 5, 0.2))
        path = tmp_path / f"{index}.mp4"
        write_clip(path, frames, 5, synthesise(scene, RATE), RATE)
        assert predict(path, model).nobody is None, scene.regime


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.mp4")), ids=lambda p: p.stem)
def test_shipped_examples_keep_their_answers(path):
    assert predict(path, "group-staged").nobody is None


def test_a_transcript_is_somebody_to_read_for_a_model_of_words(tmp_path):
    path = clip_of(tmp_path / "a.mp4", bars, np.zeros(2 * RATE))
    assert predict(path, "fe2e-utterances").nobody
    assert predict(path, "fe2e-utterances", text="what a day").nobody is None
    assert predict(path, "group-people", text="what a day").nobody


def test_where_faces_are_is_part_of_a_prediction(tmp_path):
    """Boxes of drawn faces, in shares of the frame, at the times of frames that were searched."""
    scene = next(
        found
        for found in (make_drawn_scene(3, "train", n) for n in range(60))
        if sum(p.facing == "front" and p.look.skin < 4 for p in found.people) >= 2
    )
    frames = draw_frames(scene, np.arange(0, 5, 0.1))
    write_clip(tmp_path / "a.mp4", frames, 10, np.zeros(5 * RATE, np.float32), RATE)
    found = predict(tmp_path / "a.mp4", "group-people").presence
    times_s = np.array([frame.time_s for frame in found.frames])
    assert len(times_s) == 4 and (np.diff(times_s) > 0).all() and found.voice_s is None
    truth = drawn_faces(scene, times_s).boxes
    boxes = [(n, box) for n, frame in enumerate(found.frames) for box in frame.boxes]
    assert found.most_faces == max(len(frame.boxes) for frame in found.frames) >= 1
    near = [overlaps(truth[n], np.array([box])).max() for n, box in boxes]
    assert np.mean(np.array(near) > 0.3) > 0.8


@pytest.mark.parametrize("model", ["group-collage", "group-people"])
def test_boxes_are_shares_of_the_clips_own_frame_also_where_it_is_padded(tmp_path, model):
    """A portrait clip whose people stand in its middle 240 of 568 lines."""
    path = write_people_clip(tmp_path / "phone.mp4", 2.0, portrait=True, sound=False)
    found = predict(path, model).presence
    assert found.most_faces >= 1
    boxes = np.array([box for frame in found.frames for box in frame.boxes])
    assert boxes[:, 1].min() > 0.25 and boxes[:, 3].max() < 0.75  # above and below it is grey
    assert boxes[:, 2].max() - boxes[:, 0].min() > 0.5, "they stand across the whole width"


def test_frames_are_searched_once_for_model_and_prediction(tmp_path, monkeypatch):
    searched = []
    find = tracking.face_detector()
    monkeypatch.setattr(
        tracking, "face_detector", lambda: lambda image: searched.append(image.shape) or find(image)
    )
    monkeypatch.setattr(presence, "voice_segments", None)  # a face was found: nothing is heard
    path = EXAMPLES / "both_positive.mp4"
    config = load_cached("group-people").sample
    assert predict(path, "group-people").presence.most_faces
    assert len(searched) == config.frames / config.face_every


@pytest.mark.parametrize(("faces", "searched"), [(0, 3), (1, 1), (2, 3)])
def test_a_model_without_faces_searches_one_frame_where_it_shows_one_face(
    faces, searched, monkeypatch
):
    rows = np.zeros((faces, 9), np.float32)
    for n in range(faces):
        rows[n, :4] = n / 4, 0.1, n / 4 + 0.2, 0.4
    monkeypatch.setattr(tracking, "face_detector", lambda: lambda image: rows)
    monkeypatch.setattr(presence.PresenceFinder, "_search_closer", lambda finder: None)
    found = predict(EXAMPLES / "both_positive.mp4", "group-staged").presence
    times_s = [frame.time_s for frame in found.frames]
    assert len(times_s) == searched and times_s == sorted(times_s) and found.most_faces == faces


def test_a_model_without_faces_looks_closer_where_nothing_was_found(tmp_path):
    """A face of 24 pixels of 960 is too small in the 96 pixels that the model sees."""
    scene = make_drawn_scene(3, "train", 0)
    small = draw_frames(scene, np.array([1.0]))[0]

    def far(at_s: float) -> np.ndarray:
        wide = np.full((540, 960, 3), 90, np.uint8)
        wide[200 : 200 + small.shape[0], 300 : 300 + small.shape[1]] = small
        return wide

    path = clip_of(tmp_path / "a.mp4", far, np.zeros(3 * RATE))
    found = predict(path, "group-staged").presence
    (frame,) = found.frames  # the others need not be decoded
    assert frame.time_s == pytest.approx(0.75, abs=0.1) and len(frame.boxes) == 3


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Presence(), "There is no picture, and there is no sound."),
        (
            Presence((FoundFaces(0.5, ()),), 0.0, False, 2.0),
            "No face was found in 1 frame, and no voice was heard in 2.0 s of sound.",
        ),
        (Presence((FoundFaces(0.5, ((0.1, 0.1, 0.3, 0.4),)),)), None),
        (Presence((FoundFaces(0.5, ()),), 2.4, True, 5.0), None),
    ],
)
def test_the_reason_is_said(found, said):
    assert found.nobody == said


def test_sound_alone_is_listened_to_at_the_rate_of_the_model(tmp_path):
    """32 kHz, as the published sizes want it."""
    checkpoint = load_cached("group-staged")
    mel = replace(checkpoint.sample.mel, rate=32_000, window=1024, hop=640)
    path = tmp_path / "a.wav"
    import av

    wave = UNSEEN["motor"](np.random.default_rng(0), 4.0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            (8000 * wave / np.abs(wave).max()).astype(np.int16)[None], "s16", layout="mono"
        )
        frame.rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    config = replace(checkpoint.sample, mel=mel)
    found = predict(path, replace(checkpoint, sample=config))
    assert found.nobody == ("There is no picture, and no voice was heard in 4.0 s of sound.")
