"""A page under attack, and an honest visitor who asks meanwhile: clients by plain HTTP, a table."""

import json
import os
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from uuid import uuid4

import httpx
import psutil

from tests.support.serving import PATIENCE_S

HONEST, ATTACKER = "127.0.0.2", "127.0.0.1"  # Linux answers on the whole of 127.0.0.0/8
ASKED_WITHOUT, ASKED_DURING = 5, 7  # answers of which the median is taken
PAUSE_S = 2.2  # from one question to the next: fewer than the 30 a minute that a visitor may ask
IDLE_PERCENT = 15  # of one core
MARGIN_S = 0.1  # of a median: two cores that other work shares
_NUMBERS = count()


class Visitor:
    """A client of one address with one session, by plain HTTP; `leave` takes its files along."""

    def __init__(self, url: str, address: str = HONEST, heartbeat: bool = True) -> None:
        transport = httpx.HTTPTransport(local_address=address)
        self.http = httpx.Client(base_url=url, transport=transport, timeout=PATIENCE_S)
        self.session = uuid4().hex
        self.known: dict = {}  # the page's endpoints
        self.here = threading.Event()
        self.gone = threading.Event()
        self.heart = threading.Thread(target=self._beat, daemon=True)
        if heartbeat:
            self.heart.start()
            assert self.here.wait(PATIENCE_S)

    def _beat(self) -> None:
        with (
            suppress(httpx.HTTPError),
            self.http.stream("GET", f"/gradio_api/heartbeat/{self.session}") as lines,
        ):
            for _ in lines.iter_lines():
                self.here.set()
                if self.gone.is_set():
                    return

    def upload(self, content: bytes, name: str = "clip.mp4") -> dict | None:
        """A file sent to the page, as endpoints take it; None where the page has no room."""
        sent = self.http.post("/gradio_api/upload", files={"files": (name, content)})
        if not sent.is_success:
            return None
        return {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}

    def join(self, name: str, **given: object) -> httpx.Response:
        """Ask a named endpoint for something; the response has the event's id where it is taken."""
        body = {"data": self._in_order(name, given), "session_hash": self.session}
        return self.http.post(f"/gradio_api/call/{name}", json=body)

    def _in_order(self, name: str, given: dict[str, object]) -> list[object]:
        """Arguments in the order that the page states; consent is given, what is left out usual."""
        if not self.known:
            self.known = self.http.get("/gradio_api/info").json()["named_endpoints"]
        usual = {"everyone_agreed": True} | given
        return [
            usual.get(it["parameter_name"], it.get("parameter_default"))
            for it in self.known[f"/{name}"]["parameters"]
        ]

    def wait(self, name: str, event: str) -> tuple[str, object]:
        """How an event ended ("complete" or "error"), and with what."""
        with self.http.stream("GET", f"/gradio_api/call/{name}/{event}") as lines:
            kind = ""
            for line in lines.iter_lines():
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: ") and kind in ("complete", "error"):
                    return kind, json.loads(line.removeprefix("data: "))
        return "closed", None

    def ask(self, content: bytes, name: str = "clip.mp4", endpoint: str = "predict") -> dict:
        """Upload a clip and wait for its answer."""
        clip = self.upload(content, name)
        assert clip is not None, "the page had no room for an honest visitor's clip"
        joined = self.join(endpoint, clip=clip)
        joined.raise_for_status()
        kind, data = self.wait(endpoint, joined.json()["event_id"])
        assert kind == "complete", (kind, data)
        return data[0]

    def leave(self) -> None:
        self.gone.set()
        self.http.close()


@dataclass(frozen=True)
class Attack:
    """One thing that a person who means harm does, over and over, until told to stop.

    `run` gets the page and an event that ends it, and returns in a few words what it got.
    """

    name: str
    run: Callable[["Siege", threading.Event], str]
    settle_s: float = 1.0  # until the honest visitor asks

    def __str__(self) -> str:
        return self.name


@dataclass
class Siege:
    """One page in a process of its own, a clip for its visitors, and what was measured."""

    url: str
    process: psutil.Process
    home: Path  # the page's files are below it
    clip: bytes
    rows: list[str] = field(default_factory=list)

    def fresh(self) -> bytes:
        """A clip that was not asked about before."""
        return self.clip + f"-{next(_NUMBERS)}".encode()

    def first_answers_s(
        self, visitor: Visitor, times: int, pause_s: float = PAUSE_S
    ) -> list[float]:
        """Seconds from the upload's start to each first answer of an honest visitor."""
        spent: list[float] = []
        for _ in range(times):
            started = time.monotonic()
            answer = visitor.ask(self.fresh())
            spent.append(time.monotonic() - started)
            assert answer["errors"] == [], answer
            time.sleep(max(0.0, pause_s - spent[-1]))
        return spent

    def sizes(self) -> list[int]:
        """Bytes of each file of visitors'."""
        found: list[int] = []
        for files in self.home.glob("emo-*/files"):
            for folder, _, names in os.walk(files):
                for name in names:
                    with suppress(FileNotFoundError):  # deleted meanwhile
                        found.append(os.path.getsize(os.path.join(folder, name)))
        return found

    def files(self) -> int:
        return len(self.sizes())

    def megabytes(self) -> int:
        return self.process.memory_info().rss >> 20

    def disk(self) -> int:
        """Megabytes of visitors' files."""
        return sum(self.sizes()) >> 20

    def rest(self) -> None:
        """Wait until the page is idle: what an attack left behind is no part of the next one."""
        deadline = time.monotonic() + PATIENCE_S
        while self.process.cpu_percent(1.0) > IDLE_PERCENT:
            assert self.process.status() != psutil.STATUS_ZOMBIE, "the page has ended"
            assert time.monotonic() < deadline, "the page still works for those who left"

    def withstand(self, attack: Attack) -> tuple[float, float]:
        """Median seconds of the honest visitor's first answers without and during one attack.

        Without: before it and, once the page is idle again, after it, since other work on this
        computer comes and goes.
        """
        visitor, stop, got = Visitor(self.url), threading.Event(), []
        self.rest()
        memory, files = self.megabytes(), self.files()
        self.first_answers_s(visitor, 1)  # a new session's own costs
        without = self.first_answers_s(visitor, ASKED_WITHOUT)
        harm = threading.Thread(target=lambda: got.append(attack.run(self, stop)), daemon=True)
        harm.start()
        try:
            stop.wait(attack.settle_s)
            during = statistics.median(self.first_answers_s(visitor, ASKED_DURING))
        finally:
            stop.set()
            harm.join(PATIENCE_S)
        assert not harm.is_alive() and self.process.is_running()
        left = f"{self.megabytes()} | {self.disk()} | {files} | {self.files()}"
        self.rest()
        idle = statistics.median(without + self.first_answers_s(visitor, ASKED_WITHOUT))
        visitor.leave()
        said = got[0] if got else "it broke: see the traceback above"
        self.rows.append(
            f"| {attack.name} | {said} | {idle:.2f} | {during:.2f} | {memory} | {left} |"
        )
        return idle, during

    def table(self) -> str:
        """The rows for docs/results.md."""
        head = (
            "| attack | what it got | answer without, s | during, s | memory before, MB | after | "
        )
        return "\n".join(
            [
                f"{head}disk after, MB | files before | after |",
                "|---|---|" + "---:|" * 7,
                *self.rows,
            ]
        )
