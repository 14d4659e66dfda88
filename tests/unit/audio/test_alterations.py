"""Altered copies: levels, spectra and speeds as the formulas say, and the same copy from the same line and key."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
import soxr
from numpy.typing import NDArray
from tests.conftest import WriteWav

from classically_punk.audio.alterations import CONDITIONS, EQUALISER_HZ, Alteration, drawn
from classically_punk.audio.decode import decode_file
from classically_punk.settings import Limits

RATE = 22_050


def noise(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def sine(hertz: float, seconds: float, level: float = 0.25) -> NDArray[np.float32]:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def rms(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def altered(samples: NDArray[np.float32], text: str, key: str = "clip") -> NDArray[np.float32]:
    return Alteration.parse(text).apply(samples, key)


def gain_db(text: str, hertz: float) -> float:
    """What becomes of a sine, away from the ends of the clip."""
    before = sine(hertz, 2.0)
    inner = slice(RATE // 2, -RATE // 2)
    return 20 * np.log10(rms(altered(before, text)[inner]) / rms(before[inner]))


@pytest.mark.parametrize("knot", range(8))
def test_the_equaliser_gives_each_knot_its_gain(knot: int) -> None:
    gains = [-6.0, 4.0, -2.0, 0.0, 7.5, -8.0, 3.0, -1.0]
    text = "equaliser:" + ",".join(str(gain) for gain in gains)
    # a knot is the corner of two straight lines, and the lowest bins are 5 Hz apart
    assert gain_db(text, float(EQUALISER_HZ[knot])) == pytest.approx(gains[knot], abs=0.5)
    if knot < 7:
        between = float(np.sqrt(EQUALISER_HZ[knot] * EQUALISER_HZ[knot + 1]))
        assert gain_db(text, between) == pytest.approx((gains[knot] + gains[knot + 1]) / 2, abs=0.4)


@pytest.mark.parametrize("octaves", [-3, -2, -1, 0, 1, 2])
def test_bands_fall_off_like_a_third_order_butterworth(octaves: int) -> None:
    corner = 1_000.0
    b, a = scipy.signal.butter(3, 2 * np.pi * corner, "low", analog=True)
    expected = 20 * np.log10(np.abs(scipy.signal.freqs(b, a, [2 * np.pi * corner * 2.0**octaves])[1][0]))
    assert gain_db("lowpass:1000", corner * 2.0**octaves) == pytest.approx(expected, abs=0.1)
    assert gain_db("highpass:1000", corner / 2.0**octaves) == pytest.approx(expected, abs=0.2)


def test_filters_do_not_shift_the_clip_in_time() -> None:
    click = np.zeros(RATE, dtype=np.float32)
    click[7_000] = 1.0
    for text in ("equaliser:3,1,-4,0,2,5,-1,2", "lowpass:2000", "highpass:120", "room:0.3,10", "limiter:10"):
        assert np.argmax(np.abs(altered(click, text))) == 7_000, text


def test_a_room_decays_by_60_db_in_its_time_and_holds_the_energy_it_should() -> None:
    click = np.zeros(2 * RATE, dtype=np.float32)
    click[1_000] = 1.0
    tail = altered(click, "room:0.5,6").astype(np.float64)[1_000:]
    assert tail[0] == pytest.approx(1.0, abs=1e-3)
    assert 10 * np.log10(tail[0] ** 2 / np.sum(tail[1:] ** 2)) == pytest.approx(6.0, abs=0.1)
    steps = np.arange(10, 400, 10) / 1_000  # [s]
    levels = [10 * np.log10(np.mean(tail[round(t * RATE) : round((t + 0.01) * RATE)] ** 2)) for t in steps]
    assert np.polyfit(steps, levels, 1)[0] == pytest.approx(-60 / 0.5, rel=0.06)


def test_the_limiter_turns_down_what_is_loud_and_leaves_what_is_soft() -> None:
    loud, soft = sine(441, 2.0, 0.5), sine(441, 2.0, 0.005)  # 40 dB apart
    out = altered(np.concatenate([soft, loud]), "limiter:16")
    assert rms(out[: RATE // 2 * 3]) == pytest.approx(rms(soft), rel=1e-3)
    # 16 dB above the threshold become 2 dB: the ratio is 8
    assert 20 * np.log10(rms(out[-RATE:]) / rms(loud)) == pytest.approx(-14.0, abs=0.1)
    jump = out[2 * RATE - 10 : 2 * RATE + 2_000]
    assert np.abs(jump).max() < 0.5 * 10 ** (-13 / 20)  # it looks ahead: no peak gets through


@pytest.mark.parametrize("ratio", [0.85, 0.94, 1.06, 1.15])
def test_tape_speed_scales_length_and_pitch(ratio: float) -> None:
    before = sine(1_000, 4.0)
    after = altered(before, f"speed:{ratio}")
    assert Alteration.parse(f"speed:{ratio}").speed == ratio
    assert after.size == round(before.size / ratio)
    spectrum = np.abs(np.fft.rfft(after * np.hanning(after.size), 1 << 20))
    assert np.argmax(spectrum) * RATE / (1 << 20) == pytest.approx(1_000 * ratio, abs=0.1)
    assert rms(after[1_000:-1_000]) == pytest.approx(rms(before), rel=1e-3)


def test_speed_keeps_moments_where_they_belong() -> None:
    click = np.zeros(4 * RATE, dtype=np.float32)
    click[3 * RATE] = 1.0
    assert np.argmax(altered(click, "speed:1.1")) == pytest.approx(3 * RATE / 1.1, abs=1)


@pytest.mark.parametrize("below", [10.0, 30.0])
def test_noise_is_white_and_so_many_db_below(below: float) -> None:
    before = sine(441, 10.0)
    added = altered(before, f"noise:{below}") - before
    assert 20 * np.log10(rms(before) / rms(added)) == pytest.approx(below, abs=0.05)
    _, power = scipy.signal.welch(added, RATE, nperseg=256)
    assert 10 * np.log10(power[2:-2].max() / power[2:-2].min()) < 2


@pytest.mark.parametrize(("text", "factor"), [("gain:+6", 1.99526), ("gain:-6", 0.50119)])
def test_six_decibels_are_about_a_factor_of_two(text: str, factor: float) -> None:
    before = sine(441, 1.0, 0.9)
    np.testing.assert_allclose(altered(before, text), factor * before, rtol=1e-5)


@pytest.mark.parametrize("rate", [64, 128])
def test_mp3_has_the_rate_it_says_and_stays_in_place(rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (scipy.signal.lfilter([1], [1, -0.9], noise(10.0)) * 0.5).astype(np.float32)
    sizes: list[int] = []
    read = soundfile.read

    def weighed(file: io.BytesIO, **how: str) -> tuple[NDArray[np.float32], int]:
        sizes.append(len(file.getvalue()))
        return read(file, **how)  # type: ignore[no-any-return]

    monkeypatch.setattr(soundfile, "read", weighed)
    after = altered(before, f"mp3:{rate}")
    assert after.size == before.size
    assert sizes[0] * 8 / 10.0 / 1_000 == pytest.approx(rate, rel=0.02)
    lag = np.argmax(scipy.signal.correlate(after, before, method="fft")) - (before.size - 1)
    assert lag == 0
    assert 0.001 < rms(after - before) / rms(before) < 0.3


def test_a_cd_gives_back_what_it_was_made_of() -> None:
    before = sine(1_000, 2.0) + sine(5_000, 2.0, 0.1)
    after = altered(before, "resampled:44100-stereo")
    assert after.size == before.size
    np.testing.assert_allclose(after[500:-500], before[500:-500], atol=1e-4)
    assert rms(after - before) > 1e-6  # 16 bits: a step of 3e-5, errors of a third of it


def test_a_cd_is_read_as_the_decoder_reads_one(tmp_path: Path, write_wav: WriteWav) -> None:
    before = noise(3.0)
    up = soxr.resample(before, RATE, 44_100, quality="HQ")
    path = write_wav(tmp_path / "cd.wav", np.stack([up, up], axis=1), 44_100)
    decoded = decode_file(os.fsencode(path), Limits()).samples
    np.testing.assert_array_equal(altered(before, "resampled:44100-stereo"), decoded)


def test_a_piece_is_cut_out_of_the_clip_at_a_start_that_the_key_decides() -> None:
    before = noise(30.0)
    five = Alteration.parse("length:5")
    parts = {key: five.part(before.size, key) for key in "abcdefgh"}
    assert len(set(parts.values())) > 4
    for key, (start, stop) in parts.items():
        assert stop - start == 5 * RATE
        np.testing.assert_array_equal(five.apply(before, key), before[start:stop])
        np.testing.assert_array_equal(five.apply(before[start:stop], key), before[start:stop])
    assert Alteration.parse("gain:+6").part(99, "a") == (0, 99)
    assert five.cuts
    assert five.needs == 5 * RATE + 1
    assert Alteration.parse("gain:+6").needs == 1
    with pytest.raises(ValueError, match="no piece of 5 s"):
        five.apply(before[: 5 * RATE - 1], "a")


EVERY = (*CONDITIONS, *(drawn(f"clip{i}", copy, 3).text for i in range(3) for copy in range(4)))


@pytest.mark.parametrize("text", EVERY)
def test_every_alteration_is_repeatable_finite_and_as_long_as_it_says(text: str) -> None:
    before = noise(12.0)
    kept = before.copy()
    alteration = Alteration.parse(text)
    assert alteration.text == text
    after = alteration.apply(before, "a")
    np.testing.assert_array_equal(after, Alteration.parse(text).apply(before, "a"))
    np.testing.assert_array_equal(before, kept)  # what came in is nobody's to change
    assert after.dtype == np.float32
    assert np.isfinite(after).all()
    expected = float(text.split(":")[1]) * RATE if alteration.cuts else before.size / alteration.speed
    assert after.size == round(expected)
    silence = alteration.apply(np.zeros(12 * RATE, dtype=np.float32), "a")
    assert np.abs(silence).max() <= 1.01 / 32_768  # an encoder may leave a rounding, nothing else


@pytest.mark.parametrize("text", [text for text in EVERY if not text.startswith("length")])
@pytest.mark.parametrize("size", [1, 700, 11_025])
def test_a_clip_shorter_than_any_filter_is_altered_too(text: str, size: int) -> None:
    after = altered(noise(1.0)[:size], text)
    assert after.size == max(1, round(size / Alteration.parse(text).speed))
    assert np.isfinite(after).all()


def test_random_steps_differ_between_clips_and_lines() -> None:
    before = sine(441, 1.0)
    made = [altered(before, text, key) for text, key in (("noise:30", "a"), ("noise:30", "b"), ("noise:31", "a"))]
    errors = [one - before for one in made]
    for i, j in ((0, 1), (0, 2)):
        assert abs(np.corrcoef(errors[i], errors[j])[0, 1]) < 0.05


def test_drawn_copies_combine_what_they_should_within_their_bounds() -> None:
    made = [drawn(f"clip{i}", copy, 0) for i in range(500) for copy in range(4)]
    assert len({one.text for one in made}) == len(made)
    assert drawn("clip7", 2, 0) == drawn("clip7", 2, 0)
    assert drawn("clip7", 2, 0) != drawn("clip7", 2, 1)
    told: dict[str, list[list[float]]] = {}
    for one in made:
        for name, values in one.steps:
            told.setdefault(name, []).append([float(value) for value in values.split(",")])
    shares = {name: len(values) / len(made) for name, values in told.items()}
    expected = {"equaliser": 1.0, "lowpass": 0.25, "highpass": 0.25, "room": 0.4, "limiter": 0.4}
    expected |= {"speed": 0.5, "noise": 0.5}
    assert shares == pytest.approx(expected, abs=0.05)
    assert max(abs(gain) for gains in told["equaliser"] for gain in gains) <= 8.0
    assert all(0.06 <= abs(ratio - 1) <= 0.15 for [ratio] in told["speed"])
    assert all(20 <= below <= 40 for [below] in told["noise"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "echo:3",
        "equaliser:1,2",
        "speed",
        "speed:0",
        "speed:nan",
        "noise:a",
        "mp3:500",
        "gain:6;",
        "length:-1",
        "length:3;gain:6",
    ],
)
def test_a_line_that_is_none_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected one of|takes|alone"):
        Alteration.parse(text)
