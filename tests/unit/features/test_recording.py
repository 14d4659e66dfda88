"""What is not music, measured: against tones of known power, and gone where the own features look."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from classically_punk.features.analysis import SAMPLE_RATE_HZ, Analysis
from classically_punk.features.recording import of_conditioned, of_signal

LOW, HIGH, DC, PEAK = range(4)
TIME_S = np.arange(10 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ


def sine(hertz: float, amplitude: float) -> NDArray[np.float32]:
    return (amplitude * np.sin(2 * np.pi * hertz * TIME_S)).astype(np.float32)


TONE = sine(440, 0.1)
FAULTS = {LOW: sine(12, 0.01), HIGH: sine(10_000, 0.01), DC: np.full(TIME_S.size, 0.01 / np.sqrt(2), dtype=np.float32)}
"""Each a hundredth of the tone's power."""


@pytest.mark.parametrize("which", FAULTS)
def test_a_hundredth_of_the_power_reads_minus_20_db(which: int) -> None:
    measured = of_signal(Analysis(TONE + FAULTS[which]))
    assert measured[which] == pytest.approx(10 * np.log10(0.01 / 1.01), abs=0.1)
    others = [other for other in FAULTS if other != which]
    np.testing.assert_array_less(measured[others], -75)


@pytest.mark.parametrize("which", FAULTS)
def test_nothing_of_it_is_left_in_the_conditioned_signal(which: int) -> None:
    np.testing.assert_array_less(of_conditioned(Analysis(TONE + FAULTS[which]))[:PEAK], -75)


def test_a_bass_is_not_taken_for_rumble() -> None:
    for hertz in (41.2, 55, 344.5):  # 344.5 values a second are looked at
        assert of_signal(Analysis(sine(hertz, 0.3)))[LOW] < -75


def test_peak_is_that_of_the_signal_and_of_the_conditioned_signal() -> None:
    assert of_signal(Analysis(TONE))[PEAK] == pytest.approx(-20, abs=1e-3)
    # a cosine goes on smoothly where the filters begin backwards
    cosine = (0.1 * np.cos(2 * np.pi * 440 * TIME_S)).astype(np.float32)
    loud, soft = (of_conditioned(Analysis(gain * cosine))[PEAK] for gain in (np.float32(2), np.float32(0.1)))
    assert loud == pytest.approx(20 * np.log10(0.1 * np.sqrt(2)), abs=0.2)  # a sine at a level of 0.1
    assert soft == pytest.approx(loud, abs=1e-3)


def test_silence_has_the_floors() -> None:
    silence = Analysis(np.zeros(30_000, dtype=np.float32))
    for recording in (of_signal, of_conditioned):
        np.testing.assert_array_equal(recording(silence), [-80, -80, -80, -100])


def test_a_clip_hardly_longer_than_half_a_frame_is_measured() -> None:
    assert np.all(np.isfinite(of_signal(Analysis(TONE[:1025]))))


@pytest.mark.parametrize("size", [5_000, 22_050, 33_333])
def test_what_ends_in_the_middle_of_a_wave_is_not_taken_for_a_high_sound(size: int) -> None:
    for recording in (of_signal, of_conditioned):
        assert recording(Analysis(sine(3_000, 0.3)[100 : 100 + size]))[HIGH] < -79
