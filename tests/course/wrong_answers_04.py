"""Wrong answers to lesson 4, and what the explanation must speak of."""

import numpy as np
import torch

WRONG = {
    "ceiling": [
        (lambda share, best: np.mean(list(best.values())), "equally frequent"),
        (lambda share, best: sum(np.array([*share.values()]) * [*best.values()]), "by name"),
        (lambda share, best: sum(share.values()), "everything can be known"),
        (lambda share, best: 0.2, "0.7"),
    ],
    "harder_world": [
        (0.767, "changed places"),
        (0.8667, "one of two"),
        (0.6, "a third"),
        (66.7, "per cent"),
        (0.5, "share times chance"),
    ],
    "frame_token": [
        (lambda maps: torch.cat([maps.amax((1, 2)), maps.mean((1, 2))]), "swapped"),
        (lambda maps: torch.stack([maps.mean((1, 2)), maps.amax((1, 2))]), "table"),
        (
            lambda maps: torch.stack([maps.mean((1, 2)), maps.amax((1, 2))], 1).flatten(),
            "alternate",
        ),
        (lambda maps: torch.cat([maps.mean((1, 2)), maps.abs().amax((1, 2))]), "size"),
        (lambda maps: maps.mean((1, 2)), "4 numbers"),
        (lambda maps: torch.zeros(4), "Expected"),
    ],
    "real_mean": [
        (lambda values, mask: values.mean(0), "averaged all"),
        (lambda values, mask: (values * mask[:, None]).mean(0), "number of all"),
        (lambda values, mask: (values * mask[:, None]).sum(0), "divide by how many"),
        (lambda values, mask: values[~mask].mean(0), "upside down"),
        (lambda values, mask: values[mask].mean(0), "NaN"),
        (lambda values, mask: values[mask].mean(), "shape"),
    ],
    "above_the_ceiling": [
        ("It has learnt to align sound with picture", "align"),
        ("The corpus leaks the label into the sound", "leak"),
    ],
}
