"""What the waveform itself tells, without a spectrum: level and sign changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from classically_punk.features.arrays import Vector, mean_and_variance
from classically_punk.features.compiled import kernel
from classically_punk.features.lanes import load, splat, total

if TYPE_CHECKING:
    from classically_punk.features.analysis import Analysis

HOP: Final = 512
FRAME_HOPS: Final = 4
NOISE_FLOOR: Final = np.float32(1e-10)
"""Samples within it count as zero, and zero as positive; librosa.zero_crossings."""


@kernel("void(float32[::1], float64[::1])")
def hop_energies(samples: Any, energies: Any) -> None:
    """Sum of squares of every 512 samples: (512 t + …,) -> `energies` (t,)."""
    for hop in range(energies.size):
        part = splat(np.float32(0))
        for n in range(hop * HOP, (hop + 1) * HOP, 8):
            values = load(samples, n)
            part = part + values * values
        energies[hop] = total(part)


@kernel("void(float32[::1], int32[::1])")
def crossing_counts(samples: Any, counts: Any) -> None:
    """Sign changes of (n,) in every frame of 2048 around 512 t: `counts` (t,), t = 1 + n // 512.

    A change belongs to the later of its two samples; the first sample of a frame has none before it.
    """
    size = samples.size
    hops = np.zeros(counts.size + FRAME_HOPS, dtype=np.int32)
    first = np.zeros(counts.size + FRAME_HOPS, dtype=np.int32)
    for hop in range(counts.size):
        changes = np.int32(0)
        for n in range(max(1, hop * HOP), min(size, (hop + 1) * HOP)):
            changes += np.int32((samples[n] < -NOISE_FLOOR) != (samples[n - 1] < -NOISE_FLOOR))
        hops[hop + 2] = changes
        if 0 < hop * HOP < size:
            first[hop + 2] = np.int32((samples[hop * HOP] < -NOISE_FLOOR) != (samples[hop * HOP - 1] < -NOISE_FLOOR))
    for frame in range(counts.size):
        counts[frame] = hops[frame] + hops[frame + 1] + hops[frame + 2] + hops[frame + 3] - first[frame]


def rms_curve(padded: Any, frames: int) -> Any:
    """Root mean square of frames of 2048 every 512 samples: (512 (frames + 3),) or more -> (frames,).

    Replaces librosa.feature.rms.
    """
    energies = np.empty(frames + FRAME_HOPS - 1)
    hop_energies(padded, energies)
    summed = np.lib.stride_tricks.sliding_window_view(energies, FRAME_HOPS).sum(axis=1)
    return np.sqrt(summed / (FRAME_HOPS * HOP))


def rms(analysis: Analysis) -> Vector:
    """Root mean square of every frame: (2,) mean at full scale 1.0, variance in its square; 0 for silence."""
    return mean_and_variance(rms_curve(analysis.padded, analysis.frames)[None, :])


def crossings(analysis: Analysis) -> Vector:
    """Sign changes a sample in every frame, edges repeated outwards: (2,) mean and variance, both in 0..1.

    Replaces librosa.feature.zero_crossing_rate(y).
    """
    counts = np.empty(1 + analysis.samples.size // HOP, dtype=np.int32)
    crossing_counts(analysis.samples, counts)
    return mean_and_variance(counts[None, analysis.own] / (FRAME_HOPS * HOP))
