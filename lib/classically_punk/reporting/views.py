"""What the page lays out: rows of `metrics` arranged as tables, clips to look into, what fails of the assumptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from classically_punk.reporting.examined import Judgement, Reasoning
from classically_punk.reporting.findings import Findings, MetricRow
from classically_punk.reporting.telling import ALTERED, Column
from classically_punk.reporting.text import percent, plain

MOST_CELLS = 6_000  # of one table: what is more stays in the tables of the warehouse, and the page says so
MOST_IN_MATRIX = 40  # genres of a confusion matrix told cell by cell
PAIRS = 30
BARS = 12  # genres of a clip's score bars
ABOUT = {
    "baseline": "Other models on the same clips",
    "threshold": "Answering only when it is sure",
    "control": "What is not music, judged as if it were",
    "ablation": "Without a group of features",
    "altered": "The same clips, altered",
}
MISSING = {
    "baseline": "No other model was measured on these clips.",
    "threshold": "No threshold was measured (evaluation.thresholds).",
    "control": "Controls were not measured (evaluation.controls).",
    "ablation": "Ablation was not measured (evaluation.ablation).",
    "altered": "Altered clips were not judged (evaluation.robustness).",
}
LEAKS = (
    ("straddling_clips", "Clips on both sides of a fold"),
    ("straddling_duplicates", "Clips whose exact copy is on the other side"),
    ("straddling_near_duplicates", "Clips whose altered copy is on the other side"),
    ("same_artist_price", "What hearing the same artists in training is worth"),
    ("test_part_looks", "Runs that have opened the published test part"),
)
"""Metrics that tell of leakage, in words."""
ORDER = (
    "accuracy",
    "accuracy_difference",
    "worst_recall",
    "control_accuracy",
    "coverage",
    "cost_per_1000",
    "threshold",
)


@dataclass(frozen=True)
class Confusion:
    """The rows of one confusion matrix, laid out; None where the table has no row. `cells` is empty for many genres."""

    names: list[str]
    cells: list[list[MetricRow | None]]
    totals: list[float]
    pairs: list[MetricRow]


@dataclass(frozen=True)
class Conditions:
    """All conditions of one kind: `metrics` are the columns, `rows` (condition, cells); `recalls` by genre."""

    kind: str
    title: str
    missing: str
    metrics: list[str] = field(default_factory=list)
    rows: list[tuple[str, list[MetricRow | None]]] = field(default_factory=list)
    genres: list[str] = field(default_factory=list)
    recalls: list[tuple[str, list[MetricRow | None]]] = field(default_factory=list)
    left_out: bool = False


@dataclass(frozen=True)
class Bar:
    """One bar: a name, its value as told, where it begins and how long it is, both in per cent of the width."""

    name: str
    value: float
    left: float
    width: float


@dataclass(frozen=True)
class Look:
    """One clip with its bars: scores of the genres, and why, by genre, pushes of groups with words."""

    clip: Judgement
    scores: list[Bar]
    more: int
    why: list[tuple[Reasoning, list[Bar]]]


@dataclass(frozen=True)
class Assumption:
    """One assumption of linear regression: what was found, and what follows here."""

    name: str
    found: str
    follows: str


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
    wrong = [row for (true, decided), row in rows.items() if true != decided and row.value]
    pairs = sorted(wrong, key=lambda row: (-(row.value or 0.0), row.genre or "", row.predicted_genre or ""))[:PAIRS]
    few = len(names) <= MOST_IN_MATRIX
    cells = [[rows.get((true, decided)) for decided in names] for true in names] if few else []
    return Confusion(names, cells, [float(total) for total in counts.sum(axis=1)], pairs)


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


def conditions(findings: Findings) -> list[tuple[str, list[Conditions]]]:
    """Per protocol every kind of condition; kinds without any only under the strictest, with a word why."""
    told = []
    for at, protocol in enumerate(findings.evaluated):
        kinds = [_conditions(findings, protocol, kind) for kind in ABOUT]
        told.append((protocol, kinds if at == 0 else [one for one in kinds if one.rows]))
    return [(protocol, kinds) for protocol, kinds in told if kinds]


def _conditions(findings: Findings, protocol: str, kind: str) -> Conditions:
    mine: dict[str, list[MetricRow]] = {}
    for row in findings.metrics:
        if row.condition is None or row.protocol != protocol:
            continue
        of = row.condition.partition(":")[0]
        if of == kind or (kind == "altered" and (of in ALTERED or of not in ABOUT)):
            mine.setdefault(row.condition, []).append(row)
    every = {row.metric for rows in mine.values() for row in rows if row.genre is None}
    metrics = [*(name for name in ORDER if name in every), *sorted(every - set(ORDER))]
    genres = sorted({row.genre for rows in mine.values() for row in rows if row.genre is not None})
    rows: list[tuple[str, list[MetricRow | None]]] = []
    recalls: list[tuple[str, list[MetricRow | None]]] = []
    for name in sorted(mine):
        by_key = {(row.metric, row.genre): row for row in mine[name]}
        rows.append((name, [by_key.get((metric, None)) for metric in metrics]))
        if any(genre is not None for _, genre in by_key):
            recalls.append((name, [by_key.get(("recall", genre)) for genre in genres]))
    left_out = len(recalls) * len(genres) > MOST_CELLS
    return Conditions(kind, ABOUT[kind], MISSING[kind], metrics, rows, genres, [] if left_out else recalls, left_out)


def medians(columns: Sequence[Column], genres: int) -> list[Column]:
    """The columns of a family whose medians fit the page, those that stand first."""
    return list(columns[: max(MOST_CELLS // max(genres, 1), 1)])


def look(clip: Judgement) -> Look:
    """One clip, its best scores as bars, and the pushes behind each genre that is explained."""
    ordered = sorted(clip.scores.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = ordered[:BARS]
    if clip.genre in clip.scores and clip.genre not in dict(shown):
        shown[-1] = (clip.genre, clip.scores[clip.genre])
    why = [
        (reason, bars([(f"{push.family}: {push.group}".replace("_", " "), push.push) for push in reason.pushes]))
        for reason in clip.reasons
    ]
    return Look(clip, bars(shown), len(ordered) - len(shown), why)


def bars(values: Sequence[tuple[str, float]]) -> list[Bar]:
    """Values of either sign as bars on one scale, which holds zero."""
    low = min([0.0, *(value for _, value in values)])
    high = max([0.0, *(value for _, value in values)])
    wide = (high - low) or 1.0
    return [
        Bar(name, value, 100 * (min(value, 0.0) - low) / wide, max(100 * abs(value) / wide, 0.5))
        for name, value in values
    ]


def assumptions(findings: Findings) -> list[Assumption]:
    """What linear regression asks for, what these tables say to it, and what follows; nothing without a model."""
    if findings.model is None:
        return []
    looked, linked = findings.examined, findings.examined.collinearity
    main = findings.evaluated[0] if findings.evaluated else ""
    held = [row.value for name in findings.names if (row := findings.find(main, "r2", name)) and row.value is not None]
    negative = sum(value < 0 for value in held)
    own = [one.residual_sd for one in looked.spreads if one.target == 1 and one.n > 1]
    others = [one.residual_sd for one in looked.spreads if one.target == 0 and one.n > 1]
    unequal = (
        f"mean deviation of residuals {plain(sum(own) / len(own))} on a genre's own clips, "
        f"{plain(sum(others) / len(others))} on all others"
        if own and others
        else "not measured"
    )
    if linked is None:
        overlap = "not measured for these columns"
    elif linked.vif_worst is None:
        overlap = f"{linked.columns} columns on {linked.rows} segments: VIF not defined"
    else:
        overlap = (
            f"VIF {plain(linked.vif_median or 0.0)} in the middle, up to {plain(linked.vif_worst)}; "
            f"{linked.vif_over_ten} of {linked.columns} columns above 10"
        )
    return [
        Assumption(
            "The mean of the target is linear in the features",
            f"held-out R² below zero for {negative} of {len(held)} genres" if held else "held-out R² not measured",
            "A target of 0 and 1 cannot be linear everywhere: scores are ranked, never read as probabilities.",
        ),
        Assumption(
            "Scores stay where targets are",
            f"{percent(looked.outside)} of held-out scores lie outside 0 to 1"
            if looked.outside is not None
            else "not measured",
            "A temperature fitted on other clips turns scores into shares.",
        ),
        Assumption(
            "Residuals vary equally",
            unequal,
            "Ordinary standard errors are wrong; those in the table models are robust, where they are defined.",
        ),
        Assumption(
            "Residuals are normal",
            f"skewness {plain(looked.residual_skewness)}" if looked.residual_skewness is not None else "not measured",
            "Intervals come from draws of whole groups, not from a formula.",
        ),
        Assumption(
            "Rows are independent",
            f"{findings.counts.segments} segments of {findings.counts.clips} clips: they are not",
            "What one group or one recording connects never stands on both sides; each clip weighs the same.",
        ),
        Assumption(
            "No feature repeats others",
            overlap,
            "Ridge keeps the fit stable. No single coefficient is shown: groups of features are.",
        ),
    ]
