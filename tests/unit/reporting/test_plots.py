"""Plots: axes with units, names as text, one colour per genre, the same bytes twice."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from classically_punk.features import catalogue
from classically_punk.reporting import figures, pictures, plots
from classically_punk.reporting.findings import Findings
from classically_punk.reporting.palette import MUTED, palette
from classically_punk.reporting.telling import HEARD, by_family

Make = Callable[..., Findings]


def test_each_panel_of_a_family_has_its_unit_and_one_box_per_genre(make_findings: Make) -> None:
    findings = make_findings()
    columns = by_family(findings.features)["timbre"]
    figure = figures.family_figure(columns[:6], palette(findings.names))
    for column, axes in zip(columns, figure.axes, strict=False):
        assert axes.get_title() == column.name
        assert axes.get_xlabel() == column.unit != ""
        boxes = sorted(axes.patches, key=lambda box: box.get_y())
        drawn = [(box.get_x(), box.get_x() + box.get_width()) for box in boxes]
        np.testing.assert_allclose(drawn, [(row.p25, row.p75) for row in column.by_genre])


def test_every_column_that_listeners_ask_for_is_in_the_catalogue() -> None:
    assert set(HEARD) <= {column.name for column in catalogue.columns("punk")}


def test_what_listeners_ask_for_stands_first_and_then_what_differs_most_between_over_within_variance(
    make_findings: Make,
) -> None:
    findings = make_findings()
    for columns in by_family(findings.features).values():
        ratios = []
        for column in columns:
            if column.name in HEARD:
                assert not ratios
                continue
            rows = [row for row in findings.features if row.column == column.name]
            ratios.append(np.var([row.mean for row in rows]) / np.mean(np.square([row.sd for row in rows])))
        assert ratios == sorted(ratios, reverse=True)


def test_every_panel_of_an_exhibit_names_quantity_and_unit(make_findings: Make) -> None:
    exhibit = make_findings().exhibits[0]
    figure = figures.exhibit_figure(exhibit, "#332288")
    labels = [axes.get_ylabel().replace("\n", " ") for axes in figure.axes]
    assert labels == [
        "amplitude (full scale 1)",
        "frequency (Hz)",
        "pitch class",
        "MFCC number",
        "dB to loudest",
        "strength (0–1)",
        "coefficient (dB)",
    ]
    assert [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()] == ["time (s)"]
    panels = [axes for axes in figure.axes if axes.get_xlim() == (0.0, 6.0)]
    assert len(panels) == 4  # all on the clip's own time axis


def test_a_tone_of_1000_hz_is_drawn_at_1000_hz_on_the_frequency_axis(make_findings: Make) -> None:
    arrays = dict(make_findings().exhibits[0].arrays)
    band = int(np.argmin(np.abs(arrays["mel_hz"] - 1000)))
    arrays["spectrogram_db"] = np.full((96, 120), -80.0)
    arrays["spectrogram_db"][band] = 0.0
    figure = Figure()
    axes, bar = figure.subplots(1, 2)
    plots.draw_matrix(axes, bar, "spectrogram_db", arrays)
    mesh = axes.collections[0]
    corners = np.asarray(mesh.get_coordinates())[..., 1]  # (97, 121) in Hz
    loud = np.argmax(np.asarray(mesh.get_array()).reshape(96, 120)[:, 0])
    assert corners[loud, 0] < 1000 < corners[loud + 1, 0]


def test_the_confusion_matrix_writes_counts_and_shades_row_shares() -> None:
    counts = np.array([[8, 2], [0, 0]])
    axes = figures.confusion_figure(["jazz", "rock"], counts).axes[0]
    assert [(text.get_position(), text.get_text()) for text in axes.texts] == [((0, 0), "8"), ((1, 0), "2")]
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.8, 0.2], [0.0, 0.0]])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("decided genre", "true genre")


def test_scores_are_drawn_at_their_values_with_intervals(make_findings: Make) -> None:
    findings = make_findings()
    figure = figures.scores_figure(findings, "group-folds", palette(findings.names))
    assert figure is not None
    axes = figure.axes[0]
    rows = [findings.find("group-folds", "recall", name) for name in findings.names]
    np.testing.assert_allclose([line.get_xdata()[0] for line in axes.lines], [row.value for row in rows if row])
    ends = [np.ravel(lines.get_segments()[0][:, 0]) for lines in axes.collections]
    np.testing.assert_allclose(ends, [(row.low, row.high) for row in rows if row])
    assert "0–1" in axes.get_xlabel()


@pytest.mark.parametrize("many", [1, 2, 10, 11, 30, 150])
def test_any_number_of_genres_gets_colours_of_its_own_in_any_order(many: int) -> None:
    names = [f"genre {at}" for at in range(many)]
    colours = palette(names)
    assert colours == palette(names[::-1])
    assert len(set(colours.values())) == many
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours.values())
    # no colour vanishes on the white card
    assert all(colorsys.rgb_to_hls(*to_rgb(colour))[1] < 0.85 for colour in colours.values())
    assert many > len(MUTED) or list(colours.values()) == list(MUTED[:many])


def test_names_of_others_draw_as_text(make_findings: Make, tmp_path: Path) -> None:
    names = ("$\\frac{1}{ broken$", "../../up", "$x^2$", "x" * 60)
    written = pictures.write_plots(make_findings(genres=names, clips=2), tmp_path / "plots")
    assert all(plot.path.parent == tmp_path / "plots" and plot.path.is_file() for plot in written)
    axes = figures.confusion_figure(names, np.eye(4, dtype=np.int64)).axes[0]
    assert axes.get_yticklabels()[2].get_text() == "$x^2$"
    assert not axes.get_yticklabels()[2].get_parse_math()


def test_plots_are_the_same_bytes_twice_and_none_of_an_earlier_run_stays(make_findings: Make, tmp_path: Path) -> None:
    findings = make_findings(genres=("jazz", "rock"), clips=3)
    (tmp_path / "exhibit-03-gone.png").write_bytes(b"old")
    (tmp_path / "mine.png").write_bytes(b"not ours")
    first = {plot.path.name: plot.path.read_bytes() for plot in pictures.write_plots(findings, tmp_path)}
    second = {plot.path.name: plot.path.read_bytes() for plot in pictures.write_plots(findings, tmp_path)}
    assert first == second
    assert {path.name for path in tmp_path.iterdir()} == {*first, "mine.png"}
    assert all(content.startswith(b"\x89PNG\r\n\x1a\n") for content in first.values())
