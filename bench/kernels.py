"""What describing a clip costs: librosa in two ways, the project's kernels, and other libraries where installed.

Every way of doing a piece of work is timed in turn, round after round, so that a busy machine troubles all alike.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import librosa_reference
import numpy as np
import soundfile
from numpy.typing import NDArray

from classically_punk.audio import synthetic
from classically_punk.features import cepstrum, describe_clip, spectral_shape, tempo, waveform
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


def own_with_loudness(y: NDArray[np.float32]) -> object:
    """The whole catalogue."""
    return describe_clip(y, SAMPLE_RATE_HZ, "punk")


def audioflux_mfcc() -> Work:
    """MFCC 20 by audioFlux."""
    flux = importlib.import_module("audioflux")
    kinds = importlib.import_module("audioflux.type")
    bands = flux.BFT(
        num=128, samplate=SAMPLE_RATE_HZ, radix2_exp=11, slide_length=512,
        scale_type=kinds.SpectralFilterBankScaleType.MEL, data_type=kinds.SpectralDataType.POWER,
    )  # fmt: skip
    cepstra = flux.XXCC(num=128)

    def work(y: NDArray[np.float32]) -> object:
        power = np.asarray(bands.bft(y, result_type=1))
        cepstra.set_time_length(power.shape[-1])
        return mean_and_variance(cepstra.xxcc(power, cc_num=20))

    return work


def torchaudio_mfcc() -> Work:
    """MFCC 20 by torchaudio."""
    torch = importlib.import_module("torch")
    transforms = importlib.import_module("torchaudio.transforms")
    torch.set_num_threads(1)
    mel = {"n_fft": 2048, "hop_length": 512, "n_mels": 128, "mel_scale": "slaney", "norm": "slaney"}
    mfcc = transforms.MFCC(sample_rate=SAMPLE_RATE_HZ, n_mfcc=20, melkwargs=mel)
    return lambda y: mean_and_variance(mfcc(torch.from_numpy(y)).numpy())


def kaldi_mfcc() -> Work:
    """MFCC 20 by kaldi-native-fbank, frames of 93 ms every 23 ms."""
    kaldi = importlib.import_module("kaldi_native_fbank")
    options = kaldi.MfccOptions()
    options.frame_opts.samp_freq = SAMPLE_RATE_HZ
    options.frame_opts.frame_length_ms, options.frame_opts.frame_shift_ms = 2048e3 / 22050, 512e3 / 22050
    options.frame_opts.dither = 0
    options.mel_opts.num_bins, options.num_ceps = 128, 20

    def work(y: NDArray[np.float32]) -> object:
        mfcc = kaldi.OnlineMfcc(options)
        mfcc.accept_waveform(SAMPLE_RATE_HZ, y.tolist())
        mfcc.input_finished()
        return np.mean([mfcc.get_frame(i) for i in range(mfcc.num_frames_ready)], axis=0)

    return work


WORK: dict[str, Work] = {
    "classic57/librosa naive": librosa_reference.naive,
    "classic57/librosa shared": librosa_reference.shared,
    "classic57/own": own,
    "without_separation/librosa naive": librosa_reference.naive_without_separation,
    "without_separation/own": own_without_separation,
    "everything/own": own_with_loudness,
    "mfcc/librosa naive": librosa_reference.mfcc,
    "mfcc/own": own_mfcc,
    "shape_and_chroma/own": own_without_tempo,
}
PEERS = {"audioflux": audioflux_mfcc, "torchaudio": torchaudio_mfcc, "kaldi-native-fbank": kaldi_mfcc}
COLD = """
import sys, time
import numpy as np
samples = np.load(sys.argv[1])
from classically_punk.features import describe_clip
describe_clip(samples, 22050)
first = time.process_time()
describe_clip(samples, 22050)
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


def main() -> int:
    """Measures, writes the page and the JSON file."""
    parser = argparse.ArgumentParser(prog="scripts/bench kernels")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--corpus", type=Path, default=ROOT.parent / "shared" / "corpus" / "gtzan")
    parser.add_argument("--clips", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    chosen, what = clips(asked.corpus if asked.corpus.is_dir() else None, asked.clips)
    work = dict(WORK)
    for name, peer in PEERS.items():
        try:
            work[f"mfcc/{name}"] = peer()
        except ImportError:
            print(f"{name} is not installed: skipped", file=sys.stderr)
    figures: dict[str, float] = {}
    lines = ["| clip | work | CPU ms, median (quartiles) | wall ms |", "|---|---|---|---|"]
    for seconds in (30, 3):
        parts = [y[: seconds * SAMPLE_RATE_HZ] for y in chosen]
        for name, times in measure(work, parts, asked.rounds).items():
            cpu, wall = ([pair[i] for pair in times] for i in (0, 1))
            low, middle, high = quantiles(cpu, n=4)
            kind, _, way = name.partition("/")
            key = f"{kind}_{way}_{seconds}s_cpu_ms".replace(" ", "_").replace("-", "_")
            figures[key] = middle
            lines.append(f"| {seconds} s | {kind}: {way} | {middle:.1f} ({low:.1f}–{high:.1f}) | {median(wall):.1f} |")
    ours = figures["classic57_own_30s_cpu_ms"]
    figures["kernels_vs_naive"] = figures["classic57_librosa_naive_30s_cpu_ms"] / ours
    figures["kernels_vs_shared"] = figures["classic57_librosa_shared_30s_cpu_ms"] / ours
    figures["kernels_vs_naive_without_separation"] = (
        figures["without_separation_librosa_naive_30s_cpu_ms"] / figures["without_separation_own_30s_cpu_ms"]
    )
    if "mfcc_audioflux_30s_cpu_ms" in figures:
        figures["mfcc_vs_audioflux"] = figures["mfcc_audioflux_30s_cpu_ms"] / figures["mfcc_own_30s_cpu_ms"]
    figures["cold_start_cpu_s"] = cold_start(chosen[0])
    if Path("/proc/self/status").exists():
        figures["peak_30s_mib"], figures["peak_600s_mib"] = peak_mib(30), peak_mib(600)
    about = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("numpy", "numba", "librosa", "scipy")},
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "clips": f"{len(chosen)} {what}, {asked.rounds} rounds",
    }
    PAGE.write_text(page(lines, figures, about), encoding="utf-8")
    if asked.json:
        asked.json.write_text(json.dumps(about | figures, indent=2) + "\n", encoding="utf-8")
    print("\n".join(lines))
    print(json.dumps({name: round(value, 2) for name, value in figures.items() if "_ms" not in name}, indent=2))
    return 0


def page(lines: list[str], figures: dict[str, float], about: dict[str, str]) -> str:
    """The Markdown page the docs link."""
    ratios = [f"- {name.replace('_', ' ')}: {value:.1f}" for name, value in figures.items() if "_ms" not in name]
    where = ", ".join(f"{name} {value}" for name, value in about.items())
    head = [
        "# What describing a clip costs",
        "",
        "Written by `scripts/bench kernels`: one thread, one core.",
        where,
        "",
    ]
    return "\n".join([*head, *lines, "", *ratios, ""])


if __name__ == "__main__":
    sys.exit(main())
