"""`emo data check`: faults of a corpus, found before training."""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path
from threading import Lock

from emo_core.data.cache import file_identity, same_content
from emo_core.data.corpus import (
    Corpus,
    Item,
    corpus_summary,
    crossing_groups,
    name_list,
    with_problems,
)
from emo_core.data.inspection import Inspection, inspect_file, open_clip
from emo_core.data.tables.findings import Findings, few_of_each
from emo_core.messages import say, say_list
from emo_core.preprocess.sample import SampleConfig

MOST_SEARCHED = (
    500  # clips in which faces are looked for, spread evenly; faces take some 50 ms a clip
)
WINDOW_S = SampleConfig().window_s  # seconds of a clip that most recipes read


def check_corpus(
    corpus: Corpus, progress: Callable[[int, int], None] | None = None, own: bool = False
) -> dict:
    """Counts, label revision, undecodable, silent and repeated clips, and leaks between splits.

    own: the user's own clips, which may be sound alone; faces and lengths are looked at as well.
    """
    found = inspect_items(corpus, progress, own)
    broken, silent, mute = (
        [item.name for item, one in zip(corpus.items, found, strict=True) if is_so(one)]
        for is_so in (
            lambda one: one.problem,
            lambda one: one.sound == "silent",
            lambda one: one.sound == "no sound",
        )
    )
    findings = Findings()
    findings.extend(say("clips that can't be used"), (one.problem for one in found if one.problem))
    problems = [*findings.sentences(), *([] if corpus.leak else leaks(corpus))]
    if not own:  # the reader of own clips has told which are equal
        problems += repeats(corpus.items, set(broken))
    report = corpus_summary(with_problems(corpus, few_of_each(problems)))
    report |= {"undecodable": broken, "silent": silent, "no_sound": mute}
    if not own:
        return report
    notes, names = content_report(corpus.items, found)
    if deaf := silent + mute:
        notes.append(
            say(
                "Clips that are silent or have no sound track: {count} ({names}); "
                "only their picture is used.",
                count=len(deaf),
                names=name_list(deaf),
            )
        )
    return {**report, **names, "notes": [*report["notes"], *notes]}


def inspect_items(
    corpus: Corpus, progress: Callable[[int, int], None] | None = None, own: bool = False
) -> list[Inspection]:
    """What each item of a corpus holds; each file is opened once for all the items of it."""
    count = len(corpus.items)
    faces = face_search_of(count) if own else ()
    found: dict[int, Inspection] = {}
    lock = Lock()

    def collect(together: Sequence[int]) -> None:
        for index, one in _inspect_together(corpus, together, not own, faces):
            with lock:
                found[index] = one
                if progress:
                    progress(len(found), count)

    pool = ThreadPoolExecutor(cpu_count())
    try:
        list(pool.map(collect, _by_file(corpus)))
    finally:
        pool.shutdown(cancel_futures=True)  # who stops it does not wait for all the rest
    return [found[index] for index in range(count)]


def _by_file(corpus: Corpus) -> list[list[int]]:
    """Indices of the items that one file shows, hard links to it included."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for index, item in enumerate(corpus.items):
        view = corpus.viewpoint(item) if corpus.viewpoint else None
        groups[file_identity(item.path), view].append(index)
    return list(groups.values())


def _inspect_together(
    corpus: Corpus, together: Sequence[int], needs_video: bool, faces: Collection[int]
) -> Iterator[tuple[int, Inspection]]:
    """What items of one file hold: (index, inspection)."""
    items = [corpus.items[index] for index in together]
    opened = corpus.open_item or open_clip
    face_search = {n for n, index in enumerate(together) if index in faces}
    for n, one in inspect_file(items, opened, needs_video, face_search):
        if one.problem and items[n].path != items[0].path:  # its sentence names another link
            _, one = next(inspect_file([items[n]], opened, needs_video))
        yield together[n], one


def face_search_of(count: int) -> range:
    """Indices of the items, of so many, in which faces are looked for."""
    return range(0, count, max(1, -(-count // MOST_SEARCHED)))


def content_report(
    items: Sequence[Item], found: Sequence[Inspection]
) -> tuple[list[str], dict[str, list[str]]]:
    """(notes, {"no_face", "no_picture", "long": names}) of what items were found to hold."""
    good = [(item, one) for item, one in zip(items, found, strict=True) if not one.problem]
    names = {
        "no_face": [item.name for item, one in good if one.has_face is False],
        "no_picture": [item.name for item, one in good if not one.has_video],
        "long": [item.name for item, one in good if one.seconds > WINDOW_S + 0.5],
    }
    what = {
        "no_face": say(
            "show no face that we can find: recipes that read faces (fe2e, mesm, jmt) get "
            "only their sound; people and group-folder also read whole frames"
        ),
        "no_picture": say("have no picture: only their sound is used"),
        "long": say(
            "are longer than {seconds:g} s, and most recipes read only the "
            "beginning; start_s and end_s choose a part",
            seconds=WINDOW_S,
        ),
    }
    some = len(face_search_of(len(items))) < len(items)
    searched = sum(one.has_face is not None for _, one in good)
    of = dict.fromkeys(names, say("{count} clips", count=len(good)))
    if some:
        of["no_face"] = say("{searched} clips that were searched", searched=searched)
    return [
        say(
            "{count} of {all} {what} ({names}).",
            count=len(listed),
            all=of[kind],
            what=what[kind],
            names=name_list(listed),
        )
        for kind, listed in names.items()
        if listed
    ], names


def leaks(corpus: Corpus) -> list[str]:
    """A sentence for every group that stands in more than one split."""
    return [
        say(
            "source {group} is in {where}; expected every source in one split.",
            group=group,
            where=say_list(where, say(" and ")),
        )
        for group, where in sorted(crossing_groups(corpus.items).items())
    ]


def repeats(items: Iterable[Item], broken: Collection[str] = ()) -> list[str]:
    """A sentence for every file that occurs under several names, byte for byte.

    broken: names of items that are left out. Only files of equal size are read.
    """
    by_path: dict[Path, list[Item]] = defaultdict(list)
    for item in items:
        if item.name not in broken and item.path.is_file():
            by_path[item.path].append(item)
    alike: dict[Path, list[Path]] = defaultdict(list)
    for path, first in same_content(list(by_path)).items():
        alike[first].append(path)
    sentences: list[str] = []
    for first, others in alike.items():
        shown = [item for path in (first, *others) for item in by_path[path]]
        names = name_list([item.name for item in shown])
        crosses = len({item.split for item in shown}) > 1
        if len(shown) == 2:
            names = say_list([item.name for item in shown], say(" and "))
        sentences.append(
            say("{names} are the same file; across splits this is a leak.", names=names)
            if crosses
            else say("{names} are the same file.", names=names)
        )
    return sentences
