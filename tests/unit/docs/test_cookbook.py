"""How the cookbook is read and judged, without Spark."""

from __future__ import annotations

from types import ModuleType

import pytest
from tests.conftest import ROOT

PAGE = """# Title

## 1. How many?

In words.

```sql
SELECT 1
```

<!-- varies: seconds -->
```text
+---+-------+
|  n|seconds|
+---+-------+
|0.5|      …|
+---+-------+
```

The end.
"""


@pytest.fixture
def cookbook(making: dict[str, ModuleType]) -> ModuleType:
    return making["cookbook"]


def test_the_page_asks_twenty_questions_in_order(cookbook: ModuleType) -> None:
    page = (ROOT / "docs/cookbook.md").read_text(encoding="utf-8")
    asked = cookbook.questions(page)
    assert [question.title.split(".")[0] for question in asked] == [str(n) for n in range(1, 21)]
    assert page.count("```sql") == page.count("```text") == page.count("\n## ") == 20
    assert len({question.query for question in asked}) == 20
    assert all(cookbook.cells(question.answer)[1:] for question in asked), "an answer without rows tells nothing"


def test_a_drawn_answer_looks_as_spark_draws_it(cookbook: ModuleType) -> None:
    # as DataFrame.show prints it: three characters at least, right-aligned
    assert cookbook.drawn(["a", "word"], [["1", "x"], ["22", "longer"]], ()) == (
        "+---+------+\n|  a|  word|\n+---+------+\n|  1|     x|\n| 22|longer|\n+---+------+\n"
    )


@pytest.mark.parametrize(
    ("told", "found", "agree"),
    [
        ("0.93", "0.94", True),
        ("0.93", "0.95", False),
        ("-0.0", "0.0", True),
        ("12", "13", False),
        ("12.5", "12.6", True),
        ("12.5", "x.y", False),
        ("rock", "pop", False),
    ],
)
def test_only_the_last_decimal_may_differ(cookbook: ModuleType, told: str, found: str, agree: bool) -> None:
    one, other = (cookbook.drawn(["value"], [[text]], ()) for text in (told, found))
    assert cookbook.same(one, other) is agree


def test_a_row_more_is_seen(cookbook: ModuleType) -> None:
    assert not cookbook.same(cookbook.drawn(["n"], [["1"]], ()), cookbook.drawn(["n"], [["1"], ["1"]], ()))


def test_a_right_page_stays_as_it_is_whatever_varies(cookbook: ModuleType) -> None:
    page, differing = cookbook.answered(PAGE, lambda query: (["n", "seconds"], [["0.5", "17.2"]]))
    assert (page, differing) == (PAGE, [])


def test_a_wrong_answer_is_told_and_replaced(cookbook: ModuleType) -> None:
    page, differing = cookbook.answered(PAGE, lambda query: (["n", "seconds"], [["0.8", "17.2"]]))
    assert page == PAGE.replace("|0.5|", "|0.8|")
    assert len(differing) == 1
    assert differing[0].startswith("1. How many?")
