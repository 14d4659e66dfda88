"""Which columns tell genres apart, from their summaries: an order for plots and slides, never a figure of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classically_punk.reporting.findings import FeatureSummary, Findings, MetricRow

FAMILIES: tuple[str, ...] = ("tempo", "pitch", "timbre", "loudness")
HEARD: tuple[str, ...] = (
    "tempo_bpm",
    "tempo_onset_pulse",
    "pitch_class12_share",
    "pitch_interval5_correlation",
    "pitch_chroma_mean",
    "timbre_centroid_mean",
    "timbre_flatness_mean",
    "loudness_integrated_lufs",
    "loudness_level_dev",
)
"""What a listener would ask for, in units of its own; it stands first in its family, whatever separates best."""


@dataclass(frozen=True)
class Column:
    """One column with the summaries of its genres, sorted by genre."""

    name: str
    unit: str
    meaning: str
    family: str
    by_genre: tuple[FeatureSummary, ...]

    @property
    def separation(self) -> float:
        """Variance of the genre means over the mean variance within genres, >= 0; 0 where it cannot be judged."""
        spreads = [row.sd**2 for row in self.by_genre if row.sd is not None]
        if len(self.by_genre) < 2 or not spreads or not (within := float(np.mean(spreads))) > 0:
            return 0.0
        return float(np.var([row.mean for row in self.by_genre])) / within

    @property
    def genres(self) -> list[str]:
        """Genres with a summary, in order."""
        return [row.genre for row in self.by_genre]

    def of(self, genre: str) -> FeatureSummary | None:
        """The summary of one genre, or None if it has no clip with this column."""
        return next((row for row in self.by_genre if row.genre == genre), None)

    @property
    def lowest(self) -> FeatureSummary:
        """The genre with the smallest median."""
        return min(self.by_genre, key=lambda row: row.median)

    @property
    def highest(self) -> FeatureSummary:
        """The genre with the largest median."""
        return max(self.by_genre, key=lambda row: row.median)


def by_family(rows: Sequence[FeatureSummary]) -> dict[str, list[Column]]:
    """Columns of each family: what listeners ask for (`HEARD`), then the most telling first; families in usual order.

    Unknown families stand behind.
    """
    found: dict[str, list[FeatureSummary]] = {}
    for row in rows:
        found.setdefault(row.column, []).append(row)
    families: dict[str, list[Column]] = {}
    for name, summaries in found.items():
        first = summaries[0]
        ordered = tuple(sorted(summaries, key=lambda row: row.genre))
        families.setdefault(first.family, []).append(Column(name, first.unit, first.meaning, first.family, ordered))
    place = {family: at for at, family in enumerate(FAMILIES)}
    return {
        family: sorted(families[family], key=lambda column: (_asked_for(column.name), -column.separation))
        for family in sorted(families, key=lambda family: (place.get(family, len(place)), family))
    }


def _asked_for(name: str) -> int:
    return HEARD.index(name) if name in HEARD else len(HEARD)


ALTERED = ("length", "mp3", "gain", "resampled", "noise")
"""Kinds of conditions under which the clip itself is another."""
Threshold = tuple[str, MetricRow, MetricRow, MetricRow]


def thresholds(findings: Findings) -> list[Threshold]:
    """(threshold as text, coverage, accuracy, cost per 1000) that were measured, by rising threshold.

    Without the one that was chosen on training clips.
    """
    told = []
    for name, accuracy in findings.conditions("threshold"):
        if name == "cheapest":
            continue
        coverage, cost = (
            findings.find(accuracy.protocol, metric, None, f"threshold:{name}")
            for metric in ("coverage", "cost_per_1000")
        )
        if coverage is not None and cost is not None:
            told.append((name, coverage, accuracy, cost))
    return sorted(told, key=lambda one: float(one[0]))


def differences(findings: Findings, kind: str) -> list[tuple[str, MetricRow]]:
    """(what follows the colon, `accuracy_difference`) of the conditions of a kind, the worst first.

    `altered` takes all kinds of altered clips together, by their whole names.
    """
    kinds = ALTERED if kind == "altered" else (kind,)
    found = [
        (f"{one}:{name}" if kind == "altered" else name, row)
        for one in kinds
        for name, accuracy in findings.conditions(one)
        if (row := findings.find(accuracy.protocol, "accuracy_difference", None, f"{one}:{name}")) is not None
        and row.value is not None
    ]
    return sorted(found, key=lambda pair: (pair[1].value or 0.0, pair[0]))
