"""Files that kill, hang or flood the decoder cost one row each; every other file comes out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deltalake import DeltaTable
from tests.conftest import wav_file
from tests.spark.conftest import Bench, music

from classically_punk.spark.ingest import ingest_clips

EXPECTED = {
    "segfault": ("DECODER_CRASH", "SIGSEGV"),
    "kill": ("DECODER_CRASH", "SIGKILL"),
    "exit": ("DECODER_CRASH", "status 3"),
    "memory": ("DECODER_CRASH", "out of memory"),
    "flood": ("DECODER_CRASH", "SIGABRT"),
    "hang": ("DECODE_TIMEOUT", "within 2 s"),
    "spin": ("DECODE_TIMEOUT", "within 2 s"),
}


def test_poison_costs_one_row_a_file(bench: Callable[..., Bench], tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    for at in range(40):
        wav_file(corpus / "hum" / f"{at}.wav", music(at, "hum", 1.0))
    for at, kind in enumerate(EXPECTED):
        wav_file(corpus / "hum" / f"poison-{kind}.wav", music(1_000 + at, "hum", 1.0))
    made = bench(corpus, limits={"max_decode_s": 2.0})
    run = made.run(ingest_clips)
    assert not run.failed_gates
    assert (run.counts["accepted"], run.counts["rejected"]) == (40, len(EXPECTED))
    root = made.settings.folder("warehouse.root")
    rejects = {Path(row["path"]).stem.removeprefix("poison-"): row for row in rows(root, "rejects")}
    assert rejects.keys() == EXPECTED.keys()
    for kind, (code, told) in EXPECTED.items():
        assert rejects[kind]["reason"] == code, kind
        assert told in rejects[kind]["detail"], kind
        assert len(rejects[kind]["detail"]) <= 500
    clips = {row["clip_id"] for row in rows(root, "clips")}
    assert len(clips) == 40
    assert {row["clip_id"] for row in rows(root, "features")} == clips


def rows(root: Path, name: str) -> list[dict[str, str]]:
    return list(DeltaTable(str(root / name)).to_pyarrow_table().to_pylist())
