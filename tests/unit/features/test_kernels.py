"""Each family of the classic values against formulas, and against librosa fed with the samples alone."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from numpy.typing import NDArray

from classically_punk.features import PUBLISHED_NAMES, describe_clip
from classically_punk.features.analysis import SAMPLE_RATE_HZ, Analysis
from classically_punk.features.cepstrum import mfcc_curves
from classically_punk.features.pitch import chroma_curves
from classically_punk.features.tempo import bpm

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


def from_samples(y: NDArray[np.float32]) -> dict[str, float]:
    """The published values as librosa gives them, each feature from the samples, frames padded by reflection."""
    feature = librosa.feature
    harmonic, percussive = librosa.effects.hpss(y, pad_mode="reflect")
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


@pytest.mark.parametrize(
    "clip",
    [
        pytest.param(song(), id="song"),
        pytest.param(beats(6), id="beats"),
        pytest.param(np.random.default_rng(1).normal(0, 0.1, 33_000).astype(np.float32), id="noise"),
        pytest.param(tone(440), id="tone"),
        pytest.param(np.zeros(30_000, dtype=np.float32), id="silence"),
        pytest.param(song()[:2500], id="little more than a frame"),
    ],
)
def test_all_57_values_are_those_of_librosa(clip: NDArray[np.float32]) -> None:
    expected = from_samples(clip)
    found = {PUBLISHED_NAMES[name]: value for name, value in describe_clip(clip, SAMPLE_RATE_HZ).items()}
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name


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
