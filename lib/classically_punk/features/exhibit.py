"""What a report shows of one clip, small enough to travel: taken while its audio is open, drawn later."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classically_punk.features import cepstrum
from classically_punk.features.analysis import HOP, SAMPLE_RATE_HZ, Analysis, to_decibels
from classically_punk.features.arrays import Curves, SampleSource, checked
from classically_punk.features.filterbanks import CLASSES, mel_bank, mel_frequencies
from classically_punk.features.fourier import BINS
from classically_punk.features.streaming import stretches, survey

WAVEFORM_POINTS = 800
TIME_COLUMNS = 300
MEL_BANDS = 96


def exhibit_of(samples: ArrayLike | SampleSource) -> dict[str, NDArray[Any]]:
    """Mono samples (n,) at 22 050 Hz -> arrays for drawing, under 150 kB together, all finite; a long clip in pieces.

    `waveform_min`, `waveform_max` (p,) at full scale 1.0 around `waveform_times_s` (p,), p <= 800;
    `spectrogram_db` (96, c) in dB below the loudest point, -80..0, bands centred on `mel_hz` (96,);
    `chroma` (12, c) in 0..1 from C to B; `mfcc` (20, c) in dB; each column centred on `times_s` (c,), c <= 300;
    `duration_s` (). Raises ClipTooShortError if n < 1025, NonFiniteError, OutOfRangeError; ValueError for other shapes.
    """
    clip = samples if isinstance(samples, SampleSource) else checked(samples)
    pieces = [Analysis(clip)] if isinstance(clip, np.ndarray) else stretches(clip, survey(clip))
    frames = 1 + clip.size // HOP
    power, chroma = _Pool(np.add, BINS, frames, TIME_COLUMNS), _Pool(np.add, CLASSES, frames, TIME_COLUMNS)
    mfcc, times = _Pool(np.add, cepstrum.COEFFICIENTS, frames, TIME_COLUMNS), _Pool(np.add, 1, frames, TIME_COLUMNS)
    lowest = _Pool(np.minimum, 1, clip.size, WAVEFORM_POINTS, start=np.inf)
    highest = _Pool(np.maximum, 1, clip.size, WAVEFORM_POINTS, start=-np.inf)
    for piece in pieces:
        times.take((times.taken + np.arange(piece.frames, dtype=np.float64)[None, :]) * HOP / SAMPLE_RATE_HZ)
        power.take(piece.power)
        chroma.take(piece.pitch_classes_alone())
        mfcc.take(cepstrum.mfcc_curves(piece))
        lowest.take(piece.own_samples[None, :])
        highest.take(piece.own_samples[None, :])
    level = to_decibels((mel_bank(MEL_BANDS) @ power.means()).astype(np.float32))
    return {
        "waveform_min": lowest.values[0].astype(np.float32),
        "waveform_max": highest.values[0].astype(np.float32),
        "waveform_times_s": ((lowest.edges[:-1] + lowest.edges[1:]) / 2 / SAMPLE_RATE_HZ).astype(np.float32),
        "spectrogram_db": (level - level.max()).astype(np.float16),
        "mel_hz": mel_frequencies(MEL_BANDS + 2)[1:-1].astype(np.float32),
        "chroma": chroma.means().astype(np.float16),
        "mfcc": mfcc.means().astype(np.float16),
        "times_s": times.means()[0].astype(np.float32),
        "duration_s": np.float32(clip.size / SAMPLE_RATE_HZ).reshape(()),
    }


class _Pool:
    """Curves (k, t) that come piece by piece -> their sums (or extremes) over c nearly equal stretches: (k, c)."""

    def __init__(self, reduce: np.ufunc, rows: int, size: int, columns: int, start: float = 0) -> None:
        self._reduce = reduce
        self.edges = np.linspace(0, size, min(columns, size) + 1).astype(int)
        self.values = np.full((rows, self.edges.size - 1), float(start))
        self.taken = 0

    def take(self, curves: Curves) -> None:
        """The next (k, n) of them, n >= 1."""
        begin, end = self.taken, self.taken + curves.shape[1]
        here = slice(np.searchsorted(self.edges, begin, "right") - 1, np.searchsorted(self.edges, end, "left"))
        starts = np.maximum(self.edges[here] - begin, 0)
        part = self._reduce.reduceat(curves, starts, axis=1, dtype=np.float64)
        self.values[:, here] = self._reduce(self.values[:, here], part)
        self.taken = end

    def means(self) -> Curves:
        """Sums over widths."""
        return np.asarray(self.values / np.diff(self.edges))
