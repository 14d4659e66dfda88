"""The slides, read back with python-pptx."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pptx import Presentation
from pptx.oxml.ns import qn
from pptx.util import Pt

from classically_punk.reporting.deck import write_deck
from classically_punk.reporting.findings import Findings
from classically_punk.reporting.text import percent, visible

Make = Callable[..., Findings]
SHAPES = {
    "ten": {},
    "two, one clip each": {"genres": ("jazz", "rock"), "clips": 1},
    "thirty": {"genres": tuple(f"genre {at:02d}" for at in range(30)), "clips": 3},
    "synthetic": {"synthetic": True, "genres": ("jazz", "rock")},
    "not evaluated": {"evaluated": False},
    "not trained": {"evaluated": False, "trained": False},
    "nothing at all": {"genres": (), "evaluated": False, "trained": False},
    "hostile": {"genres": ("=cmd|' /C calc'!A0", "<b>&amp;", "bell\x07", "a name of sixty characters " + 33 * "x")},
}


def slides_of(findings: Findings, folder: Path) -> list[Any]:
    write_deck(findings, folder / "slides.pptx")
    return list(Presentation(str(folder / "slides.pptx")).slides)


def charts_of(slides: list[Any]) -> list[Any]:
    return [shape.chart for slide in slides for shape in slide.shapes if shape.has_chart]


def frames_of(slide: Any) -> Iterator[Any]:
    for shape in slide.shapes:
        if shape.has_text_frame:
            yield shape.text_frame
        elif shape.has_table:
            yield from (cell.text_frame for row in shape.table.rows for cell in row.cells)


def series_of(charts: list[Any]) -> dict[str, dict[str, float | None]]:
    """Series name -> {category: value} over all charts."""
    return {
        series.name: dict(zip(map(str, plot.categories), series.values, strict=True))
        for chart in charts
        for plot in chart.plots
        for series in plot.series
    }


@pytest.mark.parametrize("shape", SHAPES)
def test_any_corpus_gives_at_least_six_slides_that_are_complete(
    shape: str, make_findings: Make, tmp_path: Path
) -> None:
    findings = make_findings(**SHAPES[shape])
    slides = slides_of(findings, tmp_path)
    deck = Presentation(str(tmp_path / "slides.pptx"))
    assert len(slides) >= 6
    assert deck.slide_width * 9 == pytest.approx(deck.slide_height * 16, rel=1e-3)
    for slide in slides:
        assert slide.shapes.title.text_frame.text
        notes = slide.notes_slide.notes_text_frame.text
        assert findings.run_id in notes
        assert ("group-folds" if findings.metrics else "nothing was evaluated") in notes
        for one in slide.shapes:
            assert one.left >= 0
            assert one.top >= 0
            assert one.left + one.width <= deck.slide_width
            assert one.top + one.height <= deck.slide_height
            assert not one.is_placeholder or one.text_frame.text, "an empty placeholder"


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_smaller_than_14_pt(shape: str, make_findings: Make, tmp_path: Path) -> None:
    slides = slides_of(make_findings(**SHAPES[shape]), tmp_path)
    for slide in slides:
        for frame in frames_of(slide):
            for paragraph in frame.paragraphs:
                assert all(run.font.size is not None and run.font.size >= Pt(14) for run in paragraph.runs)
    for chart in charts_of(slides):
        sizes = [int(size) for size in re.findall(r'\bsz="(\d+)"', chart._chartSpace.xml)]
        assert sizes
        assert min(sizes) >= 1400


def test_a_chart_shows_recall_as_it_stands_in_metrics_with_its_intervals(make_findings: Make, tmp_path: Path) -> None:
    findings = make_findings()
    charts = charts_of(slides_of(findings, tmp_path))
    told = {row.genre: row for row in findings.metrics if (row.protocol, row.metric) == ("group-folds", "recall")}
    assert series_of(charts)["recall"] == {genre: row.value for genre, row in told.items()}
    chart = next(chart for chart in charts if chart.plots[0].series[0].name == "recall")
    bars = chart._chartSpace.xpath("//c:errBars")[0]
    names = list(map(str, chart.plots[0].categories))
    for side, length in (("plus", lambda row: row.high - row.value), ("minus", lambda row: row.value - row.low)):
        drawn = [
            float(point.text) for point in bars.findall(f"{qn('c:' + side)}/{qn('c:numLit')}/{qn('c:pt')}/{qn('c:v')}")
        ]
        assert drawn == pytest.approx([length(told[name]) for name in names])


def test_the_other_charts_show_the_tables_too(make_findings: Make, tmp_path: Path) -> None:
    findings = make_findings()
    drawn = series_of(charts_of(slides_of(findings, tmp_path)))
    assert drawn["Clips"] == {one.genre: one.clips for one in findings.genres}
    assert findings.model is not None
    assert drawn["R² (training)"] == dict(findings.model.r2)
    medians = next(name for name in drawn if name.startswith("Median of "))
    column = medians.removeprefix("Median of ")
    assert drawn[medians] == {row.genre: row.median for row in findings.features if row.column == column}
    recall = {
        row.genre: row.value for row in findings.metrics if row.metric == "recall" and row.protocol == "group-folds"
    }
    worst = min(recall, key=lambda genre: (recall[genre], genre))
    line = {
        row.predicted_genre: row.value
        for row in findings.metrics
        if (row.metric, row.protocol, row.genre) == ("confusion", "group-folds", worst)
    }
    assert drawn[f"Clips of {worst}"] == line


def test_every_per_cent_in_the_texts_comes_from_metrics(make_findings: Make, tmp_path: Path) -> None:
    findings = make_findings()
    slides = slides_of(findings, tmp_path)
    words = "\n".join(frame.text for slide in slides for frame in frames_of(slide))
    words += "\n".join(slide.notes_slide.notes_text_frame.text for slide in slides)
    values = [one for row in findings.metrics for one in (row.value, row.low, row.high) if one is not None]
    known = {percent(value).split("\N{NO-BREAK SPACE}")[0] for value in values}
    told = re.findall(r"(\d+\.\d)\s?%", words)
    assert len(told) >= 4
    assert set(told) <= known


def test_without_an_evaluation_no_figure_is_shown(make_findings: Make, tmp_path: Path) -> None:
    slides = slides_of(make_findings(evaluated=False), tmp_path)
    assert "recall" not in series_of(charts_of(slides))
    titles = [slide.shapes.title.text_frame.text for slide in slides]
    assert "How good it is was not measured" in titles
    assert not re.findall(r"\d+\.\d\s?%", " ".join(frame.text for slide in slides for frame in frames_of(slide)))


def test_a_genre_named_like_a_formula_stays_text_in_every_workbook(make_findings: Make, tmp_path: Path) -> None:
    genres = ("=cmd|' /C calc'!A0", "@SUM(1)", "http://example.org/", "{=1+1}")
    charts = charts_of(slides_of(make_findings(genres=genres), tmp_path))
    assert charts
    for chart in charts:
        assert set(map(str, chart.plots[0].categories)) == set(genres)
        with zipfile.ZipFile(io.BytesIO(chart.part.chart_workbook.xlsx_part.blob)) as book:
            sheet = book.read("xl/worksheets/sheet1.xml").decode()
            strings = book.read("xl/sharedStrings.xml").decode()
            assert "<f>" not in sheet
            assert "hyperlink" not in sheet
            assert "calc'!A0" in strings


def test_the_workbook_holds_what_the_chart_shows(make_findings: Make, tmp_path: Path) -> None:
    charts = charts_of(slides_of(make_findings(), tmp_path))
    for chart in charts:
        with zipfile.ZipFile(io.BytesIO(chart.part.chart_workbook.xlsx_part.blob)) as book:
            sheet = book.read("xl/worksheets/sheet1.xml").decode()
        held = [float(text) for text in re.findall(r'<c r="B\d+"><v>([^<]+)</v>', sheet)]
        assert held == pytest.approx([value for value in chart.plots[0].series[0].values if value is not None])


def test_hidden_characters_of_a_name_are_shown_not_obeyed(make_findings: Make, tmp_path: Path) -> None:
    name = "bell\x07 and \u202eturned"
    charts = charts_of(slides_of(make_findings(genres=(name, "rock")), tmp_path))
    assert list(map(str, charts[0].plots[0].categories)) == [visible(name), "rock"]
    assert "\u202e" not in visible(name)


def test_the_same_findings_give_the_same_bytes(make_findings: Make, tmp_path: Path) -> None:
    written = []
    for name in ("first", "second"):
        write_deck(make_findings(), tmp_path / name)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    with zipfile.ZipFile(tmp_path / "first") as archive:  # two writes in one second would be equal by luck
        assert {one.date_time[:3] for one in archive.infolist()} == {(2000, 1, 1)}
        for name in archive.namelist():
            if name.endswith(".xlsx"):
                with zipfile.ZipFile(io.BytesIO(archive.read(name))) as book:
                    assert {one.date_time[0] for one in book.infolist()} == {1980}
                    assert b"2000-01-01T00:00:00Z" in book.read("docProps/core.xml")


def test_a_synthetic_corpus_is_named_on_the_first_and_last_slide(make_findings: Make, tmp_path: Path) -> None:
    slides = slides_of(make_findings(synthetic=True), tmp_path)
    for slide in (slides[0], slides[-1]):
        assert "Synthetic corpus" in " ".join(frame.text for frame in frames_of(slide))
