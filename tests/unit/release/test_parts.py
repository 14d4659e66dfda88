"""The list of parts: codecs told by the library itself, a document that its schema allows, checksums of the JARs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import soundfile
from cyclonedx.model.bom import Bom
from release import environment, packages, parts

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def library() -> Path:
    (file,) = Path(soundfile.__file__).parent.glob("_soundfile_data/libsndfile_*.so")
    return file


@pytest.fixture(scope="module")
def bom(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Bom:
    folder = tmp_path_factory.mktemp("release")
    jar = folder / "io.delta_delta-spark_4.2_2.13-4.4.0.jar"
    jar.write_bytes(b"jar")
    made = environment.Environment(library.parents[1], Path(), packages.closure(), [], [], "2.17")
    return parts.inventory(made, [jar], 1_700_000_000)


def test_codecs_are_those_that_libsndfile_was_built_with(library: Path) -> None:
    found = {part.name: part.version for part in parts.codecs(library)}
    assert found["libsndfile"] == soundfile.__libsndfile_version__
    # The formats it can read are those of its codecs.
    readable = soundfile.available_subtypes()
    for subtype, codec in {"VORBIS": "libvorbis", "OPUS": "opus", "MPEG_LAYER_III": "mpg123"}.items():
        assert (codec in found) is (subtype in readable)
    assert ("flac" in found) is ("FLAC" in soundfile.available_formats())
    assert found["flac"] is not None
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["flac"])


def test_the_document_follows_its_schema_and_names_every_part(bom: Bom, tmp_path: Path) -> None:
    count = parts.write_sbom(bom, tmp_path / "sbom.cdx.json")
    told = json.loads((tmp_path / "sbom.cdx.json").read_text())
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.6")
    named = {part["name"]: part for part in told["components"]}
    assert set(packages.closure()) - {packages.PROJECT} <= set(named)
    assert named["delta-spark_4.2_2.13"]["purl"] == "pkg:maven/io.delta/delta-spark_4.2_2.13@4.4.0"
    (sound,) = [part for part in named["soundfile"]["components"] if part["name"].startswith("libsndfile_")]
    assert {"flac", "opus", "libsndfile"} <= {part["name"] for part in sound["components"]}
    assert count > len(named)
    parts.write_licences(bom, tmp_path / "licences.txt")
    lines = (tmp_path / "licences.txt").read_text().splitlines()
    assert "flac 1.4.3: BSD-3-Clause" in lines or any(line.startswith("flac ") for line in lines)
    assert not [line for line in lines if line.endswith(": ")]


def test_it_is_the_same_document_each_time(bom: Bom, tmp_path: Path) -> None:
    for name in ("one", "two"):
        parts.write_sbom(bom, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_checksums_are_of_the_jars_that_set_up_resolves() -> None:
    lines = (ROOT / "release/jars.sha256").read_text().splitlines()
    (package,) = re.findall(r"^delta_package=(\S+)$", (ROOT / "scripts/setup").read_text(), re.MULTILINE)
    group, name, version = package.split(":")
    assert all(re.fullmatch(r"[0-9a-f]{64}  io\.\S+\.jar", line) for line in lines)
    assert f"{group}_{name}-{version}.jar" in {line.split()[1] for line in lines}
