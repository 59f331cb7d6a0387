"""Solutions of lesson 1."""

import numpy as np


def frame_on_display(times_s, ask_s):
    """Index of the frame on display at ask_s."""
    started = np.searchsorted(times_s, ask_s, side="right")
    return int(np.clip(started - 1, 0, len(times_s) - 1))


samples_per_frame = 16_000 / 25


def sound_delay(early, late, step_s):
    """Seconds by which `late` comes after `early`."""
    early, late = np.asarray(early), np.asarray(late)
    sums = np.correlate(late - late.mean(), early - early.mean(), mode="full")
    return (int(sums.argmax()) - (len(early) - 1)) * step_s
