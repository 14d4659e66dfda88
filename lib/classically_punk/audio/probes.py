"""Sounds for looking at numbers: one note again and again, of which one property changes and the rest stays.

`LADDERS` climbs one property at a time in five steps around the same middle. Whoever wants to know what a feature hears
describes the steps of each ladder and looks which of them move it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float32]

RATE_HZ = 22_050
_HIGHEST_SHARE = 0.45  # partials above this share of the sample rate are left out
_ATTACK_S, _DECAY_S = 0.005, 0.35  # a note rises linearly, then falls by 20 dB every _DECAY_S
_SEED = 1976


@dataclass(frozen=True)
class Probe:
    """What is played: a note of `pitch_midi` (69 = 440 Hz) on every beat, its partials k at the level k ** -`slope`.

    `level_dbfs` is the RMS level of the whole (full scale 1.0); white noise lies `noise_db` below or above the notes.
    """

    pitch_midi: float = 57.0
    tempo_bpm: float = 120.0
    level_dbfs: float = -26.0
    slope: float = 1.2
    noise_db: float = -60.0


MIDDLE = Probe()

LADDERS: Mapping[str, tuple[Probe, ...]] = MappingProxyType(
    {
        "faster": tuple(replace(MIDDLE, tempo_bpm=bpm) for bpm in (80.0, 100.0, 120.0, 140.0, 160.0)),
        "higher": tuple(replace(MIDDLE, pitch_midi=midi) for midi in (45.0, 51.0, 57.0, 63.0, 69.0)),
        "brighter": tuple(replace(MIDDLE, slope=slope) for slope in (2.4, 1.8, 1.2, 0.9, 0.6)),
        "louder": tuple(replace(MIDDLE, level_dbfs=level) for level in (-38.0, -32.0, -26.0, -20.0, -14.0)),
        "noisier": tuple(replace(MIDDLE, noise_db=noise) for noise in (-80.0, -60.0, -40.0, -20.0, 0.0)),
    }
)
"""What changes -> five probes, of which only that changes; `MIDDLE` is among them."""


def sound(probe: Probe, seconds: float = 4.0) -> Signal:
    """The probe played: (round(seconds * 22 050),) mono at full scale 1.0, the same samples for the same arguments.

    Raises ValueError where the level would carry a sample beyond full scale.
    """
    total = round(seconds * RATE_HZ)
    note = _note(probe)
    mix = np.zeros(total + note.size)
    for beat in range(int(seconds * probe.tempo_bpm / 60) + 1):
        start = round(beat * 60 / probe.tempo_bpm * RATE_HZ)
        mix[start : start + note.size] += note[: mix.size - start]
    notes = mix[:total]
    noise = np.random.Generator(np.random.PCG64(_SEED)).standard_normal(total)
    both = notes / _rms(notes) + noise / _rms(noise) * 10 ** (probe.noise_db / 20)
    samples = both / _rms(both) * 10 ** (probe.level_dbfs / 20)
    if np.abs(samples).max() > 1:
        raise ValueError(f"{probe.level_dbfs} dBFS carries this sound beyond full scale")
    return np.asarray(samples, dtype=np.float32)


def _note(probe: Probe) -> NDArray[np.float64]:
    frequency_hz = 440 * 2 ** ((probe.pitch_midi - 69) / 12)
    time_s = np.arange(round(2.5 * _DECAY_S * RATE_HZ)) / RATE_HZ
    partials = np.arange(1, max(1, int(_HIGHEST_SHARE * RATE_HZ / frequency_hz)) + 1)
    tone = (partials**-probe.slope) @ np.sin(2 * np.pi * frequency_hz * partials[:, np.newaxis] * time_s)
    return np.asarray(tone * np.minimum(time_s / _ATTACK_S, 1) * 10 ** (-time_s / _DECAY_S))


def _rms(samples: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))
