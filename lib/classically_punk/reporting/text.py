"""Outside text made fit to be shown, and numbers put into words the same way in page, plots and slides."""

from __future__ import annotations

import re
import unicodedata

from classically_punk.reporting.findings import MetricRow

MINUS = "\N{MINUS SIGN}"
SHARES = frozenset(
    {
        "accuracy",
        "accuracy_difference",
        "control_accuracy",
        "coverage",
        "ece",
        "ece_floor",
        "ece_plain",
        "ece_plain_floor",
        "f1",
        "precision",
        "psi_beyond",
        "recall",
        "same_artist_price",
        "worst_recall",
    }
)
"""Metrics that are shares of one and are told in per cent; all others are told as plain numbers."""

COUNTS = frozenset({"confusion", "cost_per_1000", "test_part_looks"})
"""Metrics told with three significant digits, or as the whole numbers they are."""

_HIDDEN = frozenset({"Cc", "Cs", "Cf", "Co", "Cn", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"  # scripts and emoji need these two


def visible(text: str) -> str:
    r"""Text without hidden characters: controls, lone surrogates and writing-direction marks become \uNNNN.

    They would be illegal in XML, or make a name read as another one.
    """
    if text.isprintable():
        return text
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _HIDDEN and c not in _JOINERS else c for c in text)


def short(text: str, most: int) -> str:
    """Visible text of at most `most` characters, cut in the middle where it is longer."""
    shown = visible(text)
    if len(shown) <= most:
        return shown
    head = most // 2
    return f"{shown[:head]}…{shown[len(shown) - (most - 1 - head) :]}"


def slug(text: str) -> str:
    """A piece of a file name, [a-z0-9-] and at most 32 characters; empty if nothing of the text fits."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:32].strip("-")


def percent(share: float) -> str:
    """A share 0-1 in per cent with one decimal."""
    return signed(f"{100 * share:.1f}") + "\N{NO-BREAK SPACE}%"


def plain(value: float) -> str:
    """A number with three significant digits or all digits of a whole one, never in scientific notation below 1e7."""
    if value == round(value) and abs(value) < 1e15:
        return signed(f"{value:.0f}")
    if abs(value) >= 1e7 or abs(value) < 1e-4:
        return signed(f"{value:.2e}")
    digits = max(0, 3 - len(str(int(abs(value))))) if abs(value) >= 1 else 3
    return signed(f"{value:.{digits}f}" if abs(value) >= 1 else f"{value:.3g}")


def signed(figures: str) -> str:
    """Figures with a true minus sign, and none before zero."""
    return figures if not figures.startswith("-") else (MINUS if re.search("[1-9]", figures) else "") + figures[1:]


def value_text(metric: str, value: float | None) -> str:
    """The value of a metric as it is told: per cent, clips or a plain number; a dash where it is undefined."""
    if value is None:
        return "–"
    if metric in SHARES:
        return percent(value)
    if metric in COUNTS or metric.startswith("straddling_"):
        return plain(value)
    return signed(f"{value:.3f}")


def interval_text(row: MetricRow) -> str:
    """The 95 % interval of a metric in brackets, or nothing if it has none."""
    if row.low is None or row.high is None:
        return ""
    low, high = value_text(row.metric, row.low), value_text(row.metric, row.high)
    return f"[{low.removesuffix(chr(0xA0) + '%')}, {high}]"


def duration_text(seconds: float) -> str:
    """A length of time as h:mm:ss."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def unit_text(unit: str) -> str:
    """A unit for an axis; a number without one says so."""
    return "no unit" if unit in ("", "1") else visible(unit)


def with_unit(value: float, unit: str) -> str:
    """A value and its unit; nothing follows a number without one."""
    return plain(value) if unit in ("", "1") else f"{plain(value)} {visible(unit)}"


def counted(n: int, noun: str) -> str:
    """A number of things, in the singular where it is one."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
