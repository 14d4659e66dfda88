"""Plots for the report: numbers and axes in, ink out. Agg figures of their own, no pyplot, nothing global.

Every quantity has its unit on the axis; genres keep one colour and stand in one order throughout.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from classically_punk import atomic
from classically_punk.reporting.findings import Exhibit, FeatureSummary, Findings, MetricRow
from classically_punk.reporting.palette import palette
from classically_punk.reporting.telling import Column, by_family
from classically_punk.reporting.text import short, slug, unit_text

DPI = 100
PANELS = 6  # columns drawn of one family
MOST_EXHIBITS = 40  # genres with a picture of one clip; keeps the page small with hundreds of genres
KINDS: tuple[str, ...] = ("family", "scores", "confusion", "exhibit")
NAME = 22  # characters of a genre name on an axis
INK, FAINT = "#222222", "#999999"


@dataclass(frozen=True)
class Plot:
    """One PNG: what it shows (`kind` and `subject`, e.g. family and timbre), and in words for who cannot see it."""

    kind: str
    subject: str
    path: Path
    caption: str


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
    for row, column in zip(*np.nonzero(counts), strict=True):
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


def family_figure(columns: Sequence[Column], colours: Mapping[str, str]) -> Figure:
    """Small multiples, one panel a column, genres down the side."""
    across = min(3, len(columns))
    down = -(-len(columns) // across)
    genres = max(len(column.by_genre) for column in columns)
    figure = _figure(4.1 * across + 0.6, down * (0.9 + 0.27 * max(genres, 3)))
    for at, column in enumerate(columns):
        axes = figure.add_subplot(down, across, at + 1)
        draw_boxes(axes, column.by_genre, colours)
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
    figure = _figure(5.2 * len(panels) + 0.8, 1.2 + 0.28 * max(3, max(len(rows) for rows, _ in panels)))
    for at, (rows, label) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), at + 1)
        draw_scores(axes, rows, colours)
        axes.set_xlabel(label)
    return figure


def confusion_figure(names: Sequence[str], counts: NDArray[np.int64]) -> Figure:
    """The confusion matrix, as large as its genres need."""
    side = max(3.6, 0.38 * len(names) + 1.6)
    figure = _figure(side + 2.4, side + 0.6)
    draw_confusion(figure.add_subplot(), names, counts)
    return figure


def exhibit_figure(exhibit: Exhibit, colour: str) -> Figure:
    """One clip from top to bottom: waveform, spectrogram, chroma, MFCC, on one time axis."""
    figure = _figure(9.6, 8.4, layout=None)  # panels of one shape need no solver, which takes half a second a figure
    kinds = [kind for kind in ("spectrogram_db", "chroma", "mfcc") if kind in exhibit.arrays]
    grid = figure.add_gridspec(
        1 + len(kinds), 2, left=0.09, right=0.92, top=0.98, bottom=0.065, hspace=0.1, wspace=0.02,
        width_ratios=[60, 1], height_ratios=[1, *([1.6] * len(kinds))],
    )  # fmt: skip
    panels = [figure.add_subplot(grid[row, 0]) for row in range(1 + len(kinds))]
    draw_waveform(panels[0], exhibit.arrays, colour)
    for row, kind in enumerate(kinds, start=1):
        draw_matrix(panels[row], figure.add_subplot(grid[row, 1]), kind, exhibit.arrays)
    for axes in panels:
        axes.set_xlim(0, float(exhibit.arrays["duration_s"]))
        axes.yaxis.set_label_coords(-0.06, 0.5)
        axes.set_xlabel("time (s)" if axes is panels[-1] else "")
        axes.tick_params(labelbottom=axes is panels[-1])
    return figure


def write_plots(findings: Findings, folder: Path) -> list[Plot]:
    """Every plot of the report as a PNG in `folder`; the same findings give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    colours = palette(findings.names)
    plots: list[Plot] = []

    def keep(figure: Figure | None, kind: str, subject: str, name: str, caption: str) -> None:
        if figure is None:
            return
        path = folder / f"{name}.png"
        with warnings.catch_warnings():  # a sign that the font lacks is drawn as a box: no news for the log
            warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
            drawn = io.BytesIO()
            figure.savefig(drawn, format="png", dpi=DPI, metadata={"Software": None})
        atomic.replace(path, drawn.getvalue())
        plots.append(Plot(kind, subject, path, caption))

    for number, (family, columns) in enumerate(by_family(findings.features).items(), start=1):
        shown = columns[:PANELS]
        part = f" {len(shown)} of {len(columns)} columns, those that differ most."
        which = part if len(shown) < len(columns) else ""
        keep(
            family_figure(shown, colours),
            "family",
            family,
            f"family-{number}-{slug(family)}",
            f"{family} by genre: box 25–75 %, line at the median, whiskers 5–95 % of clips.{which}",
        )
    for number, protocol in enumerate(findings.evaluated, start=1):
        keep(
            scores_figure(findings, protocol, colours),
            "scores",
            protocol,
            f"scores-{number}-{slug(protocol)}",
            f"Recall and F1 per genre under {protocol}, with 95 % intervals.",
        )
        if (confusion := findings.confusion(protocol)) is not None:
            keep(
                confusion_figure(*confusion),
                "confusion",
                protocol,
                f"confusion-{number}-{slug(protocol)}",
                f"Confusion matrix under {protocol}: clips as figures, share of the true genre as shade.",
            )
    for number, exhibit in enumerate(sorted(findings.exhibits, key=lambda one: one.genre)[:MOST_EXHIBITS], start=1):
        keep(
            exhibit_figure(exhibit, colours.get(exhibit.genre, FAINT)),
            "exhibit",
            exhibit.genre,
            f"exhibit-{number:02d}-{slug(exhibit.genre)}".rstrip("-"),
            f"Waveform, spectrogram, chroma and MFCC of one clip of {short(exhibit.genre, 60)}.",
        )
    written = {plot.path for plot in plots}
    for kind in KINDS:  # an earlier run may have had other genres
        for old in folder.glob(f"{kind}-*.png"):
            if old not in written:
                old.unlink()
    return plots


def _figure(width: float, height: float, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """An empty figure in inches, on white: the page puts it on a white card."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Genre names down the left side, first on top; a name is text, never a formula."""
    axes.set_yticks(range(len(names)), [short(name, NAME) for name in names], parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
