"""Whole figures of the report, put together from `plots`: Agg figures of their own, in inches, on white."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from classically_punk.reporting import plots
from classically_punk.reporting.examined import Examined, Weight
from classically_punk.reporting.findings import Exhibit, Findings, MetricRow
from classically_punk.reporting.telling import Column, Threshold
from classically_punk.reporting.text import unit_text

DPI = 100
ROW = 0.28  # height of a genre's row


def family_figure(columns: Sequence[Column], colours: Mapping[str, str]) -> Figure:
    """Small multiples, one panel a column, genres down the side."""
    across = min(3, len(columns))
    down = -(-len(columns) // across)
    genres = max(len(column.by_genre) for column in columns)
    figure = blank(4.1 * across + 0.6, down * (0.9 + 0.27 * max(genres, 3)))
    for at, column in enumerate(columns):
        axes = figure.add_subplot(down, across, at + 1)
        plots.draw_boxes(axes, column.by_genre, colours)
        axes.set_title(column.name, size=11, parse_math=False)
        axes.set_xlabel(unit_text(column.unit), parse_math=False)
        if at % across and column.genres == columns[at - 1].genres:
            axes.set_yticklabels([])
    return figure


def scores_figure(findings: Findings, protocol: str, colours: Mapping[str, str]) -> Figure | None:
    """Recall and F1 side by side under one protocol, or None without per-genre values."""
    panels = []
    for metric, label in (("recall", "recall (share of its clips found, 0–1)"), ("f1", "F1 (0–1)")):
        found = [row for name in findings.names if (row := findings.find(protocol, metric, name)) is not None]
        panels += [(found, label)] if found else []
    if not panels:
        return None
    figure = blank(5.2 * len(panels) + 0.8, 1.2 + 0.28 * max(3, max(len(rows) for rows, _ in panels)))
    for at, (rows, label) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), at + 1)
        plots.draw_scores(axes, rows, colours)
        axes.set_xlabel(label)
    return figure


def confusion_figure(names: Sequence[str], counts: NDArray[np.int64]) -> Figure:
    """The confusion matrix, as large as its genres need."""
    side = max(3.6, 0.38 * len(names) + 1.6)
    figure = blank(side + 2.4, side + 0.6)
    plots.draw_confusion(figure.add_subplot(), names, counts)
    return figure


def exhibit_figure(exhibit: Exhibit, colour: str) -> Figure:
    """One clip from top to bottom: waveform, spectrogram, chroma, MFCC, on one time axis."""
    figure = blank(9.6, 8.4, layout=None)  # panels of one shape need no solver, which takes half a second a figure
    kinds = [kind for kind in ("spectrogram_db", "chroma", "mfcc") if kind in exhibit.arrays]
    grid = figure.add_gridspec(
        1 + len(kinds), 2, left=0.09, right=0.92, top=0.98, bottom=0.065, hspace=0.1, wspace=0.02,
        width_ratios=[60, 1], height_ratios=[1, *([1.6] * len(kinds))],
    )  # fmt: skip
    panels = [figure.add_subplot(grid[row, 0]) for row in range(1 + len(kinds))]
    plots.draw_waveform(panels[0], exhibit.arrays, colour)
    for row, kind in enumerate(kinds, start=1):
        plots.draw_matrix(panels[row], figure.add_subplot(grid[row, 1]), kind, exhibit.arrays)
    for axes in panels:
        axes.set_xlim(0, float(exhibit.arrays["duration_s"]))
        axes.yaxis.set_label_coords(-0.06, 0.5)
        axes.set_xlabel("time (s)" if axes is panels[-1] else "")
        axes.tick_params(labelbottom=axes is panels[-1])
    return figure


def spreads_figure(examined: Examined, colours: Mapping[str, str]) -> Figure | None:
    """Predicted against target, or None without held-out scores."""
    genres = {one.genre for one in examined.spreads}
    if not genres:
        return None
    figure = blank(8.0, 1.2 + 1.4 * ROW * max(len(genres), 3))
    plots.draw_spreads(figure.add_subplot(), examined.spreads, colours)
    return figure


def calibration_figure(examined: Examined) -> Figure | None:
    """Confidence against share right, or None with fewer than two bins."""
    if len(examined.calibration) < 2:
        return None
    figure = blank(5.2, 4.6)
    plots.draw_calibration(figure.add_subplot(), examined.calibration)
    return figure


def thresholds_figure(points: Sequence[Threshold], now: float | None) -> Figure | None:
    """Accuracy against coverage, and cost against threshold; None for fewer than two points.

    `now`: the cost at the published threshold.
    """
    if len(points) < 2:
        return None
    figure = blank(10.4, 4.2)
    left, right = figure.subplots(1, 2)
    plots.draw_coverage(left, [(name, covered, right_) for name, covered, right_, _ in points])
    plots.draw_costs(right, [(name, cost) for name, *_, cost in points], now)
    return figure


def differences_figure(rows: Sequence[tuple[str, MetricRow]]) -> Figure | None:
    """Differences to the model with intervals, or None without any."""
    if not any(row.value is not None for _, row in rows):
        return None
    figure = blank(8.0, 1.0 + ROW * max(len(rows), 3))
    plots.draw_differences(figure.add_subplot(), rows)
    return figure


def weights_figure(weights: Sequence[Weight]) -> Figure | None:
    """Groups of features by genre, or None without a model."""
    genres = sorted({one.genre for one in weights})
    groups = sorted({(one.family, one.group) for one in weights})
    if not genres:
        return None
    sizes = np.zeros((len(groups), len(genres)))
    for one in weights:
        sizes[groups.index((one.family, one.group)), genres.index(one.genre)] = one.size
    figure = blank(4.2 + 0.42 * max(len(genres), 3), 2.2 + ROW * max(len(groups), 3))
    axes, bar = figure.subplots(1, 2, width_ratios=[30, 1])
    plots.draw_weights(axes, bar, genres, [f"{family}: {group}" for family, group in groups], sizes)
    return figure


def blank(width: float, height: float, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """An empty figure in inches, on white: the page puts it on a white card."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure
