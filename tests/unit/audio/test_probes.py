"""The probes have the properties that their names promise, by spectrum, autocorrelation and BS.1770 from outside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyloudnorm
import pytest

from classically_punk.audio.probes import LADDERS, MIDDLE, RATE_HZ, Probe, sound


def spectrum(samples: np.ndarray) -> np.ndarray:
    return np.abs(np.fft.rfft(samples * np.hanning(samples.size)))


def centroid_hz(samples: np.ndarray) -> float:
    magnitude = spectrum(samples)
    return float((np.fft.rfftfreq(samples.size, 1 / RATE_HZ) * magnitude).sum() / magnitude.sum())


def test_every_step_of_a_ladder_differs_in_one_property_and_the_middle_is_on_it() -> None:
    for steps in LADDERS.values():
        assert MIDDLE in steps
        assert len({*steps}) == 5
        changed = {name for name in vars(MIDDLE) for step in steps if getattr(step, name) != getattr(MIDDLE, name)}
        assert len(changed) == 1


@pytest.mark.parametrize("probe", LADDERS["louder"])
def test_the_level_is_the_root_mean_square(probe: Probe) -> None:
    level = 10 * np.log10(np.mean(np.square(sound(probe), dtype=np.float64)))
    assert level == pytest.approx(probe.level_dbfs, abs=1e-4)


def test_a_step_of_6_db_is_6_loudness_units() -> None:
    meter = pyloudnorm.Meter(RATE_HZ)
    heard = [meter.integrated_loudness(sound(probe)) for probe in LADDERS["louder"]]
    np.testing.assert_allclose(np.diff(heard), 6, atol=0.05)


@pytest.mark.parametrize("probe", LADDERS["higher"])
def test_the_strongest_partial_is_the_pitch(probe: Probe) -> None:
    samples = sound(probe)
    strongest = np.argmax(spectrum(samples)) * RATE_HZ / samples.size
    assert strongest == pytest.approx(440 * 2 ** ((probe.pitch_midi - 69) / 12), abs=3)


@pytest.mark.parametrize("probe", LADDERS["faster"])
def test_the_beat_repeats_at_the_tempo(probe: Probe) -> None:
    envelope = np.abs(sound(probe, 8.0))[: 8 * RATE_HZ // 50 * 50].reshape(-1, 50).max(axis=1)
    envelope = envelope - envelope.mean()
    repeats = np.correlate(envelope, envelope, "full")[envelope.size :]
    shortest = int(0.3 * RATE_HZ / 50)  # nothing is faster than 200 BPM
    lag_s = (1 + shortest + int(np.argmax(repeats[shortest : int(0.9 * RATE_HZ / 50)]))) * 50 / RATE_HZ
    assert 60 / lag_s == pytest.approx(probe.tempo_bpm, rel=0.01)


def test_brighter_and_noisier_raise_the_centre_of_the_spectrum() -> None:
    for name in ("brighter", "noisier"):
        centres = [centroid_hz(sound(probe)) for probe in LADDERS[name]]
        assert centres == sorted(centres), name


def test_the_same_probe_is_the_same_sound_and_too_loud_a_one_is_refused() -> None:
    assert np.array_equal(sound(MIDDLE), sound(Probe()))
    assert sound(MIDDLE, 1.5).shape == (33_075,)
    with pytest.raises(ValueError, match="beyond full scale"):
        sound(replace(MIDDLE, level_dbfs=0.0))
