"""No outside text ever becomes SQL: what is parsed as SQL is a constant of the source, values go in as columns."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "lib").rglob("*.py"), *(ROOT / "jobs").rglob("*.py")])

ALLOWED = {
    # file and call: why it may
    ("lib/classically_punk/spark/sql_shell.py", "sql(statement)"): "the shell runs what its user typed",
}
PARSED = {"sql", "expr", "selectExpr"}
"""Calls all of whose text is SQL: nothing but constants."""
CONDITION = {"where", "filter"}
"""Calls that take a column or SQL: a column may be anything, text must be a constant."""
KEYWORD = re.compile(
    r"\b(SELECT|INSERT INTO|DELETE FROM|DROP (TABLE|SCHEMA)|CREATE (TABLE|SCHEMA|VIEW)|MERGE INTO|ALTER TABLE|WHERE|"
    r"UNION|IS (NOT )?NULL)\b"
)


def built_text(node: ast.expr, built: set[str]) -> bool:
    """Whether an expression puts text together: f-string, + or % on text, format, join, or a name for one of these."""
    if isinstance(node, ast.JoinedStr):
        return True
    if isinstance(node, ast.Name):
        return node.id in built
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        return any(is_text(side) or built_text(side, built) for side in (node.left, node.right))
    if isinstance(node, ast.IfExp):
        return built_text(node.body, built) or built_text(node.orelse, built)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in ("format", "join", "replace") and is_text(node.func.value)
    return False


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def found_in(source: str) -> list[str]:
    """Every place of a source where text that is no constant may be parsed as SQL."""
    tree = ast.parse(source)
    built: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and built_text(node.value, built):
            built |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            words = " ".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
            if KEYWORD.search(words):
                found.append(ast.unparse(node))
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = [*node.args, *(word.value for word in node.keywords)]
        shown = f"{name}({', '.join(map(ast.unparse, given))})"
        as_sql = name in PARSED and not all(is_text(one) for one in given)
        as_condition = name in CONDITION and any(built_text(one, built) for one in given)
        if as_sql or as_condition:
            found.append(shown)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_text_but_a_constant_is_parsed_as_sql(file: Path) -> None:
    name = str(file.relative_to(ROOT))
    assert [one for one in found_in(file.read_text(encoding="utf-8")) if (name, one) not in ALLOWED] == []


def test_the_list_of_exceptions_has_none_that_is_not_needed() -> None:
    for name, call in ALLOWED:
        assert call in found_in((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "planted",
    [
        "spark.sql(f'DROP TABLE {name}')",
        "spark.sql('SELECT * FROM ' + name)",
        "spark.sql(query)",
        "F.expr('genre = %s' % genre)",
        "rows.selectExpr(*columns)",
        "rows.where(f\"genre = '{genre}'\")",
        "rows.filter(\"genre = '{}'\".format(genre))",
        "text = 'genre = ' + genre\nrows.where(text)",
        "rows.where(\"genre IN (\" + ', '.join(genres) + ')')",
        "query = f'SELECT * FROM punk.files WHERE path = {path}'",
    ],
)
def test_a_planted_one_is_found(planted: str) -> None:
    assert found_in(planted)


@pytest.mark.parametrize(
    "harmless",
    [
        "rows.where(\"status = 'accepted'\")",
        "rows.where(F.col('genre') == genre)",
        "spark.sql('CREATE SCHEMA IF NOT EXISTS punk')",
        "np.where(a > b, a + b, b)",
    ],
)
def test_what_is_harmless_passes(harmless: str) -> None:
    assert found_in(harmless) == []
