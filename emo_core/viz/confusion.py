"""What a checkpoint got wrong on held-out sources: its confusion, and a sentence about it."""

import numpy as np
import plotly.graph_objects as go

from emo_core.checkpoint import Checkpoint
from emo_core.messages import say, say_name
from emo_core.viz.prediction import empty, hover_text, label_title, styled

MISSING = say(
    "There is no confusion matrix for this model: it gives no single label, or none was kept."
)


def confusion_figure(checkpoint: Checkpoint) -> go.Figure:
    """Rows: the label of clips; columns: what the model said; counts of clips."""
    counts = _counts(checkpoint)
    if counts is None:
        return empty(MISSING)
    labels = [label_title(label) for label in checkpoint.labels]
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
            "title": {"text": say("share of the row"), "side": "right"},
            "tickformat": ".0%",
            "thickness": 14,
        },
        hovertemplate=hover_text(
            "label {y}, model {x}: {text}", y="%{y}", x="%{x}", text="%{text}"
        ),
    )
    figure = styled(go.Figure(heat), height=360)
    figure.update_xaxes(title=say("The model said"), showgrid=False)
    figure.update_yaxes(
        title={"text": say("Label of the clip"), "standoff": 24},
        autorange="reversed",
        showgrid=False,
        ticksuffix="  ",
    )
    return figure


def summarise_confusion(checkpoint: Checkpoint) -> str:
    """How many clips were right and the commonest mistake, in a sentence."""
    counts = _counts(checkpoint)
    if counts is None:
        return MISSING
    right, total = int(np.trace(counts)), int(counts.sum())
    wrong = counts - np.diag(np.diag(counts))
    if not wrong.any():
        return say(
            "The model gave {right} of {total} held-out clips their label. No mistakes on clips "
            "this easy say little about harder ones.",
            right=right,
            total=total,
        )
    row, column = np.unravel_index(wrong.argmax(), wrong.shape)
    return say(
        "The model gave {right} of {total} held-out clips their label; most often {label} was "
        "mistaken for {other} ({count}).",
        right=right,
        total=total,
        label=say_name(checkpoint.labels[row]),
        other=say_name(checkpoint.labels[column]),
        count=wrong[row, column],
    )


def summarise_calibration(checkpoint: Checkpoint) -> str:
    """How probabilities were fitted, and how far they are off where that was measured."""
    text = checkpoint.task.choice(checkpoint.calibration)
    error = checkpoint.training.get("held_out", {}).get("calibration_error")
    if error is None:
        return say("{text} How far the probabilities are off was not recorded.", text=text)
    return say(
        "{text} There, probabilities are off by {percent:.1f} % on average (expected calibration "
        "error).",
        text=text,
        percent=100 * error,
    )


def _counts(checkpoint: Checkpoint) -> np.ndarray | None:
    """(C, C) clips; None where there are none."""
    counts = checkpoint.training.get("held_out", {}).get("confusion")
    size = len(checkpoint.labels)
    if counts is None or np.shape(counts) != (size, size):
        return None
    return np.asarray(counts)
