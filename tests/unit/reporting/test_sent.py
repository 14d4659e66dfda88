"""What the page says of clips that people sent, and how far they lie from those of training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from classically_punk.reporting.findings import SENT, Findings, MetricRow, Sent
from classically_punk.reporting.page import render


def moved(family: str, metric: str, value: float) -> MetricRow:
    return MetricRow("run", "model", SENT, metric, value, None, None, 41, condition=f"drift:{family}")


def test_clips_by_label_and_drift_by_family_largest_first(make_findings: Callable[..., Findings]) -> None:
    plain = make_findings()
    assert "What people sent" not in render(plain, [])
    rows = [moved("pitch", "psi", 0.062), moved("pitch", "psi_beyond", 0.04)]
    rows += [moved("tempo", "psi", 0.31), moved("tempo", "psi_beyond", 0.5)]
    found = replace(plain, metrics=[*plain.metrics, *rows], sent=Sent({"<b>jazz</b>": 40, "rock": 1}, bad_lines=2))
    page = render(found, [])
    assert "41 clips sent" in page
    assert "not trained on" in page
    assert "<bdi>&lt;b&gt;jazz&lt;/b&gt;</bdi> 40, <bdi>rock</bdi> 1." in page
    assert "2 lines could not be used" in page
    assert page.index('<th scope="row">tempo</th>') < page.index('<th scope="row">pitch</th>')
    assert 'data-value="0.31">0.310</span>' in page
    assert 'data-value="0.5">50.0\N{NO-BREAK SPACE}%</span>' in page
    assert found.evaluated == plain.evaluated  # nobody's labels are a measure of the model


def test_few_or_none_are_said_to_be_too_few(make_findings: Callable[..., Findings]) -> None:
    page = render(replace(make_findings(), sent=Sent({}, trained_on=True)), [])
    assert "0 clips sent" in page
    assert "trained on where the label is a genre of the corpus" in page
    assert "Too few to be compared" in page
