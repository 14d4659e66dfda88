"""What of a recording survives another gain, codec or rate: a sequence of 32-bit words, and a sketch to find it by.

After Haitsma and Kalker, "A highly robust audio fingerprinting system" (ISMIR 2002), on the mel bands that describing
a clip has computed already: 33 groups of bands from 0.2 to 2 kHz, powers averaged over 16 frames (0.37 s); bit i of a
word says whether the step in level from group i to group i + 1 rose by more than 0.04 dB within 8 frames. No gain, and
hardly a codec, changes the sign of that difference of differences.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from classically_punk.features.analysis import HOP, N_FFT, SAMPLE_RATE_HZ, Analysis
from classically_punk.features.arrays import Samples

Words = NDArray[np.uint32]
"""A word a frame, about 43 a second; shape (t,)."""

DEFINITION: Final = "mel32@1"
"""Name of this definition; to be raised with every change that changes words or sketches."""
LONGEST_S: Final = 60.0
"""Only so much of a clip is heard: words enough to know it by, however long it is."""
BITS: Final = 32
EDGES: Final = np.round(np.linspace(8, 76, BITS + 2)).astype(np.int64)
"""Mel bands (of 128) between which the 33 groups lie."""
AVERAGED, APART = 16, 8
RISE: Final = 0.01
"""Natural logarithm of a power ratio: what changes less does not change."""
FLOOR: Final = 1e-4
"""Share of the clip's mean group power below which nothing is heard: there codecs put what they like."""
SKETCH: Final = 64
"""Words that a clip is looked up by."""
MAX_FRAMES: Final = int(LONGEST_S * SAMPLE_RATE_HZ) // HOP
NEEDED: Final = MAX_FRAMES * HOP + N_FFT
"""Samples beyond which nothing changes the fingerprint."""


def fingerprint(samples: Samples) -> Words:
    """Mono samples (n,) at 22 050 Hz -> a word a frame of the first minute. Raises ClipTooShortError if n < 1025."""
    return words_of(Analysis(samples[:NEEDED]).first_pass.bands)


def words_of(bands: NDArray[np.float32]) -> Words:
    """Power in 128 mel bands, (t, 128) as of `Analysis.first_pass` -> a word a frame of its first minute, (t - 23,).

    Empty where the clip has fewer than 24 frames (0.56 s). Where nothing changes the word is 0.
    """
    power = bands[:MAX_FRAMES, : EDGES[-1]]
    if len(power) < AVERAGED + APART:
        return np.zeros(0, dtype=np.uint32)
    groups = np.add.reduceat(power, EDGES[:-1], axis=1, dtype=np.float64)
    summed = np.vstack([np.zeros((1, BITS + 1)), np.cumsum(groups, axis=0)])
    level = summed[AVERAGED:] - summed[:-AVERAGED]
    level += FLOOR * level.mean() + np.finfo(np.float32).tiny
    steps = np.diff(np.log(level), axis=1)
    rises = steps[APART:] - steps[:-APART] > RISE
    words: Words = np.packbits(rises, axis=1, bitorder="little").view("<u4").ravel().astype(np.uint32)
    return words


def sketch(words: Words) -> NDArray[np.int32]:
    """Words (t,) -> up to 64 of the distinct ones but 0: those of the smallest hash, in that order, as signed numbers.

    Which words are kept depends on the words alone, not on where they stand: copies of a recording keep the same ones
    (bottom-k sketch; Broder 1997), and share about as many as their sets of words do.
    """
    distinct = np.unique(words)
    distinct = distinct[distinct != 0]
    smallest = np.argsort(mixed(distinct), kind="stable")[:SKETCH]
    return np.asarray(distinct[smallest].view(np.int32))


def mixed(words: Words) -> NDArray[np.uint64]:
    """(n,) words -> (n,) hashes in which every bit of a word moves every bit (finaliser of splitmix64)."""
    mixed = words.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def packed(words: Words) -> bytes:
    """Words as they are kept in a table: four bytes each, the lowest first."""
    return words.astype("<u4").tobytes()


def unpacked(content: bytes) -> Words:
    """The words of `packed`. Raises ValueError if the length is no multiple of four."""
    return np.frombuffer(content, dtype="<u4").astype(np.uint32)
