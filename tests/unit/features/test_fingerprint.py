"""Fingerprints: the bits of the definition, and what they survive."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from classically_punk.audio.decode import decode_content
from classically_punk.features import fingerprint as prints
from classically_punk.features.analysis import Analysis
from classically_punk.features.arrays import Samples
from classically_punk.features.describe import describe_and_fingerprint, describe_segments
from classically_punk.modelling.near_duplicates import SHARED, difference
from classically_punk.settings import Limits

RATE = 22_050


def melody(seed: int, seconds: float = 5.0) -> Samples:
    """Plucked notes of two seconds at random times and pitches over a little noise, peak 0.45."""
    random = np.random.Generator(np.random.PCG64(seed))
    t = np.arange(round(seconds * RATE)) / RATE
    sound = 0.002 * random.standard_normal(t.size)
    for start in np.cumsum(random.uniform(0.08, 0.3, round(8 * seconds))):
        heard = slice(int(start * RATE) + 1, int((start + 2) * RATE))
        since = t[heard] - start
        pitch = 110 * 2 ** (random.integers(0, 36) / 12)
        for partial in range(1, 6):
            sound[heard] += np.sin(2 * np.pi * pitch * partial * since) * np.exp(-(4 + partial) * since) / partial
    return (0.45 * sound / np.abs(sound).max()).astype(np.float32)


def encoded(samples: Samples, rate: int, kind: str, coding: str, **how: object) -> bytes:
    content = io.BytesIO()
    with soundfile.SoundFile(content, "w", rate, 1, format=kind, subtype=coding, **how) as file:
        file.write(samples)
    return content.getvalue()


def test_a_bit_says_whether_a_step_between_neighbouring_groups_has_risen() -> None:
    """Words by the formula, frame by frame and group by group, on random bands."""
    bands = np.random.Generator(np.random.PCG64(3)).uniform(0.5, 2.0, (60, 128)).astype(np.float32)
    edges = [round(8 + 68 * i / 33) for i in range(34)]
    groups = np.array([[row[a:b].sum(dtype=float) for a, b in itertools.pairwise(edges)] for row in bands])
    level = np.array([groups[n : n + 16].sum(axis=0) for n in range(60 - 15)])
    level = np.log(level + 1e-4 * level.mean())
    step = level[:, 1:] - level[:, :-1]
    expected = [sum(1 << i for i in range(32) if step[n + 8, i] - step[n, i] > 0.01) for n in range(45 - 8)]
    assert prints.words_of(bands).tolist() == expected


@pytest.mark.parametrize("frames", [0, 1, 23])
def test_a_clip_too_short_for_a_word_has_none(frames: int) -> None:
    words = prints.words_of(np.ones((frames, 128), dtype=np.float32))
    assert words.size == prints.sketch(words).size == 0


@pytest.mark.parametrize("samples", [np.zeros(RATE), np.full(RATE, 0.5), np.sin(np.arange(RATE) / 8)])
def test_where_nothing_changes_nothing_is_said(samples: np.ndarray) -> None:
    words = prints.fingerprint(samples.astype(np.float32))
    assert (words[3:-3] == 0).all()  # at the ends the clip itself begins and stops


def test_only_the_first_minute_is_heard() -> None:
    clip = melody(1, 70.0)
    words = prints.fingerprint(clip)
    assert words.size == 60 * RATE // 512 - 23
    np.testing.assert_array_equal(words, prints.words_of(Analysis(clip).first_pass.bands))
    clip[63 * RATE :] = 0
    np.testing.assert_array_equal(words, prints.fingerprint(clip))


def test_rows_and_fingerprint_come_from_one_analysis() -> None:
    clip = melody(2)
    rows, words = describe_and_fingerprint(clip, 3.0)
    np.testing.assert_array_equal(words, prints.fingerprint(clip))
    for row, alone in zip(rows, describe_segments(clip, 3.0), strict=True):
        np.testing.assert_array_equal(row.values, alone.values)


def test_a_clip_that_is_not_in_memory_has_the_same_fingerprint() -> None:
    clip = melody(2, 70.0)

    class Source:
        size = int(clip.size)

        def read(self, start: int, stop: int) -> Samples:
            return clip[start:stop].copy()

    _, words = describe_and_fingerprint(Source(), 30.0)
    np.testing.assert_array_equal(words, prints.fingerprint(clip))


def test_half_the_level_says_exactly_the_same() -> None:
    clip = melody(4)
    np.testing.assert_array_equal(prints.fingerprint(clip), prints.fingerprint(clip / 2))


@pytest.mark.parametrize(
    ("kind", "coding", "how"),
    [
        ("MP3", "MPEG_LAYER_III", {"bitrate_mode": "CONSTANT", "compression_level": 0.6}),  # 64 kb/s
        ("OGG", "VORBIS", {"compression_level": 0.7}),  # quality 3
    ],
)
def test_a_codec_changes_few_bits_and_leaves_words_to_be_found_by(
    kind: str, coding: str, how: dict[str, object]
) -> None:
    clip = melody(5)
    words = prints.fingerprint(clip)
    copy = prints.fingerprint(decode_content(encoded(clip, RATE, kind, coding, **how), Limits()).samples)
    assert difference(words, copy) < 0.1
    assert np.intersect1d(prints.sketch(words), prints.sketch(copy)).size >= SHARED


def test_another_rate_and_a_cut_beginning_change_few_bits() -> None:
    clip = melody(6)
    words = prints.fingerprint(clip)
    again = soxr.resample(soxr.resample(clip, RATE, 44_100), 44_100, RATE)
    assert difference(words, prints.fingerprint(again)) < 0.02
    assert difference(words, prints.fingerprint(clip[round(0.3 * RATE) :])) < 0.1
    assert difference(words, prints.fingerprint(melody(7))) > 0.3


@given(st.lists(st.integers(0, 2**32 - 1), max_size=200), st.randoms(use_true_random=False))
def test_a_sketch_knows_no_order_no_zero_and_no_repetition(values: list[int], random) -> None:  # type: ignore[no-untyped-def]
    words = np.asarray(values, dtype=np.uint32)
    kept = prints.sketch(words)
    assert set(kept.view(np.uint32).tolist()) <= set(values) - {0}
    assert len(set(kept.tolist())) == kept.size == min(64, len(set(values) - {0}))
    random.shuffle(values)
    np.testing.assert_array_equal(kept, prints.sketch(np.asarray(values + values, dtype=np.uint32)))
    np.testing.assert_array_equal(words, prints.unpacked(prints.packed(words)))


def test_the_hash_is_splitmix64() -> None:
    """First outputs for seeds 0 and 1234567, as published with the generator (Vigna; Rosetta Code)."""
    assert prints.mixed(np.asarray([0, 1_234_567], dtype=np.uint32)).tolist() == [
        0xE220A8397B1DCDAF,
        6_457_827_717_110_365_317,
    ]


def test_a_sketch_keeps_the_64_words_of_the_smallest_hash() -> None:
    def splitmix(seed: int) -> int:
        z = (seed + 0x9E3779B97F4A7C15) % 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    words = np.arange(1000, dtype=np.uint32)
    assert prints.sketch(words).tolist() == sorted(range(1, 1000), key=splitmix)[:64]
