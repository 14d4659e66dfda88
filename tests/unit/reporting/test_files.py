"""What `write_report` leaves behind, and how text and numbers are told."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classically_punk.reporting import write_report
from classically_punk.reporting.deck import write_deck
from classically_punk.reporting.findings import Findings
from classically_punk.reporting.metrics_json import write_metrics
from classically_punk.reporting.page import write_page
from classically_punk.reporting.pictures import write_plots
from classically_punk.reporting.text import duration_text, percent, plain, short, slug, visible

Make = Callable[..., Findings]


def test_a_report_is_four_things_in_one_folder(make_findings: Make, tmp_path: Path) -> None:
    paths = write_report(make_findings(genres=("jazz", "rock"), clips=3), tmp_path / "new" / "reports")
    found = {str(path.relative_to(tmp_path / "new" / "reports")) for path in (tmp_path / "new").rglob("*.*")}
    assert {"report.html", "slides.pptx", "metrics.json"} <= found
    assert {path.name for path in paths.plots} == {name.removeprefix("plots/") for name in found if "plots/" in name}


def test_a_report_that_cannot_be_finished_leaves_the_one_before_as_it_was(
    make_findings: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    write_report(make_findings(genres=("jazz", "rock"), clips=3), tmp_path)
    before = content()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    for write in (write_metrics, write_page_without_plots, write_deck):
        name = {write_metrics: "metrics.json", write_deck: "slides.pptx"}.get(write, "report.html")
        with pytest.raises(OSError, match="No space left"):
            write(make_findings(genres=("blues", "disco"), clips=4), tmp_path / name)
    with pytest.raises(OSError, match="No space left"):
        write_plots(make_findings(genres=("blues", "disco"), clips=4), tmp_path / "plots")
    assert content() == before


def write_page_without_plots(findings: Findings, path: Path) -> None:
    write_page(findings, [], path)


def test_metrics_json_holds_every_row_unchanged_and_where_it_came_from(make_findings: Make, tmp_path: Path) -> None:
    findings = make_findings()
    write_metrics(findings, tmp_path / "metrics.json")
    content = json.loads((tmp_path / "metrics.json").read_text())
    in_order = lambda rows: sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))  # noqa: E731
    assert in_order(content["metrics"]) == in_order([asdict(row) for row in findings.metrics])
    assert content["runs"] == dict(findings.run_dates)
    assert [one["name"] for one in content["protocols"]] == ["group-folds", "random-folds"]


def test_metrics_json_refuses_a_number_that_json_does_not_know(make_findings: Make, tmp_path: Path) -> None:
    from dataclasses import replace

    findings = make_findings()
    broken = replace(findings, metrics=[replace(findings.metrics[0], value=float("nan"))])
    with pytest.raises(ValueError, match="JSON"):
        write_metrics(broken, tmp_path / "metrics.json")


@pytest.mark.parametrize(
    ("value", "told"),
    [(0, "0"), (37, "37"), (-0.0, "0"), (1.5, "1.50"), (-12.34, "−12.3"), (0.137, "0.137"), (123456.7, "123457")],
)
def test_numbers_are_told_with_three_figures(value: float, told: str) -> None:
    assert plain(value) == told


def test_shares_are_told_in_per_cent_and_lengths_in_hours() -> None:
    assert percent(0.503) == "50.3\N{NO-BREAK SPACE}%"
    assert duration_text(3 * 3600 + 5 * 60 + 7.4) == "3:05:07"


@given(st.floats(-1e12, 1e12))
def test_a_number_as_told_is_within_half_a_per_cent_of_itself(value: float) -> None:
    assert float(plain(value).replace("−", "-")) == pytest.approx(value, rel=0.005)


@given(st.text(), st.integers(2, 40))
def test_short_text_is_visible_and_short(text: str, most: int) -> None:
    assert len(short(text, most)) <= most
    assert "\x07" not in short(text, most)
    if len(visible(text)) <= most:
        assert short(text, most) == visible(text)


@given(st.text(st.characters(), max_size=80))
def test_a_slug_is_a_safe_file_name(text: str) -> None:
    assert set(slug(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(slug(text)) <= 32
    assert not slug(text).startswith("-")
