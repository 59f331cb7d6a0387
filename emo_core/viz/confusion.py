"""What a checkpoint got wrong on held-out sources: its confusion, and a sentence about it."""

import numpy as np
import plotly.graph_objects as go

from emo_core.checkpoint import Checkpoint
from emo_core.viz.prediction import empty, styled

MISSING = "This checkpoint holds no confusion matrix: its task or its version has none."


def confusion_figure(checkpoint: Checkpoint) -> go.Figure:
    """Rows: what annotators said; columns: what the model said; counts of clips."""
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
            "title": {"text": "share of row", "side": "right"},
            "tickformat": ".0%",
            "thickness": 14,
        },
        hovertemplate="said %{y}, called %{x}: %{text}<extra></extra>",
    )
    figure = styled(go.Figure(heat), height=360)
    figure.update_xaxes(title="The model said", showgrid=False)
    figure.update_yaxes(
        title="Annotators said", autorange="reversed", showgrid=False, ticksuffix="  "
    )
    return figure


def summarise_confusion(checkpoint: Checkpoint) -> str:
    """How many clips were right and the commonest mistake, in a sentence."""
    counts = _counts(checkpoint)
    if counts is None:
        return MISSING
    right, total = int(np.trace(counts)), int(counts.sum())
    wrong = counts - np.diag(np.diag(counts))
    said = f"{right} of {total} held-out clips were called what annotators called them"
    if not wrong.any():
        return f"{said}. No mistake on clips this easy says little about harder ones."
    row, column = np.unravel_index(wrong.argmax(), wrong.shape)
    labels = checkpoint.labels
    return f"{said}; most often {labels[row]} was called {labels[column]} ({wrong[row, column]})."


def summarise_calibration(checkpoint: Checkpoint) -> str:
    """How probabilities were fitted, and how far they are off where that was measured."""
    text = checkpoint.task.choice(checkpoint.calibration)
    error = checkpoint.training.get("held_out", {}).get("calibration_error")
    if error is None:
        return f"{text} The calibration error was not recorded with this checkpoint."
    return f"{text} Expected calibration error on held-out sources: {100 * error:.1f} %."


def _counts(checkpoint: Checkpoint) -> np.ndarray | None:
    """(C, C) clips; None where there are none."""
    counts = checkpoint.training.get("held_out", {}).get("confusion")
    size = len(checkpoint.labels)
    if counts is None or np.shape(counts) != (size, size):
        return None
    return np.asarray(counts)
