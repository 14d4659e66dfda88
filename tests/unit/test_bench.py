"""What the benchmark of the kernels makes of its measurements; these here are made up."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

CPU_AND_WALL = {
    "classic57/librosa naive": [(100.0, 110.0), (300.0, 330.0), (90.0, 99.0)],
    "classic57/own": [(10.0, 11.0), (10.0, 11.0), (3.0, 4.0)],
    "mfcc/own": [(2.0, 2.0), (4.0, 4.0), (3.0, 3.0)],
}


@pytest.fixture(scope="module")
def kernels(repository: Path) -> Iterator[ModuleType]:
    """The module behind `scripts/bench kernels`, which is in no package and imports its neighbours."""
    folder = repository / "bench"
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location("kernels", folder / "kernels.py")
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
