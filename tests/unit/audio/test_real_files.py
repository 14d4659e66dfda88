"""Real recordings, and real files that are broken: each judged by ear and by its header, not by what the code says."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from classically_punk.audio.decode import decode_file
from classically_punk.audio.inventory import walk
from classically_punk.errors import ClipError
from classically_punk.genres import GTZAN
from classically_punk.settings import Limits

pytestmark = pytest.mark.corpus

# By the beginning of the name, the first that fits.
FAULTY = [
    ("AudioFile-", "accepted"),  # eight seconds of 8 or 16 bits
    ("hound-crash-", "HEADER_CORRUPT"),
    ("hound-oom-", "TOO_SMALL"),  # 22 bytes
    ("hound-", "TOO_SHORT"),  # one to a hundred samples
    ("html-page", "NOT_AUDIO"),
    ("jazz.00054", "NOT_AUDIO"),  # samples without a header
    ("scipy-test-1234Hz", "BAD_SAMPLE_RATE"),
    ("scipy-test-44100Hz-le-1ch-4bytes-early-eof-no-data", "HEADER_CORRUPT"),  # no data chunk
    ("scipy-test-44100Hz-le-1ch-4bytes-early-eof", "TRUNCATED"),  # 944 of 17640 bytes
    ("scipy-test-44100Hz-le-1ch-4bytes-incomplete-chunk", "TOO_SMALL"),  # 13 bytes
    ("scipy-test-8000Hz-le-3ch-5S-36bit", "UNSUPPORTED_CODEC"),
    ("scipy-test-8000Hz-le-3ch-5S-45bit", "UNSUPPORTED_CODEC"),
    ("scipy-test-8000Hz-le-3ch-5S-53bit", "UNSUPPORTED_CODEC"),
    ("scipy-test-8000Hz-le-3ch-5S-64bit", "UNSUPPORTED_CODEC"),
    ("scipy-test-", "TOO_SHORT"),  # 5 to 4410 samples
]


def test_every_faulty_file_becomes_what_it_is(corpus: Path) -> None:
    outcomes, expected = {}, {}
    for found in walk(os.fsencode(corpus / "faulty")):
        name = os.fsdecode(found.path).rsplit("/", 1)[1]
        expected[name] = next(code for start, code in FAULTY if name.startswith(start))
        try:
            decode_file(found.path, Limits(), found.size_bytes, found.modified_ns)
        except ClipError as error:
            outcomes[name] = error.code
        else:
            outcomes[name] = "accepted"
    assert outcomes == expected
    assert len(outcomes) == 52


def test_every_real_track_is_accepted_as_it_is(corpus: Path) -> None:
    for genre in GTZAN:
        paths = sorted((corpus / "gtzan" / genre).iterdir())
        assert len(paths) == 10
        for path in paths:
            decoded = decode_file(os.fsencode(path), Limits())
            assert set(decoded.warnings) <= {"DC_OFFSET", "CLIPPED"}, path
            np.testing.assert_array_equal(decoded.samples, soundfile.read(path, dtype="float32")[0])
