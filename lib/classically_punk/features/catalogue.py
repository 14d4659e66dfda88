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
from itertools import pairwise
from typing import Final, Literal

from classically_punk.features import (
    cepstrum,
    harmony,
    lufs,
    motion,
    pitch,
    recording,
    rhythm,
    separation,
    spectral_shape,
    tempo,
    texture,
    waveform,
)
from classically_punk.features.analysis import MIN_SAMPLES, SAMPLE_RATE_HZ
from classically_punk.features.conditioning import CONDITIONING
from classically_punk.features.filterbanks import CLASSES
from classically_punk.features.overview import BROAD, CONTRAST_BANDS, CONTRAST_EDGES_HZ
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

    `running` begins what the kernel gives for a clip too long for memory, stretch by stretch. `group` is what an
    ablation drops together; entries without one are not for models of the project's own set.
    """

    name: str
    scalars: tuple[Scalar, ...]
    source: str
    kernel: Kernel
    running: Callable[[], Running]
    scope: Scope = "segment"
    conditioning: str = "none"
    group: str | None = None
    min_samples: int = MIN_SAMPLES

    @property
    def family(self) -> str:
        """The first word of the name: tempo, pitch, timbre or loudness; recording for what is not music."""
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


def _mean_and_log_dev(name: str, unit: str, meaning: str) -> tuple[Scalar, Scalar]:
    return (
        Scalar(f"{name}_mean", unit, f"mean of {meaning}"),
        Scalar(f"{name}_log_dev", f"ln {unit}", f"logarithm of the deviation of {meaning}"),
    )


def _recording(name: str, of: str) -> tuple[Scalar, ...]:
    return (
        Scalar(f"{name}_low", "dB", f"power below 20 Hz over all power, {of}, floor -80"),
        Scalar(f"{name}_high", "dB", f"power above 9.5 kHz over all power, {of}, floor -80"),
        Scalar(f"{name}_dc", "dB", f"squared mean over all power, {of}, floor -80"),
        Scalar(f"{name}_peak", "dBFS", f"highest sample, {of}, floor -100"),
    )


RATES = ("0.5 to 1.5", "1.5 to 3", "3 to 6", "6 to 12", "12 to 21.5")
EDGES = [f"{low:.0f} to {high:.0f} Hz" for low, high in pairwise(CONTRAST_EDGES_HZ)]
RECORDING = (
    "Hann blocks of 3 s, half overlapping, of every 64th of a 4-fold running mean of 64 samples; spectrum of the frames"
    " of 2048 every 512 samples that lie within the piece; 22 050 Hz"
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
    Feature(
        name="timbre_cepstrum",
        scalars=tuple(
            scalar
            for i in range(1, cepstrum.COEFFICIENTS + 1)
            for scalar in _mean_and_log_dev(f"timbre_cepstrum{i:02d}", "dB", f"mel cepstral coefficient {i} of 20")
        ),
        source=f"orthonormal DCT of 10 log10(power + 1e-4) in 128 Slaney mel bands, 30 to 9000 Hz; {FRAMES}",
        kernel=cepstrum.conditioned,
        running=cepstrum.conditioned.running,
        conditioning=CONDITIONING,
        group="mfcc",
    ),
    Feature(
        name="timbre_cepstrum_steps",
        scalars=tuple(
            Scalar(f"timbre_cepstrum{i:02d}_step_log_dev", "ln dB", f"how much coefficient {i} changes in a frame")
            for i in range(1, cepstrum.COEFFICIENTS + 1)
        ),
        source=f"ln deviation of differences of timbre_cepstrum from frame to frame; {FRAMES}",
        kernel=cepstrum.steps,
        running=cepstrum.steps.running,
        conditioning=CONDITIONING,
        group="mfcc",
    ),
    Feature(
        name="timbre_motion",
        scalars=tuple(
            Scalar(
                f"timbre_motion{i:02d}_{j:02d}",
                "ln ln²",
                f"how bands {i} and {j} of 12 move together" if i < j else f"how much band {i} of 12 moves",
            )
            for i in range(1, BROAD + 1)
            for j in range(i, BROAD + 1)
        ),
        source=(
            "matrix logarithm (Arsigny et al. 2006) of 0.01 I + covariance of the differences of ln(power + 1e-4) in 12"
            f" Slaney mel bands, 30 to 9000 Hz, from frame to frame; {FRAMES}"
        ),
        kernel=motion.motion,
        running=motion.RunningMotion,
        conditioning=CONDITIONING,
        group="log_mel_covariance",
    ),
    Feature(
        name="timbre_contrast",
        scalars=tuple(
            scalar
            for i, edges in enumerate(EDGES, 1)
            for scalar in _mean_and_log_dev(f"timbre_contrast{i}", "dB", f"peaks over valleys, {edges}")
        ),
        source=f"Jiang et al. 2002, highest and lowest 2 % of the bins of {CONTRAST_BANDS} bands; {FRAMES}",
        kernel=texture.contrast,
        running=texture.contrast.running,
        conditioning=CONDITIONING,
        group="contrast",
    ),
    Feature(
        name="timbre_outline",
        scalars=(
            *_mean_and_log_dev("timbre_brightness", "octave", "spectral centroid"),
            *_mean_and_log_dev("timbre_width", "octave", "spread around the spectral centroid"),
            *_mean_and_log_dev("timbre_edge", "octave", "frequency below which 85 % of the magnitude lies"),
        ),
        source=f"log2(1 + f / 30 Hz) of librosa.feature.spectral_centroid, _bandwidth, _rolloff (85 %); {FRAMES}",
        kernel=texture.outline,
        running=texture.outline.running,
        conditioning=CONDITIONING,
        group="outline",
    ),
    Feature(
        name="timbre_flatness",
        scalars=_mean_and_log_dev("timbre_flatness", "dB", "spectral flatness (noise 0, tone far below)"),
        source=f"geometric over arithmetic mean of power between 30 and 9000 Hz, plus 1e-6; {FRAMES}",
        kernel=texture.flatness,
        running=texture.flatness.running,
        conditioning=CONDITIONING,
        group="outline",
    ),
    Feature(
        name="timbre_sign_changes",
        scalars=(
            Scalar("timbre_sign_changes_log_mean", "ln 1/sample", "logarithm of the zero crossing rate"),
            Scalar(
                "timbre_sign_changes_log_dev", "ln 1/sample", "logarithm of the deviation of the zero crossing rate"
            ),
        ),
        source="ln(0.001 + …) of librosa.feature.zero_crossing_rate; frames of 2048 every 512 samples at 22 050 Hz",
        kernel=texture.crossings,
        running=texture.crossings.running,
        conditioning=CONDITIONING,
        group="outline",
    ),
    Feature(
        name="timbre_flux",
        scalars=_mean_and_log_dev("timbre_flux", "1", "rise of the spectrum from frame to frame, spectra of length 1"),
        source=f"length of the positive differences of magnitudes, each frame over its length plus 0.001; {FRAMES}",
        kernel=texture.flux,
        running=texture.flux.running,
        conditioning=CONDITIONING,
        group="onset",
    ),
    Feature(
        name="timbre_bands",
        scalars=tuple(
            Scalar(f"timbre_band{i:02d}_level", "dB", f"level of band {i} of 16 from 30 to 9000 Hz, even in pitch")
            for i in range(1, texture.LEVEL_BANDS + 1)
        ),
        source=f"10 log10(mean power + 1e-6) less the mean of the 16 levels; {FRAMES}",
        kernel=texture.bands,
        running=texture.bands.running,
        conditioning=CONDITIONING,
        group="bands",
    ),
    Feature(
        name="loudness_level",
        scalars=(Scalar("loudness_level_dev", "dB", "deviation of the level of frames"),),
        source=f"20 log10(root mean square of the spectrum over bins + 0.001); {FRAMES}",
        kernel=texture.level,
        running=texture.level.running,
        conditioning=CONDITIONING,
        group="onset",
    ),
    Feature(
        name="pitch_classes",
        scalars=(
            *(
                Scalar(f"pitch_class{i:02d}_share", "1", f"share of the pitch class in place {i}, weakest first")
                for i in range(1, CLASSES + 1)
            ),
            *(
                Scalar(f"pitch_interval{i}_correlation", "1", f"how alike pitch classes {i} semitones apart sound")
                for i in range(1, harmony.INTERVALS + 1)
            ),
        ),
        source=f"mean of librosa.feature.chroma_stft(tuning=0), sorted; its circular autocorrelation; {FRAMES}",
        kernel=harmony.pitch_classes,
        running=harmony.pitch_classes.running,
        conditioning=CONDITIONING,
        group="chroma",
    ),
    Feature(
        name="tempo_onsets",
        scalars=(
            Scalar("tempo_onset_log_mean", "ln dB", "logarithm of the mean rise in level from frame to frame"),
            Scalar("tempo_onset_log_dev", "ln dB", "logarithm of the deviation of the rise in level"),
            Scalar("tempo_onset_mean_log", "ln dB", "mean of the logarithm of the rise in level"),
            Scalar("tempo_onset_dev_log", "ln dB", "deviation of the logarithm of the rise in level"),
            Scalar("tempo_onset_pulse", "1", "largest autocorrelation of the rise in level at 0.23 to 2 s"),
            Scalar("tempo_onset_share", "1", "share of frames that rise more than twice as much as the mean"),
        ),
        source=f"positive differences of 10 log10(power + 1e-4), mean of 128 Slaney mel bands, 30 to 9000 Hz; {FRAMES}",
        kernel=rhythm.onset,
        running=rhythm.onset.running,
        conditioning=CONDITIONING,
        group="onset",
    ),
    Feature(
        name="tempo_modulation",
        scalars=tuple(
            Scalar(f"tempo_modulation{rate}_{group}", "ln ln²", f"how much band {group} of 6 pulsates at {hertz} Hz")
            for rate, hertz in enumerate(RATES, 1)
            for group in range(1, rhythm.GROUPS + 1)
        ),
        source=(
            "ln(0.001 + power of the modulation) of ln(power + 1e-4) in pairs of 12 Slaney mel bands, 30 to 9000 Hz,"
            f" Hann blocks of 128 frames every 64; {FRAMES}"
        ),
        kernel=rhythm.modulation,
        running=rhythm.RunningModulation,
        conditioning=CONDITIONING,
        group="modulation",
    ),
    Feature(
        name="recording_signal",
        scalars=_recording("recording_signal", "of the signal as it is"),
        source=RECORDING,
        kernel=recording.of_signal,
        running=recording.of_signal.running,
    ),
    Feature(
        name="recording_conditioned",
        scalars=_recording("recording_conditioned", "of the conditioned signal"),
        source=RECORDING,
        kernel=recording.of_conditioned,
        running=recording.of_conditioned.running,
        conditioning=CONDITIONING,
    ),
)

FEATURE_SETS: Final = ("classic57", "punk")
"""`classic57`: the entries of the published table; `punk`: everything in the catalogue.

What a model sees of a set is less: see `model_names`.
"""

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
def model_names(feature_set: str) -> tuple[str, ...]:
    """The columns that a model of the set sees, in vector order: of `classic57` its 57, of `punk` the conditioned ones.

    Raises ValueError for an unknown name.
    """
    seen = [feature for feature in entries(feature_set) if feature_set == "classic57" or feature.group is not None]
    return tuple(scalar.name for feature in seen for scalar in feature.scalars)


@cache
def groups(feature_set: str) -> dict[str, tuple[str, ...]]:
    """What belongs together among `model_names`: group -> columns; every column is in exactly one.

    Of `classic57` the entries, of `punk` the groups of its entries. Raises ValueError for an unknown name.
    """
    found: dict[str, tuple[str, ...]] = {}
    names = set(model_names(feature_set))
    for feature in entries(feature_set):
        group = feature.name if feature_set == "classic57" else feature.group
        mine = tuple(scalar.name for scalar in feature.scalars if scalar.name in names)
        if group is not None and mine:
            found[group] = found.get(group, ()) + mine
    return found


@cache
def control_names(conditioned: bool) -> tuple[str, ...]:
    """Columns of what is not music, which no model sees: of the conditioned signal, or of the signal as it is."""
    name = "recording_conditioned" if conditioned else "recording_signal"
    return tuple(scalar.name for feature in CATALOGUE if feature.name == name for scalar in feature.scalars)


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
