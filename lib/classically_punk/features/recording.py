"""What tells of the recording and not of the music: measured so that a report can say how much it gives away.

No model sees these values. They are taken of the signal as it is, and of the conditioned one that the own features see.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from classically_punk.features.arrays import Curves, Samples, Vector, moments
from classically_punk.features.compiled import kernel
from classically_punk.features.filterbanks import SAMPLE_RATE_HZ
from classically_punk.features.fourier import hann
from classically_punk.features.lanes import load, splat, total

if TYPE_CHECKING:
    from classically_punk.features.analysis import Analysis

FLOOR_DB: Final = -80.0
"""Least share of the power that is told from none."""
FLOOR_DBFS: Final = -100.0
"""Least peak level that is told from silence."""
SLOWER: Final = 64
"""Samples from one value of the slow curve to the next: 344.5 a second."""
TIMES: Final = 4
"""Running means of 64 samples over one another: around 344.5 Hz, which is taken for slow, all is 99 dB down."""
TAPS: Final = 256
"""Length of the slow curve's window in whole vectors; its last weights are zeros."""
BLOCK, STEP = 1024, 512
"""Values of the slow curve that are transformed together (3 s), and from one block to the next."""
BELOW_HZ: Final = 20.0
BORDER: Final = 1024
"""Samples in front of a piece in `Analysis.padded`: half a frame."""
HOP: Final = 512
EDGE_FRAMES: Final = BORDER // HOP
"""Frames at either end of a clip that reach beyond it; at the end one more may."""


@cache
def _window() -> NDArray[np.float32]:
    weights = np.ones(1)
    for _ in range(TIMES):
        weights = np.convolve(weights, np.full(SLOWER, 1 / SLOWER))
    window = np.zeros(TAPS, dtype=np.float32)
    window[: weights.size] = weights
    return window


@kernel("void(float32[::1], float32[::1], float32[::1])")
def every_64th(samples: Any, window: Any, out: Any) -> None:
    """Weighted means of 256 samples, every 64 samples: (64 (m + 3) or more,) -> `out` (m,)."""
    for n in range(out.size):
        part = splat(np.float32(0))
        for k in range(0, TAPS, 8):
            part = part + load(samples, SLOWER * n + k) * load(window, k)
        out[n] = total(part)


def slow_curve(analysis: Analysis) -> NDArray[np.float32]:
    """The piece at 344.5 values a second, below 150 Hz or so: (n // 64,)."""
    out = np.empty(analysis.own_samples.size // SLOWER, dtype=np.float32)
    every_64th(analysis.padded[BORDER - TIMES * (SLOWER - 1) // 2 :], _window(), out)
    return out


def _slow_sums(curve: NDArray[np.float32]) -> Vector:
    """Sum of mean squares below 20 Hz, sum of means, number of blocks: (3,); blocks of 3 s or, once, all there is."""
    size = min(BLOCK, curve.size)
    starts = range(0, curve.size - size + 1, STEP)
    window = hann(size)
    blocks = np.stack([curve[start : start + size] for start in starts]).astype(np.float64)
    means = blocks @ window / window.sum()
    spectra = np.fft.rfft((blocks - means[:, None]) * window, axis=1)
    slow = np.arange(spectra.shape[1]) * (SAMPLE_RATE_HZ / SLOWER / size) < BELOW_HZ
    energy = 2 * np.sum(np.abs(spectra[:, slow]) ** 2) / (size * np.sum(window**2))
    return np.array([energy, means.sum(), len(blocks)])


def _level(share: float, floor: float) -> float:
    return float(10 * np.log10(max(share, 10 ** (floor / 10))))


def _values(slow: Vector, sums: Vector, energies: Vector, peak: float) -> Vector:
    """`sums`: of squares, and the number of samples."""
    mean_square = max(sums[0] / sums[1], np.finfo(np.float64).tiny)
    return np.array(
        [
            _level(slow[0] / slow[2] / mean_square, FLOOR_DB),
            _level(energies[0] / max(energies[1], np.finfo(np.float64).tiny), FLOOR_DB),
            _level((slow[1] / slow[2]) ** 2 / mean_square, FLOOR_DB),
            _level(peak**2, FLOOR_DBFS),
        ]
    )


class Recording:
    """Energy below 20 Hz and above 9.5 kHz and DC in dB of the power of the piece, and peak level in dBFS: (4,).

    Of the signal as it is, or of the conditioned one.
    """

    def __init__(self, conditioned: bool) -> None:
        self._conditioned: Final = conditioned

    def signal(self, analysis: Analysis) -> Analysis:
        """Whichever it is."""
        return analysis.conditioned if self._conditioned else analysis

    def high_and_all(self, signal: Analysis) -> Curves:
        """Power above 9.5 kHz, and all power, frame by frame: (2, t)."""
        if not self._conditioned:
            return signal.first_pass.high_and_all
        return signal.overview.high_and_all[:, signal.overview.lead :]

    def __call__(self, analysis: Analysis) -> Vector:
        """Of one piece."""
        running = self.running()
        running.take(analysis)
        return running.value()

    def running(self) -> RunningRecording:
        """Of a clip that comes stretch by stretch."""
        return RunningRecording(self)


class RunningRecording:
    """The measures on their way through a clip."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._rest: NDArray[np.float32] = np.empty(0, dtype=np.float32)
        self._slow: Vector = np.zeros(3)
        self._sums: Vector = np.zeros(2)
        self._energies = _InnerFrames()
        self._peak = 0.0

    def take(self, analysis: Analysis) -> None:
        """The next stretch."""
        signal = self._recording.signal(analysis)
        own = signal.own_samples
        self._sums = self._sums + np.array([_square_sum(own), own.size])
        self._energies.take(self._recording.high_and_all(signal))
        self._peak = max(self._peak, float(own.max()), -float(own.min()))
        curve = np.concatenate((self._rest, slow_curve(signal)))
        if curve.size >= BLOCK:
            self._slow = self._slow + _slow_sums(curve)
            curve = curve[((curve.size - BLOCK) // STEP + 1) * STEP :]
        self._rest = curve

    def value(self) -> Vector:
        """Of all that came: (4,)."""
        slow = self._slow if self._slow[2] else _slow_sums(self._rest)
        return _values(slow, self._sums, self._energies.total(int(self._sums[1])), self._peak)


class _InnerFrames:
    """Sums over the frames within the clip, or all if none is: reflection makes a kink, and a kink sounds high."""

    def __init__(self) -> None:
        self._everything: Vector = np.zeros(2)
        self._within: Vector = np.zeros(2)
        self._held: Curves = np.zeros((2, 0))
        self._before = 0

    def take(self, curves: Curves) -> None:
        """The next frames (2, t); the last few are held back, as long as it is not known where the clip ends."""
        self._everything = self._everything + curves.sum(axis=1, dtype=np.float64)
        held = np.concatenate((self._held, curves), axis=1)
        sure = max(0, held.shape[1] - EDGE_FRAMES - 1)
        self._within = self._within + held[:, max(0, EDGE_FRAMES - self._before) : sure].sum(axis=1, dtype=np.float64)
        self._held, self._before = held[:, sure:], self._before + sure

    def total(self, samples: int) -> Vector:
        """(2,) once the clip has ended."""
        after = (samples - BORDER) // HOP + 1  # the first frame that reaches beyond the end
        rest = self._held[:, max(0, EDGE_FRAMES - self._before) : max(0, after - self._before)]
        within = self._within + rest.sum(axis=1, dtype=np.float64)
        return within if after > EDGE_FRAMES else self._everything


def _square_sum(samples: Samples) -> float:
    found = np.empty(2)
    moments(samples, found)
    return float(samples.size * (found[1] + found[0] ** 2))


of_signal: Final = Recording(conditioned=False)
of_conditioned: Final = Recording(conditioned=True)
