"""Each family of the classic values against formulas, and against librosa fed with the samples alone."""

from __future__ import annotations

import statistics
from pathlib import Path

import librosa
import numpy as np
import pytest
import scipy.fft
import soundfile
from numpy.typing import NDArray

from classically_punk.features import PUBLISHED_NAMES, catalogue, describe_clip, filterbanks
from classically_punk.features.analysis import SAMPLE_RATE_HZ, Analysis
from classically_punk.features.arrays import mean_and_variance
from classically_punk.features.cepstrum import mfcc_curves
from classically_punk.features.medians import medians
from classically_punk.features.pitch import chroma_curves
from classically_punk.features.tempo import bpm, mean_tempogram, onset_strength

pytestmark = pytest.mark.filterwarnings("ignore:n_fft=2048 is too large", "ignore:Trying to estimate tuning")

TIME_S = np.arange(5 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
BEAT = 20 * 512
"""Samples from beat to beat that are a whole number of frames: the tempo grid holds it exactly."""


def tone(frequency_hz: float, amplitude: float = 0.5) -> NDArray[np.float32]:
    return (amplitude * np.sin(2 * np.pi * frequency_hz * TIME_S)).astype(np.float32)


def beats(seconds: float = 20) -> NDArray[np.float32]:
    """Short bursts of noise, one every `BEAT` samples."""
    clip = np.zeros(int(seconds * SAMPLE_RATE_HZ), dtype=np.float32)
    burst = np.random.default_rng(3).uniform(-0.8, 0.8, 600).astype(np.float32)
    for start in range(0, clip.size - burst.size, BEAT):
        clip[start : start + burst.size] = burst
    return clip


def song() -> NDArray[np.float32]:
    """Beats, a chord and some noise: something for every kernel."""
    noise = np.random.default_rng(5).normal(0, 0.01, TIME_S.size).astype(np.float32)
    return beats(5)[: TIME_S.size] + tone(220, 0.1) + tone(277.2, 0.1) + tone(329.6, 0.1) + noise


def separated(y: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """librosa.effects.hpss with reflect padding; scipy's filter reads outside a line much shorter than its kernel."""
    spectrum = librosa.stft(y, pad_mode="reflect")
    frames = spectrum.shape[1]
    beyond = 0 if frames >= 31 else 15
    parts = librosa.decompose.hpss(np.pad(spectrum, ((0, 0), (beyond, beyond)), mode="symmetric"))
    return [librosa.istft(part[:, beyond : beyond + frames], length=y.size) for part in parts]


def from_samples(y: NDArray[np.float32]) -> dict[str, float]:
    """The published values as librosa gives them, each feature from the samples, frames padded by reflection."""
    feature = librosa.feature
    harmonic, percussive = separated(y)
    curves = {
        "chroma_stft": feature.chroma_stft(y=y, pad_mode="reflect"),
        "rms": feature.rms(y=y, pad_mode="reflect"),
        "spectral_centroid": feature.spectral_centroid(y=y, pad_mode="reflect"),
        "spectral_bandwidth": feature.spectral_bandwidth(y=y, pad_mode="reflect"),
        "rolloff": feature.spectral_rolloff(y=y, pad_mode="reflect"),
        "zero_crossing_rate": feature.zero_crossing_rate(y),
        "harmony": harmonic,
        "perceptr": percussive,
    }
    for number, curve in enumerate(feature.mfcc(y=y, n_mfcc=20, pad_mode="reflect"), start=1):
        curves[f"mfcc{number}"] = curve
    onset = librosa.onset.onset_strength(y=y, aggregate=np.median, pad_mode="reflect")
    values = {"tempo": float(np.atleast_1d(librosa.beat.beat_track(onset_envelope=onset)[0])[0])}
    for name, curve in curves.items():
        values[f"{name}_mean"] = float(np.mean(curve, dtype=np.float64))
        values[f"{name}_var"] = float(np.var(curve, dtype=np.float64))
    return values


TOLERANCE = {
    "pitch_chroma": 1e-5,
    "loudness_rms": 2e-6,
    "timbre_centroid": 2e-5,
    "timbre_bandwidth": 2e-5,
    "timbre_rolloff": 1e-4,  # one bin more in one frame of thousands is 1e-5: a running sum may meet its threshold
    "timbre_crossings": 1e-12,
    "timbre_harmonic": 2e-5,
    "timbre_percussive": 2e-5,
    "tempo_bpm": 1e-12,
    "timbre_mfcc": 5e-5,
}
"""How far an entry may be from librosa, relative; a mean near zero is held to 1 % of its curve's deviation."""


def clicks() -> NDArray[np.float32]:
    """A decaying click now and then in digital silence. (One sample is a flat spectrum: all its peaks are rounding.)"""
    clip = np.zeros(TIME_S.size, dtype=np.float32)
    for start in (5_000, 23_456, 50_001, 77_777, 100_000):
        clip[start : start + 20] = np.exp(-np.arange(20) / 4)
    return clip


def as_16_bit(clip: NDArray[np.float32]) -> NDArray[np.float32]:
    """As a WAV file holds it. A pure float32 tone has bins that are nothing but the rounding of a transform."""
    dither = np.random.default_rng(9).uniform(-0.5, 0.5, clip.size) + np.random.default_rng(8).uniform(
        -0.5, 0.5, clip.size
    )
    return (np.round(clip * 32_767 + dither) / 32_768).astype(np.float32)


def assert_same(clip: NDArray[np.float32], factor: float = 1) -> None:
    expected = from_samples(clip)
    found = describe_clip(clip, SAMPLE_RATE_HZ)
    assert {PUBLISHED_NAMES[name] for name in found} == expected.keys()
    for feature in catalogue.entries("classic57"):
        for scalar in feature.scalars:
            assert scalar.published is not None
            value = expected[scalar.published]
            scale = abs(value)
            if scalar.published.endswith("_mean"):
                scale = max(scale, 0.01 * expected[scalar.published.removesuffix("mean") + "var"] ** 0.5)
            apart = abs(found[scalar.name] - value)
            # librosa's last bits depend on how many threads its matrix product has: 5e-8 dB in a mean that is nearly 0
            allowed = factor * TOLERANCE[feature.name] * scale + (1e-7 if scalar.unit == "dB" else 1e-9)
            assert apart <= allowed, f"{scalar.name}: {found[scalar.name]!r}, librosa {value!r}"


@pytest.mark.parametrize(
    "clip",
    [
        pytest.param(song(), id="song"),
        pytest.param(beats(6), id="beats"),
        pytest.param(np.random.default_rng(1).normal(0, 0.1, 33_000).astype(np.float32), id="noise"),
        pytest.param(as_16_bit(tone(440)), id="tone"),
        pytest.param(clicks(), id="clicks"),
        pytest.param(np.zeros(30_000, dtype=np.float32), id="silence"),
        pytest.param(song()[:2500], id="little more than a frame"),
        pytest.param(song()[20:1045], id="shorter than a frame"),
        pytest.param(song()[: 16 * 512], id="one frame more than a block of medians"),
        pytest.param(song()[: 16 * 512 - 1], id="one block of medians"),
    ],
)
def test_all_57_values_are_those_of_librosa(clip: NDArray[np.float32]) -> None:
    assert_same(clip)


@pytest.mark.corpus
@pytest.mark.parametrize("genre", ["blues", "classical", "hiphop", "metal"])
def test_all_57_values_of_music_are_those_of_librosa(genre: str, corpus: Path) -> None:
    """30 s each, of four kinds."""
    file = sorted((corpus / "gtzan" / genre).iterdir())[7]
    samples, rate = soundfile.read(file, dtype="float32")
    assert rate == SAMPLE_RATE_HZ
    assert_same(samples)


@pytest.mark.parametrize("bands", [96, 128])
def test_mel_bank_and_its_centres_are_librosas(bands: int) -> None:
    expected = librosa.filters.mel(sr=SAMPLE_RATE_HZ, n_fft=2048, n_mels=bands)
    np.testing.assert_allclose(filterbanks.mel_bank(bands), expected, rtol=1e-6, atol=1e-12)
    centres = librosa.mel_frequencies(bands + 2, fmax=SAMPLE_RATE_HZ / 2)
    np.testing.assert_allclose(filterbanks.mel_frequencies(bands + 2), centres, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("tuning", [-0.5, -0.13, 0.0, 0.49])
def test_chroma_bank_is_librosas(tuning: float) -> None:
    expected = librosa.filters.chroma(sr=SAMPLE_RATE_HZ, n_fft=2048, tuning=tuning).T
    np.testing.assert_allclose(filterbanks.chroma_bank(tuning), expected, rtol=1e-6, atol=1e-12)


def test_cosines_are_an_orthonormal_transform() -> None:
    matrix = filterbanks.cosines(20, 128)[:, :20].astype(np.float64)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(20), atol=1e-6)
    expected = scipy.fft.dct(np.eye(128), type=2, norm="ortho", axis=1)[:, :20]
    np.testing.assert_allclose(matrix, expected, atol=1e-7)


@pytest.mark.parametrize("cents", [-40, -12, 0, 7, 31])
def test_tuning_is_found_where_notes_lie_beside_the_semitones(cents: int) -> None:
    notes = sum(tone(220 * 2 ** ((step + cents / 100) / 12), 0.1) for step in (0, 4, 7, 12, 16))
    assert Analysis(np.asarray(notes)).tuning == pytest.approx(cents / 100, abs=0.06)  # a parabola errs by a few cents
    power = librosa.stft(np.asarray(notes), pad_mode="reflect")
    assert Analysis(np.asarray(notes)).tuning == librosa.estimate_tuning(S=np.abs(power) ** 2, sr=SAMPLE_RATE_HZ)


def test_magnitude_is_that_of_a_float64_transform() -> None:
    clip = song()
    expected = np.abs(librosa.stft(clip.astype(np.float64), pad_mode="reflect"))
    found = Analysis(clip).magnitude
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-6 * expected.max())


def test_running_medians_of_random_rows_with_ties_are_those_of_sorting() -> None:
    random = np.random.default_rng(6)
    for row in [random.normal(size=46), random.integers(0, 4, 46), np.zeros(46), np.arange(46)[::-1]]:
        expected = [statistics.median(row[start : start + 31].tolist()) for start in range(16)]
        assert medians(row.tolist(), min, max) == expected


def test_onset_strength_is_the_median_rise() -> None:
    random = np.random.default_rng(10)
    levels = random.normal(0, 5, (40, 128)).astype(np.float32)
    levels[20:22] = levels[20]  # nothing changes
    expected = librosa.onset.onset_strength(S=levels.T, sr=SAMPLE_RATE_HZ, aggregate=np.median)
    np.testing.assert_array_equal(onset_strength(levels), expected)


def test_mean_tempogram_is_librosas() -> None:
    onsets = np.abs(np.random.default_rng(11).normal(0, 1, 700)).astype(np.float32) ** 3
    onsets[100:480] = 0  # a whole window of silence
    expected = librosa.feature.tempogram(onset_envelope=onsets, sr=SAMPLE_RATE_HZ, win_length=344).mean(axis=1)
    np.testing.assert_allclose(mean_tempogram(onsets), expected, atol=1e-6)


@pytest.mark.parametrize("size", [1, 7, 8, 511, 512, 513, 100_003])
def test_moments_are_those_of_float64_sums(size: int) -> None:
    values = np.random.default_rng(size).normal(3, 2, size).astype(np.float32)
    expected = [np.mean(values, dtype=np.float64), np.var(values, dtype=np.float64)]
    np.testing.assert_allclose(mean_and_variance(values[None, :]), expected, rtol=1e-6, atol=1e-12)


def test_level_of_a_sine_is_its_amplitude_over_root_two() -> None:
    values = describe_clip(tone(441, 0.5), SAMPLE_RATE_HZ)
    assert values["loudness_rms_mean"] == pytest.approx(0.5 / np.sqrt(2), rel=2e-3)
    assert values["loudness_rms_var"] == pytest.approx(0, abs=1e-5)


def test_a_sine_crosses_zero_twice_a_period() -> None:
    values = describe_clip(tone(1000), SAMPLE_RATE_HZ)
    assert values["timbre_crossings_mean"] == pytest.approx(2 * 1000 / SAMPLE_RATE_HZ, rel=0.01)


def test_centroid_and_rolloff_of_a_sine_lie_at_its_frequency() -> None:
    values = describe_clip(tone(2000), SAMPLE_RATE_HZ)
    assert values["timbre_centroid_mean"] == pytest.approx(2000, rel=0.01)
    assert values["timbre_rolloff_mean"] == pytest.approx(2000, abs=3 * SAMPLE_RATE_HZ / 2048)


def test_white_noise_has_its_centroid_at_half_the_band_and_the_spread_of_a_uniform_density() -> None:
    clip = np.random.default_rng(2).normal(0, 0.1, 3 * SAMPLE_RATE_HZ)
    values = describe_clip(clip, SAMPLE_RATE_HZ)
    assert values["timbre_centroid_mean"] == pytest.approx(SAMPLE_RATE_HZ / 4, rel=0.01)
    assert values["timbre_bandwidth_mean"] == pytest.approx(SAMPLE_RATE_HZ / 2 / np.sqrt(12), rel=0.01)
    assert values["timbre_rolloff_mean"] == pytest.approx(0.85 * SAMPLE_RATE_HZ / 2, rel=0.01)


@pytest.mark.parametrize(("frequency_hz", "pitch_class"), [(261.63, 0), (440.0, 9), (987.77, 11)])
def test_the_strongest_pitch_class_of_a_tone_is_its_own(frequency_hz: float, pitch_class: int) -> None:
    curves = chroma_curves(Analysis(tone(frequency_hz)))[
        :, 2:-2
    ]  # a sine does not go on smoothly where it is reflected
    np.testing.assert_array_equal(np.argmax(curves, axis=0), pitch_class)
    np.testing.assert_allclose(np.max(curves, axis=0), 1.0, rtol=1e-6)


def test_tempo_of_regular_beats_is_their_rate() -> None:
    assert bpm(Analysis(beats()))[0] == pytest.approx(60 * SAMPLE_RATE_HZ / BEAT, rel=1e-9)


def test_silence_has_no_tempo() -> None:
    assert bpm(Analysis(np.zeros(SAMPLE_RATE_HZ, dtype=np.float32)))[0] == 0.0


def test_a_tone_is_harmonic_and_a_click_percussive() -> None:
    steady = describe_clip(tone(440, 0.5), SAMPLE_RATE_HZ)
    assert steady["timbre_harmonic_var"] == pytest.approx(0.5**2 / 2, rel=0.02)
    assert steady["timbre_percussive_var"] < 0.01 * steady["timbre_harmonic_var"]
    click = np.zeros(SAMPLE_RATE_HZ)
    click[9000:9003] = 1.0
    struck = describe_clip(click, SAMPLE_RATE_HZ)
    assert struck["timbre_percussive_var"] > 100 * struck["timbre_harmonic_var"]


def test_gain_moves_only_the_first_cepstral_coefficient_and_by_its_decibels() -> None:
    """A type II orthonormal transform of 128 bands, all raised by d dB, gives d·√128 in its first row alone."""
    clip = np.random.default_rng(4).normal(0, 0.05, SAMPLE_RATE_HZ).astype(np.float32)
    quiet, loud = (np.mean(mfcc_curves(Analysis(gain * clip)), axis=1) for gain in (np.float32(1), np.float32(10)))
    assert loud[0] - quiet[0] == pytest.approx(20 * np.sqrt(128), rel=1e-3)
    np.testing.assert_allclose(loud[1:], quiet[1:], atol=1e-2)


def running_median(magnitude: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Median of 31 neighbours along one axis, reflected with the edge repeated, by sorting every window."""
    padded = np.pad(magnitude, [(15, 15) if each == axis else (0, 0) for each in range(2)], mode="symmetric")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 31, axis=axis), axis=-1)


def test_separation_of_clips_hardly_longer_than_half_a_frame_follows_the_formula() -> None:
    """Fitzgerald (2010): masks H²/(H² + P²) and P²/(H² + P²) of running medians along time and along frequency.

    Many clips, since what a filter reads outside its array is not wrong every time.
    """
    for seed in range(20):
        clip = np.random.default_rng(seed).normal(0, 0.1, 1025 + 20 * seed).astype(np.float32)
        spectrum = librosa.stft(clip, pad_mode="reflect")
        steady, struck = (running_median(np.abs(spectrum), axis) ** 2 for axis in (1, 0))
        harmonic, percussive = Analysis(clip).harmonic_and_percussive
        for part, found in ((steady, harmonic), (struck, percussive)):
            expected = librosa.istft(spectrum * part / (steady + struck), length=clip.size)
            np.testing.assert_allclose(found, expected, atol=1e-6)
