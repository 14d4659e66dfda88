"""What describing a clip costs: librosa in two ways, the project's kernels, and other libraries where installed.

Every way of doing a piece of work is timed in turn, round after round, so that a busy machine troubles all alike.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import librosa_reference
import numpy as np
import own_reference
import soundfile
from numpy.typing import NDArray
from peers import PEERS

from classically_punk.audio import synthetic
from classically_punk.features import catalogue, cepstrum, describe_clip, spectral_shape, tempo, waveform
from classically_punk.features.analysis import SAMPLE_RATE_HZ, Analysis
from classically_punk.features.arrays import mean_and_variance

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks" / "kernels.md"
Work = Callable[[NDArray[np.float32]], object]


def own(y: NDArray[np.float32]) -> object:
    """All 57 values."""
    return describe_clip(y, SAMPLE_RATE_HZ)


def own_mfcc(y: NDArray[np.float32]) -> object:
    """The coefficients (and, in the same pass, shape and peaks)."""
    return cepstrum.mfcc(Analysis(y))


def own_without_tempo(y: NDArray[np.float32]) -> object:
    """Coefficients, shape, crossings, level, tuned pitch classes."""
    analysis = Analysis(y)
    return [
        cepstrum.mfcc(analysis),
        spectral_shape.centroid(analysis),
        spectral_shape.bandwidth(analysis),
        spectral_shape.rolloff(analysis),
        waveform.crossings(analysis),
        waveform.rms(analysis),
        mean_and_variance(analysis.pitch_classes_alone().reshape(1, -1)),
        analysis,
    ]


def own_without_separation(y: NDArray[np.float32]) -> object:
    """All but the two waveforms."""
    done: Any = own_without_tempo(y)
    return [*done, tempo.bpm(done[-1])]


def own_everything(y: NDArray[np.float32]) -> object:
    """The whole catalogue."""
    return describe_clip(y, SAMPLE_RATE_HZ, "punk")


def own_conditioned(y: NDArray[np.float32]) -> object:
    """What a model of the own set sees."""
    analysis = Analysis(y)
    return [feature.kernel(analysis) for feature in catalogue.CATALOGUE if feature.group is not None]


def naive_everything(y: NDArray[np.float32]) -> object:
    """The 57 feature by feature, the own ones from one spectrum; without loudness and what is measured for control."""
    return librosa_reference.naive(y), own_reference.own(y)


WORK: dict[str, Work] = {
    "classic57/librosa naive": librosa_reference.naive,
    "classic57/librosa shared": librosa_reference.shared,
    "classic57/own": own,
    "without_separation/librosa naive": librosa_reference.naive_without_separation,
    "without_separation/own": own_without_separation,
    "conditioned/librosa and scipy": own_reference.own,
    "conditioned/own": own_conditioned,
    "everything/librosa and scipy": naive_everything,
    "everything/own": own_everything,
    "mfcc/librosa naive": librosa_reference.mfcc,
    "mfcc/own": own_mfcc,
    "shape_and_chroma/own": own_without_tempo,
}
RATIOS = {
    "kernels_vs_naive": ("classic57/librosa naive", "classic57/own"),
    "kernels_vs_shared": ("classic57/librosa shared", "classic57/own"),
    "kernels_vs_naive_without_separation": ("without_separation/librosa naive", "without_separation/own"),
    "conditioned_vs_shared": ("conditioned/librosa and scipy", "conditioned/own"),
    "everything_vs_naive": ("everything/librosa and scipy", "everything/own"),
    "mfcc_vs_audioflux": ("mfcc/audioflux", "mfcc/own"),
    "mfcc_vs_torchaudio": ("mfcc/torchaudio", "mfcc/own"),
    "mfcc_vs_kaldi_native_fbank": ("mfcc/kaldi-native-fbank", "mfcc/own"),
    "shape_and_chroma_vs_audioflux": ("shape_and_chroma/audioflux", "shape_and_chroma/own"),
    "shape_and_chroma_vs_audioflux_one_spectrum": ("shape_and_chroma/audioflux, one spectrum", "shape_and_chroma/own"),
}
"""How many times the second way's CPU time the first one takes."""
COLD = """
import sys, time
import numpy as np
samples = np.load(sys.argv[1])
from classically_punk.features import describe_clip
describe_clip(samples, 22050, "punk")
first = time.process_time()
describe_clip(samples, 22050, "punk")
print(first - (time.process_time() - first))
"""


def clips(folder: Path | None, count: int) -> tuple[list[NDArray[np.float32]], str]:
    """Samples of `count` clips, evenly chosen, and what they are."""
    with tempfile.TemporaryDirectory() as made:
        if folder is None:
            synthetic.write_corpus(Path(made), 1, 30.0, 0)
        files = sorted(file for file in (folder or Path(made)).rglob("*") if file.is_file())
        chosen = files[:: max(1, len(files) // count)][:count]
        samples = [soundfile.read(file, dtype="float32")[0] for file in chosen]
    return samples, "synthetic clips" if folder is None else "GTZAN tracks"


def timed(work: Work, y: NDArray[np.float32]) -> tuple[float, float]:
    """Milliseconds of CPU and of the clock."""
    cpu, wall = time.process_time(), time.perf_counter()
    work(y)
    return 1e3 * (time.process_time() - cpu), 1e3 * (time.perf_counter() - wall)


def measure(all_work: dict[str, Work], chosen: list[NDArray[np.float32]], rounds: int) -> dict[str, list[Any]]:
    """Per work: (cpu, wall) of every round and clip, one untimed call before."""
    times: dict[str, list[Any]] = {name: [] for name in all_work}
    for name, work in all_work.items():
        print(f"warming up {name}", file=sys.stderr)
        work(chosen[0])
    for _ in range(rounds):
        for y in chosen:
            for name, work in all_work.items():
                times[name].append(timed(work, y))
    return times


def cold_start(y: NDArray[np.float32]) -> float:
    """Seconds of CPU until a new process has described its first clip."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/clip.npy", y)
        runs = [
            subprocess.run(
                [sys.executable, "-c", COLD, f"{folder}/clip.npy"], capture_output=True, check=True, text=True
            )
            for _ in range(3)
        ]
    return median(float(run.stdout) for run in runs)


PEAK = """
import sys
import numpy as np
from classically_punk.features.describe import describe_segments

def highest():
    # not getrusage: its peak is inherited from the parent
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024

describe_segments(np.random.default_rng(0).normal(0, 0.1, 1100).astype(np.float32).repeat(9), 3.0)
y = np.random.default_rng(1).standard_normal(int(sys.argv[1]) * 22050, dtype=np.float32)
before = highest()
describe_segments(y, 3.0)
print(highest() - before)
"""


def peak_mib(seconds: int) -> float:
    """MiB above the process with the samples at hand, at the peak of describing noise of that length."""
    run = subprocess.run([sys.executable, "-c", PEAK, str(seconds)], capture_output=True, check=True, text=True)
    return float(run.stdout)


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, writes the page and the JSON file."""
    parser = argparse.ArgumentParser(prog="scripts/bench kernels")
    parser.add_argument("--json", type=Path, help="where all figures go, too, as one flat object")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the table goes (default: that of the docs)")
    parser.add_argument("--corpus", type=Path, default=ROOT.parent / "shared" / "corpus" / "gtzan")
    parser.add_argument("--clips", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args(argv)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    load = os.getloadavg()[0]
    chosen, what = clips(asked.corpus if asked.corpus.is_dir() else None, asked.clips)
    work, versions = dict(WORK), {}
    for name, (package, peer) in PEERS.items():
        try:
            work[name] = peer()
            versions[package] = importlib.metadata.version(package)
        except ImportError:
            print(f"{name}: not installed, skipped (.venv/bin/pip install -r bench/peers.txt)", file=sys.stderr)
    figures: dict[str, float] = {}
    lines: list[str] = []
    ratios: list[str] = []
    for seconds in (30, 3):
        parts = [y[: seconds * SAMPLE_RATE_HZ] for y in chosen]
        times = measure(work, parts, asked.rounds)
        lines += rows(seconds, times, figures)
        ratios += ratio_rows(seconds, times, figures)
    figures["cold_start_cpu_s"] = cold_start(chosen[0])
    if Path("/proc/self/status").exists():
        figures["peak_30s_mib"], figures["peak_600s_mib"] = peak_mib(30), peak_mib(600)
    about = {
        "machine": f"{processor()}, {os.cpu_count()} cores, load {load:.1f} at the start",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("numpy", "numba", "librosa", "scipy")},
        **versions,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "clips": f"{len(chosen)} {what}, {asked.rounds} rounds",
    }
    asked.page.write_text(page(lines, ratios, figures, about), encoding="utf-8")
    if asked.json:
        asked.json.write_text(json.dumps(about | figures, indent=2) + "\n", encoding="utf-8")
    print(asked.page.read_text(encoding="utf-8"))
    return 0


def spread(values: list[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile; of a single value itself."""
    low, middle, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return low, middle, high


def rows(seconds: int, times: dict[str, list[tuple[float, float]]], figures: dict[str, float]) -> list[str]:
    """One line of the table per work; medians also into `figures`."""
    lines = []
    for name, pairs in times.items():
        low, middle, high = spread([cpu for cpu, _ in pairs])
        wall = median(wall for _, wall in pairs)
        kind, _, way = name.partition("/")
        key = f"{re.sub('[^a-z0-9]+', '_', name)}_{seconds}s"
        figures[f"{key}_cpu_ms"], figures[f"{key}_wall_ms"] = middle, wall
        lines.append(f"| {seconds} s | {kind}: {way} | {middle:.1f} ({low:.1f}–{high:.1f}) | {wall:.1f} |")
    return lines


def ratio_rows(seconds: int, times: dict[str, list[tuple[float, float]]], figures: dict[str, float]) -> list[str]:
    """One line per ratio whose two ways were both timed: clip by clip and round by round, then the median."""
    lines = []
    for name, (slow, fast) in RATIOS.items():
        if slow not in times or fast not in times:
            continue
        found = [one[0] / other[0] for one, other in zip(times[slow], times[fast], strict=True)]
        low, middle, high = spread(found)
        key = name if seconds == 30 else f"{name}_{seconds}s"
        figures[key] = middle
        lines.append(f"| {seconds} s | `{key}` | {slow} / {fast} | {middle:.1f} ({low:.1f}–{high:.1f}) |")
    return lines


def page(lines: list[str], ratios: list[str], figures: dict[str, float], about: dict[str, str]) -> str:
    """The Markdown page the docs link."""
    where = [f"- {name}: {value}" for name, value in about.items()]
    return "\n".join(
        [
            "# What describing a clip costs",
            "",
            "Written by `scripts/bench kernels`: one thread, one core, all ways in turn, clip by clip.",
            "Other libraries are dependencies of this benchmark alone: `.venv/bin/pip install -r bench/peers.txt`.",
            "",
            *where,
            "",
            "`shape_and_chroma` is MFCC, centroid, bandwidth, rolloff, zero crossings, level and pitch classes (ours",
            "tuned to the clip, audioflux's not); `without_separation` all 57 values but those of the two waveforms;",
            f"`conditioned` the {len(catalogue.model_names('punk'))} values that a model of the own set sees, filters",
            "included, by librosa and scipy from one spectrum; `everything` the whole table: the 57, loudness, the",
            "conditioned ones and what is measured for control (librosa and scipy are spared that and the loudness).",
            "",
            "| clip | work | CPU ms, median (quartiles) | wall ms |",
            "|---|---|---|---|",
            *lines,
            "",
            "How many times our CPU time others take, pair by pair:",
            "",
            "| clip | figure | ratio | median (quartiles) |",
            "|---|---|---|---|",
            *ratios,
            "",
            "## What it means",
            "",
            *meanings(figures),
            "",
        ]
    )


def meanings(figures: dict[str, float]) -> list[str]:
    """One sentence for each thing somebody who plans a run wants to know."""
    clip_ms, segment_ms = figures["everything_own_30s_cpu_ms"], figures["everything_own_3s_cpu_ms"]
    # a clip of 30 s is described as a whole and in ten segments of 3 s
    core_hours = 1e6 * (clip_ms + 10 * segment_ms) / 3.6e6
    told = [
        f"- The 57 values of a 30 s clip take {figures['classic57_own_30s_cpu_ms']:.1f} ms of one core, "
        f"{3e4 / figures['classic57_own_30s_cpu_ms']:.0f} times as fast as it plays; librosa, feature by feature, is "
        f"{3e4 / figures['classic57_librosa_naive_30s_cpu_ms']:.0f} times as fast as it plays.",
        f"- A million clips of 30 s, each as a whole and in its segments of 3 s, are {core_hours:.0f} hours of one "
        f"core, decoding not counted: {clip_ms:.1f} ms for the whole and {segment_ms:.1f} ms for a segment.",
        f"- Cold start: the first clip of a new process takes {figures['cold_start_cpu_s']:.2f} s of CPU more than "
        "the next one, imports included.",
    ]
    if "peak_30s_mib" in figures:
        told.append(
            f"- Peak memory above the samples: {figures['peak_30s_mib']:.0f} MiB for 30 s, "
            f"{figures['peak_600s_mib']:.0f} MiB for 600 s."
        )
    return told


def processor() -> str:
    """The processor's own name where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return found[1] if found else platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
