"""The reference pages, from the catalogue, the errors, the settings, the schemas and the docstrings; Markdown.

Nothing is written here that the code says itself; what is said of it stands in the pages of `docs/`.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from annotated_types import Ge, Gt, Le, Lt

from classically_punk import errors
from classically_punk.features import catalogue
from classically_punk.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
LIB = ROOT / "lib" / "classically_punk"
PACKAGES = ("audio", "features", "modelling", "reporting", "app", "spark")
SIGNS = {Ge: ("ge", "≥"), Gt: ("gt", ">"), Le: ("le", "≤"), Lt: ("lt", "<")}


# --- features ---------------------------------------------------------------------------------------------------------


def features_page(pictures: str) -> str:
    """Every entry of the catalogue and every column of it; `pictures` is the folder of their pictures."""
    lines = [
        "# Features",
        "",
        f"{len(catalogue.columns('punk'))} numbers describe a clip, in {len(catalogue.CATALOGUE)} entries of the",
        f"catalogue (`classically_punk.features.catalogue`); {len(catalogue.columns('classic57'))} of them are those",
        "of the published table of GTZAN (`classic57`). Each is a column of `features` with its unit in the comment.",
        "",
        "The small pictures show the value on synthetic sounds, of which one property changes in five steps while the",
        "others stay: tempo, pitch, brightness, level, noise (`classically_punk.audio.probes`); all share one scale.",
    ]
    families = list(dict.fromkeys(entry.family for entry in catalogue.CATALOGUE))
    for family in families:
        lines += ["", f"## {family}"]
        for entry in (entry for entry in catalogue.CATALOGUE if entry.family == family):
            lines += ["", f"### {entry.name}", "", f"{_cell(entry.source)}.", ""]
            facts = [f"Measured on each {entry.scope}"] if entry.scope == "segment" else ["Measured on the whole clip"]
            facts += [f"conditioning: {entry.conditioning}"] if entry.conditioning != "none" else []
            lines += ["; ".join([*facts, f"needs {entry.min_samples} samples at 22 050 Hz"]) + ".", ""]
            lines += ["| column [unit] | meaning | picture |", "|---|---|---|"]
            lines += [
                f"| `{scalar.name}` [{_cell(scalar.unit)}] | {_cell(scalar.meaning)}{_published(scalar.published)} "
                f"| ![{scalar.name} on five ladders]({pictures}/{scalar.name}.svg) |"
                for scalar in entry.scalars
            ]
    return _page(lines)


# --- reason codes -----------------------------------------------------------------------------------------------------


def reasons_page() -> str:
    """Every reason code with its meaning and remedy, every warning: errors.py and docs/audio-input.md."""
    told = said_of_codes()
    lines = ["# Reason codes", "", "Why a file is not used (`rejects.reason`), from `classically_punk.errors` and "
             "[what audio is read](../audio-input.md).", "",
             "| code | in one line | more exactly | what to do |", "|---|---|---|---|"]  # fmt: skip
    for error in reasons():
        means, remedy = told[error.code]
        lines.append(f"| `{error.code}` | {_cell(_first(error.__doc__))} | {_cell(means)} | {_cell(remedy)} |")
    for code in sorted(set(told) - {error.code for error in reasons()} - set(errors.WARNINGS)):
        means, remedy = told[code]
        lines.append(f"| `{code}` | | {_cell(means)} | {_cell(remedy)} |")
    warnings = said_of_warnings()
    lines += ["", "## Warnings", "", "What is odd about a clip that is used (`clips.warnings`).", "",
              "| warning | means |", "|---|---|"]  # fmt: skip
    lines += [f"| `{code}` | {_cell(warnings[code])} |" for code in errors.WARNINGS]
    return _page(lines)


def reasons() -> list[type[errors.ClipError]]:
    """Every error of one clip, as they stand in the module."""
    return [one for one in vars(errors).values()
            if isinstance(one, type) and issubclass(one, errors.ClipError) and "code" in vars(one)]  # fmt: skip


def said_of_codes() -> dict[str, tuple[str, str]]:
    """Code -> (meaning, remedy) of the hand-written table; a dash becomes words."""
    rows = _table("## Reason codes")
    return {
        code: (means, "nothing: it holds no music to describe" if remedy == "–" else remedy)
        for codes, means, remedy in rows
        for code in re.findall(r"[A-Z][A-Z_]{3,}", codes)
    }


def said_of_warnings() -> dict[str, str]:
    """Warning -> meaning, of the hand-written table."""
    return dict(_table("## Warnings"))


def _table(heading: str) -> list[list[str]]:
    text = (ROOT / "docs" / "audio-input.md").read_text(encoding="utf-8")
    section = text.partition(heading)[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]


# --- configuration ----------------------------------------------------------------------------------------------------


def settings_page() -> str:
    """Every key of the configuration: kind, bounds, default, meaning."""
    lines = ["# Configuration", "", "Keys of the TOML file; each can be overridden as `--section.key=value`.",
             "An unknown key or a value out of its bounds stops a job before Spark starts."]  # fmt: skip
    for section, field in Settings.model_fields.items():
        kind: Any = field.annotation
        lines += ["", f"## {section}", "", _first(kind.__doc__), "",
                  "| key | kind | default | meaning |", "|---|---|---|---|"]  # fmt: skip
        for key, inner in kind.model_fields.items():
            bounds = " ".join(f"{sign}&nbsp;{getattr(limit, attribute)}" for limit in inner.metadata
                              for of, (attribute, sign) in SIGNS.items() if isinstance(limit, of))  # fmt: skip
            default = json.dumps(inner.default, default=str)
            lines.append(f"| `{section}.{key}` | {_cell(_kind(inner.annotation))} {bounds} "
                         f"| `{default}` | {_cell(inner.description or '')} |")  # fmt: skip
    return _page(lines)


def _kind(annotation: Any) -> str:
    text = getattr(annotation, "__name__", "") if isinstance(annotation, type) else str(annotation)
    text = text if isinstance(annotation, type) and "[" not in str(annotation) else str(annotation)
    text = {
        "str": "text",
        "float": "number",
        "int": "whole number",
        "bool": "true or false",
        "SecretStr": "text, never told",
    }.get(text, text)
    if "Literal" in text:
        choices = re.findall(r"'([^']*)'", text)
        shown = ", ".join(f"`{choice}`" for choice in choices)
        plain = " or a number" if "float" in text else ""
        return (f"list of {shown}" if text.startswith("tuple") else f"one of {shown}") + plain
    return text


# --- tables -----------------------------------------------------------------------------------------------------------


def tables_page() -> str:
    """Every table with its columns; those of the features are on a page of their own."""
    from classically_punk.spark import schemas

    scalars = {column.name for column in catalogue.columns("punk")}
    lines = ["# Tables", "", "Delta tables under `warehouse.root`, schema `punk` in Spark SQL."]
    for table, schema in schemas.tables().items():
        lines += ["", f"## {table}", "", "| column | type | meaning |", "|---|---|---|"]
        lines += [
            f"| `{field.name}` | {_cell(field.dataType.simpleString())} | {_cell(field.metadata['comment'])} |"
            for field in schema.fields
            if field.name not in scalars
        ]
        if scalars & set(schema.names):
            lines += ["", f"… and the {len(scalars & set(schema.names))} columns of [the features](features.md)."]
    return _page(lines)


# --- commands ---------------------------------------------------------------------------------------------------------


def commands_page() -> str:
    """Scripts by the comment at their head, jobs by their docstring."""
    lines = ["# Scripts and jobs", "", "## Scripts", "", "| script | what it does |", "|---|---|"]
    scripts = sorted(file for file in (ROOT / "scripts").iterdir() if file.suffix == "" and file.is_file())
    lines += [f"| `scripts/{file.name}` | {_cell(' '.join(_head(file)))} |" for file in scripts]
    lines += ["", "## Jobs", "", "By `scripts/submit NAME`, or by `spark-submit` as the README shows.", "",
              "| job | what it does |", "|---|---|"]  # fmt: skip
    for file in sorted((ROOT / "jobs").glob("*.py")):
        text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        lines.append(f"| `{file.stem}` | {_cell(text.partition(chr(10) * 2)[0])} |")
    return _page(lines)


def _head(script: Path) -> Iterator[str]:
    for line in script.read_text(encoding="utf-8").splitlines()[1:]:
        if not line.startswith("# "):
            return
        yield line.removeprefix("# ")


# --- the package ------------------------------------------------------------------------------------------------------


def package_page(package: str) -> str:
    """Public functions and classes of a package, from their docstrings."""
    folder = LIB / package
    lines = [f"# {package}", "", _docstring(folder / "__init__.py")]
    for file in sorted(folder.glob("*.py")):
        if file.stem.startswith("_"):
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        lines += ["", f"## {package}.{file.stem}", "", _docstring(file)]
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                lines += ["", *_entry(_signature(node), node)]
            elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                bases = ", ".join(ast.unparse(base) for base in node.bases)
                lines += ["", *_entry(f"class {node.name}({bases})" if bases else f"class {node.name}", node)]
                for method in node.body:
                    if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
                        lines += ["", *_entry(f"{node.name}.{_signature(method)}", method)]
    return _page(lines)


def foundation_page() -> str:
    """The modules beside the packages."""
    lines = ["# Foundation", "", "Errors, settings, genres and the atomic replacement of files;",
             "they import nothing of the rest but one another."]  # fmt: skip
    for file in sorted(LIB.glob("*.py")):
        if not file.stem.startswith("_"):
            lines += ["", f"## {file.stem}", "", _docstring(file)]
    return _page(lines)


def _entry(title: str, node: ast.FunctionDef | ast.ClassDef) -> list[str]:
    return ["```python", title, "```", "", ast.get_docstring(node) or ""]


def _signature(node: ast.FunctionDef) -> str:
    arguments = ast.unparse(node.args).removeprefix("self, ").removeprefix("cls, ")
    arguments = "" if arguments in ("self", "cls") else arguments
    return f"{node.name}({arguments})" + (f" -> {ast.unparse(node.returns)}" if node.returns else "")


def _docstring(file: Path) -> str:
    return ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""


# --- shared -----------------------------------------------------------------------------------------------------------


def _first(docstring: str | None) -> str:
    return " ".join((docstring or "").partition("\n\n")[0].split())


def _cell(text: str) -> str:
    """Text that stays in its cell."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _published(name: str | None) -> str:
    return f"; published as `{name}`" if name else ""


def _page(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
