"""The rows of an altered copy of a clip, segment by segment beside those of the clip itself."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Final

import numpy as np

from classically_punk.audio.alterations import Alteration
from classically_punk.errors import ClipTooShortError
from classically_punk.features import catalogue, streaming
from classically_punk.features.analysis import SAMPLE_RATE_HZ
from classically_punk.features.arrays import Samples, SampleSource, Vector, checked
from classically_punk.features.catalogue import Feature
from classically_punk.features.describe import SegmentRow, long_enough, pieces

STRETCH_S: Final = 30.0
"""Of a longer clip so much is altered, in whole segments: a copy costs the same however long the clip is."""


def describe_altered(
    samples: Samples | SampleSource, alteration: Alteration, key: str, segment_s: float, feature_set: str = "punk"
) -> list[SegmentRow]:
    """Mono samples (n,) at 22 050 Hz of the clip named `key` -> the segments of its altered copy.

    Values are those of `catalogue.model_names`, in that order: nobody asks for more of a copy, and the rest costs most.
    Segments have the numbers of those that they are copies of, and hold the same moments of the recording: of a copy
    that plays faster they are shorter. Times are the copy's own but for where its stretch begins. The piece that
    `length` cuts out has segments of its own, from 0. Raises ClipError as `describe.describe_segments`;
    ClipTooShortError where the alteration does not apply.
    """
    if samples.size < alteration.needs:
        raise ClipTooShortError(needed=alteration.needs, got=samples.size)
    if alteration.cuts:
        first, (start, stop) = 0, alteration.part(samples.size, key)
    else:
        first, start, stop = stretch(samples.size, key, segment_s)
    heard = samples[start:stop] if isinstance(samples, np.ndarray) else streaming.read(samples, start, stop)
    copy = checked(alteration.apply(heard, key))
    whole = _values(copy, _seen(feature_set, "clip"))
    rows = []
    for number, (begin, end) in enumerate(pieces(copy.size, round(segment_s / alteration.speed * SAMPLE_RATE_HZ))):
        values = whole | _values(copy[begin:end], _seen(feature_set, "segment"))
        vector = np.concatenate([values[feature.name] for feature in _seen(feature_set)])
        at = (start + begin) / SAMPLE_RATE_HZ
        rows.append(SegmentRow(first + number, at, (end - begin) / SAMPLE_RATE_HZ, vector))
    return rows


def stretch(samples: int, key: str, segment_s: float) -> tuple[int, int, int]:
    """What is altered of a clip of so many samples: its first segment, its first sample and the one after its last.

    All of it, or `STRETCH_S` of it in whole segments, from a segment that `key` decides.
    """
    size, most = round(segment_s * SAMPLE_RATE_HZ), max(1, round(STRETCH_S / segment_s))
    if 2 * samples < (2 * most + 1) * size:  # a trailing piece under half a segment is none
        return 0, 0, samples
    choices = samples // size - most + 1
    digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
    first = int.from_bytes(digest[:8], "little") % choices
    return first, first * size, (first + most) * size


@cache
def _seen(feature_set: str, scope: str | None = None) -> tuple[Feature, ...]:
    """The entries behind `catalogue.model_names`, in their order."""
    names = set(catalogue.model_names(feature_set))
    return tuple(
        feature
        for feature in catalogue.entries(feature_set)
        if scope in (None, feature.scope) and names.intersection(scalar.name for scalar in feature.scalars)
    )


def _values(samples: Samples, features: tuple[Feature, ...]) -> dict[str, Vector]:
    """What the entries measure of one piece, by their names. Raises ClipTooShortError."""
    if not features:
        return {}
    analysis = long_enough(samples, max(feature.min_samples for feature in features))
    return {feature.name: feature.kernel(analysis) for feature in features}
