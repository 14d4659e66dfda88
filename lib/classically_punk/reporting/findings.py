"""Everything report and slides show, as plain numbers read from the tables; nothing here computes a result.

A job fills `Findings` and hands it over. Shares are 0-1, times are ISO 8601 text in UTC, `None` means "not known".
Text (genres, paths, details) may be hostile; whoever draws it makes it harmless (`text.visible`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classically_punk.reporting.examined import AudioKind, Costs, Examined, Pace, WarningCount

PROTOCOL_ORDER: tuple[str, ...] = (
    "group-folds",
    "published-rotation",
    "published-split",
    "block-folds",
    "size-matched-random",
    "random-folds",
)
"""Protocols from the strictest to the kindest; the verdict is told under the first one that was evaluated."""

SENT = "feedback"
"""Protocol of `metrics` rows about clips that people sent; their labels are told by nobody known."""


@dataclass(frozen=True)
class Counts:
    """How many files, clips and segments; `synthetic` counts clips that no recording stands behind.

    `duplicates` have the same audio as another clip, `near_duplicates` are an altered copy of one.
    """

    seen: int = 0
    accepted: int = 0
    rejected: int = 0
    skipped: int = 0
    gone: int = 0
    clips: int = 0
    unlabelled: int = 0
    duplicates: int = 0
    conflicts: int = 0
    segments: int = 0
    synthetic: int = 0
    near_duplicates: int = 0


@dataclass(frozen=True)
class RejectCount:
    """One reason code: `n` files of `status` rejected or skipped, one of them as an example (path as in `files`)."""

    reason: str
    n: int
    example: str
    detail: str
    status: str = "rejected"


@dataclass(frozen=True)
class NearDuplicate:
    """An altered copy of a recording and the first clip of it, by file name."""

    name: str
    first: str


@dataclass(frozen=True)
class Sent:
    """What people sent to the server and labelled: clips by label, lines nobody can use, whether it is trained on."""

    labels: Mapping[str, int]
    bad_lines: int = 0
    trained_on: bool = False


@dataclass(frozen=True)
class GenreCount:
    """Clips of one genre and their length together in seconds."""

    genre: str
    clips: int
    seconds: float


@dataclass(frozen=True)
class FeatureSummary:
    """One column of `features` over the whole-clip rows of one genre, in `unit`; `sd` is null for a single clip."""

    column: str
    unit: str
    meaning: str
    family: str
    genre: str
    n: int
    mean: float
    sd: float | None
    p05: float
    p25: float
    median: float
    p75: float
    p95: float


@dataclass(frozen=True)
class Exhibit:
    """One clip of a genre as the small arrays of `features.exhibit.exhibit_of`."""

    genre: str
    clip_id: str
    name: str
    arrays: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class MetricRow:
    """One row of the table `metrics`: shares 0-1, confusion in clips; genre null = all, condition null = as it is."""

    run_id: str
    model_id: str
    protocol: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    genre: str | None = None
    predicted_genre: str | None = None
    condition: str | None = None
    evaluation_digest: str | None = None


@dataclass(frozen=True)
class Protocol:
    """How clips were held out: what it does and what its figure therefore does not say."""

    name: str
    description: str
    folds: int | None = None
    caveat: str = ""


@dataclass(frozen=True)
class ModelSummary:
    """The published model: one linear regression per genre; `r2` is the training fit of each genre's segments."""

    model_id: str
    feature_set: str
    columns: int
    lambda_: float
    training_clips: int
    training_groups: int
    r2: Mapping[str, float | None]
    dropped: Sequence[str] = ()
    temperature: float | None = None
    decision: str = "argmax"
    fitted_by: str = "mllib"
    published_at: str = ""
    run_id: str = ""
    threshold: float = 0.0


@dataclass(frozen=True)
class Findings:
    """All of it. `run_dates`: run id -> when that run started, for every run id that appears in `metrics`.

    `near_duplicates` are examples; `counts` tells how many there are. `max_control_accuracy`: what the configuration
    allows to what is not music.
    """

    run_id: str
    started_at: str
    corpus_root: str
    feature_set: str
    counts: Counts
    decoder: str = ""
    rejects: Sequence[RejectCount] = ()
    near_duplicates: Sequence[NearDuplicate] = ()
    sent: Sent | None = None
    genres: Sequence[GenreCount] = ()
    features: Sequence[FeatureSummary] = ()
    exhibits: Sequence[Exhibit] = ()
    metrics: Sequence[MetricRow] = ()
    protocols: Sequence[Protocol] = ()
    model: ModelSummary | None = None
    run_dates: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    table_versions: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    audio: Sequence[AudioKind] = ()
    warnings: Sequence[WarningCount] = ()
    examined: Examined = field(default_factory=Examined)
    costs: Costs | None = None
    pace: Pace | None = None
    max_control_accuracy: float | None = None

    @property
    def names(self) -> list[str]:
        """Every genre that clips, metrics or the model know, sorted: one order for all plots, tables and charts."""
        known = {row.genre for row in self.genres}
        known.update(row.genre for row in self.metrics if row.genre is not None)
        known.update(self.model.r2 if self.model else ())
        return sorted(known)

    @property
    def evaluated(self) -> list[str]:
        """Protocols with an accuracy of the model as it is, strictest first; unknown ones last by name."""
        present = {row.protocol for row in self.metrics if row.metric == "accuracy" and row.condition is None}
        known = [name for name in PROTOCOL_ORDER if name in present]
        return known + sorted(present - set(known))

    @property
    def drift(self) -> list[tuple[str, MetricRow, MetricRow | None]]:
        """Family, its stability index and the share of its columns beyond chance; what moved most comes first."""
        rows = {(row.condition, row.metric): row for row in self.metrics if row.protocol == SENT}
        moved = [row for (_, metric), row in rows.items() if metric == "psi" and row.condition]
        moved.sort(key=lambda row: (-(row.value or 0.0), row.condition))
        return [(str(row.condition).partition(":")[2], row, rows.get((row.condition, "psi_beyond"))) for row in moved]

    def find(
        self, protocol: str, metric: str, genre: str | None = None, condition: str | None = None
    ) -> MetricRow | None:
        """The one row for this protocol, metric, genre and condition (None: the model as it is), or None."""
        return self._by_key.get((protocol, metric, genre, condition))

    @cached_property
    def _by_key(self) -> dict[tuple[str, str, str | None, str | None], MetricRow]:
        found: dict[tuple[str, str, str | None, str | None], MetricRow] = {}
        for row in self.metrics:
            if row.predicted_genre is None:
                found.setdefault((row.protocol, row.metric, row.genre, row.condition), row)
        return found

    def conditions(self, kind: str, protocol: str | None = None) -> list[tuple[str, MetricRow]]:
        """What follows the colon, and the accuracy, of each condition `kind:…` that was measured (not null), sorted.

        Under one protocol, or under the strictest that has them.
        """
        for name in [protocol] if protocol is not None else self.evaluated:
            told = [
                (row.condition.partition(":")[2], row)
                for row in self.metrics
                if row.protocol == name
                and row.metric == "accuracy"
                and row.genre is None
                and row.condition is not None
                and row.condition.startswith(f"{kind}:")
                and row.value is not None
            ]
            if told:
                return sorted(told, key=lambda pair: pair[0])
        return []

    def confusion(self, protocol: str) -> tuple[list[str], NDArray[np.int64]] | None:
        """(genres, counts (g, g) in clips: rows true, columns decided) of one protocol, or None without such rows."""
        rows = [
            row
            for row in self.metrics
            if (row.protocol, row.metric, row.condition) == (protocol, "confusion", None)
            and row.genre is not None
            and row.predicted_genre is not None
            and row.value is not None
        ]
        if not rows:
            return None
        names = sorted({str(row.genre) for row in rows} | {str(row.predicted_genre) for row in rows})
        place = {name: at for at, name in enumerate(names)}
        counts = np.zeros((len(names), len(names)), dtype=np.int64)
        for row in rows:
            counts[place[str(row.genre)], place[str(row.predicted_genre)]] += round(row.value or 0.0)
        return names, counts

    def protocol(self, name: str) -> Protocol:
        """What is known of a protocol; one without an entry still has its name."""
        return next((entry for entry in self.protocols if entry.name == name), describe_protocol(name))

    def date_of(self, run_id: str) -> str:
        """When a run started, as far as the table `runs` told; empty if it did not."""
        return self.run_dates.get(run_id, self.started_at if run_id == self.run_id else "")


_PROTOCOLS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "random-folds": (
            "Clips dealt at random into folds; each fold is judged by a model that never saw it.",
            "The same artist may stand on both sides, so the figure is kinder than music by strangers would be.",
        ),
        "group-folds": (
            "Whole groups (artists or sessions, where they are known) dealt into folds.",
            "A clip without a known group stands alone: there the same artist may still be on both sides.",
        ),
        "block-folds": (
            "Neighbouring files of a genre held out together as blocks.",
            "Neighbours often share an artist but not always: leakage is reduced, not excluded.",
        ),
        "published-split": (
            "Trained and tested on published lists of clips, with artists apart.",
            "One split: its figure carries the luck of that split.",
        ),
        "published-rotation": (
            "The parts of a published split take turns as the test part, with artists apart.",
            "Few parts of unlike size; it is not the single published split that others quote.",
        ),
        "size-matched-random": (
            "Random parts of the same sizes as a published split, on the same clips.",
            "Made to be compared with the published parts: the difference is the price of hearing the same artist.",
        ),
    }
)


def describe_protocol(name: str, folds: int | None = None, caveat: str | None = None) -> Protocol:
    """The entry of a protocol with the project's own wording; `caveat` replaces the usual one."""
    description, usual = _PROTOCOLS.get(name, ("", ""))
    return Protocol(name, description, folds, usual if caveat is None else caveat)
