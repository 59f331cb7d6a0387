"""Shipped checkpoints as ONNX files, each exported once a process."""

import tempfile
from functools import lru_cache
from pathlib import Path

from emo_core.inference.onnx_export import export_onnx


@lru_cache
def exported(name: str) -> Path:
    """The file of a shipped checkpoint."""
    out = Path(tempfile.mkdtemp(prefix="emo-onnx-")) / f"{name}.onnx"
    export_onnx(name, out)
    return out
