"""Rows of altered copies lie beside the rows that they are copies of."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from classically_punk.audio.alterations import Alteration
from classically_punk.errors import ClipTooShortError
from classically_punk.features import catalogue
from classically_punk.features.altered import describe_altered, stretch
from classically_punk.features.describe import describe_segments

RATE = 22_050
NAMES = [column.name for column in catalogue.columns("punk")]


class Long:
    """A clip that is not in memory: it tells what was read of it."""

    def __init__(self, samples: NDArray[np.float32]) -> None:
        self.samples, self.size, self.taken = samples, samples.size, 0

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        self.taken += stop - start
        return self.samples[start:stop]


def steps(seconds: float, every_s: float = 3.0) -> NDArray[np.float32]:
    """A hum that jumps to another pitch with every segment, so that a segment tells its number."""
    n = np.arange(round(seconds * RATE))
    pitch = 200.0 * 1.25 ** (n // round(every_s * RATE) % 8)
    return (0.2 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE)).astype(np.float32)


@pytest.mark.parametrize("speed", [0.85, 0.94, 1.06, 1.15])
def test_segments_of_a_faster_copy_hold_the_moments_of_the_clip(speed: float) -> None:
    samples = steps(22.0)
    rows = describe_segments(samples, 3.0)
    copies = describe_altered(samples, Alteration.parse(f"speed:{speed}"), "a", 3.0)
    assert [row.segment for row in copies] == [row.segment for row in rows] == [-1, 0, 1, 2, 3, 4, 5, 6]
    at = NAMES.index("timbre_centroid_mean")
    centroid = np.array([[row.values[at] for row in side] for side in (rows, copies)])
    # each pitch alone, scaled by the speed; a segment one off would be off by a quarter
    np.testing.assert_allclose(centroid[1, 1:] / centroid[0, 1:], speed, rtol=0.02)
    assert copies[3].duration_s == pytest.approx(3.0 / speed, abs=1e-4)


def test_a_copy_that_changes_nothing_has_the_rows_of_the_clip() -> None:
    samples = steps(10.0)
    rows = describe_segments(samples, 3.0)
    copies = describe_altered(samples, Alteration.parse("gain:0"), "a", 3.0)
    for row, copy in zip(rows, copies, strict=True):
        assert (row.segment, row.start_s, row.duration_s) == (copy.segment, copy.start_s, copy.duration_s)
        np.testing.assert_allclose(copy.values, row.values, rtol=1e-12)


def test_of_a_long_clip_half_a_minute_is_altered_in_whole_segments() -> None:
    samples = steps(300.0)
    clip = Long(samples)
    rows = {row.segment: row for row in describe_segments(samples, 3.0)}
    copies = describe_altered(clip, Alteration.parse("gain:0"), "some key", 3.0)
    assert clip.taken == 30 * RATE
    assert [copy.segment for copy in copies[1:]] == list(range(copies[1].segment, copies[1].segment + 10))
    scope = np.array([column.scope == "segment" for column in catalogue.columns("punk")])
    for copy in copies[1:]:
        row = rows[copy.segment]
        assert (copy.start_s, copy.duration_s) == (row.start_s, row.duration_s)
        np.testing.assert_allclose(copy.values[scope], row.values[scope], rtol=1e-12)


@pytest.mark.parametrize("samples", [11_025, 30 * RATE, 661_794, round(31.4 * RATE), round(31.5 * RATE), 90 * RATE])
def test_a_stretch_is_all_of_a_clip_or_ten_segments_inside(samples: int) -> None:
    starts = set()
    for key in map(str, range(200)):
        first, start, stop = stretch(samples, key, 3.0)
        starts.add(first)
        if samples < 31.5 * RATE:
            assert (first, start, stop) == (0, 0, samples)
        else:
            assert (start, stop - start) == (first * 3 * RATE, 30 * RATE)
            assert 0 <= start <= stop <= samples
    assert starts == (set(range(samples // (3 * RATE) - 9)) if samples >= 31.5 * RATE else {0})


def test_a_piece_is_described_from_its_first_segment_on() -> None:
    clip = Long(steps(300.0))
    five = Alteration.parse("length:5")
    copies = describe_altered(clip, five, "a", 3.0)
    assert clip.taken == 5 * RATE
    assert [copy.segment for copy in copies] == [-1, 0, 1]
    start = five.part(clip.size, "a")[0] / RATE
    assert [copy.start_s for copy in copies] == pytest.approx([start, start, start + 3.0])


def test_a_copy_that_plays_too_fast_to_be_described_is_the_clips_fault() -> None:
    samples = steps(0.5)
    with pytest.raises(ClipTooShortError):
        describe_altered(samples, Alteration.parse("speed:2"), "a", 3.0)


def test_a_clip_that_is_no_longer_than_its_piece_has_none() -> None:
    with pytest.raises(ClipTooShortError):
        describe_altered(steps(5.0), Alteration.parse("length:5"), "a", 3.0)
