"""Fourier transforms of eight frames at once: every lane of a vector belongs to another frame.

Stockham's radix-4 algorithm (no bit reversal; Van Loan 1992, section 1.7) over complex points held as two arrays. A
real frame of 2048 samples goes through 1024 complex points, its even samples as real and its odd ones as imaginary
parts, and one pass takes the two spectra apart (Cooley, Lewis, Welch 1970). Replaces scipy.fft.rfft and irfft in
librosa.stft and librosa.istft: nothing to import, and the frames arrive side by side, as the kernels want them.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classically_punk.features.compiled import inlined
from classically_punk.features.lanes import load, splat, store, transpose

N_FFT: Final = 2048
BINS: Final = N_FFT // 2 + 1
POINTS: Final = N_FFT // 2
LANES: Final = 8
PLANE: Final = POINTS * LANES
"""Numbers in one array of 1024 points of eight frames."""


@cache
def turns() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """cos and -sin of 2πk/2048: (2048,) each, the factors of every stage; rounded once from float64."""
    angle = 2 * np.pi * np.arange(N_FFT) / N_FFT
    return np.cos(angle).astype(np.float32), (-np.sin(angle)).astype(np.float32)


@cache
def hann(size: int) -> NDArray[np.float64]:
    """Periodic Hann window (size,), as `scipy.signal.get_window("hann", size)`."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size))


@inlined
def _stage(xr: Any, xi: Any, yr: Any, yi: Any, cos: Any, sin: Any, size: int, stride: int) -> None:
    quarter = size // 4
    step = N_FFT // size
    apart = LANES * stride * quarter
    for p in range(quarter):
        c1, s1 = splat(cos[p * step]), splat(sin[p * step])
        c2, s2 = splat(cos[2 * p * step]), splat(sin[2 * p * step])
        c3, s3 = splat(cos[3 * p * step]), splat(sin[3 * p * step])
        for q in range(stride):
            at = LANES * (q + stride * p)
            to = LANES * (q + stride * 4 * p)
            ar, ai = load(xr, at), load(xi, at)
            br, bi = load(xr, at + apart), load(xi, at + apart)
            cr, ci = load(xr, at + 2 * apart), load(xi, at + 2 * apart)
            dr, di = load(xr, at + 3 * apart), load(xi, at + 3 * apart)
            sum_r, sum_i = ar + cr, ai + ci
            dif_r, dif_i = ar - cr, ai - ci
            odd_r, odd_i = br + dr, bi + di
            rot_r, rot_i = di - bi, br - dr  # i (b - d)
            store(yr, to, sum_r + odd_r)
            store(yi, to, sum_i + odd_i)
            ur, ui = dif_r - rot_r, dif_i - rot_i
            vr, vi = sum_r - odd_r, sum_i - odd_i
            wr, wi = dif_r + rot_r, dif_i + rot_i
            one = LANES * stride
            store(yr, to + one, ur * c1 - ui * s1)
            store(yi, to + one, ur * s1 + ui * c1)
            store(yr, to + 2 * one, vr * c2 - vi * s2)
            store(yi, to + 2 * one, vr * s2 + vi * c2)
            store(yr, to + 3 * one, wr * c3 - wi * s3)
            store(yi, to + 3 * one, wr * s3 + wi * c3)


@inlined
def _last_stage(xr: Any, xi: Any, yr: Any, yi: Any) -> None:
    """Stage of size 4: all its factors are 1."""
    apart = LANES * POINTS // 4
    for q in range(POINTS // 4):
        at = LANES * q
        ar, ai = load(xr, at), load(xi, at)
        br, bi = load(xr, at + apart), load(xi, at + apart)
        cr, ci = load(xr, at + 2 * apart), load(xi, at + 2 * apart)
        dr, di = load(xr, at + 3 * apart), load(xi, at + 3 * apart)
        store(yr, at, (ar + cr) + (br + dr))
        store(yi, at, (ai + ci) + (bi + di))
        store(yr, at + apart, (ar - cr) + (bi - di))
        store(yi, at + apart, (ai - ci) - (br - dr))
        store(yr, at + 2 * apart, (ar + cr) - (br + dr))
        store(yi, at + 2 * apart, (ai + ci) - (bi + di))
        store(yr, at + 3 * apart, (ar - cr) - (bi - di))
        store(yi, at + 3 * apart, (ai - ci) + (br - dr))


@inlined
def transform(xr: Any, xi: Any, yr: Any, yi: Any, cos: Any, sin: Any) -> None:
    """Eight complex transforms of 1024 points, x -> y, both (8192,) twice; x is overwritten. Not scaled.

    With the real and imaginary arrays exchanged on both sides it is the inverse.
    """
    _stage(xr, xi, yr, yi, cos, sin, 1024, 1)
    _stage(yr, yi, xr, xi, cos, sin, 256, 4)
    _stage(xr, xi, yr, yi, cos, sin, 64, 16)
    _stage(yr, yi, xr, xi, cos, sin, 16, 64)
    _last_stage(xr, xi, yr, yi)


@inlined
def spectra(samples: Any, starts: Any, window: Any, cos: Any, sin: Any, work: Any, re: Any, im: Any) -> None:
    """Spectra of the eight frames of `samples` that begin at `starts` (8,): re, im (1025 * 8,), bin by bin.

    `window` (2048,) is half the window, since the two halves of the transform are added; `work` (4, 8192) is scratch.
    """
    xr, xi, yr, yi = work[0], work[1], work[2], work[3]
    for n in range(0, N_FFT, LANES):
        w = load(window, n)
        rows = transpose(
            load(samples, starts[0] + n) * w,
            load(samples, starts[1] + n) * w,
            load(samples, starts[2] + n) * w,
            load(samples, starts[3] + n) * w,
            load(samples, starts[4] + n) * w,
            load(samples, starts[5] + n) * w,
            load(samples, starts[6] + n) * w,
            load(samples, starts[7] + n) * w,
        )
        at = n // 2 * LANES
        store(xr, at, rows[0])
        store(xi, at, rows[1])
        store(xr, at + 8, rows[2])
        store(xi, at + 8, rows[3])
        store(xr, at + 16, rows[4])
        store(xi, at + 16, rows[5])
        store(xr, at + 24, rows[6])
        store(xi, at + 24, rows[7])
    transform(xr, xi, yr, yi, cos, sin)
    zero = splat(np.float32(0))
    first_r, first_i = load(yr, 0), load(yi, 0)
    both, rest = first_r + first_i, first_r - first_i
    store(re, 0, both + both)
    store(im, 0, zero)
    store(re, PLANE, rest + rest)
    store(im, PLANE, zero)
    for k in range(1, POINTS // 2 + 1):
        here, there = LANES * k, LANES * (POINTS - k)
        ar, ai = load(yr, here), load(yi, here)
        br, bi = load(yr, there), load(yi, there)
        even_r, even_i = ar + br, ai - bi
        odd_r, odd_i = ai + bi, br - ar
        c, s = splat(cos[k]), splat(sin[k])
        turned_r, turned_i = odd_r * c - odd_i * s, odd_r * s + odd_i * c
        store(re, here, even_r + turned_r)
        store(im, here, even_i + turned_i)
        store(re, there, even_r - turned_r)
        store(im, there, turned_i - even_i)


@inlined
def frames_of(re: Any, im: Any, cos: Any, sin: Any, work: Any) -> None:
    """Inverse of `spectra` but for window and factor: work[3] has even, work[2] odd samples of 2048 x eight frames."""
    xr, xi, yr, yi = work[0], work[1], work[2], work[3]
    store(xr, 0, load(re, 0) + load(re, PLANE))
    store(xi, 0, load(re, 0) - load(re, PLANE))
    for k in range(1, POINTS // 2 + 1):
        here, there = LANES * k, LANES * (POINTS - k)
        ar, ai = load(re, here), load(im, here)
        br, bi = load(re, there), load(im, there)
        even_r, even_i = ar + br, ai - bi
        dif_r, dif_i = ar - br, ai + bi
        c, s = splat(cos[k]), splat(sin[k])  # the conjugate factor is c - i s
        odd_r, odd_i = dif_r * c + dif_i * s, dif_i * c - dif_r * s
        store(xr, here, even_r - odd_i)
        store(xi, here, even_i + odd_r)
        store(xr, there, even_r + odd_i)
        store(xi, there, odd_r - even_i)
    transform(xi, xr, yr, yi, cos, sin)  # exchanged: yr becomes the imaginary part
