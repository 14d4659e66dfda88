"""Does a clip cost the same in a large corpus as in a small one, and how much of the processors goes into it?

`share`: the same files described by one process, a pool of processes, Ray Data (`--beside FOLDER`: installed there with
`pip install --no-deps --target FOLDER -r bench/scale.txt`) and Spark, side by side. `growth`: whole runs of
`ingest_clips` over corpora of 1 000, 10 000 and 100 000 clips, the last once more with nothing new and with one new
file, in processes of their own. `driver`: what the walk of a million files costs. `sums`: training in one pass.

Spark's times are those of a whole run, from the walk to the committed tables, less the price of starting one: the same
run over 20 clips in the same session. The machine may be shared: shares are taken side by side, in turns.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from math import log
from pathlib import Path
from statistics import median
from typing import Any

from describing import bare, describe
from inflated import Sources, recorded_sources, synthetic_sources, write_corpus

from classically_punk.audio import inventory
from classically_punk.settings import Settings

PARTS = ("share", "growth", "driver", "sums")
PAGE = os.sysconf("SC_PAGE_SIZE")
MIB = 1 << 20
FEW = 20
"""Clips whose run is the price of starting."""
SIZES = (1_000, 10_000, 100_000)
GROWING_S = 1.5
SHARES = ((30.0, 400), (3.0, 3_000))
"""Length of a clip, and clips."""
ROUNDS = 3
MILLION = 1_000_000
TABLES = ("files", "clips", "features", "fingerprints")
ROWS, COLUMNS = (100_000, 1_000_000), 200
Figures = dict[str, float]


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


# What is compared: a list of files in, a row a file out.


class Pool:
    """As many processes as cores."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(cores())

    def __call__(self, files: Sequence[bytes]) -> None:
        for _ in self._pool.map(describe, files, chunksize=max(1, len(files) // (16 * cores()))):
            pass

    def close(self) -> None:
        self._pool.shutdown()


def ray_data() -> Callable[[Sequence[bytes]], None] | None:
    """Ray Data, one batch of files a call; None where it is not installed."""
    if importlib.util.find_spec("ray") is None:
        print("Ray is not there: left out (bench/scale.txt)", file=sys.stderr)
        return None
    ray = importlib.import_module("ray")
    data = importlib.import_module("ray.data")
    ray.init(num_cpus=cores(), include_dashboard=False, logging_level="ERROR", _node_ip_address="127.0.0.1")
    data.DataContext.get_current().enable_progress_bars = False

    class Described:
        """An actor that stays warm."""

        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            rows = [describe(bytes(path)) for path in batch["path"]]
            return {"clip_id": [row["clip_id"] for row in rows], "values": [row["feature_values"] for row in rows]}

    def run(files: Sequence[bytes]) -> None:
        paths = data.from_items([{"path": file} for file in files])
        described = paths.map_batches(Described, batch_size=16, concurrency=cores())
        counted = sum(len(batch["clip_id"]) for batch in described.iter_batches(batch_size=256))
        if counted != len(files):
            raise ValueError(f"{counted} of {len(files)} files described")

    return run


class Ingest:
    """Whole runs of `ingest_clips` in one session of Spark, each into a warehouse of its own unless told otherwise."""

    def __init__(self, place: Path) -> None:
        from local_session import local_session

        self._place, self._made = place, 0
        self.log = place / "events"
        self.log.mkdir(parents=True)
        events = {"enabled": "true", "dir": f"file://{self.log}", "compress": "false", "rolling.enabled": "false"}
        self.spark = local_session("scale", **{f"spark.eventLog.{key}": value for key, value in events.items()})
        self.spark.range(1).count()

    def __call__(self, corpus: Path, warehouse: Path | None = None) -> tuple[float, Any]:
        """Seconds of the run, and the run."""
        from local_session import forget_tables

        from classically_punk.spark.ingest import ingest_clips
        from classically_punk.spark.runs import Run
        from classically_punk.spark.tables import Warehouse

        self._made += 1
        own = warehouse is None
        root = warehouse or self._place / f"warehouse-{self._made}"
        root.mkdir(exist_ok=True)
        forget_tables(self.spark)
        settings = Settings.load(None, {"corpus": {"root": str(corpus)}, "warehouse": {"root": str(root)}})
        start = time.perf_counter()
        run = Run("ingest_clips", settings)
        tables = Warehouse(self.spark, root).open(run.run_id)
        run.record(tables, "running")
        ingest_clips(tables, settings, run)
        run.record(tables, "done")
        took = time.perf_counter() - start
        if run.failed_gates:
            raise ValueError(f"gates failed: {run.failed_gates}")
        if own:
            shutil.rmtree(root)
        return took, run

    def close(self) -> None:
        self.spark.stop()


# Memory and tasks, as the system tells of them.


def processes(root: int) -> dict[int, str]:
    """A process and all below it: the command of each."""
    above, commands = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            above[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
            commands[int(stat.parent.name)] = (
                (stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode("latin-1")
            )
        except OSError:
            continue  # gone meanwhile
    found = [root]
    for one in found:
        found += [child for child, parent in above.items() if parent == one]
    return {one: commands.get(one, "") for one in found}


class Peaks:
    """The most memory of this process, of Spark's engine and of one of its workers, sampled while it runs [MiB]."""

    def __init__(self) -> None:
        self.driver = self.engine = self.worker = self.decoded = 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(over,), daemon=True)
        before = self._read_by_decoders()
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            self.decoded = self._read_by_decoders() - before

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(0.5):
            for process, command in processes(os.getpid()).items():
                resident = _resident_mib(process)
                if process == os.getpid():
                    self.driver = max(self.driver, resident)
                elif "java" in command.split(" ")[0]:
                    self.engine = max(self.engine, resident)
                else:
                    self.worker = max(self.worker, resident)

    @staticmethod
    def _read_by_decoders() -> float:
        """Bytes that the decoders' processes have read."""
        total = 0.0
        for process, command in processes(os.getpid()).items():
            if "audio.child" in command:
                try:
                    words = Path(f"/proc/{process}/io").read_text().split()
                except OSError:
                    continue
                total += float(words[words.index("rchar:") + 1])
        return total


def _resident_mib(process: int) -> float:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE / MIB
    except (OSError, IndexError):
        return 0.0


def skew(log_folder: Path) -> Figures:
    """The event log of a session -> tasks of its widest stage that opened files, the longest over the median."""
    of_stage: dict[int, list[float]] = {}
    for file in log_folder.iterdir():
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                if '"SparkListenerTaskEnd"' in line:
                    event = json.loads(line)
                    info = event["Task Info"]
                    seconds = (info["Finish Time"] - info["Launch Time"]) / 1000
                    of_stage.setdefault(event["Stage ID"], []).append(seconds)
    longest = max(of_stage.values(), key=sum, default=[0.0])
    return {
        "tasks": float(len(longest)),
        "task_median_s": median(longest),
        "task_longest_s": max(longest),
        "task_skew": max(longest) / max(median(longest), 1e-3),
    }


# The parts.


def share(place: Path, sources: Sources, scale: float, rounds: int) -> Figures:
    """The same files described in four ways, in turns."""
    figures: Figures = {}
    pool = Pool()
    ways: dict[str, Callable[[Sequence[bytes]], None]] = {"bare": bare, "pool": pool}
    ray = ray_data()
    if ray is not None:
        ways["ray"] = ray
    ingest = Ingest(place / "spark")
    try:
        for seconds, clips in SHARES:
            clips, name = max(FEW, round(scale * clips)), f"_{seconds:g}s" if seconds != 30 else ""
            corpus, few = place / f"share{name}", place / f"few{name}"
            write_corpus(corpus, sources, seconds, clips)
            write_corpus(few, sources, seconds, FEW, first=clips)
            files, warm = (sorted(map(os.fsencode, folder.rglob("*.wav"))) for folder in (corpus, few))
            for way in ways.values():
                way(warm)
            ingest(few)
            took: dict[str, list[float]] = {}
            for _ in range(rounds):
                for way_name, way in ways.items():
                    start = time.perf_counter()
                    way(files)
                    took.setdefault(way_name, []).append(time.perf_counter() - start)
                price, _ = ingest(few)
                whole, run = ingest(corpus)
                for way_name, value in (("spark", whole - price), ("spark_describe", run.seconds["describe"])):
                    took.setdefault(way_name, []).append(value)
                took.setdefault("price", []).append(price)
            ideal = [alone / cores() for alone in took["bare"]]
            for way_name in sorted(took.keys() - {"bare", "price"}):
                of_rounds = [best / value for best, value in zip(ideal, took[way_name], strict=True)]
                figures[f"{way_name}_share_of_bare{name}"] = median(of_rounds)
            pairs = zip(took["pool"], took["spark"], strict=True)
            figures[f"spark_share_of_pool{name}"] = median(pool / spark for pool, spark in pairs)
            figures[f"bare_ms_a_clip{name}"] = 1000 * median(took["bare"]) / clips
            figures[f"price_of_a_run_s{name}"] = median(took["price"])
            print(f"{seconds:g} s, {clips} clips, {rounds} rounds: {_told(took)}", flush=True)
            shutil.rmtree(corpus)
    finally:
        pool.close()
        ingest.close()
        if ray is not None:
            importlib.import_module("ray").shutdown()
    return figures


def growth(place: Path, sources: Sources, sizes: Sequence[int], rounds: int) -> Figures:
    """Whole runs over corpora of growing size; the largest then again, and with one more file."""
    figures: Figures = {}
    few, corpus = place / "few", place / "corpus"
    write_corpus(few, sources, GROWING_S, FEW, first=2 * max(sizes))
    ingest = Ingest(place / "spark")
    net: dict[int, float] = {}
    try:
        ingest(few)
        prices = [ingest(few)[0] for _ in range(rounds)]
        written = 0
        for size in sizes:
            start = time.perf_counter()
            more = write_corpus(corpus, sources, GROWING_S, size - written, first=written)
            figures[f"mb_{_short(size)}"] = (figures.get(f"mb_{_short(written)}", 0.0)) + more / MIB
            written, made = size, time.perf_counter() - start
            last = size == max(sizes)
            warehouse = place / "warehouse" if last else None
            peaks = Peaks()
            turns = rounds if size <= 1_000 and not last else 1
            with peaks.watched():
                runs = [ingest(corpus, warehouse) for _ in range(turns)]
            took, run = median(seconds for seconds, _ in runs), runs[-1][1]
            if run.counts["accepted"] != size:
                raise ValueError(f"{run.counts['accepted']} of {size} clips accepted")
            prices.append(ingest(few)[0])
            net[size] = took - median(prices)
            name = _short(size)
            figures |= {
                f"run_s_{name}": took,
                f"seconds_per_1000_clips_{name}": 1000 * net[size] / size,
                f"near_duplicates_{name}": float(run.counts["near_duplicates"]),
                f"bytes_read_per_byte_{name}": peaks.decoded / MIB / figures[f"mb_{name}"] / turns,
                **{f"{stage.replace(' ', '_').replace('-', '_')}_s_{name}": s for stage, s in run.seconds.items()},
            }
            if last:
                kept = {name: _bytes_below(place / "warehouse" / name) / size for name in TABLES}
                figures |= {f"bytes_a_clip_{name}": value for name, value in kept.items()}
                figures |= {
                    "driver_peak_mb": peaks.driver + peaks.engine,
                    "driver_python_peak_mb": peaks.driver,
                    "driver_engine_peak_mb": peaks.engine,
                    "worker_peak_mb": peaks.worker,
                }
            print(f"{size} clips: {took:.1f} s (made in {made:.1f} s); {_told(run.seconds)}", flush=True)
        figures["price_of_a_run_s_growth"] = median(prices)
    finally:
        ingest.close()
    figures |= skew(ingest.log)
    smallest, largest = min(sizes), max(sizes)
    if largest > smallest and min(net.values()) > 0:
        figures["growth_exponent"] = log(net[largest] / net[smallest]) / log(largest / smallest)
        figures["growth_largest_over_smallest"] = (
            figures[f"seconds_per_1000_clips_{_short(largest)}"] / figures[f"seconds_per_1000_clips_{_short(smallest)}"]
        )
    figures |= {f"again_empty_{key}": value for key, value in apart(corpus, place / "warehouse", 0).items()}
    write_corpus(corpus, sources, GROWING_S, 1, first=written)
    figures |= {f"one_new_{key}": value for key, value in apart(corpus, place / "warehouse", 1).items()}
    return figures


def _bytes_below(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def apart(corpus: Path, warehouse: Path, opens: int) -> Figures:
    """One more run in a process of its own: seconds after the session has started, and the session's own."""
    command = [sys.executable, "-W", "ignore", __file__, "--one-run", str(corpus), str(warehouse)]
    told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])
    if told.pop("to_open") != opens:
        raise ValueError(f"a run opened other files than the {opens} that are new")
    return {key: float(value) for key, value in told.items()}


def one_run(corpus: Path, warehouse: Path) -> int:
    """The run of `apart`: its figures as one line of JSON."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        ingest = Ingest(Path(folder))
        session = time.perf_counter() - start
        seconds, run = ingest(corpus, warehouse)
        ingest.close()
    stages = {f"{stage.replace(' ', '_').replace('-', '_')}_s": value for stage, value in run.seconds.items()}
    print(json.dumps({"s": seconds, "session_s": session, "to_open": run.counts["to_open"], **stages}))
    return 0


def driver(files: int) -> Figures:
    """The driver's own part of a walk over that many files, which are not there: peak memory and seconds."""
    command = [sys.executable, "-W", "ignore", __file__, "--walk", str(files)]
    told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])
    return {f"walk_{key}": float(value) for key, value in told.items()}


def walk(files: int) -> int:
    """The walk of `driver`: its figures as one line of JSON."""
    from classically_punk.spark import ingest
    from classically_punk.spark.tables import Warehouse

    def names(_: bytes) -> Iterator[inventory.Found]:
        # all in one folder, as a walk holds the files of one folder at a time
        found = [
            inventory.Found(b"/corpus/some/where/rock/rock.%09d.wav" % n, 66_000 + n, n << 20) for n in range(files)
        ]
        yield from found

    with tempfile.TemporaryDirectory() as folder:
        before = _peak_mb()
        inventory.walk = names
        start = time.perf_counter()
        no_session: Any = None  # the walk and what is put aside of it need none
        Warehouse(no_session, Path(folder)).put_batches("seen", ingest.seen_files(b"/corpus", Settings()))
        took = time.perf_counter() - start
        peak = _peak_mb()
    print(json.dumps({"files": files, "s": took, "peak_mb": peak, "before_mb": before}))
    return 0


def _peak_mb() -> float:
    """Most resident memory that this process has had; what `getrusage` tells begins with its parent's."""
    words = Path("/proc/self/status").read_text().split()
    return int(words[words.index("VmHWM:") + 1]) / 1024


def sums(rows: Sequence[int]) -> Figures:
    """Training in one pass, as `bench/sums.py` measures it."""
    try:
        module = importlib.import_module("sums")
    except ModuleNotFoundError:
        print("bench/sums.py is not there: left out", file=sys.stderr)
        return {}
    figures: Figures = {}
    for count in rows:
        figures |= {f"{key}_{_short(count)}": value for key, value in module.figures(count, COLUMNS).items()}
    # the figures that are asked for are those of the most rows
    return figures | {key.removesuffix(f"_{_short(max(rows))}"): value for key, value in figures.items()
                      if key.endswith(f"_{_short(max(rows))}")}  # fmt: skip


def _short(count: int) -> str:
    for size, sign in ((1_000_000, "m"), (1_000, "k")):
        if count >= size and count % size == 0:
            return f"{count // size}{sign}"
    return str(count)


def _told(figures: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {' '.join(f'{value:.2f}' for value in (values if isinstance(values, list) else [values]))}"
        for name, values in figures.items()
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, prints and writes the JSON file."""
    parser = argparse.ArgumentParser(prog="scripts/bench scale")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--clips", type=int, default=max(SIZES), help="of the largest corpus; fewer make all parts small"
    )
    parser.add_argument("--corpus", type=Path, help="recordings (genre/track.*) that the clips are mixed from")
    parser.add_argument("--beside", type=Path, help="folder that holds Ray")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of what is compared or cheap")
    parser.add_argument("--one-run", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--walk", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args(argv)
    if asked.one_run:
        return one_run(*asked.one_run)
    if asked.walk:
        return walk(asked.walk)
    if asked.beside:
        sys.path.append(str(asked.beside))
    # other processes import what they are to do
    paths = (os.environ.get("PYTHONPATH"), str(Path(__file__).parent), str(asked.beside or ""))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    load, start = os.getloadavg()[0], time.perf_counter()
    small = asked.clips / max(SIZES)
    sizes = sorted({*(size for size in SIZES if size < asked.clips), asked.clips})
    figures: Figures = {}
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        place = Path(folder)
        sources = {}
        if {"share", "growth"} & set(asked.only):
            sources = recorded_sources(asked.corpus) if asked.corpus else synthetic_sources()
        if "share" in asked.only:
            figures |= share(place / "share", sources, min(1.0, max(0.1, 10 * small)), asked.rounds)
        if "growth" in asked.only:
            (place / "growth").mkdir()
            figures |= growth(place / "growth", sources, sizes, asked.rounds)
    if "driver" in asked.only:
        figures |= driver(round(MILLION * min(1.0, 10 * small)))
    if "sums" in asked.only:
        figures |= sums([max(1_000, round(rows * min(1.0, small))) for rows in ROWS])
    about = {
        "machine": f"{platform.processor() or platform.machine()}, {cores()} of {os.cpu_count()} cores",
        "load_before": f"{load:.1f}",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("numpy", "pyspark", "delta-spark", "pyarrow")},
        **({"ray": importlib.metadata.version("ray")} if importlib.util.find_spec("ray") else {}),
        "sources": str(asked.corpus.name if asked.corpus else "synthetic"),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    figures["bench_s"] = time.perf_counter() - start
    if asked.json:
        asked.json.write_text(json.dumps(about | figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(about | {name: round(value, 4) for name, value in figures.items()}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
