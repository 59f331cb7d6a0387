"""A Matplotlib figure in the form that Plotly draws: its numbers appear under the pointer."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.patches import Rectangle

MIME = "application/vnd.plotly.v1+json"
DASHES = {"-": "solid", "--": "dash", ":": "dot", "-.": "dashdot"}
INK = "#1b2030"


def plotly_form(figure: Any) -> dict[str, Any]:
    """Lines, dots, areas, bars and shaded stretches of a figure, where they stand in it.

    What has no label is drawn and says nothing under the pointer.
    """
    figure.draw_without_rendering()
    width, height = figure.get_size_inches() * figure.dpi
    layout: dict[str, Any] = {
        "width": round(width), "height": round(height), "margin": dict.fromkeys("lrtb", 0),
        "showlegend": False, "hovermode": "closest", "hoverdistance": 40, "bargap": 0,
        "plot_bgcolor": "white",
        "font": {"size": 12, "color": INK}, "annotations": [], "shapes": [],
    }  # fmt: skip
    data: list[dict] = []
    for number, axis in enumerate(figure.axes):
        end = str(number + 1) if number else ""
        layout |= _axes(figure, axis, end)
        layout["annotations"] += _title(axis)
        layout["shapes"] += [shape | {"xref": f"x{end}"} for shape in _spans(axis)]
        data += [trace | {"xaxis": f"x{end}", "yaxis": f"y{end}"} for trace in _traces(axis)]
        layout |= _legend(figure, axis)
    return {"data": data, "layout": layout}


def _axes(figure: Any, axis: Any, end: str) -> dict[str, Any]:
    """Both axes of a plot, each over its part of the figure."""
    box = axis.get_position()
    common = {"showgrid": False, "zeroline": False, "ticks": "outside", "linecolor": INK}
    found = {}
    for name, other, span in (("x", "y", (box.x0, box.x1)), ("y", "x", (box.y0, box.y1))):
        own = getattr(axis, f"{name}axis")
        words = [tick.get_text() for tick in own.get_ticklabels()]  # none where axes share them
        found[f"{name}axis{end}"] = common | {
            "domain": _rounded(span), "anchor": f"{other}{end}",
            "range": _rounded(getattr(axis, f"get_{name}lim")()),
            "tickvals": _rounded(own.get_ticklocs()), "ticktext": words,
            "showticklabels": bool(words),
            "title": {"text": getattr(axis, f"get_{name}label")(), "standoff": 6},
        }  # fmt: skip
    return found


def _title(axis: Any) -> Iterator[dict[str, Any]]:
    box = axis.get_position()
    text = axis.get_title("left") or axis.get_title("center")
    if text:
        place = {"x": box.x0, "y": box.y1, "xanchor": "left", "yanchor": "bottom"}
        paper = {"xref": "paper", "yref": "paper", "showarrow": False, "align": "left"}
        yield place | paper | {"text": text.replace("\n", "<br>"), "font": {"size": 14}}


def _legend(figure: Any, axis: Any) -> dict[str, Any]:
    if axis.get_legend() is None:
        return {}
    box = axis.get_legend().get_window_extent().transformed(figure.transFigure.inverted())
    place = {"x": round(box.x0, 4), "y": round(box.y1, 4), "xanchor": "left", "yanchor": "top"}
    return {"showlegend": True, "legend": place}


def _spans(axis: Any) -> Iterator[dict[str, Any]]:
    """Stretches shaded from top to bottom."""
    bars = {bar for group in axis.containers for bar in group}
    for patch in axis.patches:
        if isinstance(patch, Rectangle) and patch not in bars:
            start, end = patch.get_x(), patch.get_x() + patch.get_width()
            alpha = patch.get_alpha() or 1
            yield {
                "type": "rect", "x0": float(start), "x1": float(end), "layer": "below",
                "yref": "paper", "y0": axis.get_position().y0, "y1": axis.get_position().y1,
                "fillcolor": to_hex(patch.get_facecolor()), "opacity": alpha, "line": {"width": 0},
            }  # fmt: skip


def _traces(axis: Any) -> Iterator[dict[str, Any]]:
    for area in axis.collections:
        if isinstance(area, PolyCollection):
            points, colour = area.get_paths()[0].vertices, to_hex(area.get_facecolor()[0])
            shade = {"fill": "toself", "fillcolor": colour, "opacity": area.get_alpha() or 1}
            yield _trace(axis, points, "") | shade | {"mode": "lines", "line": {"width": 0}}
    for group in axis.containers:
        if isinstance(group, BarContainer):
            yield _bars(axis, group)
    for line in axis.lines:
        points = axis.transData.inverted().transform(
            line.get_transform().transform(line.get_xydata())
        )
        has_line, dots = line.get_linestyle() != "None", line.get_marker() not in ("None", "")
        drawn = "+".join(["lines"] * has_line + ["markers"] * dots)
        colour = to_hex(line.get_color())
        style = {"color": colour, "width": 1.5, "dash": DASHES.get(line.get_linestyle(), "solid")}
        marks = {"marker": {"size": line.get_markersize(), "color": colour}}
        yield _trace(axis, points, line.get_label()) | {"mode": drawn, "line": style} | marks
    for dots in axis.collections:
        if isinstance(dots, PathCollection):
            size = np.sqrt(dots.get_sizes()) * axis.figure.dpi / 72
            colour, clear = to_hex(dots.get_facecolor()[0]), dots.get_alpha() or 1
            marker = {"size": _rounded(size), "color": colour, "opacity": clear}
            trace = _trace(axis, dots.get_offsets(), dots.get_label())
            yield trace | {"mode": "markers", "cliponaxis": False, "marker": marker}


def _bars(axis: Any, group: BarContainer) -> dict[str, Any]:
    boxes = [bar.get_bbox() for bar in group]
    points = np.array([((box.x0 + box.x1) / 2, box.y1 + box.y0) for box in boxes])
    return _trace(axis, points, str(group.get_label()), named=True) | {
        "type": "bar", "width": _rounded([box.width for box in boxes]),
        "marker": {"color": [to_hex(bar.get_facecolor()) for bar in group]},
    }  # fmt: skip


def _trace(axis: Any, points: Any, label: str, named: bool = False) -> dict[str, Any]:
    """What all traces have: points, a name, and what the pointer tells."""
    label = "" if label.startswith("_") else label
    x, y = np.ma.asarray(points).filled(np.nan).T
    trace = {"type": "scatter", "x": _rounded(x), "y": _rounded(y), "name": label}
    trace["showlegend"] = bool(label)
    if not label and not named:
        return trace | {"hoverinfo": "skip"}
    told = [f"<b>{label}</b>"] if label else []
    told += [
        f"{words}: %{{{name}:.3~f}}"
        for name, words in (("x", axis.get_xlabel() or "x"), ("y", axis.get_ylabel() or "y"))
    ]
    return trace | {"hovertemplate": "<br>".join(told) + "<extra></extra>"}


def _rounded(values: Sequence[float] | np.ndarray) -> list[float | None]:
    """Four digits behind the point; None where there is no number."""
    return [round(float(v), 4) if np.isfinite(v) else None for v in np.ravel(values)]
