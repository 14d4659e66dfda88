"""The steady (harmonic) and the struck (percussive) part of the sound, as waveforms.

Fitzgerald (2010): what lasts is a median along time, what is broad a median along frequency; each part of a bin gets
the share of its squared median (soft masks, power 2). Replaces librosa.effects.hpss(y, pad_mode="reflect"). The masks
sum to one in every bin, so the struck part is the signal less the steady one, and one inverse transform is enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from classically_punk.features.arrays import Vector
from classically_punk.features.compiled import inlined, kernel
from classically_punk.features.fourier import BINS, LANES, N_FFT, frames_of, hann, spectra
from classically_punk.features.lanes import greatest, load, root, splat, store, total, transpose, where_below
from classically_punk.features.medians import along_bins, along_frames
from classically_punk.features.pitch import pitch_classes

if TYPE_CHECKING:
    from classically_punk.features.analysis import Analysis

HOP: Final = 512
HALF: Final = 15
"""Neighbours on each side of a median of 31."""
BLOCK: Final = 16
"""Frames whose medians are taken together; their windows reach into the blocks before and after."""
RING: Final = 3 * BLOCK
WIDE: Final = 1032
"""Bins of one frame, filled up to whole vectors."""
TALL: Final = 1040
"""Bins filled up to whole blocks of sixteen medians."""
TINY: Final = 1.1754944e-38


@inlined
def _reflected(index: int, size: int) -> int:
    """Index into (size,) continued by mirrors at its ends, the edge itself repeated; scipy.ndimage's "reflect"."""
    index = index % (2 * size)
    return index if index < size else 2 * size - 1 - index


@inlined
def _take_in(re: Any, im: Any, rows: Any, row: int, columns: Any) -> None:
    """Magnitudes of eight frames, twice: frame by frame into the ring, bin by bin with mirrored ends."""
    for k in range(0, BINS - 1, LANES):
        r0, r1, r2, r3 = (
            _size(re, im, k, columns),
            _size(re, im, k + 1, columns),
            _size(re, im, k + 2, columns),
            _size(re, im, k + 3, columns),
        )
        r4, r5, r6, r7 = (
            _size(re, im, k + 4, columns),
            _size(re, im, k + 5, columns),
            _size(re, im, k + 6, columns),
            _size(re, im, k + 7, columns),
        )
        frames = transpose(r0, r1, r2, r3, r4, r5, r6, r7)
        to = row * WIDE + k
        store(rows, to, frames[0])
        store(rows, to + WIDE, frames[1])
        store(rows, to + 2 * WIDE, frames[2])
        store(rows, to + 3 * WIDE, frames[3])
        store(rows, to + 4 * WIDE, frames[4])
        store(rows, to + 5 * WIDE, frames[5])
        store(rows, to + 6 * WIDE, frames[6])
        store(rows, to + 7 * WIDE, frames[7])
    _size(re, im, BINS - 1, columns)
    for lane in range(LANES):
        rows[(row + lane) * WIDE + BINS - 1] = columns[(HALF + BINS - 1) * LANES + lane]
    for k in range(HALF):
        store(columns, (HALF - 1 - k) * LANES, load(columns, (HALF + k) * LANES))
        store(columns, (HALF + BINS + k) * LANES, load(columns, (HALF + BINS - 1 - k) * LANES))


@inlined
def _size(re: Any, im: Any, k: int, columns: Any) -> Any:
    real, imaginary = load(re, k * LANES), load(im, k * LANES)
    value = root(real * real + imaginary * imaginary)
    store(columns, (HALF + k) * LANES, value)
    return value


@inlined
def _keep_steady(steady: Any, struck: Any, re: Any, im: Any) -> None:
    """Multiplies a spectrum by H² / (H² + P²), both divided by the larger beforehand; one half where both are 0."""
    one, half, tiny = splat(np.float32(1)), splat(np.float32(0.5)), splat(np.float32(TINY))
    for k in range(BINS):
        h, p = load(steady, k * LANES), load(struck, k * LANES)
        larger = greatest(h, p)
        scale = one / greatest(larger, tiny)
        h, p = h * scale, p * scale
        h, p = h * h, p * p
        mask = where_below(larger, tiny, half, h / greatest(h + p, tiny))
        store(re, k * LANES, load(re, k * LANES) * mask)
        store(im, k * LANES, load(im, k * LANES) * mask)


@inlined
def _overlap_add(even: Any, odd: Any, window: Any, first: int, out: Any) -> None:
    """Adds eight windowed frames, of which the first begins at `first`, to `out`."""
    for n in range(0, N_FFT, LANES):
        at = n // 2 * LANES
        rows = transpose(
            load(even, at),
            load(odd, at),
            load(even, at + 8),
            load(odd, at + 8),
            load(even, at + 16),
            load(odd, at + 16),
            load(even, at + 24),
            load(odd, at + 24),
        )
        w = load(window, n)
        to = first + n
        store(out, to, load(out, to) + rows[0] * w)
        store(out, to + HOP, load(out, to + HOP) + rows[1] * w)
        store(out, to + 2 * HOP, load(out, to + 2 * HOP) + rows[2] * w)
        store(out, to + 3 * HOP, load(out, to + 3 * HOP) + rows[3] * w)
        store(out, to + 4 * HOP, load(out, to + 4 * HOP) + rows[4] * w)
        store(out, to + 5 * HOP, load(out, to + 5 * HOP) + rows[5] * w)
        store(out, to + 6 * HOP, load(out, to + 6 * HOP) + rows[6] * w)
        store(out, to + 7 * HOP, load(out, to + 7 * HOP) + rows[7] * w)


@inlined
def _take_out(
    pile: Any, first: int, count: int, samples: Any, size: int, frames: int, ends: Any, centre: Any, sums: Any, out: Any
) -> None:
    """Finished samples `first` and on: sums of the steady part less `centre` and its square, and of the rest.

    `ends` (2, 2048) are the factors that make up for missing frames at the beginning and behind the last frame;
    elsewhere four squared Hann windows a quarter apart add up to 1.5. The waveform goes to `out` if that has room.
    """
    begin, end = max(first, N_FFT // 2), min(first + count, N_FFT // 2 + size)
    last = HOP * frames
    usual = np.float32(1 / 1.5)
    for place in range(begin, end):
        if place < N_FFT or place >= last:
            pile[place - first] *= ends[0, place] if place < N_FFT else ends[1, place - last]
        else:
            pile[place - first] *= usual
    if out.size:
        for place in range(begin, end):
            out[place - N_FFT // 2] = pile[place - first]
    middle = splat(centre)
    for run in range(begin, end, HOP):
        s1, s2, r1, r2 = splat(np.float32(0)), splat(np.float32(0)), splat(np.float32(0)), splat(np.float32(0))
        stop = min(end, run + HOP)
        whole = run + (stop - run) // LANES * LANES
        for place in range(run, whole, LANES):
            steady = load(pile, place - first)
            rest = load(samples, place) - steady
            steady = steady - middle
            s1, s2 = s1 + steady, s2 + steady * steady
            r1, r2 = r1 + rest, r2 + rest * rest
        sums[0] += total(s1)
        sums[1] += total(s2)
        sums[2] += total(r1)
        sums[3] += total(r2)
        for place in range(whole, stop):
            away = np.float64(pile[place - first] - centre)
            other = np.float64(samples[place] - pile[place - first])
            sums[0] += away
            sums[1] += away * away
            sums[2] += other
            sums[3] += other * other


@kernel(
    "void(float32[::1], int64, int64[::1], int64, float32[::1], float32[::1], float32[::1], float32[::1],"
    " float32[:, ::1], float32[::1], float32[:, ::1], float32, boolean, float64[::1], float32[::1])"
)
def second_pass(
    samples: Any,
    size: int,
    starts: Any,
    frames: int,
    window: Any,
    synthesis: Any,
    cos: Any,
    sin: Any,
    bank: Any,
    chroma: Any,
    ends: Any,
    centre: Any,
    separate: bool,
    sums: Any,
    out: Any,
) -> None:
    """Frames of padded `samples` at `starts` (16 blocks,): pitch classes, and the two parts of the sound.

    `size` samples begin at 1024. Frames from `frames` on must be silent. `synthesis` is the window over 2048. Fills
    `chroma` (12 * starts.size,), and where `separate` is set adds to `sums` (4,) and writes the steady waveform to
    `out` ((size,), or empty).
    """
    work = np.empty((4, 1024 * LANES), dtype=np.float32)
    re = np.empty((4, BINS * LANES), dtype=np.float32)
    im = np.empty((4, BINS * LANES), dtype=np.float32)
    rows = np.zeros(RING * WIDE, dtype=np.float32)
    columns = np.zeros((4, (TALL + 2 * HALF + 1) * LANES), dtype=np.float32)
    steady = np.zeros((2, WIDE * LANES), dtype=np.float32)
    struck = np.zeros(TALL * LANES, dtype=np.float32)
    places = np.zeros(2 * HALF + BLOCK, dtype=np.int64)
    pile = np.zeros(BLOCK * HOP + N_FFT, dtype=np.float32)
    blocks = starts.size // BLOCK
    for block in range(blocks + 1):
        if block < blocks:
            for half in range(2):
                group = 2 * block + half
                slot = group % 4
                cut = starts[LANES * group : LANES * group + LANES]
                spectra(samples, cut, window, cos, sin, work, re[slot], im[slot])
                _take_in(re[slot], im[slot], rows, LANES * group % RING, columns[slot])
                pitch_classes(columns[slot], HALF * LANES, bank, chroma, starts.size, LANES * group)
        if block == 0 or not separate:
            continue
        base = BLOCK * (block - 1)
        for row in range(2 * HALF + BLOCK):
            # frames beyond the end have no use for their medians: any row of the ring will do
            wanted = _reflected(min(base - HALF + row, frames - 1 + HALF), frames)
            places[row] = wanted % RING * WIDE
        for k in range(0, WIDE, LANES):
            along_frames(rows, places, k, steady, k * LANES, (WIDE + k) * LANES)
        for half in range(2):
            slot = (2 * (block - 1) + half) % 4
            for k in range(0, TALL, BLOCK):
                along_bins(columns[slot], k * LANES, struck, k * LANES)
            _keep_steady(steady[half], struck, re[slot], im[slot])
            frames_of(re[slot], im[slot], cos, sin, work)
            _overlap_add(work[3], work[2], synthesis, HOP * LANES * half, pile)
        _take_out(pile, HOP * base, HOP * BLOCK, samples, size, frames, ends, centre, sums, out)
        for n in range(N_FFT):
            pile[n] = pile[HOP * BLOCK + n]
        for n in range(N_FFT, pile.size):
            pile[n] = 0
    if separate:
        _take_out(pile, HOP * BLOCK * blocks, N_FFT, samples, size, frames, ends, centre, sums, out)


def missing_frames(count: int) -> NDArray[np.float32]:
    """Factors for samples that fewer than four of `count` frames cover: (2, 2048), from the first and after the last.

    One over the sum of squared windows there, as librosa.istft divides; 1 where no frame is.
    """
    squared = hann(N_FFT) ** 2
    factors = np.ones((2, N_FFT), dtype=np.float32)
    for factor, first in zip(factors, (0, HOP * count), strict=True):
        weight = np.zeros(N_FFT)
        for frame in range(max(0, first // HOP - 4), min(count, first // HOP + 4)):
            shift = HOP * frame - first  # frame covers places shift..shift + 2048 of these
            if shift >= 0:
                weight[shift:] += squared[: N_FFT - shift]
            else:
                weight[: N_FFT + shift] += squared[-shift:]
        factor[weight > TINY] = 1 / weight[weight > TINY]
    return factors


def part_moments(sums: NDArray[np.float64], size: int, centre: float) -> tuple[Vector, Vector]:
    """Sums of `second_pass` -> mean and variance (2,) of the steady part, and of the struck part."""
    means = sums[[0, 2]] / size
    variances = np.maximum(0, sums[[1, 3]] / size - means**2)
    return np.array([means[0] + centre, variances[0]]), np.array([means[1], variances[1]])


def harmonic(analysis: Analysis) -> Vector:
    """Mean and variance of the harmonic waveform: (2,) at full scale 1.0 and its square; the mean is noise around 0."""
    return analysis.second_pass.steady


def percussive(analysis: Analysis) -> Vector:
    """Mean and variance of the percussive waveform: (2,) at full scale 1.0 and its square; the mean is noise near 0."""
    return analysis.second_pass.struck
