"""What holds for any file, from bytes to rows: a known code or finite values, and what definitions imply."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.zoo import aiff, au, caf, flac, mp3, wav
from tests.zoo.case import RATE, encoded, pcm16, tone

from classically_punk import errors
from classically_punk.audio.decode import decode_content
from classically_punk.errors import ClipError
from classically_punk.features import catalogue
from classically_punk.features.describe import describe_segments
from classically_punk.settings import Limits

LIMITS = Limits(max_bytes=1 << 20, max_duration_s=10.0)
CODES = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "code")}
NAMES = [column.name for column in catalogue.columns("punk")]
OF_SIGNALS = {"SILENT", "DC_OFFSET", "PHASE_CANCEL", "NON_FINITE", "OUT_OF_RANGE"}
MAGICS = [
    b"",
    b"RIFF\0\0\0\0WAVEfmt ",
    b"RIFX\0\0\0\0WAVE",
    b"RF64",
    b"FORM\0\0\0\0AIFFCOMM",
    b".snd",
    b"fLaC\0\0\0\x22",
]
MAGICS += [b"OggS\0\2", b"caff\0\1\0\0desc", b"ID3\4\0\0\0\0\0\0", b"\xff\xfb\x90\x44", b"riff\x2e\x91\xcf\x11"]

few = settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
many = settings(few, max_examples=300)

Rows = NDArray[np.float64]


def rows(content: bytes) -> Rows:
    """(segments, values); checks what must hold for every accepted clip. Raises ClipError."""
    decoded = decode_content(content, LIMITS)
    assert set(decoded.warnings) <= set(errors.WARNINGS)
    assert 0.5 <= decoded.duration_s <= LIMITS.max_duration_s
    # the length at the features' rate is that of the file, to half a sample
    assert abs(decoded.samples.size - decoded.duration_s * RATE) <= 1
    values = np.stack([row.values for row in describe_segments(decoded.samples, 3.0)])
    assert values.shape[1] == len(NAMES)
    assert np.isfinite(values).all()
    return values


def outcome(content: bytes) -> str | bytes:
    """The code, or the rows as bytes."""
    try:
        return rows(content).tobytes()
    except ClipError as error:
        refused = error
    assert refused.code in CODES
    assert str(refused)
    return refused.code


@many
@given(st.sampled_from(MAGICS), st.binary(max_size=2_000))
def test_any_bytes_give_a_known_code_or_finite_rows(magic: bytes, rest: bytes) -> None:
    outcome(magic + rest)


@many
@given(st.data())
def test_any_damage_gives_a_known_code_or_finite_rows_and_the_same_twice(fuzz: ModuleType, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(fuzz.seeds())))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.one_of(st.integers(0, 120), st.integers(0, len(content))))
        content[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    assert outcome(bytes(content)) == outcome(bytes(content))


@st.composite
def waveforms(draw: st.DrawFn) -> tuple[Rows, int]:
    """(n, channels) in ±1 and a rate: tones, noise, clicks, steps and silence in any order."""
    rate = draw(st.sampled_from([4_000, 8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000]))
    size, channels = round(rate * draw(st.floats(0.5, 1.5))) + 1, draw(st.integers(1, 3))
    chance = np.random.default_rng(draw(st.integers(0, 1_000)))
    signal = np.zeros((size, channels))
    for _ in range(draw(st.integers(1, 4))):
        start, stop = sorted((draw(st.integers(0, size)), draw(st.integers(0, size))))
        kind = draw(st.sampled_from(["tone", "noise", "click", "step", "square"]))
        level = draw(st.sampled_from([1.0, 0.5, 0.1, 1e-3, 2.0**-15]))
        tone_hz = draw(st.floats(1, 0.49 * rate))
        wave = np.sin(2 * np.pi * tone_hz * np.arange(stop - start) / rate)
        part = {
            "tone": wave,
            "noise": chance.uniform(-1, 1, stop - start),
            "click": np.eye(1, stop - start)[0] if stop > start else np.zeros(0),
            "step": np.ones(stop - start),
            "square": np.sign(wave),
        }[kind]
        signal[start:stop, draw(st.integers(0, channels - 1))] += level * part
    return np.clip(signal, -1, 1), rate


@many
@given(waveforms(), st.sampled_from(["WAV", "FLAC", "AIFF", "CAF", "W64", "AU"]))
def test_any_waveform_is_described_or_has_nothing_to_describe(made: tuple[Rows, int], container: str) -> None:
    signal, rate = made
    result = outcome(encoded(container, "PCM_16", signal, rate))
    assert isinstance(result, bytes) or result in OF_SIGNALS


@few
@given(waveforms(), st.sampled_from([("OGG", "VORBIS"), ("MP3", None)]))
def test_any_waveform_survives_a_lossy_codec(made: tuple[Rows, int], kind: tuple[str, str | None]) -> None:
    signal, rate = made
    if kind[0] == "MP3":
        signal, rate = signal[:, :2], 16_000 if rate == 4_000 else min(rate, 48_000)
    result = outcome(encoded(*kind, signal, rate))
    assert isinstance(result, bytes) or result in OF_SIGNALS | {"TOO_SHORT"}


@few
@given(st.integers(0, 10_000), st.floats(0.5, 3.5), st.integers(1, 2))
def test_the_same_samples_are_the_same_clip_in_every_container(seed: int, seconds: float, channels: int) -> None:
    noise = np.random.default_rng(seed).uniform(-0.9, 0.9, (round(seconds * RATE), channels))
    big, little = pcm16(noise, ">"), pcm16(noise)
    frames = len(noise)
    fmt = wav.fmt(channels=channels, order=">")
    common = aiff.comm(channels=channels, frames=frames, compression=b"sowt")
    same = [
        wav.wav(noise),
        wav.riff(wav.chunk(b"fmt ", fmt, order=">"), wav.chunk(b"data", big, order=">"), magic=b"RIFX"),
        wav.riff(wav.chunk(b"JUNK", bytes(seed % 99)), *_chunks(wav.wav(noise)), wav.info()),
        aiff.form(aiff.comm(channels=channels, frames=frames), aiff.ssnd(big)),
        aiff.form(common, aiff.ssnd(little), kind=b"AIFC"),
        au.au(big, channels=channels),
        au.au(little, channels=channels, order="<"),
        caf.caf(caf.desc(channels=channels), caf.audio(big)),
        encoded("FLAC", samples=np.frombuffer(little, "<i2").reshape(-1, channels)),
        flac.id3(seed % 127) + encoded("FLAC", samples=np.frombuffer(little, "<i2").reshape(-1, channels)),
        encoded("WAVEX", samples=np.frombuffer(little, "<i2").reshape(-1, channels)),
    ]
    clips = [decode_content(content, LIMITS) for content in same]
    assert len({clip.audio_sha256 for clip in clips}) == 1
    assert len({clip.clip_id for clip in clips}) == len(same)
    for clip in clips[1:]:
        np.testing.assert_array_equal(clip.samples, clips[0].samples)


def _chunks(content: bytes) -> tuple[bytes, bytes]:
    """`fmt ` and `data` of a plain WAV."""
    return content[12:36], content[36:]


@few
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_half_the_level_is_6_db_and_nothing_else(seed: int, halvings: int) -> None:
    """A power of two scales floats without rounding, so that ratios keep their bits and powers their factor."""
    music = tone(1.2) + 0.05 * np.random.default_rng(seed).standard_normal(round(1.2 * RATE))
    factor = 2.0**-halvings
    loud, soft = (rows(encoded("WAV", "FLOAT", level * music))[0] for level in (1.0, factor))
    for name, before, after in zip(NAMES, loud, soft, strict=True):
        if name == "loudness_integrated_lufs":
            assert after - before == pytest.approx(-6.0206 * halvings, abs=1e-3)
        elif name in ("loudness_rms_mean", "timbre_harmonic_mean", "timbre_percussive_mean"):
            assert after == pytest.approx(factor * before, rel=1e-4, abs=1e-7)
        elif name in ("loudness_rms_var", "timbre_harmonic_var", "timbre_percussive_var"):
            assert after == pytest.approx(factor**2 * before, rel=1e-3)
        elif name.startswith(("timbre_centroid", "timbre_bandwidth", "timbre_rolloff", "timbre_crossings", "pitch_")):
            assert after == pytest.approx(before, rel=1e-4)


@few
@given(st.integers(0, 10_000))
def test_polarity_order_of_channels_and_a_channel_doubled_do_not_matter(seed: int) -> None:
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, round(0.8 * RATE))
    music = tone(0.8) + noise
    other = np.roll(music, 100)
    as_it_is = rows(wav.wav(music))
    np.testing.assert_array_equal(rows(wav.wav(np.stack([music, music], axis=1))), as_it_is)
    pair = rows(wav.wav(np.stack([music, other], axis=1)))
    np.testing.assert_array_equal(rows(wav.wav(np.stack([other, music], axis=1))), pair)
    signed = [n for n, name in enumerate(NAMES) if name in ("timbre_harmonic_mean", "timbre_percussive_mean")]
    one, upside_down = (rows(encoded("WAV", "FLOAT", sign * music)) for sign in (1, -1))
    unsigned = np.delete(np.arange(len(NAMES)), signed)
    np.testing.assert_allclose(upside_down[:, unsigned], one[:, unsigned], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(upside_down[:, signed], -one[:, signed], rtol=1e-3, atol=1e-6)


@few
@given(st.integers(0, 3_000), st.integers(0, 2_000), st.booleans())
def test_tags_around_an_mp3_do_not_touch_its_samples(size: int, zeros: int, is_ape: bool) -> None:
    bare = decode_content(mp3.mp3(), LIMITS)
    tagged = mp3.id3(size) + bytes(zeros) + mp3.mp3() + (mp3.ape_tag() if is_ape else b"") + mp3.id3v1()
    clip = decode_content(tagged, LIMITS)
    assert clip.audio_sha256 == bare.audio_sha256
    assert clip.warnings == ()
