"""Held-out people one at a time, and the real clips: inputs of `real.py`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from emo_core import load_clip, metrics
from emo_core.checkpoint import Checkpoint
from emo_core.clip import Clip
from emo_core.inference.modality_shapley import score_windows
from emo_core.inference.predict import predict_clip
from emo_core.models.layers.backbones import LUMINANCE
from emo_core.preprocess.batch import Batch
from emo_core.preprocess.sample import decode_window, to_sample
from emo_core.synthetic.composed.dataset import SourceItemWindow
from emo_core.synthetic.composed.sources import SourcePool

CREMAD = {
    "HAP": "positive",
    "happy": "positive",
    "NEU": "neutral",
    **dict.fromkeys(("ANG", "DIS", "FEA", "SAD", "angry"), "negative"),
}
RAVDESS = {"01": "neutral", "02": "neutral", "03": "positive"}  # third number; else negative
TINTS = {"grey": (0.0, (1, 1, 1)), "warm": (1.0, (1.15, 1.0, 0.8)), "cold": (1.0, (0.8, 1.0, 1.2))}


@dataclass(frozen=True)
class Answers:
    """Logits of n inputs with what was right and who was seen or heard."""

    logits: torch.Tensor  # (n, C)
    target: np.ndarray  # (n,)
    groups: np.ndarray  # (n,) person, speaker or clip

    def some(self, chosen: np.ndarray) -> "Answers":
        """The answers where `chosen` (n,) is True."""
        return Answers(
            self.logits[torch.from_numpy(chosen)], self.target[chosen], self.groups[chosen]
        )

    def uar(self) -> dict:
        """UAR over the classes that occur, its 95 % interval over groups, recalls, n."""
        right = np.eye(3)[self.target] * (self.logits.argmax(-1).numpy() == self.target)[:, None]
        parts = np.stack([right, np.eye(3)[self.target]], -1)  # (n, C, 2)
        drawn = metrics.bootstrap_sums(parts, self.groups)
        hits, sizes = parts.sum(0).T
        with np.errstate(invalid="ignore", divide="ignore"):
            recalls, shares = hits / sizes, drawn[..., 0] / drawn[..., 1]
            low, high = np.percentile(np.nanmean(shares, -1), [2.5, 97.5])
        return {
            "uar": float(np.nanmean(recalls)),
            "interval": [float(low), float(high)],
            "recalls": [metrics.number(r) for r in recalls],
            "n": len(self.target),
        }


def of_parts(
    checkpoint: Checkpoint, sources: SourcePool, kind: str, source: str, split: str = "test"
) -> Answers:
    """Every photograph ("face") or voice of one source, alone, of people of `split`."""
    config, labels = checkpoint.sample, checkpoint.labels
    parts = [part for part in sources.items_of(kind, split) if part.source == source]
    config = replace(config, frames=1) if kind == "face" else config  # all frames are the same
    rows = [
        score_windows(
            checkpoint, [to_sample(SourceItemWindow(p).decode(config), config) for p in some]
        )
        for some in batched(parts)
    ]
    target = np.array([labels.index(part.polarity) for part in parts])
    groups = np.array([part.group for part in parts])
    return Answers(torch.cat([row.logits for row in rows]), target, groups)


def batched(things: list, size: int = 32) -> Iterator[list]:
    """Pieces of a list."""
    yield from (things[i : i + size] for i in range(0, len(things), size))


def answer(checkpoint: Checkpoint, clip: Clip) -> dict:
    """Label, its probability and "not sure" for one real clip."""
    told = predict_clip(clip, checkpoint)
    return {
        "clip": clip.path.name,
        "label": told.label,
        "probability": round(told.probabilities[told.label], 2),
        "abstains": told.abstains,
        "probabilities": {name: round(p, 2) for name, p in told.probabilities.items()},
    }


def labelled_clips(data: Path) -> Iterator[tuple[str, Path, str]]:
    """(set, path, polarity) of every real clip whose label is known."""
    for path in sorted((data / "clips" / "cremad").iterdir()):
        word = next(word for word in CREMAD if word in path.name)
        yield "cremad", path, CREMAD[word]
    for path in sorted((data / "clips" / "ravdess_faces").glob("*.mp4")):
        yield "ravdess_faces", path, RAVDESS.get(path.name.split("-")[2], "negative")
    for path in sorted((data / "clips" / "grid").glob("*.mpg")):
        yield "grid", path, "neutral"


def tinted(checkpoint: Checkpoint, clip: Clip) -> dict[str, tuple[str, bool]]:
    """(label, "not sure") of the first window of a clip: as it is, grey, warm and cold."""
    config = checkpoint.sample
    decoded = decode_window(clip, config, 0.0, min(clip.duration_s, config.window_s))
    versions = {"as it is": decoded}
    for name, (colour, gains) in TINTS.items():
        versions[name] = replace(decoded, pixels=_coloured(decoded.pixels, colour, gains))
    samples = [to_sample(version, config) for version in versions.values()]
    calibration, task = checkpoint.calibration, checkpoint.task
    logits = score_windows(checkpoint, samples).logits
    best, labels = task.probabilities(logits, calibration.temperature).max(-1)
    told = [
        (checkpoint.labels[label], p < calibration.abstain_below)
        for label, p in zip(labels.tolist(), best.tolist(), strict=True)
    ]
    return dict(zip(versions, told, strict=True))


def _coloured(pixels: np.ndarray, colour: float, gains: tuple[float, ...]) -> np.ndarray:
    grey = (pixels @ np.float32(LUMINANCE))[..., None]  # (T, H, W, 1)
    mixed = (np.float32(colour) * pixels + np.float32(1 - colour) * grey) * np.float32(gains)
    return mixed.clip(0, 255).astype(np.uint8)


def of_batches(
    model: torch.nn.Module, batches: Iterator[Batch], seen: Callable[[Batch], Batch]
) -> torch.Tensor:
    """Logits (n, C) of batches of which only some is shown."""
    with torch.inference_mode():
        return torch.cat([model.eval()(seen(batch)).logits for batch in batches])


def open_clip(path: Path) -> Clip:
    """A real clip, read by the project's own decoder."""
    return load_clip(path)
