"""Every number that describes a clip: name, unit, meaning, source and kernel.

`CATALOGUE` is the one list. Its order is the order of the vector; table columns, comments, plot axes and the mapping to
the published table are derived from it. A published name never changes its meaning: a new definition gets a new name,
at the end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Final, Literal

from classically_punk.features import cepstrum, lufs, pitch, separation, spectral_shape, tempo, waveform
from classically_punk.features.analysis import MIN_SAMPLES, SAMPLE_RATE_HZ
from classically_punk.features.running import Kernel, Running, RunningMoments

Scope = Literal["segment", "clip"]
"""`segment`: measured on each segment; `clip`: measured on the whole clip and repeated on its segments."""


@dataclass(frozen=True)
class Scalar:
    """One number of an entry, and its column in the published table if it has one."""

    name: str
    unit: str
    meaning: str
    published: str | None = None


@dataclass(frozen=True)
class Feature:
    """One entry: a kernel and the scalars it returns, in their order.

    `running` begins what the kernel gives for a clip too long for memory, stretch by stretch.
    """

    name: str
    scalars: tuple[Scalar, ...]
    source: str
    kernel: Kernel
    running: Callable[[], Running]
    scope: Scope = "segment"
    conditioning: str = "none"
    min_samples: int = MIN_SAMPLES

    @property
    def family(self) -> str:
        """The first word of the name: tempo, pitch, timbre or loudness."""
        return self.name.partition("_")[0]


@dataclass(frozen=True)
class Column:
    """One scalar of a feature set as tables, plots and pages see it."""

    name: str
    unit: str
    meaning: str
    source: str
    family: str
    scope: Scope
    published: str | None


def _moments(name: str, unit: str, meaning: str, published: str) -> tuple[Scalar, Scalar]:
    squared = unit if unit == "1" else f"{unit}²"
    return (
        Scalar(f"{name}_mean", unit, f"mean of {meaning}", f"{published}_mean"),
        Scalar(f"{name}_var", squared, f"variance of {meaning}", f"{published}_var"),
    )


FRAMES = "frames of 2048 every 512 samples at 22 050 Hz, centred, reflect padding"

CATALOGUE: Final[tuple[Feature, ...]] = (
    Feature(
        name="pitch_chroma",
        scalars=_moments("pitch_chroma", "1", "pitch class strength, strongest of a frame = 1", "chroma_stft"),
        source=f"librosa.feature.chroma_stft over all classes and frames; {FRAMES}",
        kernel=pitch.chroma,
        running=partial(RunningMoments, pitch.chroma),
    ),
    Feature(
        name="loudness_rms",
        scalars=_moments("loudness_rms", "FS", "frame level as root mean square, full scale = 1", "rms"),
        source=f"librosa.feature.rms; {FRAMES}",
        kernel=waveform.rms,
        running=partial(RunningMoments, waveform.rms),
    ),
    Feature(
        name="timbre_centroid",
        scalars=_moments("timbre_centroid", "Hz", "spectral centroid (brightness)", "spectral_centroid"),
        source=f"librosa.feature.spectral_centroid; {FRAMES}",
        kernel=spectral_shape.centroid,
        running=partial(RunningMoments, spectral_shape.centroid),
    ),
    Feature(
        name="timbre_bandwidth",
        scalars=_moments("timbre_bandwidth", "Hz", "spread around the spectral centroid", "spectral_bandwidth"),
        source=f"librosa.feature.spectral_bandwidth, order 2; {FRAMES}",
        kernel=spectral_shape.bandwidth,
        running=partial(RunningMoments, spectral_shape.bandwidth),
    ),
    Feature(
        name="timbre_rolloff",
        scalars=_moments("timbre_rolloff", "Hz", "frequency below which 85 % of the magnitude lies", "rolloff"),
        source=f"librosa.feature.spectral_rolloff, 85 %; {FRAMES}",
        kernel=spectral_shape.rolloff,
        running=partial(RunningMoments, spectral_shape.rolloff),
    ),
    Feature(
        name="timbre_crossings",
        scalars=_moments("timbre_crossings", "1/sample", "zero crossing rate (noisiness)", "zero_crossing_rate"),
        source="librosa.feature.zero_crossing_rate, frames of 2048 every 512 samples at 22 050 Hz, edge padding",
        kernel=waveform.crossings,
        running=partial(RunningMoments, waveform.crossings),
    ),
    Feature(
        name="timbre_harmonic",
        scalars=_moments("timbre_harmonic", "FS", "waveform of the steady (harmonic) part", "harmony"),
        source=f"librosa.effects.hpss (Fitzgerald 2010), kernel 31, soft masks; {FRAMES}",
        kernel=separation.harmonic,
        running=partial(RunningMoments, separation.harmonic, over="samples"),
    ),
    Feature(
        name="timbre_percussive",
        scalars=_moments("timbre_percussive", "FS", "waveform of the struck (percussive) part", "perceptr"),
        source=f"librosa.effects.hpss (Fitzgerald 2010), kernel 31, soft masks; {FRAMES}",
        kernel=separation.percussive,
        running=partial(RunningMoments, separation.percussive, over="samples"),
    ),
    Feature(
        name="tempo_bpm",
        scalars=(Scalar("tempo_bpm", "BPM", "beats a minute, 0 without any onset", "tempo"),),
        source=f"librosa.beat.beat_track on onset strength, median over mel bands; {FRAMES}",
        kernel=tempo.bpm,
        running=tempo.RunningTempo,
        scope="clip",
    ),
    Feature(
        name="timbre_mfcc",
        scalars=tuple(
            scalar
            for i in range(1, cepstrum.COEFFICIENTS + 1)
            for scalar in _moments(f"timbre_mfcc{i:02d}", "dB", f"mel cepstral coefficient {i} of 20", f"mfcc{i}")
        ),
        source=f"librosa.feature.mfcc, 20 of 128 Slaney mel bands, 80 dB range; {FRAMES}",
        kernel=cepstrum.mfcc,
        running=partial(RunningMoments, cepstrum.mfcc),
    ),
    Feature(
        name="loudness_integrated",
        scalars=(Scalar("loudness_integrated_lufs", "LUFS", "gated loudness of the mono mix as one channel"),),
        source="ITU-R BS.1770-4, K-weighting re-derived at 22 050 Hz, floor -70",
        kernel=lufs.loudness,
        running=lufs.RunningLoudness,
        min_samples=lufs.BLOCK,
    ),
)

FEATURE_SETS: Final = ("classic57", "punk")
"""`classic57`: the entries of the published table; `punk`: everything in the catalogue."""

RESAMPLER: Final = f"soxr HQ to {SAMPLE_RATE_HZ} Hz"


@cache
def entries(feature_set: str) -> tuple[Feature, ...]:
    """The catalogue entries of a feature set, in vector order. Raises ValueError for an unknown name."""
    if feature_set not in FEATURE_SETS:
        raise ValueError(f"unknown feature set {feature_set!r}, expected one of {', '.join(FEATURE_SETS)}")
    if feature_set == "punk":
        return CATALOGUE
    return tuple(feature for feature in CATALOGUE if all(scalar.published for scalar in feature.scalars))


@cache
def columns(feature_set: str) -> tuple[Column, ...]:
    """The scalars of a feature set, in vector order. Raises ValueError for an unknown name."""
    return tuple(
        Column(
            scalar.name, scalar.unit, scalar.meaning, feature.source, feature.family, feature.scope, scalar.published
        )
        for feature in entries(feature_set)
        for scalar in feature.scalars
    )


@cache
def min_samples(feature_set: str) -> int:
    """The fewest samples at 22 050 Hz that every kernel of the set can describe."""
    return max(feature.min_samples for feature in entries(feature_set))


def feature_set_id(name: str, segment_s: float) -> str:
    """`name@digest`, 12 hex digits over what defines the numbers: entries, conditioning, segments, resampler."""
    definition = {
        "entries": [
            [feature.name, feature.source, feature.scope, feature.conditioning]
            + [[scalar.name, scalar.unit] for scalar in feature.scalars]
            for feature in entries(name)
        ],
        "segment_s": float(segment_s),
        "resampler": RESAMPLER,
    }
    canonical = json.dumps(definition, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return f"{name}@{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"
