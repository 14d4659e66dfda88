"""The signal that the project's own features are measured on: what tells of the recording and not of the music removed.

Below 30 Hz (rumble, direct current) and above 9.1 kHz (what codecs and tapes cut off) nothing is left, and every piece
is brought to the same level. So none of the features that follow can tell how loud a copy is, what a converter adds, or
at which frequency an encoder stops.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classically_punk.features.arrays import Samples
from classically_punk.features.compiled import inlined, kernel
from classically_punk.features.lanes import last, moved_up, quad, store_quad

CONDITIONING: Final = (
    "elliptic low pass of order 8 at 9100 Hz (0.2 dB, -70 dB) and high pass of order 7 at 30 Hz (0.2 dB, -80 dB), begun"
    " on the first 8192 samples backwards, then scaled to a root mean square of 0.1"
)
LOWEST_HZ: Final = 30.0
HIGHEST_HZ: Final = 9000.0
"""Between them everything passes: what is measured lies within."""
SECTIONS: Final = np.array(
    [
        [0.257728038635143, 0.5122816503314751, 0.25772803863514304, 1.0, 0.4932934140861229, 0.16672041184043743],
        [1.0, 1.91500378396192, 0.9999999999999997, 1.0, 1.2326104861449307, 0.6553689640803566],
        [1.0, 1.8445434248907808, 1.0, 1.0, 1.5634092644623696, 0.8773779980681351],
        [1.0, 1.8098314256267483, 0.9999999999999999, 1.0, 1.6868841920337627, 0.9690754292988879],
        [0.9790849166025661, -0.9790849166025661, 0.0, 1.0, -0.9772360017237045, 0.0],
        [1.0, -1.9999934078747696, 1.0, 1.0, -1.9853992218707885, 0.9855996020805706],
        [1.0, -1.9999807094403665, 0.9999999999999999, 1.0, -1.996034281794419, 0.9961279307889259],
        [1.0, -1.9999722942838363, 1.0000000000000002, 1.0, -1.9990353411313948, 0.9991052703724165],
    ]
)
"""b0 b1 b2 a0 a1 a2 of each section at 22 050 Hz: scipy.signal.ellip(8, 0.2, 70, 9100, fs=22050, output="sos"), then
ellip(7, 0.2, 80, 30, "high", …), whose odd order leaves nothing at all of a constant."""
COUNT: Final = 8
PREROLL: Final = 8192
"""Samples before the first (0.37 s): the piece itself, backwards, so that the filters have forgotten their start."""
LEVEL: Final = 0.1
"""Root mean square of a conditioned piece."""
SILENCE: Final = 1e-5
"""Root mean square (-100 dBFS) below which a piece is not raised any further: it is silence and stays silence."""
ROUNDING: Final = 1e-7
"""Root mean square (-140 dBFS) below which a piece is what rounding has left: it becomes zeros."""
RUN: Final = 1 << 18
FORGOTTEN: Final = 1e-30
"""State of the filters that is set to 0 every so many samples: in a long silence it would get subnormal, and slow."""


@inlined
def _section(x: Any, i: int, sections: Any, state: Any) -> Any:
    """One sample through section `i`, transposed direct form II."""
    y = sections[i, 0] * x + state[i, 0]
    state[i, 0] = sections[i, 1] * x - sections[i, 4] * y + state[i, 1]
    state[i, 1] = sections[i, 2] * x - sections[i, 5] * y
    return y


@kernel("float64(float32[::1], float64[:, ::1], float64[:, ::1], float32[::1])")
def run_sections(samples: Any, sections: Any, state: Any, out: Any) -> float:
    """Eight second-order sections over (n,): `out` (n,); returns the sum of squares. scipy.signal.sosfilt.

    `state` (8, 2) is where the filters stand before and, afterwards, behind the last sample. While section 0 works on
    sample t, section i works on sample t - i: four of them are one vector, and no section waits for the one before.
    """
    size = samples.size
    energy = 0.0
    buffer = np.empty(COUNT)
    if size < COUNT:
        for n in range(size):
            x: Any = np.float64(samples[n])
            for i in range(COUNT):
                x = _section(x, i, sections, state)
            out[n] = x
            energy += x * x
        return energy
    for n in range(COUNT - 1):  # section i has done 7 - i samples when all can start together
        buffer[n] = samples[n]
    for i in range(COUNT - 1):
        for n in range(COUNT - 1 - i):
            buffer[n] = _section(buffer[n], i, sections, state)
    table = np.empty((7, COUNT))  # b0, b1, b2, a1, a2, and the two states, section by section
    results = np.empty(COUNT)
    for i in range(COUNT):
        table[0, i], table[1, i], table[2, i] = sections[i, 0], sections[i, 1], sections[i, 2]
        table[3, i], table[4, i] = -sections[i, 4], -sections[i, 5]
        table[5, i], table[6, i] = state[i, 0], state[i, 1]
        results[i] = buffer[COUNT - 2 - i] if i < COUNT - 1 else 0.0
    flat = table.reshape(-1)
    b0, b1, b2, a1, a2 = quad(flat, 0), quad(flat, 8), quad(flat, 16), quad(flat, 24), quad(flat, 32)
    d0, d1, d2, c1, c2 = quad(flat, 4), quad(flat, 12), quad(flat, 20), quad(flat, 28), quad(flat, 36)
    s1, s2, t1, t2 = quad(flat, 40), quad(flat, 48), quad(flat, 44), quad(flat, 52)
    y, z = quad(results, 0), quad(results, 4)
    for n in range(COUNT - 1, size):
        w = moved_up(last(y), z)
        x = moved_up(np.float64(samples[n]), y)
        y = b0 * x + s1
        s1 = (b1 * x + s2) + a1 * y
        s2 = b2 * x + a2 * y
        z = d0 * w + t1
        t1 = (d1 * w + t2) + c1 * z
        t2 = d2 * w + c2 * z
        found = last(z)
        out[n - (COUNT - 1)] = found
        energy += found * found
    store_quad(flat, 40, s1)
    store_quad(flat, 44, t1)
    store_quad(flat, 48, s2)
    store_quad(flat, 52, t2)
    store_quad(results, 0, y)
    store_quad(results, 4, z)
    for i in range(COUNT):
        state[i, 0], state[i, 1] = table[5, i], table[6, i]
    for i in range(1, COUNT):  # section i has i samples still to do: what the one before has left it, then its last
        for n in range(i - 1, 0, -1):
            buffer[n] = buffer[n - 1]
        buffer[0] = results[i - 1]
        for n in range(i):
            buffer[n] = _section(buffer[n], i, sections, state)
    for n in range(COUNT - 1):
        out[size - (COUNT - 1) + n] = buffer[n]
        energy += buffer[n] * buffer[n]
    return energy


def _steady() -> NDArray[np.float64]:
    """State (8, 2) of filters that have heard 1 for ever; scipy.signal.sosfilt_zi."""
    state = np.zeros((COUNT, 2))
    level = 1.0
    for section, place in zip(SECTIONS, state, strict=True):
        b0, b1, b2, _, a1, a2 = section
        after = level * (b0 + b1 + b2) / (1 + a1 + a2)
        place[1] = b2 * level - a2 * after
        place[0] = b1 * level - a1 * after + place[1]
        level = after
    return state


STEADY: Final = _steady()


class Filter:
    """The filters on their way through a clip; `energy` is the sum of squares of what has come out."""

    def __init__(self, beginning: Samples) -> None:
        """`beginning`: the first samples of the clip, 8193 or all of them."""
        backwards = np.ascontiguousarray(beginning[min(PREROLL, beginning.size - 1) : 0 : -1])
        # a constant has no effect at all, since the filters begin as if it had always been there
        self._state = STEADY * float(np.mean(backwards if backwards.size else beginning, dtype=np.float64))
        run_sections(backwards, SECTIONS, self._state, np.empty_like(backwards))
        self.energy = 0.0

    def take(self, samples: Samples) -> Samples:
        """The next (n,) of the clip -> (n,), not yet scaled."""
        out = np.empty(samples.size, dtype=np.float32)
        for first in range(0, samples.size, RUN):
            here = slice(first, first + RUN)
            self.energy += run_sections(samples[here], SECTIONS, self._state, out[here])
            self._state[np.abs(self._state) < FORGOTTEN] = 0
        return out


def gain(energy: float, size: int) -> float:
    """What brings `size` samples of that sum of squares to the common level, at most 10 000; 0 if there is nothing."""
    level = float(np.sqrt(energy / size))
    return LEVEL / max(level, SILENCE) if level > ROUNDING else 0.0


def conditioned(samples: Samples) -> Samples:
    """Mono samples (n,) at 22 050 Hz -> (n,) without what is below 30 Hz and above 9.1 kHz, at a level of 0.1."""
    through = Filter(samples[: PREROLL + 1])
    out = through.take(samples)
    out *= np.float32(gain(through.energy, samples.size))
    return out
