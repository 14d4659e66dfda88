"""Which of the twelve pitch classes sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from classically_punk.features.arrays import Curves, Vector, mean_and_variance
from classically_punk.features.compiled import inlined, kernel
from classically_punk.features.filterbanks import SAMPLE_RATE_HZ
from classically_punk.features.fourier import BINS, LANES, N_FFT
from classically_punk.features.lanes import greatest, load, splat, store, where_below

if TYPE_CHECKING:
    from classically_punk.features.analysis import Analysis

TUNINGS: Final = np.linspace(-0.5, 0.5, 101)
"""Edges of hundredths of a semitone; a tuning is the lower edge of the fullest."""
DEVIATIONS: Final = TUNINGS.size - 1
TINY: Final = 1.1754944e-38


@kernel("void(float32[::1], float64[::1], int64[::1])")
def deviation_cells(semitones: Any, edges: Any, cells: Any) -> None:
    """How far notes lie from the nearest semitone: (n,) -> `cells` (n,) 0..99 between `edges`, as in np.histogram."""
    for n in range(semitones.size):
        away = semitones[n] - np.floor(semitones[n])
        if away >= np.float32(0.5):
            away -= np.float32(1)
        cell = min(99, max(0, int((away + np.float32(0.5)) * 100)))
        if away < edges[cell]:
            cell -= 1
        elif away >= edges[cell + 1] and cell < 99:
            cell += 1
        cells[n] = cell


def deviations(bins: NDArray[np.float32]) -> NDArray[np.int64]:
    """Frequencies (n,) in bins of the spectrum -> (n,) hundredths of a semitone off A440, 0..99 from -0.5."""
    hertz = bins * SAMPLE_RATE_HZ / N_FFT
    cells = np.empty(bins.size, dtype=np.int64)
    deviation_cells(12 * np.log2(hertz / np.float32(440 / 16)), TUNINGS, cells)
    return cells


def tuning(bins: NDArray[np.float32], heights: NDArray[np.float32]) -> float:
    """Commonest deviation of the higher half of the spectral peaks from A440, in semitones, -0.5 to 0.49.

    Peaks (n,) by place in bins and height; 0 without any. Replaces librosa.estimate_tuning.
    """
    if not heights.size:
        return 0.0
    return _commonest(np.bincount(deviations(bins[heights >= np.median(heights)]), minlength=DEVIATIONS))


def _commonest(counts: NDArray[np.int64]) -> float:
    return float(TUNINGS[np.argmax(counts)])


class RunningTuning:
    """`tuning` of peaks that come piece by piece: the same, in memory that does not grow (39 MB at the very most).

    Non-negative floats are ordered as their bits are. Peaks are counted by the upper half of the bits of their height,
    and by deviation. Where that leaves open which deviation is the commonest, `undecided` is true: then all peaks must
    come again, by `again`, and those around the median are counted by the lower half, too.
    """

    def __init__(self) -> None:
        self._coarse = np.zeros((1 << 15, DEVIATIONS), dtype=np.int32)
        self._fine = np.zeros((0, DEVIATIONS), dtype=np.int32)
        self._row = -1

    def take(self, bins: NDArray[np.float32], heights: NDArray[np.float32]) -> None:
        """More peaks (n,) by place in bins and height."""
        np.add.at(self._coarse.reshape(-1), (heights.view(np.int32) >> 16) * DEVIATIONS + deviations(bins), 1)

    def again(self, bins: NDArray[np.float32], heights: NDArray[np.float32]) -> None:
        """The same peaks once more."""
        if not self._fine.size:
            self._fine = np.zeros((1 << 16, DEVIATIONS), dtype=np.int32)
            self._row = self._middle()[0]
        bits = heights.view(np.int32)
        here = bits >> 16 == self._row
        np.add.at(self._fine.reshape(-1), (bits[here] & 0xFFFF) * DEVIATIONS + deviations(bins[here]), 1)

    @property
    def undecided(self) -> bool:
        """Whether the peaks of the median's own cell decide."""
        row, other = self._middle()
        if row < 0 or row != other or self._fine.size:
            return False
        above = self._coarse[row + 1 :].sum(axis=0)
        best = int(np.argmax(above))
        rivals = np.delete(above + self._coarse[row], best)
        return bool(above[best] <= rivals.max())

    def value(self) -> float:
        """As `tuning` of all peaks, once it is decided."""
        row, other = self._middle()
        if not self._fine.size:
            return _commonest(self._coarse[row + (row != other) :].sum(axis=0)) if row >= 0 else 0.0
        below = int(self._coarse[:row].sum())
        bits = np.array(_middle_rows(self._fine, below, int(self._coarse.sum())), dtype=np.int32) | row << 16
        least = int(np.mean(bits.astype(np.int32).view(np.float32)).view(np.int32)) & 0xFFFF
        return _commonest(self._coarse[row + 1 :].sum(axis=0) + self._fine[least:].sum(axis=0))

    def _middle(self) -> tuple[int, int]:
        """Rows of the two peaks in the middle (the same one twice if their number is odd); -1 without any."""
        return _middle_rows(self._coarse, 0, int(self._coarse.sum()))


def _middle_rows(counts: NDArray[np.int32], below: int, peaks: int) -> tuple[int, int]:
    if not peaks:
        return -1, -1
    reached = below + np.cumsum(counts.sum(axis=1))
    first, second = np.searchsorted(reached, ((peaks - 1) // 2, peaks // 2), side="right")
    return int(first), int(second)


@inlined
def pitch_classes(magnitude: Any, at: int, bank: Any, out: Any, frames: int, frame: int) -> None:
    """Power of eight frames times `bank` (1025, 12), each frame over its largest.

    Magnitudes begin at flat index `at`; frame and the seven after it go to `out` (12 * frames,).
    """
    zero, one = splat(np.float32(0)), splat(np.float32(1))
    c0, c1, c2, c3, c4, c5 = zero, zero, zero, zero, zero, zero
    c6, c7, c8, c9, c10, c11 = zero, zero, zero, zero, zero, zero
    for k in range(BINS):
        value = load(magnitude, at + k * LANES)
        power = value * value
        c0 = c0 + power * splat(bank[k, 0])
        c1 = c1 + power * splat(bank[k, 1])
        c2 = c2 + power * splat(bank[k, 2])
        c3 = c3 + power * splat(bank[k, 3])
        c4 = c4 + power * splat(bank[k, 4])
        c5 = c5 + power * splat(bank[k, 5])
        c6 = c6 + power * splat(bank[k, 6])
        c7 = c7 + power * splat(bank[k, 7])
        c8 = c8 + power * splat(bank[k, 8])
        c9 = c9 + power * splat(bank[k, 9])
        c10 = c10 + power * splat(bank[k, 10])
        c11 = c11 + power * splat(bank[k, 11])
    largest = greatest(greatest(greatest(c0, c1), greatest(c2, c3)), greatest(greatest(c4, c5), greatest(c6, c7)))
    largest = greatest(largest, greatest(greatest(c8, c9), greatest(c10, c11)))
    scale = one / where_below(largest, splat(np.float32(TINY)), one, largest)
    store(out, frame, c0 * scale)
    store(out, frame + frames, c1 * scale)
    store(out, frame + 2 * frames, c2 * scale)
    store(out, frame + 3 * frames, c3 * scale)
    store(out, frame + 4 * frames, c4 * scale)
    store(out, frame + 5 * frames, c5 * scale)
    store(out, frame + 6 * frames, c6 * scale)
    store(out, frame + 7 * frames, c7 * scale)
    store(out, frame + 8 * frames, c8 * scale)
    store(out, frame + 9 * frames, c9 * scale)
    store(out, frame + 10 * frames, c10 * scale)
    store(out, frame + 11 * frames, c11 * scale)


def chroma_curves(analysis: Analysis) -> Curves:
    """Power per pitch class C to B, tuned to the clip, each frame divided by its largest: (12, t) in 0..1.

    Ellis 2007; replaces librosa.feature.chroma_stft(S=…).
    """
    return analysis.second_pass.chroma


def chroma(analysis: Analysis) -> Vector:
    """Mean and variance over all pitch classes and frames together: (2,), both in 0..1."""
    return mean_and_variance(chroma_curves(analysis).reshape(1, -1))
