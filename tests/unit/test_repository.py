"""What lies in the repository: nothing of the machine it was made on, and everything that the README names."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = {".py", ".toml", ".md", ".conf", ".lock", ".sh", ".cfg", ".txt", ".yaml", ".yml", ".html", ".j2", ".css", ""}

# Spelled in pieces, so that this file is not its own find.
MACHINE = re.compile("(?<![\\w.])/" + "(?:work|root|home/[a-z]|Users/[A-Za-z]|tmp/[a-z])")
REGISTRY = re.compile(
    "|".join(
        ["pypi" + r"\.org", "python" + r"hosted\.org", "repo1" + r"\.maven", "maven" + r"\.org", "--index" + "-url"]
    )
)


def git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def kept() -> list[Path]:
    """Every file that is tracked, or would be by the next `git add`."""
    names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def texts() -> list[tuple[Path, str]]:
    return [(file, file.read_text(encoding="utf-8")) for file in kept() if file.suffix in TEXT]


@pytest.mark.parametrize(("what", "pattern"), [("a machine's path", MACHINE), ("a registry's host", REGISTRY)])
def test_no_file_names(what: str, pattern: re.Pattern[str]) -> None:
    found = [f"{file.relative_to(ROOT)}: {match[0]}" for file, text in texts() for match in pattern.finditer(text)]
    assert found == [], what


def test_the_patterns_find_what_they_are_for() -> None:
    assert MACHINE.search("see /" + "work/main")
    assert not MACHINE.search("../" + "work/main")
    assert REGISTRY.search("https://files." + "python" + "hosted.org/x")


def test_every_locked_package_has_a_version_and_a_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    packages = re.split(r"\n(?=\S)", lock.strip())
    assert len(packages) > 50
    for package in packages:
        assert re.match(r"[a-z0-9.-]+==\S+", package), package
        assert "--hash=sha256:" in package, package


def test_the_lock_holds_every_direct_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {re.split(r"[<>=!~\[ ;]", one)[0].lower() for one in wanted}
    locked = set(re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert names <= locked


def test_git_keeps_the_package_and_leaves_out_what_is_made() -> None:
    names = {str(file.relative_to(ROOT)) for file in kept()}
    assert "lib/classically_punk/errors.py" in names
    ignored = git("check-ignore", ".venv/x", "demo/x", "gtzan/x", "build/x", "dist/x", "spark-warehouse/x").split()
    assert len(ignored) == 6


def test_the_licence_is_the_one_that_is_declared() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"


def test_every_script_can_be_run_and_parses() -> None:
    scripts = [ROOT / ".ci/run", *(file for file in (ROOT / "scripts").iterdir() if file.suffix == "")]
    assert len(scripts) > 5
    for script in scripts:
        assert os.access(script, os.X_OK), script
        subprocess.run(["bash", "-n", script], check=True)


def test_every_command_and_file_the_readme_names_exists() -> None:
    readme = (ROOT / "README.md").read_text()
    named = set(re.findall(r"(?<![\w/.<])((?:scripts|jobs|conf|docs|notebooks|tests)/[\w./-]*\w)", readme))
    assert len(named) > 5
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
