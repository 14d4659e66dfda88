"""The main job end to end, on the demo's warehouse: what people see is what the tables say, on the desk as on Spark."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from deltalake import DeltaTable
from pptx import Presentation
from tests.conftest import wav_file
from tests.jobs.conftest import QUICK, ROOT, answered, shell

from classically_punk.app import cli
from classically_punk.modelling import published

pytestmark = [pytest.mark.timeout(1200), pytest.mark.usefixtures("demo")]
WAREHOUSE, REPORTS = ROOT / "demo/warehouse", ROOT / "demo/reports"


def frame(name: str) -> pd.DataFrame:
    return DeltaTable(str(WAREHOUSE / name)).to_pyarrow_table().to_pandas()


class Numbers(HTMLParser):
    """Every element that is marked as a metric."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if "data-metric" in told:
            self.found.append(told)


def test_the_demo_accounts_for_every_file() -> None:
    seen = [path for path in (ROOT / "demo/corpus").rglob("*") if path.is_file()]
    files = frame("files").query("status != 'gone'")
    assert sorted(files.path) == sorted(map(str, seen))
    assert dict(files.status.value_counts()) == {"accepted": len(seen) - 2, "rejected": 2}
    assert set(frame("rejects").reason) == {"NOT_AUDIO", "TRUNCATED"}
    assert all("SYNTHETIC" in warnings for warnings in frame("clips").warnings)
    assert frame("models").groupby("model_id").genre.nunique().eq(10).all()


def test_every_number_of_the_report_stands_in_metrics() -> None:
    told = frame("metrics")
    key = ["run_id", "protocol", "metric", "genre", "predicted_genre", "condition"]
    value = {tuple(None if pd.isna(part) else part for part in row[:6]): row[6] for row in told[[*key, "value"]].values}
    numbers = Numbers((REPORTS / "report.html").read_text(encoding="utf-8")).found
    assert len(numbers) > 100
    for number in numbers:
        parts = ("run", "protocol", "metric", "genre", "predicted", "condition")
        at = tuple(number.get(f"data-{part}") for part in parts)
        shown = number.get("data-value")
        assert (value[at] == float(shown)) if shown is not None else pd.isna(value[at]), at
    runs = frame("runs").set_index("run_id")
    assert {number["data-run"] for number in numbers} <= set(runs.index)


def test_the_report_says_that_the_corpus_is_synthetic() -> None:
    assert "accuracy means nothing" in (REPORTS / "report.html").read_text(encoding="utf-8")


def test_a_chart_of_the_slides_shows_recall_as_measured() -> None:
    slides = Presentation(str(REPORTS / "slides.pptx")).slides
    recall = (
        frame("metrics")
        .query("metric == 'recall' and condition.isna()")
        .dropna(subset="genre")
        .set_index("genre")
        .value.to_dict()
    )
    charts = [shape.chart for slide in slides for shape in slide.shapes if shape.has_chart]
    drawn = [
        dict(zip(plot.categories, series.values, strict=True))
        for chart in charts
        for plot in chart.plots
        for series in plot.series
    ]
    assert len(slides) == 20
    assert len(charts) >= 4
    model = published.load_current(WAREHOUSE)
    versions = {name: DeltaTable(str(WAREHOUSE / name)).version() for name in ("clips", "features", "metrics")}
    for slide in slides:
        notes = slide.notes_slide.notes_text_frame.text
        assert all(f"{name} {version}" in notes for name, version in versions.items())
    notes = " ".join(slide.notes_slide.notes_text_frame.text for slide in slides)
    assert model.model_id in notes
    assert any(shown == pytest.approx(recall) for shown in drawn)


def test_what_the_report_says_of_scores_and_answers_is_so() -> None:
    page = (REPORTS / "report.html").read_text(encoding="utf-8")
    told = frame("predictions").query("protocol == 'group-folds'")
    scores = np.asarray([[score for _, score in sorted(dict(one).items())] for one in told.scores])
    assert f"{100 * np.mean((scores < 0) | (scores > 1)):.1f}\N{NO-BREAK SPACE}% of held-out scores lie outside" in page
    shown = told.set_index("clip_id")
    answers = re.findall(r"clip_id ([0-9a-f]{64})</p>\s*<p>Answer: <b><bdi>(\w+)</bdi></b>, ([\d.]+)", page)
    assert len(answers) == 10
    for clip_id, best, confidence in answers:
        assert best == shown.best[clip_id]
        assert float(confidence) == pytest.approx(100 * shown.confidence[clip_id], abs=0.051)


def test_a_pdf_is_there_where_libreoffice_is() -> None:
    assert (REPORTS / "slides.pdf").is_file() == bool(shutil.which("soffice") or shutil.which("libreoffice"))


def test_the_desk_scores_like_spark(capfd: pytest.CaptureFixture[str]) -> None:
    clips = frame("clips").sort_values("path").groupby("genre").head(1)
    model = published.load_current(WAREHOUSE)
    features = frame("features").query("segment >= 0").set_index("clip_id")
    assert cli.main(["classify", *clips.path, "--json", f"--warehouse.root={WAREHOUSE}"]) == 0
    answers: list[dict[str, Any]] = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [answer["path"] for answer in answers] == list(clips.path)
    for clip_id, answer in zip(clips.clip_id, answers, strict=True):
        x = features.loc[[clip_id], list(model.feature_names)].to_numpy()
        z = (x - np.asarray(model.means)) / np.asarray(model.scales)
        expected = (z @ np.asarray(model.coefficients).T + np.asarray(model.intercepts)).mean(axis=0)
        told = [answer["scores"][genre] for genre in model.genres]
        np.testing.assert_allclose(told, expected, atol=1e-9)
        assert answer["best"] == model.genres[int(np.argmax(expected))]
        assert sum(answer["probabilities"].values()) == pytest.approx(1)


def test_the_exit_status_tells_of_a_failed_gate(tmp_path: Path) -> None:
    wav_file(tmp_path / "music" / "hum" / "quiet.wav", np.zeros(22_050))
    run = shell(
        f"scripts/submit ingest_clips --corpus.root={tmp_path}/music --warehouse.root={tmp_path}/wh "
        f"--limits.max_reject_share=0.5 --run.lineage={tmp_path}/lineage.jsonl",
        **QUICK,
    )
    assert run.returncode == 3, run.stderr
    assert (
        "1 of 1 files rejected, more than limits.max_reject_share = 0.5" in run.stdout + run.stderr
    )  # spark-submit passes both on as stdout
    (row,) = DeltaTable(str(tmp_path / "wh/runs")).to_pyarrow_table().to_pylist()
    assert row["state"] == "gate"
    assert "max_reject_share" in row["detail"]
    events = [json.loads(line) for line in (tmp_path / "lineage.jsonl").read_text().splitlines()]
    assert [event["eventType"] for event in events] == ["START", "FAIL"]
    assert "max_reject_share" in events[1]["run"]["facets"]["errorMessage"]["message"]
    wrote = {Path(to["name"]).name: int(to["facets"]["version"]["datasetVersion"]) for to in events[1]["outputs"]}
    assert wrote == {name: DeltaTable(str(tmp_path / "wh" / name)).version() for name in ("files", "rejects")}
    assert str(tmp_path / "music") in {of["name"] for of in events[1]["inputs"]}


def test_sql_shows_the_units_of_features() -> None:
    said = answered('scripts/sql -e "DESCRIBE TABLE punk.features"')
    assert "[BPM]" in said
    assert "[LUFS]" in said


def test_a_run_leaves_neither_staging_nor_a_metastore() -> None:
    assert not any((ROOT / name).exists() for name in ("metastore_db", "derby.log"))
    assert not (WAREHOUSE / "_staging").exists()
