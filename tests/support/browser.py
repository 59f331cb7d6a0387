"""Chromium for tests, or a skip where it is not installed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--no-first-run",
    "--disable-default-apps",
)


def chromium_path() -> str | None:
    """This machine's own Chromium."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def open_browser(*more: str) -> Iterator[Any]:
    """A headless Chromium of this machine's own; the test is skipped without one.

    more: its arguments beside the usual ones.
    """
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = chromium_path()
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    with api.sync_playwright() as player:
        program = player.chromium.launch(executable_path=chromium, args=[*QUIET, *more])
        yield program
        program.close()
