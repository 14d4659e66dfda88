"""Findings made of seeded random numbers, as a run would leave them; nothing here was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from classically_punk.reporting.examined import (
    AudioKind,
    CalibrationBin,
    Collinearity,
    Costs,
    Examined,
    Judgement,
    Pace,
    Push,
    Reasoning,
    ScoreSpread,
    WarningCount,
    Weight,
)
from classically_punk.reporting.findings import (
    Counts,
    Exhibit,
    FeatureSummary,
    Findings,
    GenreCount,
    MetricRow,
    ModelSummary,
    RejectCount,
    describe_protocol,
)

TEN = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
HOSTILE = (
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    '"quoted\' & <b>bold</b>" onload=alert(2)',
    "$\\frac{1}{ broken maths$",
    "a genre whose name is long enough to run off any axis, 60 ch.",
    "bell\x07 and \u202eturned",
    "{{ 7 * 7 }}",
    "url(http://example.org/x.png)",
)
COLUMNS = (
    ("tempo_bpm", "BPM", "tempo of the beat tracker", "tempo"),
    ("pitch_chroma_mean", "1", "mean strength of the twelve pitch classes", "pitch"),
    ("pitch_chroma_var", "1", "variance of the same", "pitch"),
    *((f"timbre_mfcc{at:02d}_mean", "dB", f"mean of MFCC {at}", "timbre") for at in range(1, 9)),
    ("timbre_centroid_var", "Hz²", "variance of the spectral centroid", "timbre"),
    ("loudness_rms_mean", "full scale", "mean RMS level", "loudness"),
    ("loudness_integrated_lufs", "LUFS", "integrated loudness", "loudness"),
)
RUN, EARLIER, MODEL = "20250301T101500Z-7f3a", "20250228T090000Z-11aa", "5d41402abc4b2a76"


def exhibit(genre: str, rng: np.random.Generator, seconds: float = 6.0) -> Exhibit:
    """A clip of noise in the shape that the features leave behind."""
    times = np.linspace(0, seconds, 120)
    level = rng.uniform(0.1, 0.9, 400)
    return Exhibit(
        genre,
        f"{rng.integers(1 << 60):064x}",
        f"{genre}/{genre}.00000.wav",
        {
            "waveform_times_s": np.linspace(0, seconds, 400),
            "waveform_min": -level,
            "waveform_max": level,
            "spectrogram_db": rng.uniform(-80, 0, (96, 120)).astype(np.float16),
            "mel_hz": np.geomspace(30, 11025, 96),
            "chroma": rng.uniform(0, 1, (12, 120)),
            "mfcc": rng.normal(0, 20, (20, 120)),
            "times_s": times,
            "duration_s": np.float32(seconds).reshape(()),
        },
    )


def metrics(genres: Sequence[str], protocol: str, run_id: str, clips: int, rng: np.random.Generator) -> list[MetricRow]:
    """A random confusion of `clips` per genre and every figure that follows from it, with made-up intervals."""
    g = len(genres)
    confusion = np.array([rng.multinomial(clips, 0.5 * np.eye(g)[at] + 0.5 / g) for at in range(g)])

    def row(metric: str, value: float | None, n: int, **more: str | None) -> MetricRow:
        width = rng.uniform(0.02, 0.1)
        around = (None, None) if value is None else (max(value - width, 0.0), min(value + 1.5 * width, 1.0))
        if metric == "confusion":
            around = (None, None)
        return MetricRow(run_id, MODEL, protocol, metric, value, *around, n, **more)

    rows = [row("accuracy", float(np.trace(confusion) / confusion.sum()), int(confusion.sum()))]
    rows.append(row("ece", float(rng.uniform(0.02, 0.2)), int(confusion.sum())))
    for at, genre in enumerate(genres):
        right, decided = float(confusion[at, at]), float(confusion[:, at].sum())
        recall, precision = right / clips, right / decided if decided else None
        f1 = 2 * right / (decided + clips)
        rows += [
            row("recall", recall, clips, genre=genre),
            row("precision", precision, int(decided), genre=genre),
            row("f1", f1, clips, genre=genre),
            row("r2", float(rng.uniform(-0.2, 0.5)), clips, genre=genre),
        ]
        rows += [
            row("confusion", float(confusion[at, to]), clips, genre=genre, predicted_genre=other)
            for to, other in enumerate(genres)
        ]
    return rows


CONDITIONS = (
    *(f"threshold:0.{tenths}" for tenths in range(3, 10)),
    "threshold:cheapest",
    *(f"baseline:{name}" for name in ("chance", "majority", "least-squares", "score-space", "random-forest")),
    *(f"ablation:{name}" for name in ("mfcc", "chroma", "onset")),
    *(f"control:{name}" for name in ("length", "raw", "conditioned")),
    "length:3",
    "mp3:64",
)


def under_conditions(protocol: str, run_id: str, clips: int, rng: np.random.Generator) -> list[MetricRow]:
    """Figures over all genres under every kind of condition, as an evaluation leaves them."""

    def row(condition: str | None, metric: str, value: float) -> MetricRow:
        return MetricRow(run_id, MODEL, protocol, metric, value, value - 0.03, value + 0.02, clips, condition=condition)

    rows = [row(None, name, float(rng.uniform(0.03, 0.1))) for name in ("worst_recall", "ece_floor", "coverage")]
    rows.append(row(None, "cost_per_1000", float(rng.uniform(100, 600))))
    rows.append(row(None, "straddling_near_duplicates", 0.0))
    for condition in CONDITIONS:
        rows.append(row(condition, "accuracy", float(rng.uniform(0.1, 0.9))))
        if condition.startswith("threshold:"):
            rows.append(row(condition, "coverage", float(rng.uniform(0.2, 0.9))))
            rows.append(row(condition, "cost_per_1000", float(rng.uniform(100, 600))))
        elif condition != "baseline:chance":
            rows.append(row(condition, "accuracy_difference", float(rng.uniform(-0.2, 0.05))))
        if condition.startswith("control:"):
            rows.append(row(condition, "control_accuracy", rows[-2].value or 0.0))
    rows.append(row("threshold:cheapest", "threshold", 0.55))
    return rows


def examined_of(genres: Sequence[str], shown: Sequence[Exhibit], rng: np.random.Generator) -> Examined:
    """What a look into the model would leave: a judgement for each clip shown, mistakes, spreads, weights."""
    groups = (
        ("tempo", "onset"),
        ("pitch", "chroma"),
        ("timbre", "mfcc"),
        ("timbre", "contrast"),
        ("loudness", "level"),
    )

    def judged(genre: str, best: str, clip_id: str, name: str) -> Judgement:
        scores = {other: float(rng.uniform(-0.2, 0.4)) for other in genres} | {best: 0.6}
        pushes = [Push(family, group, float(rng.normal(0, 0.1))) for family, group in groups]
        told = [
            Reasoning(one, 0.1 + sum(p.push for p in pushes), 0.1, pushes, [f"towards {one}: tempo +0.1, faster"])
            for one in dict.fromkeys((best, genre))
        ]
        return Judgement(clip_id, name, genre, best, best, 0.7123, scores, told)

    spreads = []
    for genre in genres:
        for target in (0, 1):
            p05, p25, median, p75, p95 = np.sort(rng.normal(0.6 * target, 0.2, 5))
            spreads.append(ScoreSpread(genre, target, 30, float(median), 0.2, p05, p25, median, p75, p95))
    return Examined(
        protocol="group-folds",
        run_id=RUN,
        clips=37 * len(genres),
        outside=0.3456,
        residual_skewness=1.234,
        shown=[judged(one.genre, one.genre, one.clip_id, one.name) for one in shown],
        mistakes=[
            judged(genre, genres[at - 1], f"{at:064x}", f"{genre}.wrong.wav") for at, genre in enumerate(genres[:5])
        ],
        calibration=[CalibrationBin(30, 0.05 + at / 10, float(rng.uniform(0.1, 0.9)), 0.1, 0.9) for at in range(10)],
        spreads=spreads,
        weights=[
            Weight(genre, family, group, 10, float(rng.uniform(0, 1))) for genre in genres for family, group in groups
        ],
        collinearity=Collinearity(13, 370, 123.4, 5.6, 78.9, 4, "timbre_mfcc01_mean"),
    )


def findings_of(
    genres: Sequence[str] = TEN,
    *,
    clips: int = 37,
    evaluated: bool = True,
    trained: bool = True,
    synthetic: bool = False,
    seed: int = 11,
) -> Findings:
    """Findings over these genres with `clips` clips each (one clip in the first genre if clips is 1)."""
    rng = np.random.default_rng(seed)
    features = []
    for column, unit, meaning, family in COLUMNS:
        centre, spread = rng.normal(0, 30), rng.uniform(1, 10)
        for genre in genres:
            points = np.sort(rng.normal(centre + rng.normal(0, spread), spread, clips))
            p05, p25, median, p75, p95 = np.percentile(points, (5, 25, 50, 75, 95))
            sd = float(np.std(points, ddof=1)) if clips > 1 else None
            features.append(
                FeatureSummary(
                    column, unit, meaning, family, genre, clips, float(points.mean()), sd, p05, p25, median, p75, p95
                )
            )
    rows = []
    if evaluated:
        rows = metrics(genres, "random-folds", EARLIER, clips, rng) + metrics(genres, "group-folds", RUN, clips, rng)
        rows += under_conditions("group-folds", RUN, clips * len(genres), rng)
    model = ModelSummary(
        MODEL,
        "punk@0123456789ab",
        len(COLUMNS) - 1,
        1e-3,
        clips * len(genres),
        clips * len(genres),
        {genre: float(rng.uniform(0.1, 0.6)) for genre in genres},
        dropped=("timbre_centroid_var",),
        temperature=0.137,
        published_at="2025-03-01T10:20:11Z",
        run_id=RUN,
    )
    total = clips * len(genres)
    shown = [exhibit(genre, rng) for genre in genres]
    return Findings(
        run_id=RUN,
        started_at="2025-03-01T10:15:00Z",
        corpus_root="/music/<b>mine</b>",
        feature_set="punk@0123456789ab",
        decoder="soundfile 0.13 (libsndfile 1.2.2)",
        counts=Counts(
            seen=total + 9,
            accepted=total + 2,
            rejected=5,
            skipped=2,
            clips=total,
            duplicates=2,
            conflicts=1,
            segments=10 * total,
            synthetic=total if synthetic else 0,
        ),
        rejects=[
            RejectCount("NOT_AUDIO", 3, "/music/<img src=x onerror=alert(3)>.wav", "begins with 'hello'"),
            RejectCount("TRUNCATED", 2, "/music/jazz/half.wav", "promised 661794 samples, holds 12000"),
            RejectCount("NOT_REGULAR", 2, "/music/pipe", "a pipe", status="skipped"),
        ],
        genres=[GenreCount(genre, clips, 30.0 * clips) for genre in genres],
        features=features,
        exhibits=shown,
        metrics=rows,
        protocols=[describe_protocol("random-folds", 5), describe_protocol("group-folds", 5)],
        model=model if trained else None,
        run_dates={RUN: "2025-03-01T10:15:00Z", EARLIER: "2025-02-28T09:00:00Z"},
        versions={"python": "3.11.9", "librosa": "0.11.0", "spark": "4.2.0"},
        table_versions={
            "clips": 3, "features": 4, "files": 6, "metrics": 2, "models": 5, "predictions": 8, "rejects": 7,
        },
        audio=[AudioKind("WAV", "PCM_16", 22_050, 1, total), AudioKind("FLAC", "PCM_16", 44_100, 2, 1)],
        warnings=[WarningCount("CLIPPED", 2, "/music/rock/<i>loud</i>.wav")],
        examined=examined_of(genres, shown, rng) if evaluated and genres else Examined(),
        costs=Costs(1.0, 0.0, 0.3, ((genres[0], genres[-1], 4.0),) if len(genres) > 1 else ()),
        pace=Pace(RUN, total, 30.0 * total, 2, {"describe": 12.5, "train": 7.5, "evaluate": 20.0}) if total else None,
        max_control_accuracy=0.3,
    )  # fmt: skip


@pytest.fixture
def make_findings() -> Callable[..., Findings]:
    """`findings_of`, so that tests need no import between test files."""
    return findings_of
