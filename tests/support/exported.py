"""Shipped checkpoints as ONNX files, each exported once a process; they end with it."""

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from emo_core.inference.onnx_export import export_onnx

FOLDER = TemporaryDirectory(prefix="emo-onnx-")


@lru_cache
def exported(name: str) -> Path:
    """The file of a shipped checkpoint."""
    out = Path(FOLDER.name) / f"{name}.onnx"
    export_onnx(name, out)
    return out
