"""What every test may use: real recordings where there are some, and small WAV files made on the spot."""

from __future__ import annotations

import os
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

ROOT = Path(__file__).resolve().parents[1]

WriteWav = Callable[..., Path]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real recordings, with gtzan/, gtzan-short/ and faulty/ in it; skips where there is none."""
    return _beside("CLASSICALLY_PUNK_CORPUS", "corpus", "gtzan", "real recordings")


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of the published table (features_30_sec.csv) and its splits/; skips where there is none."""
    return _beside("CLASSICALLY_PUNK_REFERENCE", "reference", "features_30_sec.csv", "the published table")


@pytest.fixture
def write_wav() -> WriteWav:
    """`write_wav(path, samples, sample_rate_hz=22_050)`: (n,) or (n, channels) in ±1 -> a 16-bit WAV file.

    Written with the standard library, so that what a test expects does not come from the reader it tests.
    """
    return wav_file


def wav_file(path: Path, samples: ArrayLike, sample_rate_hz: int = 22_050) -> Path:
    """(n,) or (n, channels) in ±1 -> a 16-bit WAV file at `path`, whose folders are made."""
    block: NDArray[np.float64] = np.asarray(samples, dtype=np.float64)
    channels = 1 if block.ndim == 1 else block.shape[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(os.fspath(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(sample_rate_hz)
        file.writeframes(np.clip(np.round(block * 32_768), -32_768, 32_767).astype("<i2").tobytes())
    return path


def _beside(variable: str, name: str, proof: str, what: str) -> Path:
    folder = Path(os.environ.get(variable) or ROOT.parent / "shared" / name)
    if not (folder / proof).exists():
        pytest.skip(f"needs {what}: no {proof} in {folder}; say where with {variable}")
    return folder
