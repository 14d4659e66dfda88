"""What the code itself says of its structure: which package imports which, which job reads and writes which table.

Nothing is imported for it: the sources are parsed. Pictures are SVG of plain shapes, legible on light and dark ground.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[2]
LIB, JOBS = ROOT / "lib", ROOT / "jobs"
PACKAGE = "classically_punk"

LAYERS = ("foundation", "audio", "features", "modelling", "reporting", "app", "spark", "jobs")
"""In the order of the data; `foundation` are the modules beside the packages: errors, settings, genres, atomic."""

READS, WRITES = {"read"}, {"append", "insert", "merge", "replace", "write_changed", "assign", "remove"}
"""Methods of `tables.Warehouse` whose first argument is a table."""

Key = tuple[str, str]  # module, qualified name in it


# --- imports ----------------------------------------------------------------------------------------------------------


def imports() -> dict[tuple[str, str], int]:
    """(importing layer, imported layer) -> how many modules of the one import something of the other."""
    found: dict[tuple[str, str], set[Path]] = {}
    for file in _sources():
        for module in _imported(file):
            used = _layer(module)
            if used and used != (own := _layer(_module(file))):
                found.setdefault((own, used), set()).add(file)
    return {edge: len(files) for edge, files in sorted(found.items())}


def _sources() -> list[Path]:
    return sorted([*LIB.rglob("*.py"), *JOBS.glob("*.py")])


def _module(file: Path) -> str:
    below = file.relative_to(LIB) if LIB in file.parents else file.relative_to(ROOT)
    parts = below.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _layer(module: str) -> str:
    """The layer of a module; empty for one that is not the project's."""
    first, _, rest = module.partition(".")
    if first == "jobs":
        return "jobs"
    if first != PACKAGE:
        return ""
    name = rest.partition(".")[0]
    return name if (LIB / PACKAGE / name).is_dir() and name else "foundation"


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(_parsed(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


# --- jobs and tables --------------------------------------------------------------------------------------------------


def tables_of_jobs() -> dict[str, dict[str, str]]:
    """Job -> table -> `reads`, `writes` or `reads, writes`: what the functions name that its `main` can reach.

    Tables that are opened by a name known only at run time are not seen: all of them are, by every job, as the
    warehouse is opened.
    """
    bodies: dict[Key, list[ast.AST]] = {}
    known: dict[str, dict[str, Key]] = {}
    constants: dict[Key, str] = {}
    for file in (*sorted((LIB / PACKAGE / "spark").glob("*.py")), *sorted(JOBS.glob("*.py"))):
        module, tree = _module(file), _parsed(file)
        known[module] = {}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                bodies[module, node.name] = [node]
                known[module][node.name] = (module, node.name)
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                constants |= {(module, str(target.id)): str(node.value.value)
                              for target in node.targets if isinstance(target, ast.Name)}  # fmt: skip
            elif isinstance(node, ast.ImportFrom) and node.module:
                known[module] |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
    found = {}
    for file in sorted(JOBS.glob("*.py")):
        uses: dict[str, set[str]] = {}
        for key in _reached((_module(file), "main"), bodies, known):
            for table, verb in _named(key[0], bodies[key], constants):
                uses.setdefault(table, set()).add(verb)
        found[file.stem] = {table: ", ".join(sorted(verbs)) for table, verbs in sorted(uses.items())}
    return found


def _reached(start: Key, bodies: Mapping[Key, list[ast.AST]], known: Mapping[str, Mapping[str, Key]]) -> set[Key]:
    """Functions and classes that can be reached from one, by the names that stand in their bodies."""
    seen, waiting = set(), [start]
    while waiting:
        key = waiting.pop()
        if key in seen or key not in bodies:
            continue
        seen.add(key)
        names = known[key[0]]
        for node in (inner for body in bodies[key] for inner in ast.walk(body)):
            if isinstance(node, ast.Name) and node.id in names:
                waiting.append(names[node.id])
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
                package, name = names[node.value.id]
                waiting.append((f"{package}.{name}", node.attr))
    return seen


def _named(module: str, bodies: Sequence[ast.AST], constants: Mapping[Key, str]) -> Iterator[tuple[str, str]]:
    for node in (inner for body in bodies for inner in ast.walk(body)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        owner, first = node.func.value, node.args[0]
        if ast.unparse(owner) not in ("warehouse", "self.warehouse"):
            continue
        verb = "reads" if node.func.attr in READS else "writes" if node.func.attr in WRITES else ""
        if verb and isinstance(first, ast.Constant):
            yield str(first.value), verb
        elif verb and isinstance(first, ast.Name) and (module, first.id) in constants:
            yield constants[module, first.id], verb


# --- pictures ---------------------------------------------------------------------------------------------------------

INK, READ, WRITE = "#5b6470", "#3f7fbf", "#c0504d"


def imports_picture(edges: Mapping[tuple[str, str], int]) -> str:
    """Layers in a row, an arc over them from each to those that it imports; its width tells how many modules do."""
    step, base, box = 118, 250, 98
    at = {layer: 60 + number * step for number, layer in enumerate(LAYERS)}
    shapes = []
    for (importer, imported), modules in edges.items():
        left, right = at[imported], at[importer]
        height = 22 + 0.24 * abs(right - left)
        path = f"M{right},{base} C{right},{base - height * 1.3:.0f} {left},{base - height * 1.3:.0f} {left},{base}"
        title = f"<title>{escape(f'{importer} imports {imported}: {modules} modules')}</title>"
        width = 0.8 + 0.28 * min(modules, 12)
        line = f'stroke="{READ}" stroke-opacity=".55" stroke-width="{width:.1f}"'
        shapes.append(f'<path d="{path}" fill="none" {line}>{title}</path>')
    for layer, x in at.items():
        shapes += [
            f'<rect x="{x - box / 2}" y="{base}" width="{box}" height="30" rx="5" fill="#eef2f6" stroke="{INK}"/>',
            f'<text x="{x}" y="{base + 20}" text-anchor="middle" fill="#222">{layer}</text>',
        ]
    return _svg(at["jobs"] + 60, base + 40, shapes)


def tables_picture(uses: Mapping[str, Mapping[str, str]], tables: Sequence[str]) -> str:
    """Jobs on the left, tables on the right: a red line where the job writes, a blue one where it only reads."""
    rows = max(len(uses), len(tables))
    jobs_at = {job: 24 + (number + 0.5) * 30 * rows / len(uses) for number, job in enumerate(uses)}
    tables_at = {table: 24 + (number + 0.5) * 30 * rows / len(tables) for number, table in enumerate(tables)}
    shapes = []
    for job, y in jobs_at.items():
        for table, verbs in uses[job].items():
            writes = "writes" in verbs
            title = f"<title>{escape(f'{job} {verbs} {table}')}</title>"
            path = f"M190,{y:.0f} C320,{y:.0f} 340,{tables_at[table]:.0f} 470,{tables_at[table]:.0f}"
            colour, opacity, width = (WRITE, 0.8, 1.8) if writes else (READ, 0.4, 1.1)
            line = f'stroke="{colour}" stroke-opacity="{opacity}" stroke-width="{width}"'
            shapes.append(f'<path d="{path}" fill="none" {line}>{title}</path>')
    for name, x, y, anchor in (
        *((job, 182, y, "end") for job, y in jobs_at.items()),
        *((table, 478, y, "start") for table, y in tables_at.items()),
    ):
        shapes.append(f'<text x="{x}" y="{y + 5:.0f}" text-anchor="{anchor}" fill="{INK}">{escape(name)}</text>')
    shapes.append(
        f'<text x="190" y="14" fill="{WRITE}">writes</text><text x="250" y="14" fill="{READ}">reads only</text>'
    )
    return _svg(640, 30 + 30 * rows, shapes)


def _svg(width: float, height: float, shapes: Sequence[str]) -> str:
    style = 'font-family="system-ui, sans-serif" font-size="14"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" {style}>' + "\n".join(shapes) + "</svg>\n"
    )
