"""The documentation site: it builds offline, says all that the code defines, and its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest
from tests.conftest import ROOT

from classically_punk.errors import WARNINGS, ClipError
from classically_punk.features import catalogue
from classically_punk.settings import Settings

KEYS = {f"{name}.{key}" for name, section in Settings.model_fields.items() for key in section.annotation.model_fields}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that `scripts/docs` makes, in a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    program = [sys.executable, "-W", "ignore", "docs/making/build.py", str(folder)]
    run = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert run.returncode == 0, f"{run.stdout[-4000:]}\n{run.stderr[-4000:]}"
    return folder


def page(built: Path, name: str) -> str:
    return (built / "source/docs/reference" / f"{name}.md").read_text(encoding="utf-8")


def rows(text: str) -> dict[str, list[str]]:
    """First cell (what stands in its back-quotes) -> the other cells, of every table row."""
    found = {}
    for line in text.splitlines():
        if match := re.match(r"\| `([^`]+)`(.*) \|$", line):
            found[match[1]] = [cell.strip() for cell in re.split(r"(?<!\\)\|", match[2])]
    return found


def test_every_page_of_the_repository_is_on_the_site(built: Path) -> None:
    pages = [file.relative_to(ROOT) for file in (ROOT / "docs").rglob("*.md")]
    assert len(pages) > 8
    assert [page for page in pages if not (built / "html" / page.with_suffix(".html")).is_file()] == []
    index = (built / "html/index.html").read_text(encoding="utf-8")
    assert [page for page in pages if f'href="{page.with_suffix(".html")}"' not in index] == []


def test_every_feature_has_unit_meaning_and_a_picture_of_five_ladders(built: Path) -> None:
    text = page(built, "features")
    told = rows(text)
    columns = catalogue.columns("punk")
    assert list(told) == [c.name for family in dict.fromkeys(c.family for c in columns) for c in columns
                          if c.family == family]  # fmt: skip
    for column in columns:
        assert told[column.name][0] == f"[{column.unit}]"
        assert told[column.name][1].startswith(column.meaning)
        drawing = ElementTree.parse(built / "source/docs/reference/pictures" / f"{column.name}.svg")
        lines = drawing.findall("{http://www.w3.org/2000/svg}polyline")
        numbers = [float(n) for line in lines for n in re.split("[ ,]", str(line.get("points")))]
        assert len(numbers) == 5 * 5 * 2
        assert all(0 <= number <= 362 for number in numbers)
    for entry in catalogue.CATALOGUE:
        assert entry.source.split("|")[0].split("<")[0] in text


def test_a_picture_shows_what_moves_a_feature(making: dict[str, ModuleType]) -> None:
    told = making["pictures"].answers()
    drawn = making["pictures"].picture("tempo_bpm", told)
    heights = [
        [float(point.split(",")[1]) for point in line.split()] for line in re.findall(r'points="([^"]*)"', drawn)
    ]
    faster, louder = heights[list(told).index("faster")], heights[list(told).index("louder")]
    assert faster == sorted(faster, reverse=True)  # upwards is smaller
    assert faster[0] != faster[-1]
    assert len(set(louder)) == 1


def test_every_reason_code_has_a_remedy_and_every_warning_a_meaning(built: Path) -> None:
    reasons, _, warnings = page(built, "reasons").partition("## Warnings")
    told = rows(reasons)
    for error in ClipError.__subclasses__():
        in_a_line, means, remedy = told[error.code][1:]
        assert min(len(in_a_line), len(means), len(remedy)) > 4, error.code
    assert set(rows(warnings)) == set(WARNINGS)
    assert all(len(means) > 4 for _, means in rows(warnings).values())


def test_every_key_of_the_configuration_stands_with_default_and_meaning(built: Path) -> None:
    told = rows(page(built, "settings"))
    assert set(told) == KEYS
    assert told["evaluation.folds"][1:3] == ["whole number ≥&nbsp;2 ≤&nbsp;100", "`5`"]
    assert all(meaning for *_, meaning in told.values())


def test_tables_scripts_and_jobs_are_all_there(built: Path) -> None:
    from classically_punk.spark import schemas

    tables = page(built, "tables")
    scalars = {column.name for column in catalogue.columns("punk")}
    for table, schema in schemas.tables().items():
        assert f"\n## {table}\n" in tables
        assert [name for name in set(schema.names) - scalars if f"| `{name}` |" not in tables] == []
    commands = rows(page(built, "commands"))
    scripts = {f"scripts/{file.name}" for file in (ROOT / "scripts").iterdir() if file.suffix == ""}
    assert scripts | {file.stem for file in (ROOT / "jobs").glob("*.py")} == set(commands)
    assert all(len(cells[1]) > 10 for cells in commands.values())


def test_what_pages_tell_to_type_exists() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    scripts = set(re.findall(r"(?<![\w/.])scripts/(\w+)", text))
    assert [name for name in sorted(scripts) if not (ROOT / "scripts" / name).is_file()] == []
    given = set(re.findall(r"--(\w+\.\w+)=", text)) - {"section.key"}
    assert len(given) > 8
    assert given <= KEYS


def test_the_diagrams_say_what_is_known_of_the_code(making: dict[str, ModuleType]) -> None:
    structure = making["structure"]
    order = {layer: at for at, layer in enumerate(structure.LAYERS)}
    edges = structure.imports()
    assert all(order[one] > order[other] for one, other in edges), "imports go one way"
    assert {("jobs", "spark"), ("spark", "features"), ("app", "audio")} <= set(edges)
    assert ("spark", "app") not in edges
    uses = structure.tables_of_jobs()
    assert set(uses) == {file.stem for file in (ROOT / "jobs").glob("*.py")}
    written = {job: {table for table, verbs in tables.items() if "writes" in verbs} for job, tables in uses.items()}
    assert {"files", "clips", "rejects", "features", "fingerprints", "runs"} <= written["ingest_clips"]
    assert "models" in written["train_genres"]
    assert {"predictions", "metrics"} <= written["evaluate_genres"]
    assert "models" not in written["ingest_clips"]
    assert written["write_report"] == {"runs"}
    assert written["query_tables"] == set()
    for job in ("ingest_clips", "train_genres", "evaluate_genres"):
        assert written[job] <= written["run_pipeline"]


def test_a_broken_link_and_anything_from_outside_is_found(making: dict[str, ModuleType], tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there">good</a><a href="b.html#gone">no place</a><a href="c.html">no page</a>'
        '<a href="https://example.org">may be followed</a><img src="https://example.org/x.png"><img src="d.png">'
    )
    (tmp_path / "b.html").write_text('<h1 id="there">b</h1><script src="//example.org/x.js"></script>')
    (tmp_path / "s.css").write_text("@font-face { src: url('https://example.org/f.woff') }")
    found = making["build"].broken_links(tmp_path)
    assert found == [
        "a.html loads https://example.org/x.png",
        "a.html: b.html#gone",
        "a.html: c.html",
        "a.html: d.png",
        "b.html loads //example.org/x.js",
        "s.css loads url('https://example.org/f.woff')",
    ]


def test_a_misspelt_word_is_found(making: dict[str, ModuleType], tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("A colour of recieved wisdom.\n")  # codespell:ignore
    assert making["build"].codespell("--quiet-level=3", str(tmp_path)) != 0
