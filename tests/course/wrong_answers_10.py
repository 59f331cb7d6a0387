"""Wrong answers to lesson 10, and what the explanation must speak of."""

import json

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from torch.nn.functional import cross_entropy

from emo_core.metrics import calibration_error


def _gaps(top, right, bins):
    place = np.minimum((top * bins).astype(int), bins - 1)
    held = [place == b for b in range(bins) if (place == b).any()]
    return [right[h].mean() - top[h].mean() for h in held], [h.mean() for h in held]


def _own_last_bin(top, right, bins):
    place = (top * bins).astype(int)
    held = [place == b for b in np.unique(place)]
    return sum(h.mean() * abs(right[h].mean() - top[h].mean()) for h in held)


def _last(top, right, limits, wanted):
    good = [x for x in limits if (top >= x).any() and right[top >= x].mean() >= wanted]
    return good[-1] if good else 1.0


def _never(top, right, limits, wanted):
    good = [x for x in limits if (top >= x).any() and right[top >= x].mean() >= wanted]
    return good[0] if good else 0.0


def _read(raw, base=True, order="little", skip=True, shape=True, kind=None):
    length = int.from_bytes(raw[:8], order)
    start = 8 + length if base else 0
    found = {}
    for name, about in json.loads(raw[8 : 8 + length]).items():
        if name == "__metadata__":
            if not skip:
                found[name] = np.zeros(1)
            continue
        first, last = about["data_offsets"]
        dtype = kind or {"F32": np.float32, "I64": np.int64}[about["dtype"]]
        values = np.frombuffer(raw[start + first : start + last], dtype)
        found[name] = values.reshape(about["shape"]) if shape else values
    return found


def _blind(raw):
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    return {n: np.frombuffer(raw[8 + length + x["data_offsets"][0] :]) for n, x in header.items()}


def _temperature(logits, target, candidates, score=None):
    score = score or (lambda t: cross_entropy(logits / t, target))
    return float(candidates[int(torch.tensor([float(score(t)) for t in candidates]).argmin())])


def _accuracy(logits, target, candidates):
    return _temperature(
        logits, target, candidates, lambda t: -((logits / t).argmax(1) == target).sum()
    )


def _report(logits, target, candidates, see=slice(None), tell=None):
    tell = tell or slice(len(logits) // 2, None)
    chosen = _temperature(logits[see], target[see], candidates)
    truth = target[tell].numpy()
    errors = [calibration_error((logits[tell] / t).softmax(1).numpy(), truth) for t in (1, chosen)]
    return chosen, *errors


def _habit(a, b):
    return sum(np.mean(a == x) * np.mean(b == x) for x in np.unique([a, b]))


def _even(a, b):
    chance = 1 / len(np.unique([a, b]))
    return (np.mean(a == b) - chance) / (1 - chance)


WRONG = {
    "read_tensors": [
        (lambda raw: _read(raw, base=False), "Offsets count"),
        (lambda raw: _read(raw, order="big"), "little-endian"),
        (lambda raw: _read(raw, skip=False), "leave it out"),
        (lambda raw: _read(raw, shape=False), "reshape"),
        (lambda raw: _read(raw, kind=np.int32), "reshape"),
        (lambda raw: _read(raw, kind=np.float32), "dtype of its own"),
        (_blind, "Offsets count"),
        (lambda raw: {"bias": 1}, "Expected the names"),
        (safetensors.numpy.load, "read it yourself"),
        (safetensors.torch.load, "read it yourself"),
        (lambda raw: [1, 2], "dictionary"),
    ],
    "fit_temperature": [
        (lambda z, y, c: 1 / _temperature(z, y, 1 / c), "divide"),
        (lambda z, y, c: _temperature(z, y, c, lambda t: -cross_entropy(z / t, y)), "smallest"),
        (
            lambda z, y, c: _temperature(z, y, c, lambda t: cross_entropy((z / t).softmax(1), y)),
            "twice",
        ),
        (_accuracy, "Accuracy is the same"),
        (lambda z, y, c: 1.7, "Expected"),
    ],
    "held_out_report": [
        (_report, "sees all"),
        (lambda z, y, c: _report(z, y, c, slice(len(z) // 2, None)), "half that you report"),
        (
            lambda z, y, c: _report(z, y, c, slice(len(z) // 2), slice(len(z) // 2)),
            "errors on the second half",
        ),
        (lambda z, y, c: (1.0, 0.1, 0.1), "Chosen on the first half"),
    ],
    "kappa": [
        (lambda a, b: np.mean(a == b), "raw agreement"),
        (_even, "Habits differ"),
        (lambda a, b: np.mean(a == b) - _habit(a, b), "left to reach"),
        (_habit, "chance alone"),
        (lambda a, b: 0.123, "Expected"),
    ],
    "the_crowd": [
        ("A crowd is no person, so no law speaks of it", "persons"),
        ("A ticket is consent to everything", "free"),
    ],
    "by_mail": [
        (
            "Open it with torch.load(path, weights_only=True), which makes nothing but tensors",
            "CVE",
        ),
        ("Open it: it comes from a colleague", "runs"),
        ("Open it on a machine without network", "delete"),
        ("z", "one letter"),
    ],
    "calibration_error": [
        (lambda t, r, b: np.mean(np.abs(_gaps(t, r, b)[0])), "weigh"),
        (lambda t, r, b: abs(r.mean() - t.mean()), "cancel"),
        (lambda t, r, b: np.dot(*_gaps(t, r, b)), "absolute"),
        (lambda t, r, b: np.max(np.abs(_gaps(t, r, b)[0])), "largest"),
        (lambda t, r, b: np.sum(np.abs(_gaps(t, r, b)[0])), "by its share"),
        (_own_last_bin, "last bin"),
        (lambda t, r, b: 0.5, "Expected"),
        (0.1, "function itself"),
    ],
    "lowest_threshold": [
        (_last, "lower threshold"),
        (_never, "1.0"),
        (lambda t, r, limits, w: limits[0], "too few"),
        (lambda t, r, limits, w: 0.5, "one of the limits"),
    ],
    "on_the_card": [
        ('"Detects the emotions of employees with 98 % accuracy"', "Employees"),
        ('"State-of-the-art performance on challenging data"', "check"),
    ],
    "the_school": [
        ("Yes, with consent it is fine", "consent"),
        ("Yes, if the pictures are deleted at once", "inferring"),
    ],
}
