"""Prediction -> figures and pictures, shared by app and notebooks; `viz.captions` says the same.

Figures have a fixed height, no background and mid-grey letters: they stand on light and dark pages.
Labels have colours that colour-blind people can tell apart, and never colour alone.
"""

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from emo_core.messages import ENGLISH, Message, catalogue, say, say_list, say_name

if TYPE_CHECKING:
    from emo_core.inference.prediction import Prediction
    from emo_core.preprocess.log_mel import MelConfig

COLOURS = {"positive": "#009E73", "neutral": "#8c8c8c", "negative": "#D55E00"}  # Okabe and Ito 2008
SPARE = ("#0072B2", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")  # for labels of other corpora
PATTERNS = ("", "/", "x", ".", "-", "+", "|", "\\")
INK = "#7a828a"  # 3.9:1 on white, 4.6:1 on near-black
MOST_COLUMNS = 800  # of the log-mel picture: more than a screen shows, and 200 kB to send
STEPS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300)  # between ticks of a time axis
TICKS_HZ = (200, 500, 1000, 2000, 4000, 8000)


def colour_of(labels: tuple[str, ...]) -> dict[str, str]:
    """A colour for each label, always the same one for the same label."""
    spare = iter(SPARE * 2)
    return {label: COLOURS.get(label) or next(spare) for label in labels}


def label_title(label: str) -> Message:
    """A label as it stands by itself, such as beside a bar."""
    return say("{label:capital}", label=say_name(label))


def probability_bars(prediction: "Prediction") -> go.Figure:
    """One bar per label, with its name and per cent; none for a model of values."""
    values = list(prediction.probabilities.values())
    colours = colour_of(prediction.labels)
    bars = go.Bar(
        x=values,
        y=[label_title(label) for label in prediction.labels],
        orientation="h",
        marker_color=[colours[label] for label in prediction.labels],
        text=[percent(value) for value in values],
        textposition="outside",
        cliponaxis=False,
        hoverinfo="skip",
    )
    figure = styled(go.Figure(bars), height=90 + 50 * len(values))
    figure.update_xaxes(range=[0, 1.12], tickformat=".0%", tickvals=[0, 0.25, 0.5, 0.75, 1])
    figure.update_yaxes(autorange="reversed", ticksuffix="  ")
    return figure


def timeline(prediction: "Prediction") -> go.Figure:
    """Probabilities of each window over seconds; a gap is time that was not read.

    They are stacked where they sum to one. Of a model of values: valence and arousal of moments.
    """
    if prediction.moments is not None:
        return _moments(prediction)
    stacked = prediction.present is None
    colours = colour_of(prediction.labels)
    edges_s = np.array([(span.start_s, span.end_s) for span in prediction.timeline])  # (n, 2)
    figure = go.Figure()
    for number, label in reversed(list(enumerate(prediction.labels))):
        figure.add_bar(
            x=edges_s.mean(axis=1) if stacked else _beside(edges_s, number, len(colours)),
            y=[span.probabilities[label] for span in prediction.timeline],
            width=(edges_s[:, 1] - edges_s[:, 0]) / (1 if stacked else len(prediction.labels)),
            name=label_title(label),
            marker=_marker(colours[label], PATTERNS[number % len(PATTERNS)]),
            customdata=edges_s,
            hovertemplate=say(
                "{start_s} to {end_s} s: {y}",
                start_s="%{customdata[0]:.1f}",
                end_s="%{customdata[1]:.1f}",
                y="%{y:.0%}",
            ),
        )
    styled(figure, height=320)
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "reversed"}
    figure.update_layout(barmode="stack" if stacked else "overlay", bargap=0, legend=legend)
    _seconds(figure, float(edges_s.max()))
    figure.update_yaxes(title=say("Probability"), range=[0, 1], tickformat=".0%", ticksuffix="  ")
    return figure


def _beside(edges_s: np.ndarray, number: int, count: int) -> np.ndarray:
    """Middles of the bars of one of `count` labels that share each window."""
    return edges_s[:, 0] + (edges_s[:, 1] - edges_s[:, 0]) * (number + 0.5) / count


def _moments(prediction: "Prediction") -> go.Figure:
    figure = styled(go.Figure(), height=320)
    moments = prediction.moments or ()
    times_s = [moment.time_s for moment in moments]
    for name, colour, dash in (("valence", SPARE[0], "solid"), ("arousal", SPARE[2], "dash")):
        figure.add_scatter(
            x=times_s,
            y=[getattr(moment, name) for moment in moments],
            name=label_title(name),
            mode="lines+markers",
            line={"color": colour, "dash": dash},
            hovertemplate="%{x:.1f} s: %{y:+.2f}",
        )
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    _seconds(figure, max(span.end_s for span in prediction.timeline))
    figure.update_yaxes(title=say("From -1 to 1"), range=[-1, 1], ticksuffix="  ")
    return figure


def _seconds(figure: go.Figure, end_s: float) -> None:
    step_s = next((step for step in STEPS_S if end_s / step <= 8), STEPS_S[-1])
    figure.update_xaxes(title=say("Seconds of the clip"), range=[0, end_s], tick0=0, dtick=step_s)


def _marker(colour: str, shape: str) -> dict:
    """A bar in a label's colour and pattern, with white lines for the window edges."""
    pattern = {"shape": shape, "size": 10, "solidity": 0.2}
    pattern |= {"fillmode": "overlay", "fgcolor": "rgba(255,255,255,0.55)"}
    return {"color": colour, "line": {"color": "white", "width": 1.5}, "pattern": pattern}


def log_mel_figure(prediction: "Prediction", config: "MelConfig | None" = None) -> go.Figure:
    """The sound as the model got it: seconds × mel band, natural log of power.

    config: the checkpoint's, for ticks in Hz; without it bands are numbered.
    """
    values = joined_mel(prediction)
    if values is None:
        return empty(say("This clip has no sound, so there is no spectrogram."))
    columns, step_s = values
    heat = go.Heatmap(
        z=columns.T,
        x0=step_s / 2,
        dx=step_s,
        colorscale="Cividis",
        colorbar={"title": {"text": say("ln power"), "side": "right"}, "thickness": 14},
        hoverongaps=False,
        hovertemplate=hover_text("{x} s, band {y}: {z}", x="%{x:.2f}", y="%{y}", z="%{z:.1f}"),
    )
    figure = styled(go.Figure(heat), height=340)
    figure.update_xaxes(title=say("Seconds of the clip"), range=[0, step_s * len(columns)])
    figure.update_yaxes(title=say("Mel band"), showgrid=False)
    return with_hz(figure, config) if config is not None else figure


def with_hz(figure: go.Figure, config: "MelConfig") -> go.Figure:
    """Ticks in Hz on an axis of mel bands."""
    centres = band_hz(config)
    shown = [hz for hz in TICKS_HZ if centres[0] <= hz <= centres[-1]]
    figure.update_yaxes(
        title=say("Mel band, Hz"),
        tickvals=np.interp(shown, centres, np.arange(len(centres))),
        ticktext=[say("{hz:,}", hz=hz) for hz in shown],
    )
    return figure


def joined_mel(prediction: "Prediction") -> tuple[np.ndarray, float] | None:
    """Log-mel of all windows on one time axis, (columns, M), and seconds per column.

    None where there is no sound. Columns of time that was not read are NaN; a long clip is averaged
    down to MOST_COLUMNS.
    """
    heard = [sample for sample in prediction.samples if bool(sample.mel_mask.any())]
    if not heard:
        return None
    times_s = np.concatenate(
        [sample.start_s + sample.mel_times_s[sample.mel_mask].numpy() for sample in heard]
    )
    frames = np.concatenate([sample.mel[sample.mel_mask].float().numpy() for sample in heard])
    axis_s = heard[0].mel_times_s
    hop_s = float(axis_s[1] - axis_s[0]) if len(axis_s) > 1 else 0.02
    end_s = max(times_s[-1] + hop_s, prediction.timeline[-1].end_s)
    count = int(np.clip(end_s / hop_s, 1, MOST_COLUMNS))
    edges = np.linspace(0, end_s, count + 1)
    first = np.searchsorted(times_s, edges[:-1] - 0.999 * hop_s)  # a frame lasts one hop
    after = np.searchsorted(times_s, edges[1:] - 0.001 * hop_s)
    sums = np.concatenate([np.zeros((1, frames.shape[1])), frames.cumsum(0, dtype=np.float64)])
    filled = after > first
    columns = np.full((count, frames.shape[1]), np.nan, np.float32)
    columns[filled] = (sums[after] - sums[first])[filled] / (after - first)[filled, None]
    return columns, end_s / count


def band_hz(config: "MelConfig") -> np.ndarray:
    """Centre of each mel band in Hz, (M,). Source: Slaney 1998, Auditory Toolbox."""
    linear, step = 3 / 200, np.log(6.4) / 27  # mel per Hz below 1 kHz; ln Hz per mel above

    def to_mel(hz: float) -> float:
        return hz * linear if hz < 1000 else 15 + np.log(hz / 1000) / step

    ends = to_mel(config.lowest_hz), to_mel(config.highest_hz)
    mel = np.linspace(*ends, config.bands + 2)[1:-1]
    return np.where(mel < 15, mel / linear, 1000 * np.exp((mel - 15) * step))


def frames_used(prediction: "Prediction", most: int = 16) -> list[tuple[np.ndarray, str]]:
    """Frames exactly as the model got them, (H, W, 3) uint8 RGB, and their times ("1.41 s").

    Of more than `most`, that many are taken evenly, the first and the last among them.
    """
    seen = [
        (sample.video[at], sample.start_s + float(sample.video_times_s[at]))
        for sample in prediction.samples
        for at in sample.video_mask.nonzero().flatten().tolist()
    ]
    chosen = np.unique(np.linspace(0, len(seen) - 1, min(most, len(seen))).round().astype(int))
    return [
        (
            np.ascontiguousarray(seen[at][0].permute(1, 2, 0).numpy()),
            say("{time_s:.2f} s", time_s=seen[at][1]),
        )
        for at in chosen
    ]


def percent(value: float) -> str:
    """A probability for people; never "100 %" or "0 %" of something that is not certain."""
    if 0.99 < value < 1 or 0 < value < 0.01:  # with spaces at which no line breaks
        return ("> 99 %" if value > 0.5 else "< 1 %").replace(" ", "\N{NO-BREAK SPACE}")
    return f"{100 * value:.0f} %"


def styled(figure: go.Figure, height: int) -> go.Figure:
    """The look of every figure of the project."""
    figure.update_layout(
        height=height,
        autosize=True,
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 16, "color": INK, "family": "system-ui, sans-serif"},
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        hoverlabel={"font_size": 15},
        dragmode=False,
    )
    grid = {"gridcolor": "rgba(128,128,128,0.3)", "zeroline": False, "automargin": True}
    figure.update_xaxes(**grid)
    figure.update_yaxes(**grid)
    return figure


def hover_text(template: str, **values: str) -> Message:
    """What is shown under the pointer; `values` are plotly's own placeholders."""
    return say_list([say(template, **values), "<extra></extra>"], "")


def figure_in(figure: go.Figure, language: str) -> go.Figure:
    """The figure with its words and numbers in a language."""
    if language == ENGLISH:
        return figure
    sentences = catalogue(language)
    shown = go.Figure(sentences.translate_all(figure.to_dict()))
    return shown.update_layout(separators=",." if sentences.comma else ".,")


def empty(sentence: str) -> go.Figure:
    """An empty figure with the reason for it."""
    figure = styled(go.Figure(), height=140)
    figure.add_annotation(
        text=sentence, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font_size=16
    )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure
