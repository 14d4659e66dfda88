"""The report page, read back as a browser would."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from classically_punk import reporting
from classically_punk.reporting import views
from classically_punk.reporting.examined import Examined
from classically_punk.reporting.findings import Findings, MetricRow
from classically_punk.reporting.page import render
from classically_punk.reporting.pictures import MOST_EXHIBITS, Plot, write_plots
from classically_punk.reporting.text import SHARES, percent, visible

Make = Callable[..., Findings]
PIXEL = bytes.fromhex(  # the smallest PNG there is
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
)
VOID = {"meta", "link", "img", "br", "hr", "input", "col", "source", "wbr", "embed", "base"}


class Page(HTMLParser):
    """Elements, what they load, their texts, and whether they are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.loads: list[str] = []
        self.metrics: list[tuple[dict[str, str], str]] = []
        self.open: list[str] = []
        self.words = ""
        self.misnested: list[str] = []
        self._metric: int | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag not in VOID:
            self.open.append(tag)
        for name, value in given.items():
            loading = name in ("src", "srcset", "poster", "background", "action", "formaction", "ping")
            if loading or (name.endswith("href") and tag != "a"):
                self.loads.append(value)
            elif name == "style":
                self._css(value)
        if "data-metric" in given:
            self.metrics.append((given, ""))
            self._metric = len(self.open)

    def handle_endtag(self, tag: str) -> None:
        self.words += " " if tag in ("td", "th", "dt") else ""
        if not self.open or self.open[-1] != tag:
            self.misnested.append(tag)
            return
        if self._metric == len(self.open):
            self._metric = None
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self._css(data)
            return
        self.words += data
        if self._metric is not None:
            given, text = self.metrics[-1]
            self.metrics[-1] = (given, text + data)

    def _css(self, text: str) -> None:
        self.loads += re.findall(r"url\(\s*[\"']?([^\"')]+)", text) + re.findall(r"@import\s*[\"']?([^\"';]+)", text)

    @property
    def outside(self) -> list[str]:
        return [target for target in self.loads if not re.match(r"\s*data:", target)]


def plots_of(findings: Findings, folder: Path) -> list[Plot]:
    """Every picture a page asks for, a pixel each: drawing is tested elsewhere."""
    (folder / "pixel.png").write_bytes(PIXEL)
    wanted = [("exhibit", one.genre) for one in findings.exhibits]
    wanted += [(kind, name) for kind in ("scores", "confusion") for name in findings.evaluated]
    wanted += [("model", name) for name in ("weights", "spreads")]
    wanted += [("checks", name) for name in ("calibration", "thresholds", "ablation", "baseline", "altered")]
    wanted += [("family", family) for family in {row.family for row in findings.features}]
    return [Plot(kind, subject, folder / "pixel.png", f"{kind} of {subject}") for kind, subject in wanted]


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[[Findings], Page]:
    return lambda findings: Page(render(findings, plots_of(findings, tmp_path)))


def key_of(row: MetricRow) -> tuple[str | None, ...]:
    names = (row.metric, row.protocol, row.genre, row.predicted_genre, row.condition, row.run_id)
    return tuple(None if name is None else visible(name) for name in names)


SHAPES = {
    "ten": {},
    "two, one clip each": {"genres": ("jazz", "rock"), "clips": 1},
    "thirty": {"genres": tuple(f"genre {at:02d}" for at in range(30)), "clips": 3},
    "synthetic": {"synthetic": True, "genres": ("jazz", "rock")},
    "not evaluated": {"evaluated": False},
    "not trained": {"evaluated": False, "trained": False},
    "nothing at all": {"genres": (), "evaluated": False, "trained": False},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_page_loads_nothing_and_is_well_formed(
    shape: str, make_findings: Make, page_of: Callable[[Findings], Page]
) -> None:
    page = page_of(make_findings(**SHAPES[shape]))
    assert page.outside == []
    assert (page.misnested, page.open) == ([], [])
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"iframe", "object", "embed", "form", "link", "base"}


def test_the_one_script_is_the_project_s_own_and_the_only_one_that_may_run(make_findings: Make, tmp_path: Path) -> None:
    findings = make_findings(genres=("<script>alert(1)</script>", "rock"), clips=2)
    text = render(findings, plots_of(findings, tmp_path))
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL)
    own = (Path(reporting.__file__).parent / "templates/report.js").read_text()
    assert scripts == [own]
    digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'\"" in text
    assert "unsafe-inline'; script-src" in text  # styles alone may stand inside


@pytest.mark.parametrize("many", [1, 2, 30])
def test_where_something_was_not_measured_a_line_says_so_and_no_empty_plot_stands(
    many: int, make_findings: Make
) -> None:
    findings = make_findings(genres=tuple(f"genre {at:02d}" for at in range(many)), clips=1)
    bare = replace(
        findings,
        metrics=[row for row in findings.metrics if row.condition is None],
        examined=Examined(),
        exhibits=(),
        audio=(),
        warnings=(),
        costs=None,
        pace=None,
    )
    page = Page(render(bare, []))
    for line in (
        "Ablation was not measured (evaluation.ablation).",
        "Controls were not measured (evaluation.controls).",
        "No threshold was measured (evaluation.thresholds).",
        "Altered clips were not judged (evaluation.robustness).",
        "No other model was measured on these clips.",
        "no held-out scores stand in the tables",
        "No held-out answers stand in the tables.",
        "No accepted clip carries a warning.",
        "Collinearity was not measured",
    ):
        assert line in " ".join(page.words.split()), line


def test_leakage_is_told_in_words_beside_its_figure(make_findings: Make, page_of: Callable[[Findings], Page]) -> None:
    words = " ".join(page_of(make_findings()).words.split())
    assert "Clips whose altered copy is on the other side: group-folds 0 [" in words
    assert "random-folds 0" not in words  # under which it was not measured


def test_every_bar_is_a_score_or_a_push_of_a_judged_clip(
    make_findings: Make, page_of: Callable[[Findings], Page]
) -> None:
    findings = make_findings()
    judged = [*findings.examined.shown, *findings.examined.mistakes]
    wanted = [value for one in judged for value in one.scores.values()]
    wanted += [push.push for one in judged for reason in one.reasons for push in reason.pushes]
    drawn = [float(given["data-bar"]) for _, given in page_of(findings).tags if "data-bar" in given]
    assert sorted(drawn) == sorted(wanted)


def test_bars_share_a_scale_that_holds_zero() -> None:
    drawn = views.bars([("up", 0.6), ("down", -0.2), ("none", 0.0)])
    assert [one.left for one in drawn] == pytest.approx([25, 0, 25])
    assert [one.width for one in drawn] == pytest.approx([75, 25, 0.5])


def test_assumptions_say_what_was_found_and_what_follows(make_findings: Make) -> None:
    told = {one.name: one.found for one in views.assumptions(make_findings())}
    assert told["Scores stay where targets are"].startswith("34.6\N{NO-BREAK SPACE}%")
    assert told["No feature repeats others"] == "VIF 5.60 in the middle, up to 78.9; 4 of 13 columns above 10"
    assert told["Residuals are normal"] == "skewness 1.23"
    assert told["Rows are independent"] == "3700 segments of 370 clips: they are not"
    assert views.assumptions(make_findings(trained=False, evaluated=False)) == []


def test_a_page_of_100_000_clips_in_150_genres_stays_below_15_mb(make_findings: Make, tmp_path: Path) -> None:
    """Noise is the worst there is for a PNG; pictures of clips are as large as those of real ones at most."""
    findings = make_findings(genres=tuple(f"genre number {at:03d}" for at in range(150)), clips=667)
    worst = [row for row in findings.features if row.column == "tempo_bpm"]
    columns = [replace(row, column=f"timbre_x{at:03d}") for at in range(450) for row in worst]
    picture = tmp_path / "picture.png"
    picture.write_bytes(PIXEL + np.random.default_rng(0).bytes(200_000))  # those of the demo are 140 to 195 kB
    shown = [Plot("exhibit", one.genre, picture, "words") for one in findings.exhibits[:MOST_EXHIBITS]]
    text = render(replace(findings, features=columns), shown)
    assert len(text.encode()) < 15e6


def test_every_metric_on_the_page_is_a_row_of_the_table_with_its_value(
    make_findings: Make, page_of: Callable[[Findings], Page]
) -> None:
    findings = make_findings()
    rows = {key_of(row): row for row in findings.metrics}
    page = page_of(findings)
    for given, text in page.metrics:
        names = ("metric", "protocol", "genre", "predicted", "condition", "run")
        row = rows[tuple(given.get(f"data-{name}") for name in names)]
        assert float(given["data-value"]) == row.value
        assert int(given["data-n"]) == row.n
        told = float(re.match(r"[−\d.]+", text).group().replace("−", "-"))  # type: ignore[union-attr]
        scale = 100 if row.metric in SHARES else 1
        assert told == pytest.approx(scale * row.value, abs=0.051 if scale == 100 else 0.00051, rel=0.005)
    shown = {tuple(given.get(f"data-{name}") for name in names) for given, _ in page.metrics}
    assert shown == set(rows)  # and every row of this table finds its place on the page


def test_every_decimal_number_in_the_text_is_marked_as_a_value_of_a_table(
    make_findings: Make, page_of: Callable[[Findings], Page]
) -> None:
    findings = make_findings()
    page = page_of(findings)
    known = [findings.max_control_accuracy or 0.0, findings.examined.outside or 0.0]
    known += [one.confidence for one in (*findings.examined.shown, *findings.examined.mistakes)]
    allowed = " ".join(
        [text for _, text in page.metrics]
        + [f"{given[name]} " for _, given in page.tags for name in ("data-median", "data-training-r2") if name in given]
        + [percent(float(given["data-reported"])) for _, given in page.tags if "data-reported" in given]
        + [percent(one) for one in known]
        + ["77.6 %"]  # of the words about what others did
    )
    told = set(re.findall(r"(?<![\w.-])\d+\.\d+\s%", page.words))
    assert told  # per cents are told at all
    assert [one for one in told if one not in allowed] == []


def test_the_verdict_is_told_under_the_strictest_protocol(
    make_findings: Make, page_of: Callable[[Findings], Page]
) -> None:
    findings = make_findings()
    first, _ = page_of(findings).metrics[0]
    assert (first["data-metric"], first["data-protocol"]) == ("accuracy", "group-folds")
    lenient = replace(findings, metrics=[row for row in findings.metrics if row.protocol == "random-folds"])
    assert page_of(lenient).metrics[0][0]["data-protocol"] == "random-folds"


def test_without_an_evaluation_the_page_says_so_and_shows_no_figure(
    make_findings: Make, page_of: Callable[[Findings], Page]
) -> None:
    page = page_of(make_findings(evaluated=False))
    assert page.metrics == []
    assert "not evaluated" in page.words
    assert "%\N{NO-BREAK SPACE}" not in page.words.split("How good it is")[-1]


def test_names_and_paths_of_others_stay_text(make_findings: Make, page_of: Callable[[Findings], Page]) -> None:
    from_outside = (
        "<script>alert(1)</script>",
        '"quoted\' & <b>bold</b>" onload=alert(2)',
        "{{ 7 * 7 }}",
        "url(http://example.org/x.png)",
        "bell\x07 and \u202eturned",
    )
    page = page_of(make_findings(genres=from_outside))
    assert [tag for tag, _ in page.tags].count("script") == 1  # the page's own
    assert not [name for _, given in page.tags for name in given if name.startswith("on")]
    assert page.outside == []
    assert "<script>alert(1)</script>" in page.words
    assert "{{ 7 * 7 }}" in page.words
    assert "<img src=x onerror=alert(3)>" in page.words
    assert "\\u202eturned" in page.words
    assert "\u202e" not in page.words
    assert "\x07" not in page.words


def test_a_synthetic_corpus_is_named_as_such_and_a_real_one_is_not(
    make_findings: Make, page_of: Callable[[Findings], Page]
) -> None:
    sentence = "it proves the plumbing, its accuracy means nothing"
    assert sentence in page_of(make_findings(synthetic=True)).words
    assert sentence not in page_of(make_findings()).words


def test_a_value_that_is_not_defined_is_a_dash(make_findings: Make, page_of: Callable[[Findings], Page]) -> None:
    findings = make_findings()
    rows = [
        replace(row, value=None, low=None, high=None, n=0) if (row.metric, row.genre) == ("precision", "jazz") else row
        for row in findings.metrics
    ]
    dashes = [text for given, text in page_of(replace(findings, metrics=rows)).metrics if "data-value" not in given]
    assert dashes == ["–", "–"]  # one under each of the two protocols


def test_the_pictures_on_the_page_are_the_files_of_the_plots(make_findings: Make, tmp_path: Path) -> None:
    findings = make_findings(genres=("jazz", "rock"), clips=3)
    plots = write_plots(findings, tmp_path)
    page = Page(render(findings, plots))
    inside = {base64.b64decode(given["src"].split(",")[1]) for tag, given in page.tags if tag == "img"}
    assert inside == {plot.path.read_bytes() for plot in plots}
    assert all(given["alt"] for tag, given in page.tags if tag == "img")
