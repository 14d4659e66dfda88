"""The small arrays behind a report's pictures of one clip."""

from __future__ import annotations

import numpy as np
import pytest

from classically_punk.features.exhibit import exhibit_of

pytestmark = pytest.mark.filterwarnings("ignore:n_fft=2048 is too large", "ignore:Trying to estimate tuning")

RATE = 22_050


@pytest.mark.parametrize("seconds", [0.05, 0.5, 3.0, 31.0])
def test_it_is_small_finite_and_of_matching_shapes(seconds: float) -> None:
    clip = np.random.default_rng(1).normal(0, 0.1, int(seconds * RATE))
    arrays = exhibit_of(clip)
    assert sum(array.nbytes for array in arrays.values()) <= 150_000
    assert all(np.all(np.isfinite(array)) for array in arrays.values())
    columns = arrays["times_s"].size
    points = arrays["waveform_times_s"].size
    assert columns <= 300
    assert points <= 800
    assert arrays["spectrogram_db"].shape == (96, columns)
    assert arrays["mel_hz"].shape == (96,)
    assert arrays["chroma"].shape == (12, columns)
    assert arrays["mfcc"].shape == (20, columns)
    assert arrays["waveform_min"].shape == arrays["waveform_max"].shape == (points,)
    assert float(arrays["duration_s"]) == pytest.approx(seconds, abs=1e-4)
    assert np.all(np.diff(arrays["times_s"]) > 0)
    assert 0 <= arrays["waveform_times_s"][0] < arrays["waveform_times_s"][-1] < seconds


def test_silence_can_be_shown() -> None:
    assert all(np.all(np.isfinite(array)) for array in exhibit_of(np.zeros(RATE)).values())


def test_a_tone_is_seen_where_and_when_it_sounds() -> None:
    clip = np.zeros(10 * RATE)
    clip[5 * RATE :] = 0.5 * np.sin(2 * np.pi * 2000 * np.arange(5 * RATE) / RATE)
    arrays = exhibit_of(clip)
    sounding = arrays["times_s"] > 5.1
    loudest = arrays["mel_hz"][np.argmax(arrays["spectrogram_db"][:, sounding], axis=0)]
    np.testing.assert_allclose(loudest, 2000, rtol=0.05)
    assert arrays["spectrogram_db"].max() == 0
    assert arrays["spectrogram_db"][:, arrays["times_s"] < 4.9].max() <= -60
    late = arrays["waveform_times_s"] > 5.1
    np.testing.assert_allclose(arrays["waveform_max"][late], 0.5, rtol=0.01)
    np.testing.assert_allclose(arrays["waveform_min"][late], -0.5, rtol=0.01)
    assert not np.any(arrays["waveform_max"][arrays["waveform_times_s"] < 4.9])
