"""Mutated audio through decoder and kernels: each input has to end as finite rows or as a reason code.

Seeds are short clips in every container; a mutation is bits, blocks, header fields, two files spliced, or a cut. Input
number n of a seed S is always the same bytes: `--replay n --seed S` judges it again. What fails is saved and the exit
status is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import random
import resource
import struct
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import soundfile

from classically_punk.audio.decode import decode_content
from classically_punk.audio.synthetic import ogg_checksum
from classically_punk.errors import ClipError
from classically_punk.features import catalogue
from classically_punk.features.describe import describe_segments
from classically_punk.settings import Limits

LIMITS = Limits(max_bytes=1 << 20, max_duration_s=10.0)
"""Small, so that a lying header costs no time; every limit is met."""

SECONDS, RATE = 0.55, 8_000
HEADER = 160  # most fields of most formats lie in the first bytes
MEMORY = 3 << 30  # address space of a worker: an input that wants more is a finding
HANGS_S = 60.0
ASKED_TWICE = 97  # every so manieth accepted input is judged twice and has to come out the same

FORMATS = [
    ("WAV", "PCM_16"), ("WAV", "PCM_U8"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "DOUBLE"), ("WAV", "ULAW"),
    ("WAV", "IMA_ADPCM"), ("WAV", "MS_ADPCM"), ("WAV", "GSM610"), ("WAV", "G721_32"), ("WAVEX", "PCM_16"),
    ("WAVEX", "FLOAT"), ("RF64", "PCM_16"), ("W64", "PCM_16"), ("AIFF", "PCM_16"), ("AIFF", "FLOAT"), ("AIFF", "ULAW"),
    ("AIFF", "IMA_ADPCM"), ("AIFF", "DWVW_16"), ("AU", "PCM_16"), ("AU", "ULAW"), ("AU", "FLOAT"), ("AU", "G723_24"),
    ("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
    ("CAF", "PCM_16"), ("CAF", "FLOAT"), ("CAF", "ALAC_16"), ("CAF", "ALAC_24"),
]  # fmt: skip
MONO = {"GSM610", "G721_32", "G723_24", "DWVW_16"}
EDGES = [
    0, 1, 2, 3, 4, 7, 8, 9, 16, 24, 32, 64, 127, 128, 255, 256, 1_024, 4_000, 32_767, 32_768, 65_535, 65_536, 384_000,
    1 << 20, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 40, 1 << 62, (1 << 63) - 1, 1 << 63,
    (1 << 64) - 1,
]  # fmt: skip

Judge = Callable[[bytes], str]


@cache
def seeds() -> tuple[bytes, ...]:
    """A short clip, mono and stereo, in every container and most codecs; some behind tags, chained, uncounted."""
    time_s = np.arange(round(SECONDS * RATE)) / RATE
    mono = 0.3 * np.sin(2 * np.pi * 220 * time_s) + 0.02 * np.random.default_rng(0).standard_normal(time_s.size)
    stereo = np.stack([mono, 0.5 * np.roll(mono, 5)], axis=1)
    made = [_encoded(mono if n % 3 or kind[1] in MONO else stereo, *kind) for n, kind in enumerate(FORMATS)]
    flac, ogg, mp3 = (made[[kind[0] for kind in FORMATS].index(name)] for name in ("FLAC", "OGG", "MP3"))
    made.append(flac[:21] + bytes([flac[21] & 0xF0, 0, 0, 0, 0]) + flac[26:])
    made.append(b"ID3\x04\0\0\0\0\0\x20" + bytes(32) + mp3)
    made.append(mp3[mp3.index(mp3[:2], 4) :])
    made.append(ogg + ogg)
    return tuple(made)


def _encoded(samples: np.ndarray, container: str, codec: str) -> bytes:
    target = io.BytesIO()
    soundfile.write(target, samples, RATE, codec, format=container)
    content = target.getvalue()
    return b"".join(_sealed(page, serial=1) for page in _pages(content)) if container == "OGG" else content


def _pages(content: bytes) -> Iterator[bytes]:
    """Pages of an Ogg file as far as they follow each other, and the rest."""
    at = 0
    while content.startswith(b"OggS", at) and at + 27 <= len(content):
        length = 27 + content[at + 26] + sum(content[at + 27 : at + 27 + content[at + 26]])
        yield content[at : at + length]
        at += length
    yield content[at:]


def _sealed(page: bytes, serial: int | None = None) -> bytes:
    """An Ogg page with a checksum that is right, so that damage behind it is looked at."""
    if len(page) < 27 or not page.startswith(b"OggS"):
        return page
    number = page[14:18] if serial is None else struct.pack("<I", serial)
    page = page[:14] + number + page[18:22] + bytes(4) + page[26:]
    return page[:22] + struct.pack("<I", ogg_checksum(page)) + page[26:]


def mutated(seed: int, number: int) -> bytes:
    """Input `number` of a seed: one to four mutations of one file."""
    chance = random.Random(seed << 40 | number)
    content = bytearray(chance.choice(seeds()))
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        content = chance.choice(MUTATIONS)(chance, content)
    if content.startswith(b"OggS") and chance.random() < 0.7:
        return b"".join(_sealed(page) for page in _pages(bytes(content)))
    return bytes(content[: LIMITS.max_bytes + 1])


def _place(chance: random.Random, content: bytearray) -> int:
    """A place in the file, in its header more often than not."""
    within = min(len(content), HEADER) if chance.random() < 0.7 else len(content)
    return chance.randrange(within) if within else 0


def _flip(chance: random.Random, content: bytearray) -> bytearray:
    for _ in range(chance.choice((1, 1, 2, 4, 16)) if content else 0):
        content[_place(chance, content)] ^= 1 << chance.randrange(8)
    return content


def _bytes(chance: random.Random, content: bytearray) -> bytearray:
    at = _place(chance, content)
    new = chance.choice(
        (bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", chance.randbytes(4), chance.randbytes(1), b"NaN\x7f")
    )
    content[at : at + len(new)] = new
    return content


def _edge(chance: random.Random, content: bytearray) -> bytearray:
    """A number at the edge of its type where a field may be."""
    width = chance.choice((1, 2, 2, 4, 4, 4, 8))
    value = (chance.choice(EDGES) + chance.choice((0, 0, 1, -1))) % (1 << 8 * width)
    at = _place(chance, content) // 2 * 2
    content[at : at + width] = value.to_bytes(width, chance.choice(("little", "big")))  # type: ignore[arg-type]
    return content


def _float(chance: random.Random, content: bytearray) -> bytearray:
    """A number no sample or rate should be."""
    value = chance.choice((float("nan"), float("inf"), -float("inf"), 1e38, -1e30, 65_536.0, 70_000.0, 1e-42, -0.0))
    at = _place(chance, content) // 4 * 4
    new = struct.pack(chance.choice(("<f", ">f", "<d", ">d")), value)
    content[at : at + len(new)] = new
    return content


def _span(chance: random.Random, content: bytearray) -> tuple[int, int]:
    start = _place(chance, content)
    return start, min(len(content), start + chance.choice((1, 2, 4, 8, 32, 100, 512, 2_000)))


def _cut(chance: random.Random, content: bytearray) -> bytearray:
    start, stop = _span(chance, content)
    del content[start:stop]
    return content


def _double(chance: random.Random, content: bytearray) -> bytearray:
    start, stop = _span(chance, content)
    content[start:start] = content[start:stop] * chance.choice((1, 1, 2, 9))
    return content


def _swap(chance: random.Random, content: bytearray) -> bytearray:
    start, stop = _span(chance, content)
    there = _place(chance, content)
    block = content[start:stop]
    content[start:stop] = content[there : there + len(block)]
    content[there : there + len(block)] = block
    return content


def _insert(chance: random.Random, content: bytearray) -> bytearray:
    at = _place(chance, content)
    content[at:at] = chance.randbytes(chance.choice((1, 2, 4, 30, 300)))
    return content


def _noise(chance: random.Random, content: bytearray) -> bytearray:
    start, stop = _span(chance, content)
    content[start:stop] = chance.randbytes(stop - start)
    return content


def _level(chance: random.Random, content: bytearray) -> bytearray:
    """A stretch of one value: silence, full scale, a constant."""
    start = chance.randrange(len(content)) if content else 0
    stop = min(len(content), start + chance.choice((100, 1_000, 10_000)))
    content[start:stop] = bytes([chance.choice((0, 0x7F, 0x80, 0xFF))]) * (stop - start)
    return content


def _splice(chance: random.Random, content: bytearray) -> bytearray:
    other = chance.choice(seeds())
    return content[: _place(chance, content)] + other[_place(chance, bytearray(other)) :]


def _append(chance: random.Random, content: bytearray) -> bytearray:
    return content + chance.choice(seeds())


def _truncate(chance: random.Random, content: bytearray) -> bytearray:
    return content[: chance.choice((_place(chance, content), round(len(content) * chance.choice((0.5, 0.98, 0.995)))))]


MUTATIONS: tuple[Callable[[random.Random, bytearray], bytearray], ...] = (
    _flip, _flip, _flip, _bytes, _edge, _edge, _edge, _float, _cut, _double, _swap, _insert, _noise, _level, _splice,
    _append, _truncate,
)  # fmt: skip


def judge(content: bytes) -> str:
    """Reason code, or `accepted`. Raises AssertionError for a row that is not finite, and whatever was not foreseen."""
    try:
        rows = _rows(content)
    except ClipError as error:
        return error.code
    assert np.isfinite(rows).all(), "a row with a value that is not finite"
    if len(content) % ASKED_TWICE == 0:
        assert np.array_equal(rows, _rows(content)), "other rows for the same bytes"
    return "accepted"


def _rows(content: bytes) -> np.ndarray:
    return np.stack([row.values for row in describe_segments(decode_content(content, LIMITS).samples, 3.0, "punk")])


@dataclass
class Result:
    """What became of the inputs, by code, and what must not have happened: (number of the input, what)."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[tuple[int, str]] = field(default_factory=list)
    seconds: float = 0.0
    cpu_s: float = 0.0

    @property
    def inputs(self) -> int:
        return sum(self.counts.values()) + len(self.findings)


class Job:
    """One worker process on every `step`-th input, watched: what it was at when it died or hung is a finding."""

    def __init__(self, seed: int, first: int, step: int, last: int, judged_by: Judge) -> None:
        self._context = multiprocessing.get_context("fork")
        self._arguments = seed, step, last, judged_by
        self._at = self._context.Value("q", first)
        self._moved, self._seen = time.monotonic(), first
        self.done = False
        self._start(first)

    def _start(self, first: int) -> None:
        self._pipe, theirs = self._context.Pipe(duplex=False)
        self._moved = time.monotonic()
        self.process: BaseProcess = self._context.Process(
            target=_work, args=(theirs, self._at, first, *self._arguments), daemon=True
        )
        self.process.start()
        theirs.close()

    def collect(self, into: Result) -> None:
        """Take what the worker reported; start another one where it died."""
        at = self._at.value
        if at != self._seen:
            self._seen, self._moved = at, time.monotonic()
        hangs = time.monotonic() - self._moved > HANGS_S
        if hangs:
            self.process.kill()
            self.process.join()
        dead = not self.process.is_alive()
        with contextlib.suppress(EOFError):
            while self._pipe.poll():
                counts, findings, cpu_s = self._pipe.recv()
                into.counts.update(counts)
                into.findings += findings
                into.cpu_s += cpu_s
        if dead and self.process.exitcode != 0:
            what = f"no answer for {HANGS_S:.0f} s" if hangs else f"the process died with {self.process.exitcode}"
            into.findings.append((at, what))
            if len(into.findings) < 100:
                self._start(at + self._arguments[1])
                return
        self.done = dead

    def stop(self) -> None:
        self._at.value = -1 - abs(self._at.value)


def _work(pipe: Connection, at: object, first: int, seed: int, step: int, last: int, judged_by: Judge) -> None:
    """The worker: counts go up the pipe once a second; a number below zero in `at` tells it to end."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    silence = os.open(os.devnull, os.O_WRONLY)  # decoders talk, on either stream
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    counts: Counter[str] = Counter()
    findings: list[tuple[int, str]] = []
    reported, cpu = time.monotonic(), time.process_time()
    for number in range(first, last, step):
        with at.get_lock():  # type: ignore[attr-defined]
            if at.value < 0:  # type: ignore[attr-defined]
                break
            at.value = number  # type: ignore[attr-defined]
        try:
            counts[judged_by(mutated(seed, number))] += 1
        except Exception:  # noqa: BLE001 (what nobody foresaw is what is looked for)
            findings.append((number, traceback.format_exc(limit=-4)))
        if findings or time.monotonic() - reported > 1:  # a finding must not die with the process
            pipe.send((counts, findings, time.process_time() - cpu))
            counts, findings = Counter(), []
            reported, cpu = time.monotonic(), time.process_time()
    pipe.send((counts, findings, time.process_time() - cpu))
    pipe.close()


def run(
    seed: int, first: int, inputs: int | None, seconds: float | None, jobs: int, judged_by: Judge = judge,
    tell: Callable[[Result], None] = lambda result: None,
) -> Result:  # fmt: skip
    """Judge inputs from number `first` on until so many are done or the time is over."""
    seeds()
    result, begun, told = Result(), time.monotonic(), time.monotonic()
    last = first + inputs if inputs is not None else sys.maxsize
    running = [Job(seed, first + number, jobs, last, judged_by) for number in range(jobs)]
    while not all(job.done for job in running):
        time.sleep(0.05)
        for job in running:
            if not job.done:
                job.collect(result)
        result.seconds = time.monotonic() - begun
        if seconds is not None and result.seconds > seconds:
            for job in running:
                job.stop()
        if time.monotonic() - told > 60:
            tell(result)
            told = time.monotonic()
    return result


def report(result: Result, seed: int) -> str:
    """One line of JSON: how many, how fast, how many of each code."""
    described = result.counts["accepted"]
    return json.dumps(
        {
            "seed": seed, "inputs": result.inputs, "described": described, "findings": len(result.findings),
            "seconds": round(result.seconds), "cpu_s": round(result.cpu_s),
            "per_cpu_s": round(result.inputs / result.cpu_s) if result.cpu_s else None,
            "counts": dict(result.counts.most_common()), "libsndfile": soundfile.__libsndfile_version__,
        }
    )  # fmt: skip


def save(folder: Path, seed: int, findings: Sequence[tuple[int, str]]) -> None:
    """Each input that failed, and beside it what happened."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, what in findings:
        (folder / f"{seed}-{number}.bin").write_bytes(mutated(seed, number))
        (folder / f"{seed}-{number}.txt").write_text(what)


def main(argv: Sequence[str] | None = None) -> int:
    """Run as asked; 1 where anything was found."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, help="stop after so much time (default 60, unless --inputs is given)")
    parser.add_argument("--inputs", type=int, help="stop after so many inputs")
    parser.add_argument("--seed", type=int, default=0, help="other seeds, other inputs (default %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first input (default %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="worker processes (default %(default)s)")
    parser.add_argument("--save", type=Path, default=Path("fuzz-findings"), help="folder of what was found")
    parser.add_argument("--replay", type=int, help="judge this one input and show what happens")
    asked = parser.parse_args(argv)
    catalogue.columns("punk")
    if asked.replay is not None:
        print(judge(mutated(asked.seed, asked.replay)))
        return 0
    seconds = 60.0 if asked.seconds is None and asked.inputs is None else asked.seconds

    def tell(result: Result) -> None:
        print(report(result, asked.seed), flush=True)

    result = run(asked.seed, asked.first, asked.inputs, seconds, asked.jobs, tell=tell)
    save(asked.save, asked.seed, result.findings) if result.findings else None
    for number, what in result.findings[:5]:
        print(f"input {number}: {what}", file=sys.stderr)
    tell(result)
    return 1 if result.findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
