"""The same work by other libraries, each as its own documentation does it; versions that were tried in peers.txt."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from classically_punk.features.analysis import SAMPLE_RATE_HZ
from classically_punk.features.arrays import mean_and_variance
from classically_punk.features.filterbanks import chroma_bank, mel_bank

Work = Callable[[NDArray[np.float32]], object]


def audioflux_mfcc() -> Work:
    """MFCC 20 by audioFlux."""
    flux = importlib.import_module("audioflux")
    kinds = importlib.import_module("audioflux.type")
    bands = flux.BFT(
        num=128, samplate=SAMPLE_RATE_HZ, radix2_exp=11, slide_length=512,
        scale_type=kinds.SpectralFilterBankScaleType.MEL, data_type=kinds.SpectralDataType.POWER,
    )  # fmt: skip
    cepstra = flux.XXCC(num=128)

    def work(y: NDArray[np.float32]) -> object:
        power = np.asarray(bands.bft(y, result_type=1))
        cepstra.set_time_length(power.shape[-1])
        return mean_and_variance(cepstra.xxcc(power, cc_num=20))

    return work


def torchaudio_mfcc() -> Work:
    """MFCC 20 by torchaudio."""
    torch = importlib.import_module("torch")
    transforms = importlib.import_module("torchaudio.transforms")
    torch.set_num_threads(1)
    mel = {"n_fft": 2048, "hop_length": 512, "n_mels": 128, "mel_scale": "slaney", "norm": "slaney"}
    mfcc = transforms.MFCC(sample_rate=SAMPLE_RATE_HZ, n_mfcc=20, melkwargs=mel)
    return lambda y: mean_and_variance(mfcc(torch.from_numpy(y)).numpy())


def kaldi_mfcc() -> Work:
    """MFCC 20 by kaldi-native-fbank, frames of 93 ms every 23 ms."""
    kaldi = importlib.import_module("kaldi_native_fbank")
    options = kaldi.MfccOptions()
    options.frame_opts.samp_freq = SAMPLE_RATE_HZ
    options.frame_opts.frame_length_ms, options.frame_opts.frame_shift_ms = 2048e3 / 22050, 512e3 / 22050
    options.frame_opts.dither = 0
    options.mel_opts.num_bins, options.num_ceps = 128, 20

    def work(y: NDArray[np.float32]) -> object:
        mfcc = kaldi.OnlineMfcc(options)
        mfcc.accept_waveform(SAMPLE_RATE_HZ, y.tolist())
        mfcc.input_finished()
        return np.mean([mfcc.get_frame(i) for i in range(mfcc.num_frames_ready)], axis=0)

    return work


def audioflux_shape_and_chroma() -> Work:
    """MFCC, centroid, bandwidth, rolloff, crossings, rms, (untuned) pitch classes, each by its own call."""
    flux = importlib.import_module("audioflux")
    mfcc, shape = audioflux_mfcc(), _audioflux_shape()

    def work(y: NDArray[np.float32]) -> object:
        chroma = flux.chroma_linear(
            y, radix2_exp=11, samplate=SAMPLE_RATE_HZ, high_fre=SAMPLE_RATE_HZ / 2, slide_length=512
        )
        return [mfcc(y), *shape(y)[1:], mean_and_variance(np.asarray(chroma).reshape(1, -1))]

    return work


def audioflux_shared() -> Work:
    """The same from one spectrum of the library's, mel bands and pitch classes by NumPy's matrix product."""
    flux = importlib.import_module("audioflux")
    cepstra, shape = flux.XXCC(num=128), _audioflux_shape()
    mel, classes = mel_bank(128), np.ascontiguousarray(chroma_bank(0.0).T)

    def work(y: NDArray[np.float32]) -> object:
        magnitude, *rest = shape(y)
        power = np.square(magnitude)
        cepstra.set_time_length(power.shape[-1])
        chroma = classes @ power
        chroma /= np.maximum(chroma.max(axis=0), 1e-30)
        mfcc = cepstra.xxcc(np.ascontiguousarray(mel @ power), cc_num=20)
        return [mean_and_variance(np.asarray(mfcc)), *rest, mean_and_variance(chroma.reshape(1, -1))]

    return work


def _audioflux_shape() -> Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Magnitudes (1025, t), then moments of centroid, bandwidth, rolloff, crossings and rms."""
    flux = importlib.import_module("audioflux")
    kinds = importlib.import_module("audioflux.type")
    linear = flux.BFT(
        num=1025, samplate=SAMPLE_RATE_HZ, radix2_exp=11, slide_length=512,
        scale_type=kinds.SpectralFilterBankScaleType.LINEAR, data_type=kinds.SpectralDataType.MAG,
    )  # fmt: skip
    spectral = flux.Spectral(num=linear.num, fre_band_arr=linear.get_fre_band_arr())
    temporal = flux.Temporal(frame_length=2048, slide_length=512)

    def work(y: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        magnitude = np.asarray(linear.bft(y, result_type=1))
        spectral.set_time_length(magnitude.shape[-1])
        level = temporal.temporal(y, has_rms=True, has_zcr=True)
        curves = [
            spectral.centroid(magnitude),
            spectral.band_width(magnitude),
            spectral.rolloff(magnitude, threshold=0.85),
            *level.values(),
        ]
        return [magnitude, *(mean_and_variance(np.asarray(curve)[None, :]) for curve in curves)]

    return work


PEERS: dict[str, tuple[str, Callable[[], Work]]] = {
    "mfcc/audioflux": ("audioflux", audioflux_mfcc),
    "mfcc/torchaudio": ("torchaudio", torchaudio_mfcc),
    "mfcc/kaldi-native-fbank": ("kaldi-native-fbank", kaldi_mfcc),
    "shape_and_chroma/audioflux": ("audioflux", audioflux_shape_and_chroma),
    "shape_and_chroma/audioflux, one spectrum": ("audioflux", audioflux_shared),
}
"""Kind of work and way -> the package it needs, and what makes it ready."""
