"""Plots: numbers and axes in, ink out. No pyplot, nothing global; a notebook draws with them as the report does.

Every quantity has its unit on the axis; genres keep one colour and stand in one order throughout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from classically_punk.reporting.examined import CalibrationBin, ScoreSpread
from classically_punk.reporting.findings import FeatureSummary, MetricRow
from classically_punk.reporting.text import short

NAME = 22  # characters of a genre name on an axis
FIGURES_UP_TO = 40  # genres of a confusion matrix whose cells can hold figures
INK, FAINT, MARK = "#222222", "#999999", "#1f5fae"
GRID = "#dddddd"


def draw_boxes(axes: Axes, summaries: Sequence[FeatureSummary], colours: Mapping[str, str]) -> None:
    """One lying box per genre in the column's unit: box 25-75 %, line at the median, whisker 5-95 %."""
    for at, row in enumerate(summaries):
        colour = colours.get(row.genre, FAINT)
        axes.hlines(at, row.p05, row.p95, colors=INK, linewidth=1)
        axes.barh(at, row.p75 - row.p25, left=row.p25, height=0.62, color=colour, edgecolor=INK, linewidth=0.6)
        axes.vlines(row.median, at - 0.31, at + 0.31, colors="white", linewidth=3)
        axes.vlines(row.median, at - 0.31, at + 0.31, colors=INK, linewidth=1.4)
    _name_rows(axes, [row.genre for row in summaries])
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def draw_confusion(axes: Axes, names: Sequence[str], counts: NDArray[np.int64]) -> None:
    """Clips of each true genre (rows) by decided genre (columns): (g, g) counts as figures, row shares 0-1 as shade."""
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    size = 10 if len(names) <= 12 else 7
    for row, column in zip(*np.nonzero(counts if len(names) <= FIGURES_UP_TO else 0 * counts), strict=True):
        dark = shares[row, column] > 0.5
        axes.text(
            column,
            row,
            f"{counts[row, column]}",
            ha="center",
            va="center",
            size=size,
            color="white" if dark else INK,
        )
    labels = [short(name, NAME) for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=90, parse_math=False)
    _name_rows(axes, names)
    axes.set_xlabel("decided genre")
    axes.set_ylabel("true genre")
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("share of the true genre's clips (0–1)")


def draw_scores(axes: Axes, rows: Sequence[MetricRow], colours: Mapping[str, str]) -> None:
    """One share 0-1 per genre as a point with its 95 % interval; an undefined value leaves its row empty."""
    for at, row in enumerate(rows):
        if row.value is None:
            continue
        if row.low is not None and row.high is not None:
            axes.hlines(at, row.low, row.high, colors=INK, linewidth=1.4)
        axes.plot(row.value, at, "o", color=colours.get(row.genre or "", FAINT), markeredgecolor=INK, markersize=8)
    _name_rows(axes, [row.genre or "" for row in rows])
    axes.set_xlim(-0.02, 1.02)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def draw_waveform(axes: Axes, arrays: Mapping[str, NDArray[Any]], colour: str) -> None:
    """Envelope of the samples: smallest and largest value at full scale 1.0 against time in s."""
    axes.fill_between(
        arrays["waveform_times_s"], arrays["waveform_min"], arrays["waveform_max"], color=colour, linewidth=0.4
    )
    axes.set_ylabel("amplitude\n(full scale 1)")


def draw_matrix(axes: Axes, bar: Axes, kind: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Spectrogram in dB, chroma (0-1) or MFCC (dB) against time in s, by librosa.display; its scale goes to `bar`."""
    import librosa.display  # heavy, and needed by no one but the drawer of exhibits

    values = np.asarray(arrays[kind], dtype=np.float32)
    styles: dict[str, dict[str, Any]] = {
        "spectrogram_db": {"y_axis": "mel", "y_coords": arrays.get("mel_hz"), "cmap": "magma"},
        "chroma": {"y_axis": "chroma", "cmap": "cividis", "vmin": 0, "vmax": 1},
        "mfcc": {"cmap": "RdBu_r"},
    }
    style = styles[kind]
    if kind == "mfcc":  # the first coefficient is the level: ten times the others, it would hide them
        reach = max(float(np.percentile(np.abs(values[1:]), 98)), 1e-6)
        style |= {"vmin": -reach, "vmax": reach}
    image = librosa.display.specshow(values, x_axis="s", x_coords=arrays["times_s"], ax=axes, **style)
    label = {"spectrogram_db": "dB to loudest", "chroma": "strength (0–1)", "mfcc": "coefficient (dB)"}[kind]
    axes.figure.colorbar(image, cax=bar).set_label(label)
    axes.set_ylabel({"spectrogram_db": "frequency (Hz)", "chroma": "pitch class", "mfcc": "MFCC number"}[kind])
    if kind == "mfcc":
        marks = [number for number in (1, 5, 10, 15, 20) if number <= len(values)]
        axes.set_yticks([number - 1 for number in marks], [str(number) for number in marks])


def draw_spreads(axes: Axes, spreads: Sequence[ScoreSpread], colours: Mapping[str, str]) -> None:
    """Held-out scores by genre: its own clips (target 1) in its colour, all others (target 0) below in grey."""
    genres = list(dict.fromkeys(one.genre for one in spreads))
    for one in spreads:
        at = genres.index(one.genre) + (-0.2 if one.target else 0.2)
        colour = colours.get(one.genre, FAINT) if one.target else "#d0d0d0"
        axes.hlines(at, one.p05, one.p95, colors=INK, linewidth=0.8)
        axes.barh(at, one.p75 - one.p25, left=one.p25, height=0.34, color=colour, edgecolor=INK, linewidth=0.5)
        axes.vlines(one.median, at - 0.17, at + 0.17, colors=INK, linewidth=1.4)
    for target in (0, 1):
        axes.axvline(target, color=MARK, linewidth=1, linestyle="--")
    _name_rows(axes, genres)
    axes.set_xlabel("score held out (no unit); dashed: the targets 0 and 1")
    _grid(axes, "x")


def draw_calibration(axes: Axes, bins: Sequence[CalibrationBin]) -> None:
    """Share right (with Wilson 95 % intervals) against mean confidence, both 0-1; the diagonal is perfect."""
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=1)
    for one in bins:
        axes.vlines(one.confidence, one.low, one.high, colors=INK, linewidth=1.2)
    axes.plot([one.confidence for one in bins], [one.right for one in bins], "o-", color=MARK, markersize=6)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="confidence (0–1)", ylabel="share right (0–1)")
    _grid(axes, "both")


def draw_coverage(axes: Axes, points: Sequence[tuple[str, MetricRow, MetricRow]]) -> None:
    """Accuracy of the answers against coverage (share answered), both 0-1: (threshold, coverage, accuracy) each."""
    known = [(name, x.value, y.value, y) for name, x, y in points if x.value is not None and y.value is not None]
    for _, covered, _, y in known:
        if y.low is not None and y.high is not None:
            axes.vlines(covered, y.low, y.high, colors=INK, linewidth=1)
    axes.plot([x for _, x, _, _ in known], [right for _, _, right, _ in known], "o-", color=MARK, markersize=5)
    for name, covered, right, _ in known:
        axes.annotate(f"≥ {name}", (covered, right), xytext=(5, 6), textcoords="offset points", size=8)
    axes.set(xlim=(-0.02, 1.08), ylim=(-0.02, 1.08))
    axes.set(xlabel="share of clips answered (0–1)", ylabel="share of answers right (0–1)")
    _grid(axes, "both")


def draw_costs(axes: Axes, points: Sequence[tuple[str, MetricRow]], now: float | None) -> None:
    """Expected cost per 1000 clips against the threshold (0-1), with intervals; `now`: the cost as published."""
    known = [(float(name), row.value, row) for name, row in points if row.value is not None]
    for at, _, row in known:
        if row.low is not None and row.high is not None:
            axes.vlines(at, row.low, row.high, colors=INK, linewidth=1)
    axes.plot([at for at, _, _ in known], [cost for _, cost, _ in known], "o-", color=MARK, markersize=5)
    if now is not None:
        axes.axhline(now, color=FAINT, linestyle="--", linewidth=1)
        axes.annotate("as published", (0.01, now), xytext=(0, 3), textcoords="offset points", size=8)
    axes.set(xlim=(0, 1), xlabel="answer from this confidence on (0–1)", ylabel="cost per 1000 clips (of [cost])")
    axes.set_ylim(bottom=0)
    _grid(axes, "both")


def draw_differences(axes: Axes, rows: Sequence[tuple[str, MetricRow]]) -> None:
    """Differences of accuracy in points of 100 with their 95 % intervals, by name; the line is no difference."""
    axes.axvline(0, color=FAINT, linestyle="--", linewidth=1)
    for at, (_, row) in enumerate(rows):
        if row.value is None:
            continue
        if row.low is not None and row.high is not None:
            axes.hlines(at, 100 * row.low, 100 * row.high, colors=INK, linewidth=1.4)
        axes.plot(100 * row.value, at, "o", color=MARK, markeredgecolor=INK, markersize=7)
    _name_rows(axes, [name.replace("_", " ") for name, _ in rows])
    axes.set_xlabel("accuracy less that of the model (percentage points)")
    _grid(axes, "x")


def draw_weights(axes: Axes, bar: Axes, genres: Sequence[str], groups: Sequence[str], sizes: NDArray[Any]) -> None:
    """How much each regression leans on each group of features: (groups, genres) lengths of coefficients, >= 0."""
    image = axes.imshow(sizes, cmap="cividis", vmin=0, aspect="auto")
    axes.set_xticks(range(len(genres)), [short(name, NAME) for name in genres], rotation=90, parse_math=False)
    _name_rows(axes, [name.replace("_", " ") for name in groups])
    axes.figure.colorbar(image, cax=bar).set_label("length of its coefficients (score per sd)")


def _grid(axes: Axes, which: Literal["both", "x", "y"]) -> None:
    axes.grid(axis=which, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Genre names down the left side, first on top; a name is text, never a formula."""
    axes.set_yticks(range(len(names)), [short(name, NAME) for name in names], parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
