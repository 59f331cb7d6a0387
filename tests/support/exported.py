"""Shipped checkpoints as ONNX files, each exported once for all processes of a test run."""

from pathlib import Path

from filelock import FileLock

from emo_core.inference.onnx_export import export_onnx

FOLDER: list[Path] = []  # of this run; tests/conftest.py says where


def exported(name: str) -> Path:
    """The file of a shipped checkpoint."""
    out = FOLDER[0] / f"{name}.onnx"
    with FileLock(out.with_suffix(".lock")):
        if not out.exists():
            part = out.with_suffix(".part.onnx")
            export_onnx(name, part)
            part.rename(out)
    return out
