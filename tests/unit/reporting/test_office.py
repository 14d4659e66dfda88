"""Slides as PDF: by LibreOffice where there is one, in words where there is none or it fails."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from classically_punk.reporting import office
from classically_punk.reporting.deck import write_deck
from classically_punk.reporting.findings import Findings

Make = Callable[..., Findings]


@pytest.fixture
def soffice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a program of these lines of shell where LibreOffice would be found, and nothing else but what it needs."""

    def put(script: str) -> None:
        (tmp_path / "bin").mkdir()
        program = tmp_path / "bin/soffice"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")

    return put


def test_where_it_is_absent_that_is_said_and_no_old_pdf_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "slides.pdf").write_bytes(b"of an earlier run")
    assert office.write_pdf(tmp_path / "slides.pptx", tmp_path / "slides.pdf") == "LibreOffice is not installed"
    assert not (tmp_path / "slides.pdf").exists()


def test_it_gets_a_profile_of_its_own_and_its_pdf_is_kept(tmp_path: Path, soffice: Callable[[str], None]) -> None:
    soffice(f'echo "$@" > {tmp_path}/asked; shift 5; mkdir -p "$2"; printf pdf > "$2/slides.pdf"')
    assert office.write_pdf(tmp_path / "slides.pptx", tmp_path / "slides.pdf") is None
    assert (tmp_path / "slides.pdf").read_bytes() == b"pdf"
    asked = (tmp_path / "asked").read_text()
    assert "-env:UserInstallation=file:///" in asked
    assert "--headless" in asked


def test_one_that_hangs_is_ended_with_its_children(tmp_path: Path, soffice: Callable[[str], None]) -> None:
    soffice("sleep 60 & sleep 60")
    start = time.monotonic()
    told = office.write_pdf(tmp_path / "slides.pptx", tmp_path / "slides.pdf", timeout_s=0.5)
    assert told == "LibreOffice took more than 0.5 s"
    assert time.monotonic() - start < 20


def test_one_that_fails_is_told_with_its_status(tmp_path: Path, soffice: Callable[[str], None]) -> None:
    soffice("exit 7")
    told = office.write_pdf(tmp_path / "slides.pptx", tmp_path / "slides.pdf")
    assert told == "LibreOffice could not convert it (status 7)"


@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice")
def test_the_real_one_makes_a_page_of_every_slide(make_findings: Make, tmp_path: Path) -> None:
    write_deck(make_findings(genres=("jazz", "rock"), clips=3), tmp_path / "slides.pptx")
    assert office.write_pdf(tmp_path / "slides.pptx", tmp_path / "slides.pdf") is None
    content = (tmp_path / "slides.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.count(b"/Type/Page/") + content.count(b"/Type/Page>") == 20
