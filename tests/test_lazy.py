"""An attribute is worked out once, and while one is, another object's can be."""

import threading

from emo_core.lazy import lazy_property

PATIENCE_S = 20


class Answer:
    """Its value waits for `before`, where there is something to wait for."""

    def __init__(self, before: threading.Event | None = None) -> None:
        self.before, self.begun, self.asked = before, threading.Event(), 0

    @lazy_property
    def value(self) -> int:
        self.asked += 1
        self.begun.set()
        assert self.before is None or self.before.wait(PATIENCE_S), "held up for ever"
        return 7


def test_one_that_pauses_does_not_hold_up_another_objects():
    done = threading.Event()
    first, second = Answer(before=done), Answer()
    found: list[int] = []
    paused = threading.Thread(target=lambda: found.append(first.value))
    paused.start()
    assert first.begun.wait(PATIENCE_S)
    other = threading.Thread(target=lambda: (found.append(second.value), done.set()), daemon=True)
    other.start()
    other.join(PATIENCE_S / 2)
    assert not other.is_alive(), "the one that has paused holds a lock"
    paused.join()
    assert found == [7, 7]


def test_it_is_worked_out_once():
    answer = Answer()
    assert (answer.value, answer.value, answer.asked) == (7, 7, 1)
    assert isinstance(Answer.value, lazy_property)
