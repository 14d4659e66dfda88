"""The project's own features against scipy and librosa, and what must not change them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from classically_punk.features import catalogue, describe_clip
from classically_punk.features.analysis import SAMPLE_RATE_HZ, Analysis
from classically_punk.features.catalogue import CATALOGUE, Feature

Clip = NDArray[np.float32]
OWN = [feature for feature in CATALOGUE if feature.group is not None]
TIME_S = np.arange(4 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ


def song() -> Clip:
    """Chords over beats, swelling, with some noise."""
    random = np.random.default_rng(5)
    clip = sum(0.1 * np.sin(2 * np.pi * hertz * TIME_S) for hertz in (110, 220, 277.2, 329.6))
    burst = random.uniform(-0.8, 0.8, 600) * np.linspace(1, 0, 600)
    for start in range(0, clip.size - burst.size, 9_000):
        clip[start : start + burst.size] += burst
    return (clip * (0.6 + 0.4 * np.sin(3 * TIME_S)) + random.normal(0, 0.005, TIME_S.size)).astype(np.float32)


def clicks() -> Clip:
    """A decaying click now and then over the noise of 16 bits."""
    clip = np.random.default_rng(6).uniform(-2e-5, 2e-5, TIME_S.size)
    for start in (5_000, 23_456, 50_001, 77_777):
        clip[start : start + 20] += np.exp(-np.arange(20) / 4)
    return clip.astype(np.float32)


NOISE = np.random.default_rng(1).normal(0, 0.1, 40_001).astype(np.float32)
CLIPS = {
    "song": song(),
    "shorter than a segment": song()[:20_000],
    "the shortest": song()[3_000:11_820],
    "hardly more than a frame": song()[:2_500],
    "noise": NOISE,
    "clicks": clicks(),
    "tone": (0.5 * np.sin(2 * np.pi * 440 * TIME_S)).astype(np.float32)
    + np.float32(1e-3) * np.resize(NOISE, TIME_S.size),
    "silence": np.zeros(30_000, dtype=np.float32),
}
Values = dict[str, NDArray[np.float64]]
TOLERANCE = 5e-4
"""In the entry's own unit (dB, logarithms, shares); 1e-4 of it where values are larger than 5."""


@pytest.fixture(scope="module")
def own(repository: Path) -> Callable[[Clip], Values]:
    """The same values by scipy and librosa; the benchmark compares with them, too."""
    spec = importlib.util.spec_from_file_location("own_reference", repository / "bench" / "own_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[[Clip], Values] = module.own
    return found


def assert_same(found: Values, expected: Values) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=TOLERANCE, err_msg=name)


def measured(clip: Clip) -> Values:
    analysis = Analysis(clip)
    return {feature.name: feature.kernel(analysis) for feature in OWN}


@pytest.mark.parametrize("kind", CLIPS)
def test_own_features_are_those_of_scipy_and_librosa(kind: str, own: Callable[[Clip], Values]) -> None:
    assert_same(measured(CLIPS[kind]), own(CLIPS[kind]))


@pytest.mark.corpus
@pytest.mark.parametrize("genre", ["classical", "hiphop"])
def test_own_features_of_music_are_those_of_scipy_and_librosa(
    genre: str, corpus: Path, own: Callable[[Clip], Values]
) -> None:
    file = sorted((corpus / "gtzan" / genre).iterdir())[7]
    clip, _ = soundfile.read(file, dtype="float32")
    assert_same(measured(clip), own(clip))


def changed(name: str, clip: Clip) -> Clip:
    """What a listener would not call another music."""
    seconds = np.arange(clip.size) / SAMPLE_RATE_HZ
    return {
        "6 dB louder": lambda: 2 * clip,
        "6 dB softer": lambda: clip / 2,
        "2.3 times as loud": lambda: np.float32(2.3) * clip,
        "direct current": lambda: clip + np.float32(0.05),
        "rumble": lambda: (clip + 0.01 * np.sin(2 * np.pi * 10 * seconds)).astype(np.float32),
        "whistle above 9.5 kHz": lambda: (clip + 0.01 * np.sin(2 * np.pi * 10_400 * seconds)).astype(np.float32),
    }[name]()


@pytest.mark.parametrize("feature", [pytest.param(feature, id=feature.name) for feature in OWN])
@pytest.mark.parametrize(
    ("change", "tolerance"),
    [
        ("6 dB louder", 1e-5),
        ("6 dB softer", 1e-5),
        ("2.3 times as loud", 2e-4),  # other roundings of every sample
        ("direct current", 2e-4),
        ("rumble", 0.1),  # filters need a while to find that it goes on before the beginning
        ("whistle above 9.5 kHz", 0.1),
    ],
)
def test_what_is_not_music_changes_nothing(feature: Feature, change: str, tolerance: float) -> None:
    before, after = (feature.kernel(Analysis(clip)) for clip in (song(), changed(change, song())))
    np.testing.assert_allclose(after, before, rtol=tolerance, atol=tolerance)


def test_all_a_model_sees_of_a_louder_copy_is_the_same() -> None:
    names = catalogue.model_names("punk")
    one, other = (describe_clip(clip, SAMPLE_RATE_HZ, "punk") for clip in (song(), 2 * song()))
    np.testing.assert_allclose([other[n] for n in names], [one[n] for n in names], rtol=1e-5, atol=1e-5)


def test_pitch_classes_do_not_change_with_the_key() -> None:
    """The same chord a fourth higher: sorted shares and intervals are the same, but for the weight of the octaves."""

    def chord(root_hz: float) -> Clip:
        steps = root_hz * 2 ** (np.array([0, 4, 7]) / 12)
        return sum(0.1 * np.sin(2 * np.pi * hertz * TIME_S) for hertz in steps).astype(np.float32)

    low, high = (measured(chord(hertz))["pitch_classes"] for hertz in (220.0, 220.0 * 2 ** (5 / 12)))
    np.testing.assert_allclose(low, high, atol=0.1)


def test_bands_that_do_not_move_have_the_logarithm_of_the_least_variance() -> None:
    triangle = np.zeros((12, 12))
    triangle[np.triu_indices(12)] = measured(CLIPS["silence"])["timbre_motion"]
    np.testing.assert_allclose(triangle, np.log(0.01) * np.eye(12), atol=1e-12)


def test_a_pulse_of_two_a_second_shows_as_pulse_and_as_modulation() -> None:
    no_beat = np.random.default_rng(2).normal(0, 0.1, 6 * SAMPLE_RATE_HZ).astype(np.float32)
    time_s = np.arange(no_beat.size) / SAMPLE_RATE_HZ
    beat = (no_beat * (0.05 + (time_s % 0.5 < 0.1))).astype(np.float32)
    pulsing, steady = measured(beat), measured(no_beat)
    assert pulsing["tempo_onsets"][4] > 0.8 > 0.4 > steady["tempo_onsets"][4]
    rates = pulsing["tempo_modulation"].reshape(5, 6).mean(axis=1)
    assert np.argmax(rates) == 1  # 1.5 to 3 Hz
    assert rates[1] > steady["tempo_modulation"].reshape(5, 6).mean(axis=1)[1] + 3
