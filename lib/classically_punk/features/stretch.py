"""A piece of a longer clip that gives exactly what the whole clip has there."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np

from classically_punk.features.analysis import HOP, Analysis, Known, SecondPass
from classically_punk.features.arrays import Curves, Samples, mean_and_variance
from classically_punk.features.overview import Overview, overview_of

MARGIN: Final = 24
"""Frames read on both sides: 15 for the median along time, 2 that a frame reaches, 2 spoilt by reflection; whole
vectors."""


class Stretch(Analysis):
    """Frames `own` of `samples`, which begin at a frame of the clip and reach `MARGIN` frames beyond, or to its ends.

    Curves and moments are those of the own frames and samples alone, and need what is `known` of the whole clip:
    without it there is the first pass, and no more. `last` says whether the clip ends with these samples; `filtered` is
    what the filters of the conditioning, on their way through the clip, have made of them.
    """

    def __init__(
        self, samples: Samples, own: slice, last: bool, known: Known | None = None, filtered: Samples | None = None
    ) -> None:
        super().__init__(samples, known)
        self.own = own
        self._last = last
        self._filtered = filtered
        self._around: Final = Analysis(samples, known)

    @cached_property
    def padded(self) -> Samples:
        """The samples around the own frames, from the first one's beginning: at least 512 (t + 3)."""
        return self._around.padded[HOP * self.own.start :]

    @property
    def own_samples(self) -> Samples:
        """From the centre of the first own frame to that of the frame after the last, or to the end of the clip."""
        return self.samples[HOP * self.own.start : None if self._last else HOP * self.own.stop]

    @cached_property
    def conditioned(self) -> Analysis:
        """As of the whole clip, if that is known; not yet at the common level if it is not."""
        if self._filtered is None:
            raise ValueError("a stretch of a conditioned clip has no conditioning of its own")
        scale = np.float32(1 if self.known is None else self.known.gain)
        return Stretch(scale * self._filtered, self.own, self._last)

    @cached_property
    def overview(self) -> Overview:
        """As of the whole clip, for the own frames and one before."""
        lead = min(1, self.own.start)
        return overview_of(self, self._around.padded[HOP * (self.own.start - lead) :], lead)

    @cached_property
    def second_pass(self) -> SecondPass:
        """As of the whole clip, for the own frames and samples."""
        steady = np.empty(self.samples.size, dtype=np.float32)
        chroma = self._around._second_pass(steady).chroma
        steady = steady[HOP * self.own.start :][: self.own_samples.size]
        return SecondPass(
            np.ascontiguousarray(chroma[:, self.own]),
            mean_and_variance(steady[None, :]),
            mean_and_variance((self.own_samples - steady)[None, :]),
        )

    def pitch_classes_alone(self) -> Curves:
        """As of the whole clip, for the own frames."""
        return self._around.pitch_classes_alone()[:, self.own]
