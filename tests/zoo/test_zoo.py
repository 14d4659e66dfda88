"""Every file of the zoo becomes what the list of reason codes says, with its warnings, and no reject has features."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from classically_punk.audio.decode import Decoded, decode_file
from classically_punk.audio.inventory import walk
from classically_punk.audio.isolation import IsolatedDecoder
from classically_punk.errors import ClipError
from classically_punk.features.describe import describe_segments
from tests.zoo import aiff, au, caf, flac, foreign, mp3, nothing, ogg, places, signals, wav
from tests.zoo.case import LIMITS, SECONDS, Case, tone

MODULES = (wav, aiff, au, caf, flac, ogg, mp3, foreign, nothing, signals)
CASES: list[Case] = [case for module in MODULES for case in module.CASES]

OF_THE_TONE = {case for module in (wav, aiff, au, caf, flac, ogg, mp3) for case in module.CASES}
"""What is accepted of them has to sound like the tone it was made of."""

# All that one file alone can bring about. NOT_REGULAR and UNREADABLE are among the places; what needs a second file, a
# second look or a dying decoder is tested where that is made.
CODES = {
    "EMPTY_FILE",
    "TOO_SMALL",
    "NOT_AUDIO",
    "ARCHIVE",
    "FORMAT_NOT_ALLOWED",
    "HEADER_CORRUPT",
    "NO_SAMPLES",
    "TOO_SHORT",
    "TRUNCATED",
    "DECODE_ERROR",
    "DECODE_BUDGET",
    "TOO_LONG",
    "TOO_LARGE",
    "BAD_SAMPLE_RATE",
    "TOO_MANY_CHANNELS",
    "UNSUPPORTED_CODEC",
    "NON_FINITE",
    "OUT_OF_RANGE",
    "SILENT",
    "PHASE_CANCEL",
    "DC_OFFSET",
}
WARNINGS = {
    "TRUNCATED",
    "TOO_SHORT",
    "LENGTH_UNKNOWN",
    "CHAINED_STREAM",
    "DC_OFFSET",
    "OUT_OF_RANGE",
    "CLIPPED",
    "PARTLY_SILENT",
    "DEAD_CHANNEL",
    "SYNTHETIC",
}


@pytest.fixture(scope="module")
def decoder() -> Iterator[IsolatedDecoder]:
    """As the jobs decode: one child for all files, which none of them may kill."""
    with IsolatedDecoder(LIMITS) as isolated:
        first = isolated.process_id
        yield isolated
        assert isolated.process_id == first


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_case_becomes_what_it_has_to(case: Case, decoder: IsolatedDecoder) -> None:
    code, decoded = judged(lambda: decoder.decode_content(case.build()))
    assert code == case.code
    if decoded is None:
        return
    assert sorted(decoded.warnings) == sorted(case.warnings)
    if case.seconds is not None:
        assert decoded.duration_s == pytest.approx(case.seconds, abs=0.03)
    if case.seconds == SECONDS and case in OF_THE_TONE:
        heard = decoded.samples[: tone().size]
        assert np.corrcoef(heard, tone()[: heard.size])[0, 1] > 0.95
    rows = describe_segments(decoded.samples, segment_s=3.0)
    assert rows
    assert all(np.isfinite(row.values).all() for row in rows)


def judged(decode: Callable[[], Decoded]) -> tuple[str | None, Decoded | None]:
    """The reason code, or None and the clip."""
    try:
        return None, decode()
    except ClipError as error:
        return error.code, None


def test_every_code_and_every_warning_is_there_and_no_name_twice() -> None:
    assert {case.code for case in CASES} - {None} == CODES
    assert {warning for case in CASES for warning in case.warnings} == WARNINGS
    assert [name for name, times in Counter(case.name for case in CASES).items() if times > 1] == []
    assert len(CASES) >= 250


def test_the_same_case_is_the_same_bytes() -> None:
    for case in (wav.CASES[0], mp3.CASES[1], flac.CASES[0], nothing.CASES[-1]):
        assert case.build() == case.build()
    assert ogg.vorbis.__wrapped__() == ogg.vorbis.__wrapped__()


@pytest.mark.timeout(60)
def test_every_name_and_every_thing_in_a_folder_is_seen_once_and_judged(tmp_path: Path) -> None:
    expected = {place.path: (place.walked, place.code) for place in places.make(os.fsencode(tmp_path))}
    root = os.fsencode(tmp_path / "corpus")
    seen: dict[bytes, tuple[str | None, str | None]] = {}
    for found in walk(root):
        path = found.path[len(root) + 1 :]
        assert path not in seen
        code = None
        if found.reason is None:
            code, decoded = judged(lambda at=found: decode_file(at.path, LIMITS, at.size_bytes, at.modified_ns))
            assert decoded is None or decoded.warnings == ()
        seen[path] = (found.reason, code)
    assert seen == expected
