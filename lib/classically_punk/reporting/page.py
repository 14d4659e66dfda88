"""The report as one HTML file that loads nothing: style inside, plots as data: addresses, one script named by digest.

Outside text is escaped by jinja2 and rid of hidden characters. Every value from `metrics` is marked with data
attributes (data-metric, -protocol, -genre, -predicted, -condition, -run, -n, -value, -low, -high) so that it can be
traced to its row.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from classically_punk import atomic
from classically_punk.genres import GTZAN
from classically_punk.reporting import views
from classically_punk.reporting.findings import Findings, MetricRow
from classically_punk.reporting.literature import COMPARED
from classically_punk.reporting.palette import palette
from classically_punk.reporting.pictures import Plot
from classically_punk.reporting.telling import by_family
from classically_punk.reporting.text import (
    counted,
    duration_text,
    interval_text,
    percent,
    plain,
    unit_text,
    value_text,
    visible,
)

PER_GENRE: tuple[str, ...] = ("precision", "recall", "f1", "r2")


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
    environment.filters.update(r2=partial(value_text, "r2"), counted=counted, share=percent)
    environment.filters.update(score=partial(value_text, "score"))
    environment.globals.update(
        shade=lambda share: Markup(f"background:rgb(48 110 190 / {max(0.0, min(1.0, share)):.3f})")
    )
    environment.globals.update(
        place=lambda bar: Markup(f"margin-left:{bar.left:.1f}%;width:{bar.width:.1f}%"),
        look=views.look,
        medians=partial(views.medians, genres=len(findings.names)),
    )
    script = _asset("report.js")
    pictures = {(plot.kind, plot.subject): plot for plot in plots}
    return environment.get_template("report.html.j2").render(
        f=findings,
        main=findings.evaluated[0] if findings.evaluated else None,
        accuracies=[row for name in findings.evaluated if (row := findings.find(name, "accuracy")) is not None],
        per_genre=PER_GENRE,
        confusions={name: views.confusion_of(findings, name) for name in findings.evaluated},
        families=by_family(findings.features),
        conditions=views.conditions(findings),
        assumptions=views.assumptions(findings),
        compared=COMPARED,
        most_pairs=views.PAIRS,
        leaks=views.LEAKS,
        overall=views.overall(findings),
        colours=palette(findings.names),
        pictures=pictures,
        shown=[
            one for one in sorted(findings.exhibits, key=lambda one: one.genre) if ("exhibit", one.genre) in pictures
        ],
        style=Markup(_asset("report.css")),
        script=Markup(script),
        script_digest=Markup(f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"),
        is_gtzan=not findings.counts.synthetic and set(findings.names) == set(GTZAN),
    )


def _asset(name: str) -> str:
    """A file beside the templates, as it is: the project's own, so nothing in it is escaped."""
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


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
