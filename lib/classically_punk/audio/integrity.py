"""Is there a signal to describe? Looks at decoded blocks as they pass, then rejects or warns.

Every threshold is a constant with its reason. Levels are linear, full scale is 1.0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from classically_punk.errors import (
    DcOffsetError,
    NonFiniteError,
    OutOfRangeError,
    PhaseCancelError,
    SilentError,
)

Block = NDArray[np.float64]
"""Frames by channels."""

SILENCE_PEAK = 2.0**-16
"""Half a step of 16 bits: a compact disc could not hold anything quieter."""

FULL_SCALE_ROUNDING = 2.0**-15
"""One step of 16 bits: how far above 1.0 a converter's rounding may end."""

LARGEST_SAMPLE = 2.0**16
"""Beyond it a float file is not music at a wrong scale (16-bit integers stored as floats still fit) but damage."""

OFFSET_WARNING = 0.01
"""Mean of the mix, 1 % of full scale (or of the peak, if that is higher): converters stay below a tenth of it."""

PHASE_CANCEL_POWER = 1e-2
"""-20 dB, a correlation of -0.98: independent channels lose 3 dB in the mix, the widest stereo not ten, while Vorbis
leaves -24 dB of one channel that is the other upside down."""

CLIPPED_LEVEL = 0.98
"""Flat tops are looked for above it: the largest positive 8-bit sample is 0.992."""

CLIPPED_RUN = 3
"""Equal samples in a row that make a flat top; the top of a sampled sine has at most two."""

CLIPPED_SHARE = 1e-4
"""Of all samples: fewer are single overs that nobody hears."""

SILENT_WINDOW_S = 0.1
"""Silence is counted in windows of this length, so that zero crossings are none."""

PARTLY_SILENT_SHARE = 0.1
"""Of the clip: three seconds of thirty, more than the pause around a track."""


def check_values(block: Block) -> None:
    """Raises NonFiniteError, and OutOfRangeError beyond LARGEST_SAMPLE: to be called before any sum is taken."""
    if block.size == 0:
        return
    low, high = float(block.min()), float(block.max())  # NaN is contagious in both
    if not (np.isfinite(low) and np.isfinite(high)):
        raise NonFiniteError("NaN or infinity among the samples")
    if max(-low, high) > LARGEST_SAMPLE:
        raise OutOfRangeError(f"a sample of {max(-low, high):.6g}, at most {LARGEST_SAMPLE:.0f}")


class Scan:
    """What the checks need to know of a clip, gathered block by block."""

    def __init__(self, channels: int, sample_rate_hz: int) -> None:
        self._frames = 0
        self._low, self._high = np.full(channels, np.inf), np.full(channels, -np.inf)
        self._sum, self._power = np.zeros(channels), np.zeros(channels)
        self._mix_low, self._mix_high, self._mix_power = np.inf, -np.inf, 0.0
        self._flat = 0
        self._tail: Block = np.zeros((0, channels))
        self._window = max(1, round(SILENT_WINDOW_S * sample_rate_hz))
        self._windows = self._silent_windows = 0
        self._window_rest: NDArray[np.float64] = np.zeros(0)

    def add(self, block: Block, mix: NDArray[np.float64]) -> None:
        """Take in the next block (n, channels) of checked values, and its mix (n,)."""
        if block.size == 0:
            return
        self._frames += len(block)
        self._low, self._high = np.minimum(self._low, block.min(axis=0)), np.maximum(self._high, block.max(axis=0))
        self._sum += block.sum(axis=0)
        self._power += np.einsum("ij,ij->j", block, block)
        self._mix_low, self._mix_high = min(self._mix_low, mix.min()), max(self._mix_high, mix.max())
        self._mix_power += float(np.einsum("i,i", mix, mix))  # no BLAS: its threads cost more than they save here
        self._count_flat_tops(block)
        self._count_silence(mix)

    def judge(self) -> tuple[str, ...]:
        """The warnings of the whole clip. Raises SilentError, DcOffsetError or PhaseCancelError."""
        peaks = np.maximum(-self._low, self._high)
        means = self._sum / self._frames
        offset = float(means.mean())
        if peaks.max() <= SILENCE_PEAK:
            raise SilentError("digital silence")
        if (self._high - self._low).max() <= SILENCE_PEAK:
            raise DcOffsetError(f"a constant signal at {offset:.4g}")
        # Power without the constant part: an offset, whether it cancels or not, is no music.
        channel_power = float(np.mean(np.maximum(self._power / self._frames - means**2, 0.0)))
        mix_power = self._mix_power / self._frames - offset**2
        if self._mix_high - self._mix_low <= SILENCE_PEAK or mix_power < PHASE_CANCEL_POWER * channel_power:
            raise PhaseCancelError("the channels cancel each other in the down-mix")
        found = {
            "DC_OFFSET": abs(offset) > OFFSET_WARNING * max(1.0, peaks.max()),
            "OUT_OF_RANGE": peaks.max() > 1 + FULL_SCALE_ROUNDING,
            "CLIPPED": self._flat > CLIPPED_SHARE * self._frames * peaks.size,
            "PARTLY_SILENT": self._windows > 0 and self._silent_windows >= PARTLY_SILENT_SHARE * self._windows,
            "DEAD_CHANNEL": peaks.min() <= SILENCE_PEAK,
        }
        return tuple(code for code, is_so in found.items() if is_so)

    def _count_flat_tops(self, block: Block) -> None:
        """Samples inside runs of equal neighbours near full scale; two frames are carried over between blocks."""
        joined = np.concatenate([self._tail, block])
        self._tail = joined[-(CLIPPED_RUN - 1) :]
        if len(joined) < CLIPPED_RUN or max(-block.min(), block.max()) < CLIPPED_LEVEL:
            return
        loud = np.abs(joined[2:]) >= CLIPPED_LEVEL
        self._flat += int(np.count_nonzero(loud & (joined[2:] == joined[1:-1]) & (joined[1:-1] == joined[:-2])))

    def _count_silence(self, mix: NDArray[np.float64]) -> None:
        joined = np.concatenate([self._window_rest, mix])
        whole = len(joined) // self._window
        windows = joined[: whole * self._window].reshape(whole, self._window)
        self._window_rest = joined[whole * self._window :]
        self._windows += whole
        if whole:
            self._silent_windows += int(np.count_nonzero(np.abs(windows).max(axis=1) <= SILENCE_PEAK))
