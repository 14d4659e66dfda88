"""The rows of an altered copy of a clip, segment by segment beside those of the clip itself."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

import numpy as np

from classically_punk.audio.alterations import Alteration
from classically_punk.errors import ClipTooShortError
from classically_punk.features import streaming
from classically_punk.features.analysis import SAMPLE_RATE_HZ
from classically_punk.features.arrays import Samples, SampleSource
from classically_punk.features.describe import WHOLE_CLIP, SegmentRow, describe_segments

STRETCH_S: Final = 30.0
"""Of a longer clip so much is altered, in whole segments: a copy costs the same however long the clip is."""


def describe_altered(
    samples: Samples | SampleSource, alteration: Alteration, key: str, segment_s: float, feature_set: str = "punk"
) -> list[SegmentRow]:
    """Mono samples (n,) at 22 050 Hz of the clip named `key` -> the rows of its altered copy.

    Segments have the numbers of those that they are copies of, and hold the same moments of the recording: of a copy
    that plays faster they are shorter. Times are the copy's own but for where its stretch begins. Row -1 is all that
    was altered: the clip, of a long one a stretch of `STRETCH_S`, the same for every copy. The piece that `length` cuts
    out has segments of its own, from 0. Raises ClipError as `describe_segments`; ClipTooShortError where the alteration
    does not apply.
    """
    if samples.size < alteration.needs:
        raise ClipTooShortError(needed=alteration.needs, got=samples.size)
    if alteration.cuts:
        first, (start, stop) = 0, alteration.part(samples.size, key)
    else:
        first, start, stop = stretch(samples.size, key, segment_s)
    heard = samples[start:stop] if isinstance(samples, np.ndarray) else streaming.read(samples, start, stop)
    rows = describe_segments(alteration.apply(heard, key), segment_s / alteration.speed, feature_set)
    return [
        replace(
            row,
            segment=row.segment if row.segment == WHOLE_CLIP else row.segment + first,
            start_s=row.start_s + start / SAMPLE_RATE_HZ,
        )
        for row in rows
    ]


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
