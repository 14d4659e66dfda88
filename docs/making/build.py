"""Builds the documentation: the pages of the repository, the reference made from the code, and a site of both.

    python docs/making/build.py FOLDER

`FOLDER/source` holds everything as Markdown, `FOLDER/html` the site. Links and spelling are checked; a warning of
Sphinx is an error. Nothing is fetched.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pictures
import structure
from codespell_lib import main as codespell
from sphinx.cmd.build import build_main

import reference

ROOT = Path(__file__).resolve().parents[2]

CONTENTS = {
    "Start": ("README", "docs/tutorial", "docs/how-to", "docs/cookbook", "notebooks/README"),
    "Explanation": ("docs/design", "docs/layout", "docs/audio-input"),
    "Reference": (
        *("docs/classify", "docs/reference/features", "docs/reference/reasons", "docs/reference/settings"),
        *("docs/reference/tables", "docs/reference/commands", "docs/reference/python-foundation"),
        *(f"docs/reference/python-{package}" for package in reference.PACKAGES),
    ),
    "Changes": ("CHANGELOG",),
}
"""Caption -> pages, without their ending; pages of `docs/` that stand nowhere here follow the explanations."""


def write_source(folder: Path) -> None:
    """The pages as Markdown, laid out as in the repository, so that their links hold; the generated ones among them."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("making"))
    (folder / "notebooks").mkdir()
    for name in ("README.md", "CHANGELOG.md", "notebooks/README.md"):
        shutil.copy(ROOT / name, folder / name)
    made = folder / "docs" / "reference"
    (made / "pictures").mkdir(parents=True)
    told = pictures.answers()
    for column in reference.catalogue.columns("punk"):
        _write(made / "pictures" / f"{column.name}.svg", pictures.picture(column.name, told))
    _write(made / "features.md", reference.features_page("pictures"))
    _write(made / "reasons.md", reference.reasons_page())
    _write(made / "settings.md", reference.settings_page())
    _write(made / "tables.md", reference.tables_page())
    _write(made / "commands.md", reference.commands_page())
    _write(made / "python-foundation.md", reference.foundation_page())
    for package in reference.PACKAGES:
        _write(made / f"python-{package}.md", reference.package_page(package))
    _write_design(folder / "docs")
    pages = [str(file.relative_to(folder).with_suffix("")) for file in sorted((folder / "docs").rglob("*.md"))]
    _write(folder / "index.md", _index(pages))


def _write_design(docs: Path) -> None:
    """The diagrams of the design page, and the table behind the second, below the page's own text."""
    uses = structure.tables_of_jobs()
    tables = list(dict.fromkeys(table for of_job in uses.values() for table in of_job))
    _write(docs / "imports.svg", structure.imports_picture(structure.imports()))
    _write(docs / "tables.svg", structure.tables_picture(uses, tables))
    lines = ["", "## Drawn from the code", "", "Which package imports which: arcs lead from each to the left.", "",
             "![imports between packages](imports.svg)", "", "Which job reads and writes which table:", "",
             "![jobs and tables](tables.svg)", "", "| job | reads | writes |", "|---|---|---|"]  # fmt: skip
    for job, of_job in uses.items():
        read = ", ".join(table for table, verbs in of_job.items() if "reads" in verbs)
        written = ", ".join(table for table, verbs in of_job.items() if "writes" in verbs)
        lines.append(f"| `{job}` | {read or '–'} | {written or '–'} |")
    page = docs / "design.md"
    _write(page, page.read_text(encoding="utf-8") + "\n".join(lines) + "\n")


def _index(pages: Sequence[str]) -> str:
    named = {page for listed in CONTENTS.values() for page in listed}
    others = [page for page in pages if page not in named]
    parts = ["# Classically Punk on Spark", "", "Audio files in, a genre report out.",
             "Start with the [README](README.md) or the [tutorial](docs/tutorial.md)."]  # fmt: skip
    for caption, listed in CONTENTS.items():
        here = [*listed, *others] if caption == "Explanation" else listed
        parts += ["", "```{toctree}", f":caption: {caption}", ":maxdepth: 1", "", *here, "```"]
    return "\n".join(parts) + "\n"


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


class Links(HTMLParser):
    """What a page names: links, what it loads from elsewhere, and the places that can be linked to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.places |= {value for key in ("id", "name") if (value := told.get(key))}
        if tag == "a" and told.get("href"):
            self.links.append(str(told["href"]))
        elif tag in ("img", "script", "source", "iframe") and told.get("src"):
            self.loaded.append(str(told["src"]))
        elif tag == "link" and told.get("href"):
            self.loaded.append(str(told["href"]))


def broken_links(site: Path) -> list[str]:
    """Links and assets of a built site that lead nowhere, and everything that it would load from another host."""
    pages = {file: Links(file.read_text(encoding="utf-8")) for file in site.rglob("*.html")}
    wrong = []
    for file, page in pages.items():
        for link in (*page.links, *page.loaded):
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "mailto") or link.startswith("//"):
                if link in page.loaded:
                    wrong.append(f"{file.relative_to(site)} loads {link}")
                continue
            if parts.scheme:  # data:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            target = target / "index.html" if target.is_dir() else target
            place = unquote(parts.fragment)
            if not target.is_file() or (place and target in pages and place not in pages[target].places):
                wrong.append(f"{file.relative_to(site)}: {link}")
    outside = re.compile(r"url\(\s*['\"]?(?:https?:)?//[^)]*\)|@import\s+['\"]?(?:https?:)?//[^;]*")
    for style in site.rglob("*.css"):
        wrong += [f"{style.relative_to(site)} loads {found[0]}" for found in outside.finditer(style.read_text("utf-8"))]
    return sorted(set(wrong))


def main(argv: Sequence[str]) -> int:
    """Builds and checks; the exit status is the return value."""
    if len(argv) != 1:
        print("usage: build.py FOLDER", file=sys.stderr)
        return 2
    folder = Path(argv[0]).resolve()
    source, site = folder / "source", folder / "html"
    write_source(source)
    misspelt = codespell("--quiet-level=3", "--skip=*.svg", "--ignore-words-list=caf,inforce", str(source))
    shutil.rmtree(site, ignore_errors=True)
    words = ["-q", "-W", "--keep-going", "-n", "-E", "-b", "html", "-c", str(Path(__file__).parent)]
    failed = build_main([*words, "-d", str(folder / "doctrees"), str(source), str(site)])
    wrong = broken_links(site)
    for line in wrong:
        print(f"broken: {line}")
    print(f"site: {site / 'index.html'}")
    return 1 if failed or wrong or misspelt else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
