"""Decoding: the samples are the file's own, anyone can compute the hashes, and the file is read as it was listed."""

from __future__ import annotations

import errno
import hashlib
import importlib.metadata
import io
import os
import pickle
from pathlib import Path

import librosa
import numpy as np
import pytest
import scipy.io.wavfile
import soundfile
from numpy.typing import NDArray

from classically_punk.audio import decode, views
from classically_punk.audio.bytesource import Guarded
from classically_punk.audio.decode import decode_content, decode_file, reader_digest, resample
from classically_punk.audio.synthetic import SYNTHETIC_MARK
from classically_punk.errors import ChangedDuringReadError, NotRegularError, UnreadableError
from classically_punk.settings import Limits

LIMITS = Limits()


def noise(seconds: float, rate: int, channels: int) -> NDArray[np.float64]:
    chance = np.random.default_rng(channels)
    return np.asarray(0.2 * chance.standard_normal((round(seconds * rate), channels)).clip(-4, 4))


@pytest.fixture
def stereo(tmp_path: Path, write_wav) -> Path:  # type: ignore[no-untyped-def]
    return write_wav(tmp_path / "stereo.wav", noise(2.0, 44_100, 2), 44_100)


def test_sixteen_bit_mono_at_22050_is_bit_identical_to_the_file(tmp_path: Path, write_wav) -> None:  # type: ignore[no-untyped-def]
    path = write_wav(tmp_path / "mono.wav", noise(15.0, 22_050, 1)[:, 0])  # longer than a block
    decoded = decode_file(os.fsencode(path), LIMITS)
    _, integers = scipy.io.wavfile.read(path)
    np.testing.assert_array_equal(decoded.samples, (integers / 32_768).astype(np.float32))
    np.testing.assert_array_equal(decoded.samples, soundfile.read(path, dtype="float32")[0])
    assert (decoded.sample_rate_hz, decoded.channels, decoded.duration_s) == (22_050, 1, 15.0)
    assert (decoded.container, decoded.codec, decoded.warnings) == ("WAV", "PCM_16", ())


def test_hashes_are_those_of_the_bytes_and_of_the_mix(stereo: Path) -> None:
    decoded = decode_file(os.fsencode(stereo), LIMITS)
    assert decoded.clip_id == hashlib.sha256(stereo.read_bytes()).hexdigest()
    rate, integers = scipy.io.wavfile.read(stereo)
    mix = (integers.astype(np.float64).sum(axis=1) / 2 / 32_768).astype("<f4")
    assert decoded.audio_sha256 == hashlib.sha256(b"%d:" % rate + mix.tobytes()).hexdigest()


def test_the_same_samples_in_another_container_have_the_same_audio_hash(stereo: Path) -> None:
    samples, rate = soundfile.read(stereo, dtype="int16")
    flac = io.BytesIO()
    soundfile.write(flac, samples, rate, format="FLAC")
    one, other = decode_file(os.fsencode(stereo), LIMITS), decode_content(flac.getvalue(), LIMITS)
    assert one.clip_id != other.clip_id
    assert one.audio_sha256 == other.audio_sha256
    np.testing.assert_array_equal(one.samples, other.samples)


def test_a_file_and_its_content_decode_alike_and_survive_pickling(stereo: Path) -> None:
    from_file, from_content = decode_file(os.fsencode(stereo), LIMITS), decode_content(stereo.read_bytes(), LIMITS)
    again = pickle.loads(pickle.dumps(from_file))
    for name in vars(from_file):
        np.testing.assert_array_equal(getattr(from_file, name), getattr(from_content, name))
        np.testing.assert_array_equal(getattr(from_file, name), getattr(again, name))


def test_stereo_at_another_rate_is_the_resampled_mean(stereo: Path) -> None:
    samples, rate = soundfile.read(stereo)
    expected = librosa.resample(
        samples.mean(axis=1).astype(np.float32), orig_sr=rate, target_sr=22_050, res_type="soxr_hq"
    )
    np.testing.assert_allclose(decode_file(os.fsencode(stereo), LIMITS).samples, expected, atol=1e-6)


@pytest.mark.parametrize("rate", [8_000, 32_000, 44_100, 48_000, 96_000])
def test_resampling_keeps_a_tone_and_its_length(rate: int) -> None:
    seconds = 2.0
    tone = np.sin(2 * np.pi * 1_000 * np.arange(round(seconds * rate)) / rate).astype(np.float32)
    resampled = resample(tone, rate)
    assert resampled.dtype == np.float32
    assert resampled.size == 44_100
    expected = np.sin(2 * np.pi * 1_000 * np.arange(44_100) / 22_050)
    np.testing.assert_allclose(resampled[2_000:-2_000], expected[2_000:-2_000], atol=1e-3)


def test_resampling_removes_what_the_lower_rate_cannot_hold() -> None:
    tone = np.sin(2 * np.pi * 15_000 * np.arange(88_200) / 44_100).astype(np.float32)
    assert np.abs(resample(tone, 44_100)[2_000:-2_000]).max() < 1e-4  # -80 dB


def test_the_decoder_is_named_with_its_versions(stereo: Path) -> None:
    name = decode_file(os.fsencode(stereo), LIMITS).decoder
    for package in ("soundfile", "soxr"):
        assert f"{package} {importlib.metadata.version(package)}" in name
    assert soundfile.__libsndfile_version__ in name


def test_the_reader_digest_follows_the_limits_of_a_file_but_not_the_gate_of_a_run() -> None:
    assert reader_digest(LIMITS) == reader_digest(Limits(max_reject_share=0.1))
    others = [
        Limits(max_bytes=1 << 20),
        Limits(max_duration_s=60.0),
        Limits(max_missing_share=0.5),
        Limits(max_channels=2),
    ]
    assert len({reader_digest(limits) for limits in [LIMITS, *others]}) == 5


def test_names_that_are_not_utf8_can_be_opened(stereo: Path) -> None:
    path = os.fsencode(stereo.parent) + b"/caf\xe9\n\\.wav"
    os.rename(os.fsencode(stereo), path)  # noqa: PTH104 (bytes)
    assert decode_file(path, LIMITS).channels == 2


@pytest.mark.timeout(20)
def test_pipes_devices_and_folders_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (os.fsencode(tmp_path / "pipe.wav"), b"/dev/zero", os.fsencode(tmp_path)):
        with pytest.raises(NotRegularError):
            decode_file(path, LIMITS)


@pytest.mark.parametrize("name", [b"missing.wav", b"x" * 300, b"zero\x00byte.wav"])
def test_what_cannot_be_opened_is_unreadable(tmp_path: Path, name: bytes) -> None:
    with pytest.raises(UnreadableError):
        decode_file(os.fsencode(tmp_path) + b"/" + name, LIMITS)


def test_a_file_that_is_not_as_it_was_listed_is_not_decoded(stereo: Path) -> None:
    path, status = os.fsencode(stereo), stereo.stat()
    assert decode_file(path, LIMITS, status.st_size, status.st_mtime_ns).channels == 2
    with pytest.raises(ChangedDuringReadError, match="size"):
        decode_file(path, LIMITS, status.st_size + 1, status.st_mtime_ns)
    with pytest.raises(ChangedDuringReadError, match="time"):
        decode_file(path, LIMITS, status.st_size, status.st_mtime_ns + 1000)
    # a table keeps microseconds
    assert decode_file(path, LIMITS, status.st_size, status.st_mtime_ns // 1000 * 1000).channels == 2


@pytest.mark.parametrize("change", ["touch", "append"])
def test_a_file_that_changes_while_it_is_read_is_not_accepted(
    stereo: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sniff = decode.sniff

    def meanwhile(source, size):  # type: ignore[no-untyped-def]
        if change == "touch":
            os.utime(stereo, ns=(0, 0))
        else:
            with stereo.open("ab") as file:
                file.write(b"more")
        return sniff(source, size)

    monkeypatch.setattr(decode, "sniff", meanwhile)
    with pytest.raises(ChangedDuringReadError, match="while it was read"):
        decode_file(os.fsencode(stereo), LIMITS)


def test_an_error_of_the_disk_while_decoding_is_unreadable(stereo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(Guarded):
        def readinto(self, buffer):  # type: ignore[no-untyped-def]
            if self.tell() > 100_000:
                self._source = Broken()
            return super().readinto(buffer)

    class Broken(io.BytesIO):
        def read(self, count: int | None = -1) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(views, "Guarded", Failing)
    with pytest.raises(UnreadableError, match="Input/output error"):
        decode_file(os.fsencode(stereo), LIMITS)


def test_a_file_that_grows_under_the_reader_is_noticed(stereo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fstat
    monkeypatch.setattr(
        decode.os, "fstat", lambda fd: os.stat_result([*real(fd)[:6], real(fd).st_size - 10, *real(fd)[7:]])
    )
    with pytest.raises(ChangedDuringReadError):
        decode_file(os.fsencode(stereo), LIMITS)


@pytest.mark.parametrize("container", ["WAV", "FLAC", "OGG", "AIFF"])
def test_the_synthetic_mark_in_the_comment_becomes_a_warning(container: str) -> None:
    for comment, warnings in [(f"{SYNTHETIC_MARK}: by hand", ("SYNTHETIC",)), ("a real song", ())]:
        target = io.BytesIO()
        with soundfile.SoundFile(target, "w", 22_050, 1, format=container) as sound:
            sound.comment = comment
            sound.write(noise(1.5, 22_050, 1))
        assert decode_content(target.getvalue(), LIMITS).warnings == warnings
