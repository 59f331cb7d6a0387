"""The page for programs: two named endpoints with the command's JSON, and tools for agents."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gradio as gr

import emo_core
from demo import service
from demo.callbacks import Listener, enter_job
from demo.job_queue import FIRST, LONGER, Job, Stopped
from demo.service import UserError
from demo.sessions import Session, Sessions
from demo.settings import BusyError, LimitError, Limits
from emo_core.schema import DEFAULT_METHOD, DEFAULT_PRESET, METHOD_NAMES, PRESET_NAMES

CHECKPOINTS = Path(emo_core.__file__).parent / "checkpoints"
POLL_S = 1.0  # seconds between two checks whether a program still waits

REFUSED = (
    "everyone_agreed is not true; this page takes only clips whose people have all agreed to this, "
    "or that are drawn or published for such use; ask them, then say true. The clip was deleted."
)


class Programs:
    """The endpoints; what a program asks counts like what a visitor asks."""

    def __init__(self, visits: Sessions) -> None:
        self.visits = visits

    def visit(self, clip: str | None, everyone_agreed: object, request: gr.Request) -> Session:
        """The program's own visit, which takes its file along when it leaves.

        Raises UserError without a clip, or for one whose people have not agreed; that is deleted.
        """
        visit = self.visits.of(request.session_hash)
        if clip is None:
            raise UserError("no file given; give a clip.")
        self.visits.storage.drop_copies(Path(clip))
        example = service.is_example(Path(clip))
        if not example and everyone_agreed is not True:
            self.visits.delete(self.visits.storage.claim(Path(clip)))
            raise UserError(REFUSED)
        self.visits.claim(visit, Path(clip), example)
        return visit

    def in_turn(
        self,
        request: gr.Request,
        work: Callable[[Job], dict],
        lane: int = FIRST,
        heavy: bool = False,
    ) -> dict:
        """Queue work and wait for it, as long as the program does. Raises BusyError or Stopped."""
        job, listener = enter_job(self.visits, request, work, lane, heavy), Listener()
        for _ in job.states(POLL_S, POLL_S):
            if listener.has_gone():
                job.drop()
        try:
            return job.result()
        finally:
            for case in list(self.visits.of(request.session_hash).cases.values()):
                self.visits.settle(case)

    def predict(
        self, clip: str | None, everyone_agreed: bool, model: str, request: gr.Request
    ) -> dict:
        """Says which mood onlookers would likely call the group in a video or sound file.

        Perceived affect, the word onlookers would choose, never what a person feels; only for clips
        whose people agree.

        Args:
            clip: Video or sound up to 50 MB and 10 minutes: an uploaded file, or a data: URI.
            everyone_agreed: True only if all seen or heard agreed, or it is drawn or made for this.
            model: Which shipped model answers; empty for the page's own.

        Returns:
            schema_version, results, errors as `emo predict --json` prints them.
        """
        path = clip or ""
        try:
            visit = self.visit(clip, everyone_agreed, request)
            name = known_model(model)
            return self.in_turn(
                request, lambda job: service.answer_json(path, visit, job.report, name)
            )
        except (UserError, BusyError, Stopped) as error:
            return service.failure_json(path, error)

    def explain(
        self,
        clip: str | None,
        everyone_agreed: bool,
        method: str,
        preset: str,
        target: str,
        checks: bool,
        model: str,
        request: gr.Request,
    ) -> dict:
        """Says when picture and sound moved the answer to a clip, and how far to trust that.

        Args:
            clip: Video or sound up to 50 MB and 10 minutes: an uploaded file, or a data: URI.
            everyone_agreed: True only if all seen or heard agreed, or it is drawn or made for this.
            method: How to explain.
            preset: How closely to look; thorough takes longest.
            target: The label to explain, one of the model's; empty for the one that leads.
            checks: Whether to check the map too, which takes about three times as long.
            model: Which shipped model answers; empty for the page's own.

        Returns:
            The object that `emo explain --json` prints, or errors as of predict.
        """
        from demo import explanations

        usual = explanations.ExplainRequest(target=target or None, checks=checks)
        asked = replace(usual, method=method or usual.method, preset=preset or usual.preset)
        path = clip or ""

        def work(job: Job) -> dict:
            return explanations.explain_json(path, asked, visit, name, job.report, job.clock)

        lane = FIRST if asked.preset == "fast" and not checks else LONGER
        try:
            visit = self.visit(clip, everyone_agreed, request)
            name = known_model(model)
            return self.in_turn(request, work, lane, heavy=asked.preset == "thorough")
        except (UserError, BusyError, Stopped) as error:
            return service.failure_json(path, error)


def shipped_models() -> dict[str, tuple[str, ...]]:
    """Labels of every shipped model, by its name; read without torch."""
    found = sorted(CHECKPOINTS.glob("*/config.json"))
    return {path.parent.name: tuple(json.loads(path.read_bytes())["labels"]) for path in found}


def known_model(name: str) -> str | None:
    """A shipped model's name, None for the page's own. Raises UserError for any other."""
    known = shipped_models()
    if name and name not in known:  # never a folder: paths of the server are nobody's business
        raise UserError(
            "model {name!r} is not offered here; expected one of {known}, or nothing.",
            name=name[:60],
            known=", ".join(known),
        )
    return name or None


def choice(names: Sequence[str], usual: str, label: str) -> gr.Radio:
    """One of several values: an enumeration for programs; others get a sentence of our own."""
    part = gr.Radio(list(names), value=usual, visible=False, label=label)
    part.preprocess = lambda payload: payload  # type: ignore[method-assign]
    return part


def offer(visits: Sessions, queue: dict[str, Any]) -> None:
    """Adds `/predict` and `/explain` to the Blocks that is open."""
    programs = Programs(visits)
    clip = gr.File(visible=False, label="Clip")
    agreed = gr.Checkbox(visible=False, label="Everyone agreed")
    agreed.value = None  # a program has to say it: there is no default
    method = choice(METHOD_NAMES, DEFAULT_METHOD, "Method")
    preset = choice(PRESET_NAMES, DEFAULT_PRESET, "Preset")
    models = shipped_models()
    labels = dict.fromkeys(label for known in models.values() for label in known)
    target = choice(["", *labels], "", "Target")
    model = choice(["", *models], "", "Model")
    checks = gr.Checkbox(False, visible=False, label="Checks")
    answer = gr.JSON(visible=False, label="Answer")
    press = gr.Button(visible=False)
    press.click(programs.predict, [clip, agreed, model], answer, api_name="predict", **queue)
    given = [clip, agreed, method, preset, target, checks, model]
    press.click(programs.explain, given, answer, api_name="explain", **queue)


def check_tools(limits: Limits) -> None:
    """Raises LimitError where tools for agents are asked for and can't be offered."""
    if limits.mcp and find_spec("mcp") is None:
        raise LimitError(
            "EMO_MCP is on, but the package mcp isn't installed; install it (pip install mcp), or "
            "leave EMO_MCP off."
        )
