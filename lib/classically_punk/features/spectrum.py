"""One pass over the frames of a clip: eight at a time through the transform and, while they are at hand, all that needs
no more than one frame: magnitude, shape, mel bands and spectral peaks."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from classically_punk.features.compiled import inlined, kernel
from classically_punk.features.fourier import BINS, LANES, spectra
from classically_punk.features.lanes import (
    above,
    greatest,
    load,
    root,
    splat,
    store,
    transpose,
    where_below,
)

BANDS: Final = 128
ROLLOFF_SHARE: Final = 0.85
CHUNK: Final = 32
"""Rows whose sum is kept by itself before it joins the total: float32 then errs as if it summed 32 numbers."""
PEAK_BINS: Final = (14, 372)
"""Bins within 150 and 4000 Hz."""
PEAK_SHARE: Final = 0.1
HIGH_BIN: Final = 883
"""First bin above 9.5 kHz."""
TINY: Final = 1.1754944e-38
"""Smallest normal float32; a magnitude sum below it counts as silence, as in librosa.util.normalize."""


@inlined
def shape(magnitude: Any, curves: Any, frames: int, frame: int) -> None:
    """Centroid, bandwidth and rolloff in bins, rows 0..2 of `curves` (3 * frames,).

    Klapuri & Davy 2006, ch. 5; librosa.feature.spectral_centroid, .spectral_bandwidth (p = 2), .spectral_rolloff.
    The running sum is in the order and precision of np.cumsum, so that the same bin passes the threshold.
    """
    zero, one = splat(np.float32(0)), splat(np.float32(1))
    running, everything, weighted = zero, zero, zero
    for chunk in range(0, BINS, CHUNK):
        plain, part = zero, zero
        for k in range(chunk, min(BINS, chunk + CHUNK)):
            value = load(magnitude, LANES * k)
            running = running + value
            plain = plain + value
            part = part + value * splat(np.float32(k))
        everything = everything + plain
        weighted = weighted + part
    everything = where_below(running, splat(np.float32(TINY)), one, everything)
    centre = weighted / everything
    threshold = running * splat(np.float32(ROLLOFF_SHARE))
    running, spread, below = zero, zero, zero
    for chunk in range(0, BINS, CHUNK):
        part = zero
        for k in range(chunk, min(BINS, chunk + CHUNK)):
            value = load(magnitude, LANES * k)
            running = running + value
            below = below + where_below(running, threshold, one, zero)
            away = splat(np.float32(k)) - centre
            part = part + value * away * away
        spread = spread + part
    store(curves, frame, centre)
    store(curves, frames + frame, root(spread / everything))
    store(curves, 2 * frames + frame, below)


@inlined
def mel(power: Any, ranges: Any, weights: Any, bands: Any, count: int, frame: int) -> None:
    """Weighted sums of power in `count` bands (whole vectors), frame by frame: (frames * count,); melspectrogram."""
    for first in range(0, count, LANES):
        rows = (
            _band(power, ranges, weights, first),
            _band(power, ranges, weights, first + 1),
            _band(power, ranges, weights, first + 2),
            _band(power, ranges, weights, first + 3),
            _band(power, ranges, weights, first + 4),
            _band(power, ranges, weights, first + 5),
            _band(power, ranges, weights, first + 6),
            _band(power, ranges, weights, first + 7),
        )
        columns = transpose(rows[0], rows[1], rows[2], rows[3], rows[4], rows[5], rows[6], rows[7])
        to = frame * count + first
        store(bands, to, columns[0])
        store(bands, to + count, columns[1])
        store(bands, to + 2 * count, columns[2])
        store(bands, to + 3 * count, columns[3])
        store(bands, to + 4 * count, columns[4])
        store(bands, to + 5 * count, columns[5])
        store(bands, to + 6 * count, columns[6])
        store(bands, to + 7 * count, columns[7])


@inlined
def _band(power: Any, ranges: Any, weights: Any, band: int) -> Any:
    first, after, place = ranges[band, 0], ranges[band, 1], ranges[band, 2]
    result = splat(np.float32(0))
    for k in range(first, after):
        result = result + load(power, LANES * k) * splat(weights[place + k - first])
    return result


@inlined
def _peaks(power: Any, largest: Any, pitches: Any, heights: Any, count: int) -> int:
    """Local maxima above a tenth of the frame's largest power, refined by a parabola; librosa.piptrack.

    Appends bin (fractional) and height, returns the new count.
    """
    threshold = largest * splat(np.float32(PEAK_SHARE))
    here = load(power, LANES * PEAK_BINS[0])
    before = load(power, LANES * (PEAK_BINS[0] - 1))
    for k in range(PEAK_BINS[0], PEAK_BINS[1]):
        after = load(power, LANES * (k + 1))
        found = above(here, threshold) & above(here, before) & ~above(after, here)
        if found:
            for lane in range(LANES):
                if found >> lane & 1:
                    at = LANES * k + lane
                    low, top, high = power[at - LANES], power[at], power[at + LANES]
                    bend = low + high - np.float32(2) * top
                    slope = (high - low) * np.float32(0.5)
                    shift = np.float32(0)
                    if abs(slope) < abs(bend):
                        shift = -slope / bend
                    pitches[count] = np.float32(k) + shift
                    heights[count] = top + np.float32(0.5) * slope * shift
                    count += 1
        before = here
        here = after
    return count


@inlined
def high_and_all(power: Any, curves: Any, frames: int, frame: int) -> None:
    """Mean over bins of eight frames' power (1025 * 8,), rows 3 and 4 of `curves`: of what is above 9.5 kHz, of all."""
    high, low = splat(np.float32(0)), splat(np.float32(0))
    for k in range(HIGH_BIN):
        low = low + load(power, LANES * k)
    for k in range(HIGH_BIN, BINS):
        high = high + load(power, LANES * k)
    bins = splat(np.float32(BINS))
    store(curves, 3 * frames + frame, high / bins)
    store(curves, 4 * frames + frame, (high + low) / bins)


@kernel(
    "int64(float32[::1], int64[::1], int64, float32[::1], float32[::1], float32[::1], int64[:, ::1], float32[::1],"
    " float32[::1], float32[::1], float32[::1], float32[::1])"
)
def frames_pass(
    samples: Any,
    starts: Any,
    groups: int,
    window: Any,
    cos: Any,
    sin: Any,
    mel_ranges: Any,
    mel_weights: Any,
    curves: Any,
    bands: Any,
    pitches: Any,
    heights: Any,
) -> int:
    """Frames of `samples` that begin at `starts` (8 groups,) -> the number of spectral peaks.

    Fills `curves` (5 * 8 groups,), three rows in bins and two as power, `bands` (8 groups * 128,) as power,
    `pitches` and `heights` (up to 179 a frame) of the peaks, in bins and power.
    """
    work = np.empty((4, 1024 * LANES), dtype=np.float32)
    re = np.empty(BINS * LANES, dtype=np.float32)
    im = np.empty(BINS * LANES, dtype=np.float32)
    magnitude = np.empty(BINS * LANES, dtype=np.float32)
    peaks = 0
    for group in range(groups):
        spectra(samples, starts[LANES * group : LANES * group + LANES], window, cos, sin, work, re, im)
        largest = splat(np.float32(0))
        for k in range(BINS):
            real, imaginary = load(re, LANES * k), load(im, LANES * k)
            value = root(real * real + imaginary * imaginary)
            store(magnitude, LANES * k, value)
            power = value * value
            store(re, LANES * k, power)
            largest = greatest(largest, power)
        shape(magnitude, curves, LANES * groups, LANES * group)
        high_and_all(re, curves, LANES * groups, LANES * group)
        mel(re, mel_ranges, mel_weights, bands, BANDS, LANES * group)
        peaks = _peaks(re, largest, pitches, heights, peaks)
    return peaks


@kernel("void(float32[::1], int64[::1], int64, float32[::1], float32[::1], float32[::1], float32[::1])")
def magnitudes(samples: Any, starts: Any, groups: int, window: Any, cos: Any, sin: Any, out: Any) -> None:
    """Frames of `samples` that begin at `starts` (8 groups,) -> magnitudes in `out` (groups * 1025 * 8,)."""
    work = np.empty((4, 1024 * LANES), dtype=np.float32)
    re = np.empty(BINS * LANES, dtype=np.float32)
    im = np.empty(BINS * LANES, dtype=np.float32)
    for group in range(groups):
        spectra(samples, starts[LANES * group : LANES * group + LANES], window, cos, sin, work, re, im)
        for k in range(0, BINS * LANES, LANES):
            real, imaginary = load(re, k), load(im, k)
            store(out, group * BINS * LANES + k, root(real * real + imaginary * imaginary))
