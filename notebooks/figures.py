"""What makes a figure readable: a title, labels, a bar for its colours, no red beside green."""

import re
from collections.abc import Iterator
from typing import Any

RED_GREEN = ("RdYlGn", "RdYlGn_r", "RdGn", "brg", "jet", "rainbow", "hsv")
COLOUR_WORDS = re.compile(r"\((grey|gray|blue|orange|green|red|black|purple|dashed|dotted)\b")


def form(figure: Any) -> dict[str, Any]:
    """How many titles and colour bars a figure has, and what is wrong with it."""
    bars = [axis for axis in figure.axes if hasattr(axis, "_colorbar")]
    plots = [axis for axis in figure.axes if axis not in bars]
    titles = [axis.get_title(loc) for axis in plots for loc in ("left", "center", "right")]
    titles = [title for title in [*titles, figure.get_suptitle()] if title.strip()]
    photographs = sum(_is_photograph(image) for axis in plots for image in axis.images)
    return ({"photographs": photographs} if photographs else {}) | {
        "titles": len(titles),
        "colour_bars": len(bars),
        "faults": list(dict.fromkeys([*_title_faults(titles), *_faults(figure, plots)])),
    }


def _title_faults(titles: list[str]) -> Iterator[str]:
    if not titles:
        yield "no title"
    for title in titles:
        if COLOUR_WORDS.search(title):
            yield f"a legend stands in the title {title!r}"


def _faults(figure: Any, plots: list) -> Iterator[str]:
    for axis in plots:
        for image in axis.images:
            if _is_photograph(image):
                continue
            if image.cmap.name in RED_GREEN:
                yield f"the colours {image.cmap.name}"
            if not _has_bar(image, plots):
                yield "colours without a bar"
        if axis.axison:
            yield from _label_faults(figure, axis)


def _is_photograph(image: Any) -> bool:
    """Whether it shows colours or greys themselves, not numbers by colours."""
    return image.get_array().ndim > 2 or image.cmap.name in ("gray", "grey")


def _has_bar(image: Any, plots: list) -> bool:
    """Whether a bar tells what the colours of this picture, or of an equal scale, mean."""
    same = [o for axis in plots for o in axis.images if o.cmap.name == image.cmap.name]
    return any(o.colorbar and o.get_clim() == image.get_clim() for o in same)


def _label_faults(figure: Any, axis: Any) -> Iterator[str]:
    for name in ("x", "y"):
        own = getattr(axis, f"{name}axis")
        shared = getattr(axis, f"get_shared_{name}_axes")().get_siblings(axis)
        labels = [getattr(other, f"get_{name}label")() for other in shared]
        whole = getattr(figure, f"_sup{name}label", None)
        words = [tick.get_text() for tick in own.get_ticklabels() if tick.get_text()]
        named = words and not any(re.fullmatch(r"[−\-\d.,e$\\{}^]+", word) for word in words)
        if any(labels) or whole or not len(own.get_ticklocs()) or named:
            continue
        yield f"no {name} label"
