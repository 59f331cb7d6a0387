"""What a checkpoint got wrong on held-out sources: its confusion, and a sentence about it."""

import numpy as np
import plotly.graph_objects as go

from emo_core.checkpoint import Checkpoint
from emo_core.viz.prediction import empty, styled

MISSING = "There is no confusion matrix for this model: it gives no single label, or none was kept."


def confusion_figure(checkpoint: Checkpoint) -> go.Figure:
    """Rows: the label of clips; columns: what the model said; counts of clips."""
    counts = _counts(checkpoint)
    if counts is None:
        return empty(MISSING)
    labels = [label.capitalize() for label in checkpoint.labels]
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    heat = go.Heatmap(
        z=share,
        x=labels,
        y=labels,
        colorscale="Cividis",
        zmin=0,
        zmax=1,
        text=counts,
        texttemplate="%{text}",
        textfont={"size": 18},
        colorbar={
            "title": {"text": "share of the row", "side": "right"},
            "tickformat": ".0%",
            "thickness": 14,
        },
        hovertemplate="label %{y}, model %{x}: %{text}<extra></extra>",
    )
    figure = styled(go.Figure(heat), height=360)
    figure.update_xaxes(title="The model said", showgrid=False)
    figure.update_yaxes(
        title="Label of the clip", autorange="reversed", showgrid=False, ticksuffix="  "
    )
    return figure


def summarise_confusion(checkpoint: Checkpoint) -> str:
    """How many clips were right and the commonest mistake, in a sentence."""
    counts = _counts(checkpoint)
    if counts is None:
        return MISSING
    right, total = int(np.trace(counts)), int(counts.sum())
    wrong = counts - np.diag(np.diag(counts))
    said = f"The model gave {right} of {total} held-out clips their label"
    if not wrong.any():
        return f"{said}. No mistakes on clips this easy say little about harder ones."
    row, column = np.unravel_index(wrong.argmax(), wrong.shape)
    labels = checkpoint.labels
    mistaken = f"{labels[row]} was mistaken for {labels[column]}"
    return f"{said}; most often {mistaken} ({wrong[row, column]})."


def summarise_calibration(checkpoint: Checkpoint) -> str:
    """How probabilities were fitted, and how far they are off where that was measured."""
    text = checkpoint.task.choice(checkpoint.calibration)
    error = checkpoint.training.get("held_out", {}).get("calibration_error")
    if error is None:
        return f"{text} How far the probabilities are off was not recorded."
    return (
        f"{text} There, probabilities are off by {100 * error:.1f} % on average (expected "
        "calibration error)."
    )


def _counts(checkpoint: Checkpoint) -> np.ndarray | None:
    """(C, C) clips; None where there are none."""
    counts = checkpoint.training.get("held_out", {}).get("confusion")
    size = len(checkpoint.labels)
    if counts is None or np.shape(counts) != (size, size):
        return None
    return np.asarray(counts)
