"""What a model's towers saw, as a column of the rows: the values that `emo features` keeps."""

from typing import TYPE_CHECKING, Any

from emo_core.batch.names import BatchError
from emo_core.checkpoint import Checkpoint
from emo_core.inference.prediction import Prediction
from emo_core.models.interface import SupportsFeatures
from emo_core.preprocess.batch import collate
from emo_core.training.feature_cache import AT_ONCE, batch_features

if TYPE_CHECKING:
    import pyarrow as pa

COLUMN, PRECISION = "features", "float16"
STREAMS = ("video", "audio")


def feature_type() -> "pa.DataType":
    """The column's type: a list of structs, one a window and tower.

    values: those of N tokens one after the other, of `shape` (N, C); times_s: of the tokens, from
    the start of the clip.
    """
    import pyarrow as pa

    real = pa.float64()
    return pa.list_(
        pa.struct(
            [
                ("window", pa.int32()),
                ("tower", pa.string()),
                ("shape", pa.list_(pa.int32())),
                ("values", pa.list_(pa.float16())),
                ("mask", pa.list_(pa.bool_())),
                ("times_s", pa.list_(real)),
            ]
        )
    )


def tower_names(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The towers of a model whose features can be read. Raises BatchError where there are none."""
    model: Any = checkpoint.model
    found: tuple[str, ...] = ()
    if isinstance(model, SupportsFeatures):
        found = tuple(name for stream in STREAMS for name in model.towers_of(stream))
    if not found:
        raise BatchError(
            "{name} has no towers that give tokens; expected a model with encoders of picture or "
            "sound; leave --features out, or choose another --model.",
            name=checkpoint.name,
        )
    return found


def read_features(checkpoint: Checkpoint, prediction: Prediction) -> list[dict[str, Any]]:
    """What each tower saw of each window of a prediction."""
    model: Any = checkpoint.model
    names, samples = tower_names(checkpoint), prediction.samples
    streams = [stream for stream in STREAMS if model.towers_of(stream)]
    found: list[dict[str, Any]] = []
    for first in range(0, len(samples), AT_ONCE):
        part = samples[first : first + AT_ONCE]
        rows = batch_features(model, collate(part), streams, names)
        for window, (sample, row) in enumerate(zip(part, rows, strict=True), first):
            found += [
                {
                    "window": window,
                    "tower": name,
                    "shape": list(row[name].values.shape),
                    "values": row[name].values.flatten().numpy(),
                    "mask": row[name].mask.numpy(),
                    "times_s": (row[name].times_s.double() + sample.start_s).numpy(),
                }
                for name in names
            ]
    return found
