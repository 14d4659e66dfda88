"""The slides as PDF, by LibreOffice where it is installed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from classically_punk import atomic

PROGRAMS = ("soffice", "libreoffice")
TIMEOUT_S = 180.0
ABSENT = "LibreOffice is not installed"


def write_pdf(slides: Path, path: Path, timeout_s: float = TIMEOUT_S) -> str | None:
    """Write the slides (.pptx) as PDF to `path`; or remove what stands there and say in words why there is none.

    LibreOffice runs headless on a profile of its own, and is ended after `timeout_s`.
    """
    problem = _converted(slides, path, timeout_s)
    if problem is not None:
        path.unlink(missing_ok=True)  # one of an earlier run would tell of other numbers
    return problem


def _converted(slides: Path, path: Path, timeout_s: float) -> str | None:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        return ABSENT
    with tempfile.TemporaryDirectory(prefix="punk-slides-") as place:
        profile, out = Path(place) / "profile", Path(place) / "out"
        command = [
            program, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--norestore",
            "--convert-to", "pdf", "--outdir", str(out), str(slides),
        ]  # fmt: skip
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # it starts children, which have to end with it
        ) as running:
            try:
                status = running.wait(timeout_s)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                return f"LibreOffice took more than {timeout_s:g} s"
        made = out / f"{slides.stem}.pdf"
        if status != 0 or not made.is_file():
            return f"LibreOffice could not convert it (status {status})"
        atomic.replace(path, made.read_bytes())
    return None
