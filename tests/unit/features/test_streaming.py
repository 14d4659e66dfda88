"""Clips too long for memory: the values of the stretches are those of the whole, and memory does not grow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from classically_punk.errors import ClipTooShortError, NonFiniteError, OutOfRangeError
from classically_punk.features import catalogue, streaming
from classically_punk.features.analysis import SAMPLE_RATE_HZ, Analysis
from classically_punk.features.catalogue import CATALOGUE, Feature
from classically_punk.features.describe import describe_clip, describe_segments
from classically_punk.features.exhibit import exhibit_of
from classically_punk.features.pitch import RunningTuning
from classically_punk.features.streaming import stretches, survey, whole_clip

Clip = NDArray[np.float32]
MINUTES = 10
COLUMNS = [column.name for column in catalogue.columns("punk")]
CLASSIC = {column.name for column in catalogue.columns("classic57")} | {"loudness_integrated_lufs"}


class Held:
    """A source whose samples are in memory after all."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self.size = int(clip.size)

    def read(self, start: int, stop: int) -> Clip:
        """A copy, so that nobody reads beyond it."""
        assert 0 <= start <= stop <= self.size
        return self._clip[start:stop].copy()


def music(seconds: float) -> Clip:
    """Chords out of tune over a beat with some noise, swelling; then silence, noise alone, one tone, in turn."""
    random = np.random.default_rng(17)
    time_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    bar = (time_s // 2).astype(int)
    roots = 220 * 2 ** ((np.array([0, 5, 7, 3])[bar % 4] + 0.17) / 12)
    clip = sum(0.1 * np.sin(2 * np.pi * roots * step * time_s) for step in (1, 1.26, 1.5, 2))
    burst = random.uniform(-0.6, 0.6, 900) * np.linspace(1, 0, 900)
    for start in range(0, clip.size - burst.size, 20 * 512):
        clip[start : start + burst.size] += burst
    clip *= 0.6 + 0.4 * np.sin(2 * np.pi * time_s / 61)
    clip += random.normal(0, 0.003, clip.size)
    part = (time_s // 11).astype(int) % 9
    clip[part == 4] = 0
    clip[part == 6] = random.normal(0, 0.05, np.count_nonzero(part == 6))
    clip[part == 8] = (0.3 * np.sin(2 * np.pi * 1234.5 * time_s))[part == 8]
    return clip.astype(np.float32)


def tone(seconds: float) -> Clip:
    """440 Hz: the heights of its peaks are nearly the same in all frames."""
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ)).astype("f4")


def clicks(seconds: float) -> Clip:
    """A decaying click now and then in digital silence."""
    clip = np.zeros(round(seconds * SAMPLE_RATE_HZ), dtype=np.float32)
    for start in range(5_000, clip.size - 20, 23_456):
        clip[start : start + 20] = np.exp(-np.arange(20) / 4)
    return clip


def assert_agree(found: NDArray[np.float64], expected: NDArray[np.float64], tolerance: float = 1e-4) -> None:
    """Relative; a mean near zero is held to 1 % of its curve's deviation. Tempo is equal.

    A variance below the square of what float32 can tell of a curve's values is that of their rounding. The own features
    are logarithms, decibels and shares: they are held to 1e-4 of 1 or more, the deviation behind a logarithm to 1e-5.
    """
    named = dict(zip(COLUMNS, expected.tolist(), strict=True))
    for (name, value), other in zip(named.items(), found.tolist(), strict=True):
        scale = abs(value)
        if name not in CLASSIC:
            scale = max(1, scale) * 1e-4 / tolerance
            if name.endswith("_log_dev") and abs(np.exp(other) - np.exp(value)) < 1e-5:
                continue
        elif name.endswith("_mean"):
            scale = max(scale, 0.01 * named[name.removesuffix("mean") + "var"] ** 0.5)
        elif name.endswith("_var"):
            scale += (2**-21 * named[name.removesuffix("var") + "mean"]) ** 2 / tolerance
        allowed = 0 if name == "tempo_bpm" else tolerance * scale + 1e-9
        assert abs(other - value) <= allowed, f"{name}: streamed {other!r}, exact {value!r}"


def exact(clip: Clip) -> NDArray[np.float64]:
    return np.array(list(describe_clip(clip, SAMPLE_RATE_HZ, "punk").values()))


@pytest.fixture(scope="module")
def ten_minutes() -> tuple[Clip, NDArray[np.float64]]:
    clip = music(60 * MINUTES)
    return clip, exact(clip)


@pytest.mark.parametrize("frames", [97, streaming.FRAMES])
def test_ten_minutes_streamed_are_ten_minutes_at_once(
    ten_minutes: tuple[Clip, NDArray[np.float64]], frames: int
) -> None:
    clip, expected = ten_minutes
    assert expected[COLUMNS.index("tempo_bpm")] == pytest.approx(60 * SAMPLE_RATE_HZ / (20 * 512))
    assert_agree(whole_clip(Held(clip), "punk", frames), expected)


@pytest.mark.corpus
@pytest.mark.parametrize("frames", [97, streaming.FRAMES])
def test_ten_minutes_of_music_streamed_are_ten_minutes_at_once(corpus: Path, frames: int) -> None:
    tracks = [sorted((corpus / "gtzan" / genre).iterdir())[n] for genre in ("blues", "metal") for n in range(10)]
    clip = np.concatenate([soundfile.read(track, dtype="float32")[0] for track in tracks])
    assert clip.size > 590 * SAMPLE_RATE_HZ
    assert_agree(whole_clip(Held(clip), "punk", frames), exact(clip))


@pytest.mark.parametrize(
    "clip",
    [
        pytest.param(music(95), id="music"),
        pytest.param(np.zeros(200_000, dtype=np.float32), id="silence"),
        pytest.param(np.random.default_rng(1).normal(0, 0.1, 300_001).astype(np.float32), id="noise"),
        pytest.param(clicks(20), id="clicks"),
        pytest.param(tone(20), id="tone"),
        pytest.param(np.full(100_000, 0.25, dtype=np.float32), id="constant"),
    ],
)
def test_any_kind_of_sound_agrees_however_it_is_cut(clip: Clip) -> None:
    expected = exact(clip)
    for frames in (2, 7, 64):
        assert_agree(whole_clip(Held(clip), "punk", frames), expected, tolerance=1e-5)


@pytest.mark.parametrize("size", [8820, 40 * 512 - 1, 40 * 512, 40 * 512 + 1, 64 * 512 + 511])
@pytest.mark.parametrize("frames", [2, 8, 20])
def test_any_length_agrees_however_it_is_cut(size: int, frames: int) -> None:
    clip = music(3)[:size]
    assert_agree(whole_clip(Held(clip), "punk", frames), exact(clip), tolerance=1e-5)


@pytest.mark.parametrize("feature", [pytest.param(feature, id=feature.name) for feature in CATALOGUE])
def test_every_entry_of_the_catalogue_can_be_streamed(feature: Feature) -> None:
    clip = music(30)
    expected = feature.kernel(Analysis(clip))
    known = survey(Held(clip), frames=100)
    once, again = feature.running(), feature.running()
    for stretch in stretches(Held(clip), known, frames=100):
        once.take(stretch)
        again.take(stretch)
    for found in (once.value(), again.value()):
        assert found.shape == expected.shape == (len(feature.scalars),)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-8)


def test_rows_of_a_source_are_those_of_its_samples() -> None:
    clip = music(16.6)
    held, streamed = describe_segments(clip, segment_s=3.0), describe_segments(Held(clip), segment_s=3.0)
    assert [row.segment for row in held] == [-1, 0, 1, 2, 3, 4, 5]
    for row, other in zip(held, streamed, strict=True):
        assert (row.segment, row.start_s, row.duration_s) == (other.segment, other.start_s, other.duration_s)
        assert_agree(other.values, row.values)
        if row.segment >= 0:  # pieces of a segment's length are in memory
            np.testing.assert_array_equal(other.values, row.values)


def test_a_source_without_a_trailing_half_segment_has_no_row_for_it() -> None:
    assert len(describe_segments(Held(music(7.4)), segment_s=3.0)) == 3
    whole, first = describe_segments(Held(music(2.0)), segment_s=3.0)
    np.testing.assert_array_equal(whole.values, first.values)


def test_the_classic_values_of_a_source_are_a_part_of_all() -> None:
    clip = music(10)
    names = [column.name for column in catalogue.columns("classic57")]
    everything = dict(zip(COLUMNS, whole_clip(Held(clip), "punk", 100), strict=True))
    np.testing.assert_array_equal(whole_clip(Held(clip), "classic57", 100), [everything[name] for name in names])


def test_some_entries_of_a_source_alone_have_the_bits_they_have_among_all() -> None:
    clip = music(10)
    everything, some = (whole_clip(Held(clip), "punk", 100, only) for only in (None, {"pitch_chroma"}))
    measured = np.char.startswith(COLUMNS, "pitch_chroma_")
    assert some[measured].tobytes() == everything[measured].tobytes()
    assert np.isnan(some[~measured]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sample_that_is_not_finite_is_refused_wherever_it_stands(bad: float) -> None:
    clip = music(100)
    clip[-3] = bad
    with pytest.raises(NonFiniteError, match="1 of "):
        describe_segments(Held(clip), segment_s=3.0)
    with pytest.raises(NonFiniteError):
        exhibit_of(Held(clip))


def test_samples_far_beyond_full_scale_are_refused_wherever_they_stand() -> None:
    clip = music(100)
    clip[-3] = 70_000
    with pytest.raises(OutOfRangeError):
        describe_segments(Held(clip), segment_s=3.0)


def test_a_source_that_gives_less_than_it_promised_is_refused() -> None:
    class Short(Held):
        def read(self, start: int, stop: int) -> Clip:
            return super().read(start, stop)[:-1]

    with pytest.raises(ValueError, match="wanted"):
        whole_clip(Short(music(5)), "punk")


def test_too_short_a_source_is_refused_as_samples_are() -> None:
    with pytest.raises(ClipTooShortError) as refused:
        whole_clip(Held(music(1)[:8819]), "punk")
    assert (refused.value.needed, refused.value.got) == (8820, 8819)


@pytest.mark.parametrize("seconds", [3.0, 130.0])
def test_pictures_of_a_source_are_those_of_its_samples(seconds: float) -> None:
    clip = music(seconds)
    expected, found = exhibit_of(clip), exhibit_of(Held(clip))
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert (found[name].shape, found[name].dtype) == (array.shape, array.dtype)
        # float16 has eleven bits
        np.testing.assert_allclose(found[name].astype(float), array.astype(float), rtol=2e-3, atol=1e-3, err_msg=name)


@pytest.mark.parametrize("count", [1, 2, 3, 1000, 1001])
@pytest.mark.parametrize("spread", [0.0, 1e-7, 0.002, 1.0, 8.0])
def test_tuning_of_peaks_that_come_piece_by_piece_is_librosas(count: int, spread: float) -> None:
    """From heights that are all the same to heights over many powers of ten; ties, neighbours, one cell, many."""
    for seed in range(10):
        random = np.random.default_rng(seed)
        bins = random.uniform(14, 372, count).astype(np.float32)
        heights = np.exp(spread * random.normal(size=count)).astype(np.float32)
        hertz = bins * SAMPLE_RATE_HZ / 2048
        expected = librosa.pitch_tuning(hertz[heights >= np.median(heights)], resolution=0.01)
        running = RunningTuning()
        pieces = list(zip(np.array_split(bins, 3), np.array_split(heights, 3), strict=True))
        for piece in pieces:
            running.take(*piece)
        if running.undecided:
            for piece in pieces:
                running.again(*piece)
        assert not running.undecided
        assert running.value() == expected


def test_a_survey_finds_the_tuning_and_the_peak_of_the_whole() -> None:
    for clip in (music(60), tone(30)):
        found, whole = survey(Held(clip), frames=100), Analysis(clip)
        assert found.tuning == whole.tuning
        assert found.peak == whole.first_pass.bands.max()


MEASURED = """
import sys
import numpy as np
from classically_punk.features import describe, exhibit, warm

class Repeated:
    def __init__(self, minutes):
        self.size = minutes * 60 * 22_050
    def read(self, start, stop):
        return np.resize(np.roll(NOISE, -start % NOISE.size), stop - start)

NOISE = np.random.default_rng(0).normal(0, 0.1, 100_003).astype(np.float32)
warm.read_only_cache()
source = Repeated(int(sys.argv[1]))
describe.describe_segments(source, 3.0)
exhibit.exhibit_of(source)
print(next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to say how much memory was used")
def test_memory_does_not_grow_with_the_length() -> None:
    """Peak of a process, in MiB: 5 minutes, and 25 (whose samples alone are 126)."""
    runs = [[sys.executable, "-c", MEASURED, minutes] for minutes in ("5", "25")]
    short, long = (float(subprocess.run(run, capture_output=True, text=True, check=True).stdout) for run in runs)
    assert long < 300
    assert long - short < 20  # the samples would be 101; how an allocator piles up the stretches is 10 of these
