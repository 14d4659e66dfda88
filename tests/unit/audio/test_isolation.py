"""The isolated decoder: the same answers as without it, and a file can do nothing worse than end as one reject."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.conftest import wav_file

from classically_punk.audio import decode
from classically_punk.audio.isolation import IsolatedDecoder
from classically_punk.audio.store import Spool
from classically_punk.errors import (
    ClipError,
    DecodeBudgetError,
    DecoderCrashError,
    DecodeTimeoutError,
    NotAudioError,
    UnforeseenError,
    UnreadableError,
)
from classically_punk.settings import Limits

LIMITS = Limits()


@pytest.fixture(scope="module")
def decoder() -> Iterator[IsolatedDecoder]:
    with IsolatedDecoder(LIMITS) as child:
        yield child


@pytest.fixture
def clip(tmp_path: Path) -> bytes:
    chance = np.random.default_rng(1)
    return bytes(wav_file(tmp_path / "clip.wav", 0.1 * chance.standard_normal((66_150, 2)), 44_100))


def poisoned(what: str, limits: Limits = LIMITS) -> IsolatedDecoder:
    """A decoder whose child does `what` for files called poison*, and decodes all others."""
    program = f"""
import os, resource, signal, sys, time
from classically_punk.audio import child
real = child.decode.decode_file
def decode_file(path, *rest):
    if os.path.basename(path).startswith(b"poison"):
        {what}
    return real(path, *rest)
child.decode.decode_file = decode_file
child.main()
"""
    return IsolatedDecoder(limits, command=(sys.executable, "-P", "-c", program))


def same(one: decode.Decoded, other: decode.Decoded) -> None:
    np.testing.assert_array_equal(one.samples, other.samples)
    assert [v for k, v in vars(one).items() if k != "samples"] == [v for k, v in vars(other).items() if k != "samples"]


def test_a_file_and_its_bytes_decode_as_in_this_process(decoder: IsolatedDecoder, clip: bytes) -> None:
    here = decode.decode_file(clip, LIMITS)
    assert here.sample_rate_hz == 44_100
    same(decoder.decode_file(clip), here)
    same(decoder.decode_content(Path(os.fsdecode(clip)).read_bytes()), here)


def test_rejects_are_the_same_errors(decoder: IsolatedDecoder, tmp_path: Path) -> None:
    short = wav_file(tmp_path / "short.wav", np.ones(100) * 0.1)
    text = tmp_path / "text.wav"
    text.write_text("It is not music. " * 100)
    for path in (short, text, tmp_path / "missing.wav", tmp_path):
        with pytest.raises(ClipError) as here:
            decode.decode_file(bytes(path), LIMITS)
        with pytest.raises(ClipError) as there:
            decoder.decode_file(bytes(path))
        assert (type(there.value), there.value.args) == (type(here.value), here.value.args)
    with pytest.raises(NotAudioError):
        decoder.decode_content(text.read_bytes())
    with pytest.raises(UnreadableError, match="longer than"):
        decoder.decode_file(b"/x" * 100_000)


def test_a_long_clip_comes_as_a_file_of_its_samples(tmp_path: Path) -> None:
    chance = np.random.default_rng(2)
    path = tmp_path / "long.flac"
    soundfile.write(path, 0.1 * chance.standard_normal(30 * 44_100), 44_100)
    whole = decode.decode_file(bytes(path), LIMITS)
    with IsolatedDecoder(LIMITS, whole_clip_s=10.0) as child:
        for streamed in (child.decode_file(bytes(path)), child.decode_content(path.read_bytes())):
            assert isinstance(streamed.samples, Spool)
            assert streamed.warnings == (*whole.warnings, "STREAMED")
            assert streamed.audio_sha256 == whole.audio_sha256
            assert streamed.samples.size == len(whole.samples)
            parts = [
                streamed.samples.read(at, min(at + 99_999, streamed.samples.size)) for at in range(0, 661_500, 99_999)
            ]
            np.testing.assert_array_equal(np.concatenate(parts), whole.samples)
            with pytest.raises(ValueError, match="samples 0 to"):
                streamed.samples.read(0, streamed.samples.size + 1)


@pytest.mark.parametrize(
    ("what", "expected", "told"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", DecoderCrashError, "SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGKILL)", DecoderCrashError, "SIGKILL"),
        ("os.abort()", DecoderCrashError, "SIGABRT"),
        ("os._exit(7)", DecoderCrashError, "status 7"),
        ("import ctypes; ctypes.string_at(0)", DecoderCrashError, "SIGSEGV"),
        ("blocks = [bytearray(1 << 24) for _ in range(1000)]", DecoderCrashError, "out of memory"),
        ("os.write(int(sys.argv[1]), b'x' * 100_000)", DecoderCrashError, "a message of"),
        ("os.close(int(sys.argv[1])); time.sleep(1)", DecoderCrashError, "the decoder"),
        ("raise KeyError('nobody thought of this')", UnforeseenError, "KeyError in decode_file: 'nobody thought"),
    ],
)
def test_whatever_the_decoder_dies_of_costs_one_file(what: str, expected: type, told: str, clip: bytes) -> None:
    with poisoned(what) as decoder:
        before = decoder.decode_file(clip)
        with pytest.raises(expected, match=told):
            decoder.decode_file(b"/poison")
        same(decoder.decode_file(clip), before)


@pytest.mark.parametrize(
    "what", ["time.sleep(600)", "while True: pass", "signal.pthread_sigmask(0, range(1, 65)); time.sleep(600)"]
)
def test_a_decoder_that_does_not_come_back_is_ended(what: str, clip: bytes) -> None:
    with poisoned(what, Limits(max_decode_s=1.0)) as decoder:
        before = decoder.decode_file(clip)
        with pytest.raises(DecodeTimeoutError, match="within 1 s"):
            decoder.decode_file(b"/poison")
        same(decoder.decode_file(clip), before)


def test_a_flood_of_output_goes_nowhere(clip: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    flood = "[os.write(fd, b'noise' * 10_000) for fd in (1, 2) for _ in range(1_000)]"
    with poisoned(flood) as decoder, pytest.raises(UnreadableError):
        decoder.decode_file(b"/poison")
    assert capfd.readouterr() == ("", "")


def test_the_child_ends_itself_when_nobody_waits_for_it(tmp_path: Path) -> None:
    """Its owner is killed while the decoder hangs: its own alarm ends it, soon after the limit."""
    program = f"""
import sys, threading, time
sys.path[:0] = {sys.path!r}
from tests.unit.audio.test_isolation import poisoned
from classically_punk.settings import Limits
decoder = poisoned("time.sleep(600)", Limits(max_decode_s=1.0))
print(decoder.process_id, flush=True)
decoder._limits = Limits()
decoder.decode_file(b"/poison")
"""
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    child = int(owner.stdout.readline())
    time.sleep(1)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert ends_within(child, 30)


def ends_within(process: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


def test_a_bomb_is_refused_within_the_memory_of_a_few_blocks(tmp_path: Path) -> None:
    """A quarter of an hour of silence, 300 MB, in some 10 kB, and eight channels at the highest rate."""
    bomb, wide = tmp_path / "bomb.flac", tmp_path / "wide.wav"
    with soundfile.SoundFile(bomb, "w", 44_100, 2) as file:
        for _ in range(15):
            file.write(np.zeros((44_100 * 60, 2), dtype=np.float32))
    chance = np.random.default_rng(3)
    soundfile.write(wide, 0.1 * chance.standard_normal((384_000 * 5, 8)), 384_000, subtype="PCM_16")
    with IsolatedDecoder(LIMITS) as decoder:
        decoder.decode_file(bytes(wav_file(tmp_path / "small.wav", 0.1 * chance.standard_normal(22_050))))
        before = peak_mib(decoder)
        with pytest.raises(ClipError, match="silence"):
            decoder.decode_file(bytes(bomb))
        assert decoder.decode_file(bytes(wide)).channels == 8
        assert peak_mib(decoder) - before < 100
    with IsolatedDecoder(Limits(max_duration_s=60.0)) as decoder, pytest.raises(ClipError) as refused:
        decoder.decode_file(bytes(bomb))
    assert refused.value.code == "TOO_LONG"
    assert not issubclass(refused.type, DecodeBudgetError)


def peak_mib(decoder: IsolatedDecoder) -> float:
    status = Path(f"/proc/{decoder.process_id}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def test_a_child_that_died_between_two_files_is_not_the_next_files_fault(clip: bytes) -> None:
    with IsolatedDecoder(LIMITS) as decoder:
        before = decoder.decode_file(clip)
        assert decoder.process_id is not None
        os.kill(decoder.process_id, signal.SIGKILL)
        assert ends_within(decoder.process_id, 5)
        same(decoder.decode_file(clip), before)
        decoder.close()
        same(decoder.decode_file(clip), before)


def test_a_child_killed_from_outside_costs_no_file(clip: bytes, tmp_path: Path) -> None:
    once = tmp_path / "killed"
    poison = Path(os.fsdecode(clip)).with_name("poison.wav")
    poison.write_bytes(Path(os.fsdecode(clip)).read_bytes())
    what = f"if not os.path.exists({str(once)!r}): open({str(once)!r}, 'x'); os.kill(os.getpid(), signal.SIGKILL)"
    with poisoned(what) as decoder:
        decoded = decoder.decode_file(bytes(poison))
    assert once.exists()
    assert decoded.clip_id == decode.decode_file(bytes(poison), LIMITS).clip_id


def test_threads_share_one_decoder(decoder: IsolatedDecoder, tmp_path: Path) -> None:
    chance = np.random.default_rng(4)
    paths = [bytes(wav_file(tmp_path / f"{i}.wav", 0.1 * chance.standard_normal(22_050 + i))) for i in range(8)]
    found: dict[bytes, int] = {}

    def work(path: bytes) -> None:
        samples = decoder.decode_file(path).samples
        found[path] = samples.size

    threads = [threading.Thread(target=work, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[path] for path in paths] == [22_050 + i for i in range(8)]


def test_no_file_is_left_open(decoder: IsolatedDecoder, clip: bytes, tmp_path: Path) -> None:
    decoder.decode_file(clip)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        decoder.decode_content(Path(os.fsdecode(clip)).read_bytes())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_credentials_of_the_owner_do_not_reach_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for decoders")
    with IsolatedDecoder(LIMITS) as decoder:
        with pytest.raises(ClipError):
            decoder.decode_content(b"")  # it has started by then
        environment = Path(f"/proc/{decoder.process_id}/environ").read_bytes()
    assert b"PYTHONPATH" in environment
    assert b"not for decoders" not in environment
