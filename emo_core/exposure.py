"""One brightness and contrast for the picture of a window, as a camera's automatic exposure."""

import cv2
import numpy as np

LEVEL, SPREAD = 107.0, 54.0  # mean and standard deviation of luminance that a window gets, of 255
GAINS = (0.4, 2.5)  # contrast changes no more than this: noise in the dark stays noise


def exposed(pixels: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Frames of one window with the same mean and spread of luminance as those of any other.

    All colours are changed alike, by one straight line a window, so that lamps, tints and a camera
    that is set darker change an answer less. What has no light, as padding, and frames that are
    not shown do not count.

    pixels: (T, H, W, 3) uint8 RGB; shown: (T,) bool. Returns (T, H, W, 3) uint8.
    """
    if not shown.any():
        return pixels
    width = pixels.shape[2]
    grey = cv2.cvtColor(pixels[shown].reshape(-1, width, 3), cv2.COLOR_RGB2GRAY)  # (n*H, W)
    counts = np.bincount(grey.ravel(), minlength=256)
    counts[0] = 0
    if not counts.any():
        return pixels
    levels = np.arange(256)
    mean = np.average(levels, weights=counts)
    spread = np.average((levels - mean) ** 2, weights=counts) ** 0.5
    gain = np.clip(SPREAD / max(spread, 1.0), *GAINS)
    table = ((levels - mean) * gain + LEVEL).clip(0, 255).round().astype(np.uint8)
    changed = cv2.LUT(pixels.reshape(-1, width, 3), table).reshape(pixels.shape)
    changed[~shown] = 0
    return changed
