"""Whose turn it is, without gradio: work is steps of a clock that stands still otherwise."""

import threading
import time
from collections import Counter
from dataclasses import replace

import pytest

from demo.job_queue import FIRST, GRACE_S, LONGER, SLICE_S, JobQueue, Stopped
from demo.settings import BusyError, Limits
from tests.support.serving import PATIENCE_S

STEP_S = 0.05  # of work between two pauses


class Room:
    """A queue on a clock of its own, jobs of so many seconds, and the order of their steps."""

    def __init__(self, limits: Limits | None = None, slots: int = 1) -> None:
        self.now_s = 0.0
        self.queue = JobQueue(limits or Limits(), slots, lambda: self.now_s)
        self.steps: list[str] = []  # who computed, one entry a step
        self.done: list[str] = []
        self.begun: list[tuple[int, int]] = []  # at each step, jobs that have begun; of one address
        self.open = threading.Event()  # nothing begins before all have joined

    def work(self, name: str, seconds: float):
        def run(job):
            assert self.open.wait(PATIENCE_S)
            for step in range(round(seconds / STEP_S)):
                self.steps.append(name)
                begun = Counter(it.address for it in self.queue.jobs if it.started)
                self.begun.append((begun.total(), max(begun.values())))
                self.now_s += STEP_S
                job.report(step + 1, round(seconds / STEP_S))
            self.done.append(name)
            return name

        return run

    def join(self, name: str, seconds: float = STEP_S, lane: int = FIRST, heavy: bool = False):
        """A job of the visit NAME, whose address is what stands before its dot."""
        address = name.split(".")[0]
        return self.queue.join(self.work(name, seconds), address, name, lane, heavy)

    def finish(self, *jobs) -> None:
        self.open.set()
        for job in jobs:
            assert job.future.exception(PATIENCE_S) is None


def test_many_visits_of_one_address_win_nothing_over_another_address():
    room = Room()
    greedy = [room.join(f"a.{n}") for n in range(20)]
    honest = room.join("b.1")
    room.finish(*greedy, honest)
    assert room.done.index("b.1") <= 1, room.done


def test_within_an_address_turns_go_round_by_visit():
    room = Room(replace(Limits(), waiting_of_visit=40))
    many = [room.join("a.greedy") for _ in range(10)]
    one = room.join("a.honest")
    room.finish(*many, one)
    assert room.done.index("a.honest") <= 1, room.done


def test_thirty_visitors_of_one_address_are_all_answered():
    room = Room()
    jobs = [room.join(f"a.{n}") for n in range(30)]
    room.finish(*jobs)
    assert sorted(room.done) == sorted(f"a.{n}" for n in range(30))


def test_a_first_answer_does_not_wait_for_a_longer_explanation():
    room = Room()
    long = room.join("a.1", 10.0, LONGER)
    answer = room.join("a.2", 1.0)
    room.finish(long, answer)
    assert room.done == ["a.2", "a.1"]
    first = room.steps.index("a.2")
    assert first <= 1 and set(room.steps[first : first + 20]) == {"a.2"}, "it was interrupted"


def test_a_first_answer_does_not_even_wait_for_the_pass_of_an_explanation():
    """A batch of gradients takes half a second, which can't be cut short; a class would notice."""
    room, begun, answered = Room(), threading.Event(), threading.Event()

    def one_pass(job):
        begun.set()
        assert answered.wait(PATIENCE_S)
        room.now_s += STEP_S
        job.pause()
        room.done.append("explained")

    long = room.queue.join(one_pass, "a", "a.1", LONGER)
    assert begun.wait(PATIENCE_S)
    answer, last = room.join("b.1"), room.join("b.2", 1.0)
    room.open.set()
    assert answer.future.result(PATIENCE_S) == "b.1"
    answered.set()
    room.finish(last, long)
    assert room.done == ["b.1", "b.2", "explained"], "it went on beside an answer"


def test_a_long_answer_gives_way_to_another_address():
    """A clip that takes half a minute to decode, and beside it one that takes a moment."""
    room = Room()
    heavy = [room.join("a.1", 30.0), room.join("a.2", 30.0)]
    light = room.join("b.1", 0.4)
    room.finish(*heavy, light)
    assert room.done[0] == "b.1" and room.steps[:20].count("b.1") == 8, room.steps[:30]


def test_two_addresses_with_much_to_do_share_the_time():
    room = Room()
    jobs = [room.join("a.1", 10.0), room.join("b.1", 10.0)]
    room.finish(*jobs)
    for upto in range(20, 300, 20):
        of_a = room.steps[:upto].count("a.1")
        assert abs(2 * of_a - upto) <= 2 * (2 * SLICE_S / STEP_S + 2), (upto, of_a)


def test_an_address_far_ahead_holds_up_nobodys_explanation_for_ever():
    room = Room(replace(Limits(), waiting_of_visit=1000, waiting_of_address=1000, waiting=1000))
    flood = [room.join("a.1", 1.0) for _ in range(60)]
    asked = room.join("b.1", 1.0, LONGER)
    room.finish(*flood, asked)
    assert room.done.index("b.1") <= GRACE_S + 2, room.done


def test_explanations_of_an_address_begin_one_after_the_other():
    """Each that has begun holds a copy of the model."""
    room = Room()
    jobs = [room.join(f"a.{n}", 1.0, LONGER) for n in range(4)]
    jobs += [room.join(f"{n}.1", 1.0, LONGER) for n in "bcdef"]
    room.finish(*jobs)
    assert max(in_all for in_all, _ in room.begun) == 3 and max(of for _, of in room.begun) == 1


def test_time_alone_is_no_debt_and_no_credit_for_who_comes_later():
    room = Room()

    def long(job):
        for _ in range(400):
            room.now_s += STEP_S
            job.pause()
        later.append(room.join("b.1", 5.0))
        room.work("a.1", 5.0)(job)

    later = []
    job = room.queue.join(long, "a", "a.1")
    room.finish(job, *later)
    room.finish(*later)
    assert abs(room.steps[:100].count("a.1") - 50) <= 2 * (SLICE_S / STEP_S + 2) + 10, room.steps


def waiting_of(room: Room, *names: str, **more):
    """Jobs that wait behind one that has begun."""
    return [room.join("x.1", 1.0), *(room.join(name, **more) for name in names)]


@pytest.mark.parametrize(
    ("waiting", "heavy", "said"),
    [
        (["a.1"] * 4, False, "4 jobs of yours"),
        (["a.1"], True, "a thorough job of yours"),
        ([f"a.{n}" for n in range(2, 42)], False, "40 jobs from your address"),
        ([f"{n}.1" for n in range(200)], False, "too many jobs"),
    ],
)
def test_limits_count_when_a_job_joins(waiting, heavy, said):
    room = Room()
    jobs = waiting_of(room, *waiting, heavy=heavy)
    with pytest.raises(BusyError, match=said):
        room.join("a.1", heavy=heavy)
    room.join("y.1", heavy=heavy) if "too many" not in said else None
    room.finish(*jobs)
    room.finish(room.join("a.1", heavy=heavy))


def test_limits_are_the_hosts_to_set():
    room = Room(replace(Limits(), waiting_of_visit=1))
    jobs = waiting_of(room, "a.1")
    with pytest.raises(BusyError, match="1 jobs of yours"):
        room.join("a.1")
    room.finish(*jobs)


def test_what_is_stopped_never_begins_and_what_runs_ends_at_its_next_pause():
    room = Room()
    runs, waits, other = room.join("a.1", 10.0), room.join("a.1"), room.join("b.1")
    assert room.queue.is_busy("a.1")
    room.queue.stop("a.1")
    assert not room.queue.is_busy("a.1") and room.queue.is_busy("b.1")
    room.open.set()
    for job in (runs, waits):
        with pytest.raises(Stopped):
            job.future.result(PATIENCE_S)
    other.future.result(PATIENCE_S)
    assert room.done == ["b.1"] and room.steps.count("a.1") <= 1
    room.queue.stop("a.1")  # a second time, and of what is not here, changes nothing
    assert room.queue.jobs == [] and room.queue.shares == {}


def test_a_job_that_gave_way_can_be_stopped_meanwhile():
    room = Room()
    long, begun, go_on = room.join("a.1", 10.0, LONGER), threading.Event(), threading.Event()

    def answer(job):
        begun.set()
        assert go_on.wait(PATIENCE_S)

    first = room.queue.join(answer, "b", "b.1")
    room.open.set()
    assert begun.wait(PATIENCE_S)
    room.queue.stop("a.1")
    with pytest.raises(Stopped):
        long.future.result(PATIENCE_S)
    assert not first.future.done(), "it ended without waiting for its turn"
    go_on.set()
    first.future.result(PATIENCE_S)


def test_states_tell_the_place_then_the_progress_then_nothing():
    room = Room()
    first, second = room.join("a.1", 1.0), room.join("b.1")
    third, longer = room.join("c.1"), room.join("d.1", 1.0, LONGER)
    assert next(third.states(0.0)).ahead == 2 and next(longer.states(0.0)).ahead == 3
    answer = room.join("e.1")
    assert next(answer.states(0.0)).ahead == 3 and next(longer.states(0.0)).ahead == 4
    room.queue.stop("e.1")
    assert next(second.states(0.0)).ahead == 1
    assert next(first.states(0.0)).ahead is None
    room.finish(first, second, third, longer)
    assert list(third.states(0.0)) == [] and first.progress == (20, 20)
    assert third.result() == "c.1"


def test_an_error_is_the_askers_and_the_next_has_its_turn():
    room = Room()
    room.open.set()

    def broken(job):
        raise KeyboardInterrupt("even this")

    bad = room.queue.join(broken, "a", "a.1")
    with pytest.raises(KeyboardInterrupt):
        bad.future.result(PATIENCE_S)
    room.finish(room.join("a.1"))


def test_a_job_knows_whose_request_it_is_and_what_it_alone_took():
    room = Room()
    clocks = {}

    def timed(job):
        assert room.open.wait(PATIENCE_S)
        for _ in range(40):
            room.now_s += STEP_S
            job.pause()
        clocks["a"] = job.clock()

    def alone(answer):
        while job in room.queue.computing:  # until its next pause
            time.sleep(0.001)
        room.work("b.1", 3.0)(answer)

    job = room.queue.join(timed, "a", "a.1", LONGER)
    answer = room.queue.join(alone, "b", "b.1")
    room.finish(job, answer)
    assert clocks["a"] == pytest.approx(40 * STEP_S)


def test_two_slots_compute_at_once():
    room = Room(slots=2)
    both = threading.Barrier(2)
    jobs = [room.queue.join(lambda job: both.wait(PATIENCE_S), n, n) for n in "ab"]
    room.finish(*jobs)


def test_nothing_is_kept_of_those_who_left():
    room = Room()
    room.finish(*(room.join(f"{n}.1") for n in range(50)))
    assert room.queue.shares == {} and room.queue.jobs == [] and room.queue.computing == []
    room.queue.close()
