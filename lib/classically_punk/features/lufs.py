"""Integrated loudness after ITU-R BS.1770-4, of mono audio as one channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from classically_punk.errors import ClipTooShortError
from classically_punk.features.arrays import Samples, Vector
from classically_punk.features.compiled import kernel
from classically_punk.features.filterbanks import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from classically_punk.features.analysis import Analysis

FLOOR_LUFS: Final = -70.0
"""The absolute gate, and the value of a clip in which no block passes it."""
RELATIVE_GATE_LU: Final = -10.0
OFFSET_DB: Final = -0.691
"""Makes a full-scale 997 Hz sine in one channel read -3.01 (BS.1770-4, annex 1)."""
STANDARD_RATE_HZ: Final = 48_000
STANDARD_SECTIONS: Final = (
    # b0, b1, b2, a0, a1, a2 at 48 kHz: BS.1770-4 tables 1 (head as a sphere) and 2 (high pass)
    (1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585),
    (1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621),
)


def k_weighting(rate_hz: float) -> Vector:
    """The standard's two filter sections for another sample rate: (2, 6), b0 b1 b2 a0 a1 a2 a row, a0 = 1.

    The bilinear transform is undone at 48 kHz, and done again at the new rate with the corner kept in place.
    """
    return np.stack([_moved(np.array(section), STANDARD_RATE_HZ, rate_hz) for section in STANDARD_SECTIONS])


def _moved(section: Vector, from_hz: float, to_hz: float) -> Vector:
    # z⁻¹ = (1 - s) / (1 + s) turns c0 + c1 z⁻¹ + c2 z⁻² into a polynomial in s; the same matrix turns it back.
    bilinear = np.array([[1.0, 1.0, 1.0], [2.0, 0.0, -2.0], [1.0, -1.0, 1.0]])
    analogue = section.reshape(2, 3) @ bilinear.T  # rows numerator, denominator; columns s⁰, s¹, s²
    corner = np.sqrt(analogue[1, 0] / analogue[1, 2])  # tan(π f / rate)
    moved = np.tan(np.arctan(corner) * from_hz / to_hz)
    digital = analogue * (corner / moved) ** np.arange(3) @ bilinear.T
    return np.asarray(digital.reshape(6) / digital[1, 0])


SECTIONS: Final = k_weighting(SAMPLE_RATE_HZ)
BLOCK: Final = SAMPLE_RATE_HZ * 4 // 10
STEP: Final = BLOCK // 4
"""Blocks of 0.4 s, three quarters overlapping."""


@kernel("void(float32[::1], float64[:, ::1], float64[::1], int64, float64[::1])")
def weighted_energies(samples: Any, sections: Any, state: Any, step: int, energies: Any) -> None:
    """Both sections over (n,), squared and summed over every `step` samples: `energies` (n // step,).

    Transposed direct form II, one section after the other sample by sample; replaces scipy.signal.sosfilt. `state` (4,)
    is where the filters stand before and, after the last whole step, behind.
    """
    a0, a1, a2, c1, c2 = sections[0, 0], sections[0, 1], sections[0, 2], sections[0, 4], sections[0, 5]
    b0, b1, b2, d1, d2 = sections[1, 0], sections[1, 1], sections[1, 2], sections[1, 4], sections[1, 5]
    s1, s2, t1, t2 = state[0], state[1], state[2], state[3]
    for block in range(energies.size):
        energy = 0.0
        for n in range(block * step, (block + 1) * step):
            x = np.float64(samples[n])
            y = a0 * x + s1
            s1 = a1 * x - c1 * y + s2
            s2 = a2 * x - c2 * y
            z = b0 * y + t1
            t1 = b1 * y - d1 * z + t2
            t2 = b2 * y - d2 * z
            energy += z * z
        energies[block] = energy
    state[0], state[1], state[2], state[3] = s1, s2, t1, t2


def integrated(samples: Samples) -> float:
    """Gated loudness of mono samples (n,) at 22 050 Hz, in LUFS, never below -70.

    Raises ClipTooShortError if n < 8820 (0.4 s, one block).
    """
    if samples.size < BLOCK:
        raise ClipTooShortError(needed=BLOCK, got=int(samples.size))
    energies = np.empty(samples.size // STEP)
    weighted_energies(samples, SECTIONS, np.zeros(4), STEP, energies)
    return gated(energies)


def gated(energies: NDArray[np.float64]) -> float:
    """Weighted energies of steps of 0.1 s, (m,) with m >= 4 -> loudness of the blocks that pass both gates, in LUFS."""
    power = np.lib.stride_tricks.sliding_window_view(energies, BLOCK // STEP).sum(axis=1) / BLOCK
    loud = power[power > _power(FLOOR_LUFS)]
    if loud.size == 0:
        return FLOOR_LUFS
    gate = loud.mean() * 10 ** (RELATIVE_GATE_LU / 10)
    return max(FLOOR_LUFS, float(OFFSET_DB + 10 * np.log10(loud[loud > gate].mean())))


def loudness(analysis: Analysis) -> Vector:
    """Gated loudness: (1,) in LUFS, at least -70."""
    return np.array([integrated(analysis.samples)])


class RunningLoudness:
    """`loudness` of samples that come stretch by stretch; keeps 8 bytes per 0.1 s, 288 kB an hour."""

    def __init__(self) -> None:
        self._state = np.zeros(4)
        self._rest: Samples = np.empty(0, dtype=np.float32)
        self._energies: list[NDArray[np.float64]] = []

    def take(self, analysis: Analysis) -> None:
        """The next stretch."""
        samples = np.concatenate((self._rest, analysis.own_samples))
        energies = np.empty(samples.size // STEP)
        weighted_energies(samples, SECTIONS, self._state, STEP, energies)
        self._energies.append(energies)
        self._rest = samples[energies.size * STEP :].copy()

    def value(self) -> Vector:
        """As `loudness` of the whole: (1,)."""
        return np.array([gated(np.concatenate(self._energies))])


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - OFFSET_DB) / 10))
