"""What is inside: an SBOM in CycloneDX, checked against its schema, and the licences, from what is really there."""

from __future__ import annotations

import json
import platform
import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import Distribution
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from release.archives import sha256
from release.environment import Environment
from release.packages import PROJECT

SCHEMA = SchemaVersion.V1_6
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "classically-punk/sbom")

CODECS: dict[str, tuple[str, str, str]] = {
    "libsndfile": (r"libsndfile-(\d[\d.]+)", "LGPL-2.1-or-later", "libsndfile-"),
    "flac": (r"reference libFLAC (\d[\d.]+)", "BSD-3-Clause", "libFLAC"),
    "libvorbis": (r"libVorbis (\d\.[\d.]+)", "BSD-3-Clause", "libVorbis"),
    "libogg": (r"libogg (\d\.[\d.]+)", "BSD-3-Clause", "libogg"),
    "opus": (r"libopus (\d[\d.]+)", "BSD-3-Clause", "libopus"),
    "mpg123": (r"mpg123[ -](\d\.[\d.]+)", "LGPL-2.1-only", "mpg123"),
    "lame": (r"\x00(3\.\d{2,3}(?:\.\d+)?)\x00", "LGPL-2.0-or-later", "LAME encoding library"),
}
"""The codecs linked into libsndfile: how each gives its version in the program, its licence, what shows it is there."""


def licence(package: Distribution) -> str:
    """What a package says its licence is: an expression, else its classifiers, else its first line of text."""
    about = package.metadata
    if "License-Expression" in about:
        return about["License-Expression"]
    lines = [str(line) for line in about.get_all("Classifier") or ()]
    named = [line.split(" :: ")[-1] for line in lines if line.startswith("License ::")]
    if named and named != ["OSI Approved"]:
        return " OR ".join(sorted(named)) if len(named) > 1 else named[0]
    text = about["License"].strip() if "License" in about else ""
    return (text.splitlines() or ["not stated"])[0]


def codecs(library: Path) -> list[Component]:
    """The codecs inside the libsndfile of the soundfile wheel, told by the program itself."""
    text = library.read_bytes().decode("latin-1")
    found = []
    for name, (pattern, terms, trace) in CODECS.items():
        if trace in text:
            version = re.search(pattern, text)
            told = version[1] if version else None
            found.append(_component(name, told, terms, note=f"linked into {library.name} of the soundfile wheel"))
    return found


def inventory(environment: Environment, jars: Iterable[Path], epoch: int) -> Bom:
    """Every part: the project, its packages and what is inside their wheels, interpreter, libraries, JARs."""
    project = environment.packages[PROJECT]
    bom = Bom(serial_number=uuid.uuid5(NAMESPACE, f"{project.version} {epoch}"))
    bom.metadata.timestamp = datetime.fromtimestamp(epoch, UTC)
    bom.metadata.component = _component(PROJECT, project.version, licence(project), type=ComponentType.APPLICATION)
    version = platform.python_version()
    bom.components.add(_component("cpython", version, "PSF-2.0", purl=PackageURL("generic", None, "python", version)))
    for name, package in sorted(environment.packages.items()):
        if name != PROJECT:
            bom.components.add(_of_package(name, package, environment.tree))
    for name, source in environment.libraries:
        copy = environment.tree / "lib" / name
        bom.components.add(
            _component(name, None, None, file=copy, note=f"copied from the system where it was built: {source.name}")
        )
    for jar in jars:
        group, _, rest = jar.name.removesuffix(".jar").partition("_")
        name, _, version = rest.rpartition("-")
        bom.components.add(
            _component(name, version, "Apache-2.0", file=jar, purl=PackageURL("maven", group, name, version))
        )
    bom.register_dependency(bom.metadata.component, bom.components)
    return bom


def _of_package(name: str, package: Distribution, tree: Path) -> Component:
    component = _component(
        name, package.version, licence(package), purl=PackageURL("pypi", None, name, package.version)
    )
    for entry in sorted(package.files or (), key=str):
        if ".so" in entry.name and (".libs" in entry.parts[0] or entry.name.startswith("lib")):
            copies = [file for file in tree.rglob(entry.name) if file.match(str(entry))]
            for file in copies:
                note = f"inside the wheel of {name}"
                inside = _component(entry.name, None, None, file=file, note=note, within=f"{entry.parent}/")
                if entry.name.startswith("libsndfile"):
                    inside.components.update(codecs(file))
                component.components.add(inside)
    return component


def _component(
    name: str,
    version: str | None,
    terms: str | None,
    *,
    file: Path | None = None,
    purl: PackageURL | None = None,
    note: str | None = None,
    within: str | None = None,
    type: ComponentType = ComponentType.LIBRARY,
) -> Component:
    return Component(
        name=name,
        version=version,
        type=type,
        purl=purl,
        bom_ref=f"{within or ''}{name}@{version or (sha256(file)[:12] if file else 'unknown')}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256(file))] if file else (),
        licenses=[LicenseFactory().make_from_string(terms)] if terms else (),
        properties=[Property(name="classically-punk:note", value=note)] if note else (),
    )


def write_sbom(bom: Bom, target: Path) -> int:
    """Writes the SBOM -> how many parts it names. Raises ValueError where its schema does not allow it."""
    text = make_outputter(bom, OutputFormat.JSON, SCHEMA).output_as_string(indent=1)
    problem = JsonStrictValidator(SCHEMA).validate_str(text)
    if problem is not None:
        raise ValueError(f"{target.name} does not follow its schema: {problem}")
    target.write_text(text + "\n")
    return sum(1 + len(part.get("components", [])) for part in json.loads(text)["components"])


def write_licences(bom: Bom, target: Path) -> None:
    """The licences of all parts, a line each."""
    lines = ["Parts of this release and their licences; the texts lie in each package's dist-info folder.", ""]
    for part in _all(bom.components):
        terms = " ".join(sorted(_told(each) for each in part.licenses)) or "see the package that it is part of"
        lines.append(f"{part.name} {part.version or ''}".rstrip() + f": {terms}")
    target.write_text("\n".join(lines) + "\n")


def _told(terms: object) -> str:
    return str(getattr(terms, "value", None) or getattr(terms, "id", None) or getattr(terms, "name", ""))


def _all(parts: Iterable[Component]) -> Iterable[Component]:
    for part in sorted(parts, key=lambda part: (part.name.lower(), part.version or "")):
        yield part
        yield from _all(part.components)
