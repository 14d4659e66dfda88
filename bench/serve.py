"""What an answer costs: cold on the command line, warm in the server, by the thousand, at once, for hostile uploads.

The load comes from this process; server and workers are others. The machine may be shared: ratios are taken side by
side, and beside times of the clock stand those of the processors.
"""

from __future__ import annotations

import argparse
import datetime
import http.client
import io
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np
import soundfile

from classically_punk.app.answering import Input, answer
from classically_punk.app.answers import as_object
from classically_punk.app.pool import Pool, cores
from classically_punk.audio.isolation import IsolatedDecoder
from classically_punk.features import catalogue, warm
from classically_punk.features.describe import describe_segments
from classically_punk.genres import GTZAN
from classically_punk.modelling import published, training_clips
from classically_punk.settings import Limits, Settings

ROOT = Path(__file__).resolve().parents[1]
RATE = 22_050
PUNK = (sys.executable, "-P", "-m", "classically_punk.app.cli")
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
INPUTS = catalogue.model_names("punk")
PARTS = ("cold", "warm", "folder", "at_once", "hostile", "bulk")


def song(seconds: float, seed: int) -> Any:
    """(n,): chords that change, drums and a little noise, unlike for every seed."""
    chance = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * RATE)) / RATE
    hertz = 110 * 2 ** (chance.integers(0, 24, (4, 64)) / 12)
    at = (time_s * 2).astype(int) % 64
    chords = sum(np.sin(2 * np.pi * np.cumsum(voice[at]) / RATE) for voice in hertz) / 8
    drums = chance.standard_normal(time_s.size) * np.exp(-20 * (time_s % (0.3 + 0.3 * chance.random())))
    return (0.5 * chords + 0.2 * drums + 0.01 * chance.standard_normal(time_s.size)).clip(-1, 1)


def write(path: Path, samples: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE)
    return path


def model_of_chance() -> published.PublishedModel:
    """Ten genres over the columns that a model of `punk` sees: costs what a fitted one does."""
    chance = np.random.default_rng(0)
    names = INPUTS
    return published.PublishedModel(
        model_id="bench",
        genres=GTZAN,
        feature_set=catalogue.feature_set_id("punk", 3.0),
        feature_names=names,
        means=(0.0,) * len(names),
        scales=(1.0,) * len(names),
        clip_low=(-4.0,) * len(names),
        clip_high=(4.0,) * len(names),
        intercepts=(0.1,) * len(GTZAN),
        coefficients=tuple(map(tuple, 0.01 * chance.normal(size=(len(GTZAN), len(names))))),
        lam=0.3,
        decision=published.Decision(temperature=0.1),
        segment_s=3.0,
        training=published.Training(1000, 1000, "0" * 64),
        published_at="2000-01-01T00:00:00+00:00",
        run_id="bench",
    )


def clips_of_chance() -> bytes:
    """As many training clips as are ever published, for answers to find the nearest among."""
    ids = [f"{at:064x}" for at in range(training_clips.MOST_CLIPS)]
    standings = np.random.default_rng(1).standard_normal((len(ids), len(INPUTS)), np.float32)
    return training_clips.to_parquet(ids, [f"{one[-5:]}.wav" for one in ids], ["jazz"] * len(ids), standings)


def tree(process: int) -> list[int]:
    """A process and all below it."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # gone meanwhile
    found = [process]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def cpu_s(processes: list[int]) -> float:
    """Seconds of the processors that living processes have had."""
    ticks = 0
    for process in processes:
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(words[11]) + int(words[12])
    return ticks / TICK


def resident_mib(processes: list[int]) -> float:
    """Resident memory of processes together."""
    return sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in processes) * PAGE / 2**20


class Server:
    """`punk serve`, running, and what can be asked of it."""

    def __init__(self, warehouse: Path, *words: str) -> None:
        command = [*PUNK, "serve", "--port", "0", f"--warehouse.root={warehouse}", *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(re.findall(r":(\d+)/", self.process.stdout.readline())[0])
        self._local = threading.local()

    def post(self, content: bytes, query: str = "") -> tuple[int, dict[str, Any]]:
        """One upload over this thread's own connection."""
        body = b'--xyz\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + content + b"\r\n--xyz--\r\n"
        if getattr(self._local, "connection", None) is None:
            self._local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection: http.client.HTTPConnection = self._local.connection
        connection.request("POST", f"/api/classify{query}", body, {"Content-Type": "multipart/form-data; boundary=xyz"})
        said = connection.getresponse()
        told = json.loads(said.read())
        if said.will_close:
            connection.close()
        return said.status, told

    def hang_up(self) -> None:
        """Ends this thread's connection: the server itself would end one that idles for some seconds."""
        if getattr(self._local, "connection", None) is not None:
            self._local.connection.close()

    def end(self) -> None:
        self.process.terminate()
        assert self.process.wait(timeout=30) == 0


@contextmanager
def serving(warehouse: Path, warm_up: bytes, *words: str) -> Iterator[Server]:
    """A server whose workers have all answered."""
    server = Server(warehouse, *words)
    try:
        with ThreadPoolExecutor(4 * cores()) as threads:
            list(threads.map(lambda _: server.post(warm_up), range(8 * cores())))
        yield server
    finally:
        server.end()


def cold(warehouse: Path, folder: Path, runs: int) -> dict[str, float]:
    """One 30 s file by a cold process."""
    path = write(folder / "30s.wav", song(30, 1))
    walls, processors = [], []
    for _ in range(runs + 1):
        before, start = os.times(), time.perf_counter()
        subprocess.run(
            [*PUNK, "classify", str(path), f"--warehouse.root={warehouse}"], check=True, stdout=subprocess.DEVNULL
        )
        walls.append(time.perf_counter() - start)
        after = os.times()
        processors.append(after.children_user + after.children_system - before.children_user - before.children_system)
    low, middle, high = quantiles(walls[1:], n=4)  # the first one reads files from the disk
    return {"cold_s": middle, "cold_low_s": low, "cold_high_s": high, "cold_cpu_s": median(processors[1:])}


def warm_in_server(warehouse: Path, runs: int) -> dict[str, float]:
    """The same warm in the server: the answer alone, and with what the page draws."""
    content = wav(song(30, 1))
    figures: dict[str, float] = {}
    with serving(warehouse, content) as server:
        for name, query in [("warm", ""), ("warm_picture", "?picture=1")]:
            walls = []
            before = cpu_s(tree(server.process.pid))
            for _ in range(runs):
                start = time.perf_counter()
                status, _ = server.post(content, query)
                walls.append(1e3 * (time.perf_counter() - start))
                assert status == 200
            spent = 1e3 * (cpu_s(tree(server.process.pid)) - before) / runs
            low, middle, high = quantiles(walls, n=4)
            figures |= {f"{name}_ms": middle, f"{name}_low_ms": low, f"{name}_high_ms": high, f"{name}_cpu_ms": spent}
    return figures


def bare(paths: list[bytes], decoder: IsolatedDecoder) -> None:
    """What no answer can do without: guarded decode and description."""
    for path in paths:
        describe_segments(decoder.decode_file(path).samples, 3.0)


def bare_loop(folder: Path) -> None:
    """Another process of `bare`: ready, told to begin by a line, tells when it is through."""
    warm.read_only_cache()
    paths = [os.fsencode(path) for path in sorted(folder.glob("*.wav"))]
    with IsolatedDecoder(Limits()) as decoder:
        bare(paths[:20], decoder)
        print("ready", flush=True)
        for line in sys.stdin:
            first, step = map(int, line.split())
            bare(paths[first::step], decoder)
            print("through", flush=True)


@contextmanager
def bare_processes(folder: Path, count: int) -> Iterator[Callable[[], float]]:
    """So many processes of `bare`, ready; what is yielded lets them share the folder and tells the clips a second."""
    command = [sys.executable, "-W", "ignore", __file__, "--bare-loop", str(folder)]
    files = len(list(folder.glob("*.wav")))
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]

    def heard() -> None:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()

    def rate() -> float:
        start = time.perf_counter()
        for at, process in enumerate(processes):
            assert process.stdin is not None
            print(at, count, file=process.stdin, flush=True)
        heard()
        return files / (time.perf_counter() - start)

    try:
        heard()
        yield rate
    finally:
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


def folder_share(folder: Path, count: int, rounds: int) -> dict[str, float]:
    """A folder of 3 s clips by all cores, against `bare` in one process times the cores, and in one process a core.

    The second tells what the pool costs; the first also what the machine loses when all its cores are busy.
    """
    paths = [os.fsencode(write(folder / f"{at:04d}.wav", song(3, at))) for at in range(count)]
    files = [Input(os.fsdecode(path), path) for path in paths]
    model = model_of_chance()
    alone, side_by_side, pooled, cpu_alone, cpu_side_by_side = [], [], [], [], []
    warm.read_only_cache()
    with (
        bare_processes(folder, 1) as one,
        bare_processes(folder, cores()) as all_cores,
        Pool(Limits(), 600.0, cores()) as pool,
        Path(os.devnull).open("w") as nowhere,
    ):

        def answered() -> float:
            start = time.perf_counter()
            for told in pool.answers(files, model):
                print(as_object(told), file=nowhere, flush=True)
            return count / (time.perf_counter() - start)

        def spent(work: Callable[[], float]) -> tuple[float, float]:
            before = cpu_s(tree(os.getpid()))  # whoever does not work meanwhile waits
            rate = work()
            return rate, cpu_s(tree(os.getpid())) - before

        list(pool.answers(files[: 20 * cores()], model))
        for _ in range(rounds):
            (rate, bare_cpu), (mine, my_cpu) = spent(one), spent(answered)
            alone.append(rate)
            pooled.append(mine)
            rate_of_all, bare_cpu_of_all = spent(all_cores)
            side_by_side.append(rate_of_all)
            cpu_alone.append(bare_cpu / my_cpu)
            cpu_side_by_side.append(bare_cpu_of_all / my_cpu)
    of_alone = [rate / (bare * cores()) for rate, bare in zip(pooled, alone, strict=True)]
    of_all = [rate / bare for rate, bare in zip(pooled, side_by_side, strict=True)]
    return {
        "folder_share_of_bare": median(of_alone),
        "folder_share_of_bare_low": min(of_alone),
        "folder_share_of_bare_high": max(of_alone),
        "folder_share_of_bare_side_by_side": median(of_all),
        "folder_share_of_bare_side_by_side_low": min(of_all),
        "folder_share_of_bare_side_by_side_high": max(of_all),
        "folder_share_of_bare_cpu": median(cpu_alone),
        "folder_share_of_bare_cpu_low": min(cpu_alone),
        "folder_share_of_bare_cpu_high": max(cpu_alone),
        "folder_share_of_bare_cpu_side_by_side": median(cpu_side_by_side),
        "folder_share_of_bare_cpu_side_by_side_low": min(cpu_side_by_side),
        "folder_share_of_bare_cpu_side_by_side_high": max(cpu_side_by_side),
        "folder_clips_per_s": median(pooled),
    }


def at_once(warehouse: Path, rounds: int, together: int = 20) -> dict[str, float]:
    """So many requests of 30 s clips at the same moment, again and again."""
    contents = [wav(song(30, seed)) for seed in range(together)]
    walls: list[float] = []
    statuses: Counter[int] = Counter()
    with serving(warehouse, contents[0]) as server, ThreadPoolExecutor(together) as threads:
        ready = threading.Barrier(together)

        def one(content: bytes) -> tuple[int, float]:
            ready.wait()
            start = time.perf_counter()
            status, _ = server.post(content)
            wall = time.perf_counter() - start
            server.hang_up()
            return status, wall

        for _ in range(rounds):
            for status, wall in threads.map(one, contents):
                statuses[status] += 1
                walls.append(wall)
    return {
        "at_once_errors": sum(statuses.values()) - statuses[200],
        "at_once_requests": sum(statuses.values()),
        "at_once_median_s": median(walls),
        "at_once_p99_s": float(np.quantile(walls, 0.99)),
        "at_once_max_s": max(walls),
    }


def hostile(warehouse: Path, count: int) -> dict[str, float]:
    """Every kind of the zoo that must be refused, again and again: codes, and the memory of all processes."""
    sys.path.insert(0, str(ROOT))
    from tests.zoo.test_zoo import CASES

    cases = [(case.code, case.build()) for case in CASES if case.code is not None]
    wrong: Counter[str] = Counter()
    memory: list[float] = []
    with (
        serving(warehouse, wav(song(3, 1)), "--serve.max_bytes=4000000", "--serve.max_duration_s=60") as server,
        ThreadPoolExecutor(4) as threads,
    ):

        def one(at: int) -> None:
            code, content = cases[at % len(cases)]
            status, told = server.post(content)
            if not 400 <= status < 500 or told["reason"] != code or not told["message"]:
                wrong[f"{code}: {status} {told.get('reason')}"] += 1

        step = max(len(cases), count // 20)
        start = time.perf_counter()
        for begin in range(0, count, step):
            list(threads.map(one, range(begin, min(count, begin + step))))
            memory.append(resident_mib(tree(server.process.pid)))
            print(f"{begin + step} uploads, {memory[-1]:.0f} MiB", file=sys.stderr, flush=True)
        seconds = time.perf_counter() - start
        alive, _ = server.post(wav(song(3, 2)))
    print(dict(wrong), file=sys.stderr)
    half = memory[len(memory) // 2 :]
    return {
        "hostile_uploads": count,
        "hostile_kinds": len(cases),
        "hostile_wrong": sum(wrong.values()),
        "hostile_alive": float(alive == 200),
        "hostile_per_s": count / seconds,
        "hostile_memory_start_mib": memory[0],
        "hostile_memory_end_mib": memory[-1],
        "hostile_memory_growth_second_half_mib": half[-1] - half[0],
    }


def bulk(folder: Path, count: int, length_s: int) -> dict[str, float]:
    """Unlabelled clips by `classify_clips`: what answering takes beside describing, of a folder and of a quarter.

    The share of the extraction rate is that of one run; the second, over what the larger folder has more of, is free of
    the seconds that Spark plans for.
    """
    from local_session import local_session

    from classically_punk.spark.classify import classify_clips
    from classically_punk.spark.runs import Run
    from classically_punk.spark.tables import Warehouse

    spark = local_session("bench")
    seconds: list[tuple[int, float, float]] = []
    for number in (10, count // 4, count):  # the first one starts workers
        corpus, root = folder / f"clips-{number}", folder / f"warehouse-{number}"
        for at in range(number):
            write(corpus / f"{at:05d}.wav", song(length_s, 1_000_000 + at))
        published.publish(root, model_of_chance())
        spark.sql("DROP SCHEMA IF EXISTS punk CASCADE")
        places = {"corpus": {"root": str(corpus), "labels": "none"}, "warehouse": {"root": str(root)}}
        settings = Settings.load(None, places)
        run = Run("bench", settings)
        warehouse = Warehouse(spark, root).open(run.run_id)
        run.record(warehouse, "running")
        classify_clips(warehouse, settings, run)
        assert run.counts["classified"] == number
        seconds.append((number, run.seconds["describe"], run.seconds["classify"]))
    spark.stop()
    _, (few, few_describe, few_answer), (many, describe, answer) = seconds
    more = (describe - few_describe) / (describe - few_describe + max(0.0, answer - few_answer))
    told = {
        "clips": many,
        "describe_s": describe,
        "answer_s": answer,
        "share_of_extraction": describe / (describe + answer),
        "share_of_extraction_per_clip": more,
        "quarter_describe_s": few_describe,
        "quarter_answer_s": few_answer,
        "quarter_clips": few,
    }
    return {f"bulk_{length_s}s_{name}": value for name, value in told.items()}


def wav(samples: Any) -> bytes:
    target = io.BytesIO()
    soundfile.write(target, samples, RATE, format="WAV")
    return target.getvalue()


def same_as_alone(folder: Path) -> None:
    """A figure of something else than the answer would be worth nothing."""
    path = os.fsencode(write(folder / "same.wav", song(3, 7)))
    with IsolatedDecoder(Limits()) as decoder, Pool(Limits(), 600.0, 1) as pool:
        file = Input("same", path)
        assert pool.submit(file, model_of_chance()).result() == answer(file, model_of_chance(), decoder)


def main() -> int:
    """Measures and prints; with --json also to a file."""
    parser = argparse.ArgumentParser(prog="scripts/bench serve")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=PARTS, action="append", help="a part (default: all)")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it runs")
    parser.add_argument("--bare-loop", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.bare_loop is not None:
        bare_loop(asked.bare_loop)
        return 0
    parts, tenth = asked.only or PARTS, 10 if asked.quick else 1
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as made:
        folder, warehouse = Path(made), Path(made) / "warehouse"
        published.publish(warehouse, model_of_chance(), clips_of_chance())
        same_as_alone(folder)
        work = {
            "cold": lambda: cold(warehouse, folder, max(3, 15 // tenth)),
            "warm": lambda: warm_in_server(warehouse, max(4, 60 // tenth)),
            "folder": lambda: folder_share(folder / "folder", 1000 // tenth, max(1, 9 // tenth)),
            "at_once": lambda: at_once(warehouse, max(1, 10 // tenth)),
            "hostile": lambda: hostile(warehouse, 10_000 // tenth),
            "bulk": lambda: bulk(folder / "bulk3", 8000 // tenth, 3) | bulk(folder / "bulk30", 1600 // tenth, 30),
        }
        for part in parts:
            figures |= work[part]()
    about = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "cores": cores(),
        "load": round(os.getloadavg()[0], 1),
        "date": datetime.date.today().isoformat(),
    }
    report = {**about, **{name: round(float(value), 4) for name, value in figures.items()}}
    print(json.dumps(report, indent=1))
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
