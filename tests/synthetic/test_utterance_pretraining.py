"""Pre-training data of MESM's towers: faces framed as of clips, every class as often."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from emo_core.models.mesm import mesm
from emo_core.models.pretraining_heads import TowerPretrainHead
from emo_core.preprocess.batch import collate
from emo_core.preprocess.sample import frame_times
from emo_core.synthetic.composed import pretraining as collage_warm
from emo_core.synthetic.composed import video as collage_picture
from emo_core.synthetic.composed.dataset import decode_utterance
from emo_core.synthetic.composed.pretraining import SHARE, Faces, PretrainStage, Voices, single
from emo_core.synthetic.composed.utterances import CLASSES, make_utterance, read_speakers
from emo_core.tasks import FrameLabel
from emo_core.training.pretrain import pretrain
from emo_core.training.recipes import RecipeError, find_recipe
from emo_core.training.trainer import TrainConfig, parameter_groups
from tests.synthetic.test_utterances import CONFIG, make_speakers, splits_drawn

STAGE = PretrainStage(epochs=4, samples_per_epoch=140)


@pytest.fixture(scope="module")
def speakers(tmp_path_factory):
    return read_speakers(make_speakers(tmp_path_factory.mktemp("speakers")))


def small(mode: str = "dense", **changes):
    torch.manual_seed(0)
    return mesm(
        "pocket",
        mode=mode,
        keep=0.5,
        widths=(8, 8, 16, 16),
        hidden=32,
        width=16,
        layers=1,
        feed_forward=32,
        text_width=16,
        dropout=0.0,
        sound="level",
        **changes,
    )


def reader_of(stream: str, mode: str = "dense", classes: int = 2) -> TowerPretrainHead:
    model = small(mode)
    return TowerPretrainHead(getattr(model, stream), model.config, classes)


def test_a_warm_face_is_as_large_as_a_face_of_a_clip(speakers, monkeypatch):
    """White photographs, whole and without changes: as many white pixels in both crops."""
    monkeypatch.setattr(Faces, "strength", lambda *_: 0.0)
    for module in (collage_warm, collage_picture):
        monkeypatch.setattr(module, "photograph", lambda _: np.full((128, 128), 255, np.uint8))
    warm = Faces(speakers, STAGE, CONFIG, 0)
    shown = [warm[0, number][0].faces[0, 0, 0].numpy() for number in range(30)]
    shares = [(face > 200).mean() ** 0.5 for face in shown if face[0, 0] < 150]
    assert len(shares) > 10 and np.allclose(shares, SHARE, atol=0.03)
    plain = {"grey": True, "blur": 0.0, "noise": 0.0, "quality": 0, "lamp": (0.0, 0.0)}
    plain |= {"light": (0.0, 1.0), "tint": (1.0, 1.0, 1.0), "zoom": (1.0, 1.0)}
    found = []
    for index in range(200):
        scene = make_utterance(speakers, 0, "train", index)
        if scene.hidden or not 0.5 < scene.people[0].size < 0.7:
            continue
        person = replace(scene.people[0], oval=False, light=(1.0, 1.0), skin=(1.0, 1.0, 1.0))
        scene = replace(scene, people=(person,), camera=replace(scene.camera, **plain))
        face = decode_utterance(scene, speakers, CONFIG, frame_times(CONFIG)).faces[0, 0, ..., 0]
        found.append((face > 200).mean() ** 0.5)
    assert len(found) > 10 and abs(np.median(found) - SHARE) < 0.08  # edges are soft


def test_pretraining_draws_every_class_as_often_and_training_people_only(speakers, monkeypatch):
    used = splits_drawn(speakers, monkeypatch)
    for kind, stream in ((Faces, "faces"), (Voices, "mel")):
        made = kind(speakers, STAGE, CONFIG, 0)
        assert set(CLASSES) <= set(made.classes)
        found = Counter(np.ravel(made[epoch, n][1])[0] for epoch in range(2) for n in range(140))
        share = 1 / len(CLASSES) * (1 - 0.15 * (kind is Voices))
        for name in CLASSES:
            count, error = found[made.classes.index(name)], (280 * share * (1 - share)) ** 0.5
            assert abs(count - 280 * share) < 4 * error, (stream, name)
        again = kind(speakers, STAGE, CONFIG, 0)
        for one, other in ((made[1, 3], again[1, 3]),):
            assert torch.equal(getattr(one[0], stream), getattr(other[0], stream))
    assert set(used) == {"train"}


@pytest.mark.parametrize("mode", ["dense", "structured", "trained"])
@pytest.mark.parametrize("stream", ["video", "audio"])
def test_a_reader_teaches_the_tower_and_leaves_the_rest_alone(stream, mode, speakers):
    kind = Faces if stream == "video" else Voices
    made = kind(speakers, STAGE, CONFIG, 0)
    reader = reader_of(stream, mode, len(made.classes)).train()
    samples, targets = zip(*(made[3, n] for n in range(8)), strict=True)
    logits = reader(collate(samples)).logits
    assert logits.shape == (8, len(made.classes))
    target = torch.as_tensor(np.array(targets))
    FrameLabel(tuple(made.classes)).loss(logits, target).backward()
    for name, parameter in reader.named_parameters():
        taught = parameter.grad is not None and parameter.grad.abs().sum() > 0
        chooses = "attention" in name  # asks the text, and nobody asks here
        if name.startswith(("stream.tower", "stream.flatten", "head")) and not chooses:
            assert taught or name.endswith("bias"), name  # a norm takes a bias away
        elif not chooses:
            assert not taught, name


def sounds(count: int, frames: int = 96) -> torch.Tensor:
    """Log-mel (n, F, 64): odd ones have a tone high up, even ones low down."""
    torch.manual_seed(3)
    mel = torch.randn(count, frames, 64)
    for number in range(count):
        band = 48 if number % 2 else 12
        mel[number, :, band : band + 4] += 4.0
    return mel


def faces(count: int) -> torch.Tensor:
    """(n, 1, 3, 48, 48) uint8: odd ones are bright above, even ones below."""
    torch.manual_seed(4)
    pixels = torch.randint(60, 120, (count, 1, 3, 48, 48), dtype=torch.uint8)
    for number in range(count):
        rows = slice(0, 24) if number % 2 else slice(24, 48)
        pixels[number, :, :, rows] += 60
    return pixels


def planted(stream: str, count: int = 16):
    shown, heard = faces(count), sounds(count)
    return collate(
        [
            single(None, None, CONFIG, shown[n])
            if stream == "video"
            else single(None, heard[n], CONFIG)
            for n in range(count)
        ]
    )


@pytest.mark.parametrize("mode", ["dense", "structured"])
@pytest.mark.parametrize("stream", ["video", "audio"])
def test_a_reader_learns_what_is_planted(stream, mode):
    reader, batch = reader_of(stream, mode).train(), planted(stream)
    target = torch.arange(16) % 2
    optimizer = torch.optim.AdamW(reader.parameters(), 3e-3)
    for _ in range(15):
        loss = torch.nn.functional.cross_entropy(reader(batch).logits, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        assert (reader(batch).logits.argmax(-1) == target).all()


@pytest.mark.parametrize("stream", ["video", "audio"])
def test_a_reader_answers_each_alone_and_reads_nothing_masked(stream):
    reader, batch = reader_of(stream), planted(stream, 4)
    with torch.no_grad():
        for _ in range(40):  # norms that have seen nothing hide every difference
            reader.train()(batch)
        whole = reader.eval()(batch).logits
        assert not torch.allclose(whole[0], whole[1], atol=0.01)
        one = reader(planted(stream, 1)).logits
        torch.testing.assert_close(whole[:1], one, atol=1e-4, rtol=1e-4)
        noise = replace(batch, mel=torch.cat([batch.mel, torch.randn(4, 32, 64) * 9], 1))
        mask = torch.zeros(4, 32, dtype=torch.bool)
        noise = replace(noise, mel_mask=torch.cat([batch.mel_mask, mask], 1))
        torch.testing.assert_close(reader(noise).logits, whole, atol=1e-4, rtol=1e-4)
        if stream == "audio":  # an utterance twice as loud is the same; one louder chunk is not
            louder = replace(batch, mel=batch.mel + 2.0)
            torch.testing.assert_close(reader(louder).logits, whole, atol=1e-4, rtol=1e-4)
            mel = batch.mel.clone()
            mel[:, :32] += 2.0
            assert not torch.allclose(reader(replace(batch, mel=mel)).logits, whole, atol=1e-2)


def test_towers_learn_slowly_where_a_recipe_says_so():
    model = small("structured")
    config = TrainConfig(
        lr=1e-3, backbone_lr=1e-5, backbone_modules=("backbone", "tower", "flatten")
    )
    slow = {id(p) for g in parameter_groups(model, config) if g["lr"] == 1e-5 for p in g["params"]}
    expected = [
        model.text,
        *(part for s in (model.video, model.audio) for part in (s.tower, s.flatten)),
    ]
    assert slow == {id(p) for part in expected for p in part.parameters()}


@pytest.mark.parametrize(
    "setting,words",
    [
        ({"frames": STAGE}, "fe2e has no pre-training by frames; it has faces, voices"),
        ({"drawn_frames": STAGE}, "fe2e has no pre-training by drawn_frames"),
    ],
)
def test_a_stage_that_nothing_would_read_is_refused(setting, words):
    recipe = replace(find_recipe("fe2e-utterances"), **setting)
    with pytest.raises(RecipeError, match=words):
        pretrain(recipe, small(), None, print)
