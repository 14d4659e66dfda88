"""Samples in, numbers out: the values of one clip, and the rows of its segments."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classically_punk.errors import BadSampleRateError, ClipTooShortError
from classically_punk.features import catalogue, streaming
from classically_punk.features.analysis import SAMPLE_RATE_HZ, Analysis
from classically_punk.features.arrays import Samples, SampleSource, Vector, checked
from classically_punk.features.fingerprint import NEEDED, Words, fingerprint, words_of

WHOLE_CLIP = -1
"""Segment number of the row that describes the whole clip."""


@dataclass(frozen=True)
class SegmentRow:
    """One row of the feature table: `values` (m,) in the order of `catalogue.columns`, times in seconds."""

    segment: int
    start_s: float
    duration_s: float
    values: NDArray[np.float64]


def describe_clip(samples: ArrayLike, sample_rate: float, feature_set: str = "classic57") -> dict[str, float]:
    """Whole-clip values of mono samples (n,) at full scale 1.0, by catalogue name; other rates are resampled.

    Raises ClipTooShortError (n < 1025 at 22 050 Hz for `classic57`, 8820 for `punk`), NonFiniteError,
    OutOfRangeError, BadSampleRateError; ValueError for another shape or an unknown feature set.
    """
    names = [column.name for column in catalogue.columns(feature_set)]
    values = _values(_analysis(_at_own_rate(checked(samples), sample_rate), feature_set), feature_set)
    return dict(zip(names, values.tolist(), strict=True))


def describe_segments(
    samples: ArrayLike | SampleSource,
    segment_s: float,
    feature_set: str = "punk",
    only: Collection[str] | None = None,
    of_whole: Collection[str] | None = None,
) -> list[SegmentRow]:
    """Rows of mono samples (n,) at 22 050 Hz: segment -1 is the whole clip, then 0, 1, … side by side.

    A trailing piece under half a segment is dropped; a clip no longer than one segment has segment 0 equal to -1.
    Values of scope `clip` are measured once and repeated. Of a `SampleSource` only pieces are in memory: its whole-clip
    row is streamed (see `streaming`), all others are the same. Raises as `describe_clip`.

    With `only`, the names of some entries, nothing else is measured, and all other values are NaN; the row of the whole
    clip then has the entries `of_whole`, if they are given, and what the segments need of it.
    """
    return _described(samples, segment_s, feature_set, only, of_whole)[0]


def describe_and_fingerprint(
    samples: ArrayLike | SampleSource, segment_s: float, feature_set: str = "punk", only: Collection[str] | None = None
) -> tuple[list[SegmentRow], Words]:
    """The rows of `describe_segments`, and the fingerprint of the clip, from one analysis. Raises as they do."""
    rows, whole = _described(samples, segment_s, feature_set, only, None)
    if isinstance(whole, Analysis):
        return rows, words_of(whole.first_pass.bands)
    return rows, fingerprint(streaming.read(whole, 0, min(whole.size, NEEDED)))


def _described(
    samples: ArrayLike | SampleSource,
    segment_s: float,
    feature_set: str,
    only: Collection[str] | None,
    of_whole: Collection[str] | None,
) -> tuple[list[SegmentRow], SampleSource | Analysis]:
    """The rows of a clip, and its source, or what is known of the whole of it where that is in memory."""
    clip = samples if isinstance(samples, SampleSource) else checked(samples)
    size = round(segment_s * SAMPLE_RATE_HZ)
    # the shortest piece kept is half a segment: it must be describable, whatever the clip's length
    if size // 2 < catalogue.min_samples(feature_set):
        raise ValueError(f"segments of {segment_s} s are too short for {feature_set}")
    places = list(pieces(clip.size, size))
    is_segment = places == [(0, clip.size)]
    measured = only
    if only is not None and of_whole is not None:
        lent = {one.name for one in catalogue.entries(feature_set) if one.scope == "clip" or is_segment}
        measured = {*of_whole, *lent.intersection(only)}
    known = _analysis(clip, feature_set) if isinstance(clip, np.ndarray) else clip
    if isinstance(known, Analysis):
        whole = _values(known, feature_set, only=measured)
    else:
        whole = streaming.whole_clip(known, feature_set, only=measured)
    rows = [SegmentRow(WHOLE_CLIP, 0.0, clip.size / SAMPLE_RATE_HZ, whole)]
    for number, (start, stop) in enumerate(places):
        if is_segment:
            values = whole
        else:
            piece = clip[start:stop] if isinstance(clip, np.ndarray) else streaming.read(clip, start, stop)
            values = _values(_analysis(piece, feature_set), feature_set, known=whole, only=only)
        rows.append(SegmentRow(number, start / SAMPLE_RATE_HZ, (stop - start) / SAMPLE_RATE_HZ, values))
    return rows, known


def _at_own_rate(samples: Samples, sample_rate: float) -> Samples:
    if sample_rate == SAMPLE_RATE_HZ:
        return samples
    # what reads configurations and files is not needed for samples at the own rate
    from classically_punk.audio.decode import resample
    from classically_punk.settings import Limits

    limits = Limits()
    # written so that NaN fails, too
    lowest, highest = limits.min_sample_rate_hz, limits.max_sample_rate_hz
    if not lowest <= sample_rate <= highest or sample_rate % 1:
        raise BadSampleRateError(f"{sample_rate} Hz, expected a whole number from {lowest} to {highest} Hz")
    return resample(samples, int(sample_rate), SAMPLE_RATE_HZ)


def pieces(samples: int, size: int) -> Iterator[tuple[int, int]]:
    """Where the segments of so many samples begin and end."""
    if samples <= size:
        yield 0, samples
        return
    for start in range(0, samples, size):
        stop = min(samples, start + size)
        if 2 * (stop - start) >= size:
            yield start, stop


def long_enough(samples: Samples, needed: int) -> Analysis:
    """The shared results of one piece of at least the `needed` samples. Raises ClipTooShortError."""
    if samples.size < needed:
        raise ClipTooShortError(needed=needed, got=int(samples.size))
    return Analysis(samples)


def _analysis(samples: Samples, feature_set: str) -> Analysis:
    return long_enough(samples, catalogue.min_samples(feature_set))


def _values(
    analysis: Analysis, feature_set: str, known: Vector | None = None, only: Collection[str] | None = None
) -> Vector:
    """The vector of one piece; values of scope `clip` are taken from `known`, the whole clip's vector, if given.

    NaN where an entry is not among `only`.
    """
    values = np.full(len(catalogue.columns(feature_set)), np.nan)
    at = 0
    for feature in catalogue.entries(feature_set):
        here = slice(at, at + len(feature.scalars))
        at = here.stop
        if only is None or feature.name in only:
            values[here] = known[here] if known is not None and feature.scope == "clip" else feature.kernel(analysis)
    return values
