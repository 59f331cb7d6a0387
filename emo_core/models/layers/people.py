"""People in frames: their faces, aligned by the eyes and taken from the pixels, to tokens.

Crops are differentiable, so gradients reach the frames and a changed frame changes its faces.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from emo_core.models.layers.backbones import to_unit
from emo_core.models.layers.expression import FACE_SIDE, shipped_expression
from emo_core.models.layers.towers import Backbone, Tokens, TokenSpans, is_exporting, runs

# Of photographs of train people; zero-shot UAR 0.763 (2.8: 0.753, 2.5: 0.72; boxes alone: 0.726).
SIDE_IN_EYES = 2.9  # side of a crop, in distances between the eyes
EYES_DOWN = 0.35  # of the crop's side: the line of the eyes
FINER = 2  # samples across a pixel of the crop: faces larger than it are averaged, not thinned
POSITION_VALUES = 3  # values that say where and how large a face is


def face_crops(frames: Tensor, eyes: Tensor, side: int = FACE_SIDE) -> Tensor:
    """Upright faces (n, 3, side, side) of 0 to 1 by similarity transforms; beyond a frame black.

    frames: (n, 3, H, W) uint8 or float of 0 to 1, one for each face; eyes: (n, 4) x, y of the eye
    on the left and of the one on the right, 0 to 1 of the frame.
    """
    height, width = frames.shape[2:]
    size = eyes.new_tensor([width, height])
    left, right = eyes[:, :2] * size, eyes[:, 2:] * size  # pixels
    middle = (left + right) / 2
    step = (right - left) * SIDE_IN_EYES / (side * FINER)  # between two samples of a row
    (x, y), (dx, dy) = (one.T[..., None, None] for one in (middle, step))  # (n, 1, 1) each
    across = torch.arange(side * FINER, device=eyes.device) + 0.5 - side * FINER / 2
    below = torch.arange(side * FINER, device=eyes.device) + 0.5 - side * FINER * EYES_DOWN
    below = below.unsqueeze(1)
    points = torch.stack(  # x and y apart: ONNX Runtime is slow where the last axis is short
        [
            2 * (x + across * dx - below * dy) / width - 1,
            2 * (y + across * dy + below * dx) / height - 1,
        ],
        dim=-1,
    )  # (n, side * FINER, side * FINER, 2)
    crops = functional.grid_sample(to_unit(frames), points, align_corners=False)
    return functional.avg_pool2d(crops, FINER)


class PeopleExpressions(Backbone):
    """Frames and eyes -> a token for every face: expression features, seven scores, its place.

    A face and its mirror image are read and averaged, which raises UAR on photographs of unseen
    people from 0.75 to 0.77 (docs/experiments/0138). One frame in `every` is read. Tokens stand in
    order of time, then of people; those of one frame share its time, so pooling over real tokens
    pools over people and time.
    """

    def __init__(self, every: int = 1) -> None:
        super().__init__()
        self.every = every
        self.net = shipped_expression()
        self.channels = self.net.channels + self.net.fc.out_features + POSITION_VALUES

    def forward(self, video: Tensor, mask: Tensor, times_s: Tensor, eyes: Tensor) -> Tokens:
        """video (B, T, 3, H, W), mask (B, T, P), times_s (B, T), eyes (B, T, P, 4)."""
        video, mask, eyes = (x[:, :: self.every] for x in (video, mask, eyes))
        times_s = times_s[:, :: self.every, None].expand(mask.shape)  # (B, T', P)
        values = eyes.new_zeros(*mask.shape, self.channels)
        row, step, person = mask.nonzero(as_tuple=True)  # of n faces
        if is_exporting() or len(row):  # a graph holds both ways
            found = eyes[row, step, person]  # (n, 4)
            faces = face_crops(to_unit(video)[row, step], found)  # a frame has several faces
            both = self.net.read(torch.cat([faces, faces.flip(-1)]))  # (2n, 256)
            both = torch.cat([both, self.net.fc(both).log_softmax(-1)], dim=-1)  # (2n, 263)
            read = both.unflatten(0, (2, -1)).mean(0)
            values[row, step, person] = torch.cat([read, face_positions(found)], dim=-1)
        frames = runs(mask.shape[1], 1) * self.every
        frames[:, 1] = frames[:, 0] + 1
        spans = TokenSpans.of(times_s.flatten(1), frames.repeat_interleave(mask.shape[2], dim=0))
        return Tokens(values.flatten(1, 2), mask.flatten(1), times_s.flatten(1), spans=spans)

    @property
    def cam_layer(self) -> nn.Module:
        return self.net.cam_layer


def face_positions(eyes: Tensor) -> Tensor:
    """Middle of the eyes, -1 to 1 of the frame, and log of their distance: (n, 4) -> (n, 3)."""
    middle = eyes[:, :2] + eyes[:, 2:] - 1
    apart = (eyes[:, 2:] - eyes[:, :2]).norm(dim=-1, keepdim=True)
    return torch.cat([middle, apart.clamp(min=1e-3).log() + 3], dim=-1)
