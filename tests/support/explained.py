"""A hand-built model whose logit depends on known pixels and seconds only, and checkpoints."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from emo_core.checkpoint import Checkpoint
from emo_core.models.jmt import POCKET as JMT
from emo_core.models.jmt import Jmt
from emo_core.models.mesm import POCKET as MESM
from emo_core.models.mesm import Mesm
from emo_core.preprocess.batch import Batch, Output
from emo_core.preprocess.sample import Sample, SampleConfig
from emo_core.preprocess.trace import Trace
from emo_core.tasks import MultiLabel, SingleLabel, ValenceArousal
from tests.conftest import random_batch, small_group

FRAMES, HEIGHT, WIDTH, MEL = 8, 24, 32, 100
RED_FRAMES, RED_TOP, RED_LEFT, RED_SIDE = (2, 4), 8, 16, 8  # where the picture's evidence is
LOUD = (60, 80)  # mel frames of the sound's evidence: 1.2 to 1.6 s
PLANTED = SampleConfig(window_s=2.0, frames=FRAMES, width=WIDTH, height=HEIGHT)


@dataclass(frozen=True)
class PlantedConfig:
    """Nothing to choose."""


class Planted(nn.Module):
    """Class 0: how much is red, and how much is loud. Class 1: how much is green."""

    def __init__(self) -> None:
        super().__init__()
        self.see, self.hear = nn.Conv2d(3, 2, 1), nn.Conv2d(1, 1, 1)
        self.seen, self.heard = nn.ReLU(), nn.ReLU()
        with torch.no_grad():
            self.see.weight.copy_(torch.tensor([[2.0, -1, -1], [-1, 2.0, -1]])[..., None, None])
            self.see.bias.fill_(-0.2)
            self.hear.weight.fill_(1.0)
            self.hear.bias.fill_(4.0)

    def forward(self, batch: Batch) -> Output:
        unit = 255 if batch.video.dtype == torch.uint8 else 1
        frames = (batch.video.float() / unit).flatten(0, 1)
        maps = self.seen(self.see(frames)).unflatten(0, batch.video.shape[:2])
        maps = maps * batch.video_mask[:, :, None, None, None]
        sound = self.heard(self.hear(batch.mel.unsqueeze(1))).squeeze(1)
        loud = (sound * batch.mel_mask.unsqueeze(-1)).mean((1, 2))
        colours = 40 * maps.mean((1, 3, 4))  # (B, 2)
        return Output(torch.stack([colours[:, 0] + loud, colours[:, 1]], dim=1))

    def cam_layers(self) -> dict[str, nn.Module]:
        return {"video": self.seen, "audio": self.heard}

    def cam_placement(self, tower: str, cam: Tensor, batch: Batch, trace: Trace) -> Tensor:
        return cam if tower == "video" else cam[0, 0]  # as large as their inputs


def planted_sample() -> Sample:
    """Grey, quiet noise with a red square in two frames and one loud stretch."""
    g = torch.Generator().manual_seed(0)
    video = torch.randint(90, 110, (FRAMES, 3, HEIGHT, WIDTH), generator=g).byte()
    rows, columns = slice(RED_TOP, RED_TOP + RED_SIDE), slice(RED_LEFT, RED_LEFT + RED_SIDE)
    video[slice(*RED_FRAMES), :, rows, columns] = torch.tensor([250, 5, 5]).byte().view(3, 1, 1)
    mel = torch.rand(MEL, 64, generator=g) - 8
    mel[slice(*LOUD)] += 8
    return blank_sample(video, mel)


def blank_sample(video: torch.Tensor, mel: torch.Tensor) -> Sample:
    steps = len(video)
    return Sample(
        video,
        torch.ones(steps, dtype=torch.bool),
        (torch.arange(steps) + 0.5) * 2 / steps,
        mel,
        torch.ones(len(mel), dtype=torch.bool),
        torch.arange(len(mel)) * 0.02,
        torch.zeros(steps, 0, 3, 48, 48, dtype=torch.uint8),
        torch.zeros(steps, 0).bool(),
        torch.zeros(0, dtype=torch.int64),
        torch.zeros(0).bool(),
        3.0,
    )


def planted(config: SampleConfig = PLANTED) -> Checkpoint:
    task = SingleLabel(("red", "green"))
    return Checkpoint("planted", Planted().eval(), "group", PlantedConfig(), config, task)


def checkpoint_of(name: str) -> tuple[Checkpoint, Sample]:
    """A narrow, untrained model of the catalogue and a window of noise for it."""
    torch.manual_seed(1)
    frames, people, side = (8, 1, 32) if name == "jmt" else (4, 2, 48)
    batch = random_batch(1, frames=frames, people=people, face=side)
    config = SampleConfig(
        window_s=1.6,
        frames=frames,
        width=32,
        height=32,
        people=people,
        face_size=side,
        text_length=12,
    )
    if name == "group":
        model, task, config = small_group(), SingleLabel(), replace(config, people=0)
    elif name == "jmt":
        model = Jmt(
            replace(
                JMT,
                steps=4,
                width=32,
                hidden=32,
                head_hidden=16,
                video_widths=(8, 16),
                audio_widths=(8, 8, 16, 16),
            )
        )
        task = ValenceArousal()
    else:
        mode = {"fe2e": "dense", "mesm": "trained", "mesm-structured": "structured"}[name]
        model = Mesm(
            replace(
                MESM,
                mode=mode,
                keep=0.6,
                widths=(8, 8, 16, 16),
                hidden=32,
                width=16,
                layers=1,
                feed_forward=32,
                text_width=16,
                dropout=0.0,
            )
        )
        task = MultiLabel(("anger", "disgust", "fear", "happy", "sad", "surprise"))
    held = {f: getattr(batch, f) for f in Sample.__dataclass_fields__ if f != "start_s"}
    fields = {name: value[0] for name, value in held.items() if value is not None}
    kind = name.split("-")[0]
    made = Checkpoint(name, model.eval(), kind, model.config, config, task)
    return made, Sample(**fields, start_s=2.0)
