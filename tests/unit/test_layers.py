"""Imports go one way: errors, settings, genres <- audio <- features <- modelling <- reporting <- app; spark; jobs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIB = ROOT / "lib"
PACKAGE = "classically_punk"

FOUNDATION = {"", "errors", "settings", "genres", "atomic"}
BELOW = {
    "audio": FOUNDATION,
    "features": FOUNDATION | {"audio"},
    "modelling": FOUNDATION | {"audio", "features"},
    "reporting": FOUNDATION | {"audio", "features", "modelling"},
    "app": FOUNDATION | {"audio", "features", "modelling", "reporting"},
    "spark": FOUNDATION | {"audio", "features", "modelling", "reporting"},
    "jobs": FOUNDATION | {"audio", "features", "modelling", "reporting", "app", "spark"},
}
"""Layer -> what it may import besides itself."""
WITH_SPARK = {"spark", "jobs"}
WITH_DELTA = LIB / PACKAGE / "spark" / "tables.py"

MODULES = sorted([*LIB.rglob("*.py"), *(ROOT / "jobs").rglob("*.py")])


def layer(file: Path) -> str:
    """The folder below the package that holds a file; its own name for the modules beside them."""
    if ROOT / "jobs" in file.parents:
        return "jobs"
    inside = file.relative_to(LIB / PACKAGE)
    if len(inside.parts) == 1:
        return "" if inside.stem == "__init__" else inside.stem
    return inside.parts[0]


def imported(file: Path) -> Iterator[str]:
    """Every module a file names in an import, wherever the import stands; relative ones spelled out."""
    package = [] if ROOT / "jobs" in file.parents else list(file.relative_to(LIB).parent.parts)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def layers_used(file: Path) -> set[str]:
    """The layers of the package that a file imports from."""
    used = set()
    for module in imported(file):
        first, _, rest = module.partition(".")
        if first == PACKAGE:
            name = rest.split(".")[0]
            known = (LIB / PACKAGE / name).is_dir() or (LIB / PACKAGE / f"{name}.py").is_file()
            used.add(name if known else "")  # from classically_punk import __version__
    return used


def third_parties(file: Path) -> set[str]:
    return {module.split(".")[0] for module in imported(file)}


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_module_imports_only_from_its_left(file: Path) -> None:
    own = layer(file)
    allowed = FOUNDATION if own in FOUNDATION else BELOW[own] | {own}
    assert layers_used(file) <= allowed


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_only_spark_and_jobs_import_pyspark_and_only_tables_imports_delta(file: Path) -> None:
    others = third_parties(file)
    assert layer(file) in WITH_SPARK or not others & {"pyspark", "py4j", "delta"}
    assert file == WITH_DELTA or "delta" not in others


def test_every_layer_has_modules_that_this_page_knows() -> None:
    assert {layer(file) for file in MODULES} >= {*BELOW, "errors", "settings", "genres"}
    assert {layer(file) for file in MODULES} <= {*BELOW, *FOUNDATION}


def test_errors_and_genres_import_nothing_of_the_package() -> None:
    for name in ("errors", "genres"):
        assert layers_used(LIB / PACKAGE / f"{name}.py") == set()


def test_a_relative_import_inside_a_function_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / PACKAGE / "audio" / "imagined.py"
    file.parent.mkdir(parents=True)
    file.write_text("def f():\n    from ..spark import tables\n    import pyspark.sql as sql\n")
    monkeypatch.setitem(globals(), "LIB", tmp_path)
    assert set(imported(file)) == {f"{PACKAGE}.spark", f"{PACKAGE}.spark.tables", "pyspark.sql"}
