"""The checks do not depend on how the clip was cut into blocks, and their thresholds are where they are said to be."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from classically_punk.audio import integrity
from classically_punk.audio.integrity import Scan, check_values
from classically_punk.errors import ClipError, OutOfRangeError

RATE = 1_000


def verdict(samples: NDArray[np.float64], blocks: int) -> tuple[str, ...]:
    scan = Scan(samples.shape[1], RATE)
    try:
        for block in np.array_split(samples, blocks):
            check_values(block)
            scan.add(block, block.mean(axis=1))
        return scan.judge()
    except ClipError as error:
        return (error.code,)


def sine(level: float = 0.5, seconds: int = 3) -> NDArray[np.float64]:
    return np.asarray(level * np.sin(2 * np.pi * 7 * np.arange(seconds * RATE) / RATE))[:, np.newaxis]


def opposite(leftover_db: float) -> NDArray[np.float64]:
    """Two channels whose mix has this much of a channel's power: R = -L (1 - 2 a) mixes to a L."""
    share = 10 ** (leftover_db / 20)
    return np.hstack([sine(), -(1 - 2 * share) * sine()])


CASES = {
    "music": (sine(), ()),
    "clipped": (np.clip(4 * sine(), -1, 1), ("CLIPPED",)),
    "half silent": (np.concatenate([sine(), 0 * sine()]), ("PARTLY_SILENT",)),
    "everything at once": (
        np.hstack([np.concatenate([np.clip(4 * sine(), -1.5, 1.5), 0 * sine()]), np.zeros((6 * RATE, 1))]),
        ("OUT_OF_RANGE", "CLIPPED", "PARTLY_SILENT", "DEAD_CHANNEL"),
    ),
    "cancelling to -19 dB": (opposite(-19), ()),
    "cancelling to -21 dB": (opposite(-21), ("PHASE_CANCEL",)),
    "quieter than 16 bits": (sine(2.0**-16), ("SILENT",)),
    "as quiet as 16 bits can be": (sine(2.0**-15), ()),
    "an offset of 0.9 %": (0.009 + sine(), ()),
    "an offset of 1.1 %": (0.011 + sine(), ("DC_OFFSET",)),
}


@pytest.mark.parametrize("blocks", [1, 7, 1_500])
@pytest.mark.parametrize("name", CASES)
def test_verdicts_do_not_depend_on_the_blocks(name: str, blocks: int) -> None:
    samples, expected = CASES[name]
    assert verdict(samples, blocks) == expected


def test_flat_tops_are_counted_by_run_and_level() -> None:
    for level, flat in [(integrity.CLIPPED_LEVEL, True), (integrity.CLIPPED_LEVEL - 0.01, False)]:
        assert ("CLIPPED" in verdict(np.clip(4 * sine(), -level, level), 3)) is flat


@pytest.mark.parametrize("blocks", [1, 7, 5_000])
@pytest.mark.parametrize(("equal", "warnings"), [(4, ()), (5, ("CLIPPED",))])
def test_flat_tops_are_counted_once_across_blocks(equal: int, warnings: tuple[str, ...], blocks: int) -> None:
    # 20 000 samples may hold two that follow two equal ones; a run of n holds n - 2.
    samples = sine(seconds=20)
    samples[10_001 : 10_001 + equal] = 1.0
    assert verdict(samples, blocks) == warnings


def test_the_largest_sample_is_2_to_the_16() -> None:
    check_values(np.array([[2.0**16]]))
    with pytest.raises(OutOfRangeError):
        check_values(np.array([[2.0**16 + 0.01]]))
