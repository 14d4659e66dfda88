"""What the benchmark of the kernels makes of its measurements; these here are made up."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from classically_punk.audio.decode import SYNTHETIC_MARK

CPU_AND_WALL = {
    "classic57/librosa naive": [(100.0, 110.0), (300.0, 330.0), (90.0, 99.0)],
    "classic57/own": [(10.0, 11.0), (10.0, 11.0), (3.0, 4.0)],
    "mfcc/own": [(2.0, 2.0), (4.0, 4.0), (3.0, 3.0)],
}


@pytest.fixture(scope="module")
def kernels(repository: Path) -> Iterator[ModuleType]:
    """The module behind `scripts/bench kernels`."""
    with loaded(repository, "kernels") as module:
        yield module


@pytest.fixture(scope="module")
def scale(repository: Path) -> Iterator[ModuleType]:
    """The module behind `scripts/bench scale`."""
    with loaded(repository, "scale") as module:
        yield module


@contextmanager
def loaded(repository: Path, name: str) -> Iterator[ModuleType]:
    """A module of `bench/`, which is in no package and imports its neighbours."""
    folder = repository / "bench"
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(folder))


def test_a_row_has_median_and_quartiles_of_the_cpu_and_the_median_of_the_clock(kernels: ModuleType) -> None:
    figures: dict[str, float] = {}
    lines = kernels.rows(30, CPU_AND_WALL, figures)
    assert lines[0] == "| 30 s | classic57: librosa naive | 100.0 (95.0–200.0) | 110.0 |"
    assert figures["classic57_librosa_naive_30s_cpu_ms"] == 100
    assert figures["classic57_librosa_naive_30s_wall_ms"] == 110
    assert figures["mfcc_own_30s_cpu_ms"] == 3


def test_a_ratio_is_taken_pair_by_pair_and_left_out_where_a_way_is_missing(kernels: ModuleType) -> None:
    figures: dict[str, float] = {}
    lines = kernels.ratio_rows(30, CPU_AND_WALL, figures) + kernels.ratio_rows(3, CPU_AND_WALL, figures)
    # pairs 10, 30, 30; the ratio of the medians would be 10
    assert figures == {"kernels_vs_naive": 30, "kernels_vs_naive_3s": 30}
    assert lines == [
        "| 30 s | `kernels_vs_naive` | classic57/librosa naive / classic57/own | 30.0 (20.0–30.0) |",
        "| 3 s | `kernels_vs_naive_3s` | classic57/librosa naive / classic57/own | 30.0 (20.0–30.0) |",
    ]


def test_ways_take_turns_on_every_clip_of_every_round(kernels: ModuleType) -> None:
    calls: list[str] = []
    work = {name: lambda y, name=name: calls.append(f"{name}{y.size}") for name in ("a", "b")}
    times = kernels.measure(work, [np.zeros(1), np.zeros(2)], rounds=2)
    assert calls == ["a1", "b1"] + 2 * ["a1", "b1", "a2", "b2"]
    assert {name: len(pairs) for name, pairs in times.items()} == {"a": 4, "b": 4}


def test_without_corpus_and_peers_it_writes_a_page_and_one_flat_object(
    kernels: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> object:
        raise ImportError

    lengths: set[int] = set()
    monkeypatch.setattr(kernels, "WORK", dict.fromkeys(kernels.WORK, lambda y: lengths.add(y.size)))
    monkeypatch.setattr(kernels, "PEERS", {name: (package, missing) for name, (package, _) in kernels.PEERS.items()})
    monkeypatch.setattr(kernels, "cold_start", lambda y: 0.5)
    monkeypatch.setattr(kernels, "peak_mib", float)
    monkeypatch.setattr(kernels.os, "sched_setaffinity", lambda *words: None, raising=False)
    arguments = ["--corpus", tmp_path / "none", "--clips", 1, "--rounds", 1]
    arguments += ["--page", tmp_path / "page.md", "--json", tmp_path / "figures.json"]
    assert kernels.main([str(word) for word in arguments]) == 0
    assert lengths == {30 * 22_050, 3 * 22_050}
    told = json.loads((tmp_path / "figures.json").read_text())
    assert {type(value) for value in told.values()} == {str, float}
    assert {"machine", "python", "librosa", "date", "kernels_vs_naive", "kernels_vs_shared_3s"} <= set(told)
    assert told["clips"] == "1 synthetic clips, 1 rounds"
    assert told["cold_start_cpu_s"] == 0.5
    assert "audioflux" not in told
    page = (tmp_path / "page.md").read_text()
    assert "takes 0.50 s of CPU more" in page
    assert page.count("| 3 s |") == len(kernels.WORK) + 5  # ratios that need no peer
    assert capsys.readouterr().err.count("bench/peers.txt") == len(kernels.PEERS)


def test_librosa_with_one_spectrum_finds_what_it_finds_feature_by_feature(kernels: ModuleType) -> None:
    chance = np.random.default_rng(0)
    time_s = np.arange(3 * 22_050) / 22_050
    clicks = np.where(np.arange(time_s.size) % 11_025 < 200, 0.5, 0.0)
    noise = chance.normal(0, 1, time_s.size) * (0.02 + clicks) + 0.2 * np.sin(2 * np.pi * 330 * time_s)
    y = noise.astype(np.float32)
    naive, shared = kernels.librosa_reference.naive(y), kernels.librosa_reference.shared(y)
    assert naive.keys() == shared.keys()
    assert len(naive) == 57
    for name in naive.keys() - {"harmony_mean", "perceptr_mean"}:  # noise around zero
        assert shared[name] == pytest.approx(naive[name], rel=1e-3, abs=1e-4), name


def test_inflated_clips_depend_on_their_number_alone_and_none_is_another(scale: ModuleType, tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    sources = {genre: [chance.integers(-9_000, 9_000, 40_000).astype(np.int16) for _ in range(2)] for genre in "ab"}
    written = scale.write_corpus(tmp_path / "large", sources, 1.5, 12)
    scale.write_corpus(tmp_path / "part", sources, 1.5, 3, first=7)
    files = {file.name: file.read_bytes() for file in sorted((tmp_path / "large").rglob("*.wav"))}
    assert len(set(files.values())) == len(files) == 12
    assert written == sum(map(len, files.values()))
    assert {file.name: file.read_bytes() for file in (tmp_path / "part").rglob("*.wav")} == {
        name: content for name, content in files.items() if "0000007" <= name.split(".")[1] <= "0000009"
    }
    with soundfile.SoundFile(tmp_path / "large" / "b" / "b.0000007.wav") as sound:
        assert (sound.samplerate, sound.channels, sound.frames) == (22_050, 1, 33_075)
        assert SYNTHETIC_MARK in sound.comment
        samples = sound.read(dtype="int16")
    assert 1_000 < np.abs(samples).max() <= 9_000  # two tracks at half their levels or less


def test_the_skew_is_told_of_the_stage_with_the_most_work(scale: ModuleType, tmp_path: Path) -> None:
    tasks = [(1, 0, 900)] + [(2, 100, 100 + took) for took in (1_000, 2_000, 3_000)]
    lines = [
        {"Event": "SparkListenerTaskEnd", "Stage ID": stage, "Task Info": {"Launch Time": begin, "Finish Time": end}}
        for stage, begin, end in tasks
    ]
    (tmp_path / "log").write_text("\n".join(json.dumps(line) for line in [{"Event": "other"}, *lines]))
    told = scale.skew(tmp_path)
    assert told == {"tasks": 3, "task_median_s": 2.0, "task_longest_s": 3.0, "task_skew": 1.5}


def test_sizes_have_short_names(scale: ModuleType) -> None:
    assert [scale._short(n) for n in (300, 1_000, 2_500, 100_000, 1_000_000)] == ["300", "1k", "2500", "100k", "1m"]
