"""Integrated loudness against the standards' own tones and another implementation."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
from numpy.typing import NDArray
from scipy.signal import freqz_sos

from classically_punk.errors import ClipTooShortError
from classically_punk.features.analysis import SAMPLE_RATE_HZ
from classically_punk.features.lufs import STANDARD_SECTIONS, integrated, k_weighting

STEREO_LU = 10 * np.log10(2)
"""EBU Tech 3341 gives its tones in both channels; one channel alone measures 3.01 LU less."""


def tone(*parts: tuple[float, float], frequency_hz: float = 1000) -> NDArray[np.float32]:
    """A sine whose peak level is (dBFS, seconds), part after part."""
    level = np.concatenate([np.full(round(seconds * SAMPLE_RATE_HZ), 10 ** (dbfs / 20)) for dbfs, seconds in parts])
    return (level * np.sin(2 * np.pi * frequency_hz * np.arange(level.size) / SAMPLE_RATE_HZ)).astype(np.float32)


def test_a_full_scale_997_hz_sine_in_one_channel_reads_minus_3_01() -> None:
    """ITU-R BS.1770-4, annex 1; meters may err by 0.1, this rate bends the weighting by 0.02 dB at 997 Hz."""
    assert integrated(tone((0, 10), frequency_hz=997)) == pytest.approx(-3.01, abs=0.03)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param([(-23.0, 20.0)], -23.0, id="case 1"),
        pytest.param([(-33.0, 20.0)], -33.0, id="case 2"),
        pytest.param([(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)], -23.0, id="case 3"),
        pytest.param([(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)], -23.0, id="case 4"),
        pytest.param([(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)], -23.0, id="case 5"),
    ],
)
def test_minimum_requirements_of_ebu_tech_3341(parts: list[tuple[float, float]], expected: float) -> None:
    assert integrated(tone(*parts)) + STEREO_LU == pytest.approx(expected, abs=0.1)


def test_at_48_khz_the_weighting_is_the_standards_own_table() -> None:
    np.testing.assert_allclose(k_weighting(48_000), STANDARD_SECTIONS, rtol=0, atol=1e-12)


def test_at_the_projects_rate_the_weighting_has_the_response_of_the_standard() -> None:
    frequencies = np.geomspace(20, 4000, 50)
    ours = np.abs(freqz_sos(k_weighting(SAMPLE_RATE_HZ), frequencies, fs=SAMPLE_RATE_HZ)[1])
    theirs = np.abs(freqz_sos(np.array(STANDARD_SECTIONS), frequencies, fs=48_000)[1])
    np.testing.assert_allclose(20 * np.log10(ours / theirs), 0, atol=0.15)


@pytest.mark.parametrize("seconds", [0.4, 1.0, 7.3])
def test_another_implementation_agrees(seconds: float) -> None:
    random = np.random.default_rng(11)
    count = round(seconds * SAMPLE_RATE_HZ)
    clip = random.normal(0, 0.1, count) * np.linspace(0.01, 1, count)
    other = pyloudnorm.Meter(SAMPLE_RATE_HZ, filter_class="DeMan").integrated_loudness(clip)
    # its high pass keeps the numerator 1, -2, 1 at every rate, which lifts the pass band by 0.05 dB at this one
    assert integrated(clip.astype(np.float32)) == pytest.approx(other, abs=0.1)


def test_half_the_amplitude_is_6_02_lu_less() -> None:
    clip = np.random.default_rng(12).normal(0, 0.1, 2 * SAMPLE_RATE_HZ).astype(np.float32)
    assert integrated(clip) - integrated(clip / 2) == pytest.approx(20 * np.log10(2), abs=1e-5)


def test_silence_and_what_is_below_the_absolute_gate_read_minus_70() -> None:
    assert integrated(np.zeros(SAMPLE_RATE_HZ, dtype=np.float32)) == -70
    assert integrated(tone((-80, 2))) == -70


def test_one_block_is_needed() -> None:
    with pytest.raises(ClipTooShortError, match="8819 samples, needs at least 8820"):
        integrated(np.zeros(8819, dtype=np.float32))
