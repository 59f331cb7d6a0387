"""Writes and reads made clips: the tree of the official VGAF corpus, with the truth beside it."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import av
import numpy as np

from emo_core.data.corpus import Corpus, CorpusError, Item
from emo_core.data.statement import STATEMENT
from emo_core.errors import EmoError, os_reason
from emo_core.io.atomic import atomic_path, remove_unfinished, sole_writer
from emo_core.io.processes import processes
from emo_core.messages import say
from emo_core.schema import POLARITIES, SPLITS

FOLDERS = {"train": "Train", "val": "Val", "test": "Test"}
README = "VGAF_readme.txt"
TRUTH = "truth.jsonl"
# Without cpu-independent the same pixels gave other bytes in up to half of 30 repeats; with it in
# none of 150, and they are the bytes that x264 writes without assembler.
_X264: dict[str, object] = {
    "preset": "veryfast",
    "crf": "23",
    "threads": "1",
    "x264-params": "cpu-independent=1",
}
Progress = Callable[[int, int], None]


class MakeError(EmoError):
    """Clips that can't be made; the message says what was found and what to do."""


class Made(Protocol):
    """A scene that becomes a clip."""

    @property
    def name(self) -> str: ...
    @property
    def split(self) -> str: ...


SceneT = TypeVar("SceneT", bound=Made)


@dataclass(frozen=True)
class Tree(Generic[SceneT]):
    """A corpus to be written: what stands in it, and how a scene becomes a file and a line."""

    out: Path
    counts: Mapping[str, int]
    readme: str  # says what was asked for: a folder with another one is refused
    scenes: Callable[[], Iterator[SceneT]]
    write: Callable[[Path, SceneT], None]  # for worker processes: can be pickled
    truth: Callable[[SceneT], dict]  # its "label" is of POLARITIES; "" = not in the label files
    statement: str = ""  # text of the DATA.md that lies with the clips; "" = none


def make_tree(
    tree: Tree[SceneT], workers: int | None = None, progress: Progress | None = None
) -> None:
    """Make the clips, labels and truth; where some exist already, only what is missing.

    progress is called with clips done and clips in all. Raises MakeError for counts that make
    no sense and for a folder that holds anything but an earlier run with the same arguments,
    FolderInUseError for one that another process fills.
    """
    _check_counts(tree.counts, workers)
    out, new = tree.out, not tree.out.exists()
    try:
        _make_folder(out)
        with sole_writer(out):
            try:
                _claim(out, tree.readme)
                _fill(tree, workers, progress)
            except BaseException:
                if new:
                    _give_back(out)
                raise
    except (OSError, av.FFmpegError) as error:
        raise MakeError(
            "{filename} can't be written ({reason}); free some space or choose another folder, "
            "then run the same command again: it goes on where it stopped.",
            filename=error.filename or out,
            reason=os_reason(error),
        ) from error
    except BrokenProcessPool as error:
        raise MakeError(
            "a process that was making clips for {out} was ended from outside (often for want of "
            "memory); run the same command again, with fewer workers: it goes on where it stopped.",
            out=out,
        ) from error


def _fill(tree: Tree[SceneT], workers: int | None, progress: Progress | None) -> None:
    """Make what is missing of a folder that was claimed."""
    out, total = tree.out, sum(tree.counts.values())
    missing = [s for s in tree.scenes() if not clip_path(out, s).exists()]
    done = total - len(missing)
    for _ in _write_clips(tree, missing, workers):
        done += 1
        if progress is not None:
            progress(done, total)
    _write_labels(tree)
    if tree.statement:
        write_text(out / STATEMENT, tree.statement)


def clip_path(out: Path, scene: Made) -> Path:
    """Where the mp4 of a scene lies."""
    return out / FOLDERS[scene.split] / f"{scene.name}.mp4"


def _check_counts(counts: Mapping[str, int], workers: int | None) -> None:
    for split, count in counts.items():
        if count < 0:
            raise MakeError(
                "{count} {split} clips were asked for; give 0 or more.", count=count, split=split
            )
    if sum(counts.values()) == 0:
        raise MakeError("0 clips were asked for; give at least one for train, val or test.")
    if workers is not None and workers < 1:
        raise MakeError("{workers} workers were asked for; give at least 1.", workers=workers)


def _make_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise MakeError("{out} is a file; name a new folder for the clips.", out=out)
    out.mkdir(parents=True, exist_ok=True)


def _claim(out: Path, readme: str) -> None:
    """Take an empty folder, or accept one that an earlier run with the same arguments began."""
    readme_file = out / README
    if readme_file.is_file() and readme_file.read_bytes() != readme.encode():
        raise MakeError(
            "{out} holds clips made with other counts, another seed or other sources; choose a "
            "new folder, or repeat the arguments that its VGAF_readme.txt names.",
            out=out,
        )
    if not readme_file.is_file() and any(out.iterdir()):
        raise MakeError(
            "{out} already holds something else; choose a new or an empty folder.", out=out
        )
    if not readme_file.is_file():
        write_text(readme_file, readme)
    for folder in FOLDERS.values():
        (out / folder).mkdir(exist_ok=True)
        remove_unfinished(out / folder)


def _give_back(out: Path) -> None:
    """Remove a folder in which no clip was made yet."""
    if not any(path.suffix == ".mp4" for path in out.rglob("*")):
        shutil.rmtree(out, ignore_errors=True)


def _write_clips(
    tree: Tree[SceneT], scenes: Sequence[SceneT], workers: int | None
) -> Iterator[None]:
    """Write the clips, in processes where that pays, and yield once per clip."""
    workers = min(workers or os.cpu_count() or 1, len(scenes))
    if workers <= 1:
        for scene in scenes:
            tree.write(clip_path(tree.out, scene), scene)
            yield
        return
    pool = processes(workers)
    try:
        jobs = [pool.submit(tree.write, clip_path(tree.out, scene), scene) for scene in scenes]
        for job in as_completed(jobs):
            yield job.result()
    finally:
        pool.shutdown(cancel_futures=True)


def write_clip(path: Path, frames: np.ndarray, fps: int, wave: np.ndarray, rate: int) -> None:
    """Encode frames (T, H, W, 3) and mono sound (S,) as H.264 and AAC, the same bytes each time.

    The file appears under its name only when complete.
    """
    with atomic_path(path) as part, av.open(str(part), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=fps)
        video.height, video.width, video.pix_fmt = *frames.shape[1:3], "yuv420p"
        video.options = _X264
        video.codec_context.thread_count = 1  # more threads would change the bytes
        audio = container.add_stream("aac", rate=rate, layout="mono")
        audio.bit_rate = 64_000
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        _mux_audio(container, audio, wave)


def _mux_audio(
    container: av.container.OutputContainer, stream: av.AudioStream, wave: np.ndarray
) -> None:
    block = 1024  # samples of one AAC frame
    for start in range(0, len(wave), block):
        piece = np.ascontiguousarray(wave[None, start : start + block])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = stream.rate, start, Fraction(1, stream.rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _write_labels(tree: Tree) -> None:
    rows = {"train": ["Vid_name Label"], "val": ["Vid_name Label"]}
    lines = []
    for scene in tree.scenes():
        truth = tree.truth(scene)
        if scene.split in rows and truth["label"]:
            rows[scene.split].append(f"{scene.name} {POLARITIES.index(truth['label']) + 1}")
        lines.append(json.dumps(truth, separators=(",", ":")))
    for split, names in rows.items():
        write_text(tree.out / f"{FOLDERS[split]}_labels.txt", "\n".join(names))
    write_text(tree.out / TRUTH, "\n".join(lines) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with atomic_path(path) as part:
        part.write_bytes(text.encode())


def read_made_corpus(
    root: Path,
    name: str,
    maker: str,
    labels: tuple[str, ...],
    make: Callable[[dict, Path], Item],
    polarities: tuple[str, ...] = POLARITIES,
) -> Corpus:
    """The corpus `name`, made by `emo data make <maker>`, whose lines `make` turns into items.

    make: gets a line and the clip's path; raises ValueError, KeyError or TypeError on bad ones.
    polarities: what "label" may be in a line; "" among them where some clips have none.
    """
    path = root / TRUTH
    if not path.is_file():
        raise CorpusError(
            "{root} holds no {truth}; expected a folder made by `emo data make {maker}`; make "
            "one, or name the corpus it is.",
            root=root,
            truth=TRUTH,
            maker=maker,
        )
    items, problems = [], []
    known: dict[str, int] = {}  # clip -> its line
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            truth = json.loads(line)  # of bytes: one that is no text costs its own line only
            item = make(truth, _check_truth(root, truth, polarities))
            if known.setdefault(item.name, number) == number:
                items.append(item)
            else:
                problems.append(
                    say(
                        "{truth} line {number}: {item} is in line {other} already, expected "
                        "one line a clip; this one is left out.",
                        truth=TRUTH,
                        number=number,
                        item=item.name,
                        other=known[item.name],
                    )
                )
        except (ValueError, KeyError, TypeError) as error:
            problems.append(
                say(
                    "{truth} line {number}: {error}; the clip is left out.",
                    truth=TRUTH,
                    number=number,
                    error=error,
                )
            )
    if not items:
        raise CorpusError(
            "{name}/{truth} names no usable clip; make the corpus again.",
            name=root.name,
            truth=TRUTH,
        )
    return Corpus(name, root, labels, tuple(items), tuple(problems))


def _check_truth(root: Path, truth: dict, polarities: tuple[str, ...]) -> Path:
    name, label, split = truth["clip"], truth["label"], truth["split"]
    path = root / f"{name}.mp4"
    for key in ("clip", "regime", "text"):
        if not isinstance(truth.get(key, ""), str):
            raise ValueError(
                say("{key} is {value}, expected text", key=key, value=repr(truth[key])[:40])
            )
    if not path.is_file():
        raise ValueError(say("{name}.mp4 is missing", name=name))
    if label not in polarities:
        raise ValueError(
            say(
                "label {label!r} is not one of {known}",
                label=label,
                known=", ".join(filter(None, polarities)),
            )
        )
    if split not in SPLITS:
        raise ValueError(
            say("split {split!r} is not one of {known}", split=split, known=", ".join(SPLITS))
        )
    return path
