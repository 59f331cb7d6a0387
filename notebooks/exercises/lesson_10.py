"""Judges the exercises of lesson 10: share it, with everything people must know."""

import json
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch

from exercises.grading import Mistake, Quiz, array, called, exercise, number

by_mail = Quiz(
    "by_mail",
    "What can the file do while it is being opened, and which format can do nothing at all?",
    right=(
        "Ask for safetensors; open a pickle only of an author whom you trust, with "
        "weights_only=True and a current PyTorch",
        "A safetensors file has no commands in it. Trust is about people, a format is about what "
        "can happen when the trust was wrong.",
    ),
    wrong=(
        (
            "Open it with torch.load(path, weights_only=True), which makes nothing but tensors",
            "It also makes numbers, texts, dictionaries and a list of allowed classes, and what it "
            "refuses was got around twice (CVE-2025-32434 up to 2.5.1, CVE-2026-24747 before "
            "2.10). PyTorch's own page says: never load data of an untrusted source.",
        ),
        (
            "Open it: it comes from a colleague",
            "Your colleague may have it from somewhere else, and a pickle runs before you can "
            "look.",
        ),
        (
            "Open it on a machine without network",
            "Without network it can still read, change and delete what is on that machine.",
        ),
    ),
)

KINDS = {"F32": np.float32, "I64": np.int64}


def _file(metadata: bool) -> tuple[bytes, dict[str, np.ndarray]]:
    tensors = {
        "bias": np.array([0.5, -2.0, 8.0], np.float32),
        "steps": np.array([[3, 1], [4, 1]], np.int64),
        "scale": np.array(0.25, np.float32),
    }
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}} if metadata else {}
    body = b""
    for name, values in tensors.items():
        kind = next(k for k, dtype in KINDS.items() if values.dtype == dtype)
        ends = [len(body), len(body) + values.nbytes]
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": ends}
        body += values.tobytes()
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body, tensors


@exercise(
    "a function of the bytes of a safetensors file that returns a dictionary, name -> array",
    "All there is to the format: eight bytes, a header, numbers. There is nothing in it that could "
    "run.",
    "The first 8 bytes are the length of the header; int.from_bytes reads them. From where do "
    "data_offsets count?",
    "json.loads takes bytes. For each name: cut out its bytes, np.frombuffer with its dtype, "
    "reshape. Which one name of the header is no tensor?",
)
def read_tensors(answer: Any) -> None:
    for metadata in (False, True):
        raw, tensors = _file(metadata)
        try:
            found = _without_the_package(answer, raw)
        except Mistake as mistake:
            raise Mistake(_reading_mistake(str(mistake), metadata)) from mistake
        if not isinstance(found, dict) or not found:
            raise Mistake("Return a dictionary, name -> array.")
        if "__metadata__" in found:
            raise Mistake("__metadata__ is a note for people and no tensor; leave it out.")
        if set(found) != set(tensors):
            raise Mistake(f"Expected the names {', '.join(tensors)}; got {', '.join(found)}.")
        for name, expected in tensors.items():
            _same_tensor(name, np.asarray(found[name]), expected)


def _without_the_package(answer: Any, raw: bytes) -> Any:
    """What a reader of bytes returns while the package safetensors refuses to read."""

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("the package is closed here")

    with ExitStack() as held:
        for module in (safetensors, safetensors.numpy, safetensors.torch):
            for name in ("deserialize", "safe_open"):
                if hasattr(module, name):
                    held.enter_context(patch.object(module, name, refuse))
        return called(answer, raw)


def _same_tensor(name: str, values: np.ndarray, expected: np.ndarray) -> None:
    if values.shape != expected.shape:
        raise Mistake(f"{name} has shape {expected.shape} in the header; reshape it.")
    if values.dtype != expected.dtype or not np.array_equal(values, expected):
        raise Mistake(
            f"{name} should be {expected.tolist()} of {expected.dtype}; got {values.tolist()} of "
            f"{values.dtype}. Offsets count from the header's end."
        )


def _reading_mistake(said: str, metadata: bool) -> str:
    if "the package is closed here" in said:
        return (
            "The package safetensors reads the file for you; read it yourself, with json and "
            "numpy. It is a header and numbers."
        )
    if "KeyError: 'data_offsets'" in said or ("KeyError" in said and metadata):
        return f"{said} One name of the header, __metadata__, is no tensor."
    if "JSON" in said or "Unicode" in said or "OverflowError" in said or "MemoryError" in said:
        return f"{said} Is the header raw[8 : 8 + length], and its length little-endian?"
    if "buffer" in said or "reshape" in said:
        return (
            f"{said} Offsets count from the end of the header, and each kind has a dtype of its "
            "own."
        )
    return said


@exercise(
    "a function of top, right and bins that returns a number",
    "The library's `metrics.calibration_error` does this with 15 bins.",
    "The bin of a clip is floor(top * bins); 1.0 belongs to the last bin.",
    "Sum over bins: share of clips in it * |mean of right - mean of top| there.",
)
def calibration_error(answer: Any) -> None:
    top = np.array([0.35, 0.55, 0.58, 0.62, 0.91, 0.93, 0.97, 1.0])
    right = np.array([True, False, True, False, True, True, True, False])
    for bins in (10, 4):
        place = np.minimum((top * bins).astype(int), bins - 1)
        sums = np.array([
            [(place == b).sum(), right[place == b].sum(), top[place == b].sum()]
            for b in range(bins)
        ])  # fmt: skip
        held = sums[sums[:, 0] > 0]
        expected = np.abs(held[:, 1] - held[:, 2]).sum() / len(top)
        found = number(called(answer, top, right, bins))
        if abs(found - expected) > 1e-9:
            raise Mistake(_calibration_mistake(found, expected, held, top, right))


def _calibration_mistake(
    found: float, expected: float, held: np.ndarray, top: np.ndarray, right: np.ndarray
) -> str:
    gaps = np.abs(held[:, 1] - held[:, 2]) / held[:, 0]
    if abs(found - gaps.mean()) < 1e-9:
        return "You averaged over bins; weigh each bin by the share of clips in it."
    if abs(found - abs(right.mean() - top.mean())) < 1e-9:
        return (
            "That is one gap over all clips: too sure here and too unsure there cancel. Use bins."
        )
    if abs(found - (held[:, 1] - held[:, 2]).sum() / len(top)) < 1e-9:
        return "Gaps of different sign cancel; take the absolute value of each bin's gap."
    if abs(found - gaps.max()) < 1e-9:
        return "That is the largest gap; the expected error is their weighted mean."
    if abs(found - gaps.sum()) < 1e-9:
        return "You summed over bins as if all held as many clips; weigh each by its share."
    told = f"Expected {expected:.4f}; got {found:.4f}."
    below = top < 1
    last = held[-1] - [1, right[~below].sum(), top[~below].sum()]
    gap = np.abs(np.append(held[:-1, 1] - held[:-1, 2], last[1] - last[2])).sum()
    if any(abs(found - (gap + more) / len(top)) < 1e-9 for more in (0, 1)):
        return f"{told} Does 1.0 fall into the last bin?"
    return told


def _drawn_logits(count: int, sharpness: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores whose best temperature is `sharpness`."""
    generator = torch.Generator().manual_seed(seed)
    honest = 1.5 * torch.randn(count, 3, generator=generator)
    target = torch.multinomial(honest.softmax(1), 1, generator=generator).squeeze(1)
    return sharpness * honest, target


def _losses(logits: torch.Tensor, target: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    entropy = torch.nn.functional.cross_entropy
    return torch.stack([entropy(logits / t, target) for t in candidates])


@exercise(
    "a function of logits, target and candidates that returns one of the candidates",
    "One number, chosen by likelihood on clips that took no part in training; no answer changes.",
    "Which of the candidates makes the labels of these clips most probable?",
    "Cross-entropy of logits / t for each t. It takes logits, not probabilities.",
)
def fit_temperature(answer: Any) -> None:
    candidates = torch.logspace(-1, 1, 41)
    for sharpness, seed in ((3.0, 0), (0.4, 1)):
        logits, target = _drawn_logits(400, sharpness, seed)
        losses = _losses(logits, target, candidates)
        best = float(candidates[losses.argmin()])
        found = number(called(answer, logits, target, candidates))
        if abs(found - best) < 1e-5:
            continue
        upside = _losses(logits, target, 1 / candidates)
        if abs(found - float(candidates[upside.argmin()])) < 1e-5:
            raise Mistake("You multiplied by the temperature; divide the logits by it.")
        if abs(found - float(candidates[losses.argmax()])) < 1e-5:
            raise Mistake(
                "That is the worst candidate: the loss has to be smallest. (Accuracy is the same "
                "at every temperature: compare likelihoods.)"
            )
        twice = _losses_of_probabilities(logits, target, candidates)
        if abs(found - float(candidates[twice.argmin()])) < 1e-5:
            raise Mistake("cross_entropy takes logits; you gave it probabilities: softmax twice.")
        raise Mistake(f"Expected {best:.3f}; got {found:.3f}.")


def _losses_of_probabilities(
    logits: torch.Tensor, target: torch.Tensor, candidates: torch.Tensor
) -> torch.Tensor:
    entropy = torch.nn.functional.cross_entropy
    return torch.stack([entropy((logits / t).softmax(1), target) for t in candidates])


@exercise(
    "your corrected held_out_report, which returns temperature, error before, error after",
    "The temperature was chosen on all clips, those of the report among them. Such a number is "
    "always a little too good, and no run stops because of it.",
    "Which clips may the temperature see, and which clips does the report speak of?",
    "Hand in clips whose second half has other labels. A temperature that was chosen honestly "
    "does not move.",
)
def held_out_report(answer: Any) -> None:
    candidates = torch.logspace(-0.30103, 1, 61)
    first, second = _drawn_logits(200, 4.0, 2), _drawn_logits(200, 0.7, 3)
    logits, target = (torch.cat(both) for both in zip(first, second, strict=True))
    chosen = float(candidates[_losses(*first, candidates).argmin()])
    found = array(called(answer, logits, target, candidates), (3,))
    halves = {name: _losses(*x, candidates).argmin() for name, x in
              (("all", (logits, target)), ("second", second))}  # fmt: skip
    if abs(found[0] - float(candidates[halves["all"]])) < 1e-5:
        raise Mistake("The temperature still sees all clips, those of the report among them.")
    if abs(found[0] - float(candidates[halves["second"]])) < 1e-5:
        raise Mistake("The temperature sees the half that you report; choose on the other one.")
    if abs(found[0] - chosen) > 1e-5:
        raise Mistake(f"Chosen on the first half it is {chosen:.2f}; got {found[0]:.2f}.")
    expected = [_error(second[0] / t, second[1]) for t in (1.0, chosen)]
    if not np.allclose(found[1:], expected, atol=1e-6):
        raise Mistake(
            f"The errors on the second half are {expected[0]:.3f} before and {expected[1]:.3f} "
            f"after; got {found[1]:.3f} and {found[2]:.3f}."
        )


def _error(logits: torch.Tensor, target: torch.Tensor) -> float:
    from emo_core.metrics import calibration_error as of_library

    return of_library(logits.softmax(1).numpy(), target.numpy())


@exercise(
    "a function of top, right, limits and wanted that returns a number",
    "Chosen on held-out clips, never on those you report. The card then states both numbers.",
    "Walk through the limits from the lowest. Which clips are answered there, and which share of "
    "them is right?",
    "Two cases to mind: a limit at which nobody is answered has no such share, and it may be that "
    "no limit does.",
)
def lowest_threshold(answer: Any) -> None:
    top = np.array([0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    right = np.array([False, True, False, True, True, True])
    limits = np.array([0.35, 0.45, 0.55, 0.65, 0.75, 0.95])
    for wanted, expected in ((0.75, 0.45), (0.9, 0.65), (0.5, 0.35)):
        found = number(called(answer, top, right, limits, wanted))
        if abs(found - expected) < 1e-9:
            continue
        asked = f"With {wanted:.0%} wanted expected {expected:g}; got {found:g}."
        if found in limits and found > expected:
            raise Mistake(f"{asked} A lower threshold does as well and answers more clips.")
        if found in limits:
            raise Mistake(f"{asked} Of the clips answered there, too few are right.")
        raise Mistake(f"{asked} Return one of the limits.")
    never = number(called(answer, top, ~right, limits, 0.99))
    if abs(never - 1) > 1e-9:
        raise Mistake(f"Where no threshold does, expected 1.0; got {never:g}.")


@exercise(
    "a function of two raters' answers that returns one number",
    "Cohen's kappa: 1 is full agreement, 0 is what two people reach who never looked.",
    "How often do they agree, and how often would they if each answered by habit alone?",
    "By habit: for each label the share of the one times the share of the other, added up. The "
    "part of the rest of the way that is reached is kappa.",
)
def kappa(answer: Any) -> None:
    pairs = (("pppnnngggg", "ppnnnggggg"), ("pppppppppn", "ppppppppnp"))
    for one, other in pairs:
        a, b = np.array(list(one)), np.array(list(other))
        agree = np.mean(a == b)
        labels = np.unique([a, b])
        habit = sum(np.mean(a == x) * np.mean(b == x) for x in labels)
        right = (agree - habit) / (1 - habit)
        found = number(called(answer, a, b))
        if abs(found - right) < 1e-9:
            continue
        if abs(found - agree) < 1e-9:
            raise Mistake(
                "That is raw agreement; what habit alone would reach is still in it. (Labels may "
                "be words: take them from the arrays.)"
            )
        if abs(found - (agree - 1 / len(labels)) / (1 - 1 / len(labels))) < 1e-9:
            raise Mistake("Habits differ: chance is not one of so many labels, use both shares.")
        if abs(found - (agree - habit)) < 1e-9:
            raise Mistake("Divide by how much was left to reach, 1 - chance.")
        if abs(found - habit) < 1e-9:
            raise Mistake("That is the agreement of chance alone.")
        raise Mistake(f"Expected {right:.3f}; got {found:.3f}.")


on_the_card = Quiz(
    "on_the_card",
    "Which one could somebody else check, and which one knows its limits?",
    right=(
        '"Accuracy 0.985 on 400 unseen drawn clips (seed 0); 0.988 in `synced`; never measured '
        'on real clips"',
        "What was measured, on what, how many, where it was weakest known, and where nobody knows.",
    ),
    wrong=(
        (
            '"Detects the emotions of employees with 98 % accuracy"',
            "Employees' emotions must not be inferred at all in the EU, nobody measured it on "
            "any, and nothing 'detects emotions': it guesses what onlookers would say.",
        ),
        (
            '"State-of-the-art performance on challenging data"',
            "Nobody can check it, nobody learns from it, and every model's card says it.",
        ),
    ),
)

the_school = Quiz(
    "the_school",
    "Article 5(1)(f): at work and in education.",
    right=(
        "No: inferring emotions of pupils is what the Act prohibits, and consent does not "
        "change that",
        "Education is named in the Act, with exceptions for medical and safety reasons only. "
        "Show the school what the model gets wrong instead: that lesson is allowed.",
    ),
    wrong=(
        (
            "Yes, with consent it is fine",
            "A prohibition is not a matter of consent; and pupils can hardly refuse freely.",
        ),
        (
            "Yes, if the pictures are deleted at once",
            "Deleting pictures is good for other reasons; what is prohibited is the inferring "
            "itself.",
        ),
    ),
)

the_crowd = Quiz(
    "the_crowd",
    "Which answer says what is known, what is not settled, and what to do meanwhile?",
    right=(
        "Not forbidden as such, but nobody has settled whether a mood of a crowd is emotion "
        "recognition: act as if it were, tell everybody beforehand, keep nothing, spare the staff",
        "Article 5(1)(f) names work and education: those who work at the concert are at work. For "
        "others, Article 50(3) and the GDPR ask that people are told and that there is a basis.",
    ),
    wrong=(
        (
            "A crowd is no person, so no law speaks of it",
            "The frames show persons, and their faces are personal data before anything is "
            "averaged. The Act speaks of emotions of natural persons, in the plural.",
        ),
        (
            "A ticket is consent to everything",
            "Consent has to be informed, specific and free; bystanders, staff and children have "
            "bought no ticket.",
        ),
    ),
)
