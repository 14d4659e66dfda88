"""The report as one HTML file that loads nothing: style inside, plots as data: addresses, no script.

Outside text is escaped by jinja2 and rid of hidden characters. Every value from `metrics` is marked with data
attributes (data-metric, -protocol, -genre, -predicted, -condition, -run, -n, -value, -low, -high) so that it can be
traced to its row.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from classically_punk import atomic
from classically_punk.genres import GTZAN
from classically_punk.reporting.findings import Findings, MetricRow
from classically_punk.reporting.palette import palette
from classically_punk.reporting.plots import Plot
from classically_punk.reporting.telling import by_family
from classically_punk.reporting.text import counted, duration_text, interval_text, plain, unit_text, value_text, visible

PER_GENRE: tuple[str, ...] = ("precision", "recall", "f1", "r2")


@dataclass(frozen=True)
class Confusion:
    """The rows of one confusion matrix, laid out; None where the table has no row."""

    names: list[str]
    cells: list[list[MetricRow | None]]
    totals: list[float]


def write_page(findings: Findings, plots: Sequence[Plot], path: Path) -> None:
    """Write the report to `path` (UTF-8)."""
    atomic.replace(path, render(findings, plots).encode())


def render(findings: Findings, plots: Sequence[Plot]) -> str:
    """The whole page as text."""
    environment = Environment(
        loader=PackageLoader("classically_punk.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    environment.filters.update(figure=figure, metric=metric, number=plain, duration=duration_text, unit=unit_text)
    environment.filters.update(r2=partial(value_text, "r2"), counted=counted)
    environment.globals.update(
        shade=lambda share: Markup(f"background:rgb(48 110 190 / {max(0.0, min(1.0, share)):.3f})")
    )
    pictures = {(plot.kind, plot.subject): plot for plot in plots}
    return environment.get_template("report.html.j2").render(
        f=findings,
        main=findings.evaluated[0] if findings.evaluated else None,
        accuracies=[row for name in findings.evaluated if (row := findings.find(name, "accuracy")) is not None],
        per_genre=PER_GENRE,
        confusions={name: confusion_of(findings, name) for name in findings.evaluated},
        families=by_family(findings.features),
        conditions=[row for row in findings.metrics if row.condition is not None and row.metric == "accuracy"],
        overall=overall(findings),
        colours=palette(findings.names),
        pictures=pictures,
        shown=[
            one for one in sorted(findings.exhibits, key=lambda one: one.genre) if ("exhibit", one.genre) in pictures
        ],
        is_gtzan=not findings.counts.synthetic and set(findings.names) == set(GTZAN),
    )


def figure(plot: Plot) -> Markup:
    """The plot inside the page: <figure> with a data: address, its caption also as the text for who cannot see it."""
    data = base64.b64encode(plot.path.read_bytes()).decode("ascii")
    words = escape(visible(plot.caption))
    return Markup(
        f'<figure><img alt="{words}" src="data:image/png;base64,{data}"><figcaption>{words}</figcaption></figure>'
    )


def metric(row: MetricRow, interval: bool = True) -> Markup:
    """One value of `metrics` with its interval, traceable: full precision stands in the attributes."""
    facts: dict[str, Any] = {
        "metric": row.metric,
        "protocol": row.protocol,
        "genre": row.genre,
        "predicted": row.predicted_genre,
        "condition": row.condition,
        "run": row.run_id,
        "model": row.model_id,
        "n": row.n,
        "value": row.value,
        "low": row.low,
        "high": row.high,
    }
    attributes = " ".join(
        f'data-{name}="{escape(visible(fact) if isinstance(fact, str) else repr(fact))}"'
        for name, fact in facts.items()
        if fact is not None
    )
    brackets = interval_text(row) if interval else ""
    told = f"{value_text(row.metric, row.value)}" + (f' <span class="interval">{brackets}</span>' if brackets else "")
    return Markup(f'<span class="metric" {attributes}>{told}</span>')


def confusion_of(findings: Findings, protocol: str) -> Confusion | None:
    """The confusion matrix of one protocol as rows of `metrics`, or None without one."""
    found = findings.confusion(protocol)
    if found is None:
        return None
    names, counts = found
    rows = {
        (row.genre, row.predicted_genre): row
        for row in findings.metrics
        if (row.protocol, row.metric, row.condition) == (protocol, "confusion", None)
    }
    cells = [[rows.get((true, decided)) for decided in names] for true in names]
    return Confusion(names, cells, [float(total) for total in counts.sum(axis=1)])


def overall(findings: Findings) -> dict[str, list[MetricRow]]:
    """Per protocol the values over all genres other than accuracy, of the model as it is."""
    return {
        name: [
            row
            for row in findings.metrics
            if row.protocol == name
            and row.genre is None
            and row.condition is None
            and row.metric not in ("accuracy", "confusion")
        ]
        for name in findings.evaluated
    }
