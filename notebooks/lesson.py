"""What all lessons need besides `emo_core`: a common look, sliders, small sounds, drawn clips."""

import atexit
import base64
import html
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

CORES = os.cpu_count() or 1  # one stays free: threads that wait for a busy core cost minutes
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, CORES - 1)))  # before torch is there
ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]  # where the project was fetched but not installed, as on Colab

import figures  # noqa: E402
import growing  # noqa: E402
import hovering  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from emo_core.clip import ClipError  # noqa: E402
from emo_core.io.atomic import FolderInUseError, scratch_folder  # noqa: E402
from emo_core.io.environment import cache_folder  # noqa: E402

SMALL = os.environ.get("EMO_LESSON_SMALL", "0") not in ("", "0")  # tests run lessons small
STILL = os.environ.get("EMO_LESSON_STILL", "0") not in ("", "0")  # stored pages have no sliders
PROJECT = os.environ.get("EMO_LESSON_PROJECT", "0") not in ("", "0")  # figures for a projector
EXAMPLES = ROOT / "assets" / "examples"
FIGURES = Path(__file__).parent / "figures"
DIAGRAMS = Path(__file__).parent / "diagrams"
GPU_RUN = Path(__file__).parent / "gpu_run.json"  # what was measured on a card
LARGEST_EMBEDDED = 20_000_000  # bytes of a clip that a page can hold
COPIED_S = 20  # of a clip that a browser can't play
COLOURS = {"positive": "#009E73", "neutral": "#8c8c8c", "negative": "#D55E00"}  # as emo_core.view
TALLER = 1.4  # figures for a projector
BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#7a828a"


def start(seed: int = 0, project: bool = PROJECT) -> None:
    """The common look, reproducible numbers, and mistakes told in one sentence.

    project: figures for a projector, 1,600 pixels wide with letters of 16 points; each is also
    written into the folder `figures` beside the lessons.
    """
    import torch

    plt.rcParams.update({
        "figure.figsize": (8, 2.6), "figure.dpi": 200 if project else 90,
        "figure.constrained_layout.use": True, "axes.spines.top": False,
        "axes.spines.right": False, "axes.titlesize": 16 if project else 11,
        "axes.titlelocation": "left", "font.size": 16 if project else 10,
        "image.interpolation": "nearest", "lines.linewidth": 2.4 if project else 1.2,
        "legend.frameon": False,
    })  # fmt: skip
    plt.show = partial(_show, plt.show if not isinstance(plt.show, partial) else plt.show.args[0])
    plt.show.keywords["project"] = project
    torch.manual_seed(seed)
    np.random.seed(seed)
    shell = _shell()
    if shell:
        shell.set_custom_exc((NameError, Exception), _told)
        growing.register(shell)


def _show(show: Callable, *arguments: Any, project: bool = False, **options: Any) -> None:
    """Shows figures; their form is recorded where `make notebooks` asks for it."""
    for number in plt.get_fignums():
        _noted(plt.figure(number), project)
    show(*arguments, **options)


def _noted(figure: Any, project: bool) -> None:
    """Records a figure's form; for a projector makes it taller and writes it into a file."""
    record("figure", figures.form(figure))
    if project:
        if any(axis.axison for axis in figure.axes):  # large letters need room
            figure.set_figheight(TALLER * figure.get_figheight())
        FIGURES.mkdir(exist_ok=True)
        count = len(list(FIGURES.glob("*.png"))) + 1
        figure.savefig(FIGURES / f"{count:03d}.png")


def hover() -> None:
    """Shows the figure just drawn; where a viewer has Plotly, numbers appear under the pointer.

    Everywhere else it is the still picture that `plt.show()` shows.
    """
    from IPython.core.pylabtools import print_figure
    from IPython.display import display

    figure = plt.gcf()
    _noted(figure, getattr(plt.show, "keywords", {}).get("project", False))
    form = hovering.plotly_form(figure)
    still = print_figure(figure, base64=True)
    plt.close(figure)
    display({"image/png": still, hovering.MIME: form, "text/plain": "<a figure>"}, raw=True)


def diagram(name: str) -> Any:
    """A drawing of the course, with its description for those who cannot see it.

    It is an output of a cell because Colab shows no SVG in its text, from a file or embedded.
    """
    from IPython.display import HTML

    drawn = (DIAGRAMS / f"{name}.svg").read_bytes()
    about = html.escape(ElementTree.fromstring(drawn).findtext("{*}desc") or "")
    address = f"data:image/svg+xml;base64,{base64.b64encode(drawn).decode()}"
    return HTML(f'<img alt="{about}" width="100%" src="{address}">')


def fact(name: str, value: float) -> float:
    """A number that the text below names: `0.35<!-- name -->`; the audit compares the two."""
    record("fact", {"name": name, "value": float(value)})
    return value


def gpu_run(name: str, measure: Callable[[], dict]) -> dict:
    """What `measure()` finds on a CUDA card, kept in gpu_run.json; without a card, what is kept.

    Kept with card, date, versions and commit; only a machine with a card writes the file.
    """
    import torch

    kept = json.loads(GPU_RUN.read_text(encoding="utf-8")) if GPU_RUN.is_file() else {}
    if not torch.cuda.is_available():
        if name in kept:
            print("No CUDA card here. Kept from {card}, {date}, {torch}, {commit}:".format(**kept))
        else:
            print("No CUDA card here, and no run on one is stored yet: run this lesson on one.")
        return kept.get(name, {})
    found = measure()
    if not SMALL:
        about = {
            "card": torch.cuda.get_device_name(),
            "date": time.strftime("%Y-%m-%d"),
            "torch": f"torch {torch.__version__}",
            "commit": _commit(),
        }
        text = json.dumps(kept | about | {name: found}, indent=1, default=str)
        GPU_RUN.write_text(text + "\n", encoding="utf-8")
    return found


def _commit() -> str:
    """Which version of the project this is."""
    asked = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(asked, capture_output=True, text=True).stdout.strip() or "no commit"
    except OSError:
        return "no git"


def record(kind: str, value: Any) -> None:
    """A line for `make notebooks`, which names the file; else nothing."""
    file = os.environ.get("EMO_LESSON_RECORD")
    if file:
        with open(file, "a", encoding="utf-8") as lines:
            lines.write(json.dumps({kind: value}) + "\n")


def watch(clip: str | Path, width: int = 480) -> Any:
    """A player for a clip, with its sound; a small copy where a browser can't play the file."""
    from IPython.display import HTML

    path = Path(clip)
    if STILL and path.parent == EXAMPLES:  # a stored page names the file beside it
        address = f"../{path.relative_to(ROOT).as_posix()}"
    elif STILL:  # and holds no clip
        name = html.escape(path.name)
        return HTML(f"<p>Here {name} plays, with its sound, where this cell is run.</p>")
    else:
        try:
            content = playable(path).read_bytes()
        except ClipError:
            content = path.read_bytes()
        if len(content) > LARGEST_EMBEDDED:
            return HTML(f"<p>{html.escape(path.name)} is too large to be shown in this page.</p>")
        address = f"data:video/mp4;base64,{base64.b64encode(content).decode()}"
    label = html.escape(f"the clip {path.name}")
    return HTML(
        f'<video controls preload="metadata" width="{width}" src="{address}" aria-label="{label}">'
        "</video>"
    )


def playable(path: Path) -> Path:
    """The file itself where a browser plays it, else a copy of its first seconds. ClipError."""
    from emo_core import load_clip
    from emo_core.synthetic.corpus_io import write_clip

    clip = load_clip(path)
    known = clip.video_codec == "h264" and path.suffix.lower() == ".mp4"
    if clip.size is None or (known and path.stat().st_size <= LARGEST_EMBEDDED):
        return path
    end_s = min(clip.duration_s, COPIED_S)
    scale = min(1, 480 / max(clip.size))
    size = tuple(max(2, round(side * scale / 2) * 2) for side in clip.size)
    pictures = clip.read_frames(np.arange(0, end_s, 1 / 25), size).pixels
    sound = clip.audio(16_000, 0, end_s) if clip.has_audio else np.zeros(1600, np.float32)
    write_clip(copy := scratch("copy.mp4"), pictures, 25, sound, 16_000)
    return copy


def mymodel(least: str) -> Any:
    """Your `mymodel.py` as a module that reaches to `least`; what is still open in it is ours."""
    return growing.mymodel(least)


def _shell() -> Any:
    """The notebook's shell; None in a plain Python."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def _told(
    shell: Any, kind: type, error: Exception, trace: Any, tb_offset: int | None = None
) -> list[str]:
    """One sentence for what a reader can mend; Python's own words for everything else."""
    if isinstance(error, NameError) and getattr(error, "name", None):
        lines = [f"{error.name!r} is not there yet: run the cells above first (Run All Above)."]
    elif kind.__module__.startswith("emo_core"):
        lines = [str(error)]
    elif kind is AssertionError:
        lines = [f"Two things that should be equal differ: is a check above at Not yet? {error}"]
    else:
        lines = shell.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset)
    shell._showtraceback(kind, error, lines)  # what ipykernel sends to the page
    return lines


def many(number: int, few: int) -> int:
    """`number`, or `few` where tests run the lesson small."""
    return few if SMALL else number


def path_of(data: str | Path | None, drawn: str | Path) -> Path:
    """The reader's own file or folder, or the drawn one where none is given or it is not there."""
    if data is None:
        return Path(drawn)
    own = Path(str(data)).expanduser()
    if str(data).strip() and "\0" not in str(data) and own.exists():
        return own
    print(f"{data!r} is not there; going on with the drawn data. Correct DATA above and run again.")
    return Path(drawn)


def example(name: str) -> Path:
    """A drawn clip that comes with the project: both_positive, heard_positive, ..."""
    return EXAMPLES / f"{name}.mp4"


def scratch(name: str) -> Path:
    """A place for a small file of this session, gone when its kernel ends."""
    return Path(tempfile.mkdtemp(dir=_session_folder())) / name


@lru_cache
def _session_folder() -> Path:
    """A temporary folder of this kernel."""
    held = ExitStack()
    atexit.register(held.close)
    return held.enter_context(scratch_folder("emo-lesson-"))


def drawn_corpus(train: int, val: int, test: int, seed: int = 7) -> Path:
    """A folder of drawn clips in the tree of VGAF; drawn once, about 0.7 s a clip and core."""
    from emo_core.synthetic.drawn.writer import make_staged

    out = cache_folder() / "lessons" / f"staged-{train}-{val}-{test}-{seed}"
    workers = 1 if SMALL else None
    while True:
        try:
            make_staged(out, train, val, test, seed, workers=workers)
            return out
        except FolderInUseError:  # another lesson draws the same
            time.sleep(0.5)


def scenes(split: str, count: int, config: Any, seed: int = 21) -> tuple[list, list]:
    """Drawn scenes and their samples, rendered without files: (SceneWindow, Sample) `count` times.

    Two processes draw about 25 scenes a second between them.
    """
    from emo_core.preprocess.sample import to_sample
    from emo_core.synthetic.drawn.dataset import SceneWindow

    windows = [SceneWindow(seed, split, index) for index in range(count)]
    if count < 40:
        decoded = [window.decode(config) for window in windows]
    else:
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            decoded = list(pool.map(SceneWindow.decode, windows, [config] * count, chunksize=8))
    return windows, [to_sample(one, config) for one in decoded]


def strip(frames: Sequence[np.ndarray], titles: Sequence[str], columns: int = 8) -> None:
    """Pictures (H, W, 3) or (H, W) side by side, each under its title."""
    columns = min(columns, len(frames))
    rows = -(-len(frames) // columns)
    height = 8 / columns * frames[0].shape[0] / frames[0].shape[1] + 0.25
    figure, axes = plt.subplots(rows, columns, figsize=(8, rows * height), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, frame, title in zip(axes.flat, frames, titles, strict=False):
        axis.imshow(frame, cmap="gray")
        axis.set_title(title, fontsize=14 if PROJECT else 9)
    plt.show()


def mel_picture(
    axis: plt.Axes, mel: np.ndarray, config: Any, end_s: float | None = None, bar: bool = True
) -> None:
    """A log-mel (F, M) over seconds, with ticks in Hz; bar: with a bar of its colours."""
    from emo_core.viz.prediction import band_hz

    end_s = len(mel) * config.hop / config.rate if end_s is None else end_s
    shown = axis.imshow(np.asarray(mel).T, origin="lower", aspect="auto", cmap="cividis",
                        extent=(0, end_s, -0.5, config.bands - 0.5))  # fmt: skip
    hz, ticks = band_hz(config), (100, 500, 1000, 2000, 4000, 8000, 14000)
    ticks = [value for value in ticks if hz[0] <= value <= hz[-1]]
    axis.set_yticks(np.interp(ticks, hz, np.arange(len(hz))), [f"{value:,}" for value in ticks])
    axis.set(xlabel="time (s)", ylabel="frequency (Hz)")
    if bar:
        axis.figure.colorbar(shown, ax=axis, label="log power")


def slider(draw: Callable[[float], Any], values: Sequence[float], start: float, name: str) -> Any:
    """A slider that draws as it moves; where nothing can move, the picture at `start`."""
    try:
        from ipywidgets import SelectionSlider, interact
    except ImportError:
        return draw(start)
    if STILL or SMALL or _shell() is None:
        return draw(start)
    knob = SelectionSlider(options=list(values), value=start, description=name,
                           style={"description_width": "initial"})  # fmt: skip
    interact(draw, **{next(iter(draw.__code__.co_varnames)): knob})
    return None


def listen(wave: np.ndarray, rate: int) -> Any:
    """A player for mono sound in [-1, 1]; stored as a few kilobytes of AAC."""
    import av
    from IPython.display import Audio

    file, samples = io.BytesIO(), np.clip(wave, -1, 1).astype(np.float32)
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        stream.bit_rate = 32_000
        for first in range(0, len(samples), 1024):
            piece = np.ascontiguousarray(samples[None, first : first + 1024])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    player = Audio(file.getvalue(), embed=True)
    player.mimetype = "audio/mp4"
    return player
