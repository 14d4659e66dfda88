"""Native charts for the slides: editable in any office program, categories are genre names.

The workbook inside each chart is written here, because a genre named like a formula must stay text in it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import xlsxwriter  # type: ignore[import-untyped]
from matplotlib.ticker import MaxNLocator
from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_LABEL_POSITION, XL_LEGEND_POSITION, XL_TICK_LABEL_POSITION
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.util import Pt

from classically_punk.reporting.text import short

EPOCH = datetime(2000, 1, 1)  # one fixed time in every file, so that the same findings give the same bytes
SMALLEST = Pt(14)
LYING = 12  # up to so many genres the bars lie and carry their figures; more genres stand side by side
EACH = 32  # up to so many genres every name stands on the axis
LONGEST = 255  # characters of a name; a cell of the workbook takes 32 767 and drops what is longer
FILLS = ("8FB8DE", "F0B27A", "A9CCA4")
LINES = ("1F5FAE", "B45309", "3F7D3A")
INK = "22262C"


@dataclass(frozen=True)
class Series:
    """One series: a value per category (None = nothing drawn), and where known the ends of its interval (low, high)."""

    name: str
    values: Sequence[float | None]
    intervals: Sequence[tuple[float, float] | None] = ()


def add_chart(
    slide: Any,
    box: tuple[int, int, int, int],
    categories: Sequence[str],
    series: Sequence[Series],
    *,
    axis: str,
    number_format: str,
    share: bool = False,
    labels: bool = True,
    line: bool = False,
    across: str = "",
) -> Any:
    """A chart (left, top, width, height) of the given series: bars, or lines where `line`.

    `axis` names quantity and unit, `across` those of the categories where they are not names; `share` fixes 0-1.
    """
    names = [short(name, LONGEST) for name in categories]
    data = cast(Any, CategoryChartData)(number_format=number_format)
    data.categories = names
    for one in series:
        data.add_series(one.name, one.values)
    lying = len(names) <= LYING and not line
    bars = XL_CHART_TYPE.BAR_CLUSTERED if lying else XL_CHART_TYPE.COLUMN_CLUSTERED
    few = len(names) <= EACH
    kind = (XL_CHART_TYPE.LINE_MARKERS if few else XL_CHART_TYPE.LINE) if line else bars
    chart = slide.shapes.add_chart(kind, *box, data).chart
    chart.part.chart_workbook.update_from_xlsx_blob(workbook(names, series))
    chart.font.size = SMALLEST
    chart.font.color.rgb = colour(INK)
    chart.has_title = False
    chart.has_legend = len(series) > 1
    if chart.has_legend:
        chart.legend.position = XL_LEGEND_POSITION.TOP
        chart.legend.include_in_layout = False
    _dress_axes(chart, axis, number_format, share, lying)
    plot, values = chart.plots[0], [one.values for one in series]
    if line:
        _dress_lines(chart, across)
        return chart
    plot.gap_width = 45
    apart = len(series) > 1 and not any(
        sum(value is not None for value in row) > 1 for row in zip(*values, strict=True)
    )
    plot.overlap = 100 if apart else -5  # series that share no category need no room beside each other
    for one, drawn, fill in zip(series, plot.series, FILLS, strict=False):
        drawn.format.fill.solid()
        drawn.format.fill.fore_color.rgb = colour(fill)
        drawn.invert_if_negative = False
        if labels and lying and len(names) * len(series) <= 40:
            drawn.data_labels.show_value = True
            drawn.data_labels.number_format = number_format
            drawn.data_labels.number_format_is_linked = False
            drawn.data_labels.position = XL_LABEL_POSITION.INSIDE_BASE
            drawn.data_labels.font.size = SMALLEST
        if any(interval is not None for interval in one.intervals):
            _add_intervals(drawn._element, one)
    if not share:
        _hold_intervals(chart.value_axis, series)
    return chart


def colour(figures: str) -> Any:
    """A colour from its six hexadecimal figures."""
    return cast(Any, RGBColor).from_string(figures)


def workbook(categories: Sequence[str], series: Sequence[Series]) -> bytes:
    """The data of a chart as a workbook laid out as python-pptx does (names down column A), text kept as text."""
    held = io.BytesIO()
    with xlsxwriter.Workbook(held, {"in_memory": True}) as book:
        book.set_properties({"created": EPOCH})
        sheet = book.add_worksheet()
        for row, name in enumerate(categories, start=1):
            sheet.write_string(row, 0, name)  # `write` would take "=…" for a formula and "http…" for a link
        for column, one in enumerate(series, start=1):
            sheet.write_string(0, column, one.name)
            for row, value in enumerate(one.values, start=1):
                if value is not None:
                    sheet.write_number(row, column, value)
    return held.getvalue()


def _dress_axes(chart: Any, axis: str, number_format: str, share: bool, lying: bool) -> None:
    values, names = chart.value_axis, chart.category_axis
    values.has_title = True
    values.axis_title.text_frame.text = axis
    run = values.axis_title.text_frame.paragraphs[0].runs[0]
    run.font.size, run.font.bold = SMALLEST, False
    values.tick_labels.font.size = SMALLEST
    values.tick_labels.number_format = number_format
    values.tick_labels.number_format_is_linked = False
    values.major_gridlines.format.line.color.rgb = colour("DDDFE3")
    values.format.line.fill.background()
    if share:
        values.minimum_scale, values.maximum_scale, values.major_unit = 0.0, 1.0, 0.2
    names.tick_labels.font.size = SMALLEST
    names.tick_label_position = XL_TICK_LABEL_POSITION.LOW  # beside the plot even where bars go below zero
    names.has_major_gridlines = False
    names.reverse_order = lying  # the first genre on top
    if lying:  # the reversed order would carry the value axis to the top
        values._element.find(qn("c:crosses")).set("val", "max")
    else:
        names.tick_labels._element.get_or_add_txPr().find(qn("a:bodyPr")).set("rot", "-5400000")
    if len(chart.plots[0].categories) <= EACH:  # else the program leaves out names as it sees fit
        skip = parse_xml(f'<c:tickLblSkip {nsdecls("c")} val="1"/>')
        names._element.find(qn("c:noMultiLvlLbl")).addprevious(skip)


def _dress_lines(chart: Any, across: str) -> None:
    names = chart.category_axis
    names.tick_labels._element.get_or_add_txPr().find(qn("a:bodyPr")).set("rot", "0")
    many = len(chart.plots[0].categories)
    for mark in names._element.findall(qn("c:tickLblSkip")):
        names._element.remove(mark)
    step = max(1, -(-many // 8))
    for kind in ("tickMarkSkip", "tickLblSkip"):
        place = names._element.find(qn("c:tickMarkSkip")) if kind == "tickLblSkip" else None
        if place is None:
            place = names._element.find(qn("c:noMultiLvlLbl"))
        place.addprevious(parse_xml(f'<c:{kind} {nsdecls("c")} val="{step}"/>'))
    if across:
        names.has_title = True
        names.axis_title.text_frame.text = across
        run = names.axis_title.text_frame.paragraphs[0].runs[0]
        run.font.size, run.font.bold = SMALLEST, False
    for drawn, ink in zip(chart.plots[0].series, LINES, strict=False):
        drawn.smooth = False
        drawn.format.line.color.rgb = colour(ink)
        drawn.format.line.width = Pt(2.25)
        if many <= EACH:
            drawn.marker.format.fill.solid()
            drawn.marker.format.fill.fore_color.rgb = colour(ink)
            drawn.marker.format.line.color.rgb = colour(ink)


def _hold_intervals(axis: Any, series: Sequence[Series]) -> None:
    """Sets the ends of the axis where bars have intervals: programs choose them by the bars and cut intervals off."""
    ends = [end for one in series for interval in one.intervals if interval is not None for end in interval]
    if not ends:
        return
    values = [value for one in series for value in one.values if value is not None]
    ticks = MaxNLocator(8, steps=[1, 2, 2.5, 5, 10]).tick_values(min(0.0, *ends, *values), max(0.0, *ends, *values))
    axis.minimum_scale, axis.maximum_scale = float(ticks[0]), float(ticks[-1])
    axis.major_unit = float(ticks[1] - ticks[0])


def _add_intervals(series: Any, one: Series) -> None:
    """Custom error bars: python-pptx has no call for them, the format does (c:errBars, ECMA-376 part 1, 21.2.2.55)."""
    around = [
        (0.0, 0.0)
        if value is None or interval is None
        else (max(0.0, float(value - interval[0])), max(0.0, float(interval[1] - value)))
        for value, interval in zip(one.values, one.intervals, strict=True)
    ]
    points = {
        side: "".join(f'<c:pt idx="{at}"><c:v>{pair[side]!r}</c:v></c:pt>' for at, pair in enumerate(around))
        for side in (0, 1)
    }
    literal = '<c:numLit><c:formatCode>General</c:formatCode><c:ptCount val="{}"/>{}</c:numLit>'
    bars = parse_xml(
        f"<c:errBars {nsdecls('c', 'a')}>"
        '<c:errBarType val="both"/><c:errValType val="cust"/><c:noEndCap val="0"/>'
        f"<c:plus>{literal.format(len(around), points[1])}</c:plus>"
        f"<c:minus>{literal.format(len(around), points[0])}</c:minus>"
        f'<c:spPr><a:ln w="{Pt(1.5)}"><a:solidFill><a:srgbClr val="{INK}"/></a:solidFill></a:ln></c:spPr>'
        "</c:errBars>"
    )
    series.find(qn("c:cat")).addprevious(bars)
