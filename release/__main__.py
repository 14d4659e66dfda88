"""`python -m release [--to FOLDER]`: everything that a cluster needs, into `dist/`; called by `scripts/package`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from release import archives, environment, libraries, parts

Made = TypeVar("Made")

ROOT = Path(__file__).resolve().parents[1]
JARS = ROOT / "release" / "jars.sha256"
OF_NUMBA = "numba keeps the place of the sources and addresses of the compiling process"
OLDEST = 1_577_836_800
"""The time of everything where no commit tells one: 2020-01-01."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT / "dist", help="folder of the release (default dist)")
    parser.add_argument("--jars", type=Path, required=True, help="folder in which set-up has left the Delta JARs")
    arguments = parser.parse_args()
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or _time_of_commit())
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch)
    target: Path = arguments.to
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="punk-release-") as folder:
        make(target, Path(folder), arguments.jars, epoch)
    return 0


def make(target: Path, place: Path, jars: Path, epoch: int) -> None:
    """Makes the release in `target`, with `place` as a workshop."""
    wheel = _step("wheel", lambda: _wheel(target))
    shutil.copyfile(wheel, target / f"{wheel.name.split('-py3')[0]}.zip")
    files = _step("Delta JARs", lambda: _checked_jars(jars, target / "jars"))
    for name in ("jobs", "conf"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    made = _step("environment", lambda: environment.build(place / "build" / "env", wheel, epoch))
    archive = target / f"{wheel.name.split('-py3')[0]}-{environment.tag()}-env.tar.gz"
    _step("archive", lambda: archives.write_tar(made.tree, archive, epoch))
    if out := list(archives.leaving(archive)):
        raise ValueError(f"links that leave the archive: {out[:5]}")
    shut = _step("proof", lambda: environment.prove(archive, place / "elsewhere"))
    bom = parts.inventory(made, files, epoch)
    count = parts.write_sbom(bom, target / "sbom.cdx.json")
    parts.write_licences(bom, target / "licences.txt")
    about = {
        "archive": archive.name,
        "needs": {"glibc": made.glibc, "libraries": sorted(libraries.BASELINE)},
        "brought_from_the_system": [name for name, _ in made.libraries],
        "changed_search_paths": [str(file.relative_to(made.tree)) for file in made.changed],
        "differs": {str(file.relative_to(made.tree)): OF_NUMBA for file in made.compiled()},
        "imports_proven": shut,
        "source_date_epoch": epoch,
        "python": sys.version,
    }
    (target / "environment.json").write_text(json.dumps(about, indent=1) + "\n")
    sums = [f"{archives.sha256(path)}  {path.relative_to(target)}" for path in archives.members(target)]
    (target / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    print(f"{archive.name}: {archive.stat().st_size / 2**20:.0f} MB, needs glibc {made.glibc}, proven {shut}")
    print(f"sbom.cdx.json: {count} parts")


def _step(name: str, work: Callable[[], Made]) -> Made:
    """Does a piece of work and says how long it took."""
    began = time.monotonic()
    result = work()
    print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return result


def _time_of_commit() -> int:
    run = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    return int(run.stdout) if run.returncode == 0 and run.stdout.strip() else OLDEST


def _wheel(target: Path) -> Path:
    line: list[str | Path] = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", target]
    subprocess.run(line, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = target.glob("*.whl")
    return wheel


def _checked_jars(source: Path, target: Path) -> list[Path]:
    """Copies the JARs that `jars.sha256` names. Raises ValueError where one is another."""
    target.mkdir()
    copied = []
    for line in JARS.read_text().splitlines():
        digest, name = line.split()
        if not (source / name).is_file():
            raise FileNotFoundError(f"{name} is not in {source}")
        if archives.sha256(source / name) != digest:
            raise ValueError(f"{source / name} is not the file that {JARS.name} names")
        copied.append(Path(shutil.copyfile(source / name, target / name)))
    return copied


if __name__ == "__main__":
    sys.exit(main())
