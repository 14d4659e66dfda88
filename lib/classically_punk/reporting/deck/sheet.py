"""A presentation in the making: slides with a message on top, lines, tables, charts, and notes that name sources.

Nothing is smaller than 14 pt. Text that would not fit its box gets smaller down to that, then is cut.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

from pptx import Presentation
from pptx.enum.shapes import MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR
from pptx.util import Inches, Pt

from classically_punk.reporting.charts import EPOCH, INK, SMALLEST, Series, add_chart, colour
from classically_punk.reporting.findings import Findings, MetricRow
from classically_punk.reporting.text import short

WIDTH, HEIGHT = Inches(13.333), Inches(7.5)
LEFT, TOP, WIDE, HIGH = Inches(0.7), Inches(1.75), Inches(11.93), Inches(5.0)
SOFT, ACCENT, PANEL = "5A626E", "1F5FAE", "F1F4F8"
NAME = 24  # characters of a genre name inside a sentence
LEAST = 14  # pt
LEADING = 1.25  # height of a line in its size
LETTER = 0.52  # mean width of a letter in its size

Box = tuple[int, int, int, int]  # left, top, width, height in EMU
FULL: Box = (LEFT, TOP, WIDE, HIGH)
HALF = Inches(5.75)
LEFT_HALF: Box = (LEFT, TOP, HALF, HIGH)
RIGHT_HALF: Box = (LEFT + WIDE - HALF, TOP, HALF, HIGH)


class Sheet:
    """Slides of one set of findings."""

    def __init__(self, findings: Findings) -> None:
        self.f = findings
        self.main = findings.evaluated[0] if findings.evaluated else None
        self.deck = Presentation()
        self._widen()

    def slide(self, title: str) -> Any:
        """A new slide with its message on top."""
        slide = self.deck.slides.add_slide(self.deck.slide_layouts[5])
        heading = slide.shapes.title
        heading.left, heading.top, heading.width, heading.height = LEFT, Inches(0.4), WIDE, Inches(1.2)
        frame = heading.text_frame
        frame.word_wrap = True
        frame.vertical_anchor = MSO_ANCHOR.MIDDLE
        frame.text = short(title, 150)
        _dress(frame, 30 if len(title) <= 70 else 26, INK, bold=True)
        bar = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches(0.4), Inches(0.55), Inches(0.09), Inches(0.9))
        bar.fill.solid()
        bar.fill.fore_color.rgb = colour(ACCENT)
        bar.line.fill.background()
        bar.name = "accent"
        self.notes(slide)
        return slide

    def notes(self, slide: Any, *more: str) -> None:
        """Speaker notes: what is said, then where the numbers come from: sentences of `more`, the run and its state."""
        versions = ", ".join(f"{name} {version}" for name, version in sorted(self.f.table_versions.items()))
        source = [
            f"Run {self.f.run_id}, {self.f.started_at}.",
            f"Protocol: {self.main or 'none, nothing was evaluated'}.",
            *([f"Table versions (Delta): {versions}."] if versions else []),
            *(["Synthetic corpus: accuracy means nothing."] if self.f.counts.synthetic else []),
        ]
        slide.notes_slide.notes_text_frame.text = "\n".join(short(line, 4000) for line in (*more, *source))

    def source(self, what: str, table: str, run_id: str | None = None) -> str:
        """Where numbers come from: the table, its version, and the run that wrote them."""
        version = self.f.table_versions.get(table)
        told = f"table {table}" + (f" version {version}" if version is not None else "")
        return f"Source of {what}: {told}, run {run_id or self.f.run_id}."

    def measured(self, what: str, row: MetricRow) -> str:
        """Where one row of `metrics` comes from."""
        about = f", condition {row.condition}" if row.condition else ""
        return self.source(f"{what} ({row.metric}{about}, {row.protocol}, n = {row.n})", "metrics", row.run_id)

    def lines(self, slide: Any, lines: Sequence[str], box: Box = FULL, size: int = 24) -> None:
        """Paragraphs in a box, in the largest type up to `size` that fits."""
        told = [short(line, 400) for line in lines]
        after = 10
        while size > LEAST and _height(told, box[2], size, after) > box[3]:
            size -= 1
        while len(told) > 1 and _height(told, box[2], size, after) > box[3]:
            told = told[:-1]
        frame = slide.shapes.add_textbox(*box).text_frame
        frame.word_wrap = True
        frame.text = "\n".join(told)
        _dress(frame, size, INK)
        for paragraph in frame.paragraphs:
            paragraph.space_after = Pt(after)

    def foot(self, slide: Any, text: str) -> None:
        """One line at the bottom."""
        frame = slide.shapes.add_textbox(LEFT, Inches(6.9), WIDE, Inches(0.4)).text_frame
        frame.word_wrap = True
        frame.text = short(text, 105)
        _dress(frame, LEAST, SOFT)

    def chart(
        self,
        slide: Any,
        names: Sequence[str],
        series: Sequence[Series],
        *,
        axis: str,
        number_format: str = "General",
        share: bool = False,
        labels: bool = True,
        line: bool = False,
        across: str = "",
        box: Box = FULL,
    ) -> None:
        """A native chart, as `charts.add_chart`."""
        add_chart(
            slide, box, names, series,
            axis=axis, number_format=number_format, share=share, labels=labels, line=line, across=across,
        )  # fmt: skip

    def table(
        self,
        slide: Any,
        head: Sequence[str],
        rows: Sequence[Sequence[str]],
        widths: Sequence[float],
        size: int = 18,
        top: int = TOP,
    ) -> None:
        """A plain table; column widths in inches. Cells are cut to two lines."""
        room = TOP + HIGH - top
        height = min(Inches(0.62) * (1 + len(rows)), room)
        table = slide.shapes.add_table(1 + len(rows), len(head), LEFT, top, WIDE, height).table
        most = [2 * _letters(Inches(width) - Inches(0.2), size) - 4 for width in widths]
        for column, width in zip(table.columns, widths, strict=True):
            column.width = Inches(width)
        for at, cells in enumerate((head, *rows)):
            for cell, text, letters in zip(table.rows[at].cells, cells, most, strict=True):
                cell.text = short(text, max(letters, 8))
                cell.vertical_anchor = MSO_ANCHOR.MIDDLE
                cell.fill.solid()
                cell.fill.fore_color.rgb = colour(ACCENT if at == 0 else "FFFFFF" if at % 2 else PANEL)
                _dress(cell.text_frame, size, "FFFFFF" if at == 0 else INK, bold=at == 0)

    def content(self) -> bytes:
        """The presentation as bytes, with one fixed time inside."""
        properties = self.deck.core_properties
        properties.title = "How the genres were told apart"
        properties.author = properties.last_modified_by = "Classically Punk"
        properties.created = properties.modified = EPOCH
        properties.revision = 1
        held = io.BytesIO()
        self.deck.save(held)
        return _settled(held.getvalue())

    def _widen(self) -> None:
        """Make the 4:3 template 16:9, its layouts with it, so that slides added by hand look right too."""
        factor = WIDTH / self.deck.slide_width
        self.deck.slide_width, self.deck.slide_height = WIDTH, HEIGHT
        for page in (self.deck.slide_master, *self.deck.slide_layouts):
            for shape in page.placeholders:
                if shape.element.spPr.xfrm is not None:
                    shape.left, shape.width = round(shape.left * factor), round(shape.width * factor)


def interval(row: MetricRow) -> tuple[float, float] | None:
    """The ends of a metric's interval, if it has one."""
    return (row.low, row.high) if row.low is not None and row.high is not None else None


def _dress(frame: Any, size: int, ink: str, bold: bool = False) -> None:
    for paragraph in frame.paragraphs:
        paragraph.alignment = 1  # left, PP_ALIGN.LEFT
        for run in paragraph.runs:
            run.font.size = max(Pt(size), SMALLEST)
            run.font.bold = bold
            run.font.color.rgb = colour(ink)


def _letters(width: int, size: int) -> int:
    """How many letters of a size fit a width in EMU."""
    return max(int(width / (Pt(size) * LETTER)), 1)


def _height(lines: Sequence[str], width: int, size: int, after: int) -> int:
    """The height in EMU that paragraphs of a size take in a box of this width."""
    letters = _letters(width - Inches(0.2), size)
    rows = sum(max(1, -(-len(line) // letters)) for line in lines)
    return int(rows * Pt(size) * LEADING + len(lines) * Pt(after) + Inches(0.1))


def _settled(content: bytes) -> bytes:
    """The same archive with one fixed time on every member."""
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0)), old.read(name), zipfile.ZIP_DEFLATED)
    return held.getvalue()
