"""The group model with people and speech beside whole frames and sound."""

import json
from dataclasses import replace

import pytest
import torch

from emo_core.checkpoint import (
    Checkpoint,
    CheckpointError,
    load_checkpoint,
    save_checkpoint,
    with_digests,
)
from emo_core.inference.modality_shapley import score_windows
from emo_core.models import group as group_module
from emo_core.models.group import POCKET, Group
from emo_core.models.interface import collate_features
from emo_core.models.layers.fusion import mix_streams
from emo_core.models.layers.towers import Tokens, join_towers
from emo_core.models.layers.whisper import WHISPER_MEL, shipped_whisper
from emo_core.preprocess.batch import collate
from emo_core.preprocess.sample import SampleConfig, blank_sample
from emo_core.schema import POLARITIES
from emo_core.tasks import SingleLabel

SAMPLE = SampleConfig(
    window_s=2.0, frames=4, width=80, height=60, people=2, face_size=0, mel=WHISPER_MEL
)


def made(**changes):
    torch.manual_seed(1)
    settings = replace(
        POCKET,
        video_widths=(8, 16),
        audio_widths=(8, 8, 16, 16),
        width=32,
        people="expression",
        mixture=True,
        video_size=(40, 30),
        mel_pool=2,
        **{"speech": "whisper", **changes},
    )
    return Group(settings).eval()


@pytest.fixture(scope="module")
def model():
    return made()


def noise(seed=0):
    torch.manual_seed(seed)
    sample = blank_sample(SAMPLE)
    video = torch.randint(0, 256, sample.video.shape, dtype=torch.uint8)
    return replace(sample, video=video, mel=torch.randn(sample.mel.shape) - 4)


def test_four_towers_make_two_streams(model):
    assert model.tower_names == ("video", "people", "audio", "speech")
    video, audio = model.encode(collate([noise(), noise(1)]))
    assert video.values.shape == (2, 4 + 4 * 2, 32) and bool(video.mask.all())
    assert audio.values.shape == (2, 13 + 13, 32)
    assert model(collate([noise()])).logits.shape == (1, 3)


def test_kept_features_give_the_same_answer(model):
    """Half precision is the only difference."""
    batch = collate([noise(), noise(1)])
    with torch.no_grad():
        features = model.features(batch)
        rows = [
            {k: Tokens(t.values[i].half(), t.mask[i], t.times_s[i]) for k, t in features.items()}
            for i in range(2)
        ]
        kept = model(collate_features(rows, [0, 1])).logits
        torch.testing.assert_close(kept, model(batch).logits, atol=2e-2, rtol=2e-2)


def test_only_one_stream_is_read_where_it_is_asked_for(model):
    assert set(model.features(collate([noise()]), ["audio"])) == {"audio", "speech"}


def test_windows_do_not_see_each_other(model):
    with torch.no_grad():
        alone, both = model(collate([noise()])).logits, model(collate([noise(), noise(1)])).logits
    torch.testing.assert_close(alone, both[:1], atol=1e-4, rtol=1e-4)


def test_a_missing_face_leaves_the_frames(model):
    sample = noise()
    without = replace(sample, face_mask=torch.zeros_like(sample.face_mask))
    moved = replace(without, face_eyes=torch.rand_like(sample.face_eyes))
    with torch.no_grad():
        first, second = (model(collate([s])).logits for s in (without, moved))
        torch.testing.assert_close(first, second)
        assert not torch.allclose(first, model(collate([sample])).logits)


def test_gradients_reach_pixels_and_log_mel_through_frozen_encoders(model):
    batch = collate([noise()])
    pixels, mel = (batch.video.float() / 255).requires_grad_(), batch.mel.clone().requires_grad_()
    logits = model(replace(batch, video=pixels, mel=mel)).logits
    logits[0, 0].backward()
    assert bool(pixels.grad.any()) and bool(mel.grad.any())
    assert all(p.grad is None for p in model.speech.backbone.parameters())


def test_encoders_are_frozen_unless_they_shall_learn(model):
    learning = made(train_encoders=True)
    for name in ("people", "speech"):
        assert not any(p.requires_grad for p in getattr(model, name).backbone.parameters())
        assert all(p.requires_grad for p in getattr(learning, name).backbone.parameters())
    assert learning.frozen_encoders() == {}
    learning.freeze_towers()
    trained = {n.split(".")[0] for n, p in learning.named_parameters() if p.requires_grad}
    assert trained == {"video", "people", "audio", "speech", "fusion", "log_shares"}
    assert not any(p.requires_grad for p in learning.video.backbone.parameters())


def test_what_a_fusion_has_not_learned_leaves_the_mixture_of_the_streams(model):
    video, audio = model.encode(collate([noise()]))
    there = torch.tensor([[True]])
    with torch.no_grad():
        mixed = mix_streams(
            video.unimodal_logits, audio.unimodal_logits, there, there, model.log_shares
        )
        torch.testing.assert_close(model.fuse(video, audio).logits, mixed)


def test_a_model_without_a_stream_answers_by_the_other_one():
    model = made(fusion="video")
    batch = collate([noise()])
    with torch.no_grad():
        video, _ = model.encode(batch)
        own = video.unimodal_logits[:, :3].log_softmax(-1)
        torch.testing.assert_close(model(batch).logits, own, atol=1e-5, rtol=1e-5)


def test_a_checkpoint_refers_to_frozen_encoders(tmp_path, model):
    task = SingleLabel(POLARITIES)
    checkpoint = Checkpoint("made", model, "group", model.config, SAMPLE, task)
    save_checkpoint(tmp_path / "made", checkpoint, "card")
    assert (tmp_path / "made" / "model.safetensors").stat().st_size < 10**6
    found = load_checkpoint(tmp_path / "made")
    windows = [noise()]
    torch.testing.assert_close(
        score_windows(found, windows).logits, score_windows(checkpoint, windows).logits
    )
    path, weights = (tmp_path / "made" / name for name in ("config.json", "model.safetensors"))
    config = json.loads(path.read_text(encoding="utf-8"))
    config["encoders"]["speech.backbone."] = "0" * 64  # of another version
    path.write_text(json.dumps(with_digests(config, weights.read_bytes())), encoding="utf-8")
    with pytest.raises(CheckpointError, match="take the version"):
        load_checkpoint(tmp_path / "made")


def test_fewer_blocks_of_speech_and_no_more_than_there_are():
    assert len(made(speech_blocks=1).speech.backbone.layers) == 1
    with pytest.raises(ValueError, match="blocks is 3; this encoder has 2"):
        made(speech_blocks=3)


def test_an_encoder_of_the_hub_is_part_of_the_checkpoint(monkeypatch):
    """Its weights are fetched where there is a network, so a checkpoint must hold them."""
    asked = []

    def fetched(name, blocks):
        asked.append((name, blocks))
        return shipped_whisper(blocks)

    monkeypatch.setattr(group_module, "hub_whisper", fetched)
    model = made(speech="openai/whisper-base", speech_blocks=1)
    assert asked == [("openai/whisper-base", 1)]
    assert list(model.frozen_encoders()) == ["people.backbone.net."]


def test_offline_a_size_of_the_hub_is_a_sentence():
    with pytest.raises(ValueError, match="whisper-base can't be had .*; fetch it once online"):
        made(speech="openai/whisper-base")


def test_rollout_speaks_of_frames_and_moments(model):
    batch = collate([noise()])
    with torch.no_grad():
        shares = model.rollout(batch, model(batch).trace, None)
    assert shares["video"].shape == (4,) and shares["audio"].shape == (200,)
    assert float(sum(share.sum() for share in shares.values())) == pytest.approx(1.0, abs=1e-5)


def test_joined_towers_keep_their_masks_and_average_what_they_say():
    one = Tokens(torch.ones(2, 1, 3), torch.tensor([[True], [False]]), torch.zeros(2, 1))
    two = Tokens(torch.zeros(2, 2, 3), torch.ones(2, 2, dtype=torch.bool), torch.ones(2, 2))
    one, two = (
        replace(one, unimodal_logits=torch.ones(2, 3)),
        replace(two, unimodal_logits=torch.full((2, 3), 10.0)),
    )
    joined = join_towers([one, two])
    assert joined.mask.tolist() == [[True, True, True], [False, True, True]]
    assert joined.unimodal_logits[:, 0].tolist() == [5.5, 5.5]
    assert join_towers([one]) is one
