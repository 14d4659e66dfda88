"""Whole-clip values of a clip too long for memory: the same numbers from stretches, however long it is.

Two passes over the source. The survey finds what every stretch must know of the whole clip: the largest power, below
which levels are cut off at 80 dB, and the tuning. Then every entry of the catalogue takes in stretch after stretch.
Frames lie where they lie in the whole clip, and each stretch is read with a margin, so that nothing but the order of
summing differs. What grows with the clip is the onset curve and the energies of the loudness: 0.9 MB an hour.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Final

import numpy as np

from classically_punk.errors import ClipTooShortError
from classically_punk.features import catalogue
from classically_punk.features.analysis import HOP, Known
from classically_punk.features.arrays import Samples, SampleSource, Vector, checked, mean_and_variance
from classically_punk.features.conditioning import PREROLL, Filter, gain
from classically_punk.features.pitch import RunningTuning
from classically_punk.features.stretch import MARGIN, Stretch

FRAMES: Final = 2048
"""Frames of a stretch at most (48 s)."""


def whole_clip(
    source: SampleSource, feature_set: str, frames: int = FRAMES, only: Collection[str] | None = None
) -> Vector:
    """Values of the whole source in stretches of at most `frames` (2 or more): (m,), in order of `catalogue.columns`.

    With `only`, the names of some entries, all other values are NaN. Raises ClipTooShortError as
    `describe.describe_clip`, NonFiniteError, OutOfRangeError.
    """
    if source.size < catalogue.min_samples(feature_set):
        raise ClipTooShortError(needed=catalogue.min_samples(feature_set), got=source.size)
    entries = catalogue.entries(feature_set)
    running = {feature.name: feature.running() for feature in entries if only is None or feature.name in only}
    for stretch in stretches(source, survey(source, frames), frames) if running else ():
        for each in running.values():
            each.take(stretch)
    unknown = {feature.name: np.full(len(feature.scalars), np.nan) for feature in entries}
    told = unknown | {name: each.value() for name, each in running.items()}
    return np.concatenate([told[feature.name] for feature in entries])


def survey(source: SampleSource, frames: int = FRAMES) -> Known:
    """What stretches of the source must know of the whole of it."""
    tuning = RunningTuning()
    peak = energy = 0.0
    for stretch in stretches(source, None, frames):
        found = stretch.first_pass
        filtered = stretch.conditioned.own_samples
        mean, variance = mean_and_variance(filtered[None, :])
        energy += filtered.size * (variance + mean**2)
        peak = max(peak, float(found.bands.max()))
        tuning.take(found.peak_bins, found.peak_heights)
    if tuning.undecided:
        for stretch in stretches(source, None, frames):
            tuning.again(stretch.first_pass.peak_bins, stretch.first_pass.peak_heights)
    return Known(tuning.value(), peak, gain(energy, source.size))


def stretches(source: SampleSource, known: Known | None, frames: int = FRAMES) -> Iterator[Stretch]:
    """The whole source, side by side, in nearly equal stretches of 2 to `frames` frames."""
    total = 1 + source.size // HOP
    edges = np.linspace(0, total, -(-total // frames) + 1).astype(int).tolist()
    through: Filter | None = None
    filtered = np.empty(0, dtype=np.float32)
    held_from = 0
    for first, after in pairwise(edges):
        begin = max(0, first - MARGIN)
        samples = read(source, HOP * begin, min(source.size, HOP * (after + MARGIN)))
        # the filters go through the clip once, so what they have made of the margin is kept for the next stretch
        through = through or Filter(samples[: PREROLL + 1])
        kept = filtered[HOP * begin - held_from :]
        filtered, held_from = np.concatenate((kept, through.take(samples[kept.size :]))), HOP * begin
        yield Stretch(samples, slice(first - begin, after - begin), after == total, known, filtered)


def read(source: SampleSource, start: int, stop: int) -> Samples:
    """Checked samples of the source. Raises NonFiniteError, OutOfRangeError; ValueError if it gives too few."""
    samples = checked(source.read(start, stop))
    if samples.size != stop - start:
        raise ValueError(f"{samples.size} samples where {start} to {stop} were wanted")
    return samples
