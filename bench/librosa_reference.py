"""The 57 published values as one computes them with librosa: feature by feature, and from one shared spectrum."""

from __future__ import annotations

from typing import Any

import librosa
import numpy as np
from numpy.typing import NDArray

REFLECT: Any = {"pad_mode": "reflect"}


def _moments(curves: dict[str, NDArray[Any]]) -> dict[str, float]:
    values = {f"{name}_mean": float(np.mean(curve, dtype=np.float64)) for name, curve in curves.items()}
    return values | {f"{name}_var": float(np.var(curve, dtype=np.float64)) for name, curve in curves.items()}


def _tempo(onset: NDArray[Any]) -> float:
    return float(np.atleast_1d(librosa.beat.beat_track(onset_envelope=onset)[0])[0])


def mfcc(y: NDArray[np.float32]) -> dict[str, float]:
    """Twenty cepstral coefficients alone."""
    return _moments({f"mfcc{i}": row for i, row in enumerate(librosa.feature.mfcc(y=y, n_mfcc=20, **REFLECT), 1)})


def naive_without_separation(y: NDArray[np.float32]) -> dict[str, float]:
    """Every feature from the samples, but for the two waveforms."""
    feature = librosa.feature
    curves = {
        "chroma_stft": feature.chroma_stft(y=y, **REFLECT),
        "rms": feature.rms(y=y, **REFLECT),
        "spectral_centroid": feature.spectral_centroid(y=y, **REFLECT),
        "spectral_bandwidth": feature.spectral_bandwidth(y=y, **REFLECT),
        "rolloff": feature.spectral_rolloff(y=y, **REFLECT),
        "zero_crossing_rate": feature.zero_crossing_rate(y),
    }
    tempo = _tempo(librosa.onset.onset_strength(y=y, aggregate=np.median, **REFLECT))
    return _moments(curves) | mfcc(y) | {"tempo": tempo}


def naive(y: NDArray[np.float32]) -> dict[str, float]:
    """Every feature from the samples."""
    harmony, perceptr = librosa.effects.hpss(y, **REFLECT)
    return naive_without_separation(y) | _moments({"harmony": harmony, "perceptr": perceptr})


def shared(y: NDArray[np.float32]) -> dict[str, float]:
    """Every feature from one spectrum, the tempo without tracking beats."""
    feature = librosa.feature
    spectrum = librosa.stft(y, **REFLECT)
    magnitude = np.abs(spectrum)
    power = magnitude**2
    level = librosa.power_to_db(feature.melspectrogram(S=power))
    parts = [librosa.istft(part, length=y.size) for part in librosa.decompose.hpss(spectrum)]
    curves = {
        "chroma_stft": feature.chroma_stft(S=power),
        "rms": feature.rms(y=y, **REFLECT),
        "spectral_centroid": feature.spectral_centroid(S=magnitude),
        "spectral_bandwidth": feature.spectral_bandwidth(S=magnitude),
        "rolloff": feature.spectral_rolloff(S=magnitude),
        "zero_crossing_rate": feature.zero_crossing_rate(y),
        "harmony": parts[0],
        "perceptr": parts[1],
    } | {f"mfcc{i}": row for i, row in enumerate(feature.mfcc(S=level, n_mfcc=20), 1)}
    onset = librosa.onset.onset_strength(S=level, aggregate=np.median)
    return _moments(curves) | {"tempo": float(feature.tempo(onset_envelope=onset)[0])}
