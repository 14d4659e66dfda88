"""A clip's sound as small arrays that a page can draw: its waveform and its spectrogram."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from classically_punk.audio.store import Samples
from classically_punk.features.exhibit import exhibit_of

DEEPEST_DB = 80.0
STEPS = 255


def picture_of(samples: Samples) -> dict[str, Any]:
    """Mono samples (n,) at 22 050 Hz, n >= 1025 -> arrays for drawing, in JSON under 100 kB.

    `waveform_low`, `waveform_high` (p,) in ±1, p <= 800; `spectrogram`: base64 of `bands` × `columns` bytes, lowest
    band first, 0 for 80 dB below the loudest point, 255 for that point; `band_hz` (bands,); `duration_s`.
    """
    arrays = exhibit_of(samples)
    level = np.asarray(arrays["spectrogram_db"], dtype=np.float64)
    octets = np.clip(np.round((level + DEEPEST_DB) / DEEPEST_DB * STEPS), 0, STEPS).astype(np.uint8)
    return {
        "waveform_low": _short(arrays["waveform_min"], 3),
        "waveform_high": _short(arrays["waveform_max"], 3),
        "spectrogram": base64.b64encode(octets.tobytes()).decode(),
        "bands": octets.shape[0],
        "columns": octets.shape[1],
        "band_hz": _short(arrays["mel_hz"], 0),
        "duration_s": float(arrays["duration_s"]),
    }


def _short(values: Any, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]
