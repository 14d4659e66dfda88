"""The slides: twenty, one message each, in its title; native charts, notes with the source of every number.

The question and the sound (`sounding`), the decision and how good it is (`deciding`), what follows (`following`).
The same findings give the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from classically_punk import atomic
from classically_punk.reporting.deck import deciding, following, sounding
from classically_punk.reporting.deck.sheet import Sheet
from classically_punk.reporting.findings import Findings


def write_deck(findings: Findings, path: Path) -> None:
    """Write the slides of `findings` to `path` (.pptx, 16:9)."""
    sheet = Sheet(findings)
    sounding.question(sheet)
    sounding.digital_audio(sheet)
    sounding.library(sheet)
    sounding.data(sheet)
    sounding.thrown_out(sheet)
    for family in ("tempo", "pitch", "timbre", "loudness"):
        sounding.family(sheet, family)
    deciding.one_clip(sheet)
    deciding.how_good(sheet)
    deciding.beside_others(sheet)
    deciding.where_it_fails(sheet)
    following.listeners_and_artists(sheet)
    following.money(sheet)
    following.launch(sheet)
    following.assumptions(sheet)
    following.risks(sheet)
    following.production(sheet)
    following.next_steps(sheet)
    atomic.replace(path, sheet.content())
