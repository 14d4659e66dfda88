"""One table: an odd file, and what has to become of it. Expectations are the project's list of reason codes."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import wave
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
from numpy.typing import ArrayLike, NDArray

from classically_punk.audio.decode import decode_content
from classically_punk.errors import ClipError
from classically_punk.settings import Limits

RATE = 22_050
SECONDS = 4.0


def music(seconds: float = SECONDS, rate: int = RATE, level: float = 0.5) -> NDArray[np.float64]:
    """Three partials and a little noise: compresses like sound, not like a constant."""
    time_s = np.arange(round(seconds * rate)) / rate
    chance = np.random.default_rng(57)
    tone = np.sin(2 * np.pi * 220 * time_s) + 0.5 * np.sin(2 * np.pi * 660 * time_s + 1) + 0.3 * np.sin(5000 * time_s)
    return np.asarray(level * (tone + 0.05 * chance.standard_normal(time_s.size)) / 2)


def wav(samples: ArrayLike | None = None, rate: int = RATE) -> bytearray:
    """16-bit WAV with the plain header of 44 bytes, by the standard library."""
    block = music() if samples is None else np.asarray(samples)
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1 if block.ndim == 1 else block.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.clip(np.round(block * 32_768), -32_768, 32_767).astype("<i2").tobytes())
    return bytearray(target.getvalue())


def encoded(container: str, codec: str | None = None, samples: ArrayLike | None = None, rate: int = RATE) -> bytearray:
    """The same signal in any container."""
    target = io.BytesIO()
    soundfile.write(target, music(rate=rate) if samples is None else np.asarray(samples), rate, codec, format=container)
    return bytearray(target.getvalue())


def float_wav(samples: ArrayLike) -> bytearray:
    return encoded("WAV", "FLOAT", samples)


def patched(content: bytes, offset: int, by: bytes) -> bytes:
    return bytes(content[:offset]) + by + bytes(content[offset + len(by) :])


def cut(content: bytes, share: float) -> bytes:
    """The first part of the file."""
    return bytes(content[: int(share * len(content))])


def flac_counting(total: int) -> bytes:
    """FLAC whose STREAMINFO counts `total` samples: 36 bits from the middle of byte 21."""
    content = encoded("FLAC")
    high = content[21] & 0xF0 | total >> 32
    return patched(content, 21, bytes([high]) + struct.pack(">I", total & 0xFFFFFFFF))


def after(content: bytes, marker: bytes) -> int:
    """Offset of the byte behind the first marker."""
    return bytes(content).index(marker) + len(marker)


def id3(size: int, present: int) -> bytes:
    """An ID3v2.4 header that claims `size` bytes of tag, and `present` zero bytes."""
    claimed = bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127])
    return b"ID3\x04\x00\x00" + claimed + bytes(present)


def zipped() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.wav", bytes(wav()))
    return target.getvalue()


def tarred() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        entry = tarfile.TarInfo("a.wav")
        entry.size = 1_000
        archive.addfile(entry, io.BytesIO(bytes(1_000)))
    return target.getvalue()


def gzipped() -> bytes:
    return gzip.compress(bytes(wav()))


def rifx() -> bytes:
    """WAV with every number big-endian: the header by hand, the samples by NumPy."""
    samples = np.round(music() * 32_768).astype(">i2").tobytes()
    fmt = struct.pack(">4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    return (
        struct.pack(">4sI4s", b"RIFX", 36 + len(samples), b"WAVE")
        + fmt
        + struct.pack(">4sI", b"data", len(samples))
        + samples
    )


def riff_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(name + struct.pack("<I", len(content)) + content for name, content in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def endless_flac() -> bytes:
    """40 s of FLAC without a count of its samples."""
    content = encoded("FLAC", samples=np.tile(music(), 10))
    return patched(content, 21, bytes([content[21] & 0xF0, 0, 0, 0, 0]))


TONE = music()
LIMITS = Limits(max_bytes=2_000_000, max_duration_s=30.0)
Build = Callable[[], bytes | bytearray]


def with_sample(value: float) -> NDArray[np.float64]:
    samples = TONE.copy()
    samples[1_000] = value
    return samples


REJECTED: dict[str, tuple[str, Build]] = {
    "nothing": ("EMPTY_FILE", lambda: b""),
    "a few bytes": ("TOO_SMALL", lambda: b"RIFF\x00\x00\x00\x00WAVE"),
    "text": ("NOT_AUDIO", lambda: b"These are the liner notes of the record.\n" * 9),
    "text in UTF-16": ("NOT_AUDIO", lambda: ("These are the liner notes.\n" * 9).encode("utf-16")),
    "html": ("NOT_AUDIO", lambda: b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>"),
    "json": ("NOT_AUDIO", lambda: b'{"title": "a song", "length": 123, "tags": []}'),
    "png": ("NOT_AUDIO", lambda: b"\x89PNG\r\n\x1a\n" + bytes(100)),
    "jpeg": ("NOT_AUDIO", lambda: b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(100)),
    "webp": ("NOT_AUDIO", lambda: b"RIFF\x64\x00\x00\x00WEBPVP8 " + bytes(100)),
    "pickle": ("NOT_AUDIO", lambda: b"\x80\x05\x95" + bytes(range(100))),
    "random bytes": ("NOT_AUDIO", lambda: np.random.default_rng(1).bytes(5_000)),
    "a lone sync word": ("NOT_AUDIO", lambda: b"\xff\xfb\x90\x00" + np.random.default_rng(2).bytes(5_000)),
    "zeros": ("NOT_AUDIO", lambda: bytes(1_000)),
    "samples without a header": ("NOT_AUDIO", lambda: wav()[44:]),
    "zip": ("ARCHIVE", zipped),
    "tar": ("ARCHIVE", tarred),
    "gzip": ("ARCHIVE", gzipped),
    "m4a": ("FORMAT_NOT_ALLOWED", lambda: b"\x00\x00\x00\x20ftypM4A " + bytes(100)),
    "wma": ("FORMAT_NOT_ALLOWED", lambda: b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(100)),
    "midi": ("FORMAT_NOT_ALLOWED", lambda: b"MThd\x00\x00\x00\x06" + bytes(100)),
    "avi": ("FORMAT_NOT_ALLOWED", lambda: b"RIFF\x64\x00\x00\x00AVI LIST" + bytes(100)),
    "aac": ("FORMAT_NOT_ALLOWED", lambda: b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(100)),
    "voc": ("FORMAT_NOT_ALLOWED", lambda: encoded("VOC")),
    "paf": ("FORMAT_NOT_ALLOWED", lambda: encoded("PAF")),
    "nist": ("FORMAT_NOT_ALLOWED", lambda: encoded("NIST")),
    "ircam": ("FORMAT_NOT_ALLOWED", lambda: encoded("IRCAM")),
    "8svx": ("FORMAT_NOT_ALLOWED", lambda: encoded("SVX")),
    "mat5": ("FORMAT_NOT_ALLOWED", lambda: encoded("MAT5")),
    "mat4": ("FORMAT_NOT_ALLOWED", lambda: encoded("MAT4")),
    "speex": ("FORMAT_NOT_ALLOWED", lambda: encoded("OGG")[:28] + b"Speex   " + bytes(100)),
    "wav without fmt": ("HEADER_CORRUPT", lambda: riff_chunks((b"data", bytes(20_000)))),
    "wav without data": ("HEADER_CORRUPT", lambda: wav()[:36]),
    "wav without WAVE": ("HEADER_CORRUPT", lambda: patched(wav(), 8, b"WAVY")),
    "fmt chunk that swallows the file": ("HEADER_CORRUPT", lambda: patched(wav(), 16, b"\xff\xff\xff\x7f")),
    "no channels": ("HEADER_CORRUPT", lambda: patched(wav(), 22, b"\x00\x00")),
    "ID3 that claims more than there is": ("HEADER_CORRUPT", lambda: id3(200_000, 10) + encoded("MP3")),
    "ID3 with an impossible size": ("HEADER_CORRUPT", lambda: b"ID3\x04\x00\x00\xff\xff\xff\xff" + encoded("MP3")),
    "nothing but ID3 tags": ("HEADER_CORRUPT", lambda: id3(0, 0) * 50),
    "flac with a broken header": ("HEADER_CORRUPT", lambda: encoded("FLAC")[:30]),
    "header only": ("NO_SAMPLES", lambda: wav()[:44]),
    "wav of no samples": ("NO_SAMPLES", lambda: wav(np.zeros(0))),
    "data size 0": ("NO_SAMPLES", lambda: patched(wav(), 40, bytes(4))),
    "au of no samples": ("NO_SAMPLES", lambda: encoded("AU", samples=np.zeros(0))),
    "aiff of no samples": ("NO_SAMPLES", lambda: encoded("AIFF", samples=np.zeros(0))),
    "ogg of no samples": ("NO_SAMPLES", lambda: encoded("OGG", samples=np.zeros(0))),
    "0.499 s": ("TOO_SHORT", lambda: wav(TONE[:11_003])),
    "half a wav": ("TRUNCATED", lambda: cut(wav(), 0.5)),
    "98 % of a wav": ("TRUNCATED", lambda: cut(wav(), 0.98)),
    "half an aiff": ("TRUNCATED", lambda: cut(encoded("AIFF"), 0.5)),
    "half an au": ("TRUNCATED", lambda: cut(encoded("AU"), 0.5)),
    "half a caf": ("TRUNCATED", lambda: cut(encoded("CAF"), 0.5)),
    "half an rf64": ("TRUNCATED", lambda: cut(encoded("RF64"), 0.5)),
    "half a w64": ("TRUNCATED", lambda: cut(encoded("W64"), 0.5)),
    "half an adpcm": ("TRUNCATED", lambda: cut(encoded("WAV", "IMA_ADPCM"), 0.5)),
    "half an ogg": ("TRUNCATED", lambda: cut(encoded("OGG"), 0.5)),
    "half an opus": ("TRUNCATED", lambda: cut(encoded("OGG", "OPUS", rate=24_000), 0.5)),
    "half an mp3": ("TRUNCATED", lambda: cut(encoded("MP3"), 0.5)),
    "half a flac": ("DECODE_ERROR", lambda: cut(encoded("FLAC"), 0.5)),
    "flac with a hole": ("DECODE_ERROR", lambda: patched(encoded("FLAC"), 50_000, bytes(2_000))),
    "40 s where 30 are allowed": ("TOO_LONG", lambda: wav(np.tile(TONE, 10))),
    "flac that counts a day": ("TOO_LONG", lambda: flac_counting(86_400 * RATE)),
    "flac that does not count its 40 s": ("DECODE_BUDGET", endless_flac),
    "more bytes than allowed": ("TOO_LARGE", lambda: wav() + bytes(2_000_000)),
    "1 Hz": ("BAD_SAMPLE_RATE", lambda: wav(rate=1)),
    "3999 Hz": ("BAD_SAMPLE_RATE", lambda: wav(rate=3_999)),
    "0 Hz": ("BAD_SAMPLE_RATE", lambda: patched(wav(), 24, bytes(4))),
    "384001 Hz": ("BAD_SAMPLE_RATE", lambda: wav(rate=384_001)),
    "2^31 Hz": ("BAD_SAMPLE_RATE", lambda: patched(wav(), 24, struct.pack("<I", 1 << 31))),
    "caf at NaN Hz": (
        "BAD_SAMPLE_RATE",
        lambda: patched(encoded("CAF"), 20, struct.pack(">d", float("nan"))),
    ),
    "9 channels": ("TOO_MANY_CHANNELS", lambda: wav(np.tile(TONE[:20_000, None], 9))),
    "2000 channels": ("TOO_MANY_CHANNELS", lambda: patched(wav(), 22, struct.pack("<H", 2_000))),
    "an unheard-of codec": ("UNSUPPORTED_CODEC", lambda: patched(wav(), 20, b"\x34\x12")),
    "pcm of 64 bits": ("UNSUPPORTED_CODEC", lambda: patched(wav(), 32, struct.pack("<HH", 8, 64))),
    "au with an unheard-of codec": ("UNSUPPORTED_CODEC", lambda: patched(encoded("AU"), 12, b"\x00\x00\x00\x63")),
    "NaN": ("NON_FINITE", lambda: float_wav(with_sample(np.nan))),
    "infinity": ("NON_FINITE", lambda: float_wav(with_sample(-np.inf))),
    "opposite infinities": ("NON_FINITE", lambda: float_wav(np.stack([with_sample(np.inf), with_sample(-np.inf)], 1))),
    "a sample beyond 2^16": ("OUT_OF_RANGE", lambda: float_wav(with_sample(-65_537.0))),
    "digital silence": ("SILENT", lambda: wav(np.zeros(44_100))),
    "silence in flac": ("SILENT", lambda: encoded("FLAC", samples=np.zeros(44_100))),
    "silence in mp3": ("SILENT", lambda: encoded("MP3", samples=np.zeros(44_100))),
    "opposite channels": ("PHASE_CANCEL", lambda: wav(np.stack([TONE, -TONE], axis=1))),
    "opposite channels in ogg": ("PHASE_CANCEL", lambda: encoded("OGG", samples=np.stack([TONE, -TONE], axis=1))),
    "opposite channels on an offset": (
        "PHASE_CANCEL",
        lambda: wav(np.stack([0.2 + TONE / 2, 0.2 - TONE / 2], axis=1)),
    ),
    "a constant": ("DC_OFFSET", lambda: wav(np.full(44_100, 0.25))),
    "two constants": ("DC_OFFSET", lambda: wav(np.tile([0.25, -0.1], (44_100, 1)))),
}

ACCEPTED: dict[str, tuple[set[str], float, Build]] = {
    "wav": (set(), 4.0, wav),
    "wav big-endian": (set(), 4.0, rifx),
    "wavex": (set(), 4.0, lambda: encoded("WAVEX")),
    "rf64": (set(), 4.0, lambda: encoded("RF64")),
    "w64": (set(), 4.0, lambda: encoded("W64")),
    "wav of 8 bits": (set(), 4.0, lambda: encoded("WAV", "PCM_U8")),
    "wav of 24 bits": (set(), 4.0, lambda: encoded("WAV", "PCM_24")),
    "wav of doubles": (set(), 4.0, lambda: encoded("WAV", "DOUBLE")),
    "wav in mu-law": (set(), 4.0, lambda: encoded("WAV", "ULAW")),
    "aiff": (set(), 4.0, lambda: encoded("AIFF")),
    "aifc of floats": (set(), 4.0, lambda: encoded("AIFF", "FLOAT")),
    "au": (set(), 4.0, lambda: encoded("AU")),
    "flac": (set(), 4.0, lambda: encoded("FLAC")),
    "flac behind ID3": (set(), 4.0, lambda: id3(50, 50) + encoded("FLAC")),
    "ogg": (set(), 4.0, lambda: encoded("OGG")),
    "opus": (set(), 4.0, lambda: encoded("OGG", "OPUS", rate=24_000)),
    "mp3": (set(), 4.0, lambda: encoded("MP3")),
    "mp3 behind ID3": (set(), 4.0, lambda: id3(3_000, 3_000) + encoded("MP3")),
    "caf": (set(), 4.0, lambda: encoded("CAF")),
    "eight channels": (set(), 2.0, lambda: wav(np.tile(TONE[:44_100, None], 8))),
    "junk behind the data": (set(), 4.0, lambda: wav() + b"junk" * 100),
    "4000 Hz": (set(), 4.0, lambda: wav(music(rate=4_000), rate=4_000)),
    "384 kHz": (set(), 1.0, lambda: wav(music(1.0, rate=384_000), rate=384_000)),
    "0.5 s": ({"TOO_SHORT"}, 0.5, lambda: wav(TONE[:11_025])),
    "0.999 s": ({"TOO_SHORT"}, 22_028 / 22_050, lambda: wav(TONE[:22_028])),
    "1 s": (set(), 1.0, lambda: wav(TONE[:22_050])),
    "99.5 % of a wav": ({"TRUNCATED"}, 3.98, lambda: cut(wav(), 0.995)),
    "99.5 % of an aiff": ({"TRUNCATED"}, 3.98, lambda: cut(encoded("AIFF"), 0.995)),
    "99.5 % of an au": ({"TRUNCATED"}, 3.98, lambda: cut(encoded("AU"), 0.995)),
    "au that does not count": ({"LENGTH_UNKNOWN"}, 4.0, lambda: patched(encoded("AU"), 8, b"\xff" * 4)),
    "wav from a pipe": ({"LENGTH_UNKNOWN"}, 4.0, lambda: patched(wav(), 40, b"\xff" * 4)),
    "flac that does not count": ({"LENGTH_UNKNOWN"}, 4.0, lambda: flac_counting(0)),
    "flac that counts 10 s": ({"LENGTH_UNKNOWN"}, 4.0, lambda: flac_counting(220_500)),
    "chained ogg": ({"CHAINED_STREAM"}, 4.0, lambda: encoded("OGG") + encoded("OGG")),
    "an offset": ({"DC_OFFSET"}, 4.0, lambda: wav(0.02 + TONE)),
    "integers in floats": ({"OUT_OF_RANGE"}, 4.0, lambda: float_wav(32_768 * TONE)),
    "a sample at 2^16": ({"OUT_OF_RANGE"}, 4.0, lambda: float_wav(with_sample(65_536.0))),
    "a sample one step over": (set(), 4.0, lambda: float_wav(with_sample(1 + 2.0**-15))),
    "clipped": ({"CLIPPED"}, 4.0, lambda: wav(np.clip(8 * TONE, -1, 1))),
    "clipped in 8 bits": ({"CLIPPED"}, 4.0, lambda: encoded("WAV", "PCM_U8", np.clip(8 * TONE, -1, 1))),
    "loud but whole": (set(), 4.0, lambda: wav(np.sin(2 * np.pi * 60 * np.arange(88_200) / 22_050))),
    "an eighth of silence": ({"PARTLY_SILENT"}, 4.0, lambda: wav(np.where(np.arange(88_200) < 11_025, 0, TONE))),
    "a pause of 0.3 s": (set(), 4.0, lambda: wav(np.where(np.arange(88_200) < 6_615, 0, TONE))),
    "one dead channel": ({"DEAD_CHANNEL"}, 4.0, lambda: wav(np.stack([TONE, 0 * TONE], axis=1))),
}


@pytest.mark.parametrize("name", REJECTED)
def test_a_file_that_cannot_be_used_gets_its_code(name: str) -> None:
    code, build = REJECTED[name]
    with pytest.raises(ClipError) as caught:
        decode_content(bytes(build()), LIMITS)
    assert caught.value.code == code, str(caught.value)
    assert str(caught.value)


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_playable_file_is_accepted_whole_with_its_warnings(name: str) -> None:
    warnings, seconds, build = ACCEPTED[name]
    decoded = decode_content(bytes(build()), LIMITS)
    assert set(decoded.warnings) == warnings
    assert len(decoded.warnings) == len(warnings)
    # Lossy codecs add up to a frame of padding; a cut file lacks what is cut.
    assert decoded.duration_s == pytest.approx(seconds, abs=0.01)
    assert decoded.samples.dtype == np.float32
    assert np.isfinite(decoded.samples).all()


def test_an_mp3_that_does_not_count_its_frames_is_decoded_to_its_end() -> None:
    whole = encoded("MP3")  # the first frame is the header with the count
    start = whole.index(whole[:2], 4)
    assert b"Xing" in whole[:start] or b"Info" in whole[:start]
    decoded = decode_content(bytes(whole[start:]), LIMITS)
    # The encoder's delay is no longer cut off: at most two frames of 576 samples more than the signal, and 529.
    assert 0 <= decoded.duration_s - SECONDS < (3 * 576 + 529) / RATE


def test_a_tighter_limit_on_what_may_be_missing_rejects() -> None:
    strict = Limits(max_missing_share=0.001)
    with pytest.raises(ClipError) as caught:
        decode_content(cut(wav(), 0.995), strict)
    assert caught.value.code == "TRUNCATED"


SEEDS: dict[str, Build] = {
    "wav": wav,
    "adpcm": lambda: encoded("WAV", "MS_ADPCM"),
    "aiff": lambda: encoded("AIFF"),
    "au": lambda: encoded("AU"),
    "caf": lambda: encoded("CAF"),
    "flac": lambda: encoded("FLAC"),
    "ogg": lambda: encoded("OGG"),
    "mp3": lambda: encoded("MP3"),
    "w64": lambda: encoded("W64"),
}


@pytest.mark.parametrize("name", SEEDS)
def test_no_damage_gets_anything_but_a_clip_error_out(name: str) -> None:
    chance = np.random.default_rng(4)
    healthy = bytes(SEEDS[name]())
    outcomes = set()
    for _ in range(40):
        content = bytearray(healthy[: int(len(healthy) * chance.choice([1.0, 1.0, chance.uniform()]))])
        for _ in range(int(chance.integers(1, 12))):
            within = min(len(content), 200 if chance.random() < 0.7 else len(content))
            if within:
                content[int(chance.integers(0, within))] = int(chance.choice([0, 255, chance.integers(0, 256)]))
        try:
            decoded = decode_content(bytes(content), LIMITS)
        except ClipError as error:
            outcomes.add(error.code)
        else:
            outcomes.add("accepted")
            assert np.isfinite(decoded.samples).all()
    assert len(outcomes) > 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"Not audio at all,\nbut a letter.\n" * 20, 'text that begins with "Not audi"'),
        (b"a\r\n\tb c d" * 50, 'text that begins with "a b c"'),
        (b"\x7fELF\x02\x01\x01\x00" * 50, "7f 45 4c 46 02 01 01 00"),
        (b"RIFF\x24\x00\x00\x00XYZ!" + bytes(400), '"RIFF" of the unknown kind "XYZ!"'),
    ],
)
def test_what_a_file_begins_with_is_told_without_the_marks_of_a_language(content: bytes, told: str) -> None:
    with pytest.raises(ClipError) as refused:
        decode_content(content, Limits())
    assert told in str(refused.value)
    assert "b'" not in str(refused.value)
