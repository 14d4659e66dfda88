"""Near-duplicates: which altered copies of real recordings are found, and what finding them costs as a corpus grows.

Needs real recordings for the first (`--corpus`), invented fingerprints for the second.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import io
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import soxr
from numpy.typing import NDArray

from classically_punk.audio import decode, inventory
from classically_punk.errors import ClipError
from classically_punk.features import fingerprint as prints
from classically_punk.features.analysis import SAMPLE_RATE_HZ, Analysis
from classically_punk.modelling import near_duplicates as near
from classically_punk.settings import Limits

ROOT = Path(__file__).resolve().parents[1]
RATE = SAMPLE_RATE_HZ
FRAMES = 30 * RATE // 512 + 1 - 23
JINGLE = 430
"""Words, 10 s: what clips that look alike have in common."""
SCHEMA = "clip_id string, words binary, sketch array<int>"
Signal = NDArray[np.float32]


def encoded(samples: Signal, rate: int, kind: str, coding: str, **how: Any) -> bytes:
    """A sound file in memory."""
    content = io.BytesIO()
    with soundfile.SoundFile(content, "w", rate, 1, format=kind, subtype=coding, **how) as file:
        file.write(samples)
    return content.getvalue()


def mp3(samples: Signal, rate: int, level: float) -> bytes:
    """MP3 at a constant rate: libsndfile chooses it by `level`."""
    return encoded(samples, rate, "MP3", "MPEG_LAYER_III", bitrate_mode="CONSTANT", compression_level=level)


def copies(samples: Signal) -> Iterator[tuple[str, bytes]]:
    """Altered copies of a clip as files, by name."""
    high = soxr.resample(samples, RATE, 44_100)
    cut = samples[round(0.3 * RATE) :]
    yield "6 dB louder, clipped at full scale", encoded(np.clip(2 * samples, -1, 1), RATE, "WAV", "PCM_16")
    yield "6 dB softer", encoded(samples / 2, RATE, "WAV", "PCM_16")
    yield "MP3 128 kb/s at 44.1 kHz", mp3(high, 44_100, 0.625)
    yield "MP3 64 kb/s at 22.05 kHz", mp3(samples, RATE, 0.575)
    yield "MP3 64 kb/s at 44.1 kHz", mp3(high, 44_100, 0.875)
    yield "Ogg Vorbis quality 3", encoded(samples, RATE, "OGG", "VORBIS", compression_level=0.7)
    yield "44.1 kHz and back", encoded(high, 44_100, "WAV", "PCM_16")
    yield "0.3 s cut off", encoded(cut, RATE, "WAV", "PCM_16")
    yield "cut, softer, MP3 64 kb/s at 44.1 kHz", mp3(soxr.resample(cut / 2, RATE, 44_100), 44_100, 0.875)


def found_pairs(words: Sequence[prints.Words]) -> tuple[int, list[tuple[int, int]]]:
    """Fingerprints -> how many pairs were compared, and those of one recording."""
    sketches = [prints.sketch(each) for each in words]
    clips = np.repeat(np.arange(len(words)), [each.size for each in sketches])
    a, b = near.links(np.concatenate(sketches), clips)
    pairs, counts = np.unique(a * len(words) + b, return_counts=True)
    chosen = pairs[counts >= near.SHARED]
    compared = [(int(pair) // len(words), int(pair) % len(words)) for pair in chosen]
    return len(compared), [(i, j) for i, j in compared if near.same_recording(words[i], words[j])]


def recall(folders: Sequence[Path]) -> tuple[list[str], dict[str, float]]:
    """Real recordings below each folder -> lines of a table, and figures."""
    limits = Limits()
    originals: dict[str, prints.Words] = {}
    altered: dict[str, dict[str, prints.Words]] = {}
    cost: list[float] = []
    for folder in folders:
        for found in inventory.walk(os.fsencode(folder)):
            name = f"{folder.name}/{inventory.path_text(found.path).rpartition('/')[2]}"
            try:
                samples = decode.decode_file(found.path, limits).samples
            except ClipError as error:
                print(f"{name}: {error.code}, left out", file=sys.stderr)
                continue
            bands = Analysis(samples).first_pass.bands
            start = time.process_time()
            originals[name] = prints.words_of(bands)
            prints.sketch(originals[name])
            cost.append(time.process_time() - start)
            for what, content in copies(samples):
                again = decode.decode_content(content, limits).samples
                altered.setdefault(what, {})[name] = prints.fingerprint(again)
    names = list(originals)
    compared, alike = found_pairs(list(originals.values()))
    lines = [
        f"Among the {len(names)} originals {compared} pairs were compared and {len(alike)} found to be one recording:",
        *(f"- {names[i]} and {names[j]}: {near.difference(originals[names[i]], originals[names[j]]):.1%} of the bits"
          for i, j in alike),
        "",
        "| copy | found | share of unlike bits: median, largest |",
        "|---|---|---|",
    ]  # fmt: skip
    figures: dict[str, float] = {"originals": len(names), "pairs_among_originals": len(alike)}
    strange: set[tuple[str, str]] = set()
    for what, copied in altered.items():
        words = [*originals.values(), *(copied[name] for name in names)]
        _, pairs = found_pairs(words)
        hits = {i for i, j in pairs if j == i + len(names)}
        strange |= {
            (min(names[i % len(names)], names[j % len(names)]), max(names[i % len(names)], names[j % len(names)]))
            for i, j in pairs
            if (j - i) % len(names)
        }
        unlike = [near.difference(originals[name], copied[name]) for name in names]
        share = len(hits) / len(names)
        figures["recall_" + "".join(c if c.isalnum() else "_" for c in what.lower())] = share
        lines.append(f"| {what} | {len(hits)} of {len(names)} | {np.median(unlike):.3f}, {max(unlike):.3f} |")
    figures["pairs_of_different_files"] = len(strange)
    figures["fingerprint_cpu_ms"] = 1000 * float(np.median(cost))
    lines += ["", f"Files found alike in any pool of originals and copies: {sorted(strange)}"]
    return lines, figures


def invented(clips: int, seed: int = 1) -> Iterator[prints.Words]:
    """Fingerprints of 30 s: one in 20 is a copy of the one before with errors in bursts, one in 100 has the jingle.

    Words change an eighth of their bits from frame to frame; four bits in 32 follow from the others, so that strangers
    share words about as often as real recordings do.
    """
    random = np.random.Generator(np.random.PCG64(seed))

    def draw(size: int) -> prints.Words:
        bits = random.integers(0, 2**32, (3, size), dtype=np.uint32)
        flips = bits[0] & bits[1] & bits[2]
        flips[0] = bits[0, 0]
        words = np.bitwise_xor.accumulate(flips) & np.uint32(0x0FFFFFFF)
        return words | (words << np.uint32(28))

    jingle = draw(JINGLE)
    last = draw(FRAMES)
    for at in range(clips):
        if at % 20 == 19:
            wrong = draw(FRAMES) & draw(FRAMES) & draw(FRAMES)
            wrong[np.repeat(random.uniform(size=FRAMES // 10 + 1) < 0.5, 10)[:FRAMES]] = 0
            yield last ^ wrong
            continue
        last = draw(FRAMES)
        if at % 100 == 0:
            last[200 : 200 + JINGLE] = jingle
        yield last


def cost(sizes: Sequence[int], with_spark: bool) -> tuple[list[str], dict[str, float]]:
    """Corpora of invented fingerprints -> lines of a table, and figures."""
    figures: dict[str, float] = {}
    lines = ["| clips | pairs compared | copies found | NumPy, one process: CPU s | Spark, local: wall s |"]
    lines.append("|---|---|---|---|---|")
    spark = _session() if with_spark else None
    for size in sizes:
        words = list(invented(size))
        start = time.process_time()
        compared, alike = found_pairs(words)
        figures[f"numpy_cpu_s_{size}"] = time.process_time() - start
        figures[f"compared_{size}"], figures[f"alike_{size}"] = compared, len(alike)
        wall = "–"
        if spark is not None:
            from classically_punk.spark.near_duplicates import same_recordings

            with tempfile.TemporaryDirectory() as folder:
                for at in range(0, size, 10_000):
                    part = words[at : at + 10_000]
                    table = pd.DataFrame(
                        {
                            "clip_id": [f"{int(prints.mixed(np.asarray([at + n]))[0]):016x}" for n in range(len(part))],
                            "words": [prints.packed(each) for each in part],
                            "sketch": [prints.sketch(each) for each in part],
                        }
                    )
                    table.to_parquet(Path(folder) / f"{at:09d}.parquet")
                del words
                began = time.perf_counter()
                pairs = same_recordings(spark.read.schema(SCHEMA).parquet(folder))
                figures[f"spark_wall_s_{size}"] = time.perf_counter() - began
                if len(pairs) != len(alike):
                    print(f"Spark found {len(pairs)} pairs, NumPy {len(alike)}", file=sys.stderr)
                wall = f"{figures[f'spark_wall_s_{size}']:.1f}"
        numpy_s = figures[f"numpy_cpu_s_{size}"]
        lines.append(f"| {size} | {compared} | {len(alike)} | {numpy_s:.2f} | {wall} |")
        print(lines[-1], flush=True)
    for what in ("numpy_cpu_s", "spark_wall_s"):
        times = [(n, figures[f"{what}_{n}"]) for n in sizes if f"{what}_{n}" in figures]
        if len(times) > 1:
            (n0, t0), (n1, t1) = times[-2], times[-1]
            figures[f"{what}_exponent"] = float(np.log(t1 / t0) / np.log(n1 / n0))
    return lines, figures


def _session() -> Any:
    from local_session import local_session

    session = local_session("near-duplicates")
    session.range(1).count()  # the first query of a session pays for warming up
    return session


def main() -> int:
    """Measures, prints tables and writes the JSON file."""
    parser = argparse.ArgumentParser(prog="scripts/bench near_duplicates")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--corpus", type=Path, nargs="*", help="folders of real recordings")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--no-spark", action="store_true")
    asked = parser.parse_args()
    beside = ROOT.parent / "shared" / "corpus"
    folders = asked.corpus if asked.corpus is not None else [beside / "gtzan", beside / "gtzan-short"]
    lines: list[str] = []
    figures: dict[str, float] = {}
    for folder in (each for each in folders if not each.is_dir()):
        print(f"{folder} is not there: left out", file=sys.stderr)
    if present := [each for each in folders if each.is_dir()]:
        lines, figures = recall(present)
        print("\n".join(lines), flush=True)
    if asked.sizes:
        figures |= cost(asked.sizes, not asked.no_spark)[1]
    about = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("numpy", "pyspark", "soundfile", "soxr")},
        "libsndfile": soundfile.__libsndfile_version__,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    if asked.json:
        asked.json.write_text(json.dumps(about | figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(about | {name: round(value, 4) for name, value in figures.items()}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
