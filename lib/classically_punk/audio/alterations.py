"""Mono samples -> the same recording as other hands would have kept it: another equaliser, band, level, tape or room.

An alteration is a line of steps, `equaliser:-3.1,+2.0,…;lowpass:3400;speed:0.93`. The line and the key of the clip
decide every sample that comes out: what a step draws at random is seeded by both, numbers are rounded before they are
used, and a table that holds the line can have the copy made again. Two families:

- `drawn` ones, for training: an equaliser and some of band, room, limiter, tape speed and noise;
- `CONDITIONS`, to judge robustness by, of kinds that are not trained on, but for noise.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self, get_args

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.signal
import soundfile
import soxr
from numpy.typing import NDArray

from classically_punk.audio.decode import SAMPLE_RATE_HZ, resample
from classically_punk.settings import Condition

Samples = NDArray[np.float32]
Random = np.random.Generator

CONDITIONS: Final[tuple[str, ...]] = get_args(Condition)
"""The alterations that robustness is judged by, as written in configuration, `alteration` and `condition`."""

EQUALISER_HZ: Final = np.geomspace(60.0, 10_000.0, 8)
"""Knots of the equaliser; its gain in dB is linear in log frequency between them and constant beyond."""
BAND_ORDER: Final = 3
"""Of the Butterworth magnitude of `lowpass` and `highpass`: 18 dB an octave."""
LIMITER_RATIO: Final = 8.0
LIMITER_BLOCK: Final = 128
LIMITER_RELEASE_S: Final = 0.08
LIMITER_BESIDE: Final = 2
"""Blocks on either side of a loud one that the limiter turns down with it: it looks ahead."""
TAPS: Final = 4_096
"""Of the convolution that equaliser and band are made by: bins of 5.4 Hz."""


@dataclass(frozen=True)
class Alteration:
    """Steps in the order in which they are applied, each a name and what follows the colon, as text."""

    steps: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """`name:values;name:values…`. Raises ValueError for an unknown step or values that it does not take."""
        steps = tuple((name, values) for name, _, values in (step.partition(":") for step in text.split(";")))
        for name, values in steps:
            if name == "length" and len(steps) > 1:
                raise ValueError(f"length stands alone, found {text!r}")
            if name not in _STEPS:
                raise ValueError(f"unknown step {name!r} in {text!r}, expected one of {', '.join(_STEPS)}")
            _STEPS[name].check(name, values)
        return cls(steps)

    @property
    def text(self) -> str:
        """What `parse` reads."""
        return ";".join(f"{name}:{values}" for name, values in self.steps)

    @property
    def speed(self) -> float:
        """How many times as fast the copy plays: what lay at t in the clip lies at t / speed in the copy."""
        return float(np.prod([float(values) for name, values in self.steps if name == "speed"] or [1.0]))

    @property
    def cuts(self) -> bool:
        """Whether the copy is a piece of the clip: its segments are then none of the clip's."""
        return any(name == "length" for name, _ in self.steps)

    @property
    def needs(self) -> int:
        """The fewest samples that a clip must have: a piece is one only of what is longer than it."""
        return max([_length(values) + 1 for name, values in self.steps if name == "length"] or [1])

    def apply(self, samples: Samples, key: str) -> Samples:
        """Mono (n,) at 22 050 Hz and the key of the clip -> the altered copy, float32, finite: (n / speed,), rounded,
        or (seconds · 22 050,) for `length`.

        Silence stays silent. Raises ValueError for a clip shorter than `length` leaves, or without samples.
        """
        if samples.size == 0:
            raise ValueError("no samples to alter")
        out = np.asarray(samples, dtype=np.float32)
        filters: list[tuple[str, str]] = []
        for name, values in self.steps:
            run = _STEPS[name].run
            if run is None:
                filters.append((name, values))
                continue
            out, filters = _filtered(out, filters, self._random(key)), []
            out = run(out, values, self._random(key, name))
        return np.ascontiguousarray(_filtered(out, filters, self._random(key)), dtype=np.float32)

    def part(self, samples: int, key: str) -> tuple[int, int]:
        """First sample and the one after the last of what is left of a clip of so many: all, unless it `cuts`.

        `apply` to that part gives what `apply` to the clip gives. Raises ValueError for a clip that is too short.
        """
        for name, values in self.steps:
            if name == "length":
                start = _start(samples, values, self._random(key, name))
                return start, start + _length(values)
        return 0, samples

    def _random(self, key: str, *step: str) -> Random:
        return _random(key, self.text, *step)


def drawn(key: str, copy: int, seed: int) -> Alteration:
    """The key of a clip, the number of its copy from 0, a seed -> how that copy is altered; numbers already rounded.

    Always an equaliser of 8 knots within ±4 to ±8 dB. With a chance of one half each: a dull or a thin band; tape 6 to
    15 % too fast or too slow; noise 20 to 40 dB below. With a chance of 0.4 each: a small room; a limiter.
    """
    random = _random(key, str(copy), str(seed))
    most = random.uniform(4.0, 8.0)
    steps = [("equaliser", ",".join(f"{gain:+.1f}" for gain in random.uniform(-most, most, EQUALISER_HZ.size)))]
    # every number is drawn whether it is used or not: what one step does changes nothing about the next
    dull, low, high = random.uniform() < 0.5, _log_uniform(random, 2_000, 7_000), _log_uniform(random, 80, 400)
    if random.uniform() < 0.5:
        steps.append(("lowpass", f"{low:.0f}") if dull else ("highpass", f"{high:.0f}"))
    decay, level = random.uniform(0.15, 0.5), random.uniform(4.0, 14.0)
    if random.uniform() < 0.4:
        steps.append(("room", f"{decay:.2f},{level:.1f}"))
    above = random.uniform(6.0, 18.0)
    if random.uniform() < 0.4:
        steps.append(("limiter", f"{above:.1f}"))
    faster = 1 + random.choice([-1, 1]) * random.uniform(0.06, 0.15)
    if random.uniform() < 0.5:
        steps.append(("speed", f"{faster:.3f}"))
    below = random.uniform(20.0, 40.0)
    if random.uniform() < 0.5:
        steps.append(("noise", f"{below:.1f}"))
    return Alteration(tuple(steps))


def _random(*words: str) -> Random:
    digest = hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape")).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def _log_uniform(random: Random, low: float, high: float) -> float:
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def equaliser_response(frequencies: NDArray[Any], gains_db: NDArray[Any]) -> NDArray[np.float64]:
    """Frequencies [Hz] (k,), gains at `EQUALISER_HZ` [dB] -> factors (k,)."""
    at = np.log(np.maximum(frequencies, EQUALISER_HZ[0] / 2))
    return np.asarray(10 ** (np.interp(at, np.log(EQUALISER_HZ), gains_db) / 20))


def _filtered(samples: Samples, filters: list[tuple[str, str]], random: Random) -> Samples:
    """All of the filters as one convolution, (n,) -> (n,); but for the room's tail without a shift in time."""
    if not filters:
        return samples
    frequencies = np.arange(TAPS // 2 + 1) * (SAMPLE_RATE_HZ / TAPS)
    magnitude = np.ones(frequencies.size)
    for name, values in filters:
        if name != "room":
            magnitude *= _MAGNITUDES[name](frequencies, values)
    centred = np.roll(scipy.fft.irfft(magnitude, TAPS), TAPS // 2) * scipy.signal.windows.hann(TAPS, sym=False)
    for name, values in filters:
        if name == "room":
            centred = scipy.signal.oaconvolve(centred, _room(values, random))
    convolved = scipy.signal.oaconvolve(samples, centred.astype(np.float32))
    return np.asarray(convolved[TAPS // 2 : TAPS // 2 + samples.size], dtype=np.float32)


def _equaliser(frequencies: NDArray[Any], values: str) -> NDArray[Any]:
    return equaliser_response(frequencies, np.array(_numbers(values)))


def _lowpass(frequencies: NDArray[Any], values: str) -> NDArray[Any]:
    return np.asarray(1 / np.sqrt(1 + (frequencies / float(values)) ** (2 * BAND_ORDER)))


def _highpass(frequencies: NDArray[Any], values: str) -> NDArray[Any]:
    # written so that 0 Hz divides nothing
    power = (frequencies / float(values)) ** (2 * BAND_ORDER)
    return np.asarray(np.sqrt(power / (1 + power)))


def _room(values: str, random: Random) -> Samples:
    """Reverberation time [s] and direct over reverberant energy [dB] -> impulse response: 1, then noise that decays."""
    decay, level = _numbers(values)
    count = max(2, round(decay * SAMPLE_RATE_HZ))
    tail = random.standard_normal(count) * 10 ** (-3 * np.arange(count) / (decay * SAMPLE_RATE_HZ))
    tail[0] = 0.0
    tail *= 10 ** (-level / 20) / np.sqrt(np.sum(np.square(tail)))
    tail[0] = 1.0
    return tail.astype(np.float32)


def _limiter(samples: Samples, values: str, random: Random) -> Samples:
    """Blocks of more than so many dB below the loudest are turned down to an eighth of what they are above that."""
    blocks = -(-samples.size // LIMITER_BLOCK)
    padded = np.zeros((blocks, LIMITER_BLOCK), dtype=np.float32)
    padded.reshape(-1)[: samples.size] = samples
    power = np.einsum("ij,ij->i", padded, padded).astype(np.float64) / LIMITER_BLOCK
    if not power.max() > 0:
        return samples
    level = 10 * np.log10(np.maximum(power, 1e-12 * power.max()))
    over = np.maximum(0.0, level - (level.max() - float(values)))
    over = scipy.ndimage.maximum_filter1d(over, 2 * LIMITER_BESIDE + 1, mode="nearest")
    hold = np.exp(-LIMITER_BLOCK / (LIMITER_RELEASE_S * SAMPLE_RATE_HZ))
    falling = scipy.signal.lfilter([1 - hold], [1, -hold], over, zi=[hold * over[0]])[0]
    gain = 10 ** (-(1 - 1 / LIMITER_RATIO) * np.maximum(over, falling) / 20)
    # a straight line through every block: from halfway between its gain and the last one's to halfway to the next
    edges = np.concatenate([gain[:1], (gain[:-1] + gain[1:]) / 2, gain[-1:]]).astype(np.float32)
    ramp = (np.arange(LIMITER_BLOCK, dtype=np.float32) + np.float32(0.5)) / LIMITER_BLOCK
    padded *= edges[:-1, np.newaxis] + np.diff(edges)[:, np.newaxis] * ramp
    return np.asarray(padded.reshape(-1)[: samples.size])


def _speed(samples: Samples, values: str, random: Random) -> Samples:
    """Played so many times as fast: (n,) -> (round(n / ratio),), every frequency times the ratio."""
    ratio = float(values)
    wanted = max(1, round(samples.size / ratio))
    played = soxr.resample(samples, SAMPLE_RATE_HZ * ratio, SAMPLE_RATE_HZ, quality="MQ")
    out = np.zeros(wanted, dtype=np.float32)
    out[: min(wanted, played.size)] = played[:wanted]  # soxr may round the length the other way
    return out


def _noise(samples: Samples, values: str, random: Random) -> Samples:
    """White noise so many dB below the power of the whole clip; none in silence."""
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    noise = random.standard_normal(samples.size, dtype=np.float32)
    return samples + noise * np.float32(np.sqrt(power) * 10 ** (-float(values) / 20))


def _gain(samples: Samples, values: str, random: Random) -> Samples:
    """So many dB louder or softer, as a file of floating point numbers may be: nothing is cut off at full scale."""
    return samples * np.float32(10 ** (float(values) / 20))


def _mp3(samples: Samples, values: str, random: Random) -> Samples:
    """Through MPEG-2 Layer III, mono at 22 050 Hz, at a constant rate [kb/s]; libsndfile takes the delay off again."""
    file = io.BytesIO()
    lowest, highest = MP3_KBPS
    with soundfile.SoundFile(
        file,
        "w",
        samplerate=SAMPLE_RATE_HZ,
        channels=1,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="CONSTANT",
        compression_level=1 - (float(values) - lowest) / (highest - lowest),
    ) as stream:
        stream.write(samples)
    file.seek(0)
    decoded = soundfile.read(file, dtype="float32")[0]
    out = np.zeros_like(samples)
    out[: decoded.size] = decoded[: samples.size]
    return out


MP3_KBPS: Final = (8, 160)
"""The rates that libsndfile spreads `compression_level` 1 to 0 over at this sample rate."""


def _resampled(samples: Samples, values: str, random: Random) -> Samples:
    """As a CD would hold it, 44.1 kHz, two channels, 16 bits, and back by the rules of `decode`."""
    rate = int(values.removesuffix("-stereo"))
    block = np.repeat(resample(samples, SAMPLE_RATE_HZ, rate)[:, np.newaxis], 2, axis=1).astype(np.float64)
    sixteen = np.clip(np.round(block * 32_768), -32_768, 32_767) / 32_768
    back = resample(sixteen.mean(axis=1).astype(np.float32), rate)
    out = np.zeros_like(samples)
    out[: back.size] = back[: samples.size]
    return out


def _piece(samples: Samples, values: str, random: Random) -> Samples:
    start = _start(samples.size, values, random)
    return samples[start : start + _length(values)]


def _start(samples: int, values: str, random: Random) -> int:
    spare = samples - _length(values)
    if spare < 0:
        raise ValueError(f"a clip of {samples} samples has no piece of {values} s")
    return int(random.integers(spare + 1))


def _length(values: str) -> int:
    return round(float(values) * SAMPLE_RATE_HZ)


def _numbers(values: str) -> list[float]:
    return [float(value) for value in values.split(",")]


@dataclass(frozen=True)
class _Step:
    """What a step does (None: one of the filters), how many numbers it takes, and between what they have to lie."""

    run: Callable[[Samples, str, Random], Samples] | None
    low: float
    high: float
    count: int = 1

    def check(self, name: str, values: str) -> None:
        """Raises ValueError."""
        told = f"{name} takes {self.count} numbers from {self.low:g} to {self.high:g}, found {values!r}"
        try:
            numbers = _numbers(values.removesuffix("-stereo") if name == "resampled" else values)
        except ValueError:
            raise ValueError(told) from None
        # written so that NaN fails, too
        if len(numbers) != self.count or not all(self.low <= number <= self.high for number in numbers):
            raise ValueError(told)


_MAGNITUDES: Final[dict[str, Callable[[NDArray[Any], str], NDArray[Any]]]] = {
    "equaliser": _equaliser,
    "lowpass": _lowpass,
    "highpass": _highpass,
}
_STEPS: Final[dict[str, _Step]] = {
    "equaliser": _Step(None, -40, 40, EQUALISER_HZ.size),
    "lowpass": _Step(None, 20, SAMPLE_RATE_HZ / 2),
    "highpass": _Step(None, 20, SAMPLE_RATE_HZ / 2),
    "room": _Step(None, 0.01, 60, 2),
    "limiter": _Step(_limiter, 0, 80),
    "speed": _Step(_speed, 0.25, 4),
    "noise": _Step(_noise, -20, 120),
    "gain": _Step(_gain, -80, 80),
    "mp3": _Step(_mp3, *MP3_KBPS),
    "resampled": _Step(_resampled, 8_000, 192_000),
    "length": _Step(_piece, 0.5, 3_600),
}
