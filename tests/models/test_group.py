"""What must be true of the group model in every ablation, and of attention by itself."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from emo_core.cli.commands import list_models
from emo_core.models.layers.attention import Attention, Block, masked_mean, time_encoding
from emo_core.models.layers.backbones import Cnn14, normalize_frames
from emo_core.models.layers.fusion import FUSIONS
from emo_core.models.layers.towers import Tokens
from tests.conftest import paper_group, random_batch, small_group

MORE = {  # beside two-way fusion
    "alone": {"unimodal_heads": True},  # streams have heads of their own
    "scales": {"pyramid_levels": 3},
    "grey": {"use_color": False},
}
KINDS = [*FUSIONS, *MORE]


def made(kind):
    return small_group(**MORE[kind]) if kind in MORE else small_group(kind)


def logits(model, batch):
    model.eval()
    with torch.no_grad():
        return model(batch).logits


def disturbed(batch, row=0):
    """The same batch with another picture and sound in one row."""
    video, mel = batch.video.clone(), batch.mel.clone()
    video[row], mel[row] = 255 - video[row], mel[row].flip(0) * 3
    return replace(batch, video=video, mel=mel)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_does_not_see_its_neighbours(kind):
    model, batch = made(kind), random_batch()
    before, after = logits(model, batch), logits(model, disturbed(batch))
    torch.testing.assert_close(before[1:], after[1:])
    assert not torch.allclose(before[0], after[0]), "the disturbed sample did not react"
    alone = batch[1:2]
    torch.testing.assert_close(logits(model, alone), before[1:2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_masked_does_not_matter(kind):
    model, batch = made(kind), random_batch()
    video_mask, mel_mask = batch.video_mask.clone(), batch.mel_mask.clone()
    video_mask[:, 2:], mel_mask[:, 40:] = False, False
    masked = replace(batch, video_mask=video_mask, mel_mask=mel_mask)
    video, mel = batch.video.clone(), batch.mel.clone()
    video[:, 2:], mel[:, 40:] = 0, 9.0
    torch.testing.assert_close(logits(model, masked), logits(model, replace(masked, video=video)))
    torch.testing.assert_close(logits(model, masked), logits(model, replace(masked, mel=mel)))
    assert not torch.allclose(logits(model, masked), logits(model, batch))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [("video",), ("audio",), ("video", "audio")])
def test_a_missing_modality_is_data(kind, missing):
    model, batch = made(kind), random_batch()
    for name in missing:
        batch = batch.without(name)
    before = logits(model, batch)
    assert before.isfinite().all()
    if len(missing) == 2:  # nothing seen, nothing heard: every clip gets the same answer
        torch.testing.assert_close(before[0], before[1])


@pytest.mark.parametrize("fusion", FUSIONS)
def test_gradient_reaches_every_parameter(fusion):
    model, batch = small_group(fusion).train(), random_batch()
    functional.cross_entropy(model(batch).logits, batch.target).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_the_pictures_own_head_always_speaks_and_the_sounds_where_nothing_is_seen():
    model, batch = small_group(unimodal_heads=True).eval(), random_batch()
    without = small_group().eval()
    without.load_state_dict(
        {name: value for name, value in model.state_dict().items() if ".unimodal_head." not in name}
    )
    silent, unseen = batch.without("audio"), batch.without("video")
    neither = silent.without("video")
    torch.testing.assert_close(logits(model, neither), logits(without, neither))
    with torch.no_grad():
        seen = model.video.backbone(batch.video, batch.video_mask, batch.video_times_s)
        heard = model.audio.backbone(batch.mel, batch.mel_mask, batch.mel_times_s)
        frames = functional.linear(
            seen.values, *model.video.unimodal_head.classifier.parameters()
        ).mean(1)
        pooled = torch.cat([heard.values.mean(1), heard.values.amax(1)], -1)
        sound = functional.linear(pooled, *model.audio.unimodal_head.classifier.parameters())
    assert frames.abs().sum() > 0 and sound.abs().sum() > 0
    for shown, own in ((batch, frames), (silent, frames), (unseen, sound)):
        wanted = logits(without, shown) + own
        torch.testing.assert_close(logits(model, shown), wanted, rtol=1e-4, atol=1e-5)


def test_each_row_decides_for_itself_which_head_speaks():
    model, batch = small_group(unimodal_heads=True), random_batch(rows=3)
    mel_mask, video_mask = batch.mel_mask.clone(), batch.video_mask.clone()
    mel_mask[0], video_mask[1] = False, False
    mixed = logits(model, replace(batch, mel_mask=mel_mask, video_mask=video_mask))
    torch.testing.assert_close(mixed[:1], logits(model, batch.without("audio"))[:1])
    torch.testing.assert_close(mixed[1:2], logits(model, batch.without("video"))[1:2])
    torch.testing.assert_close(mixed[2:], logits(model, batch)[2:])


@pytest.mark.parametrize(
    "missing, speaks, silent",
    [
        ("audio", "video", "audio"),
        ("video", "audio", "video"),
    ],
)
def test_a_head_that_speaks_learns(missing, speaks, silent):
    model, batch = small_group(unimodal_heads=True).train(), random_batch()
    functional.cross_entropy(model(batch.without(missing)).logits, batch.target).backward()
    assert getattr(model, speaks).unimodal_head.classifier.weight.grad.abs().sum() > 0
    assert not getattr(model, silent).unimodal_head.classifier.weight.grad.any()


def test_without_colour_a_grey_picture_says_the_same():
    model, batch = small_group(use_color=False), random_batch()
    weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    unit = batch.video / 255
    grey = replace(batch, video=(unit * weights).sum(2, keepdim=True).repeat(1, 1, 3, 1, 1))
    for same in (grey, replace(batch, video=unit)):  # bytes and shares of one
        torch.testing.assert_close(logits(model, same), logits(model, batch))
    red = batch.video.clone()
    red[:, :, 1:] = 0
    assert not torch.allclose(logits(model, replace(batch, video=red)), logits(model, batch))
    coloured = small_group()
    assert not torch.allclose(logits(coloured, grey), logits(coloured, batch))


def test_a_frame_is_read_at_its_own_size_and_at_half_and_the_larger_answer_counts():
    model, batch = small_group(pyramid_levels=2).eval(), random_batch()
    tower, shape = model.video.backbone, batch.video.shape[:2]
    with torch.no_grad():
        seen = tower(batch.video, batch.video_mask, batch.video_times_s)
        frames = normalize_frames(batch.video, batch.video_mask).flatten(0, 1)
        full, half = tower.trunk(frames), tower.trunk(functional.avg_pool2d(frames, 2))
    (height, width), (rows, columns) = full.shape[2:], half.shape[2:]
    large = full.clone()
    for y in range(height):
        for x in range(width):
            coarse = half[..., y * rows // height, x * columns // width]
            large[..., y, x] = torch.maximum(full[..., y, x], coarse)
    assert (large > full).any() and (large == full).any()
    wanted = torch.cat([large.mean((2, 3)), large.amax((2, 3))], 1).unflatten(0, shape)
    torch.testing.assert_close(seen.values, wanted)


def test_gradient_reaches_the_first_convolutions_of_the_papers_backbones():
    model = paper_group().train()
    batch = random_batch(rows=2, frames=8, side=32)
    functional.cross_entropy(model(batch).logits, batch.target).backward()
    missing = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert missing == []
    assert model.video.backbone.trunk[0][0].weight.grad.abs().sum() > 0
    assert model.audio.backbone.conv_block1.conv1.weight.grad.abs().sum() > 0


def test_the_papers_model_does_not_mix_samples():
    model = paper_group()
    batch = random_batch(rows=2, frames=8, side=32)
    before, after = logits(model, batch), logits(model, disturbed(batch))
    torch.testing.assert_close(before[1], after[1], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(before[0], after[0])


def test_frozen_backbones_keep_weights_and_statistics():
    model, batch = small_group(frozen=True).train(), random_batch()
    before = {k: v.clone() for k, v in model.video.backbone.state_dict().items()}
    functional.cross_entropy(model(batch).logits, batch.target).backward()
    assert all(p.grad is None for p in model.video.backbone.parameters())
    assert model.video.project.weight.grad.abs().sum() > 0
    for name, value in model.video.backbone.state_dict().items():
        torch.testing.assert_close(value, before[name])


def test_attention_equals_torchs_own():
    torch.manual_seed(0)
    ours, x, context = Attention(16, 4).eval(), torch.randn(2, 5, 16), torch.randn(2, 7, 16)
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[1, 4:] = False
    theirs = torch.nn.MultiheadAttention(16, 4, batch_first=True).eval()
    theirs.in_proj_weight.data = torch.cat([ours.query.weight, ours.key.weight, ours.value.weight])
    theirs.in_proj_bias.data = torch.cat([ours.query.bias, ours.key.bias, ours.value.bias])
    theirs.out_proj.load_state_dict(ours.out.state_dict())
    mixed, weights = ours(x, context, mask)
    wanted, wanted_weights = theirs(
        x, context, context, key_padding_mask=~mask, average_attn_weights=False
    )
    torch.testing.assert_close(mixed, wanted)
    torch.testing.assert_close(weights, wanted_weights)


def test_attention_follows_a_permuted_context():
    torch.manual_seed(0)
    layer, x, context = Attention(8, 2), torch.randn(1, 3, 8), torch.randn(1, 6, 8)
    order = torch.randperm(6)
    mixed, weights = layer(x, context)
    again, permuted = layer(x, context[:, order])
    torch.testing.assert_close(mixed, again)
    torch.testing.assert_close(weights[..., order], permuted)


def test_attention_rows_are_distributions_in_the_trace():
    trace = small_group().eval()(random_batch()).trace
    assert list(trace.attention) == [("video", "audio"), ("audio", "video")]
    for blocks in trace.attention.values():
        assert len(blocks) == 2
        for weights in blocks:
            torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
    assert trace.attention["video", "audio"][0].shape == (3, 4, 4, 10)
    assert trace.video_to_audio.weights is trace.attention["video", "audio"][-1]


def test_equal_moments_have_equal_encodings_and_distant_ones_differ():
    code = time_encoding(torch.tensor([[0.0, 1.0, 1.02, 3.0]]), 32)[0]
    near, far = (code[1] - code[2]).norm(), (code[1] - code[3]).norm()
    assert near < 0.35 * far
    torch.testing.assert_close(code, time_encoding(torch.tensor([[0.0, 1.0, 1.02, 3.0]]), 32)[0])


def test_masked_mean_is_the_mean_of_what_is_real():
    tokens = torch.tensor([[[1.0], [3.0], [100.0]], [[5.0], [6.0], [7.0]]])
    mask = torch.tensor([[True, True, False], [False, False, False]])
    assert masked_mean(tokens, mask).flatten().tolist() == [2.0, 0.0]


def test_late_fusion_adds_the_scores_of_the_streams():
    model = small_group("late").eval()
    batch = random_batch()
    both, only_video, only_audio = (
        logits(model, b) for b in (batch, batch.without("audio"), batch.without("video"))
    )
    torch.testing.assert_close(both, only_video + only_audio)


def test_cnn14_has_the_shape_and_names_of_panns():
    with torch.device("meta"):
        net = Cnn14()
    assert sum(p.numel() for p in net.conv_block6.parameters()) == 9 * (1024 + 2048) * 2048 + 8192
    assert {"bn0.weight", "conv_block1.conv1.weight", "conv_block6.bn2.running_var"} <= set(
        net.state_dict()
    )
    mel = torch.randn(1, 500, 64)
    tokens = Cnn14().eval()(mel, torch.ones(1, 500, dtype=torch.bool), torch.zeros(1, 500))
    assert isinstance(tokens, Tokens) and tokens.values.shape == (1, 15, 2048)


def test_sizes_are_as_promised():
    counts = {row["size"]: row for row in list_models()["models"] if row["name"] == "group"}
    assert counts["pocket"]["parameters"] <= 3_000_000
    assert sum(counts["paper"]["parts"].values()) == counts["paper"]["parameters"]
    trunk = 31_300_638  # R(2+1)D-18 without its classifier: 31,505,325 - 400 * 513 + rounding
    assert abs(counts["paper"]["parts"]["video"] - 512 * 256 - 512 - trunk) < 1_000


def test_untrained_cross_attention_already_looks_at_the_same_moment():
    torch.manual_seed(0)
    block, times_s = Block(96, 4).eval(), torch.linspace(0, 5, 16).unsqueeze(0)
    other_s = torch.linspace(0, 5, 60).unsqueeze(0)
    video = torch.randn(1, 16, 96) * 0.5 + time_encoding(times_s, 96)
    audio = torch.randn(1, 60, 96) * 0.5 + time_encoding(other_s, 96)
    _, weights = block(video, audio, torch.ones(1, 60, dtype=torch.bool))
    near = (times_s[0, :, None] - other_s[0]).abs() < 0.5  # (N, K)
    share = (weights[0].mean(0) * near).sum(-1).mean()
    assert share > 3 * near.float().mean()  # three times what uniform attention would put there
