"""The conditioning: the filters of scipy, a common level, and nothing left of what is not music."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from numpy.typing import NDArray

from classically_punk.features.analysis import SAMPLE_RATE_HZ
from classically_punk.features.conditioning import (
    COUNT,
    PREROLL,
    SECTIONS,
    STEADY,
    Filter,
    conditioned,
    run_sections,
)

RANDOM = np.random.default_rng(4)
NOISE = RANDOM.normal(0, 0.1, 5 * SAMPLE_RATE_HZ).astype(np.float32)


def sine(hertz: float, amplitude: float = 0.5, seconds: float = 4) -> NDArray[np.float32]:
    times = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (amplitude * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def level(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def test_the_sections_are_two_elliptic_filters_of_scipy() -> None:
    expected = [
        scipy.signal.ellip(8, 0.2, 70, 9100, fs=SAMPLE_RATE_HZ, output="sos"),
        scipy.signal.ellip(7, 0.2, 80, 30, "high", fs=SAMPLE_RATE_HZ, output="sos"),
    ]
    np.testing.assert_allclose(SECTIONS, np.concatenate(expected), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(STEADY, scipy.signal.sosfilt_zi(SECTIONS), atol=1e-9)


@pytest.mark.parametrize(
    ("low_hz", "high_hz", "least_db", "most_db"),
    [
        (0, 15, -np.inf, -75),
        (15, 20, -np.inf, -44),
        (30, 9_000, -0.5, 0.01),
        (9_500, 11_025, -np.inf, -69.9),
    ],
)
def test_the_pass_band_is_flat_and_the_rest_is_gone(
    low_hz: float, high_hz: float, least_db: float, most_db: float
) -> None:
    hertz = np.linspace(low_hz, high_hz, 500)
    gain_db = 20 * np.log10(np.abs(scipy.signal.freqz_sos(SECTIONS, hertz, fs=SAMPLE_RATE_HZ)[1]) + 1e-12)
    assert least_db <= gain_db.min()
    assert gain_db.max() <= most_db


@pytest.mark.parametrize("size", [1, 6, 7, 8, 9, 15, 16, 17, 1000])
def test_the_kernel_filters_as_sosfilt_and_leaves_its_state(size: int) -> None:
    state = RANDOM.normal(0, 0.01, (COUNT, 2))
    expected, behind = scipy.signal.sosfilt(SECTIONS, NOISE[:size].astype(np.float64), zi=state.copy())
    out = np.empty(size, dtype=np.float32)
    energy = run_sections(NOISE[:size], SECTIONS, state, out)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(state, behind, rtol=1e-9, atol=1e-11)
    assert energy == pytest.approx(np.sum(expected**2), rel=1e-9)


def test_a_clip_filtered_piece_by_piece_is_the_clip_filtered_at_once() -> None:
    whole = Filter(NOISE[: PREROLL + 1])
    expected = whole.take(NOISE)
    pieces = Filter(NOISE[: PREROLL + 1])
    found = np.concatenate([pieces.take(piece) for piece in np.split(NOISE, [3, 10, 11, 5_000, 60_000])])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    assert pieces.energy == pytest.approx(whole.energy, rel=1e-12)


@pytest.mark.parametrize("hertz", [40, 440, 8_900])
def test_what_is_heard_comes_out_at_the_common_level(hertz: float) -> None:
    out = conditioned(sine(hertz, 0.03))
    assert level(out) == pytest.approx(0.1, rel=1e-4)
    spectrum = np.abs(np.fft.rfft(out * np.hanning(out.size)))
    assert np.argmax(spectrum) * SAMPLE_RATE_HZ / out.size == pytest.approx(hertz, abs=0.5)


@pytest.mark.parametrize("hertz", [10, 10_500])
def test_what_is_not_music_is_gone_beside_what_is(hertz: float) -> None:
    out = conditioned(sine(440, 0.1) + sine(hertz, 0.1))[SAMPLE_RATE_HZ:]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(out.size))) ** 2
    away = np.abs(np.arange(spectrum.size) * SAMPLE_RATE_HZ / out.size - hertz) < 5
    assert spectrum[away].sum() < 1e-6 * spectrum.sum()


def test_a_constant_leaves_nothing_and_silence_stays_silence() -> None:
    for clip in (np.full(30_000, 0.25, dtype=np.float32), np.zeros(30_000, dtype=np.float32)):
        np.testing.assert_array_equal(conditioned(clip), 0)


def test_a_constant_that_is_added_changes_nothing() -> None:
    np.testing.assert_allclose(conditioned(NOISE + np.float32(0.25)), conditioned(NOISE), atol=1e-6)


def test_what_is_below_minus_100_dbfs_is_not_raised_to_the_common_level() -> None:
    assert level(conditioned(sine(440, 1e-6))) == pytest.approx(0.1 * 1e-6 / np.sqrt(2) / 1e-5, rel=0.03)


def test_after_a_long_silence_the_state_is_zero_and_not_subnormal() -> None:
    through = Filter(NOISE[:100])
    through.take(NOISE)
    for _ in range(4):
        through.take(np.zeros(1 << 18, dtype=np.float32))
    np.testing.assert_array_equal(through._state, 0)


@pytest.mark.parametrize("size", [1, 2, 1025, PREROLL, PREROLL + 1, PREROLL + 2])
def test_any_length_is_conditioned(size: int) -> None:
    out = conditioned(NOISE[:size])
    assert out.shape == (size,)
    assert np.all(np.isfinite(out))
