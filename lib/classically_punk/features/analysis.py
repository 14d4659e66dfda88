"""What kernels share about one clip or segment: one spectrum and what follows from it, each computed at most once.

The frames are those of the published table: Hann window, n_fft 2048, hop 512, centred, padded by reflection
(librosa before 0.10; librosa's own default is zeros now).
"""

from __future__ import annotations

from functools import cached_property
from typing import Final

import librosa
import numpy as np
from numpy.typing import NDArray

from classically_punk.errors import ClipTooShortError
from classically_punk.features.arrays import Curves, Samples

SAMPLE_RATE_HZ: Final = 22_050
N_FFT: Final = 2048
HOP: Final = 512
PADDING: Final = "reflect"
MEDIAN_KERNEL: Final = 31
MIN_SAMPLES: Final = N_FFT // 2 + 1
"""Reflection needs one sample more than it pads (1025)."""


class Analysis:
    """Shared intermediate results of mono samples (n,) at 22 050 Hz; every array is finite for finite input.

    Raises ClipTooShortError if n < 1025: there is nothing to reflect the first frame from.
    """

    def __init__(self, samples: Samples) -> None:
        if samples.size < MIN_SAMPLES:
            raise ClipTooShortError(needed=MIN_SAMPLES, got=int(samples.size))
        self.samples: Final = np.ascontiguousarray(samples, dtype=np.float32)

    @cached_property
    def stft(self) -> NDArray[np.complex64]:
        """Short-time Fourier transform, shape (1025, t)."""
        return librosa.stft(self.samples, n_fft=N_FFT, hop_length=HOP, pad_mode=PADDING)

    @cached_property
    def magnitude(self) -> Curves:
        """Absolute value of the spectrum, shape (1025, t), at least 0."""
        return np.abs(self.stft)

    @cached_property
    def power(self) -> Curves:
        """Squared magnitude, shape (1025, t), at least 0."""
        return self.magnitude**2

    @cached_property
    def log_mel(self) -> Curves:
        """Power in 128 Slaney mel bands, shape (128, t) in dB, within 80 dB of the clip's own peak, floor -100 dB."""
        mel = librosa.feature.melspectrogram(S=self.power, sr=SAMPLE_RATE_HZ, n_fft=N_FFT, hop_length=HOP)
        return np.asarray(librosa.power_to_db(mel))

    @cached_property
    def onset_strength(self) -> Curves:
        """Median over mel bands of the rise in level from frame to frame, shape (t,) in dB, at least 0."""
        return librosa.onset.onset_strength(
            S=self.log_mel, sr=SAMPLE_RATE_HZ, n_fft=N_FFT, hop_length=HOP, aggregate=np.median
        )

    @cached_property
    def harmonic_and_percussive(self) -> tuple[Samples, Samples]:
        """The two parts of a median-filter separation (Fitzgerald 2010, kernel 31, soft masks), each shape (n,)."""
        spectrum = self.stft
        # scipy's median filter reads outside a line that is far shorter than its kernel: reflect beforehand there
        beyond = 0 if spectrum.shape[1] >= MEDIAN_KERNEL else MEDIAN_KERNEL // 2
        if beyond:
            spectrum = np.pad(spectrum, ((0, 0), (beyond, beyond)), mode="symmetric")
        harmonic, percussive = librosa.decompose.hpss(spectrum, kernel_size=MEDIAN_KERNEL)
        own = slice(beyond, beyond + self.stft.shape[1])
        return self._waveform(harmonic[:, own]), self._waveform(percussive[:, own])

    def _waveform(self, spectrum: NDArray[np.complex64]) -> Samples:
        return librosa.istft(spectrum, n_fft=N_FFT, hop_length=HOP, dtype=self.samples.dtype, length=self.samples.size)
