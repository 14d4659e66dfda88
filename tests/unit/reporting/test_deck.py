"""The slides, read back with python-pptx."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pptx import Presentation
from pptx.oxml.ns import qn
from pptx.util import Pt
from tests.unit.reporting.conftest import CONDITIONS, EARLIER, RUN

from classically_punk.reporting import readers
from classically_punk.reporting.deck import write_deck
from classically_punk.reporting.deck.following import conditions
from classically_punk.reporting.findings import Findings
from classically_punk.reporting.literature import COMPARED
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


def tables_of(slides: list[Any]) -> list[Any]:
    return [shape.table for slide in slides for shape in slide.shapes if shape.has_table]


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
def test_any_corpus_gives_twenty_slides_that_are_complete(shape: str, make_findings: Make, tmp_path: Path) -> None:
    findings = make_findings(**SHAPES[shape])
    slides = slides_of(findings, tmp_path)
    deck = Presentation(str(tmp_path / "slides.pptx"))
    assert len(slides) == 20
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
            if one.has_chart:
                assert any(value is not None for plot in one.chart.plots for s in plot.series for value in s.values)


@pytest.mark.parametrize("shape", SHAPES)
def test_text_and_tables_stay_inside_their_boxes(shape: str, make_findings: Make, tmp_path: Path) -> None:
    """By the mean width of letters of DejaVu Sans, 0.6 of their size: wider than what offices come with."""
    for slide in slides_of(make_findings(**SHAPES[shape]), tmp_path):
        for one in slide.shapes:
            if one.has_text_frame and one.text_frame.text:
                assert needed(one.text_frame, one.width) <= 1.05 * one.height, one.text_frame.text
            if one.has_table:
                rows = [
                    max(needed(cell.text_frame, column.width) for cell, column in zip(row.cells, columns, strict=True))
                    for row, columns in ((row, one.table.columns) for row in one.table.rows)
                ]
                assert one.top + sum(rows) <= Pt(7.3 * 72), [cell.text for cell in one.table.rows[0].cells]


def needed(frame: Any, width: int) -> float:
    """The height of a text in EMU, with the margins of its box."""
    total = 0.0
    for paragraph in frame.paragraphs:
        size = max((run.font.size for run in paragraph.runs), default=Pt(14))
        letters = max(int((width - Pt(14)) / (0.6 * size)), 1)
        total += max(1, -(-len(paragraph.text) // letters)) * 1.2 * size
    return total + Pt(7)


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
    medians = [name for name in drawn if name.startswith("Median of ")]
    assert len(medians) == 4
    for name in medians:
        column = name.removeprefix("Median of ")
        assert drawn[name] == {row.genre: row.median for row in findings.features if row.column == column}
    clip = min(findings.examined.shown, key=lambda one: one.genre)
    assert drawn["score held out"] == clip.scores
    assert drawn["push"] == {f"{one.family}: {one.group}": one.push for one in clip.reasons[0].pushes}
    at = [name for name in CONDITIONS if name.startswith("threshold:0")]
    assert drawn["expected cost per 1000 clips"] == {
        name.partition(":")[2]: value_of(findings, "cost_per_1000", name) for name in at
    }
    measured = {name: value for name, value in drawn["measured here, same clips"].items() if value is not None}
    assert measured == {
        "This model": value_of(findings, "accuracy", None),
        "Guessing": value_of(findings, "accuracy", "baseline:chance"),
        "Most frequent genre": value_of(findings, "accuracy", "baseline:majority"),
        "Plain least squares": value_of(findings, "accuracy", "baseline:least-squares"),
        "Random forest": value_of(findings, "accuracy", "baseline:random-forest"),
    }
    published = drawn["published elsewhere, other clips and protocol"]
    assert [value for value in published.values() if value is not None] == [0.70, 0.61, 0.776, 0.945]
    assert findings.pace is not None
    assert drawn["seconds"] == dict(findings.pace.seconds)
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


def value_of(findings: Findings, metric: str, condition: str | None) -> float | None:
    row = findings.find("group-folds", metric, None, condition)
    assert row is not None
    return row.value


def test_what_listeners_ask_for_is_shown_in_its_own_unit(make_findings: Make, tmp_path: Path) -> None:
    drawn = series_of(charts_of(slides_of(make_findings(), tmp_path)))
    assert {"Median of tempo_bpm", "Median of loudness_integrated_lufs"} <= set(drawn)


def test_a_genre_with_one_clip_is_named_as_such(make_findings: Make, tmp_path: Path) -> None:
    words = [frame.text for slide in slides_of(make_findings(genres=("jazz", "rock"), clips=1), tmp_path)
             for frame in frames_of(slide)]  # fmt: skip
    assert any("jazz, rock have one clip each" in text for text in words)


def test_every_slide_tells_run_and_table_version_of_its_numbers(make_findings: Make, tmp_path: Path) -> None:
    findings = make_findings()
    versions = {f"table {name} version {version}" for name, version in findings.table_versions.items()}
    for at, slide in enumerate(slides_of(findings, tmp_path)):
        notes = slide.notes_slide.notes_text_frame.text
        assert "Table versions (Delta): clips 3, features 4" in notes
        drawn = [shape for shape in slide.shapes if shape.has_chart]
        if drawn or re.search(r"\d+\.\d\s?%", slide.shapes.title.text_frame.text):
            named = [version for version in versions if version in notes]
            assert named or "table runs, run" in notes, at
            assert RUN in notes or EARLIER in notes


def test_every_word_the_deck_owes_is_on_a_slide(make_findings: Make, tmp_path: Path) -> None:
    for shape in ({}, {"genres": (), "evaluated": False, "trained": False}):
        slides = slides_of(make_findings(**shape), tmp_path)
        words = " ".join(s.text_frame.text for slide in slides for s in slide.shapes if s.has_text_frame).casefold()
        assert [word for word in ("assumption", "risk", "artist", "cost", "limit") if word not in words] == []


def test_risks_have_likelihood_impact_a_role_and_mitigation(make_findings: Make, tmp_path: Path) -> None:
    tables = tables_of(slides_of(make_findings(), tmp_path))
    risks = next(table for table in tables if table.cell(0, 0).text == "Risk")
    assert [cell.text for cell in risks.rows[0].cells] == ["Risk", "Likely?", "Impact", "Owner (role)", "Mitigation"]
    assert all(cell.text for row in risks.rows for cell in row.cells)


def test_the_libraries_are_those_of_the_measured_table(make_findings: Make, tmp_path: Path) -> None:
    tables = tables_of(slides_of(make_findings(), tmp_path))
    told = next(table for table in tables if table.cell(0, 0).text == "Library")
    raw = json.loads((Path(readers.__file__).parent / "readers.json").read_text())
    for row, one in zip(list(told.rows)[1:], raw["libraries"], strict=True):
        assert row.cells[0].text == f"{one['name']} {one['version']}"
        assert row.cells[1].text == f"{len(one['reads'])} of {len(raw['formats'])}"
        assert row.cells[5].text.startswith(str(one["broken_taken"]))
        assert row.cells[6].text == one["licence"]


def test_conditions_for_launch_are_held_against_the_tables(make_findings: Make) -> None:
    held = {one.what: one.holds for one in conditions(make_findings())}
    assert held["Judged on real recordings"] is True
    assert held["No artist on both sides of the test"] is False  # as many groups as clips: none is known
    assert held["Licence and takedown for every recording"] is None
    findings = make_findings(synthetic=True)
    told = [replace(row, value=0.31) if row.condition == "control:length" else row for row in findings.metrics]
    held = {one.what: one.holds for one in conditions(replace(findings, metrics=told))}
    assert held["Judged on real recordings"] is False
    assert held["What is not music tells nothing"] is False  # allowed are 30 %


def test_every_per_cent_in_the_texts_comes_from_metrics(make_findings: Make, tmp_path: Path) -> None:
    findings = make_findings()
    slides = slides_of(findings, tmp_path)
    words = "\n".join(frame.text for slide in slides for frame in frames_of(slide))
    words += "\n".join(slide.notes_slide.notes_text_frame.text for slide in slides)
    values = [one for row in findings.metrics for one in (row.value, row.low, row.high) if one is not None]
    judged = [*findings.examined.shown, *findings.examined.mistakes]
    values += [one.confidence for one in judged] + [findings.examined.outside or 0.0]
    values += [
        findings.max_control_accuracy or 0.0,
        *(1 - row.value for row in findings.metrics if row.value is not None),
    ]
    values += [one.share for one in COMPARED]
    known = {percent(value).split("\N{NO-BREAK SPACE}")[0] for value in values}
    words = words.replace("74.7 to 77.6", "")
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
        shown = set(map(str, chart.plots[0].categories))
        assert shown == set(genres) or not shown & set(genres)
        with zipfile.ZipFile(io.BytesIO(chart.part.chart_workbook.xlsx_part.blob)) as book:
            sheet = book.read("xl/worksheets/sheet1.xml").decode()
            strings = book.read("xl/sharedStrings.xml").decode()
            assert "<f>" not in sheet
            assert "hyperlink" not in sheet
            assert ("calc'!A0" in strings) == bool(shown & set(genres))


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
    chart = next(chart for chart in charts if chart.plots[0].series[0].name == "Clips")
    assert list(map(str, chart.plots[0].categories)) == [visible(name), "rock"]
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


def test_axes_hold_the_intervals_of_their_bars(make_findings: Make, tmp_path: Path) -> None:
    drawn = 0
    for chart in charts_of(slides_of(make_findings(), tmp_path)):
        if chart.value_axis.maximum_scale == 1.0:  # shares: their axis is that of every share
            continue
        for series in chart.plots[0].series:
            sides = {}
            for side in ("plus", "minus"):
                points = series._element.findall(f".//{qn('c:errBars')}/{qn(f'c:{side}')}//{qn('c:v')}")
                sides[side] = [float(point.text) for point in points]
            for value, up, down in zip(series.values, sides["plus"], sides["minus"], strict=False):
                drawn += 1
                assert value is not None
                assert chart.value_axis.minimum_scale <= value - down + 1e-12
                assert value + up - 1e-12 <= chart.value_axis.maximum_scale
    assert drawn > 20
