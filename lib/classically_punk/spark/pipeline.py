"""The arrows of the design as functions of the warehouse, and all of them in order."""

from __future__ import annotations

from classically_punk import reporting
from classically_punk.reporting import office
from classically_punk.settings import Settings
from classically_punk.spark import copies, vectors
from classically_punk.spark.altered import alter_clips
from classically_punk.spark.collect import collect_findings
from classically_punk.spark.drift import measure_drift
from classically_punk.spark.evaluation import evaluate_genres
from classically_punk.spark.fill_in import extract_features
from classically_punk.spark.genre_models import model_id, train_genres
from classically_punk.spark.ingest import ingest_clips
from classically_punk.spark.progress import say
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.update import speaks_of, updated


def training(warehouse: Warehouse, settings: Settings) -> vectors.Training:
    """Everything a model may learn from: the rows of the clips, and their altered copies as they stand."""
    return copies.attached(warehouse, settings, vectors.training(warehouse, settings))


def train(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """The model of the labelled clips, published: fitted, or by sums of what changed if `model.update` asks for it."""
    alter_clips(warehouse, settings, run)
    if by_sums(warehouse, settings, run) is None:
        train_genres(warehouse, settings, run, training(warehouse, settings))


def by_sums(warehouse: Warehouse, settings: Settings, run: Run) -> str | None:
    """The model by sums -> its id; None where a fit is asked for, or where sums cannot do it."""
    return updated(warehouse, settings, run) if settings.model.update == "sums" else None


def evaluate(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """Judges the model of the labelled clips under the configured protocols."""
    data = training(warehouse, settings)
    name = speaks_of(warehouse, settings, data) or model_id(data, settings)
    evaluate_genres(warehouse, settings, run, data, name)
    measure_drift(warehouse, settings, run, data, name)


def report(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """Writes report, slides, metrics and plots of the published model."""
    with run.stage("report"):
        folder = settings.folder("reports.root")
        reporting.write_report(collect_findings(warehouse, settings, run), folder)
        problem = office.write_pdf(folder / "slides.pptx", folder / "slides.pdf") if settings.reports.pdf else None
    say(f"report: {folder / 'report.html'}")
    say(f"slides: {folder / 'slides.pptx'}")
    if settings.reports.pdf:
        say(f"slides as PDF: {problem or folder / 'slides.pdf'}")


def run_all(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """All of it in one session."""
    ingest_clips(warehouse, settings, run)
    extract_features(warehouse, settings, run)
    alter_clips(warehouse, settings, run)
    with run.stage("vectors"):
        data = training(warehouse, settings)
    name = by_sums(warehouse, settings, run) or train_genres(warehouse, settings, run, data)
    evaluate_genres(warehouse, settings, run, data, name)
    measure_drift(warehouse, settings, run, data, name)
    data.unpersist()
    report(warehouse, settings, run)
