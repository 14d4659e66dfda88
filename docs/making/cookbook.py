"""Runs the queries of `docs/cookbook.md` on the demo's warehouse, and compares or rewrites the answers in the page.

    python docs/making/cookbook.py [--write]

Without `--write` it tells every answer that differs, and ends with status 1. A number with decimals may differ by one
and a half units of its last place (the order of sums is the machine's); everything else has to be equal. Columns
named in `<!-- varies: a, b -->` before an answer differ from machine to machine: the page shows `…` for their values.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "cookbook.md"
UNKNOWN = "…"

Rows = list[list[str]]

SECTION = re.compile(
    r"^## (?P<title>\d+\. .*?)$.*?^```sql\n(?P<query>.*?)^```\n+"
    r"(?:<!-- varies: (?P<varies>.*?) -->\n)?```text\n(?P<answer>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Question:
    """One question of the page: where its answer stands in the text, and the columns that no test can know."""

    title: str
    query: str
    varies: tuple[str, ...]
    answer: str
    place: tuple[int, int]


def questions(page: str) -> list[Question]:
    """Every question of the page's text, in order."""
    return [
        Question(
            match["title"],
            match["query"].strip(),
            tuple(name.strip() for name in (match["varies"] or "").split(",") if name.strip()),
            match["answer"],
            match.span("answer"),
        )
        for match in SECTION.finditer(page)
    ]


def drawn(header: Sequence[str], rows: Rows, varies: Sequence[str]) -> str:
    """A result as `scripts/sql` prints it: columns right-aligned between bars, `…` for what varies."""
    shown = [[UNKNOWN if name in varies else cell for name, cell in zip(header, row, strict=True)] for row in rows]
    widths = [max(3, *(len(row[at]) for row in [list(header), *shown])) for at in range(len(header))]
    rule = "+" + "+".join("-" * width for width in widths) + "+"
    lines = ["|" + "|".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) + "|"
             for row in [list(header), *shown]]  # fmt: skip
    return "\n".join([rule, lines[0], rule, *lines[1:], rule]) + "\n"


def cells(answer: str) -> Rows:
    """The cells of a drawn result, its header first."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in answer.splitlines() if line[:1] == "|"]


def same(told: str, found: str) -> bool:
    """Whether two drawn results agree, numbers with decimals up to one and a half units of their last place."""
    left, right = cells(told), cells(found)
    return [len(row) for row in left] == [len(row) for row in right] and all(
        _alike(a, b) for one, other in zip(left, right, strict=True) for a, b in zip(one, other, strict=True)
    )


def _alike(told: str, found: str) -> bool:
    if told == found:
        return True
    if "." not in told or "." not in found:
        return False
    try:
        a, b = Decimal(told), Decimal(found)
    except InvalidOperation:
        return False
    step = Decimal(1).scaleb(max(int(a.as_tuple().exponent), int(b.as_tuple().exponent)))
    return abs(a - b) <= Decimal("1.5") * step


def answered(page: str, run: Callable[[str], tuple[Sequence[str], Rows]]) -> tuple[str, list[str]]:
    """The page's text and what runs a query -> the page with all answers as found, and what differs, in words."""
    differing, parts, at = [], [], 0
    asked = questions(page)
    with ThreadPoolExecutor(4) as pool:  # on small tables most of a query's time is Spark's planning
        results = list(pool.map(run, [question.query for question in asked]))
    for question, result in zip(asked, results, strict=True):
        found = drawn(*result, question.varies)
        if not same(question.answer, found):
            differing.append(f"{question.title}\nthe page says\n{question.answer}the query gives\n{found}")
            parts += [page[at : question.place[0]], found]
            at = question.place[1]
    return "".join([*parts, page[at:]]), differing


def main(argv: Sequence[str]) -> int:
    """Compares, or with `--write` rewrites; the exit status is the return value."""
    from pyspark.errors import PySparkException

    from classically_punk.settings import Settings
    from classically_punk.spark.interactive import open_tables

    spark = open_tables(Settings.load("conf/local.toml", {}))

    failed = []

    def run(query: str) -> tuple[Sequence[str], Rows]:
        try:
            result = spark.sql(query)
            rows = [["NULL" if value is None else str(value) for value in row] for row in result.collect()]
        except PySparkException as error:
            failed.append(f"{query}\n{str(error).splitlines()[0]}")
            return ["error"], []
        return result.columns, rows

    try:
        page, differing = answered(PAGE.read_text(encoding="utf-8"), run)
    finally:
        spark.stop()
    if failed:
        print("\n\n".join(failed))
        return 1
    if argv == ["--write"]:
        PAGE.write_text(page, encoding="utf-8")
        print(f"{len(differing)} of {len(questions(page))} answers rewritten")
        return 0
    print("\n".join(differing) or f"{len(questions(page))} answers are what the queries give")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
