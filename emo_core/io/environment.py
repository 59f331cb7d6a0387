"""What the user's environment variables decide: the folder for caches, and whether to go online."""

import os
from pathlib import Path

from emo_core.errors import EmoError

OFFLINE = ("EMO_OFFLINE", "HF_HUB_OFFLINE")


class CacheFolderError(EmoError):
    """There is no folder for caches."""


def cache_folder() -> Path:
    """$EMO_CACHE, or emo/ in the user's cache folder. Raises CacheFolderError without a home."""
    if own := os.environ.get("EMO_CACHE"):
        return Path(own)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emo"
    except RuntimeError as error:
        raise CacheFolderError(
            "this user has no home folder, where the cache was expected; set EMO_CACHE to a folder."
        ) from error


def offline() -> bool:
    """Whether the user forbids the network: one of OFFLINE is set and is not 0."""
    return any(os.environ.get(name, "0") not in ("", "0") for name in OFFLINE)
