"""One clip to its values and rows: segments, scopes, sample rates, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from classically_punk.errors import BadSampleRateError, ClipTooShortError, NonFiniteError, OutOfRangeError
from classically_punk.features import catalogue, describe_clip
from classically_punk.features.describe import describe_and_fingerprint, describe_segments

RATE = 22_050
CLIP = np.random.default_rng(21).normal(0, 0.1, 11 * RATE).astype(np.float32) * np.linspace(
    0.2, 1, 11 * RATE, dtype="f4"
)
NAMES = [column.name for column in catalogue.columns("punk")]


@pytest.mark.parametrize(
    ("seconds", "starts_s", "last_s"),
    [
        (0.5, [0.0], 0.5),
        (3.0, [0.0], 3.0),
        (4.0, [0.0], 3.0),
        (4.5, [0.0, 3.0], 1.5),
        (6.0, [0.0, 3.0], 3.0),
        (10.4, [0.0, 3.0, 6.0], 3.0),
    ],
)
def test_segments_lie_side_by_side_and_a_piece_under_half_is_dropped(
    seconds: float, starts_s: list[float], last_s: float
) -> None:
    rows = describe_segments(CLIP[: round(seconds * RATE)], segment_s=3.0, feature_set="classic57")
    assert [row.segment for row in rows] == list(range(-1, len(starts_s)))
    assert [row.start_s for row in rows] == [0.0, *starts_s]
    assert rows[0].duration_s == pytest.approx(seconds)
    assert rows[-1].duration_s == pytest.approx(last_s)


def test_a_segment_has_the_values_of_its_own_samples_and_the_tempo_of_the_clip() -> None:
    clip = CLIP[: 6 * RATE]
    whole, _, second = describe_segments(clip, segment_s=3.0)
    alone = describe_clip(clip[3 * RATE :], RATE, "punk")
    for name, value in zip(NAMES, second.values, strict=True):
        expected = whole.values[NAMES.index(name)] if name == "tempo_bpm" else alone[name]
        assert value == expected, name
    assert dict(zip(NAMES, whole.values.tolist(), strict=True)) == describe_clip(clip, RATE, "punk")


def test_a_clip_no_longer_than_a_segment_is_its_own_segment() -> None:
    whole, first = describe_segments(CLIP[: 2 * RATE], segment_s=3.0)
    np.testing.assert_array_equal(whole.values, first.values)
    assert whole.duration_s == first.duration_s == 2.0


def test_another_sample_rate_is_resampled() -> None:
    seconds = np.arange(2 * 44_100) / 44_100
    values = describe_clip(0.5 * np.sin(2 * np.pi * 1000 * seconds), 44_100)
    assert values["timbre_centroid_mean"] == pytest.approx(1000, rel=0.02)
    # the frames at both ends are half padding, which does not cross
    assert values["timbre_crossings_mean"] == pytest.approx(2 * 1000 / RATE, rel=0.03)


def test_precision_and_layout_of_the_array_do_not_matter() -> None:
    clip = CLIP[:RATE]
    expected = describe_clip(clip, RATE)
    assert describe_clip(clip.astype(np.float64), RATE) == expected
    assert describe_clip(np.repeat(clip, 2)[::2], RATE) == expected
    assert describe_clip(clip.tolist(), RATE) == expected


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_not_finite_is_refused(bad: float) -> None:
    clip = CLIP[:RATE].copy()
    clip[100] = bad
    with pytest.raises(NonFiniteError, match="1 of 22050"):
        describe_clip(clip, RATE)


@pytest.mark.parametrize("peak", [70_000.0, -1e300])
def test_samples_far_beyond_full_scale_are_refused(peak: float) -> None:
    clip = CLIP[:RATE].astype(np.float64)
    clip[100] = peak
    with pytest.raises(OutOfRangeError):
        describe_clip(clip, RATE)


@pytest.mark.parametrize("rate", [0, -1, 100, 2**31, float("nan"), float("inf"), 22_050.5])
def test_a_sample_rate_that_cannot_be_music_is_refused(rate: float) -> None:
    with pytest.raises(BadSampleRateError):
        describe_clip(CLIP[:RATE], rate)


@pytest.mark.parametrize("length", [0, 1, 1024])
def test_too_short_a_clip_is_refused_with_what_it_needs(length: int) -> None:
    with pytest.raises(ClipTooShortError) as refused:
        describe_clip(CLIP[:length], RATE)
    assert refused.value.needed == 1025


def test_integrated_loudness_needs_more() -> None:
    with pytest.raises(ClipTooShortError) as refused:
        describe_segments(CLIP[:8819], segment_s=3.0)
    assert refused.value.needed == 8820


@pytest.mark.parametrize("samples", [np.zeros((2, RATE)), np.zeros(RATE, dtype=complex), np.array(["a"] * RATE)])
def test_what_is_not_a_row_of_real_numbers_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(ValueError, match="mono"):
        describe_clip(samples, RATE)


def test_segments_too_short_to_be_described_are_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        describe_segments(CLIP[:RATE], segment_s=0.5)


@pytest.mark.parametrize("seconds", [2.0, 4.0, 10.4])
def test_the_whole_clip_may_have_other_entries_than_its_segments(seconds: float) -> None:
    clip = CLIP[: round(seconds * RATE)]
    everything = describe_segments(clip, 3.0)
    some = describe_segments(clip, 3.0, only={"timbre_flux", "tempo_bpm"}, of_whole={"loudness_integrated"})
    entry = {scalar.name: feature for feature in catalogue.CATALOGUE for scalar in feature.scalars}
    is_segment = seconds < 3
    for one, other in zip(everything, some, strict=True):
        for name, value, found in zip(NAMES, one.values, other.values, strict=True):
            of_segment = entry[name].name in ("timbre_flux", "tempo_bpm")
            of_whole = entry[name].name in ("loudness_integrated", "tempo_bpm")
            is_there = of_whole if one.segment < 0 else of_segment
            if is_there or (is_segment and (of_whole or of_segment)):
                assert found == value, name
            else:
                assert np.isnan(found), name


@pytest.mark.parametrize("name", ["timbre_flux", "tempo_bpm"])
def test_some_entries_alone_have_the_bits_they_have_among_all(name: str) -> None:
    entry = next(feature for feature in catalogue.CATALOGUE if feature.name == name)
    measured = np.isin(NAMES, [scalar.name for scalar in entry.scalars])
    everything, words = describe_and_fingerprint(CLIP[: 4 * RATE], 1.0)
    some, same_words = describe_and_fingerprint(CLIP[: 4 * RATE], 1.0, only={name})
    np.testing.assert_array_equal(same_words, words)
    assert [row.segment for row in some] == [row.segment for row in everything]
    for row, whole in zip(some, everything, strict=True):
        assert row.values[measured].tobytes() == whole.values[measured].tobytes()
        assert np.isnan(row.values[~measured]).all()
