"""A value of a map comes back at the place and time of the input that it was computed from."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from emo_core.attribution.methods import explain_window
from emo_core.attribution.types import Target
from emo_core.models.layers.backbones import (
    Cnn14,
    FrameResNet,
    MelResNet,
    R2Plus1D,
    SpectrogramResNet18,
)
from emo_core.models.layers.cam import CellGrid, resize_frame_maps, resize_maps
from emo_core.models.layers.vgg import DenseTower
from tests.support.explained import checkpoint_of

SAME = CellGrid(), CellGrid()


def evened(module):
    """The same layers with equal weights: fields are then symmetric around their centres."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            nn.init.constant_(layer.weight, 1 / layer.weight[0].numel())
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module.eval()


def put_out(backbone, *inputs):
    """The last map of one row, (channels, *cells)."""
    maps = []
    hook = backbone.cam_layer.register_forward_hook(lambda _, __, out: maps.append(out))
    backbone.read(*inputs)
    hook.remove()
    return maps[0][0]


def centres(values, inputs):
    """Where the gradient of each cell's channels lies in the axes of `inputs`, (cells..., axes)."""
    cells = values.shape[1:]
    found = torch.zeros(*cells, inputs.ndim)
    for cell in torch.cartesian_prod(*(torch.arange(n) for n in cells)).tolist():
        (gradient,) = torch.autograd.grad(
            values[(slice(None), *cell)].sum(), inputs, retain_graph=True
        )
        weight = gradient.abs()
        for axis, size in enumerate(inputs.shape):
            along = weight.sum([a for a in range(inputs.ndim) if a != axis])
            found[(*cell, axis)] = (along * torch.arange(size)).sum() / along.sum()
    return found


def inner(found, grids, size, margin):
    """Off the stated centres, of cells whose field of `margin` lies within the input: (n, axes)."""
    apart = []
    for cell in torch.cartesian_prod(*(torch.arange(n) for n in found.shape[:-1])).tolist():
        wanted = [grid.first + grid.stride * i for grid, i in zip(grids, cell, strict=True)]
        if all(m <= w < s - m for w, s, m in zip(wanted, size, margin, strict=True)):
            apart.append(found[tuple(cell)] - torch.tensor(wanted))
    return torch.stack(apart)


@pytest.mark.parametrize("pool", [1, 2])
def test_cells_of_the_small_sound_backbone(pool):
    mel = torch.zeros(1, 160 * pool, 64, requires_grad=True)
    backbone = evened(MelResNet((4, 4, 4), pool))
    found = centres(put_out(backbone, mel, torch.ones(mel.shape[:2]) > 0), mel)[..., 1:]
    size = tuple(mel.shape[1:])
    off = inner(found, backbone.cam_grids(size), size, (24 * pool, 20))
    assert len(off) > 3 and float(off.abs().max()) < 0.01


@pytest.mark.parametrize("settings", [{}, {"scales": 2}, {"size": (96, 72)}])
def test_cells_of_the_small_video_backbone(settings):
    frames = torch.ones(1, 3, 144, 192, requires_grad=True)
    backbone = evened(FrameResNet((4, 4, 4), **settings))
    found = centres(put_out(backbone, frames, torch.ones(1) > 0), frames)[..., 2:]
    off = inner(found, backbone.cam_grids((144, 192)), (144, 192), (48, 48))
    allowed = {"scales": 4.6, "size": 0.6}.get(next(iter(settings), ""), 0.01)
    assert len(off) > 3 and float(off.abs().max()) < allowed  # a coarse cell covers two fine ones


@pytest.mark.slow
def test_cells_of_the_papers_video_backbone():
    video = torch.ones(1, 32, 3, 112, 112, requires_grad=True)
    backbone = evened(R2Plus1D())
    maps = put_out(backbone, video, torch.ones(1, 32) > 0)[
        :, 2:3, 3:4, 3:4
    ]  # its field is the clip
    found = centres(maps, video)[0, 0, 0, [1, 3, 4]]
    wanted = [
        grid.first + grid.stride * i
        for grid, i in zip(backbone.cam_grids((112, 112)), (2, 3, 3), strict=True)
    ]
    assert wanted == [16, 48, 48]
    assert (
        float((found - torch.tensor(wanted)).abs().max()) < 4
    )  # stretched, it would be 4, 8, 8 off


def test_cells_of_the_papers_sound_backbones():
    mel = torch.ones(1, 290, 64, requires_grad=True)
    backbone = evened(Cnn14())
    maps = put_out(backbone, mel, torch.ones(1, 290) > 0)[:16]
    assert maps.shape[1:] == (9, 2)
    found = centres(maps[:, 4:5, :1], mel)[0, 0, 1]
    assert backbone.cam_grids((290, 64))[0].first == 15.5
    assert float(found) == pytest.approx(15.5 + 32 * 4, abs=0.1)
    backbone = evened(SpectrogramResNet18())
    mel = torch.zeros(1, 320, 64, requires_grad=True)
    maps = put_out(backbone, mel, torch.ones(1, 320) > 0)  # (512, m, f): bands, then time
    found = centres(maps[:8, :1, 5:6], mel)[0, 0, 1]
    assert backbone.cam_grids((320, 64))[1] == CellGrid(32)
    assert float(found) == pytest.approx(160, abs=12)  # stretched, it would be 15.5 off


def test_cells_of_the_towers_of_faces():
    faces = torch.ones(1, 3, 96, 96, requires_grad=True)
    tower = evened(DenseTower(3, (4, 4, 4, 4)))
    for stage in (tower.low, *tower.stages):  # a mean over what a maximum chooses from
        for place, layer in enumerate(stage):
            if isinstance(layer, nn.MaxPool2d):
                stage[place] = nn.AvgPool2d(2)
    found = centres(tower.read(faces)[0], faces)[..., 2:]
    off = inner(found, [CellGrid.of_pooling(16)] * 2, (96, 96), (36, 36))
    assert len(off) == 4 and float(off.abs().max()) < 0.01


def test_a_map_grows_to_its_input_around_the_centres_of_its_cells():
    cam = torch.zeros(3, 1, 2, 3)
    cam[1, 0, 1, 2] = 1
    large = resize_maps(cam, (8, 12), (CellGrid(4), CellGrid(4)))
    assert large.shape == (3, 8, 12)
    assert large[1, 4, 8] == 1 and large[1, 2, 8] == 0.5 and large[1, 4, 6] == 0.5
    assert large[1, 4:, 8:].all() and not large[1, 0].any() and not large[0].any()
    pooled = resize_maps(cam, (9, 12), (CellGrid.of_pooling(4), CellGrid.of_pooling(4)))
    assert pooled[1, 6:8, 10:].eq(1).all() and not pooled[1, 8].any()  # the ninth was not read


def test_cells_before_a_resize_and_after_a_pooling():
    cells = CellGrid(16).before_resize(40, 80)  # the network saw half the size
    assert (cells.stride, cells.first) == (32, 0.5)
    assert CellGrid(8).after_pooling(2) == CellGrid(16, 0.5)
    assert CellGrid.of_pooling(2).after_pooling(2) == CellGrid.of_pooling(4)
    assert CellGrid(4).nearest(2, 8).argmax(1).tolist() == [0, 0, 1, 1, 1, 1, 1, 1]
    assert CellGrid.of_pooling(3).nearest(2, 7).sum(0).tolist() == [3, 3]


def test_frames_of_pieces_of_film_follow_each_other():
    pieces = torch.zeros(2, 1, 2, 2, 2)  # two pieces of four frames each
    pieces[1, :, 1] = 1  # the end of the second
    large = resize_frame_maps(pieces, 8, (4, 4), (CellGrid(2), CellGrid(2), CellGrid(2)))
    assert large.shape == (8, 1, 4, 4)
    assert large[6:].eq(1).all() and large[5].eq(0.5).all() and not large[:5].any()


def test_frames_read_one_by_one_stay_where_they_are():
    cam = torch.eye(4).view(4, 1, 2, 2)
    torch.testing.assert_close(resize_frame_maps(cam, 4, (2, 2), SAME), cam)


def test_pooled_cells_stand_as_published():
    """Where pooling alone halves, the published stretch is right, and ours is the same."""
    cam = torch.rand(2, 1, 3, 3)
    published = nn.functional.interpolate(cam, (48, 48), mode="bilinear", align_corners=False)
    ours = resize_maps(cam, (48, 48), [CellGrid.of_pooling(16)] * 2)
    torch.testing.assert_close(ours, published[:, 0], atol=1e-5, rtol=1e-5)


def test_what_is_behind_a_mask_has_no_map():
    checkpoint, sample = checkpoint_of("group")
    half = replace(sample, mel_mask=torch.arange(80) < 30, video_mask=torch.arange(4) < 2)
    found = explain_window(checkpoint, half, Target("positive", 0), "grad_cam", "fast")
    assert found.maps["mel"][:30].any() and not found.maps["mel"][30:].any()
    assert found.maps["video"][:2].any() and not found.maps["video"][2:].any()
