"""Findings made of seeded random numbers, as a run would leave them; nothing here was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

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
        rows.append(MetricRow(RUN, MODEL, "group-folds", "accuracy", 0.2159, 0.19, 0.25, 9, condition="length:3"))
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
        exhibits=[exhibit(genre, rng) for genre in genres],
        metrics=rows,
        protocols=[describe_protocol("random-folds", 5), describe_protocol("group-folds", 5)],
        model=model if trained else None,
        run_dates={RUN: "2025-03-01T10:15:00Z", EARLIER: "2025-02-28T09:00:00Z"},
        versions={"python": "3.11.9", "librosa": "0.11.0", "spark": "4.2.0"},
        table_versions={"clips": 3, "features": 4, "metrics": 2},
    )


@pytest.fixture
def make_findings() -> Callable[..., Findings]:
    """`findings_of`, so that tests need no import between test files."""
    return findings_of
