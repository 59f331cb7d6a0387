"""Why a model answers so, as a column of the rows: what `emo explain` finds, as numbers."""

from typing import TYPE_CHECKING, Any

from emo_core.attribution.explain import choose_subject, explain, modality_share
from emo_core.attribution.timeline import over_time, to_timeline
from emo_core.attribution.types import ExplainRequest
from emo_core.checkpoint import Checkpoint
from emo_core.inference.modality_shapley import modalities
from emo_core.inference.people import people_values
from emo_core.inference.prediction import Prediction
from emo_core.schema import DEFAULT_METHOD

if TYPE_CHECKING:
    import pyarrow as pa

COLUMN = "explanation"


def explanation_type(checkpoint: Checkpoint) -> "pa.DataType":
    """The column's type: one struct a clip."""
    import pyarrow as pa

    text, real = pa.string(), pa.float64()
    person = pa.struct([("person", pa.int32()), ("value", real)])
    peak = pa.struct([("start_s", real), ("end_s", real), ("value", real)])
    return pa.struct(
        [
            *((name, text) for name in ("method", "preset", "label", "baseline")),
            *((name, real) for name in ("at_s", "start_s", "end_s")),
            *((name, real) for name in ("score", "baseline_score", "completeness_gap")),
            ("forward_passes", pa.int32()),
            *((name, pa.list_(real)) for name in ("edges_s", "picture", "sound")),
            ("words", real),
            ("peaks", pa.struct([("picture", peak), ("sound", peak)])),
            ("people", pa.list_(person)),
            ("modality_share", pa.struct([(name, real) for name in modalities(checkpoint)])),
        ]
    )


def explained(
    checkpoint: Checkpoint, prediction: Prediction, preset: str, method: str = DEFAULT_METHOD
) -> dict[str, Any]:
    """The explanation of the predicted label in the window where it is strongest.

    Raises AttributionError.
    """
    request = ExplainRequest(method, preset)
    _, window = choose_subject(checkpoint, prediction, request)
    found = explain(checkpoint, prediction, request)
    clock = to_timeline(found)
    peaks = {name: peak and peak._asdict() for name, peak in clock.peaks().items()}
    parts = {"edges_s": clock.edges_s, "picture": clock.picture, "sound": clock.sound}
    return {
        "method": found.method,
        "preset": found.preset,
        "label": found.target.label,
        "baseline": str(found.baseline),
        "at_s": found.target.at_s,
        **found.span._asdict(),
        "score": found.score,
        "baseline_score": found.baseline_score,
        "completeness_gap": found.gap,
        "forward_passes": found.forward_passes,
        **{name: None if values is None else values.tolist() for name, values in parts.items()},
        "words": float(over_time(found, "tokens").sum()) if "tokens" in found.maps else None,
        "peaks": peaks,
        "people": [
            {"person": number, "value": value}
            for number, value in people_values(
                checkpoint, prediction, found.span.start_s, found.people
            ).items()
        ],
        "modality_share": modality_share(checkpoint, prediction.samples[window], found.target),
    }
