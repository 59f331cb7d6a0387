"""The joint transformer with pretrained encoders in place of its backbones."""

from dataclasses import replace

import pytest
import torch

from emo_core.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from emo_core.inference.modality_shapley import score_windows
from emo_core.models.interface import collate_features
from emo_core.models.jmt import POCKET, Jmt
from emo_core.models.layers.joint_transformer import means_of_steps
from emo_core.models.layers.towers import Tokens
from emo_core.models.layers.whisper import WHISPER_MEL
from emo_core.preprocess.batch import collate
from emo_core.preprocess.sample import SampleConfig, blank_sample
from emo_core.tasks import ValenceArousal

SAMPLE = SampleConfig(
    window_s=2.0, frames=8, width=80, height=60, people=1, face_size=0, mel=WHISPER_MEL
)


def noise(seed=0):
    torch.manual_seed(seed)
    sample = blank_sample(SAMPLE)
    video = torch.randint(0, 256, sample.video.shape, dtype=torch.uint8)
    return replace(sample, video=video, mel=torch.randn(sample.mel.shape) - 4)


def made(**changes):
    torch.manual_seed(0)
    settings = {"encoders": True, "steps": 4, "width": 32, "hidden": 32, **changes}
    return Jmt(replace(POCKET, **settings)).eval()


@pytest.mark.parametrize("fusion", ["joint", "concat", "video", "audio"])
def test_it_answers_every_step(fusion):
    model = made(fusion=fusion)
    with torch.no_grad():
        alone = model(collate([noise()]))
        both = model(collate([noise(), noise(1)]))
    assert alone.logits.shape == (1, 4, 2) and bool(alone.trace.moments.mask.all())
    assert alone.trace.moments.times_s[0].tolist() == pytest.approx([0.375, 0.875, 1.375, 1.875])
    torch.testing.assert_close(alone.logits, both.logits[:1], atol=1e-4, rtol=1e-4)


def test_a_step_is_the_mean_of_what_was_seen_in_it():
    times_s = torch.tensor([[0.1, 0.5, 0.6, 0.9, 1.7]])
    mask = torch.tensor([[True, True, False, True, True]])
    values = torch.tensor([1.0, 3.0, 100.0, 5.0, 7.0]).view(1, 5, 1)
    means, real = means_of_steps(Tokens(values, mask, times_s), torch.tensor([[0.5, 0.8, 1.0]]))
    assert means[0, :, 0].tolist() == [2.0, 0.0, 6.0] and real.tolist() == [[True, False, True]]


def test_what_is_heard_late_moves_later_steps_first():
    """The encoder reads the whole window, but a change of sound stays near its own step."""
    model = made(fusion="audio")
    sample = noise()
    other = sample.mel.clone()
    other[150:] += 3.0  # from 1.5 s on
    with torch.no_grad():
        first, second = (
            model.encode(collate([replace(sample, mel=mel)]))[1].values
            for mel in (sample.mel, other)
        )
    change = (first - second).norm(dim=-1)[0]
    assert int(change.argmax()) == 3


def test_every_step_is_answered_however_quiet():
    model, sample = made(), noise()
    mel = sample.mel.clone()
    mel[100:] -= 12  # 52 dB
    batch = collate([replace(sample, mel=mel)])
    with torch.no_grad():
        trace = model(replace(batch, face_mask=torch.zeros_like(batch.face_mask))).trace
    assert bool(trace.moments.mask.all())


def test_kept_features_give_the_same_answer():
    model = made()
    batch = collate([noise(), noise(1)])
    with torch.no_grad():
        features = model.features(batch)
        rows = [
            {k: Tokens(t.values[i], t.mask[i], t.times_s[i]) for k, t in features.items()}
            for i in range(2)
        ]
        kept = model(collate_features(rows, [0, 1])).logits
        torch.testing.assert_close(kept, model(batch).logits)


def test_gradients_reach_pixels_and_log_mel():
    model = made()
    batch = collate([noise()])
    pixels, mel = (batch.video.float() / 255).requires_grad_(), batch.mel.clone().requires_grad_()
    model(replace(batch, video=pixels, mel=mel)).logits.sum().backward()
    assert bool(pixels.grad.any()) and bool(mel.grad.any()) and model.cam_layers() == {}


def test_a_checkpoint_refers_to_its_encoders(tmp_path):
    model = made()
    checkpoint = Checkpoint("made", model, "jmt", model.config, SAMPLE, ValenceArousal())
    save_checkpoint(tmp_path / "made", checkpoint, "card")
    assert (tmp_path / "made" / "model.safetensors").stat().st_size < 10**6
    windows = [noise()]
    torch.testing.assert_close(
        score_windows(load_checkpoint(tmp_path / "made"), windows).logits,
        score_windows(checkpoint, windows).logits,
    )


def test_frames_must_be_shared_by_the_steps():
    with pytest.raises(ValueError, match="can't be shared by 3 steps"):
        made(steps=3)(collate([noise()]))
