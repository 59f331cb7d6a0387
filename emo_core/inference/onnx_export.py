"""A checkpoint as one ONNX file: the graph from the model's own inputs to its scores, and what it
needs around it as metadata. Decoding, resizing and finding faces stay outside.
"""

import hashlib
import json
import warnings
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from emo_core.checkpoint import CONFIG, WEIGHTS, Checkpoint, find_checkpoint, load_checkpoint
from emo_core.errors import EmoError
from emo_core.inference.modality_shapley import answer_by_subset, modalities, subsets_of
from emo_core.io.atomic import atomic_path
from emo_core.models.interface import TwoStreams
from emo_core.preprocess.batch import Batch, Output, collate
from emo_core.preprocess.sample import blank_sample

FORMAT = "1"
OPSET = 18
DIGEST, NO_DIGEST = "content_sha256", "0" * 64  # of the whole file, itself counted as zeros
LOGITS, SUBSET_LOGITS = "logits", "subset_logits"  # names of outputs
MOMENT_TIMES, MOMENT_MASK = "moment_times_s", "moment_mask"  # of a model of moments
TOLERANCE = 1e-4  # of a logit, in the look at the written file
INPUTS = {
    "video": "(batch, frames, 3, height, width) uint8: RGB frames",
    "video_mask": "(batch, frames) bool, true = real",
    "video_times_s": "(batch, frames) float32: seconds from the start of the window",
    "mel": "(batch, mel frames, bands) float32: natural log of power",
    "mel_mask": "(batch, mel frames) bool, true = real",
    "mel_times_s": "(batch, mel frames) float32: seconds from the start of the window",
    "faces": "(batch, frames, people, 3, side, side) uint8: upright faces, RGB",
    "face_mask": "(batch, frames, people) bool, true = a face was found",
    "face_eyes": "(batch, frames, people, 4) float32: x, y of both eyes, 0 to 1 of the frame",
    "tokens": "(batch, length) int64: tokens of the transcript",
    "token_mask": "(batch, length) bool, true = real",
}
SCOPE = (
    "The graph begins at frames or aligned faces, log-mel and tokens. Decoding, resizing, finding "
    "faces and their eyes, log-mel, calibration and the look whether there is anybody to read stay "
    "outside; emo_core does them, or do them as `preprocessing` says."
)


class ExportError(EmoError):
    """A model that can't be written as ONNX, or a file that can't be written."""


class ExportedModel(nn.Module):
    """A checkpoint's model with plain tensors in, by the names of a Batch, and out."""

    def __init__(self, checkpoint: Checkpoint, inputs: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.inputs = checkpoint.model, inputs
        self.subsets = subsets_of(modalities(checkpoint))

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        """Logits; of a model of two streams also (subsets, B, ...), of moments times and mask."""
        named = dict(zip(self.inputs, values, strict=True))
        for name, value in named.items():
            torch._check(value.shape[0] == named["mel"].shape[0])
            of = "mel" if name.startswith("mel") else "video"
            if not name.startswith("token"):
                torch._check(value.shape[1] == named[of].shape[1])
        batch = Batch(**named)
        if not isinstance(self.model, TwoStreams):
            return self._outputs(self.model(batch))
        answer = answer_by_subset(self.model, batch)
        each = [answer(subset) for subset in self.subsets]
        return *self._outputs(each[-1]), torch.stack([one.logits for one in each])

    @staticmethod
    def _outputs(whole: Output) -> tuple[Tensor, ...]:
        moments = whole.trace.moments
        return (whole.logits,) if moments is None else (whole.logits, moments.times_s, moments.mask)

    def names(self, outputs: int) -> list[str]:
        """Names of so many outputs."""
        moments = [MOMENT_TIMES, MOMENT_MASK] if outputs > 2 else []
        subsets = [SUBSET_LOGITS] if isinstance(self.model, TwoStreams) else []
        return [LOGITS, *moments, *subsets]


def export_onnx(name: str | Path, out: Path, overwrite: bool = False) -> dict[str, str]:
    """Write a checkpoint, by shipped name or folder, as ONNX; returns the file's metadata.

    The written file is run once beside the model. Raises ExportError or CheckpointError.
    """
    if out.suffix != ".onnx":
        raise ExportError("{out} does not end in .onnx; expected such a name; give one.", out=out)
    if out.is_dir() or (out.exists() and not overwrite):
        raise ExportError(
            "{out} is there already; expected a new name; give one, or --overwrite.", out=out
        )
    if not out.parent.is_dir():
        raise ExportError(
            "{folder} is no folder; expected one to write into; make it.", folder=out.parent
        )
    _require_packages()
    folder = find_checkpoint(name)
    checkpoint = load_checkpoint(folder)
    _refuse_waveforms(checkpoint)
    metadata = _metadata(checkpoint, folder)
    content = _content(checkpoint, metadata)
    _compare(checkpoint, content)
    with atomic_path(out) as part:
        part.write_bytes(content)
    return metadata


def _require_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ExportError(
            "the package {name} is not installed; expected the extra export; run "
            'pip install "emo_core[export]".',
            name=error.name or "onnx",
        ) from error


def _refuse_waveforms(checkpoint: Checkpoint) -> None:
    """Their encoders take rows of equal length together: a graph has the same steps for all."""
    if any(getattr(part, "reads_wave", False) for part in checkpoint.model.modules()):
        raise ExportError(
            "{name} reads waveforms, each as long as it lasts, which a graph does not; expected a "
            "model of log-mel; answer with --runtime torch.",
            name=checkpoint.name,
        )


def weights_digest(folder: Path) -> str:
    """SHA-256 of a checkpoint's weights, as they lie there."""
    with (folder / WEIGHTS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _metadata(checkpoint: Checkpoint, folder: Path) -> dict[str, str]:
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    subsets = [sorted(subset) for subset in subsets_of(modalities(checkpoint))]
    return {
        "emo_format": FORMAT,
        "emo_version": import_module("emo_core").__version__,  # layers import only downwards
        "name": checkpoint.name,
        "model": checkpoint.model_name,
        "labels": json.dumps(checkpoint.labels),
        "task": checkpoint.task.name,
        "preprocessing": json.dumps(checkpoint.sample.as_dict()),
        "weights_sha256": weights_digest(folder),
        "precision": "float32",
        "scope": SCOPE,
        "subsets": json.dumps(subsets),  # of subset_logits, in its order
        "config": json.dumps(config),
        DIGEST: NO_DIGEST,
    }


def _content(checkpoint: Checkpoint, metadata: dict[str, str]) -> bytes:
    """The bytes of the file."""
    program = _program(checkpoint)
    for node in program.model.graph:
        node.metadata_props.clear()  # lines of code and paths of this machine
    inputs = program.model.graph.inputs
    _drop_unread(inputs)
    for value in inputs:
        value.doc_string = INPUTS[str(value.name)]
    program.model.metadata_props.clear()
    program.model.metadata_props.update(metadata)
    content = program.model_proto.SerializeToString(deterministic=True)
    found = hashlib.sha256(content).hexdigest().encode()
    return content.replace(_digest_entry(NO_DIGEST.encode()), _digest_entry(found))


def _drop_unread(inputs: list[Any]) -> None:
    """Take out, in place, the inputs of which the graph reads nothing but how long they are.

    Their lengths are asked of an input with the same first axes.
    """
    read = [one for one in inputs if any(node.op_type != "Shape" for node, _ in one.uses())]
    for value in [one for one in inputs if one not in read]:
        prefix = "mel" if value.name.startswith("mel") else "token"
        alike = ("video", "face") if value.name.startswith(("video", "face")) else (prefix,)
        stand_in = next((one for one in read if one.name.startswith(alike)), read[0])
        for node, index in list(value.uses()):
            node.replace_input_with(index, stand_in)
        inputs.remove(value)


def _digest_entry(digest: bytes) -> bytes:
    """Key and value as protobuf writes them, so that it is found without parsing."""
    return DIGEST.encode() + b"\x12\x40" + digest


def stated_digest(content: bytes) -> tuple[str, str]:
    """The SHA-256 that a file states of itself, "" of none, and the one that it has."""
    at = content.find(_digest_entry(b""))
    if at < 0:
        return "", ""
    first = at + len(_digest_entry(b""))
    stated = content[first : first + len(NO_DIGEST)]
    blank = content[:first] + NO_DIGEST.encode() + content[first + len(NO_DIGEST) :]
    return stated.decode("ascii", "replace"), hashlib.sha256(blank).hexdigest()


def _program(checkpoint: Checkpoint) -> Any:
    """The graph for any batch and time, its constants folded."""
    batch = collate([blank_sample(checkpoint.sample)] * 2)
    held = [f.name for f in fields(Batch) if getattr(batch, f.name) is not None]
    names = tuple(name for name in held if name in INPUTS)  # a waveform that may be kept is unread
    values = tuple(getattr(batch, name) for name in names)
    wrapped = ExportedModel(checkpoint, names).eval()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's own calls
            outputs = wrapped(*values)  # also fills what is worked out once
            free = tuple(_free_axes(checkpoint, name) for name in names)
            program = _traced(wrapped, values, free, wrapped.names(len(outputs)))
    except Exception as error:  # whatever torch raises of a model that it can't trace
        raise ExportError(
            "{name} can't be written as ONNX ({why}); expected a model whose graph does not depend "
            "on its input; choose another setting or model.",
            name=checkpoint.name,
            why=" ".join(str(error).split())[:160],
        ) from error
    return program


def _traced(
    wrapped: ExportedModel, values: tuple[Tensor, ...], free: tuple[Any, ...], outputs: list[str]
) -> Any:
    from onnxscript import optimizer

    graph = torch.export.export(
        wrapped, values, dynamic_shapes=(free,), prefer_deferred_runtime_asserts_over_guards=True
    )
    program = torch.onnx.export(
        graph,
        input_names=wrapped.inputs,
        output_names=outputs,
        opset_version=OPSET,
        dynamo=True,
        optimize=False,  # its rules take `x + 1e-10` for `x`
        verbose=False,
    )
    assert program is not None
    optimizer.inline(program.model)
    for _ in range(2):
        optimizer.fold_constants(program.model)
        optimizer.remove_unused_nodes(program.model)
    return program


def _free_axes(checkpoint: Checkpoint, name: str) -> dict[int, Any]:
    """Axes of an input that may have any length: the batch, and time where the model has no steps.

    The length of the transcript is as the settings say.
    """
    free = {0: torch.export.Dim.DYNAMIC}
    if not hasattr(checkpoint.settings, "steps") and not name.startswith("token"):
        free[1] = torch.export.Dim.DYNAMIC
    return free


def _compare(checkpoint: Checkpoint, content: bytes) -> None:
    """Raise ExportError where the graph answers a blank window otherwise than the model."""
    from emo_core.inference.onnx_runtime import open_session

    batch = collate([blank_sample(checkpoint.sample)])
    session = open_session(content, checkpoint.name)
    feed = {one.name: getattr(batch, one.name).numpy() for one in session.get_inputs()}
    found = torch.from_numpy(session.run([LOGITS], feed)[0])
    with torch.inference_mode():
        expected = checkpoint.model(batch).logits
    apart = float((found - expected).abs().max())
    if not apart <= TOLERANCE:
        raise ExportError(
            "{name} written as ONNX answers {apart} apart from itself; expected {most} at most; "
            "report the model's settings.",
            name=checkpoint.name,
            apart=f"{apart:.2g}",
            most=TOLERANCE,
        )
