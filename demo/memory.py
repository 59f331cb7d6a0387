"""How much of visitors' clips is kept in memory: arrays that can be read again go after drawing.

Needs torch only when a window is read, so it can be imported before the page is up.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import ref

if TYPE_CHECKING:
    from demo.service import ClipSession
    from emo_core.clip import Clip
    from emo_core.preprocess.sample import Sample, SampleConfig

BASE_BYTES = 64 << 10  # that a case counts for, beside its arrays


class WindowsOnDemand(Sequence):
    """The windows of a clip, each read from its file when it is asked for; the last one is kept."""

    def __init__(self, clip: "Clip", config: "SampleConfig", spans: Sequence) -> None:
        self.clip, self.config, self.spans = clip, config, tuple(spans)
        self.last: tuple[int, Sample] | None = None

    def __len__(self) -> int:
        return len(self.spans)

    def __getitem__(self, index: Any) -> Any:
        """The sample of one window; raises ClipError where its file is gone."""
        from emo_core.preprocess.sample import decode_window, to_sample

        number = range(len(self.spans))[index]
        last = self.last
        if last is None or last[0] != number:
            start_s, end_s = self.spans[number]
            window = decode_window(self.clip, self.config, start_s, end_s)
            self.last = last = (number, to_sample(window, self.config))
        return last[1]


def drop_samples(case: "ClipSession", most_windows: int) -> None:
    """Let go of what the model saw of a clip: it is read again when something is explained."""
    from emo_core.preprocess.sample import window_spans

    config = case.checkpoint.sample
    spans = window_spans(case.clip.duration_s, config.window_s, most_windows)
    later: Any = WindowsOnDemand(case.clip, config, spans)
    case.prediction = replace(case.prediction, samples=later)


def array_bytes(*found: object) -> int:
    """Bytes of all arrays and tensors inside of values, each counted once."""
    left, seen, total = list(found), set(), 0
    while left:
        item = left.pop()
        if id(item) not in seen:
            seen.add(id(item))
            own = len(item) if isinstance(item, (bytes, str)) else getattr(item, "nbytes", None)
            total += int(own or 0)
            left += _inside(item) if own is None else []
    return total


def _inside(item: object) -> list:
    """The values that one value holds."""
    if isinstance(item, Mapping):
        return list(item.values())
    if isinstance(item, WindowsOnDemand):
        return [item.last]
    if isinstance(item, (list, tuple, set, frozenset)):
        return list(item)
    if is_dataclass(item):
        return [getattr(item, field.name) for field in fields(item)]
    return []


class CaseMemory:
    """Cases of all visitors by their last use; the first lose their arrays when it is too much."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.kept: OrderedDict[int, tuple[ref, int]] = OrderedDict()
        self.lock = threading.Lock()

    def note(self, case: "ClipSession") -> None:
        """A case was used: it is the last to go."""
        size = case.size()
        with self.lock:
            for key in [key for key, (known, _) in self.kept.items() if known() is None]:
                del self.kept[key]
            self.kept.pop(id(case), None)
            self.kept[id(case)] = (ref(case), size)
            while self.kept and self.used() > self.most_bytes:
                _, (known, _) = self.kept.popitem(last=False)
                if old := known():
                    old.forget()

    def used(self) -> int:
        """Bytes of all cases that are kept."""
        return sum(size for _, size in self.kept.values())
