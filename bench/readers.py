"""Which library reads music: formats, speed, and what each makes of files that are broken.

Each library decodes in a process of its own, which is told a file at a time: one that dies or hangs costs that file.
`--beside FOLDER`: libraries installed there with `pip install --no-deps --target FOLDER -r bench/readers.txt`.
`--page` writes the table that slides and report show.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib
import importlib.metadata
import io
import json
import multiprocessing
import os
import platform
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from classically_punk.audio.decode import decode_file
from classically_punk.errors import ClipError
from classically_punk.settings import Limits

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "lib/classically_punk/reporting/readers.json"
TIMEOUT_S = 10.0
ALIKE = 0.99
RATE, SECONDS, ROUNDS = 44_100, 30.0, 5

FORMATS: dict[str, tuple[str, str]] = {
    "WAV, 16 bits": ("WAV", "PCM_16"),
    "WAV, 24 bits": ("WAV", "PCM_24"),
    "WAV, floats": ("WAV", "FLOAT"),
    "AIFF": ("AIFF", "PCM_16"),
    "AU": ("AU", "PCM_16"),
    "CAF": ("CAF", "PCM_16"),
    "FLAC": ("FLAC", "PCM_16"),
    "Ogg Vorbis": ("OGG", "VORBIS"),
    "Ogg Opus": ("OGG", "OPUS"),
    "MP3": ("MP3", "MPEG_LAYER_III"),
}
BROKEN = ("TRUNCATED", "HEADER_CORRUPT", "DECODE_ERROR", "NO_SAMPLES", "NOT_AUDIO", "ARCHIVE")
"""Codes of the zoo whose files hold no whole recording: a reader should say so."""

Samples = NDArray[np.float64]
Reader = Callable[[str], Any]


def standard_wave() -> Reader:
    """The standard library."""

    def read(path: str) -> Any:
        with wave.open(path) as file:
            kind = {1: "u1", 2: "<i2", 4: "<i4"}[file.getsampwidth()]
            return np.frombuffer(file.readframes(file.getnframes()), kind).reshape(-1, file.getnchannels())

    return read


def scipy_wavfile() -> Reader:
    """SciPy."""
    wavfile = importlib.import_module("scipy.io.wavfile")
    return lambda path: wavfile.read(path)[1]


def python_soundfile() -> Reader:
    """libsndfile."""
    return lambda path: soundfile.read(path, dtype="float32", always_2d=True)[0]


def audio_read() -> Reader:
    """audioread: whatever decoder the system has."""
    audioread = importlib.import_module("audioread")

    def read(path: str) -> Any:
        with audioread.audio_open(path) as file:
            return np.frombuffer(b"".join(file), "<i2").reshape(-1, file.channels)

    return read


def pydub() -> Reader:
    """pydub: WAV by itself, all else by a program named ffmpeg."""
    segment = importlib.import_module("pydub").AudioSegment

    def read(path: str) -> Any:
        sound = segment.from_file(path)
        return np.asarray(sound.get_array_of_samples()).reshape(-1, sound.channels)

    return read


def miniaudio() -> Reader:
    """miniaudio's own decoders."""
    library = importlib.import_module("miniaudio")

    def read(path: str) -> Any:
        sound = library.decode_file(path, library.SampleFormat.FLOAT32, nchannels=2, sample_rate=RATE)
        return np.frombuffer(sound.samples, "f4").reshape(-1, 2)

    return read


def pyav() -> Reader:
    """FFmpeg's libraries, inside the package."""
    av = importlib.import_module("av")

    def read(path: str) -> Any:
        with av.open(path) as container:
            to_float = av.AudioResampler(format="fltp")
            frames = [out.to_ndarray() for frame in container.decode(audio=0) for out in to_float.resample(frame)]
        return np.concatenate(frames, axis=1).T

    return read


# library -> how it is read, the package that has its version, licence of the package and of what it carries
READERS: dict[str, tuple[Callable[[], Reader], str, str]] = {
    "soundfile": (python_soundfile, "soundfile", "BSD-3-Clause; libsndfile LGPL-2.1"),
    "PyAV": (pyav, "av", "BSD-3-Clause; FFmpeg LGPL or GPL"),
    "miniaudio": (miniaudio, "miniaudio", "MIT"),
    "audioread": (audio_read, "audioread", "MIT; the system's decoders"),
    "pydub": (pydub, "pydub", "MIT; FFmpeg as a program"),
    "scipy.io.wavfile": (scipy_wavfile, "scipy", "BSD-3-Clause"),
    "wave": (standard_wave, "", "PSF-2.0"),
}


def serve(name: str, beside: list[str], asked: Connection) -> None:
    """The child: a path in, (seconds of CPU, samples or the name of what was raised) out."""
    sys.path[:0] = beside
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123  decoders talk
        os.dup2(nowhere.fileno(), 2)
    try:
        read = READERS[name][0]()
    except ImportError:
        asked.send("not installed")
        return
    asked.send("ready")
    while (path := asked.recv()) is not None:
        start = time.process_time()
        try:
            samples = np.asarray(read(path))
        except Exception as error:  # noqa: BLE001  whatever a library raises is its answer
            asked.send((time.process_time() - start, type(error).__name__))
        else:
            asked.send((time.process_time() - start, samples))


class Library:
    """One library in its process, begun anew after it died or hung."""

    def __init__(self, name: str, beside: list[str]) -> None:
        self.name, self.beside = name, beside
        self.installed = self._begin()

    def _begin(self) -> bool:
        spawn = multiprocessing.get_context("spawn")
        self.here, there = spawn.Pipe()
        self.child = spawn.Process(target=serve, args=(self.name, self.beside, there), daemon=True)
        self.child.start()
        there.close()
        return bool(self.here.recv() == "ready")

    def read(self, path: Path) -> tuple[float, Any]:
        """Seconds of CPU, and the samples, or in words why there are none."""
        self.here.send(str(path))
        try:
            if self.here.poll(TIMEOUT_S):
                answer: tuple[float, Any] = self.here.recv()
                return answer
            self.child.kill()
            fate = "hang"
        except EOFError:
            fate = "crash"
        self.child.join()
        self._begin()
        return TIMEOUT_S, fate

    def end(self) -> None:
        """Lets the process go."""
        with contextlib.suppress(OSError):
            self.here.send(None)
        self.child.join(TIMEOUT_S)


def song() -> Samples:
    """(n, 2): tones and noise, which no channel shares."""
    time_s = np.arange(round(SECONDS * RATE)) / RATE
    chance = np.random.default_rng(1976)
    tones = sum(np.sin(2 * np.pi * hertz * time_s) for hertz in (220, 331, 553, 2217)) / 10
    left = tones + 0.05 * chance.standard_normal(time_s.size)
    return np.stack([left, 0.6 * tones], axis=1)


def is_the_song(read: Any, wanted: Samples) -> bool:
    """Whether samples of any scale, a little longer or shifted as lossy codecs do, are the song."""
    if not isinstance(read, np.ndarray) or read.ndim != 2 or read.shape[1] != wanted.shape[1]:
        return False
    mono, source = read.astype(np.float64).mean(axis=1), wanted.mean(axis=1)
    if abs(mono.size / source.size - 1) > 0.01 and abs(mono.size / source.size - 48 / 44.1) > 0.01:
        return False
    if mono.size > 1.05 * source.size:  # Opus comes back at 48 kHz
        source = np.interp(np.arange(mono.size) * RATE / 48_000, np.arange(source.size), source)
    mono, source = mono[20_000:220_000], source[18_000:222_000]
    size = 1 << 19
    spectrum = np.fft.rfft(source, size) * np.conj(np.fft.rfft(mono, size))
    best = np.fft.irfft(spectrum, size)[:4_001].max()
    at = int(np.argmax(np.fft.irfft(spectrum, size)[:4_001]))
    piece = source[at : at + mono.size]
    return bool(best / np.sqrt((mono @ mono) * (piece @ piece)) > ALIKE * 0.98)


def songs(folder: Path) -> dict[str, Path]:
    """The same song in every format."""
    made = {}
    for at, (name, (container, codec)) in enumerate(FORMATS.items()):
        rate = 48_000 if codec == "OPUS" else RATE
        samples = song()
        if rate != RATE:
            import soxr

            samples = soxr.resample(samples, RATE, rate)
        held = io.BytesIO()
        soundfile.write(held, samples, rate, codec, format=container)
        made[name] = folder / f"{at:02d}.{container.lower()}"
        made[name].write_bytes(held.getvalue())
    return made


def broken(folder: Path) -> list[Path]:
    """The zoo's files that hold no whole recording, of containers that most libraries know."""
    sys.path.insert(0, str(ROOT))
    from tests.zoo import au, flac, mp3, nothing, ogg, wav

    made = []
    for module in (wav, au, flac, ogg, mp3, nothing):
        for case in module.CASES:
            if case.code in BROKEN:
                made.append(folder / f"{len(made):04d}-{case.code}.{module.__name__.rpartition('.')[2]}")
                made[-1].write_bytes(case.build())
    return made


def judged(name: str, beside: list[str], good: dict[str, Path], bad: list[Path]) -> dict[str, Any] | None:
    """What a library does; None where it is not installed."""
    library = Library(name, beside)
    if not library.installed:
        return None
    wanted = song()
    reads = [form for form, path in good.items() if is_the_song(library.read(path)[1], wanted)]
    times = {form: median(library.read(good[form])[0] for _ in range(ROUNDS)) for form in reads}
    answers = [library.read(path)[1] for path in bad]
    library.end()
    died = sum(isinstance(answer, str) and answer in ("crash", "hang") for answer in answers)
    taken = sum(not isinstance(answer, str) for answer in answers)
    package = READERS[name][1]
    return {
        "name": name,
        "version": importlib.metadata.version(package) if package else platform.python_version(),
        "licence": READERS[name][2],
        "reads": reads,
        "ms": {form: round(1000 * seconds, 1) for form, seconds in times.items()},
        "broken": len(bad),
        "broken_taken": taken,
        "broken_died": died,
    }


def taken_behind_checks(bad: list[Path]) -> int:
    """How many of the broken files get past what this project puts before and behind soundfile."""
    taken = 0
    for path in bad:
        with contextlib.suppress(ClipError):
            decode_file(bytes(path), Limits())
            taken += 1
    return taken


def main() -> None:
    """Prints the table as JSON; `--page` keeps it for slides and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", action="append", default=[])
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    sys.path[:0] = chosen.beside
    with tempfile.TemporaryDirectory() as place:
        good, bad = songs(Path(place)), broken(Path(place))
        rows = [found for name in READERS if (found := judged(name, chosen.beside, good, bad)) is not None]
        checked = taken_behind_checks(bad)
    table = {
        "measured": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; CPU time",
        "seconds": SECONDS,
        "formats": list(FORMATS),
        "libraries": rows,
        "taken_behind_checks": checked,
    }
    text = json.dumps(table, indent=1) + "\n"
    print(text)
    if chosen.page:
        PAGE.write_text(text)
    if chosen.json:
        flat = {f"{row['name']}_ms_{form}": ms for row in rows for form, ms in row["ms"].items()}
        flat |= {f"{row['name']}_reads": len(row["reads"]) for row in rows}
        facts = {key: table[key] for key in ("measured", "machine")}
        chosen.json.write_text(json.dumps(facts | flat, indent=1) + "\n")


if __name__ == "__main__":
    main()
