"""The own features as one computes them with scipy and librosa: what the kernels are held to."""

from __future__ import annotations

from itertools import pairwise

import librosa
import numpy as np
import scipy.fft
import scipy.linalg
import scipy.signal
from numpy.typing import NDArray

RATE = 22_050
SECTIONS = np.concatenate(
    [
        scipy.signal.ellip(8, 0.2, 70, 9100, fs=RATE, output="sos"),
        scipy.signal.ellip(7, 0.2, 80, 30, "high", fs=RATE, output="sos"),
    ]
)
BINS_HZ = np.fft.rfftfreq(2048, 1 / RATE)


def between(low_hz: float, high_hz: float) -> NDArray[np.bool_]:
    """Which bins are at or above one frequency and below the other."""
    return np.asarray((low_hz <= BINS_HZ) & (high_hz > BINS_HZ))


def conditioned(y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Filtered, begun on the first 8192 samples backwards, then at 0.1."""
    backwards = y[min(8192, y.size - 1) : 0 : -1].astype(np.float64)
    state = scipy.signal.sosfilt_zi(SECTIONS) * backwards.mean()
    out, _ = scipy.signal.sosfilt(SECTIONS, np.concatenate((backwards, y)), zi=state)
    out = out[backwards.size :]
    level = np.sqrt(np.mean(out**2))
    return (out * (0.1 / max(level, 1e-5) if level > 1e-7 else 0)).astype(np.float32)


def pairs(curves: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean and ln(deviation + 0.001), curve by curve."""
    curves = np.atleast_2d(curves).astype(np.float64)
    return np.stack([curves.mean(axis=1), np.log(curves.std(axis=1) + 1e-3)], axis=1).ravel()


def own(y: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    """Catalogue entry -> its values, of mono samples at 22 050 Hz."""
    y = conditioned(y)
    magnitude = np.abs(librosa.stft(y, pad_mode="reflect"))
    power = magnitude**2
    fine = 10 * np.log10(librosa.feature.melspectrogram(S=power, sr=RATE, n_mels=128, fmin=30, fmax=9000) + 1e-4)
    broad = librosa.feature.melspectrogram(S=power, sr=RATE, n_mels=12, fmin=30, fmax=9000)
    coefficients = scipy.fft.dct(fine.astype(np.float64), axis=0, norm="ortho")[:20]
    inner = power[between(30, 9000)].astype(np.float64)
    outline = [
        librosa.feature.spectral_centroid(S=magnitude)[0],
        librosa.feature.spectral_bandwidth(S=magnitude)[0],
        librosa.feature.spectral_rolloff(S=magnitude)[0],
    ]
    crossings = librosa.feature.zero_crossing_rate(y)[0]
    chroma = librosa.feature.chroma_stft(S=power, sr=RATE, tuning=0).mean(axis=1, dtype=np.float64)
    away = chroma - chroma.mean()
    turned = np.array([np.sum(away * np.roll(away, step)) for step in range(7)])
    level = 20 * np.log10(np.sqrt(power.mean(axis=0, dtype=np.float64)) + 1e-3)
    return {
        "timbre_cepstrum": pairs(coefficients),
        "timbre_cepstrum_steps": np.log(np.diff(coefficients, axis=1).std(axis=1) + 1e-3),
        "timbre_motion": motion(broad),
        "timbre_contrast": pairs(contrast(magnitude)),
        "timbre_outline": pairs(np.log2(np.array(outline) / 30 + 1)),
        "timbre_flatness": pairs(10 * np.log10(np.exp(np.log(inner + 1e-6).mean(0)) / (inner.mean(0) + 1e-6))),
        "timbre_sign_changes": np.log(np.array([crossings.mean(), crossings.std()]) + 1e-3),
        "timbre_flux": pairs(flux(magnitude)),
        "timbre_bands": bands(power),
        "loudness_level": np.array([level.std()]),
        "pitch_classes": np.concatenate((np.sort(chroma) / max(chroma.sum(), 1e-9), turned[1:] / (turned[0] + 1e-9))),
        "tempo_onsets": onsets(fine),
        "tempo_modulation": modulation(broad),
    }


def motion(broad: NDArray[np.floating]) -> NDArray[np.float64]:
    """Upper triangle of ln(covariance of steps + 0.01)."""
    steps = np.diff(np.log(broad.astype(np.float64) + 1e-4), axis=1)
    logarithm = scipy.linalg.logm(np.cov(steps, bias=True) + 0.01 * np.eye(12))
    return np.asarray(np.real(logarithm)[np.triu_indices(12)])


def contrast(magnitude: NDArray[np.floating]) -> NDArray[np.float64]:
    """Highest over lowest 2 % of seven bands [dB], by sorting."""
    rows = []
    edges = [30, 200, 400, 800, 1600, 3200, 6400, 9000]
    for low, high in pairwise(edges):
        ordered = np.sort(magnitude[between(low, high)].astype(np.float64), axis=0)
        count = max(1, round(0.02 * len(ordered)))
        rows.append(20 * np.log10((ordered[-count:].mean(0) + 1e-4) / (ordered[:count].mean(0) + 1e-4)))
    return np.array(rows)


def flux(magnitude: NDArray[np.floating]) -> NDArray[np.float64]:
    """Length of the rise between spectra of length 1."""
    scaled = magnitude / (np.linalg.norm(magnitude.astype(np.float64), axis=0) + 1e-3)
    return np.asarray(np.linalg.norm(np.maximum(np.diff(scaled, axis=1), 0), axis=0))


def bands(power: NDArray[np.floating]) -> NDArray[np.float64]:
    """Levels of 16 bands even in pitch, less their mean."""
    edges = np.geomspace(30, 9000, 17)
    mean = power.mean(axis=1, dtype=np.float64)
    wide = np.maximum(edges[1:], edges[:-1] + RATE / 2048)
    levels = [10 * np.log10(mean[between(low, high)].mean() + 1e-6) for low, high in zip(edges[:-1], wide, strict=True)]
    return np.array(levels) - np.mean(levels)


def onsets(fine: NDArray[np.floating]) -> NDArray[np.float64]:
    """Six statistics of the mean rise."""
    rise = np.maximum(np.diff(fine.astype(np.float64), axis=1), 0).mean(axis=0)
    away = rise - rise.mean()
    correlation = np.correlate(away, away, "full")[rise.size - 1 :]
    pulse = correlation[10:87].max() / (correlation[0] + 1e-9) if rise.size > 10 else 0.0
    logs = np.log(rise + 0.1)
    mean, deviation = np.log(rise.mean() + 0.01), np.log(rise.std() + 0.01)
    return np.array([mean, deviation, logs.mean(), logs.std(), pulse, np.mean(rise > 2 * rise.mean())])


def modulation(broad: NDArray[np.floating]) -> NDArray[np.float64]:
    """ln of the mean periodogram (Welch) of six levels, in five ranges of rate."""
    levels = np.log(broad.astype(np.float64).reshape(6, 2, -1).mean(axis=1) + 1e-4)
    size = min(128, levels.shape[1])
    rates, density = scipy.signal.welch(
        levels, fs=RATE / 512, window="hann", nperseg=size, noverlap=max(0, size - 64), nfft=128, detrend="constant"
    )
    edges = [0.5, 1.5, 3, 6, 12, 21.6]
    density = density * (RATE / 512)
    density[:, 1:-1] /= 2  # one-sided
    values = [np.log(density[:, (rates >= low) & (rates < high)].mean(axis=1) + 1e-3) for low, high in pairwise(edges)]
    return np.concatenate(values)
