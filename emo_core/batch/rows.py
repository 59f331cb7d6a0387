"""Predictions as rows of Parquet, typed by the model's labels and modalities."""

import time
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from emo_core.batch import explanations, features
from emo_core.checkpoint import Checkpoint
from emo_core.inference.modality_shapley import modalities
from emo_core.inference.prediction import Prediction
from emo_core.schema import DEFAULT_METHOD
from emo_core.tasks.valence_arousal import ValenceArousal

if TYPE_CHECKING:
    import pyarrow as pa

OK, NOBODY, FAILED = "ok", "nobody", "failed"  # status of a row
IDENTITY = ("row", "id", "clip", "status", "error", "model", "weights", "version")


def own_version() -> str:
    """The version of this package; "source" where it is not installed."""
    try:
        return version("emo_core")
    except PackageNotFoundError:
        return "source"


def row_schema(
    checkpoint: Checkpoint, explain: str | None = None, with_features: bool = False
) -> "pa.Schema":
    """Columns of the rows: those of `emo predict --json` after those of IDENTITY.

    A task without probabilities has `values` in their place; what a clip has not is null. explain:
    a preset, where explanations are asked for.
    """
    import pyarrow as pa

    text, real = pa.string(), pa.float64()
    scores = pa.struct([(label, real) for label in checkpoint.labels])
    shares = pa.struct([(name, real) for name in modalities(checkpoint)])
    kind = "values" if isinstance(checkpoint.task, ValenceArousal) else "probabilities"
    window = pa.struct([("start_s", real), ("end_s", real), (kind, scores)])
    moment = pa.struct([("time_s", real), ("valence", real), ("arousal", real)])
    frame = pa.struct(
        [("time_s", real), ("boxes", pa.list_(pa.list_(real))), ("people", pa.list_(pa.int32()))]
    )
    asked = [(explanations.COLUMN, explanations.explanation_type(checkpoint))] if explain else []
    asked += [(features.COLUMN, features.feature_type())] if with_features else []
    spent = ["decode", "model", *(name for name, _ in asked)]
    return pa.schema(
        [
            ("row", pa.int64()),
            *((name, text) for name in IDENTITY[1:]),
            *(("task", text), ("label", text), ("abstains", pa.bool_()), ("nobody", text)),
            (kind, scores),
            ("present", pa.list_(text)),
            ("timeline", pa.list_(window)),
            ("moments", pa.list_(moment)),
            ("modality_share", shares),
            ("modality_shares", pa.struct([(label, shares) for label in checkpoint.labels])),
            ("faces", pa.struct([("most", pa.int32()), ("frames", pa.list_(frame))])),
            ("voice_s", real),
            ("frame_times_s", pa.list_(real)),
            ("media", _media_type()),
            ("notes", pa.list_(text)),
            *asked,
            ("seconds", pa.struct([(name, real) for name in spent])),
        ]
    )


def _media_type() -> "pa.DataType":
    import pyarrow as pa

    text, real, whole, flag = pa.string(), pa.float64(), pa.int32(), pa.bool_()
    types = {"duration_s": real, "fps": real, "width": whole, "height": whole, "has_audio": flag}
    types |= {"has_video": flag, "variable_rate": flag, "channels": whole, "audio_rate": whole}
    types |= {"rotation": whole, "video_codec": text, "audio_codec": text}
    return pa.struct(list(types.items()))


def answered(prediction: Prediction) -> dict[str, Any]:
    """What a prediction adds to a row."""
    found = prediction.as_dict()
    for name in ("clip", "model", "labels"):
        del found[name]
    for name in ("probabilities", "values", "modality_share", "modality_shares"):
        if not found.get(name):  # of another task, or there is nobody to read
            found.pop(name, None)
    found["status"] = OK if prediction.nobody is None else NOBODY
    return found


def add_asked(
    row: dict[str, Any],
    checkpoint: Checkpoint,
    prediction: Prediction,
    explain: str | None,
    with_features: bool,
    method: str = DEFAULT_METHOD,
) -> None:
    """Put explanation and features into a row of `answered`, and the seconds they took.

    Where there is nobody to read, there is no answer to explain. Raises AttributionError.
    """
    spent = dict(row["seconds"])
    if with_features:
        started = time.perf_counter()
        row[features.COLUMN] = features.read_features(checkpoint, prediction)
        spent[features.COLUMN] = time.perf_counter() - started
    if explain and prediction.nobody is None:
        started = time.perf_counter()
        row[explanations.COLUMN] = explanations.explained(checkpoint, prediction, explain, method)
        spent[explanations.COLUMN] = time.perf_counter() - started
    row["seconds"] = spent
