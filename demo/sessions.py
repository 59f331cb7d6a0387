"""Who is here: what each visitor has had answered, how often they may ask, and leaving."""

import ctypes
import shutil
import threading
import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from demo.doors.storage import MB, Storage
from demo.job_queue import FIRST, Job, JobQueue
from demo.memory import CaseMemory
from demo.settings import BusyError, Limits

MINUTE_S = 60
TICK_S = 15  # between two looks for files that no visit has claimed
MOST_CASES = 3  # clips of one visitor whose answers are kept while they are here


class Session:
    """One visitor: cases by the clip's content, and files on disk."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        self.cases: OrderedDict[tuple, Any] = OrderedDict()
        self.files: set[Path] = set()
        self.address = "unknown"
        self.given: str | None = None  # the clip given last, of either input
        self.current: Any = None  # the case on the page
        self.waiting: Any = None  # that case, as long as only its answer is there
        self.mapped: Any = None  # the case of which a fast map was asked for
        self.seen_s = time.monotonic()
        self.film: tuple[Any, str] | None = None  # the case of which a playable film was made
        self.shown: tuple[Any, dict] | None = None  # the case in the player, and all drawn of it
        self.wish: dict[str, Any] = {}  # how the page was opened: a moment, without sound
        self.taken_back = 0  # how often the agreement of those who are shown was

    def wish_of_player(self) -> dict[str, Any]:
        """What the player does at first: starts at a moment, or runs without sound."""
        at_s, muted = self.wish.get("at_s"), self.wish.get("muted") is True
        moment = float(at_s) if isinstance(at_s, int | float) and at_s > 0 else None
        return {"at_s": moment, "muted": muted}

    def film_of(self, case: Any) -> str | None:
        """The address of the playable film of a case."""
        return self.film[1] if self.film is not None and self.film[0] is case else None

    def take_first_map(self) -> bool:
        """Whether a fast map is the first asked for of the case on the page; from now on it was."""
        first = self.current is not None and self.mapped is not self.current
        self.mapped = self.current
        return first

    def keep(self, key: tuple, case: Any) -> None:
        self.cases[key] = case
        self.cases.move_to_end(key)
        while len(self.cases) > MOST_CASES:
            self.cases.popitem(last=False)


class Rate:
    """A limit on requests in a minute, by key."""

    def __init__(self, most: int, now: Callable[[], float] = time.monotonic) -> None:
        self.most, self.now = most, now
        self.times: dict[str, deque[float]] = defaultdict(deque)
        self.lock = threading.Lock()

    def take(self, key: str) -> None:
        """Count one; raise BusyError where it is one too many."""
        with self.lock:
            now, times = self.now(), self.times[key]
            while times and times[0] <= now - MINUTE_S:
                times.popleft()
            if len(times) >= self.most:
                wait_s = max(1, round(times[0] + MINUTE_S - now))
                raise BusyError(
                    "more than {most} questions in a minute came from you; this page is shared; "
                    "try again in {wait_s} s.",
                    most=self.most,
                    wait_s=wait_s,
                )
            times.append(now)

    def forget(self) -> None:
        """Drop visitors who have not asked for a minute."""
        with self.lock:
            old = self.now() - MINUTE_S
            for key in [key for key, times in self.times.items() if not times or times[-1] <= old]:
                del self.times[key]


def give_back_memory() -> None:
    """Ask the C library to return what it keeps of freed memory; thirty visitors leave 150 MB."""
    with suppress(OSError, AttributeError, TypeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


class Sessions:
    """All visitors by session."""

    def __init__(self, limits: Limits, folder: Path) -> None:
        self.limits, self.folder = limits, folder.resolve()
        self.storage = Storage(folder, limits)
        self.memory = CaseMemory(limits.mb_of_memory * MB)
        self.of_visitor, self.of_address = Rate(limits.jobs_a_minute), Rate(limits.jobs_of_address)
        self.model_jobs, self.link_jobs = JobQueue(limits), JobQueue(limits, slots=2)
        self.sessions: dict[str, Session] = {}
        self.forget_elsewhere: Callable[[str], None] = lambda session: None  # of one that has left
        self.lock = threading.Lock()

    def of(self, session: str | None) -> Session:
        """The visitor of a session; one without a session is new each time and kept nowhere."""
        if session is None:
            return Session()
        with self.lock:
            visit = self.sessions.setdefault(session, Session(session))
        visit.seen_s = time.monotonic()
        return visit

    def count(self, session: str | None, address: str) -> None:
        """One more question. Raises BusyError where there were too many."""
        self.of_address.take(address)
        self.of_visitor.take(session or address)

    def enter(
        self,
        work: Callable[[Job], Any],
        session: str | None,
        address: str,
        lane: int = FIRST,
        heavy: bool = False,
    ) -> Job:
        """Queue work on the model for a visitor. Raises BusyError."""
        self.count(session, address)
        return self.model_jobs.join(work, address, session or address, lane, heavy)

    def fetch(self, work: Callable[[Job], Any], session: str | None, address: str) -> Job:
        """Queue the fetching of a link for a visitor. Raises BusyError."""
        self.count(session, address)
        return self.link_jobs.join(work, address, session or address)

    def is_busy(self, session: str | None) -> bool:
        """Whether anything of a visitor runs or waits: as long as it does, Stop can be pressed."""
        return self.model_jobs.is_busy(session) or self.link_jobs.is_busy(session)

    def stop(self, session: str | None) -> None:
        """Stop all that runs or waits for a visitor."""
        self.model_jobs.stop(session)
        self.link_jobs.stop(session)

    def close(self) -> None:
        """Stop everything: the page ends."""
        self.model_jobs.close()
        self.link_jobs.close()

    def claim(self, visit: Session, path: Path, example: bool = False) -> None:
        """Note a file as a visitor's. Raises BusyError for one too many, which is deleted.

        example: it is a shipped drawing, which is a visitor's only where they uploaded it.
        """
        if not example or self.storage.of(path):
            visit.files.add(self.storage.claim(path, visit.name))

    def uploaded(self, visit: Session, path: str) -> Path | None:
        """An upload of this visit's, or one that no visit has; None for any other path."""
        file = Path(path).resolve()
        found = self.storage.of(file)
        if found is None or found.visit not in (None, visit.name) or not file.is_file():
            return None
        return file

    def settle(self, case: Any, public: bool = False) -> None:
        """Something of a case was answered, drawn or explained: keep no more than is needed."""
        if not public:  # the few shipped examples are everybody's
            case.lighten()
        self.memory.note(case)

    def new_folder(self, visit: Session) -> Path:
        """A folder for what is made for a visitor. Raises BusyError where there is no room."""
        folder = self.storage.make(visit.address, visit.name)
        visit.files.add(folder)
        return folder

    def leave(self, session: str) -> None:
        """Stop what runs for a visitor and delete what they gave."""
        with self.lock:
            visit = self.sessions.pop(session, None)
        self.stop(session)
        self.forget_elsewhere(session)
        if visit is not None:
            self.let_go(visit)

    def take_back(self, session: str | None) -> None:
        """The agreement is taken back: as leaving, but the visitor stays."""
        visit = self.of(session)
        visit.taken_back += 1
        self.stop(session)
        self.let_go(visit)

    def let_go(self, visit: Session) -> None:
        """Delete what a visitor gave, and what is known of it."""
        with self.lock:
            visits = [other for other in self.sessions.values() if other is not visit]
            others = {path for other in visits for path in other.files}
        for path in visit.files - others:
            self.delete(path)
        visit.files.clear()
        visit.cases.clear()
        visit.current = visit.waiting = visit.mapped = visit.given = visit.film = visit.shown = None
        give_back_memory()

    def delete(self, path: Path) -> None:
        """Delete a file, or a folder, of a visitor: only ever below the page's own folder."""
        path = path.resolve()
        if self.folder not in path.parents:
            return
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
            return
        with suppress(OSError):
            path.unlink(missing_ok=True)
            path.parent.rmdir()  # where it was alone in it

    def sweep(self, spared: frozenset[Path] = frozenset()) -> None:
        """Forget visitors who left without notice, and delete every file that is too old."""
        old = time.monotonic() - self.limits.keep_s
        for session in [s for s, visit in list(self.sessions.items()) if visit.seen_s < old]:
            self.leave(session)
        self.of_visitor.forget()
        self.of_address.forget()
        before = time.time() - self.limits.keep_s
        for path in sorted(self.folder.rglob("*"), reverse=True):
            with suppress(OSError):
                if path.is_file() and path not in spared and path.stat().st_mtime < before:
                    self.delete(path)

    def sweep_always(self, spared: Callable[[], frozenset[Path]]) -> threading.Thread:
        """Sweep for as long as the page is up."""

        def forever() -> None:
            swept_s = time.monotonic()
            while True:
                time.sleep(TICK_S)
                self.storage.sweep()
                if time.monotonic() - swept_s >= self.limits.sweep_s:
                    self.sweep(spared())
                    swept_s = time.monotonic()

        thread = threading.Thread(target=forever, name="sweep", daemon=True)
        thread.start()
        return thread
