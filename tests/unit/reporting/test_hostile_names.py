"""Hostile names at every outlet without Spark: what is written opens, shows them as text, and does nothing else."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from pptx import Presentation
from tests.hostile import BYTES, ONLY_IN_A_TABLE, printable
from tests.unit.reporting.conftest import findings_of

from classically_punk.app.answers import Line, Told, as_object, as_sentence
from classically_punk.audio.inventory import path_text
from classically_punk.modelling import published
from classically_punk.reporting import Paths, figures, pictures, plots, write_report
from classically_punk.reporting.charts import LONGEST
from classically_punk.reporting.deck import write_deck
from classically_punk.reporting.findings import Findings, RejectCount
from classically_punk.reporting.page import write_page
from classically_punk.reporting.palette import palette
from classically_punk.reporting.telling import by_family
from classically_punk.reporting.text import short, visible
from classically_punk.spark import progress, sql_shell

NAMES = (*map(path_text, BYTES), *ONLY_IN_A_TABLE)
HARMLESS = tuple(f"genre {at:02d}" for at in range(len(NAMES)))


def findings_with(names: Sequence[str]) -> Findings:
    """The same findings whatever the names; two pictures of clips are enough, no name is drawn in them."""
    made = findings_of(names, clips=2)
    texts = [RejectCount("NOT_AUDIO", 1, f"/music/{name}.wav", f"begins with {name}") for name in names]
    shown = [replace(one, name=name) for one, name in zip(made.exhibits[:2], names, strict=False)]
    rows = [row for row in made.metrics if row.protocol == "group-folds"]
    where = f"/music/{names[0]}"
    return replace(made, metrics=rows, corpus_root=where, rejects=texts, exhibits=shown)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Paths]:
    """The same report twice, with hostile and with harmless names (the latter without drawing its plots anew)."""
    root = tmp_path_factory.mktemp("named")
    hostile = write_report(findings_with(NAMES), root / "hostile")
    findings, folder = findings_with(HARMLESS), root / "harmless"
    harmless = replace(hostile, report=folder / "report.html", slides=folder / "slides.pptx")
    folder.mkdir()
    kinds = [(path.stem.split("-")[0], path) for path in hostile.plots]
    subjects = {"exhibit": [one.genre for one in findings.exhibits], "family": list(by_family(findings.features))}
    subjects |= {"scores": findings.evaluated, "confusion": findings.evaluated}
    subjects |= {kind: [path.stem.split("-")[2] for k, path in kinds if k == kind] for kind in ("model", "checks")}
    left = {kind: iter(names) for kind, names in subjects.items()}
    write_page(
        findings, [pictures.Plot(kind, next(left[kind]), path, "words") for kind, path in kinds], harmless.report
    )
    write_deck(findings, harmless.slides)
    return {"hostile": hostile, "harmless": harmless}


class Parsed(HTMLParser):
    """How often each element occurs with which attributes, the text, and the values of attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self.words, self.values = "", set[str]()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag, tuple(sorted(name for name, _ in attrs))] += 1
        self.values |= {value for _, value in attrs if value}

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_comment(self, data: str) -> None:
        self.elements["comment", ()] += 1


def test_no_element_and_no_attribute_of_the_page_comes_from_a_name(reports: dict[str, Paths]) -> None:
    page, plain = (Parsed(reports[kind].report.read_text(encoding="utf-8")) for kind in ("hostile", "harmless"))
    assert page.elements == plain.elements
    for name in NAMES:
        assert visible(name) in page.words
        assert visible(name) in page.values
    assert printable(page.words.replace("\n", " "))


def test_slides_open_and_hold_names_as_text_alone(reports: dict[str, Paths]) -> None:
    parts = {}
    for kind, paths in reports.items():
        with zipfile.ZipFile(paths.slides) as archive:
            parts[kind] = {name: archive.read(name) for name in archive.namelist()}
    assert parts["hostile"].keys() == parts["harmless"].keys()
    assert not [name for name in parts["hostile"] if "vba" in name.lower() or "embeddings/ole" in name.lower()]
    for name, content in parts["hostile"].items():
        if name.endswith((".xml", ".rels")):
            ElementTree.fromstring(content)
            links = b'TargetMode="External"'
            assert content.count(links) == parts["harmless"][name].count(links) == 0, name
        if name.endswith(".xlsx"):
            with zipfile.ZipFile(io.BytesIO(content)) as book:
                assert not re.search(rb"<(f|hyperlink)[ >]", book.read("xl/worksheets/sheet1.xml"))
    deck = Presentation(str(reports["hostile"].slides))
    charts = [shape.chart for slide in deck.slides for shape in slide.shapes if shape.has_chart]
    shown = {str(category) for chart in charts for category in chart.plots[0].categories}
    assert shown >= {short(name, LONGEST) for name in NAMES}
    notes = " ".join(slide.notes_slide.notes_text_frame.text for slide in deck.slides)
    assert visible(NAMES[0]) in notes


def test_plots_are_drawn_with_names_as_text(reports: dict[str, Paths]) -> None:
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in reports["hostile"].plots)
    findings = findings_with(NAMES)
    drawn = [
        figures.family_figure(by_family(findings.features)["tempo"], palette(findings.names)),
        figures.scores_figure(findings, "group-folds", palette(findings.names)),
        figures.confusion_figure(list(NAMES), np.eye(len(NAMES), dtype=np.int64)),
    ]
    assert not any(label.get_parse_math() for label in drawn[-1].axes[0].get_xticklabels())  # type: ignore[union-attr]
    for figure in drawn:
        assert figure is not None
        labels = figure.axes[0].get_yticklabels()
        assert {label.get_text() for label in labels} == {short(name, plots.NAME) for name in NAMES}
        assert not any(label.get_parse_math() for label in labels)


def test_no_file_is_named_after_anything_of_the_corpus(reports: dict[str, Paths]) -> None:
    root = reports["hostile"].report.parent
    written = {str(path.relative_to(root.parent)) for path in root.parent.rglob("*")}
    assert {path.split("/")[0] for path in written} == {"hostile", "harmless"}  # nothing beside the two folders
    for path in written:
        assert re.fullmatch(r"[a-z0-9./_-]+", path), path
    top = {path.name for path in root.iterdir()}
    assert top == {"report.html", "slides.pptx", "metrics.json", "plots"}


def test_metrics_json_gives_back_every_name_as_it_is(reports: dict[str, Paths]) -> None:
    text = reports["hostile"].metrics.read_bytes()
    assert text.isascii()
    genres = {row["genre"] for row in json.loads(text)["metrics"]}
    assert genres == {*NAMES, None}


def test_a_published_model_gives_back_every_name_and_is_filed_under_its_digest(tmp_path: Path) -> None:
    g = len(NAMES)
    model = published.PublishedModel(
        model_id="0123456789abcdef",
        genres=NAMES,
        feature_set="punk@0123",
        feature_names=("a",),
        means=(0.0,),
        scales=(1.0,),
        clip_low=None,
        clip_high=None,
        intercepts=tuple(float(at) for at in range(g)),
        coefficients=((1.0,),) * g,
        lam=0.0,
        decision=published.Decision(),
        segment_s=3.0,
        training=published.Training(g, g, "0" * 64),
        published_at="2025-03-01T10:20:11Z",
        run_id="20250301T101500-7f3a",
    )
    published.publish(tmp_path, model)
    assert published.load_current(tmp_path) == model
    assert {path.name for path in (tmp_path / "published").iterdir()} == {"current.json", "0123456789abcdef.json"}


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_line_on_a_terminal_stays_one_line_of_text(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = Line(f"/m/{name}.wav", best=name, predicted=name, confidence=0.5, scores={name: 1.0})
    refused = Line(f"/m/{name}.wav", reason="NOT_AUDIO", detail=name)
    assert printable(as_sentence(answer))
    assert printable(as_sentence(refused))
    told = as_object(Told(answer))
    assert told.isascii()
    assert "\n" not in told
    assert (json.loads(told)["path"], json.loads(told)["best"]) == (f"/m/{name}.wav", name)
    progress.say(f"error: corpus.root: {name} is not a folder")
    line = capsys.readouterr().err
    assert line.endswith(" is not a folder\n")
    assert printable(line[:-1])


class Result:
    """What a query returns, as far as the shell prints it."""

    def show(self, rows: int, truncate: bool) -> None:
        print("|".join(NAMES))


def test_the_sql_shell_prints_nothing_but_text(capsys: pytest.CaptureFixture[str]) -> None:
    sql_shell._show(Result())  # type: ignore[arg-type]
    assert printable(capsys.readouterr().out.replace("\n", " "))
