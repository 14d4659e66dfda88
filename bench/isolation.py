"""What isolation costs: per clip, in memory, and for files that kill the decoder among a thousand that do not.

Memory is that of a process that decodes and describes as a worker does, and of its decoder, each above its start.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import numpy as np
import soundfile

from classically_punk.audio import decode
from classically_punk.audio.isolation import IsolatedDecoder
from classically_punk.errors import ClipError
from classically_punk.features.describe import describe_segments
from classically_punk.settings import Limits, Settings

ROOT = Path(__file__).resolve().parents[1]
RATE = 22_050
TIMEOUT_S = 5.0
KINDS = ("segfault", "kill", "exit", "memory", "flood", "hang", "spin")


def clips(folder: Path, count: int, seconds: float) -> list[Path]:
    """`count` distinct 16-bit WAV files of noise."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(0)
    paths = [folder / f"{at:04d}.wav" for at in range(count)]
    for path in paths:
        soundfile.write(path, 0.1 * chance.standard_normal(round(seconds * RATE)), RATE)
    return paths


def price_ms(folder: Path) -> list[float]:
    """Milliseconds of the clock that a 30 s clip costs more with isolation than without, pair by pair."""
    paths = clips(folder, 20, 30.0)
    limits = Limits()
    prices = []
    with IsolatedDecoder(limits) as decoder:
        for path in paths:  # both warm, the files in the cache
            decoder.decode_file(bytes(path))
            decode.decode_file(bytes(path), limits)
        for path in paths * 5:
            start = time.perf_counter()
            decode.decode_file(bytes(path), limits)
            between = time.perf_counter()
            decoder.decode_file(bytes(path))
            prices.append(1e3 * ((time.perf_counter() - between) - (between - start)))
    return prices


def peak_mib(process: int) -> float:
    """Largest resident memory of a process so far."""
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def forked(work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """The figures of `work` in a process of its own, whose peak is nobody else's."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        status = 1
        try:
            os.close(reading)
            os.write(writing, json.dumps(work()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.wait()
    figures: dict[str, float] = json.loads(said)
    return figures


def memory(path: Path, small: Path) -> dict[str, float]:
    """MiB of worker and decoder above what a small clip took, at the peak of one file."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    with IsolatedDecoder(Limits()) as decoder:
        describe_segments(decoder.decode_file(bytes(small)).samples, 3.0)
        Path("/proc/self/clear_refs").write_text("5")
        assert decoder.process_id is not None
        worker, child = peak_mib(os.getpid()), peak_mib(decoder.process_id)
        try:
            describe_segments(decoder.decode_file(bytes(path)).samples, 3.0)
            said = "accepted"
        except ClipError as error:
            said = error.code
        print(f"{path.name}: {said}", file=sys.stderr)
        return {"worker": peak_mib(os.getpid()) - worker, "decoder": peak_mib(decoder.process_id) - child}


def large(folder: Path) -> dict[str, Path]:
    """A file of 512 MB, and three small ones that unfold."""
    chance = np.random.default_rng(1)
    noise = 0.1 * chance.standard_normal((44_100 * 60, 2))
    paths = {
        "wav_512mb": folder / "512mb.wav",
        "flac_silence_1h": folder / "1h.flac",
        "wide_384khz": folder / "wide.wav",
    }
    paths["flac_4h_mono"] = folder / "4h.flac"
    with soundfile.SoundFile(paths["wav_512mb"], "w", 44_100, 2) as file:
        for _ in range(50):
            file.write(noise)
    with soundfile.SoundFile(paths["flac_silence_1h"], "w", 44_100, 2) as file:
        for _ in range(60):
            file.write(np.zeros_like(noise))
    soundfile.write(paths["wide_384khz"], 0.1 * chance.standard_normal((384_000 * 20, 8)), 384_000, subtype="PCM_16")
    tone = 0.1 * np.sin(2 * np.pi * 441 * np.arange(8_000 * 60) / 8_000)
    with soundfile.SoundFile(paths["flac_4h_mono"], "w", 8_000, 1) as file:
        for _ in range(239):
            file.write(tone)
    return paths


@contextmanager
def session() -> Iterator[object]:
    """Local Spark whose workers' decoders misbehave over files called poison-…"""
    from local_session import local_session

    spark = local_session("isolation", **{"spark.executorEnv.PYTHONPATH": str(ROOT / "tests/spark/poison")})
    try:
        yield spark
    finally:
        spark.stop()


def poison(folder: Path, kinds: Sequence[str], rounds: int) -> dict[str, float]:
    """A thousand clips of 1 s, then the same with one poison file of each kind in turn: seconds, rows, rejects.

    Seconds are medians of the rounds; rows and rejects are the least of them.
    """
    from pyspark.sql import SparkSession

    from classically_punk.spark import schemas
    from classically_punk.spark.ingest import ingest_clips
    from classically_punk.spark.runs import Run
    from classically_punk.spark.tables import Warehouse

    corpus = folder / "corpus"
    paths = clips(corpus / "noise", 1000, 1.0)
    figures: dict[str, float] = {}
    with session() as spark:
        assert isinstance(spark, SparkSession)

        def ingest(name: str) -> Run:
            for table in schemas.tables():
                spark.sql(f"DROP TABLE IF EXISTS punk.{table}")
            places = {"corpus": {"root": str(corpus)}, "warehouse": {"root": str(folder / name)}}
            settings = Settings.load(None, {**places, "limits": {"max_decode_s": TIMEOUT_S}})
            run = Run("bench", settings)
            ingest_clips(Warehouse(spark, settings.writable_folder("warehouse.root")).open(run.run_id), settings, run)
            return run

        ingest("warm-up")
        plain = [ingest("plain").seconds["describe"]]
        for kind in kinds:
            extra: list[float] = []
            runs: list[Run] = []
            for at in range(rounds):
                last = paths[500].rename(corpus / "noise" / f"poison-{kind}.wav")
                runs.append(ingest(f"{kind}-{at}"))
                last.rename(paths[500])
                # a machine drifts: each is compared with the undisturbed runs just before and after it
                plain.append(ingest(f"after-{kind}-{at}").seconds["describe"])
                extra.append(runs[-1].seconds["describe"] - (plain[-2] + plain[-1]) / 2)
            figures[f"{kind}_extra_s"] = median(extra)
            if rounds > 1:
                figures[f"{kind}_extra_low_s"], figures[f"{kind}_extra_high_s"] = min(extra), max(extra)
            figures[f"{kind}_rows"] = min(run.counts["accepted"] for run in runs)
            figures[f"{kind}_rejects"] = min(run.counts["rejected"] for run in runs)
        figures["plain_describe_s"] = median(plain)
        figures["plain_describe_low_s"], figures["plain_describe_high_s"] = min(plain), max(plain)
    return figures


def main() -> int:
    """Measures and prints; with --json also to a file."""
    parser = argparse.ArgumentParser(prog="scripts/bench isolation")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=["poison"], help="leave out price and memory")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="of poison")
    parser.add_argument("--rounds", type=int, default=1, help="of each kind; medians are told")
    asked = parser.parse_args()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if asked.only is None:
            low, middle, high = quantiles(price_ms(folder / "price"), n=4)
            figures |= {"price_ms": middle, "price_ms_low": low, "price_ms_high": high}
            (small,) = clips(folder / "small", 1, 30.0)
            for name, path in large(folder).items():
                for who, mib in forked(lambda path=path: memory(path, small)).items():  # type: ignore[misc]
                    figures[f"{name}_{who}_mib"] = mib
        figures |= poison(folder / "poison", asked.kinds, asked.rounds)
    about = {"python": platform.python_version(), "cores": os.cpu_count(), "date": datetime.date.today().isoformat()}
    report = {"about": about, **{name: round(value, 3) for name, value in figures.items()}}
    print(json.dumps(report, indent=1))
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
