"""What kernels share about one clip or segment: one spectrum and what follows from it, each computed at most once.

The frames are those of the published table: Hann window, n_fft 2048, hop 512, centred, padded by reflection
(librosa before 0.10; librosa's own default is zeros now). Eight frames go side by side through every kernel, twice:
no spectrum is kept from one pass to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from classically_punk.errors import ClipTooShortError
from classically_punk.features import cepstrum, pitch, separation, tempo
from classically_punk.features.arrays import Curves, Samples, Vector
from classically_punk.features.conditioning import conditioned
from classically_punk.features.filterbanks import CLASSES, SAMPLE_RATE_HZ, chroma_bank, sparse_mel_bank
from classically_punk.features.fourier import BINS, LANES, N_FFT, hann, turns
from classically_punk.features.overview import Overview, overview_of
from classically_punk.features.separation import HOP
from classically_punk.features.spectrum import BANDS, PEAK_BINS, frames_pass, magnitudes

__all__ = ["HOP", "MIN_SAMPLES", "N_FFT", "SAMPLE_RATE_HZ", "Analysis", "Known", "to_decibels"]

HALF: Final = N_FFT // 2
MIN_SAMPLES: Final = HALF + 1
"""Reflection needs one sample more than it pads (1025)."""
FLOOR_POWER: Final = np.float32(1e-10)
TOP_DB: Final = np.float32(80.0)
FLOOR_CONDITIONED: Final = np.float32(1e-4)
"""Added to the power of a mel band of a conditioned piece, which is about 1."""


@dataclass(frozen=True)
class FramesPass:
    """What one pass over all frames leaves: see `spectrum.frames_pass`."""

    shape: NDArray[np.float32]
    bands: NDArray[np.float32]
    peak_bins: NDArray[np.float32]
    peak_heights: NDArray[np.float32]
    high_and_all: NDArray[np.float32]


@dataclass(frozen=True)
class Known:
    """What a piece of a clip must know of the whole: tuning in semitones, largest power in any mel band, and the
    factor that brings the filtered clip to its level."""

    tuning: float
    peak: float
    gain: float


@dataclass(frozen=True)
class SecondPass:
    """What needs the first pass, or the frames around: see `separation.second_pass`."""

    chroma: Curves
    steady: Vector
    struck: Vector


class Analysis:
    """Shared intermediate results of mono samples (n,) at 22 050 Hz; every array is finite for finite input.

    Of a piece of a longer clip (see `stretch`), `own` are the frames that count, the others are there for their sake;
    `known` is what the whole clip has told already. Of a whole clip all frames count.

    Raises ClipTooShortError if n < 1025: there is nothing to reflect the first frame from.
    """

    def __init__(self, samples: Samples, known: Known | None = None) -> None:
        if samples.size < MIN_SAMPLES:
            raise ClipTooShortError(needed=MIN_SAMPLES, got=int(samples.size))
        self.samples: Final = np.ascontiguousarray(samples, dtype=np.float32)
        self.known: Final = known
        self.own = slice(0, 1 + self.samples.size // HOP)

    @property
    def frames(self) -> int:
        """How many frames count."""
        return self.own.stop - self.own.start

    @property
    def groups(self) -> int:
        """How often eight frames are begun."""
        return -(-self.frames // LANES)

    @property
    def own_samples(self) -> Samples:
        """The samples that count: (n,)."""
        return self.samples

    @cached_property
    def padded(self) -> Samples:
        """The samples between 1024 reflected ones on each side, then 2048 zeros: (n + 4096,)."""
        size = self.samples.size
        padded = np.zeros(size + 2 * N_FFT, dtype=np.float32)
        padded[HALF : HALF + size] = self.samples
        padded[:HALF] = self.samples[HALF:0:-1]
        padded[HALF + size : N_FFT + size] = self.samples[-2 : -HALF - 2 : -1]
        return padded

    def starts(self, group: int, lead: int = 0) -> NDArray[np.int64]:
        """Where frames (and `lead` before them) begin in `padded`, filled up to whole groups by frames of zeros."""
        frames = self.frames + lead
        starts = np.full(-(-frames // group) * group, self.padded.size + HOP * lead - N_FFT, dtype=np.int64)
        starts[:frames] = HOP * np.arange(frames)
        return starts

    @cached_property
    def conditioned(self) -> Analysis:
        """The piece without rumble and hiss and at the common level: what the own features are measured on."""
        return Analysis(conditioned(self.samples))

    @cached_property
    def overview(self) -> Overview:
        """What the own features are made of, of a conditioned piece."""
        return overview_of(self, self.padded, 0)

    @cached_property
    def first_pass(self) -> FramesPass:
        """Shape, mel bands and peaks of every frame."""
        frames = LANES * self.groups
        curves = np.empty(5 * frames, dtype=np.float32)
        bands = np.empty(frames * BANDS, dtype=np.float32)
        room = self.frames * ((PEAK_BINS[1] - PEAK_BINS[0]) // 2 + 1)
        bins, heights = np.empty(room, dtype=np.float32), np.empty(room, dtype=np.float32)
        window = (hann(N_FFT) / 2).astype(np.float32)
        peaks = frames_pass(
            self.padded,
            self.starts(LANES),
            self.groups,
            window,
            *turns(),
            *sparse_mel_bank(BANDS),
            curves,
            bands,
            bins,
            heights,
        )
        rows = curves.reshape(5, frames)[:, : self.frames]
        return FramesPass(
            rows[:3],
            bands.reshape(frames, BANDS)[: self.frames],
            bins[:peaks],
            heights[:peaks],
            rows[3:],
        )

    @cached_property
    def log_bands(self) -> NDArray[np.float32]:
        """Level in the 128 bands of the overview, also of the frame in front of a stretch: (t, 128) dB, floor -40."""
        return np.asarray(np.log(self.overview.bands + FLOOR_CONDITIONED) * np.float32(10 / np.log(10)))

    @cached_property
    def cepstrum(self) -> NDArray[np.float32]:
        """Twenty coefficients of `log_bands`: (20, t) in dB."""
        return cepstrum.transformed(self.log_bands)

    @cached_property
    def magnitude(self) -> Curves:
        """Absolute value of the spectrum, shape (1025, t), at least 0. For drawing: no kernel keeps it."""
        lanes = np.empty((self.groups, BINS, LANES), dtype=np.float32)
        window = (hann(N_FFT) / 2).astype(np.float32)
        magnitudes(self.padded, self.starts(LANES), self.groups, window, *turns(), lanes.reshape(-1))
        return lanes.transpose(1, 0, 2).reshape(BINS, -1)[:, : self.frames]

    @property
    def power(self) -> Curves:
        """Squared magnitude, shape (1025, t), at least 0."""
        return np.square(self.magnitude)

    @cached_property
    def shape(self) -> Curves:
        """Centroid, bandwidth and rolloff of every frame: (3, t) in Hz, at least 0."""
        return self.first_pass.shape * np.float64(SAMPLE_RATE_HZ / N_FFT)

    @cached_property
    def tuning(self) -> float:
        """Deviation of the clip from A440 in semitones, -0.5 to 0.49."""
        if self.known is not None:
            return self.known.tuning
        return pitch.tuning(self.first_pass.peak_bins, self.first_pass.peak_heights)

    @cached_property
    def log_mel(self) -> NDArray[np.float32]:
        """Power in 128 Slaney mel bands, shape (t, 128) in dB, within 80 dB of the clip's own peak, floor -100 dB."""
        return to_decibels(self.first_pass.bands, None if self.known is None else self.known.peak)

    @cached_property
    def onset_strength(self) -> NDArray[np.float32]:
        """Median over mel bands of the rise in level from frame to frame, shape (t,) in dB, at least 0."""
        return tempo.onset_strength(self.log_mel)

    @cached_property
    def second_pass(self) -> SecondPass:
        """Pitch classes, tuned as the first pass found, and the moments of the two parts of the sound."""
        return self._second_pass(np.empty(0, dtype=np.float32))

    def pitch_classes_alone(self) -> Curves:
        """The pitch classes of `second_pass` without the separation: (12, t) in 0..1."""
        return self._second_pass(np.empty(0, dtype=np.float32), separate=False).chroma

    @cached_property
    def harmonic_and_percussive(self) -> tuple[Samples, Samples]:
        """The two parts of a median-filter separation (Fitzgerald 2010, kernel 31, soft masks), each shape (n,)."""
        harmonic = np.empty(self.samples.size, dtype=np.float32)
        self._second_pass(harmonic)
        return harmonic, self.samples - harmonic

    def _second_pass(self, harmonic: Samples, separate: bool = True) -> SecondPass:
        starts = self.starts(separation.BLOCK)
        chroma = np.empty((CLASSES, starts.size), dtype=np.float32)
        window = hann(N_FFT)
        centre = np.float32(np.mean(self.samples, dtype=np.float64))
        sums = np.zeros(4)
        separation.second_pass(
            self.padded,
            self.samples.size,
            starts,
            self.frames,
            (window / 2).astype(np.float32),
            (window / N_FFT).astype(np.float32),
            *turns(),
            chroma_bank(self.tuning),
            chroma.reshape(-1),
            separation.missing_frames(self.frames),
            centre,
            separate,
            sums,
            harmonic,
        )
        steady, struck = separation.part_moments(sums, self.samples.size, float(centre))
        return SecondPass(np.ascontiguousarray(chroma[:, : self.frames]), steady, struck)


def to_decibels(power: NDArray[np.float32], peak: float | None = None) -> NDArray[np.float32]:
    """10 log10 of power, floor -100 dB, and at most 80 dB below the peak (of this array unless given), any shape.

    Replaces librosa.power_to_db(S): the natural logarithm times 10 / ln 10, which NumPy has vectorised.
    """
    level = np.log(np.maximum(power, FLOOR_POWER))
    level *= np.float32(10 / np.log(10))
    highest = level.max() if peak is None else np.float32(10 * np.log10(max(peak, float(FLOOR_POWER))))
    return np.asarray(np.maximum(level, highest - TOP_DB, out=level))
