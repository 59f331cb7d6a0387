"""Plain baselines: counted features and logistic regression, no network."""

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emo_core.preprocess.batch import Batch

CELLS, TURNS = 8, 8  # a face is cut into 8x8 cells; directions of a gradient


def heard(batch: Batch) -> np.ndarray:
    """Statistics of log-mel: mean, spread, quantiles and changes of each band. (B, 6M)."""
    rows = []
    for mel, mask in zip(batch.mel, batch.mel_mask, strict=True):
        real = mel[mask].numpy() if mask.any() else np.zeros((2, mel.shape[1]), np.float32)
        rows.append(statistics(real))
    return np.array(rows)


def statistics(mel: np.ndarray) -> np.ndarray:
    """Of one log-mel (F, M): (6M,)."""
    quantiles = np.percentile(mel, [10, 50, 90], axis=0)
    changes = np.diff(mel, axis=0).std(0)
    return np.concatenate([mel.mean(0), mel.std(0), changes, *quantiles])


def seen(batch: Batch) -> np.ndarray:
    """Gradient histograms of the first face found; zero where there is none. (B, 512)."""
    rows = []
    for faces, mask in zip(batch.faces[:, :, 0], batch.face_mask[:, :, 0], strict=True):
        shown = faces[mask][:1].float().mean((0, 1)).numpy() if mask.any() else None
        rows.append(np.zeros(CELLS**2 * TURNS) if shown is None else histograms(shown))
    return np.array(rows)


def histograms(face: np.ndarray) -> np.ndarray:
    """(h, w) grey -> gradients by direction in each cell, every cell of length 1: (512,)."""
    down, right = np.gradient(face / 255)
    size = np.hypot(down, right)
    turn = (np.arctan2(down, right) / np.pi % 1 * TURNS).astype(int) % TURNS
    found = np.zeros((CELLS, CELLS, TURNS))
    rows, columns = (np.arange(n) * CELLS // n for n in face.shape)
    np.add.at(found, (rows[:, None], columns[None], turn), size)
    return (found / (np.linalg.norm(found, axis=-1, keepdims=True) + 0.05)).ravel()


FEATURES = {"sound": heard, "face": seen}


def fitted(features: np.ndarray, target: np.ndarray) -> list:
    """One logistic regression an emotion, yes and no weighing the same."""
    return [
        make_pipeline(
            StandardScaler(), LogisticRegression(C=0.01, max_iter=500, class_weight="balanced")
        ).fit(features, yes)
        for yes in target.T
    ]


def scored(models: Sequence, features: np.ndarray, there: np.ndarray) -> torch.Tensor:
    """Scores (n, C); zero where nothing is there (n,) to be counted."""
    scores = np.stack([model.decision_function(features) for model in models], -1)
    return torch.from_numpy(scores * there[:, None])


def plain_scores(train: list[Batch], judged: dict[str, list[Batch]]) -> dict[str, dict]:
    """{"sound" | "face" | "both": {split: scores (n, C)}}, from batches of training people."""
    target = np.concatenate([batch.target.numpy() for batch in train])
    found: dict[str, dict] = {}
    for name, count in FEATURES.items():
        mask = "mel_mask" if name == "sound" else "face_mask"
        there, rows = _there(train, mask), np.concatenate([count(b) for b in train])
        models = fitted(rows[there], target[there])
        found[name] = {
            split: scored(models, np.concatenate([count(b) for b in some]), _there(some, mask))
            for split, some in judged.items()
        }
    found["both"] = {s: found["sound"][s] + found["face"][s] for s in judged}
    return found


def _there(batches: list[Batch], mask: str) -> np.ndarray:
    return np.concatenate([getattr(b, mask).flatten(1).any(1).numpy() for b in batches])
