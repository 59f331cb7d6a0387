"""What must be true of JMT: its counts, its graph, and none of its published bugs."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from benchmarks.common import FixedBatches
from emo_core.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from emo_core.models.jmt import PAPER, POCKET, SAMPLES, SIZES, SOUND, Jmt, JmtConfig
from emo_core.models.layers.attention import PostNormBlock
from emo_core.models.layers.backbones import SpectrogramResNet18, normalize_decibels
from emo_core.models.layers.joint_transformer import (
    ATTENTION_PAIRS,
    FUSIONS,
    READOUTS,
    JointFusion,
    StepPool,
    split_mel_into_steps,
)
from emo_core.models.layers.towers import Tokens
from emo_core.preprocess.log_mel import log_mel
from emo_core.tasks import ValenceArousal
from emo_core.training.trainer import TrainConfig, Trainer
from tests.conftest import random_batch


def small(fusion: str = "joint", **changes: object) -> Jmt:
    """A pocket model, narrower, of four steps."""
    torch.manual_seed(1)
    settings = {
        "steps": 4,
        "width": 32,
        "hidden": 32,
        "head_hidden": 16,
        "video_widths": (8, 16),
        "audio_widths": (8, 8, 16, 16),
        "fusion": fusion,
        **changes,
    }
    return Jmt(replace(POCKET, **settings))


def clip_batch(rows: int = 3, frames: int = 8, **changes: object):
    batch = random_batch(rows, frames=frames, people=1, face=32, **changes)
    target = torch.rand(rows, 4, 2, generator=torch.Generator().manual_seed(9)) * 2 - 1
    return replace(batch, target=target)


def logits(model, batch):
    model.eval()
    with torch.no_grad():
        return model(batch).logits


def disturbed(batch, row: int = 0):
    faces, mel = batch.faces.clone(), batch.mel.clone()
    faces[row], mel[row] = 255 - faces[row], mel[row].flip(0) * 3
    return replace(batch, faces=faces, mel=mel)


def streams(rows: int, steps: int, width: int, dtype=torch.float32, seed: int = 0):
    """Two random token streams of length 1 with everything real."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        Tokens(
            functional.normalize(
                torch.randn(rows, steps, width, generator=generator, dtype=dtype), dim=-1
            ),
            torch.ones(rows, steps, dtype=torch.bool),
            torch.arange(steps).float().repeat(rows, 1),
        )
        for _ in range(2)
    )


def counted(settings: JmtConfig) -> dict[str, int]:
    """Parameters of each part, as `emo list models` gives them; nothing is allocated."""
    with torch.device("meta"):
        model = Jmt(settings)
    return {n: sum(p.numel() for p in c.parameters()) for n, c in model.named_children()}


def test_parameters_are_counted_as_the_published_live_graphs():
    assert set(SIZES) == set(SAMPLES)
    assert sum(counted(POCKET).values()) < 2_000_000
    live = {"joint": 11_170_818, "vanilla": 5_914_627 - 1_025, "concat": 656_386}
    for fusion, wanted in live.items():
        parts = counted(replace(PAPER, fusion=fusion))
        assert list(parts) == ["video", "audio", "fusion", "valence_head", "arousal_head"]
        assert parts["fusion"] + parts["valence_head"] + parts["arousal_head"] == wanted
        assert parts["valence_head"] == 65_793
    assert parts["video"] == 31_300_125  # R(2+1)D-18 without its classifier
    assert parts["audio"] == 11_689_512 - 513_000 - 6_272  # ImageNet's, one channel


def torchs_attention(ours, width: int) -> nn.MultiheadAttention:
    theirs = nn.MultiheadAttention(width, ours.heads).to(ours.out.weight)  # (S, B, D), as published
    theirs.in_proj_weight.data = torch.cat([ours.query.weight, ours.key.weight, ours.value.weight])
    theirs.in_proj_bias.data = torch.cat([ours.query.bias, ours.key.bias, ours.value.bias])
    theirs.out_proj.load_state_dict(ours.out.state_dict())
    return theirs.eval()


def torchs_layer(ours: PostNormBlock, width: int, hidden: int) -> nn.TransformerEncoderLayer:
    heads = ours.attention.heads
    theirs = nn.TransformerEncoderLayer(width, heads, hidden, dropout=0.0).to(ours.widen.weight)
    theirs.self_attn = torchs_attention(ours.attention, width)
    theirs.linear1.load_state_dict(ours.widen.state_dict())
    theirs.linear2.load_state_dict(ours.narrow.state_dict())
    theirs.norm1.load_state_dict(ours.norm.state_dict())
    theirs.norm2.load_state_dict(ours.last_norm.state_dict())
    return theirs.eval()


@pytest.mark.parametrize("dtype,most", [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_the_joint_block_equals_the_published_graph_of_torchs_modules(dtype, most):
    """Section 2.4 as published: time first, one MultiheadAttention a query stream."""
    torch.manual_seed(0)
    width, steps = 512, 16
    block = JointFusion(width, 1, 512, "last").to(dtype).eval()
    video, audio = streams(3, steps, width, dtype)
    v, a = (s.values.transpose(0, 1) for s in (video, audio))  # (S, B, D)
    e = {n: torchs_layer(layer, width, 512) for n, layer in block.encoders.layers.items()}
    m = {n: torchs_attention(layer, width) for n, layer in block.cross_attention.layers.items()}
    with torch.no_grad():
        j = e["joint"](block.joint(torch.cat([v, a], -1)))
        v, a = e["video"](v), e["audio"](a)
        six = torch.stack(
            [
                m["video"](v, a, a)[0],
                m["audio"](a, v, v)[0],
                m["joint"](j, v, v)[0],
                m["video"](v, j, j)[0],
                m["joint"](j, a, a)[0],
                m["audio"](a, j, j)[0],
            ]
        ).flatten(1, 2)  # (6, S*B, D)
        six = torchs_layer(block.readout.mix, width, 512)(six)
        wanted = torchs_attention(block.readout.attention, width)(six, six, six)[0][-1]
        found, _ = block(video, audio)
    assert (found.transpose(0, 1) - wanted.unflatten(0, (steps, 3))).abs().max() < most


def slow_attention(layer, x, context):
    """Loops over queries, heads and keys. x (N, D), context (K, D)."""
    query, key, value = (
        t @ p.weight.T + p.bias
        for t, p in ((x, layer.query), (context, layer.key), (context, layer.value))
    )
    size = x.shape[1] // layer.heads
    rows = []
    for n in range(len(x)):
        parts = []
        for h in range(layer.heads):
            part = slice(h * size, (h + 1) * size)
            scores = [float(query[n, part] @ k[part]) / math.sqrt(size) for k in key]
            exps = [math.exp(s) for s in scores]
            parts.append(sum(e / sum(exps) * v[part] for e, v in zip(exps, value, strict=True)))
        rows.append(torch.cat(parts) @ layer.out.weight.T + layer.out.bias)
    return torch.stack(rows)


def slow_norm(layer, x):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * layer.weight + (
        layer.bias
    )


def slow_layer(layer, x):
    x = slow_norm(layer.norm, x + slow_attention(layer.attention, x, x))
    wide = (x @ layer.widen.weight.T + layer.widen.bias).clamp(min=0)
    return slow_norm(layer.last_norm, x + wide @ layer.narrow.weight.T + layer.narrow.bias)


@pytest.mark.parametrize("heads", [1, 2])
def test_the_joint_block_equals_explicit_loops(heads):
    torch.manual_seed(0)
    block = JointFusion(8, heads, 6, "last").double().eval()
    for parameter in block.parameters():  # norms and biases that are not 1 and 0
        parameter.data += 0.1 * torch.randn_like(parameter)
    video, audio = streams(2, 3, 8, torch.float64)
    with torch.no_grad():
        found, trace = block(video, audio)
        for row in range(2):
            v, a = video.values[row], audio.values[row]
            j = torch.cat([v, a], -1) @ block.joint.weight.T + block.joint.bias
            seen = {
                name: slow_layer(block.encoders.layers[name], x)
                for name, x in (("video", v), ("audio", a), ("joint", j))
            }
            six = [
                slow_attention(block.cross_attention.layers[q], seen[q], seen[c])
                for q, c in ATTENTION_PAIRS
            ]
            for step in range(3):
                tokens = slow_layer(block.readout.mix, torch.stack([t[step] for t in six]))
                wanted = slow_attention(block.readout.attention, tokens, tokens)[-1]
                assert (found[row, step] - wanted).abs().max() < 1e-12
    for name, _, weights in trace.named_tensors():
        torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights.sum(-1)), msg=name)
    assert trace.cross_attention["audio", "joint"].shape == (2, heads, 3, 3)
    assert trace.readout.shape == (2, 3, heads, 1, 6)


def test_the_answers_stand_in_the_published_order():
    assert ATTENTION_PAIRS == (
        ("video", "audio"),
        ("audio", "video"),
        ("joint", "video"),
        ("video", "joint"),
        ("joint", "audio"),
        ("audio", "joint"),
    )


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_sample_does_not_see_its_neighbours(fusion):
    """The published vanilla baseline attends to the other samples of its batch."""
    model, batch = small(fusion), clip_batch()
    before, after = logits(model, batch), logits(model, disturbed(batch))
    torch.testing.assert_close(before[1:], after[1:])
    assert not torch.allclose(before[0], after[0]), "the disturbed sample did not react"
    alone = batch[1:2]
    torch.testing.assert_close(logits(model, alone), before[1:2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fusion", ["joint", "vanilla", "video"])
def test_steps_of_one_sample_see_each_other_except_by_concatenation(fusion):
    batch = clip_batch()
    faces = batch.faces.clone()
    faces[:, :2] = 255 - faces[:, :2]  # the first step
    moved = replace(batch, faces=faces)
    changes = (logits(small(fusion), batch) - logits(small(fusion), moved)).abs().amax((0, 2))
    assert (changes > 1e-7).all()
    by_itself = (logits(small("concat"), batch) - logits(small("concat"), moved)).abs().amax((0, 2))
    assert by_itself[0] > 1e-7 and not by_itself[1:].any()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_what_is_masked_does_not_matter(fusion):
    model, batch = small(fusion), clip_batch()
    face_mask, mel_mask = batch.face_mask.clone(), batch.mel_mask.clone()
    face_mask[:, 3:6], mel_mask[:, 25:] = False, False  # part of a step, a step, further steps
    masked = replace(batch, face_mask=face_mask, mel_mask=mel_mask)
    faces, mel = batch.faces.clone(), batch.mel.clone()
    faces[:, 3:6], mel[:, 25:] = 7, 9.0
    before = logits(model, masked)
    torch.testing.assert_close(before, logits(model, replace(masked, faces=faces)))
    torch.testing.assert_close(before, logits(model, replace(masked, mel=mel)))
    assert not torch.allclose(before, logits(model, batch))


@pytest.mark.parametrize("readout", READOUTS)
def test_steps_of_padding_do_not_change_real_ones(readout):
    torch.manual_seed(0)
    block = JointFusion(16, 2, 16, readout).eval()
    longer = streams(2, 7, 16)
    cut = [
        Tokens(s.values[:, :4], s.mask[:, :4], s.times_s[:, :4]) for s in longer
    ]  # the first four of seven
    mask = torch.arange(7).repeat(2, 1) < 4
    padded = [replace(s, mask=mask, values=s.values * mask.unsqueeze(-1)) for s in longer]
    torch.testing.assert_close(block(*padded)[0][:, :4], block(*cut)[0])


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("missing", [("video",), ("audio",), ("video", "audio")])
def test_a_missing_modality_is_data(fusion, missing):
    model, batch = small(fusion), clip_batch()
    for name in missing:
        batch = batch.without(name)
    output = model.eval()(batch)
    assert output.logits.isfinite().all()
    used = {fusion} if fusion in ("video", "audio") else {"video", "audio"}
    assert output.trace.moments.mask.any() == bool(used - set(missing))
    if len(missing) == 2:  # nothing seen, nothing heard: every clip gets the same answer
        torch.testing.assert_close(output.logits[0], output.logits[1])
    elif fusion == "joint":  # what remains is still looked at
        assert not torch.allclose(output.logits[0], output.logits[1])


def test_without_sound_only_what_video_and_joint_ask_each_other_is_read():
    trace = small().eval()(clip_batch().without("audio")).trace
    heard = {i for i, pair in enumerate(ATTENTION_PAIRS) if "audio" in pair}
    for weights in (trace.mixing, trace.readout):
        read = weights.flatten(0, -2).amax(0) > 0
        assert {i for i in range(6) if not read[i]} == heard == {0, 1, 4, 5}


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_gradient_reaches_every_parameter(fusion, readout):
    model, batch = small(fusion, readout=readout).train(), clip_batch()
    ValenceArousal().loss(model(batch).logits, batch.target).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("pool", ["max", "mean"])
def test_gradient_reaches_the_papers_backbones_down_to_their_first_convolutions(pool):
    torch.manual_seed(1)
    model = Jmt(replace(PAPER, steps=4, width=32, hidden=32, pool=pool)).train()
    batch = clip_batch(rows=2, frames=16)
    ValenceArousal().loss(model(batch).logits, batch.target).backward()
    missing = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert missing == []
    assert model.video.backbone.trunk[0][0].weight.grad.abs().sum() > 0
    assert model.audio.backbone.trunk[0].weight.grad.abs().sum() > 0


def test_the_papers_model_does_not_mix_samples():
    torch.manual_seed(1)
    model, batch = Jmt(replace(PAPER, steps=2)), clip_batch(rows=2)
    before, after = logits(model, batch), logits(model, disturbed(batch))
    torch.testing.assert_close(before[1], after[1], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(before[0], after[0])
    assert before.shape == (2, 2, 2)


def test_the_order_of_time_matters_only_with_positions():
    order = torch.tensor([2, 0, 3, 1])
    batch = clip_batch()
    frames = torch.stack([2 * order, 2 * order + 1], 1).flatten()
    rows = torch.cat([torch.arange(20 * int(s), 20 * int(s) + 20) for s in order])
    shuffled = replace(batch, faces=batch.faces[:, frames], mel=batch.mel[:, rows])
    for fusion in ("joint", "vanilla"):
        model = small(fusion)
        torch.testing.assert_close(logits(model, shuffled), logits(model, batch)[:, order])
        aware = small(fusion, positions="sin")
        changed = logits(aware, shuffled) - logits(aware, batch)[:, order]
        assert changed.abs().max() > 1e-4


def test_a_step_is_timed_by_its_last_picture():
    batch = clip_batch()
    trace = small().eval()(batch).trace
    torch.testing.assert_close(trace.moments.times_s, batch.video_times_s[:, 1::2])
    face_mask = batch.face_mask.clone()
    face_mask[:, 2:4] = False
    trace = small("video").eval()(replace(batch, face_mask=face_mask)).trace
    assert trace.moments.mask.tolist() == [[True, False, True, True]] * 3


def test_sound_is_cut_by_time():
    hop_s, frames = 441 / 44_100, 1_706  # 17.06 s
    times_s = (torch.arange(frames) * hop_s).repeat(2, 1)
    mel = times_s.unsqueeze(-1).repeat(1, 1, 3)
    steps = split_mel_into_steps(mel, torch.ones(2, frames, dtype=torch.bool), times_s, 16)
    assert steps.values.shape == (2, 16, 106, 3)
    for step in range(16):
        first = next(t for t in range(frames) if t >= step * frames / 16 - 0.5)
        wanted = torch.arange(first, first + 106) * hop_s
        torch.testing.assert_close(steps.times_s[0, step], wanted)
        torch.testing.assert_close(steps.values[1, step, :, 0], wanted)
    sample = SAMPLES["paper"]
    assert sample.window_s / 16 == pytest.approx(32 / 30)
    assert sample.mel.frames(sample.window_s) == frames and sample.frames == 16 * 8


def test_decibels_are_the_authors():
    from torchaudio.transforms import AmplitudeToDB, MelSpectrogram

    torch.manual_seed(0)
    wave = torch.randn(1, 45_599) * torch.linspace(0, 0.5, 45_599)
    wave[:, :9_000] = 0  # silence, below the range
    theirs = MelSpectrogram(44_100, 1_024, 882, 441, n_mels=64, power=2.0)
    wanted = (AmplitudeToDB("power", top_db=80)(theirs(wave)) + 14.8) / 19.895  # (1, 64, 104)
    mel = log_mel(wave, SOUND)
    mask = torch.ones(mel.shape[:2], dtype=torch.bool)
    found = normalize_decibels(mel, mask).transpose(1, 2)
    assert wanted.shape[-1] == 104 and found.shape[-1] == 103
    torch.testing.assert_close(found, wanted[..., :103], rtol=1e-3, atol=1e-3)


def test_the_range_of_decibels_is_that_of_real_sound():
    mel, mask = torch.full((1, 10, 4), -30.0), torch.ones(1, 10, dtype=torch.bool)
    mel[:, 5:], mask[:, 5:] = 20.0, False
    quiet = normalize_decibels(mel, mask)
    assert quiet[0, 0, 0].item() == pytest.approx((-30 * 10 / math.log(10) + 14.8) / 19.895)
    assert not quiet[:, 5:].any()


def test_the_first_convolution_of_the_sound_is_the_mean_of_imagenets(monkeypatch):
    import torchvision.models as vision

    def resnet18(weights):
        assert weights is vision.ResNet18_Weights.IMAGENET1K_V1
        torch.manual_seed(5)
        net = original(weights=None)
        made.append(net.conv1.weight.detach().clone())
        return net

    made, asked, original = [], [], vision.resnet18
    monkeypatch.setattr(vision, "resnet18", resnet18)
    monkeypatch.setattr("emo_core.models.layers.backbones.hub_file", asked.append)
    net = SpectrogramResNet18(pretrained=True)
    torch.testing.assert_close(net.trunk[0].weight.data, made[0].mean(1, keepdim=True))
    assert asked == [vision.ResNet18_Weights.IMAGENET1K_V1.url]


def test_pools_of_a_clip():
    seen = Tokens(
        torch.tensor([[[1.0], [5.0], [9.0]], [[1.0], [2.0], [3.0]]]),
        torch.tensor([[True, True, False], [False, False, False]]),
        torch.zeros(2, 3),
    )
    assert StepPool("max", 1)(seen).flatten().tolist() == [5, 0]
    assert StepPool("mean", 1)(seen).flatten().tolist() == [3, 0]
    flat = StepPool("flatten", 2)
    places = torch.randn(3, 49, 2)
    everything = Tokens(places, torch.ones(3, 49, dtype=torch.bool), torch.zeros(3, 49))
    torch.testing.assert_close(flat(everything), flat.mix(places.reshape(3, 98)))
    with pytest.raises(ValueError, match="needs 49 places a clip, found 3"):
        flat(seen)
    with pytest.raises(ValueError, match="pool 'least' is not one of max, mean, flatten"):
        StepPool("least", 1)


def test_frozen_backbones_keep_weights_and_statistics():
    model, batch = small(frozen=True).train(), clip_batch()
    before = {k: v.clone() for k, v in model.state_dict().items() if ".backbone." in k}
    ValenceArousal().loss(model(batch).logits, batch.target).backward()
    assert all(p.grad is None for n, p in model.named_parameters() if ".backbone." in n)
    assert model.fusion.joint.weight.grad.abs().sum() > 0
    for name, value in before.items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match="faces of 2 people; expected 1"):
        small()(random_batch(frames=8))
    with pytest.raises(ValueError, match="6 frames can't be shared by 4 steps"):
        small()(clip_batch(frames=6))
    for wrong in ({"fusion": "sum"}, {"positions": "here"}, {"readout": "first"}, {"pool": "x"}):
        with pytest.raises(ValueError, match="'(sum|here|first|x)'"):
            small(**wrong)
    with pytest.raises(ValueError, match="video_backbone 'cnn' is not known"):
        small(video_backbone="cnn")


def test_a_checkpoint_comes_back_bit_for_bit(tmp_path):
    model, batch = small(), clip_batch()
    task, sample = ValenceArousal(unbiased=False), replace(SAMPLES["pocket"], face_size=32)
    save_checkpoint(
        tmp_path / "jmt", Checkpoint("jmt", model, "jmt", model.config, sample, task), "# card\n"
    )
    loaded = load_checkpoint(tmp_path / "jmt")
    assert (loaded.task, loaded.settings, loaded.sample) == (task, model.config, sample)
    assert torch.equal(logits(loaded.model, batch), logits(model, batch))


@pytest.mark.parametrize("fusion", ["joint", "vanilla"])
def test_it_learns_eight_clips_by_heart(fusion):
    """The joint readout reads everything through three attentions that start near uniform."""
    rng = torch.Generator().manual_seed(0)
    batch = clip_batch(rows=8, seed=3)
    target = torch.rand(8, 4, 2, generator=rng) * 2 - 1
    brightness = ((target[..., 0] + 1) * 100).repeat_interleave(2, 1)[:, :, None, None, None, None]
    loudness = (target[..., 1] * 3).repeat_interleave(20, 1).unsqueeze(-1)
    noise = torch.rand(batch.faces.shape, generator=rng) * 30
    target[0, 1] = -5.0
    batch = replace(
        batch,
        target=target,
        mel=batch.mel * 0.1 - 4 + loudness,
        faces=(noise + brightness).to(torch.uint8),
    )
    config = TrainConfig(80, lr=3e-3, backbone_lr=3e-3, warmup_fraction=0.01, weight_decay=0)
    trainer = Trainer(small(fusion), ValenceArousal(), config)
    losses = [epoch.loss for epoch in trainer.epochs(FixedBatches([batch]), None)]
    assert losses[-1] < 0.35 * losses[0] and all(np.isfinite(losses))


@pytest.mark.parametrize("backbone, bands_first", [("slim", False), ("resnet18", True)])
def test_a_map_of_sound_comes_back_at_its_band_and_time(backbone, bands_first):
    model, batch = small("audio", audio_backbone=backbone), clip_batch()
    one = batch[:1]
    cam = torch.zeros(4, 1, 2, 2)  # time and bands of each of four steps
    cam[1, 0, 0, 1] = 1  # the second step begins with a high tone
    found = model.cam_placement("audio", cam.transpose(2, 3) if bands_first else cam, one, None)
    frames, bands = one.mel.shape[1:]
    assert found.shape == (frames, bands) and found.max() == 1
    start, end = frames // 4, frames // 2
    half = (start + end) // 2
    assert found[start:half].sum() > found[half:end].sum()
    assert found[:, bands // 2 :].sum() > 0.5 * found.sum()
    assert not found[:start].any() and not found[end:].any()
