"""Answers by ONNX Runtime: a file of `emo export` in the place of a checkpoint's model."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from emo_core.checkpoint import CONFIG, Checkpoint, checkpoint_of_config, find_checkpoint
from emo_core.errors import EmoError
from emo_core.inference.onnx_export import (
    FORMAT,
    LOGITS,
    MOMENT_MASK,
    MOMENT_TIMES,
    SUBSET_LOGITS,
    export_onnx,
    stated_digest,
    weights_digest,
)
from emo_core.io.environment import cache_folder
from emo_core.preprocess.batch import Batch, Output
from emo_core.preprocess.trace import Moments, Trace

RUNTIMES = ("torch", "onnx")
MOST_BYTES = 2 << 30  # that protobuf can hold


class OnnxError(EmoError):
    """An ONNX file that can't be used, or that is of something else; one sentence."""


class OnnxModel(nn.Module):
    """A graph of `emo export` as a model: Batch -> Output."""

    def __init__(self, session: Any) -> None:
        super().__init__()
        self.session = session
        self.input_names = [one.name for one in session.get_inputs()]
        self.output_names = [one.name for one in session.get_outputs()]

    def run(self, batch: Batch) -> dict[str, Tensor]:
        """Every output of the graph by its name."""
        feed = {name: getattr(batch, name).numpy() for name in self.input_names}
        found = self.session.run(self.output_names, feed)
        return {n: torch.from_numpy(x) for n, x in zip(self.output_names, found, strict=True)}

    def forward(self, batch: Batch) -> Output:
        found = self.run(batch)
        return Output(found[LOGITS], _trace(found))


class OnnxStreams(OnnxModel):
    """The graph of a model of two streams, which answers from every subset of them at once."""

    def __init__(self, session: Any, subsets: list[list[str]]) -> None:
        super().__init__(session)
        self.subsets = [frozenset(subset) for subset in subsets]

    def by_subset(self, batch: Batch) -> Mapping[frozenset[str], Output]:
        """The answer by the modalities that it may use."""
        found = self.run(batch)
        rows = zip(self.subsets, found[SUBSET_LOGITS], strict=True)
        return {subset: Output(logits, _trace(found)) for subset, logits in rows}


def _trace(found: dict[str, Tensor]) -> Trace:
    if MOMENT_TIMES not in found:
        return Trace()
    return Trace(moments=Moments(times_s=found[MOMENT_TIMES], mask=found[MOMENT_MASK]))


def open_session(content: bytes, name: str) -> Any:
    """An ONNX Runtime session on the processor, with torch's number of threads.

    Raises OnnxError where the package is missing or does not know the graph.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise OnnxError(
            "the package onnxruntime is not installed; expected the extra export; run "
            'pip install "emo_core[export]".'
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # errors are raised
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its classes have no base of their own
        raise OnnxError(
            "{name} can't be read by ONNX Runtime {version} ({why}); expected a graph of operators "
            "that it knows; export again with the version of emo that is here.",
            name=name,
            version=onnxruntime.__version__,
            why=" ".join(str(error).split())[:160],
        ) from error


def load_onnx(path: Path, of: str | Path | None = None) -> Checkpoint:
    """A checkpoint whose model is a file of `emo export`.

    of: a checkpoint, by shipped name or folder, from which the file must have been exported. Raises
    OnnxError where it is damaged, or of another model, other weights, or no export of this project.
    """
    content = _read(path)
    session = open_session(content, path.name)
    metadata = session.get_modelmeta().custom_metadata_map
    if metadata.get("emo_format") != FORMAT:
        raise OnnxError(
            "{name} has export format {found}; expected {format}; export again with the version of "
            "emo that is here.",
            name=path.name,
            found=str(metadata.get("emo_format"))[:20],
            format=FORMAT,
        )
    if of is not None:
        _refuse_other(path, metadata, find_checkpoint(of))
    try:
        checkpoint = checkpoint_of_config(metadata["name"], json.loads(metadata["config"]))
        subsets = json.loads(metadata["subsets"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise OnnxError(
            "{name} does not describe a model of this version ({error}); expected a file of `emo "
            "export`; export again.",
            name=path.name,
            error=error,
        ) from error
    made = OnnxModel(session)
    if SUBSET_LOGITS in made.output_names:
        made = OnnxStreams(session, subsets)
    return replace(checkpoint, model=made.eval())


def _read(path: Path) -> bytes:
    """The bytes of a file that is what it says it is."""
    if not path.is_file():
        raise OnnxError(
            "{name} is not there; expected a file of `emo export`; correct the name.", name=path
        )
    if path.stat().st_size > MOST_BYTES:
        raise OnnxError(
            "{name} is larger than 2 GiB; expected a file of `emo export`; name one.", name=path
        )
    content = path.read_bytes()
    stated, found = stated_digest(content)
    if not stated:
        raise OnnxError(
            "{name} is no file of `emo export`, or is cut off; expected one; export it with `emo "
            "export MODEL {name}`.",
            name=path.name,
        )
    if stated != found:
        raise OnnxError(
            "{name} is damaged: it has SHA-256 {found}; expected {stated}, as it says itself; copy "
            "it again, or export it again.",
            name=path.name,
            found=found[:12],
            stated=stated[:12],
        )
    return content


def _refuse_other(path: Path, metadata: Mapping[str, str], folder: Path) -> None:
    """Raise OnnxError where a file is not of the checkpoint in a folder."""
    digest = weights_digest(folder)
    settings = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    if metadata.get("weights_sha256") == digest and metadata.get("config") != json.dumps(settings):
        raise OnnxError(
            "{name} was exported from other settings than {wanted} has; expected the same; export "
            "it again.",
            name=path.name,
            wanted=folder.name,
        )
    if metadata.get("weights_sha256") != digest:
        raise OnnxError(
            "{name} is of {model} with weights {found}; expected weights {digest}, those of "
            "{wanted}; export that one.",
            name=path.name,
            model=metadata.get("name", "an unknown model"),
            found=metadata.get("weights_sha256", "none")[:12],
            digest=digest[:12],
            wanted=folder.name,
        )


def load_exported(model: str | Path) -> Checkpoint:
    """A checkpoint, by shipped name or folder, that answers by ONNX Runtime.

    Exported once into the folder for caches; a file there that is of something else, or damaged, is
    written anew.
    """
    folder = find_checkpoint(model).resolve()
    kept = cache_folder() / "onnx" / f"{folder.name}-{weights_digest(folder)[:12]}.onnx"
    try:
        return load_onnx(kept, folder)
    except OnnxError:
        kept.parent.mkdir(parents=True, exist_ok=True)
        export_onnx(folder, kept, overwrite=True)
    return load_onnx(kept, folder)
