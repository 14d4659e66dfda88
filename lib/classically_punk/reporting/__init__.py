"""Report, plots and slides from tables of numbers: `Findings` in, files out. No Spark, no audio."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from classically_punk.reporting.findings import Findings


@dataclass(frozen=True)
class Paths:
    """What was written."""

    report: Path
    slides: Path
    metrics: Path
    plots: tuple[Path, ...]


def write_report(findings: Findings, folder: Path) -> Paths:
    """Write report.html, slides.pptx, metrics.json and plots/*.png into `folder`, replacing those of an earlier run.

    Raises OSError if the folder cannot be written.
    """
    # Drawing libraries are loaded only here, so that the dataclasses above cost nothing to import.
    from classically_punk.reporting.deck import write_deck
    from classically_punk.reporting.metrics_json import write_metrics
    from classically_punk.reporting.page import write_page
    from classically_punk.reporting.pictures import write_plots

    folder.mkdir(parents=True, exist_ok=True)
    plots = write_plots(findings, folder / "plots")
    paths = Paths(
        folder / "report.html", folder / "slides.pptx", folder / "metrics.json", tuple(plot.path for plot in plots)
    )
    write_page(findings, plots, paths.report)
    write_deck(findings, paths.slides)
    write_metrics(findings, paths.metrics)
    return paths
