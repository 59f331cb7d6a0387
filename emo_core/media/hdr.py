"""Pictures of high dynamic range (BT.2100: HLG, as phones film, and PQ) as ordinary BT.709 ones."""

from functools import lru_cache

import numpy as np

PQ, HLG = 16, 18  # transfer characteristics, by the numbers of ITU-T H.273
WHITE = 203  # cd/m2 of diffuse white (BT.2408), shown as full white; light beyond it is clipped
PEAK = 1000  # cd/m2 of the display for which HLG's system gamma is 1.2
ROWS = 256  # of an image converted at once, which bounds the memory of large frames
LUMA = np.array([0.2627, 0.6780, 0.0593], np.float32)  # of BT.2020's red, green and blue
TO_BT709 = np.array(  # linear light of BT.2020's primaries in BT.709's (BT.2407)
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)


def to_bt709(image: np.ndarray, transfer: int) -> np.ndarray:
    """(H, W, 3) uint16 R'G'B' of PQ or HLG → (H, W, 3) uint8 R'G'B' of BT.709.

    The light a display would show, relative to diffuse white, through the inverse of BT.1886.
    """
    shown = np.empty(image.shape, np.uint8)
    for top in range(0, len(image), ROWS):
        light = _light(transfer)[image[top : top + ROWS]]
        if transfer == HLG:
            light *= PEAK / WHITE * (light @ LUMA)[..., None] ** np.float32(0.2)
        light = np.clip(light @ TO_BT709.T, 0, 1)
        shown[top : top + ROWS] = np.rint(255 * light ** np.float32(1 / 2.4))
    return shown


@lru_cache
def _light(transfer: int) -> np.ndarray:
    """(65536,) float32: light by signal level; HLG's in front of the camera, PQ's per WHITE."""
    signal = np.linspace(0, 1, 1 << 16)
    if transfer == HLG:  # BT.2100, table 5
        bright = (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12
        return np.where(signal <= 0.5, signal**2 / 3, bright).astype(np.float32)
    root = signal ** (32 / 2523)  # BT.2100, table 4
    ratio = np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)
    return (10_000 / WHITE * ratio ** (8192 / 1305)).astype(np.float32)
