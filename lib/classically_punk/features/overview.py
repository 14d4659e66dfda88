"""One pass over the frames of a conditioned piece, eight at a time: all that the project's own features are made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from classically_punk.features.arrays import Curves
from classically_punk.features.compiled import inlined, kernel
from classically_punk.features.conditioning import HIGHEST_HZ, LOWEST_HZ
from classically_punk.features.filterbanks import CLASSES, SAMPLE_RATE_HZ, chroma_bank, sparse_mel_bank
from classically_punk.features.fourier import BINS, LANES, N_FFT, hann, spectra, turns
from classically_punk.features.lanes import before, greatest, least, load, logarithm, root, splat, store, total
from classically_punk.features.pitch import pitch_classes
from classically_punk.features.spectrum import BANDS, high_and_all, mel, shape

if TYPE_CHECKING:
    from classically_punk.features.analysis import Analysis

BROAD: Final = 12
"""Broad mel bands."""
BROAD_STORED: Final = 16
CONTRAST_EDGES_HZ: Final = (LOWEST_HZ, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0, HIGHEST_HZ)
CONTRAST_SHARE: Final = 0.02
"""Share of a band's bins that are its peaks, and of those that are its valleys; at least one bin."""
CONTRAST_BANDS: Final = len(CONTRAST_EDGES_HZ) - 1
DEEPEST: Final = 6
"""Bins kept of either kind; enough for 2 % of every band."""
FLOOR_MAGNITUDE: Final = np.float32(1e-4)
FLOOR_POWER: Final = np.float32(1e-6)
FLOOR_LENGTH: Final = np.float32(1e-3)
HIGH_ROW, LEVEL_ROW, FLATNESS_ROW, FLUX_ROW, PEAK_ROW = 3, 4, 5, 6, 7
VALLEY_ROW: Final = PEAK_ROW + CONTRAST_BANDS
ROWS: Final = VALLEY_ROW + CONTRAST_BANDS
FLUSH: Final = 64
"""Groups whose spectra are summed in float32 before they join the sum in float64."""


def first_bin(hertz: float) -> int:
    """The first bin at or above a frequency."""
    return int(np.ceil(hertz * N_FFT / SAMPLE_RATE_HZ))


LOWEST_BIN: Final = first_bin(LOWEST_HZ)
AFTER_BIN: Final = first_bin(HIGHEST_HZ)


@dataclass(frozen=True)
class Overview:
    """What the pass leaves of the frames that count and, of a piece of a longer clip, of one before: `lead` is 1 then.

    `outline` (3, t) centroid, bandwidth and rolloff in Hz; `high_and_all` (2, t) mean power over bins, of what is
    above 9.5 kHz and of all; `flatness` (t,) ln of geometric
    over arithmetic mean; `flux` (t,) rise of the spectrum of unit length, that of the very first frame 0;
    `contrast` (7, t) ln of peaks over valleys; `bands` (t, 128) and `broad` (t, 12) power in mel bands from 30 to
    9000 Hz; `chroma` (12, t) in 0..1. `spectrum` (1025,) is the sum of power over the frames that count, `frames` their
    number.
    """

    lead: int
    frames: int
    outline: Curves
    high_and_all: NDArray[np.float32]
    flatness: NDArray[np.float32]
    flux: NDArray[np.float32]
    contrast: NDArray[np.float32]
    bands: NDArray[np.float32]
    broad: NDArray[np.float32]
    chroma: NDArray[np.float32]
    spectrum: NDArray[np.float64]


@inlined
def _flatness(power: Any) -> Any:
    """ln of geometric over arithmetic mean of eight frames' power (1025 * 8,) between 30 and 9000 Hz.

    Products of four before a logarithm: a conditioned piece has neither room for more than 1e38 nor less than 1e-24.
    """
    floor = splat(FLOOR_POWER)
    logs, plain = splat(np.float32(0)), splat(np.float32(0))
    whole = LOWEST_BIN + (AFTER_BIN - LOWEST_BIN) // 4 * 4
    for k in range(LOWEST_BIN, whole, 4):
        a, b = load(power, LANES * k), load(power, LANES * k + LANES)
        c, d = load(power, LANES * k + 2 * LANES), load(power, LANES * k + 3 * LANES)
        plain = plain + ((a + b) + (c + d))
        logs = logs + logarithm(((a + floor) * (b + floor)) * ((c + floor) * (d + floor)))
    for k in range(whole, AFTER_BIN):
        a = load(power, LANES * k)
        plain = plain + a
        logs = logs + logarithm(a + floor)
    bins = splat(np.float32(AFTER_BIN - LOWEST_BIN))
    return logs / bins - logarithm(plain / bins + floor)


@inlined
def _rise(magnitude: Any, earlier: Any) -> Any:
    """Length of what rose in the spectrum since the frame before, each spectrum brought to length 1; eight frames.

    `earlier` (1025 * 8,) has the scaled spectra of the eight frames before and gets those of these.
    """
    squares = splat(np.float32(0))
    for k in range(BINS):
        value = load(magnitude, LANES * k)
        squares = squares + value * value
    scale = splat(np.float32(1)) / (root(squares) + splat(FLOOR_LENGTH))
    zero = splat(np.float32(0))
    result = zero
    for k in range(BINS):
        value = load(magnitude, LANES * k) * scale
        rise = greatest(value - before(load(earlier, LANES * k), value), zero)
        store(earlier, LANES * k, value)
        result = result + rise * rise
    return root(result)


@inlined
def _contrast(magnitude: Any, bands: Any, curves: Any, frames: int, frame: int) -> None:
    """ln of the mean of the highest and of the lowest bins of each band, rows `PEAK_ROW` and `VALLEY_ROW` and on.

    The highest six so far stand in order; a new one takes its place by six comparisons, and pushes out the last.
    """
    big, zero = splat(np.float32(1e30)), splat(np.float32(0))
    floor = splat(FLOOR_MAGNITUDE)
    for band in range(CONTRAST_BANDS):
        t0, t1, t2, t3, t4, t5 = zero, zero, zero, zero, zero, zero
        b0, b1, b2, b3, b4, b5 = big, big, big, big, big, big
        for k in range(bands[band, 0], bands[band, 1]):
            up = load(magnitude, LANES * k)
            down = up
            t0, up = greatest(t0, up), least(t0, up)
            t1, up = greatest(t1, up), least(t1, up)
            t2, up = greatest(t2, up), least(t2, up)
            t3, up = greatest(t3, up), least(t3, up)
            t4, up = greatest(t4, up), least(t4, up)
            t5 = greatest(t5, up)
            b0, down = least(b0, down), greatest(b0, down)
            b1, down = least(b1, down), greatest(b1, down)
            b2, down = least(b2, down), greatest(b2, down)
            b3, down = least(b3, down), greatest(b3, down)
            b4, down = least(b4, down), greatest(b4, down)
            b5 = least(b5, down)
        count = bands[band, 2]
        high, low = t0, b0
        if count > 1:
            high, low = high + t1, low + b1
        if count > 2:
            high, low = high + t2, low + b2
        if count > 3:
            high, low = high + t3, low + b3
        if count > 4:
            high, low = high + t4, low + b4
        if count > 5:
            high, low = high + t5, low + b5
        many = splat(np.float32(count))
        store(curves, (PEAK_ROW + band) * frames + frame, logarithm(high / many + floor))
        store(curves, (VALLEY_ROW + band) * frames + frame, logarithm(low / many + floor))


@kernel(
    "void(float32[::1], int64[::1], float32[::1], float32[::1], float32[::1], float32[::1], int64[:, ::1],"
    " float32[::1], int64[:, ::1], float32[::1], float32[:, ::1], int64[:, ::1], float32[::1], float32[::1],"
    " float32[::1], float32[::1], float64[::1])"
)
def overview_pass(
    samples: Any,
    starts: Any,
    counted: Any,
    window: Any,
    cos: Any,
    sin: Any,
    mel_ranges: Any,
    mel_weights: Any,
    broad_ranges: Any,
    broad_weights: Any,
    bank: Any,
    contrast_bands: Any,
    curves: Any,
    bands: Any,
    broad: Any,
    chroma: Any,
    spectrum: Any,
) -> None:
    """Frames of `samples` that begin at `starts` (n,), n a multiple of 8; `counted` (n,) is 1 for those in `spectrum`.

    Fills `curves` (21 * n,), `bands` (n * 128,), `broad` (n * 16,), `chroma` (12 * n,); adds to `spectrum` (1025,).
    """
    frames = starts.size
    work = np.empty((4, 1024 * LANES), dtype=np.float32)
    re = np.empty(BINS * LANES, dtype=np.float32)
    im = np.empty(BINS * LANES, dtype=np.float32)
    magnitude = np.empty(BINS * LANES, dtype=np.float32)
    earlier = np.zeros(BINS * LANES, dtype=np.float32)
    summed = np.zeros(BINS * LANES, dtype=np.float32)
    groups = frames // LANES
    for group in range(groups):
        frame = LANES * group
        spectra(samples, starts[frame : frame + LANES], window, cos, sin, work, re, im)
        weight = load(counted, frame)
        for k in range(0, BINS * LANES, LANES):
            real, imaginary = load(re, k), load(im, k)
            power = real * real + imaginary * imaginary
            store(magnitude, k, root(power))
            store(re, k, power)
            store(summed, k, load(summed, k) + power * weight)
        shape(magnitude, curves, frames, frame)
        high_and_all(re, curves, frames, frame)
        store(curves, FLATNESS_ROW * frames + frame, _flatness(re))
        store(curves, FLUX_ROW * frames + frame, _rise(magnitude, earlier))
        _contrast(magnitude, contrast_bands, curves, frames, frame)
        mel(re, mel_ranges, mel_weights, bands, BANDS, frame)
        mel(re, broad_ranges, broad_weights, broad, BROAD_STORED, frame)
        pitch_classes(magnitude, 0, bank, chroma, frames, frame)
        if group % FLUSH == FLUSH - 1 or group == groups - 1:
            for k in range(BINS):
                spectrum[k] += total(load(summed, LANES * k))
                store(summed, LANES * k, splat(np.float32(0)))


@cache
def contrast_bands() -> NDArray[np.int64]:
    """(7, 3) first bin, bin after the last, number of peaks and of valleys."""
    edges = np.array([first_bin(hertz) for hertz in CONTRAST_EDGES_HZ])
    wanted = np.maximum(1, np.round(CONTRAST_SHARE * np.diff(edges)))
    return np.stack([edges[:-1], edges[1:], wanted], axis=1).astype(np.int64)


def overview_of(analysis: Analysis, padded: NDArray[np.float32], lead: int) -> Overview:
    """The pass over the frames that count, and `lead` (0 or 1) before them, from where they begin in `padded`."""
    used = analysis.frames + lead
    frames = -(-used // LANES) * LANES
    starts = analysis.starts(LANES, lead)
    counted = np.zeros(frames, dtype=np.float32)
    counted[lead:used] = 1
    curves = np.empty(ROWS * frames, dtype=np.float32)
    bands = np.empty(frames * BANDS, dtype=np.float32)
    broad = np.empty(frames * BROAD_STORED, dtype=np.float32)
    chroma = np.empty(CLASSES * frames, dtype=np.float32)
    spectrum = np.zeros(BINS)
    overview_pass(
        padded,
        starts,
        counted,
        (hann(N_FFT) / 2).astype(np.float32),
        *turns(),
        *sparse_mel_bank(BANDS, LOWEST_HZ, HIGHEST_HZ),
        *sparse_mel_bank(BROAD, LOWEST_HZ, HIGHEST_HZ),
        chroma_bank(0.0),
        contrast_bands(),
        curves,
        bands,
        broad,
        chroma,
        spectrum,
    )
    rows = curves.reshape(ROWS, frames)[:, :used]
    flux = rows[FLUX_ROW]
    flux[0] = 0  # nothing is known of the frame before
    return Overview(
        lead=lead,
        frames=analysis.frames,
        outline=rows[:HIGH_ROW] * np.float32(SAMPLE_RATE_HZ / N_FFT),
        high_and_all=rows[HIGH_ROW:FLATNESS_ROW],
        flatness=rows[FLATNESS_ROW],
        flux=flux,
        contrast=rows[PEAK_ROW:VALLEY_ROW] - rows[VALLEY_ROW:],
        bands=bands.reshape(frames, BANDS)[:used],
        broad=broad.reshape(frames, BROAD_STORED)[:used],
        chroma=chroma.reshape(CLASSES, frames)[:, :used],
        spectrum=spectrum,
    )
