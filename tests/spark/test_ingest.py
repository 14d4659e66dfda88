"""Files in, tables out: each file accounted for once, nothing read twice, labels and duplicates kept true."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from deltalake import DeltaTable
from tests.conftest import wav_file
from tests.spark.conftest import Bench, make_corpus, music

from classically_punk.errors import ConfigError
from classically_punk.features.describe import describe_segments
from classically_punk.spark import exhibits, pipeline
from classically_punk.spark.fill_in import extract_features
from classically_punk.spark.ingest import ingest_clips

MakeBench = Callable[..., Bench]


def table(bench: Bench, name: str) -> list[dict[str, object]]:
    return list(DeltaTable(str(bench.settings.folder("warehouse.root") / name)).to_pyarrow_table().to_pylist())


def versions(bench: Bench) -> dict[str, int]:
    root = bench.settings.folder("warehouse.root")
    return {name: DeltaTable(str(root / name)).version() for name in ("files", "clips", "rejects", "features")}


def test_a_clip_is_its_bytes_and_its_rows_are_those_of_the_kernels(described: Bench) -> None:
    file = next(described.settings.folder("corpus.root").rglob("hum.00000.wav"))
    clip_id = hashlib.sha256(file.read_bytes()).hexdigest()
    (clip,) = [row for row in table(described, "clips") if row["clip_id"] == clip_id]
    assert clip["genre"] == "hum"
    assert clip["sample_rate_hz"] == 22_050
    assert clip["channels"] == 1
    assert clip["duration_s"] == pytest.approx(2.0)
    samples, _ = soundfile.read(file, dtype="float32")
    expected = {row.segment: row.values for row in describe_segments(samples, 3.0)}
    rows = [row for row in table(described, "features") if row["clip_id"] == clip_id]
    assert {row["segment"] for row in rows} == set(expected) == {-1, 0}
    for row in rows:
        values = list(row.values())[6:]
        np.testing.assert_array_equal(np.asarray(values, dtype=float), expected[row["segment"]])


def test_the_walk_is_reconciled_and_each_genre_has_its_exhibit(described: Bench) -> None:
    files = table(described, "files")
    assert len(files) == 15
    assert {row["status"] for row in files} == {"accepted"}
    root = described.settings.folder("warehouse.root")
    by_genre: dict[object, list[str]] = {}
    for row in table(described, "clips"):
        by_genre.setdefault(row["genre"], []).append(str(row["clip_id"]))
    for clips in by_genre.values():
        arrays = exhibits.load(root, min(clips))
        assert arrays is not None
        assert np.isfinite(arrays["spectrogram_db"]).all()


def test_bad_files_are_rows_with_reasons_and_the_rest_goes_on(bench: MakeBench, tmp_path: Path) -> None:
    folder = tmp_path / "corpus" / "hum"
    good = wav_file(folder / "good.wav", music(1, "hum"))
    wav_file(folder / "short.wav", music(1, "hum", 0.2))
    (folder / "text.wav").write_text("no music\n" * 100)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "link.wav").symlink_to("/etc/hostname")
    wav_file(folder / "silent.wav", np.zeros(44_100))
    odd = os.fsencode(folder) + b"/a\xff b\\c\n#%?.wav"
    with open(odd, "wb") as file:  # noqa: PTH123  a name that pathlib cannot spell
        file.write(good.read_bytes())
    made = bench(tmp_path / "corpus", limits={"max_reject_share": 0.5})
    run = made.run(ingest_clips)
    rejects = {Path(str(row["path"])).name: row["reason"] for row in table(made, "rejects")}
    assert rejects == {
        "short.wav": "TOO_SHORT",
        "text.wav": "NOT_AUDIO",
        "empty.wav": "EMPTY_FILE",
        "link.wav": "NOT_REGULAR",
        "silent.wav": "SILENT",
    }
    files = {bytes(row["path_bytes"]): row for row in table(made, "files")}  # type: ignore[call-overload]
    assert sorted(str(row["status"]) for row in files.values()) == ["accepted"] * 2 + ["rejected"] * 4 + ["skipped"]
    assert str(files[odd]["path"]).endswith("/a\\xff b\\x5cc\n#%?.wav")
    (clip,) = table(made, "clips")
    assert {row["clip_id"] for row in table(made, "features")} == {clip["clip_id"]}
    assert run.failed_gates == ["4 of 7 files rejected, more than limits.max_reject_share = 0.5"]
    with pytest.raises(ConfigError, match="at least two genres, found only 'hum'"):
        made.run(pipeline.train)


def test_values_do_not_depend_on_tasks_even_where_some_hold_broken_files_alone(
    described: Bench, bench: MakeBench, tmp_path: Path
) -> None:
    corpus = make_corpus(tmp_path / "corpus", clips=2)  # the same bytes as the first of `described`
    for number in range(3):
        (corpus / "hum" / f"junk.{number}.wav").write_text("no music\n" * (100 + number))
    made = bench(corpus, run={"files_per_task": 1})
    usual = made.spark.conf.get("spark.sql.shuffle.partitions")
    made.spark.conf.set("spark.sql.shuffle.partitions", "7")
    try:
        run = made.run(ingest_clips)
    finally:
        made.spark.conf.set("spark.sql.shuffle.partitions", str(usual))
    assert (run.counts["accepted"], run.counts["rejected"]) == (6, 3)
    for name in ("clips", "features", "fingerprints"):
        mine = {(row["clip_id"], row.get("segment")): row for row in table(made, name)}
        there = {(row["clip_id"], row.get("segment")): row for row in table(described, name)}
        of_runs = {"path", "ingested_at", "run_id"}
        assert len({clip for clip, _ in mine}) == 6
        for key, row in mine.items():
            assert {c: row[c] for c in row.keys() - of_runs} == {c: there[key][c] for c in row.keys() - of_runs}


def test_a_second_run_opens_nothing_and_a_new_file_costs_only_itself(bench: MakeBench, tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", clips=1)
    made = bench(corpus)
    assert made.run(ingest_clips).counts["opened"] == 3
    before = versions(made)
    for file in sorted(corpus.rglob("*.wav")):  # whoever opens one will notice
        status = file.stat()
        file.write_bytes(os.urandom(status.st_size))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    run = made.run(ingest_clips)
    assert run.counts["to_open"] == 0
    assert versions(made) == before
    wav_file(corpus / "hum" / "new.wav", music(9, "hum"))
    assert made.run(ingest_clips).counts["opened"] == 1
    assert len(table(made, "clips")) == 4


def test_a_changed_label_touches_no_audio(bench: MakeBench, tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", clips=1)
    manifest = tmp_path / "labels.csv"
    lines = [f"{f.relative_to(corpus)},{f.parent.name},artist" for f in sorted(corpus.rglob("*.wav"))]
    manifest.write_text("\n".join(["path,genre,group_id", *lines]))
    made = bench(corpus, corpus={"labels": "manifest", "manifest": str(manifest)})
    made.run(ingest_clips)
    manifest.write_text("\n".join(["path,genre,group_id", *lines]).replace(",hum,", ",drone,"))
    run = made.run(ingest_clips)
    assert run.counts["to_open"] == 0
    assert {row["genre"] for row in table(made, "clips")} == {"clicks", "hiss", "drone"}
    assert {row["genre"] for row in table(made, "features")} == {"clicks", "hiss", "drone"}
    assert {row["group_id"] for row in table(made, "clips")} == {"artist"}


def test_another_segment_length_is_filled_in_from_the_paths(bench: MakeBench, tmp_path: Path) -> None:
    wav_file(tmp_path / "corpus" / "hum" / "a.wav", music(1, "hum", 4.0))
    made = bench(tmp_path / "corpus")
    made.run(ingest_clips)
    assert sorted(int(str(row["segment"])) for row in table(made, "features")) == [-1, 0]
    made.run(extract_features, features={"segment_s": 1.0})
    rows = table(made, "features")
    assert sorted(int(str(row["segment"])) for row in rows) == [-1, 0, 1, 2, 3]
    assert len({row["feature_set"] for row in rows}) == 1


def test_an_empty_corpus_stops_the_run(bench: MakeBench, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    with pytest.raises(ConfigError, match="no files below"):
        bench(tmp_path / "corpus").run(ingest_clips)
