"""How fast the pulse is."""

from __future__ import annotations

import librosa
import numpy as np

from classically_punk.features.analysis import HOP, SAMPLE_RATE_HZ, Analysis
from classically_punk.features.arrays import Vector

NO_PULSE_BPM = 0.0
"""Value of a clip without a single onset (silence): what librosa's beat tracker says, too."""


def bpm(analysis: Analysis) -> Vector:
    """Tempo of the mean autocorrelation tempogram under a log-normal prior around 120: (1,) in BPM, 0 or up to 320.

    Equals `librosa.beat.beat_track(onset_envelope=…)[0]`, whose beat tracking comes after the tempo and is left out.
    """
    onset = analysis.onset_strength
    if not np.any(onset):
        return np.array([NO_PULSE_BPM])
    return np.asarray(librosa.feature.tempo(onset_envelope=onset, sr=SAMPLE_RATE_HZ, hop_length=HOP), dtype=np.float64)
