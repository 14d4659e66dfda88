"""What a run read and wrote, as OpenLineage tells it (https://openlineage.io): START, then COMPLETE or FAIL.

Events go into the file of `run.lineage`, a JSON object a line, by OpenLineage's own client, which is an extra of this
package. Datasets are the tables, each with the version that was written, and what `SOURCES` names; no columns.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from classically_punk.errors import ConfigError, redacted
from classically_punk.settings import Settings
from classically_punk.spark import delta_log, schemas
from classically_punk.spark.progress import say
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse

NAMESPACE = "classically-punk"
SOURCES = {
    "ingest_clips": "corpus.root",
    "classify_clips": "corpus.root",
    "run_pipeline": "corpus.root",
    "import_features": "features.published_csv",
}
"""What a job reads that is no table."""
Place = tuple[str, str]
"""Namespace and name of a dataset, as OpenLineage wants them."""


def check(settings: Settings) -> None:
    """Raises ConfigError where lineage is asked for and cannot be told."""
    if not settings.run.lineage:
        return
    if importlib.util.find_spec("openlineage") is None:
        raise ConfigError("run.lineage", "needs openlineage-python: pip install 'classically-punk[lineage]'")
    try:
        with Path(settings.run.lineage).open("a", encoding="utf-8"):
            pass
    except OSError as error:
        problem = f"cannot write to {settings.run.lineage}: {error.strerror or error}"
        raise ConfigError("run.lineage", problem) from None


@contextmanager
def told(run: Run, warehouse: Warehouse) -> Iterator[None]:
    """Tells of the work within, if `run.lineage` asks for it; an event that cannot be written costs a line, no more."""
    if not run.settings.run.lineage:
        yield
        return
    before = {name: delta_log.newest(warehouse.root / name) for name in schemas.tables()}
    _emit(run, warehouse, "START", {}, None)
    try:
        yield
    except BaseException as error:
        _emit(run, warehouse, "FAIL", _written(warehouse, before), redacted(f"{type(error).__name__}: {error}"))
        raise
    failed = "; ".join(run.failed_gates) or None
    _emit(run, warehouse, "FAIL" if failed else "COMPLETE", _written(warehouse, before), failed)


def place_of(where: str) -> Place:
    """A path or a URI -> its namespace and name, without user and password."""
    uri = urlsplit(where)
    if uri.scheme and uri.scheme != "file":
        return f"{uri.scheme}://{uri.netloc.rpartition('@')[2]}", uri.path.strip("/") or "/"
    return "file", str(Path(uri.path if uri.scheme else where).absolute())


def _written(warehouse: Warehouse, before: dict[str, int]) -> dict[str, int]:
    """The tables with a newer version than before, and that version."""
    now = {name: delta_log.newest(warehouse.root / name) for name in before}
    return {name: version for name, version in now.items() if version > before[name]}


def _emit(run: Run, warehouse: Warehouse, state: str, written: dict[str, int], error: str | None) -> None:
    from openlineage.client import OpenLineageClient, event_v2, facet_v2

    def dataset(kind: type[Any], place: Place, version: int | None = None) -> Any:
        of_version = facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet
        facets = {} if version is None else {"version": of_version(str(version))}
        return kind(*place, facets=facets)

    settings = run.settings
    section, _, key = SOURCES.get(run.job, "").partition(".")
    source = str(getattr(getattr(settings, section), key)) if key else ""
    read = {place_of(warehouse.path(name)) for name in warehouse.were_read} | ({place_of(source)} if source else set())
    tag = facet_v2.tags_run.TagsRunFacetFields
    versions = [tag("version", importlib.metadata.version("classically-punk")), tag("settings", settings.digest)]
    facets: dict[str, Any] = {
        "tags": facet_v2.tags_run.TagsRunFacet([tag("run_id", run.run_id), *versions]),
        "processing_engine": facet_v2.processing_engine_run.ProcessingEngineRunFacet(warehouse.spark.version, "spark"),
    }
    if error is not None:
        facets["errorMessage"] = facet_v2.error_message_run.ErrorMessageRunFacet(error[:500], "PYTHON")
    event = event_v2.RunEvent(
        eventTime=datetime.now(UTC).isoformat(),
        eventType=event_v2.RunState[state],
        run=event_v2.Run(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{NAMESPACE}/{run.run_id}")), facets=facets),
        job=event_v2.Job(
            NAMESPACE,
            run.job,
            facets={"jobType": facet_v2.job_type_job.JobTypeJobFacet("BATCH", "SPARK", "JOB")},
        ),
        inputs=[dataset(event_v2.InputDataset, place) for place in sorted(read)],
        outputs=[
            dataset(event_v2.OutputDataset, place_of(warehouse.path(name)), version)
            for name, version in sorted(written.items())
        ],
    )
    into = {"type": "file", "log_file_path": settings.run.lineage, "append": True}
    try:
        OpenLineageClient(config={"transport": into}).emit(event)
    except (OSError, RuntimeError) as problem:
        say(f"lineage: {problem}")
