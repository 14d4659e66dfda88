"""The slides: one message a slide, in its title, made from the numbers of one run; native charts, notes on each.

Nothing is smaller than 14 pt. The same findings give the same bytes.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pptx import Presentation
from pptx.enum.shapes import MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR
from pptx.util import Inches, Pt

from classically_punk import atomic
from classically_punk.reporting.charts import EPOCH, INK, LYING, SMALLEST, Series, add_chart, colour
from classically_punk.reporting.findings import Findings, MetricRow
from classically_punk.reporting.telling import Column, by_family
from classically_punk.reporting.text import (
    counted,
    duration_text,
    interval_text,
    plain,
    short,
    unit_text,
    value_text,
    with_unit,
)

WIDTH, HEIGHT = Inches(13.333), Inches(7.5)
LEFT, TOP, WIDE, HIGH = Inches(0.7), Inches(1.75), Inches(11.93), Inches(5.1)
SOFT, ACCENT, PANEL = "5A626E", "1F5FAE", "F1F4F8"
NAME = 24  # characters of a genre name inside a sentence
ROWS = 8  # rows of a table that fit a slide

Box = tuple[int, int, int, int]  # left, top, width, height in EMU


def write_deck(findings: Findings, path: Path) -> None:
    """Write the slides of `findings` to `path` (.pptx, 16:9)."""
    deck = _Deck(findings)
    deck.question()
    deck.data()
    deck.thrown_out()
    deck.families()
    deck.strongest()
    deck.model()
    deck.how_good()
    deck.where_it_fails()
    deck.assumptions()
    deck.risks()
    deck.limits()
    atomic.replace(path, deck.content())


class _Deck:
    """One presentation in the making."""

    def __init__(self, findings: Findings) -> None:
        self.f = findings
        self.main = findings.evaluated[0] if findings.evaluated else None
        self.deck = Presentation()
        self._widen()

    def question(self) -> None:
        many = len(self.f.names)
        slide = self._slide(f"Can one straight line per genre tell {many} kinds of music apart?")
        accuracy = self._accuracy()
        lines = []
        top = TOP
        if accuracy is not None:
            self._lines(slide, [value_text("accuracy", accuracy.value)], box=(LEFT, TOP, WIDE, Inches(1.5)), size=80)
            top = Inches(3.35)
            lines += [
                f"of {counted(accuracy.n, 'held-out clip')} got their own genre.",
                f"95 % interval {interval_text(accuracy)}; protocol: {accuracy.protocol}.",
            ]
        elif self.f.model:
            lines += ["A model was trained but not evaluated: how often it is right is not known."]
        else:
            lines += ["No model was trained: these slides only tell what was read and described."]
        lines += ["Guessing blindly, one clip in " + str(many) + " would be right." if many > 1 else "One genre only."]
        if self.f.counts.synthetic:
            lines += ["Synthetic corpus: it proves the plumbing, its accuracy means nothing."]
        self._lines(slide, lines, box=(LEFT, top, WIDE, TOP + HIGH - top), size=24)

    def data(self) -> None:
        counts = self.f.counts
        genres = sorted(self.f.genres, key=lambda one: one.genre)
        length = duration_text(sum(one.seconds for one in genres))
        title = f"{counted(counts.clips, 'clip')} described in {counted(len(genres), 'genre')}"
        slide = self._slide(f"{title}: {length} (h:mm:ss) with a label")
        if genres:
            self._chart(
                slide,
                [one.genre for one in genres],
                [Series("Clips", [one.clips for one in genres])],
                axis="clips",
                number_format="0",
            )
        else:
            self._lines(slide, ["No clip has a genre."])
        self._notes(slide, f"Corpus {self.f.corpus_root}; {counts.segments} segments; decoder {self.f.decoder}.")

    def thrown_out(self) -> None:
        counts = self.f.counts
        out = counts.rejected + counts.skipped
        slide = self._slide(
            f"{out} of {counts.seen} files could not be used, each with its reason"
            if out
            else f"All {counts.seen} files could be used"
        )
        if self.f.rejects:
            most = sorted(self.f.rejects, key=lambda one: (-one.n, one.reason))
            rows = [(one.reason, str(one.n), short(one.detail, 64)) for one in most[:ROWS]]
            self._table(slide, ("Reason", "Files", "For example"), rows, (3.4, 1.1, 7.4))
            if len(most) > ROWS:
                rest = sum(one.n for one in most[ROWS:])
                self._foot(slide, f"and {rest} files with {len(most) - ROWS} other reasons, listed in the report")
        else:
            self._lines(slide, ["Nothing was rejected or skipped."])
        told = [
            (counts.duplicates, "clips repeat the sound of another one and are used once."),
            (counts.near_duplicates, "clips are near-duplicates of another and share a fold with it."),
            (counts.conflicts, "clips stand under two genres and train nothing."),
            (counts.unlabelled, "clips have no genre."),
        ]
        self._notes(slide, *[f"{n} {what}" for n, what in told if n])

    def families(self) -> None:
        families = by_family(self.f.features)
        if not families:
            self._lines(self._slide("No features were described"), ["Nothing to compare."])
            return
        slide = self._slide(f"Genres differ in {_list(list(families))}: the most telling column of each")
        rows = [(family, columns[0].name, *_ends(columns[0])) for family, columns in families.items()]
        self._table(slide, ("Family", "Column", "Lowest median", "Highest median"), rows[:ROWS], (1.6, 3.9, 3.2, 3.2))
        meanings = [f"{columns[0].name}: {columns[0].meaning}." for columns in families.values()]
        self._notes(slide, f"Feature set {self.f.feature_set}.", *meanings)

    def strongest(self) -> None:
        columns = [columns[0] for columns in by_family(self.f.features).values()]
        if not columns:
            return
        best = max(columns, key=lambda column: column.separation)
        low, high = best.lowest, best.highest
        slide = self._slide(
            f"{best.name} tells most: {with_unit(low.median, best.unit)} in {short(low.genre, NAME)}, "
            f"{plain(high.median)} in {short(high.genre, NAME)}"
            if len(best.by_genre) > 1
            else f"{best.name} of {short(low.genre, NAME)}: {with_unit(low.median, best.unit)}"
        )
        self._chart(
            slide,
            [row.genre for row in best.by_genre],
            [Series(f"Median of {best.name}", [row.median for row in best.by_genre])],
            axis=f"median of clips ({unit_text(best.unit)})",
            number_format="General",
            labels=False,
        )
        self._notes(
            slide, f"{best.name}: {best.meaning}, unit: {unit_text(best.unit)}. Feature set {self.f.feature_set}."
        )

    def model(self) -> None:
        model = self.f.model
        if model is None:
            slide = self._slide("No model was trained")
            self._lines(slide, ["Training needs at least two genres with clips."])
            return
        slide = self._slide(
            f"The model: {counted(len(model.r2), 'linear regression')} on {counted(model.columns, 'column')}"
        )
        lines = [
            "Each regression scores a segment for its genre; a clip gets the mean.",
            f"Decision: {model.decision}.",
            f"Trained on {counted(model.training_clips, 'clip')} in {counted(model.training_groups, 'group')}.",
            f"λ = {plain(model.lambda_)}; dropped as constant: {len(model.dropped)}.",
            "R² here is the fit to what was seen.",
        ]
        names = sorted(model.r2)
        box: Box
        if len(names) <= LYING:
            self._lines(slide, lines, box=(LEFT, TOP, Inches(4.6), HIGH), size=18)
            box = (LEFT + Inches(4.6), TOP, WIDE - Inches(4.6), HIGH)
        else:  # many names need the whole width
            self._lines(slide, [" ".join(lines)], box=(LEFT, TOP, WIDE, Inches(1.1)), size=18)
            box = (LEFT, TOP + Inches(1.1), WIDE, HIGH - Inches(1.1))
        self._chart(
            slide,
            names,
            [Series("R² (training)", [model.r2[name] for name in names])],
            axis="R² on training segments",
            number_format="0.00",
            box=box,
        )
        self._notes(
            slide,
            f"Model {model.model_id}, fitted by {model.fitted_by}, run {model.run_id}.",
            f"Feature set {model.feature_set}.",
            f"Dropped: {', '.join(model.dropped) or 'none'}.",
        )

    def how_good(self) -> None:
        accuracy = self._accuracy()
        if accuracy is None or self.main is None:
            slide = self._slide("How good it is was not measured")
            self._lines(slide, ["No evaluation stands in the tables, so no figure is shown."])
            return
        slide = self._slide(
            f"{value_text('accuracy', accuracy.value)} right under {self.main}, 95 % interval {interval_text(accuracy)}"
        )
        names, recall = self._per_genre("recall")
        if names:
            self._chart(
                slide,
                names,
                [recall],
                axis="recall: share of a genre's clips found, with 95 % intervals",
                number_format="0%",
                share=True,
                box=(LEFT, TOP, WIDE, HIGH - Inches(0.4)),
            )
        rows = [row for name in self.f.evaluated if (row := self.f.find(name, "accuracy")) is not None]
        self._foot(
            slide,
            f"n = {counted(accuracy.n, 'clip')}; run {short(accuracy.run_id, 40)} {self.f.date_of(accuracy.run_id)}",
        )
        self._notes(
            slide,
            *[
                f"{row.protocol}: accuracy {value_text('accuracy', row.value)} {interval_text(row)}, n = {row.n}, "
                f"run {row.run_id}. {self.f.protocol(row.protocol).description}"
                for row in rows
            ],
        )

    def where_it_fails(self) -> None:
        found = self.f.confusion(self.main) if self.main is not None else None
        if found is None or self.main is None:
            return
        names, counts = found
        recalls = [row for name in names if (row := self.f.find(self.main, "recall", name)) is not None]
        told = [(row.value, row) for row in recalls if row.value is not None]
        if not told:
            return
        worst = min(told, key=lambda pair: (pair[0], pair[1].genre or ""))[1]
        genre = worst.genre or ""
        line = counts[names.index(genre)]
        others = [(int(n), name) for n, name in zip(line, names, strict=True) if name != genre and n]
        share, clips = value_text("recall", worst.value), counted(int(line.sum()), "clip")
        title = f"Weakest: {short(genre, NAME)}, {share} of its {clips} found"
        if others:
            n, taken_for = max(others, key=lambda pair: (pair[0], pair[1]))
            title += f"; {n} taken for {short(taken_for, NAME)}"
        slide = self._slide(title)
        self._chart(
            slide,
            names,
            [Series(f"Clips of {short(genre, NAME)}", [int(n) for n in line])],
            axis=f"clips of {short(genre, NAME)}, by decided genre",
            number_format="0",
        )
        self._notes(
            slide,
            f"Recall of {genre}: {value_text('recall', worst.value)} {interval_text(worst)}.",
            f"Protocol {worst.protocol}, run {worst.run_id}.",
        )

    def assumptions(self) -> None:
        self._lines(
            self._slide("Assumptions: what has to hold for these numbers"),
            [
                "A clip has one genre, and its folder or manifest names the right one.",
                "What matters for genre shows in tempo, pitch, timbre and loudness.",
                "A genre is a straight line away: features add up, none changes another's meaning.",
                "All segments of a clip speak for it alike.",
                "Clips to come sound like those that were trained on.",
            ],
        )

    def risks(self) -> None:
        self._table(
            self._slide("Risks: what could go wrong in use, and what helps"),
            ("Risk", "What it does", "What helps"),
            [
                ("Same artist on both sides", "The figure flatters", "Hold out whole artists"),
                ("Wrong or shared labels", "Mistakes are learnt", "Check labels, drop conflicts"),
                ("Other recordings, codecs", "Accuracy falls unseen", "Test on them before use"),
                ("Scores taken as certainty", "Wrong answers look sure", "Calibrate, allow “not sure”"),
                ("Rare genres", "Their music is hidden", "Report each genre, not the mean"),
            ],
            (4.0, 3.9, 4.0),
        )

    def limits(self) -> None:
        lines = []
        if self.f.counts.synthetic:
            lines += ["Synthetic corpus: it proves the plumbing, its accuracy means nothing."]
        caveats = [(name, self.f.protocol(name).caveat) for name in self.f.evaluated[:3]]
        lines += [f"{name}: {caveat}" for name, caveat in caveats if caveat]
        lines += [
            "Intervals cover the luck of the draw in this corpus, not the distance to other music.",
            "A single coefficient may not be read: the columns depend on each other.",
            "Not for decisions about people or pay.",
        ]
        self._lines(self._slide("Limits: what these numbers do not say"), lines, size=18)

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

    def _accuracy(self) -> MetricRow | None:
        return self.f.find(self.main, "accuracy") if self.main is not None else None

    def _per_genre(self, metric: str) -> tuple[list[str], Series]:
        """Genres with this metric under the main protocol, and their values with intervals."""
        found = [(name, row) for name in self.f.names if (row := self.f.find(self.main or "", metric, name))]
        names = [name for name, _ in found]
        return names, Series(metric, [row.value for _, row in found], [_interval(row) for _, row in found])

    def _slide(self, title: str) -> Any:
        """A new slide with its message on top and the run in its notes."""
        slide = self.deck.slides.add_slide(self.deck.slide_layouts[5])
        heading = slide.shapes.title
        heading.left, heading.top, heading.width, heading.height = LEFT, Inches(0.45), WIDE, Inches(1.15)
        frame = heading.text_frame
        frame.word_wrap = True
        frame.vertical_anchor = MSO_ANCHOR.MIDDLE
        frame.text = title
        size = 30 if len(title) <= 72 else 26
        _dress(frame, size, INK, bold=True)
        bar = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches(0.4), Inches(0.6), Inches(0.09), Inches(0.85))
        bar.fill.solid()
        bar.fill.fore_color.rgb = colour(ACCENT)
        bar.line.fill.background()
        bar.name = "accent"
        self._notes(slide)
        return slide

    def _notes(self, slide: Any, *more: str) -> None:
        """Speaker notes: what the slide adds, then run, date, protocol and table versions."""
        versions = ", ".join(f"{name} {version}" for name, version in sorted(self.f.table_versions.items()))
        source = [
            f"Run {self.f.run_id}, {self.f.started_at}.",
            f"Protocol: {self.main or 'none, nothing was evaluated'}.",
            *([f"Table versions: {versions}."] if versions else []),
            *(["Synthetic corpus: accuracy means nothing."] if self.f.counts.synthetic else []),
        ]
        slide.notes_slide.notes_text_frame.text = "\n".join(short(line, 4000) for line in (*more, *source))

    def _lines(self, slide: Any, lines: Sequence[str], box: Box = (LEFT, TOP, WIDE, HIGH), size: int = 24) -> None:
        frame = slide.shapes.add_textbox(*box).text_frame
        frame.word_wrap = True
        frame.text = "\n".join(lines)
        _dress(frame, size, INK)
        for paragraph in frame.paragraphs:
            paragraph.space_after = Pt(12)

    def _foot(self, slide: Any, text: str) -> None:
        frame = slide.shapes.add_textbox(LEFT, Inches(6.85), WIDE, Inches(0.4)).text_frame
        frame.word_wrap = True
        frame.text = text
        _dress(frame, 14, SOFT)

    def _chart(
        self,
        slide: Any,
        names: Sequence[str],
        series: Sequence[Series],
        *,
        axis: str,
        number_format: str,
        share: bool = False,
        labels: bool = True,
        box: Box = (LEFT, TOP, WIDE, HIGH),
    ) -> None:
        add_chart(slide, box, names, series, axis=axis, number_format=number_format, share=share, labels=labels)

    def _table(self, slide: Any, head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float]) -> None:
        """A plain table; column widths in inches."""
        height = min(Inches(0.62) * (1 + len(rows)), HIGH)
        table = slide.shapes.add_table(1 + len(rows), len(head), LEFT, TOP, WIDE, height).table
        for column, width in zip(table.columns, widths, strict=True):
            column.width = Inches(width)
        for at, cells in enumerate((head, *rows)):
            for cell, text in zip(table.rows[at].cells, cells, strict=True):
                cell.text = short(text, 64)
                cell.vertical_anchor = MSO_ANCHOR.MIDDLE
                cell.fill.solid()
                cell.fill.fore_color.rgb = colour(ACCENT if at == 0 else "FFFFFF" if at % 2 else PANEL)
                _dress(cell.text_frame, 18, "FFFFFF" if at == 0 else INK, bold=at == 0)

    def _widen(self) -> None:
        """Make the 4:3 template 16:9, its layouts with it, so that slides added by hand look right too."""
        factor = WIDTH / self.deck.slide_width
        self.deck.slide_width, self.deck.slide_height = WIDTH, HEIGHT
        for page in (self.deck.slide_master, *self.deck.slide_layouts):
            for shape in page.placeholders:
                if shape.element.spPr.xfrm is not None:
                    shape.left, shape.width = round(shape.left * factor), round(shape.width * factor)


def _dress(frame: Any, size: int, ink: str, bold: bool = False) -> None:
    for paragraph in frame.paragraphs:
        paragraph.alignment = 1  # left, PP_ALIGN.LEFT
        for run in paragraph.runs:
            run.font.size = max(Pt(size), SMALLEST)
            run.font.bold = bold
            run.font.color.rgb = colour(ink)


def _ends(column: Column) -> tuple[str, str]:
    """The genres at both ends of a column with their medians and the unit."""
    low, high = column.lowest, column.highest
    told = [f"{with_unit(row.median, column.unit)} ({short(row.genre, NAME)})" for row in (low, high)]
    return told[0], told[1]


def _interval(row: MetricRow) -> tuple[float, float] | None:
    return (row.low, row.high) if row.low is not None and row.high is not None else None


def _list(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _settled(content: bytes) -> bytes:
    """The same archive with one fixed time on every member."""
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0)), old.read(name), zipfile.ZIP_DEFLATED)
    return held.getvalue()
