"""Judges the exercises of lesson 3: data."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from exercises.grading import Mistake, Quiz, array, called, exercise, kind_of, number


@exercise(
    "a function of a clip name that returns its source",
    "One column, and every leak check, split and interval rests on it.",
    "The clip's number stands after the *last* underscore.",
    "Strings can be cut from the right: look at str.rpartition or str.rsplit.",
)
def clip_source(answer: Any) -> None:
    for name, right in (("101_10", "101"), ("2_2", "2"), ("my_party_7", "my_party")):
        found = called(answer, name)
        if not isinstance(found, str | int):
            raise Mistake(f"For {name!r} expected the source as text, {right!r}.")
        if str(found) == right:
            continue
        told = f"The source of {name!r} is {right!r}; your function says {str(found)[:40]!r}."
        if str(found) == name.split("_")[-1]:
            raise Mistake(f"{told} That is the number of the clip within its source.")
        if str(found) == name.split("_")[0]:
            raise Mistake(f"{told} Cut at the last underscore, not at the first.")
        if str(found) == right[:1] or str(found) == right[:3]:
            raise Mistake(f"{told} Names have different lengths; don't count letters.")
        raise Mistake(told)


PAIRS = (("11", "train"), ("11", "train"), ("12", "train"), ("12", "val"), ("13", "val"),
         ("14", "test"), ("14", "val"), ("14", "train"))  # fmt: skip


@exercise(
    "a function of (group, split) pairs that returns a set of groups",
    "The library's readers do this at every start and refuse the corpus if the set is not empty.",
    "Collect the *set* of splits of every group; a leak has more than one.",
    "A dictionary from group to a set of splits, filled in one loop over the pairs "
    "(dict.setdefault helps), then one comprehension that keeps the groups that leak.",
)
def leaking_groups(answer: Any) -> None:
    if set(called(answer, [("1", "train")])):
        raise Mistake("One clip in one split can't leak; expected an empty set.")
    found = set(called(answer, list(PAIRS)))
    if found == {"12", "14"}:
        return
    if "11" in found:
        raise Mistake("Source 11 has two clips, both in train: that is no leak.")
    if any(isinstance(one, tuple) for one in found):
        raise Mistake("Return the groups alone, not pairs.")
    if found == {"12"}:
        raise Mistake("Source 14 is missing: it stands in test, val and train. Is test looked at?")
    raise Mistake("Sources 12 and 14 stand in several splits; expected exactly those two.")


@exercise(
    "per cent",
    "184 of 766, 24.0 %: training's majority is validation's rarest class, so it scores far below "
    "one third. Best of all constants is 'positive', 39.4 %: that is the level to beat.",
    "Which label is most frequent in training? How frequent is it in validation?",
    "Validation has 302, 280 and 184 clips per class; one of them over their sum.",
)
def constant_percent(answer: Any) -> None:
    found = number(answer)
    if abs(found - 100 * 184 / 766) < 0.06:
        return
    told = {
        39.4: "39.4 % is 'always positive', the best constant on validation; who learnt from "
        "training alone doesn't know that.",
        35.2: "35.2 % is the share of negatives in training; score it on validation.",
        33.3: "One third would need equally frequent classes.",
        36.6: "36.6 % is 'always neutral'; the most frequent training label is another.",
        0.24: "Right, as a share; the answer is asked in per cent.",
    }
    near = [text for value, text in told.items() if abs(found - value) < 0.051]
    raise Mistake(near[0] if near else f"Not {found:g}: which label, and how many of 766?")


@exercise(
    "a function of counts (C,) that returns weights (C,)",
    "Rare classes weigh more, and a balanced corpus gives ones: the mean weight of a clip is 1, "
    "so the loss keeps its size and the learning rate its meaning.",
    "A class that is half as frequent shall weigh twice as much; equal classes shall weigh 1 each.",
    "All clips, over classes times the clips of the class.",
)
def class_weights(answer: Any) -> None:
    counts = np.array([10, 20, 50])
    found = array(called(answer, counts.copy()), (3,))
    right = counts.sum() / (3 * counts)
    told = (
        (counts.sum() / counts, "Three equal classes would weigh 3 each; divide by their number."),
        (counts / counts.sum(), "Those are the shares: frequent classes would weigh more."),
        (3 * counts / counts.sum(), "Upside down: frequent classes would weigh more."),
        (right / right.sum(), "Weights that add up to 1 make the loss three times smaller; equal "
         "classes shall weigh 1 each."),
        (1 / counts, "The direction is right, the size is not: equal classes shall weigh 1 each."),
    )  # fmt: skip
    if not np.allclose(found, right):
        near = [text for value, text in told if np.allclose(found, value)]
        asked = f"For [10, 20, 50] they are {right.round(3).tolist()}; got "
        raise Mistake(near[0] if near else asked + f"{found.round(3).tolist()}.")


COUNTS = np.array([[8, 2, 0], [10, 10, 20], [0, 1, 4]])  # recalls 0.8, 0.25, 0.8


@exercise(
    "a function of a table of counts that returns 0 to 1",
    "Every class weighs the same, however rare; a class that is never answered costs a third.",
    "The recall of a class: its diagonal entry over the sum of its row (row = truth).",
    "np.diag gives the diagonal; sums along axis 1 are those of rows.",
)
def average_recall(answer: Any) -> None:
    found = number(called(answer, COUNTS.copy()))
    diagonal = np.diag(COUNTS)
    told = {
        diagonal.sum() / COUNTS.sum(): "That is the accuracy: all right answers over all clips.",
        np.mean(diagonal / COUNTS.sum(0)): "That is the mean precision: you divided by columns; "
        "rows are the truth.",
        float(np.sum(diagonal / COUNTS.sum(1))): "That is the sum of the recalls; take their mean.",
    }
    right = float(np.mean(diagonal / COUNTS.sum(1)))
    if abs(found - right) > 1e-6:
        near = [text for value, text in told.items() if abs(found - value) < 1e-6]
        asked = f"For {COUNTS.tolist()} it is {right:.4f}; your function says {found:.4f}."
        raise Mistake(near[0] if near else asked)


which_average = Quiz(
    "which_average",
    "Write down for both papers what is divided by what. On CMU-MOSEI each emotion is a question "
    "of its own, with two classes: yes and no.",
    right=(
        "No: the first is plain accuracy, the second a mean of two recalls",
        "In speech emotion recognition the weights are class frequencies, which gives back the "
        "plain accuracy. On CMU-MOSEI the weights make yes and no count alike, which is what the "
        "speech papers call unweighted. Read the formula, never the name.",
    ),
    wrong=(
        (
            "Yes: both weigh classes by their frequency",
            "The first does. The second weighs yes by N/P, so that the rare yes counts as much as "
            "the frequent no: the opposite.",
        ),
        (
            "Yes, as soon as both corpora have equally many classes",
            "The number of classes is not the problem: the two formulas differ.",
        ),
    ),
)


@exercise(
    "a function of a share p and a number of clips n",
    "For 60.37 % of 766 clips about ±0.035: a difference of two or three points between papers "
    "may be nothing at all. Four times as many clips halve it.",
    "The formula stands above: how many standard errors hold 95 % of a bell curve?",
    "1.96 times the square root of p (1 - p) / n; nothing is multiplied by 100.",
)
def half_width(answer: Any) -> None:
    for p, n in ((0.6037, 766), (0.5, 100)):
        found, right = number(called(answer, p, n)), 1.96 * (p * (1 - p) / n) ** 0.5
        if abs(found - right) < 0.0003:
            continue
        told = {
            100 * right: "As percentage points, yes; return a share.",
            right / 1.96: "That is one standard error; 95 % need 1.96 of them.",
            2 * right: "That is the whole width; asked is half of it.",
            1.96 * p * (1 - p) / n**0.5: "p (1 - p) belongs under the root as well.",
            1.96 * p * (1 - p) / n: "The root is missing.",
        }
        near = [text for value, text in told.items() if abs(found - value) < 0.02 * value]
        raise Mistake(near[0] if near else f"For p = {p}, n = {n}: {right:.4f}, not {found:.4g}.")


SOURCES = np.array(["a"] * 5 + ["b", "c"] + ["d"] * 3)


@exercise(
    "a function of sources (n,) and a random generator that returns places (m,)",
    "Clips of one source come and go together, so the spread of scores shows what a new set of "
    "sources would do. Field names: cluster or block bootstrap.",
    "Draw names of sources with replacement, as many as there are; then all clips of each drawn "
    "source, twice if it was drawn twice.",
    "Names are drawn, not clips. Once a name is drawn, at which places does it stand? The answer "
    "is one long list of places, with repeats.",
)
def draw_sources(answer: Any) -> None:
    draws = [_places(called(answer, SOURCES.copy(), np.random.default_rng(n))) for n in range(60)]
    count = np.stack([np.bincount(draw, minlength=10) for draw in draws])
    if count.shape[1] > 10:
        raise Mistake("Some places lie beyond the last clip.")
    times = count[:, [0, 5, 6, 7]]
    if (count != np.repeat(times, [5, 1, 1, 3], axis=1)).any():
        raise Mistake(
            "A source comes in parts: some of its clips are drawn more often than others. Draw "
            "sources, not clips."
        )
    if all(np.array_equal(draw, draws[0]) for draw in draws):
        raise Mistake("Every draw is the same; use the generator that your function is given.")
    if times.max() == 1:
        raise Mistake("No source is ever drawn twice: draw with replacement.")
    if (times.sum(1) != 4).any():
        raise Mistake(
            f"There are 4 sources; expected 4 drawn ones, not {times.sum(1).min()} to "
            f"{times.sum(1).max()}."
        )
    if times[:, 0].mean() > 1.5:
        raise Mistake("Large sources are drawn more often; every source has the same chance.")


def _places(found: Any) -> np.ndarray:
    if np.asarray(found).dtype.kind in "US":
        raise Mistake("Expected places of clips, as numbers; yours are names of sources.")
    places = array(found)
    if places.ndim != 1 or not len(places) or (places != places.round()).any():
        raise Mistake(f"Expected places of clips, whole numbers in one row; got {kind_of(found)}.")
    if places.min() < 0 or places.max() > 1e6:
        raise Mistake("Some places lie beyond the last clip.")
    return places.astype(int)


SPLIT_SOURCES = np.array([f"s{n % 8}" for n in range(40)])


@exercise(
    "a function of sources (n,) and a seed that returns places for training and for testing",
    "The lines looked honest, and the source was held out. But places in a shuffled list are not "
    "places in the list itself: only a check of the result finds that.",
    "Print the sources of train and of test. Which clip does train[0] mean?",
    "`shuffled` is in another order than `groups`; which array tells the place of its clip number "
    "k in `groups`?",
)
def split_sources(answer: Any) -> None:
    splits = [called(answer, SPLIT_SOURCES.copy(), seed) for seed in range(4)]
    for train, test in ([_places(part) for part in pair] for pair in splits):
        both = sorted(set(train.tolist()) & set(test.tolist()))
        if both:
            raise Mistake(
                f"{len(both)} of the {len(test)} test clips are training clips as well, number "
                f"{both[0]} for one."
            )
        crossing = set(SPLIT_SOURCES[train]) & set(SPLIT_SOURCES[test])
        if crossing:
            raise Mistake(
                f"No clip is on both sides, but source {min(crossing)} is: a leak all the same."
            )
        if len(train) + len(test) != len(SPLIT_SOURCES):
            raise Mistake(
                f"No leak, but {len(train) + len(test)} of {len(SPLIT_SOURCES)} clips are left."
            )
        if len(test) != 10:
            raise Mistake(f"A quarter of 8 sources has 10 clips; your test split {len(test)}.")
    if len({tuple(sorted(np.asarray(test).tolist())) for _, test in splits}) == 1:
        raise Mistake("Four seeds give the same split; use the seed.")


def short_clip(path: Path) -> None:
    """A wide film of 2.2 s: the left half red, the right half ever brighter blue; a tone."""
    from emo_core.synthetic.corpus_io import write_clip

    frames = np.zeros((55, 80, 160, 3), np.uint8)
    frames[:, :, :80, 0] = 200
    frames[:, :, 80:, 2] = 20 + 4 * np.arange(55)[:, None, None]
    tone = np.sin(2 * np.pi * 440 * np.arange(int(2.2 * 48_000)) / 48_000) / 3
    write_clip(path, frames, 25, tone.astype(np.float32), 48_000)


def same_keys(found: Any, wanted: dict) -> None:
    """Whether a reader's dictionary has our names, each a tensor; Mistake where not."""
    import torch

    if not isinstance(found, dict):
        raise Mistake(f"Expected a dictionary; got {kind_of(found)}.")
    missing = [name for name in wanted if name not in found]
    if missing:
        raise Mistake(f"The dictionary has no {missing[0]!r}.")
    for name in wanted:
        if not isinstance(found[name], torch.Tensor):
            raise Mistake(f"{name} shall be a tensor; it is {kind_of(found[name])}.")


def dtypes(found: dict, wanted: dict) -> None:
    for name, values in wanted.items():
        if found[name].dtype != values.dtype:
            raise Mistake(
                f"{name} is {found[name].dtype}; expected {values.dtype}, so that batches stay "
                "small and masks can be counted."
            )


@exercise(
    "your class, with `__getitem__` written",
    "A file has become four tensors, and not one of them has been padded yet: a data set says what "
    "is there, the batch decides how long it must be.",
    "The middle of part k of 16 equal parts of five seconds is (k + 1/2) · 5/16; keep those before "
    "`length_s`. The scale leaves the longer side 96 or 72 pixels.",
    "torch.arange and one comparison give the times; round(...) gives whole pixels; permute brings "
    "(T, h, w, 3) to (T, 3, h, w) for `letterbox`.",
)
def ClipDataset(answer: Any) -> None:  # noqa: N802
    import torch

    from exercises import mymodel

    if not (isinstance(answer, type) and issubclass(answer, torch.utils.data.Dataset)):
        called(answer, [])
        raise Mistake(f"Expected the class itself; got {kind_of(answer)}.")
    with tempfile.TemporaryDirectory(prefix="emo-check-") as folder:
        path = Path(folder) / "short.mp4"
        short_clip(path)
        rows = [(path, 1)]
        wanted = mymodel.ClipDataset(rows)[0]
        found = called(lambda: called(answer, rows)[0])
    same_keys(found, wanted)
    _video_of(found["video"], wanted["video"])
    dtypes(found, wanted)
    times, wave = found["video_times_s"], found["wave"]
    if times.shape != wanted["video_times_s"].shape or not torch.allclose(
        times, wanted["video_times_s"], atol=0.05
    ):
        raise Mistake(
            f"The frames are from {_first(times)} s; expected the middles of the parts, "
            f"{_first(wanted['video_times_s'])} s."
        )
    if abs(len(wave) - len(wanted["wave"])) > 400:
        raise Mistake(
            f"A file of 2.2 s gives {len(wave):,} samples; at 16,000 a second expected "
            f"{len(wanted['wave']):,}."
        )
    if int(found["label"]) != 1:
        raise Mistake(f"The label of the row is 1; yours is {found['label'].tolist()}.")


def _first(values: Any) -> str:
    return ", ".join(f"{value:.2f}" for value in values.flatten()[:3].tolist()) + ", …"


def _video_of(video: Any, wanted: Any) -> None:
    """What is wrong with frames (T, 3, 72, 96) of `short_clip`."""

    count = wanted.shape[0]
    if video.ndim == 4 and video.shape[-1] == 3:
        raise Mistake("The colours come last; expected (T, 3, 72, 96). Order the axes anew.")
    if video.ndim == 4 and video.shape[1:] == wanted.shape[1:] and len(video) != count:
        raise Mistake(
            f"The file ends at 2.2 s, so {count} moments lie within it; you have {len(video)} "
            "frames. Ask for those before `length_s` only: what is missing is masked, later."
        )
    if video.shape != wanted.shape:
        raise Mistake(f"Expected frames of shape {tuple(wanted.shape)}; got {tuple(video.shape)}.")
    _pictures_of(video.float(), wanted.float())


def _pictures_of(mine: Any, ours: Any) -> None:
    """What is wrong with pictures of the right shape."""
    import torch

    if mine.max() <= 1:
        raise Mistake("Keep bytes, 0 to 255: a batch in floats is four times as large.")
    if torch.allclose(mine, ours, atol=12):
        return
    if torch.allclose(mine, ours.roll(-12, 2), atol=12):
        raise Mistake("The picture lies at the top; `letterbox` puts it in the middle.")
    if mine[:, :, 1].max() > 40:
        raise Mistake(
            "The film is twice as wide as high, yet there is no black margin above: the picture "
            "was stretched, cut or turned. One scale for both sides, the smaller one; a size is "
            "(width, height), and in a tensor height comes before width."
        )
    if torch.allclose(mine, ours.flip(1), atol=12):
        raise Mistake("Red and blue have changed places.")
    raise Mistake("Shape and margins are right, the pictures are not: are they of these moments?")


@exercise(
    "a function of a length and values (n, ...) that returns (length, ...)",
    "Zeros of the right kind at the end. Only the mask will tell them from silence and black.",
    "Cut first, then add what is missing; values.new_zeros keeps the kind of number.",
    "torch.cat joins along the first axis; the zeros have the shape of values from its second axis "
    "on.",
)
def pad_to(answer: Any) -> None:
    import torch

    values = torch.arange(1, 7, dtype=torch.uint8).reshape(3, 2)
    longer, shorter = called(answer, 5, values.clone()), called(answer, 2, values.clone())
    found = array(longer)
    if found.shape != (5, 2):
        raise Mistake(f"From shape (3, 2) expected (5, 2) for 5; got {tuple(found.shape)}.")
    if longer.dtype != torch.uint8:
        raise Mistake(f"Bytes became {longer.dtype}; keep the kind of number.")
    if not found[:2].any():
        raise Mistake("The zeros stand in front; they belong at the end, after the real values.")
    if found[3:].any():
        raise Mistake(f"Beyond the end expected zeros; got {found[3:].tolist()}.")
    if (found[:3] != values.numpy()).any():
        raise Mistake("The real values have changed.")
    if array(shorter).shape != (2, 2):
        raise Mistake(f"Too long is cut: for 2 expected (2, 2); got {tuple(shorter.shape)}.")
    if array(called(answer, 4, torch.ones(0))).shape != (4,):
        raise Mistake("Nothing at all, shape (0,), becomes zeros of shape (4,).")


def _clips() -> list:
    """A whole clip with a black frame and a silent second, and one of 2.2 s."""
    import torch

    made = torch.Generator().manual_seed(3)
    video = torch.randint(1, 255, (16, 3, 72, 96), generator=made, dtype=torch.uint8)
    wave = torch.randn(80_000, generator=made) / 10
    times_s = (torch.arange(16) + 0.5) * 5 / 16
    video[4], wave[16_000:32_000] = 0, 0
    whole = {"video": video, "video_times_s": times_s, "wave": wave, "label": torch.tensor(2)}
    short = {"video": video[:7], "video_times_s": times_s[:7], "wave": wave[:35_200]}
    return [whole, {**short, "label": torch.tensor(0)}]


@exercise(
    "a function of a list of clips that returns a batch",
    "Two clips of different length fit one tensor, and nobody downstream has to guess what was "
    "real.",
    "Pad pictures, times and sound and stack them; take the log-mel of the padded sound, all clips "
    "at once. A mask compares places with how many frames, or seconds of sound, a clip has.",
    "A mask is a comparison of places 0, 1, 2, … with a column of lengths. When does mel frame k "
    "begin, and when is the sound of a clip over?",
)
def collate(answer: Any) -> None:
    import torch

    from exercises import mymodel

    wanted = mymodel.collate(_clips())
    found = called(answer, _clips())
    same_keys(found, wanted)
    for name, values in wanted.items():
        if found[name].shape != values.shape:
            raise Mistake(
                f"{name} has shape {tuple(found[name].shape)}; expected {tuple(values.shape)}."
            )
    dtypes(found, wanted)
    for name in ("video_mask", "mel_mask"):
        _mask_of(name, found[name], wanted[name])
    step = found["mel_times_s"][0, 1]
    if not torch.allclose(found["mel_times_s"], wanted["mel_times_s"], atol=1e-4):
        raise Mistake(f"A mel frame begins 0.02 s after the last; yours {step:g}.")
    for name in ("video", "video_times_s", "mel", "label"):
        if not torch.allclose(found[name].float(), wanted[name].float(), atol=1e-3):
            raise Mistake(f"Shapes and masks are right, the values of {name} are not.")


def _mask_of(name: str, mask: Any, wanted: Any) -> None:
    import torch

    thing = "frames" if name == "video_mask" else "mel frames"
    real, least = int(mask[1].sum()), int(wanted[1].sum())
    if torch.equal(mask, wanted):
        return
    if torch.equal(mask, ~wanted):
        raise Mistake(f"{name} is upside down: True means real.")
    if mask.all():
        raise Mistake(f"{name} says that all is real; of the short clip only {least} {thing} are.")
    if not mask[0].all():
        raise Mistake(
            f"{name} takes something black or silent for missing. It is real: decide by lengths, "
            "not by values."
        )
    raise Mistake(f"{name}: of the short clip {least} {thing} are real; yours says {real}.")
