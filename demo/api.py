"""The page for programs: two named endpoints with the command's JSON, and tools for agents."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gradio as gr

from demo import service
from demo.callbacks import count_visit
from demo.service import UserError
from demo.sessions import BusyError, Session, Sessions
from demo.settings import LimitError, Limits


class Programs:
    """The endpoints; what a program asks counts like what a visitor asks."""

    def __init__(self, visits: Sessions) -> None:
        self.visits = visits

    def visit(self, path: str, request: gr.Request) -> Session:
        """The program's own visit, which takes its file along when it leaves."""
        visit = count_visit(self.visits, request)
        if not service.is_example(Path(path)):
            self.visits.claim(visit, Path(path))
        return visit

    def predict(self, clip: str | None, request: gr.Request) -> dict:
        """Says which mood onlookers would likely call the group in a video or sound file.

        Perceived affect, the word onlookers would choose, never what a person feels; only for clips
        whose people agree.

        Args:
            clip: A video or sound file, up to 50 MB and 10 minutes.

        Returns:
            schema_version, results, errors as `emo predict --json` prints them.
        """
        if clip is None:
            return service.failure_json("", UserError("no file given; give a clip."))
        try:
            return service.answer_json(clip, self.visit(clip, request))
        except BusyError as error:
            return service.failure_json(clip, error)

    def explain(
        self,
        clip: str | None,
        method: str,
        preset: str,
        target: str,
        checks: bool,
        request: gr.Request,
    ) -> dict:
        """Says when picture and sound moved the answer to a clip, and how far to trust that.

        Args:
            clip: A video or sound file, up to 50 MB and 10 minutes.
            method: One of the methods that `emo list methods` names; empty for the default.
            preset: fast, standard or thorough.
            target: The label to explain; empty for the one that leads.
            checks: Whether to check the map too, which takes about three times as long.

        Returns:
            The object that `emo explain --json` prints, or errors as of predict.
        """
        from demo import explanations

        if clip is None:
            return service.failure_json("", UserError("no file given; give a clip."))
        usual = explanations.ExplainRequest(target=target or None, checks=checks)
        asked = replace(usual, method=method or usual.method, preset=preset or usual.preset)
        try:
            return explanations.explain_json(clip, asked, self.visit(clip, request))
        except (UserError, BusyError) as error:
            return service.failure_json(clip, error)


def offer(visits: Sessions, queue: dict[str, Any]) -> None:
    """Adds `/predict` and `/explain` to the Blocks that is open."""
    programs = Programs(visits)
    clip = gr.File(visible=False, label="Clip")
    method = gr.Textbox("", visible=False, label="Method")
    preset = gr.Textbox("", visible=False, label="Preset")
    target = gr.Textbox("", visible=False, label="Target")
    checks = gr.Checkbox(False, visible=False, label="Checks")
    answer = gr.JSON(visible=False, label="Answer")
    press = gr.Button(visible=False)
    press.click(programs.predict, clip, answer, api_name="predict", **queue)
    given = [clip, method, preset, target, checks]
    press.click(programs.explain, given, answer, api_name="explain", **queue)


def check_tools(limits: Limits) -> None:
    """Raises LimitError where tools for agents are asked for and can't be offered."""
    if limits.mcp and find_spec("mcp") is None:
        raise LimitError(
            "EMO_MCP is on, but the package mcp isn't installed; expected gradio's extra for it; "
            "install it (pip install 'gradio[mcp]') or leave EMO_MCP off."
        )
