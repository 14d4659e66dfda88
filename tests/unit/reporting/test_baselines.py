"""Every kind of plot beside a small picture that was looked at; where one is meant to change, it is drawn anew:

python -m tests.unit.reporting.test_baselines
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from classically_punk.reporting import plots
from classically_punk.reporting.examined import CalibrationBin, ScoreSpread
from classically_punk.reporting.findings import FeatureSummary, MetricRow
from classically_punk.reporting.palette import palette

BASELINES = Path(__file__).parent / "baselines"
GENRES = ("blues", "disco", "jazz", "metal")
COLOURS = palette(GENRES)
CELL = 8  # pixels whose mean is compared: another release's letters are nearly the same there, another plot is not
ALIKE = 25.0  # difference of a cell, of 255, that no reader sees
MOST = 0.006  # share of cells that may differ more


def row(metric: str, value: float, genre: str | None = None) -> MetricRow:
    return MetricRow("run", "model", "group-folds", metric, value, value - 0.1, value + 0.05, 50, genre=genre)


def boxes(axes: Axes) -> None:
    told = [
        FeatureSummary("tempo_bpm", "BPM", "", "tempo", genre, 9, at, 5.0, at - 30, at - 10, at, at + 15, at + 30)
        for genre, at in zip(GENRES, (90.0, 120.0, 100.0, 150.0), strict=True)
    ]
    plots.draw_boxes(axes, told, COLOURS)


def scores(axes: Axes) -> None:
    told = [row("recall", value, genre) for genre, value in zip(GENRES, (0.2, 0.5, 0.4, 0.9), strict=True)]
    plots.draw_scores(axes, told, COLOURS)


def confusion(axes: Axes) -> None:
    plots.draw_confusion(axes, GENRES, np.array([[8, 2, 0, 0], [1, 6, 0, 3], [4, 0, 5, 1], [0, 0, 0, 10]]))


def spreads(axes: Axes) -> None:
    told = [
        ScoreSpread(genre, target, 9, at, 0.1, at - 0.3, at - 0.1, at, at + 0.1, at + 0.3)
        for genre, own in zip(GENRES, (0.3, 0.6, 0.5, 0.8), strict=True)
        for target, at in ((0, 0.05), (1, own))
    ]
    plots.draw_spreads(axes, told, COLOURS)


def calibration(axes: Axes) -> None:
    told = [CalibrationBin(9, at, at**1.5, max(at**1.5 - 0.1, 0), min(at**1.5 + 0.1, 1)) for at in (0.2, 0.5, 0.7, 0.9)]
    plots.draw_calibration(axes, told)


def coverage(axes: Axes) -> None:
    steps = ((0.3, 0.9, 0.5), (0.6, 0.6, 0.7), (0.9, 0.2, 0.9))
    plots.draw_coverage(axes, [(f"{at:g}", row("coverage", x), row("accuracy", y)) for at, x, y in steps])


def costs(axes: Axes) -> None:
    steps = ((0.3, 420.0), (0.6, 310.0), (0.9, 350.0))
    plots.draw_costs(axes, [(f"{at:g}", row("cost_per_1000", cost)) for at, cost in steps], 450.0)


def differences(axes: Axes) -> None:
    steps = (("mfcc", -0.12), ("log_mel_covariance", -0.03), ("chroma", 0.02))
    plots.draw_differences(axes, [(name, row("accuracy_difference", value)) for name, value in steps])


def weights(axes: Axes) -> None:
    bar = axes.figure.add_axes((0.93, 0.2, 0.02, 0.6))
    plots.draw_weights(axes, bar, GENRES, ("pitch: chroma", "timbre: mfcc"), np.arange(8.0).reshape(2, 4) / 10)


def waveform(axes: Axes) -> None:
    times = np.linspace(0, 3, 200)
    level = np.abs(np.sin(2 * times))
    plots.draw_waveform(axes, {"waveform_times_s": times, "waveform_min": -level, "waveform_max": level}, "#332288")


def spectrogram(axes: Axes) -> None:
    bar = axes.figure.add_axes((0.93, 0.2, 0.02, 0.6))
    times, hertz = np.linspace(0, 3, 60), np.geomspace(60, 9000, 40)
    tone = -np.abs(np.log2(hertz[:, None] / (400 * 2 ** np.sin(2 * times)))) * 20
    plots.draw_matrix(axes, bar, "spectrogram_db", {"spectrogram_db": tone, "mel_hz": hertz, "times_s": times})


DRAWN: dict[str, Callable[[Axes], None]] = {
    one.__name__: one
    for one in (
        boxes, scores, confusion, spreads, calibration, coverage, costs, differences, weights, waveform, spectrogram
    )
}  # fmt: skip


def picture(name: str) -> bytes:
    """A plot of 4 by 3 inches as PNG."""
    figure = Figure(figsize=(4, 3), dpi=60, facecolor="white")
    FigureCanvasAgg(figure)
    DRAWN[name](figure.add_axes((0.25, 0.2, 0.65, 0.7)))
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def cells(content: bytes) -> NDArray[np.float64]:
    """(rows, columns, 3) mean colours of cells, 0 to 255."""
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=np.float64)
    high, wide = (size // CELL * CELL for size in pixels.shape[:2])
    blocks = pixels[:high, :wide].reshape(high // CELL, CELL, wide // CELL, CELL, 3)
    return np.asarray(blocks.mean(axis=(1, 3)))


def differing(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The share of cells that differ by more than `ALIKE`."""
    return float((np.abs(one - other).max(axis=-1) > ALIKE).mean())


@pytest.mark.parametrize("name", DRAWN)
def test_a_plot_looks_as_it_did_when_it_was_looked_at(name: str) -> None:
    wanted, drawn = cells((BASELINES / f"{name}.png").read_bytes()), cells(picture(name))
    assert drawn.shape == wanted.shape
    assert differing(drawn, wanted) < MOST


def test_other_numbers_make_another_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    other = lambda axes: plots.draw_scores(axes, [row("recall", 0.9 - 0.2 * at, g) for at, g in enumerate(GENRES)], {})  # noqa: E731
    before = cells(picture("scores"))
    monkeypatch.setitem(DRAWN, "scores", other)
    assert differing(cells(picture("scores")), before) > 3 * MOST


if __name__ == "__main__":
    BASELINES.mkdir(exist_ok=True)
    for each in DRAWN:
        (BASELINES / f"{each}.png").write_bytes(picture(each))
