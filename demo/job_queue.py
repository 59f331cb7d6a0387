"""Whose turn it is: jobs of all visitors in fair shares, first answers before longer explanations.

Limits count when a job joins. One answer computes at a time, and beside it an explanation until its
next pause: between packets and passes (`Job.pause`) a job gives way to whose turn it is. The turn
goes to the address that has had least time, and within it to the visit that has had least. Knows
neither gradio nor torch.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from itertools import count
from typing import Any

from demo.settings import BusyError, Limits
from emo_core.errors import EmoError

FIRST, LONGER = 0, 1  # lanes: answers, with one fast map each; and everything behind them
STARTED = {FIRST: 3, LONGER: 1}  # jobs of one address that may have begun: it bounds memory
STARTED_IN_ALL = {FIRST: 12, LONGER: 3}
SLICE_S = 0.25  # seconds by which others must be behind before a job gives way to its like
CREDIT_S = 0.5  # seconds that an address or a visit has in hand when it comes
GRACE_S = 10.0  # seconds an address may be ahead before its answers wait for others' explanations
CHECK_S = 0.01  # seconds between two checks whose turn it is


class Stopped(EmoError):
    """The job was stopped by its visitor, who may have gone."""


@dataclass(frozen=True)
class JobState:
    """What there is to tell of a job that isn't done."""

    ahead: int | None  # jobs that are to come first; None: it has begun
    progress: tuple[int, int] | None = None  # steps done, steps in all


class Job:
    """One piece of work of one visit; made by `JobQueue.join`."""

    def __init__(
        self,
        queue: "JobQueue",
        work: Callable[["Job"], Any],
        key: tuple[str, Hashable],
        lane: int,
        heavy: bool,
    ) -> None:
        self.queue, self.work, self.lane, self.heavy = queue, work, lane, heavy
        self.context = copy_context()  # the work knows whose request it is
        self.address, self.visit = key[0], key
        self.number = next(queue.numbers)
        self.started = self.dropped = False
        self.go = threading.Event()  # it may compute
        self.since_s = self.checked_s = 0.0  # of its turn, and of its last check of others'
        self.had_s = 0.0  # seconds of its turns, up to `since_s`
        self.progress: tuple[int, int] | None = None
        self.future: Future[Any] = Future()

    def pause(self) -> None:
        """Give way where it is another's turn; raise Stopped where the job was stopped."""
        if self.dropped:
            raise Stopped("stopped, as you asked.")
        if self.queue.give_way(self):
            self.go.wait()
            self.pause()

    def report(self, done: int, total: int) -> bool:
        """Note progress and pause; a progress callback."""
        self.progress = (done, total) if total else None
        self.pause()
        return True

    def states(self, first_s: float, every_s: float = 1.0) -> Iterator[JobState]:
        """Its state after `first_s`, then every `every_s` seconds, until it is done."""
        within_s = first_s
        while not wait([self.future], within_s).done:
            yield self.queue.state_of(self)
            within_s = every_s

    def clock(self) -> float:
        """Seconds for which it has computed, others' turns left out; asked by the job itself."""
        return self.had_s + self.queue.now() - self.since_s

    def drop(self) -> None:
        """Stop it where it isn't done."""
        self.queue.drop(lambda job: job is self)

    def result(self) -> Any:
        """What the work returned, once it is done; raises what it raised, or Stopped."""
        return self.future.result()


class JobQueue:
    """All jobs that wait or run. `slots` of them compute at a time."""

    def __init__(
        self,
        limits: Limits,
        slots: int = 1,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits, self.slots, self.now = limits, slots, now
        self.lock = threading.Lock()
        self.numbers = count()
        self.jobs: list[Job] = []  # in order of arrival
        self.computing: list[Job] = []
        self.shares: dict[Hashable, float] = {}  # seconds had, by address and by visit
        self.pool = ThreadPoolExecutor(sum(STARTED_IN_ALL.values()), "job")

    def join(
        self,
        work: Callable[[Job], Any],
        address: str,
        visit: Hashable,
        lane: int = FIRST,
        heavy: bool = False,
    ) -> Job:
        """Enter a job, which begins when it is its turn. Raises BusyError."""
        job = Job(self, work, (address, visit), lane, heavy)
        with self.lock:
            self._refuse_beyond_limits(job)
            self._charge()
            for key, least_s in zip(
                (job.address, job.visit), (self._least(), self._least(job.address)), strict=True
            ):
                self.shares[key] = max(self.shares.get(key, -CREDIT_S), least_s - CREDIT_S)
            self.jobs.append(job)
            self._hand_on()
        return job

    def _refuse_beyond_limits(self, job: Job) -> None:
        waiting = [it for it in self.jobs if not it.started]
        of_visit = [it for it in waiting if it.visit == job.visit]
        if len(waiting) >= self.limits.waiting:
            raise BusyError("too many jobs wait here already; try again in a minute.")
        if len(of_visit) >= self.limits.waiting_of_visit:
            raise BusyError(
                "{count} jobs of yours wait already, which is all that may; wait for one, or stop "
                "them.",
                count=len(of_visit),
            )
        if job.heavy and any(it.heavy for it in of_visit):
            raise BusyError("a thorough job of yours waits already; wait for it, or stop it.")
        if sum(it.address == job.address for it in waiting) >= self.limits.waiting_of_address:
            raise BusyError(
                "{waiting_of_address} jobs from your address wait already, which is all that may; "
                "try again when some are done.",
                waiting_of_address=self.limits.waiting_of_address,
            )

    def _run(self, job: Job) -> None:
        """In a thread of the pool: the work, and the turn of the next afterwards."""
        result, failure = None, None
        try:
            job.pause()
            result = job.work(job)
        except BaseException as error:  # it is the asker's to handle
            failure = error
        with self.lock:
            self._charge()
            self._forget(job)
            self._hand_on()
        if failure is None:
            job.future.set_result(result)
        else:
            job.future.set_exception(failure)

    def _forget(self, job: Job) -> None:
        """Remove a job; addresses and visits without one keep no more than would count again."""
        self.jobs.remove(job)
        if job in self.computing:
            self.computing.remove(job)
        here = {key for it in self.jobs for key in (it.address, it.visit)}
        least_s = self._least()
        self.shares = {
            key: had_s
            for key, had_s in self.shares.items()
            if key in here or (self.jobs and isinstance(key, str) and had_s > least_s - CREDIT_S)
        }

    def give_way(self, job: Job) -> bool:
        """Whether a computing job has to wait (on `go`) since it is another's turn."""
        now_s = self.now()
        if len(self.jobs) == 1 or now_s - job.checked_s < CHECK_S:
            return False
        job.checked_s = now_s
        with self.lock:
            if job not in self.computing:
                return not job.dropped
            self._charge()
            best = self._next()
            crowded = len(self._rivals(job)) > self.slots
            if not crowded and (best is None or not self._comes_before(best, job)):
                return False
            self.computing.remove(job)
            job.go.clear()
            self._hand_on()
        return True

    def _charge(self) -> None:
        """Count the time had by those who compute."""
        now_s = self.now()
        for job in self.computing:
            for key in (job.address, job.visit):
                self.shares[key] += now_s - job.since_s
            job.had_s += now_s - job.since_s
            job.since_s = now_s

    def _least(self, address: str | None = None) -> float:
        """The least time had by an address that is here, or by a visit of one address; else 0."""
        keys = {
            it.address if address is None else it.visit
            for it in self.jobs
            if address in (None, it.address)
        }
        return min((self.shares[key] for key in keys), default=0.0)

    def _lane(self, job: Job, least_s: float) -> int:
        """Its lane; answers of an address that is far ahead of another's have no precedence."""
        return job.lane if self.shares[job.address] - least_s < GRACE_S else LONGER

    def _in_order(self, jobs: list[Job]) -> list[Job]:
        """Jobs in the order in which they would get a turn now."""
        least_s = self._least()
        return sorted(
            jobs,
            key=lambda it: (
                self._lane(it, least_s),
                self.shares[it.address],
                self.shares[it.visit],
                it.number,
            ),
        )

    def _next(self) -> Job | None:
        """The job that gets the next turn; one that has not begun only where there is room."""
        begun = [it for it in self.jobs if it.started]
        of_lane = Counter(it.lane for it in begun)
        of_address = Counter((it.lane, it.address) for it in begun)
        able = [
            it
            for it in self.jobs
            if it not in self.computing
            and not it.dropped
            and (
                it.started
                or (
                    of_address[it.lane, it.address] < STARTED[it.lane]
                    and of_lane[it.lane] < STARTED_IN_ALL[it.lane]
                )
            )
        ]
        return next(iter(self._in_order(able)), None)

    def _comes_before(self, other: Job, job: Job) -> bool:
        """Whether another job's turn is now, though this one computes."""
        least_s = self._least()
        lanes = self._lane(other, least_s), self._lane(job, least_s)
        if lanes[0] != lanes[1]:
            return lanes[0] < lanes[1]
        key = "visit" if other.address == job.address else "address"
        had_s = self.shares[getattr(other, key)], self.shares[getattr(job, key)]
        return had_s[0] + SLICE_S < had_s[1]

    def _rivals(self, job: Job) -> list[Job]:
        """Jobs that compute and leave a job no room: for an answer, only other answers."""
        least_s = self._least()
        lane = self._lane(job, least_s)
        return [it for it in self.computing if self._lane(it, least_s) <= lane]

    def _hand_on(self) -> None:
        """Give free slots to those whose turn it is."""
        while (job := self._next()) and len(self._rivals(job)) < self.slots:
            self.computing.append(job)
            job.since_s = job.checked_s = self.now()
            if job.started:
                job.go.set()
            else:
                job.started = True
                self.pool.submit(job.context.run, self._run, job)

    def state_of(self, job: Job) -> JobState:
        """What there is to tell of a job."""
        with self.lock:
            if job.started or job not in self.jobs:
                return JobState(None, job.progress)
            order = self._in_order([it for it in self.jobs if it not in self.computing])
            return JobState(len(self._rivals(job)) + order.index(job))

    def is_busy(self, visit: Hashable) -> bool:
        """Whether anything of a visit runs or waits that was not stopped."""
        with self.lock:
            return any(it.visit[1] == visit and not it.dropped for it in self.jobs)

    def stop(self, visit: Hashable) -> None:
        """Stop all that runs or waits of a visit."""
        self.drop(lambda job: job.visit[1] == visit)

    def close(self) -> None:
        """Stop everything."""
        self.drop(lambda job: True)

    def drop(self, which: Callable[[Job], bool]) -> None:
        """Stop jobs: what waits is gone at once, what runs ends at its next pause."""
        with self.lock:
            chosen = [it for it in self.jobs if which(it)]
            waiting = [it for it in chosen if not it.started]
            for job in chosen:
                job.dropped = True
                job.go.set()
            for job in waiting:
                self._forget(job)
        for job in waiting:
            job.future.set_exception(Stopped("stopped, as you asked."))
