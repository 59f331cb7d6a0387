"""Wrong answers to lesson 3, and what the explanation must speak of."""

import numpy as np
import solutions
import torch
from exercises import mymodel
from torch.nn import functional


def _twice(pairs):
    groups = [group for group, _ in pairs]
    return {group for group in groups if groups.count(group) > 1}


def _train_and_val(pairs):
    return {g for g, s in pairs if s == "val"} & {"12"}


def _as_shipped(groups, seed):
    rng = np.random.default_rng(seed)
    names = rng.permutation(np.unique(groups))
    held = names[: len(names) // 4]
    order = rng.permutation(len(groups))
    shuffled = groups[order]
    return np.flatnonzero(~np.isin(shuffled, held)), np.flatnonzero(np.isin(groups, held))


def _by_clip(groups, seed):
    order = np.random.default_rng(seed).permutation(len(groups))
    return order[10:], order[:10]


def _lossy(groups, seed):
    train, test = solutions.split_sources(groups, seed)
    return train[5:], test


def _half(groups, seed):
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    test = np.isin(groups, names[: len(names) // 2])
    return np.flatnonzero(~test), np.flatnonzero(test)


def _places(groups, names):
    return np.concatenate([np.flatnonzero(groups == name) for name in names])


def _names(groups):
    return np.unique(groups)


class _Changed(mymodel.ClipDataset):
    """Ours, with one entry changed by `change`."""

    def __getitem__(self, index):
        return self.change(super().__getitem__(index))


def _dataset(change):
    return type("ClipDataset", (_Changed,), {"change": staticmethod(change)})


class _Eager(mymodel.ClipDataset):
    """Asks for all 16 moments."""

    def __getitem__(self, index):
        found = super().__getitem__(index)
        video = torch.cat([found["video"], found["video"][-1:].expand(9, -1, -1, -1)])
        return {**found, "video": video}


def _entry(name, change):
    return _dataset(lambda clip: {**clip, name: change(clip[name])})


def _stretched(video):
    inner = video[:, :, 12:60].float()
    return functional.interpolate(inner, (72, 96)).byte()


def _batch(name, change):
    def collate(clips):
        batch = mymodel.collate(clips)
        return {**batch, name: change(batch)}

    return collate


def _too_long(batch):
    return batch["mel_times_s"] < torch.tensor([[5.0], [2.3]])


WRONG = {
    "clip_source": [
        (lambda name: name.split("_")[0], "last underscore"),
        (lambda name: name.split("_")[1], "number of the clip"),
        (lambda name: name[:1], "count letters"),
        (lambda name: 3.5, "as text"),
        (lambda name: "zebra", "zebra"),
    ],
    "leaking_groups": [
        (_twice, "no leak"),
        (_train_and_val, "test"),
        (lambda pairs: {p for p in pairs if len(pairs) > 1 and p[0] in ("12", "14")}, "alone"),
        (lambda pairs: set(), "several splits"),
        (lambda pairs: {"1"}, "empty set"),
    ],
    "constant_percent": [
        (39.4, "best constant"),
        (35.2, "training"),
        (33.3, "equally"),
        (0.24, "per cent"),
        (36.55, "always neutral"),
        (60, "766"),
    ],
    "class_weights": [
        (lambda counts: counts.sum() / counts, "divide by their number"),
        (lambda counts: counts / counts.sum(), "shares"),
        (lambda counts: 3 * counts / counts.sum(), "Upside down"),
        (lambda counts: (1 / counts) / (1 / counts).sum(), "add up to 1"),
        (lambda counts: 1 / counts, "size is not"),
        (lambda counts: counts, "2.667"),
    ],
    "average_recall": [
        (lambda counts: np.trace(counts) / counts.sum(), "accuracy"),
        (lambda counts: np.mean(np.diag(counts) / counts.sum(0)), "precision"),
        (lambda counts: np.sum(np.diag(counts) / counts.sum(1)), "sum of the recalls"),
        (lambda counts: 0.5, "0.6167"),
    ],
    "which_average": [
        ("Yes: both weigh classes by their frequency", "opposite"),
        ("Yes, as soon as both corpora have equally many classes", "formulas differ"),
    ],
    "half_width": [
        (lambda p, n: 196 * (p * (1 - p) / n) ** 0.5, "return a share"),
        (lambda p, n: (p * (1 - p) / n) ** 0.5, "standard error"),
        (lambda p, n: 3.92 * (p * (1 - p) / n) ** 0.5, "whole width"),
        (lambda p, n: 1.96 * p * (1 - p) / n**0.5, "under the root"),
        (lambda p, n: 1.96 * p * (1 - p) / n, "root is missing"),
        (lambda p, n: p, "0.0346"),
    ],
    "draw_sources": [
        (lambda groups, rng: rng.integers(0, len(groups), len(groups)), "in parts"),
        (lambda groups, rng: np.arange(len(groups)), "same"),
        (lambda groups, rng: _places(groups, ["a", "a"] + ["b"] * int(rng.integers(3))), "4 drawn"),
        (lambda groups, rng: _places(groups, rng.choice(_names(groups), 3, False)), "replacement"),
        (lambda groups, rng: _places(groups, rng.permutation(_names(groups))), "replacement"),
        (lambda groups, rng: _places(groups, rng.choice(groups, 4)), "same chance"),
        (lambda groups, rng: rng.choice(_names(groups), 4), "names of sources"),
        (lambda groups, rng: rng.choice(_names(groups), 4) == "a", "in parts"),
        (lambda groups, rng: np.array([77]), "beyond"),
        (lambda groups, rng: np.array([0.5]), "whole numbers"),
    ],
    "split_sources": [
        (_as_shipped, "training clips as well"),
        (_by_clip, "leak all the same"),
        (_lossy, "are left"),
        (_half, "quarter"),
        (lambda groups, seed: solutions.split_sources(groups, 1), "use the seed"),
        (lambda groups, seed: (np.array(["a"]), np.array([1])), "Expected"),
    ],
    "ClipDataset": [
        (mymodel.ClipDataset([]), "itself"),
        (_dataset(lambda clip: [*clip]), "dictionary"),
        (_dataset(lambda clip: {"video": clip["video"]}), "video_times_s"),
        (_entry("video", lambda video: video.permute(0, 2, 3, 1)), "come last"),
        (_Eager, "masked, later"),
        (_entry("video", lambda video: video[:, :, :48]), "shape"),
        (_entry("video", lambda video: video / 255), "Keep bytes"),
        (_entry("video", _stretched), "stretched"),
        (_entry("video", lambda video: video.roll(-12, 2)), "middle"),
        (_entry("video", lambda video: video.flip(1)), "Red and blue"),
        (_entry("video", lambda video: video.flip(0)), "these moments"),
        (_entry("video", lambda video: video.float()), "float32"),
        (_entry("video_times_s", lambda times: times - 0.156), "middles"),
        (_entry("wave", lambda wave: wave[::2]), "samples"),
        (_entry("label", lambda label: 1), "tensor"),
        (_entry("label", lambda label: label + 1), "label of the row"),
    ],
    "pad_to": [
        (lambda n, x: torch.cat([x.new_zeros(max(0, n - len(x)), *x.shape[1:]), x]), "in front"),
        (lambda n, x: torch.cat([x[:n], torch.zeros(max(0, n - len(x)), *x.shape[1:])]), "kind"),
        (lambda n, x: torch.cat([x, x[-1:].expand(n - len(x), -1)]) if n > 3 else x, "zeros"),
        (lambda n, x: torch.cat([x, x.new_zeros(max(0, n - len(x)), *x.shape[1:])]), "cut"),
        (lambda n, x: x, "(5, 2)"),
        (lambda n, x: mymodel.pad_to(n, x * 2), "changed"),
    ],
    "collate": [
        (lambda clips: clips, "dictionary"),
        (_batch("label", lambda batch: [2, 0]), "tensor"),
        (_batch("video_mask", lambda batch: torch.ones(2, 16) > 0), "all is real"),
        (_batch("video_mask", lambda batch: ~batch["video_mask"]), "upside down"),
        (_batch("video_mask", lambda batch: batch["video"].flatten(2).any(2).bool()), "by lengths"),
        (_batch("video_mask", lambda batch: batch["video_mask"].float()), "counted"),
        (
            _batch("mel_mask", lambda batch: batch["mel_times_s"] < torch.tensor([[5], [2.3]])),
            "says",
        ),
        (_batch("mel_mask", lambda batch: torch.ones(2, 250) > 0), "all is real"),
        (_batch("mel_times_s", lambda batch: batch["mel_times_s"] * 2), "0.02 s"),
        (_batch("mel", lambda batch: batch["mel"].exp()), "values of mel"),
        (_batch("mel", lambda batch: batch["mel"][:, :110]), "shape"),
        (_batch("label", lambda batch: batch["label"] + 1), "values of label"),
    ],
}
